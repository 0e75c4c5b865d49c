/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function's configuration space, as far as handing it over needs it: bus
 * mastering, pending transactions, reset.
 */
#include "iommu_impl.h"

#include <pci_regs.h>

#define ACS_FUNCTION	(PCIE_ACS_REQUESTS | PCIE_ACS_COMPLETIONS)
#define ACS_PORT	(ACS_FUNCTION | PCIE_ACS_SOURCE | PCIE_ACS_FORWARD)
/* Lets requests past these. */
#define ACS_UNDO	(PCIE_ACS_EGRESS | PCIE_ACS_TRANSLATED)

#define MSEC		1000000ull
#define DRAIN_DEADLINE	(100 * MSEC)
#define FLR_TIME	(100 * MSEC)	/* PCI Express 6.6.2 */
#define PM_TIME		(10 * MSEC)	/* PCI PM 5.4 */
#define BUS_HELD	(1 * MSEC)	/* PCI 4.3.2: Trst; PCI Express 6.6.1 */
#define BUS_TIME	(100 * MSEC)	/* PCI Express 6.6.1 */
#define BUS_TIME_PCI	(1010 * MSEC)	/* PCI 4.3.2: Trhfa, 2^25 clocks */
#define BACK_DEADLINE	(1000 * MSEC)
#define SAVED_DWORDS	16		/* the standard header */

static uint32_t get(const struct iommu_dev *d, unsigned off, unsigned width)
{
	return os_pci_read(d->segment, d->sid, off, width);
}

static void set(const struct iommu_dev *d, unsigned off, unsigned width,
		uint32_t v)
{
	os_pci_write(d->segment, d->sid, off, width, v);
}

bool function_gone(const struct iommu_dev *d)
{
	return get(d, 0, 2) == 0xffff;
}

/* The list is 48 long at most: a loop in it does not hold us. */
static uint8_t find_cap(const struct iommu_dev *d, unsigned id)
{
	unsigned at;

	if (!(get(d, PCI_STATUS, 2) & PCI_STATUS_CAPS))
		return 0;
	at = get(d, PCI_CAPS, 1) & 0xfc;
	for (unsigned n = 0; at >= 0x40 && n < 48; n++) {
		if (get(d, at, 1) == id)
			return (uint8_t)at;
		at = get(d, at + 1, 1) & 0xfc;
	}
	return 0;
}

/* Likewise; where there is no extended space all bits are set. */
static uint16_t find_ext_cap(const struct iommu_dev *d, unsigned id)
{
	unsigned at = PCIE_EXT_CAPS;
	uint32_t header;

	for (unsigned n = 0; d->pcie && at >= PCIE_EXT_CAPS && n < 480; n++) {
		header = get(d, at, 4);
		if (header == 0xffffffff)
			return 0;
		if ((header & 0xffff) == id)
			return (uint16_t)at;
		at = PCIE_EXT_NEXT(header);
	}
	return 0;
}

static enum reset_how reset_how(const struct iommu_dev *d)
{
	if (d->pcie && get(d, d->pcie + PCIE_DEVCAP, 4) & PCIE_DEVCAP_FLR)
		return RESET_FLR;
	if (d->af && get(d, d->af + PCI_AF_CAPS, 1) & PCI_AF_CAPS_FLR)
		return RESET_AF;
	if (d->pm && !(get(d, d->pm + PCI_PM_CTRL, 2) & PCI_PM_NO_RESET))
		return RESET_PM;
	return RESET_NONE;
}

void pci_function_init(struct iommu_dev *d)
{
	d->class = get(d, PCI_CLASS, 4) >> 8;
	d->bridge = d->class >> 16 == PCI_BASE_BRIDGE;
	d->header = get(d, PCI_HEADER, 1) & PCI_HEADER_TYPE;
	d->pcie = find_cap(d, PCI_CAP_PCIE);
	d->af = find_cap(d, PCI_CAP_AF);
	d->pm = find_cap(d, PCI_CAP_PM);
	d->ats = find_ext_cap(d, PCIE_CAP_ATS);
	d->acs = find_ext_cap(d, PCIE_CAP_ACS);
	if (!d->bridge)
		d->reset = reset_how(d);
	if (d->header == PCI_HEADER_BRIDGE) {
		d->secondary = (uint8_t)get(d, PCI_SECONDARY, 1);
		d->refused = "is a bridge to another bus";
	}
}

/* It takes all that is on the bus along: only where d is alone there, and knows
 * nothing better. */
void bus_reset_find(struct iommu_dev *d)
{
	if (d->bridge || d->reset != RESET_NONE || !d->above)
		return;
	for (struct iommu_dev *o = iommu.devs; o; o = o->next)
		if (o != d && o->segment == d->segment &&
		    o->sid >> 8 == d->sid >> 8)
			return;
	d->reset = RESET_BUS;
}

void no_snoop_off(struct iommu_dev *d)
{
	if (d->pcie)
		set(d, d->pcie + PCIE_DEVCTL, 2,
		    get(d, d->pcie + PCIE_DEVCTL, 2) & ~PCIE_DEVCTL_NO_SNOOP);
}

/* PCI Express 10.5.1.3; the smallest unit of 4 KiB. */
void ats_enable(struct iommu_dev *d, bool on)
{
	if (d->ats)
		set(d, d->ats + PCIE_ATS_CTRL, 2, on ? PCIE_ATS_ON : 0);
}

void cut_off(struct iommu_dev *port)
{
	set(port, PCI_COMMAND, 2,
	    get(port, PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER);
}

/* PCI Express 7.7.8: what of it the function has. */
void acs_enable(struct iommu_dev *d)
{
	if (d->acs)
		set(d, d->acs + PCIE_ACS_CTRL, 2,
		    (get(d, d->acs + PCIE_ACS_CTRL, 2) & ~ACS_UNDO) |
		    (get(d, d->acs + PCIE_ACS_CAPS, 2) & ACS_PORT));
}

bool acs_enabled(const struct iommu_dev *d)
{
	uint32_t wanted = d->header == PCI_HEADER_BRIDGE ? ACS_PORT :
		ACS_FUNCTION;

	return d->acs && (get(d, d->acs + PCIE_ACS_CTRL, 2) &
			  (wanted | ACS_UNDO)) == wanted;
}

bool bus_master(struct iommu_dev *d, bool on)
{
	uint32_t command, want;

	if (d->bridge)
		return true;
	on = on && iommu.powered && !d->fenced && vtd_alive(d->unit);
	want = get(d, PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER;
	want |= PCI_COMMAND_NO_INTX | (on ? PCI_COMMAND_MASTER : 0);
	set(d, PCI_COMMAND, 2, want);
	command = get(d, PCI_COMMAND, 2);
	return command != 0xffff && !(command & PCI_COMMAND_MASTER) == !on;
}

bool masters_bus(const struct iommu_dev *d)
{
	return get(d, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

static bool wait_clear(const struct iommu_dev *d, unsigned off, unsigned width,
		       uint32_t bit)
{
	struct deadline end = deadline_in(DRAIN_DEADLINE);

	while (get(d, off, width) & bit)
		if (deadline_over(&end))
			return false;
	return true;
}

void wait_for_transactions(struct iommu_dev *d)
{
	bool drained = true;

	if (d->pcie)
		drained = wait_clear(d, d->pcie + PCIE_DEVSTA, 2,
				     PCIE_DEVSTA_PENDING);
	else if (d->af)
		drained = wait_clear(d, d->af + PCI_AF_STATUS, 1,
				     PCI_AF_PENDING);
	if (!drained)
		os_log(OS_WARN, "iommu: %s still has transactions pending",
		       dev_text(d).s);
}

static void pause_for(uint64_t ns)
{
	uint64_t end = os_clock() + ns;

	while (os_clock() < end)
		os_relax();
}

static void reset_bus(const struct iommu_dev *d)
{
	struct iommu_dev *port = d->above;
	uint32_t ctl = get(port, PCI_BRIDGE_CTRL, 2) & ~PCI_BRIDGE_RESET;

	set(port, PCI_BRIDGE_CTRL, 2, ctl | PCI_BRIDGE_RESET);
	pause_for(BUS_HELD);
	set(port, PCI_BRIDGE_CTRL, 2, ctl);
	pause_for(d->pcie ? BUS_TIME : BUS_TIME_PCI);
}

static void start_reset(struct iommu_dev *d)
{
	uint32_t pm;

	switch (d->reset) {
	case RESET_FLR:
		set(d, d->pcie + PCIE_DEVCTL, 2,
		    get(d, d->pcie + PCIE_DEVCTL, 2) | PCIE_DEVCTL_FLR);
		pause_for(FLR_TIME);
		break;
	case RESET_AF:
		set(d, d->af + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
		pause_for(FLR_TIME);
		break;
	case RESET_PM:
		pm = get(d, d->pm + PCI_PM_CTRL, 2) & ~PCI_PM_STATE;
		set(d, d->pm + PCI_PM_CTRL, 2, pm | PCI_PM_D3HOT);
		pause_for(PM_TIME);
		set(d, d->pm + PCI_PM_CTRL, 2, pm);
		pause_for(PM_TIME);
		break;
	case RESET_BUS:
		reset_bus(d);
		break;
	case RESET_NONE:
		break;
	}
}

static bool comes_back(struct iommu_dev *d)
{
	struct deadline end = deadline_in(BACK_DEADLINE);

	while (function_gone(d) || get(d, PCI_COMMAND, 2) == 0xffff)
		if (deadline_over(&end))
			return false;
	return true;
}

/* The header's writable registers, the PCI Express control and what keeps it
 * from its neighbours come back as they were; MSI and all else stay as the
 * reset leaves them. */
bool function_reset(struct iommu_dev *d)
{
	uint32_t header[SAVED_DWORDS];
	uint32_t ctl = 0;

	for (unsigned i = 1; i < SAVED_DWORDS; i++)
		header[i] = get(d, i * 4, 4);
	if (d->pcie)
		ctl = get(d, d->pcie + PCIE_DEVCTL, 2) & ~PCIE_DEVCTL_FLR;
	start_reset(d);
	if (!comes_back(d))
		return false;
	if (d->pcie)
		set(d, d->pcie + PCIE_DEVCTL, 2, ctl);
	for (unsigned i = SAVED_DWORDS - 1; i > 1; i--)
		set(d, i * 4, 4, header[i]);
	acs_enable(d);
	set(d, PCI_COMMAND, 2, header[1] & 0xffff & ~PCI_COMMAND_MASTER);
	return true;
}
