/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function's configuration space, as far as handing it over needs it: bus
 * mastering, pending transactions, reset.  PCI Local Bus 3.0, 6.2 and 6.7; PCI
 * Express 4.0, 7.5.3; PCI Power Management 1.2, 3.2; Advanced Capabilities ECN;
 * PCI-to-PCI Bridge 1.2, 3.2.5.17.
 */
#include "iommu_impl.h"

#define COMMAND		0x04
#define COMMAND_MASTER	0x0004u
#define COMMAND_NO_INTX	0x0400u
#define STATUS		0x06
#define STATUS_CAPS	0x0010u
#define CLASS		0x08		/* revision, then 24 bits of class */
#define CLASS_BRIDGE	0x06u
#define HEADER		0x0e
#define HEADER_BRIDGE	1u
#define SECONDARY	0x19
#define CAPS		0x34
#define BRIDGE_CTRL	0x3e
#define BRIDGE_RESET	0x0040u		/* of the secondary bus */

#define CAP_PM		0x01
#define CAP_PCIE	0x10
#define CAP_AF		0x13

#define PCIE_DEVCAP	0x04
#define DEVCAP_FLR	BIT32(28)
#define PCIE_DEVCTL	0x08
#define DEVCTL_FLR	0x8000u
#define DEVCTL_NO_SNOOP	0x0800u
#define PCIE_DEVSTA	0x0a
#define DEVSTA_PENDING	0x0020u

#define AF_CAPS		0x03
#define AF_CAPS_FLR	0x02u
#define AF_CTRL		0x04
#define AF_CTRL_FLR	0x01u
#define AF_STATUS	0x05
#define AF_PENDING	0x01u

#define PM_CTRL		0x04
#define PM_STATE	0x0003u
#define PM_D3HOT	0x0003u
#define PM_NO_RESET	0x0008u		/* D3hot to D0 keeps all state */

#define EXT_CAPS	0x100
#define EXT_NEXT(h)	((h) >> 20 & 0xffcu)
#define EXT_CAP_ACS	0x000d
#define EXT_CAP_ATS	0x000f
#define ACS_CAPS	0x04
#define ACS_CTRL	0x06
#define ACS_PORT	0x1du		/* source validation, request and
					 * completion redirect, forwarding */
#define ACS_FUNCTION	0x0cu		/* the two redirects */
#define ACS_UNDO	0x60u		/* egress control and direct
					 * translated let past them */
#define ATS_CTRL	0x06
#define ATS_ON		0x8000u

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

	if (!(get(d, STATUS, 2) & STATUS_CAPS))
		return 0;
	at = get(d, CAPS, 1) & 0xfc;
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
	unsigned at = EXT_CAPS;
	uint32_t header;

	for (unsigned n = 0; d->pcie && at >= EXT_CAPS && n < 480; n++) {
		header = get(d, at, 4);
		if (header == 0xffffffff)
			return 0;
		if ((header & 0xffff) == id)
			return (uint16_t)at;
		at = EXT_NEXT(header);
	}
	return 0;
}

static enum reset_how reset_how(const struct iommu_dev *d)
{
	if (d->pcie && get(d, d->pcie + PCIE_DEVCAP, 4) & DEVCAP_FLR)
		return RESET_FLR;
	if (d->af && get(d, d->af + AF_CAPS, 1) & AF_CAPS_FLR)
		return RESET_AF;
	if (d->pm && !(get(d, d->pm + PM_CTRL, 2) & PM_NO_RESET))
		return RESET_PM;
	return RESET_NONE;
}

void pci_function_init(struct iommu_dev *d)
{
	d->class = get(d, CLASS, 4) >> 8;
	d->bridge = d->class >> 16 == CLASS_BRIDGE;
	d->header = get(d, HEADER, 1) & 0x7f;
	d->pcie = find_cap(d, CAP_PCIE);
	d->af = find_cap(d, CAP_AF);
	d->pm = find_cap(d, CAP_PM);
	d->ats = find_ext_cap(d, EXT_CAP_ATS);
	d->acs = find_ext_cap(d, EXT_CAP_ACS);
	if (!d->bridge)
		d->reset = reset_how(d);
	if (d->header == HEADER_BRIDGE) {
		d->secondary = (uint8_t)get(d, SECONDARY, 1);
		d->refused = "is a bridge to another bus";
	}
}

/* It takes all that is on the bus along: only where d is alone there, and knows
 * nothing better. */
void bus_reset_find(struct iommu_dev *d)
{
	if (d->bridge || d->reset != RESET_NONE || !bridge_above(d))
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
		    get(d, d->pcie + PCIE_DEVCTL, 2) & ~DEVCTL_NO_SNOOP);
}

/* PCI Express 10.5.1.3; the smallest unit of 4 KiB. */
void ats_enable(struct iommu_dev *d, bool on)
{
	if (d->ats)
		set(d, d->ats + ATS_CTRL, 2, on ? ATS_ON : 0);
}

void cut_off(struct iommu_dev *port)
{
	set(port, COMMAND, 2, get(port, COMMAND, 2) & ~COMMAND_MASTER);
}

/* PCI Express 7.7.8: what of it the function has. */
void acs_enable(struct iommu_dev *d)
{
	if (d->acs)
		set(d, d->acs + ACS_CTRL, 2,
		    (get(d, d->acs + ACS_CTRL, 2) & ~ACS_UNDO) |
		    (get(d, d->acs + ACS_CAPS, 2) & ACS_PORT));
}

bool acs_enabled(const struct iommu_dev *d)
{
	uint32_t wanted = d->header == HEADER_BRIDGE ? ACS_PORT : ACS_FUNCTION;

	return d->acs && (get(d, d->acs + ACS_CTRL, 2) &
			  (wanted | ACS_UNDO)) == wanted;
}

bool bus_master(struct iommu_dev *d, bool on)
{
	uint32_t command, want;

	if (d->bridge)
		return true;
	on = on && iommu.powered && !d->fenced;
	command = get(d, COMMAND, 2);
	want = (command | COMMAND_NO_INTX) & ~COMMAND_MASTER;
	if (on)
		want |= COMMAND_MASTER;
	set(d, COMMAND, 2, want);
	command = get(d, COMMAND, 2);
	return command != 0xffff && !(command & COMMAND_MASTER) == !on;
}

bool masters_bus(const struct iommu_dev *d)
{
	return get(d, COMMAND, 2) & COMMAND_MASTER;
}

/* Bounded; looks once more after the deadline. */
static bool wait_clear(const struct iommu_dev *d, unsigned off, unsigned width,
		       uint32_t bit, uint64_t within)
{
	uint64_t end = os_clock() + within;
	bool late = false;

	while (get(d, off, width) & bit) {
		if (late)
			return false;
		late = os_clock() > end;
		os_relax();
	}
	return true;
}

void wait_for_transactions(struct iommu_dev *d)
{
	bool drained = true;

	if (d->pcie)
		drained = wait_clear(d, d->pcie + PCIE_DEVSTA, 2,
				     DEVSTA_PENDING, DRAIN_DEADLINE);
	else if (d->af)
		drained = wait_clear(d, d->af + AF_STATUS, 1, AF_PENDING,
				     DRAIN_DEADLINE);
	if (!drained)
		os_log(OS_WARN, "iommu: %s still has transactions pending",
		       bdf_text(d->segment, d->sid).s);
}

static void pause_for(uint64_t ns)
{
	uint64_t end = os_clock() + ns;

	while (os_clock() < end)
		os_relax();
}

static void reset_bus(const struct iommu_dev *d)
{
	struct iommu_dev *port = bridge_above(d);
	uint32_t ctl = get(port, BRIDGE_CTRL, 2) & ~BRIDGE_RESET;

	set(port, BRIDGE_CTRL, 2, ctl | BRIDGE_RESET);
	pause_for(BUS_HELD);
	set(port, BRIDGE_CTRL, 2, ctl);
	pause_for(d->pcie ? BUS_TIME : BUS_TIME_PCI);
}

static void start_reset(struct iommu_dev *d)
{
	uint32_t pm;

	switch (d->reset) {
	case RESET_FLR:
		set(d, d->pcie + PCIE_DEVCTL, 2,
		    get(d, d->pcie + PCIE_DEVCTL, 2) | DEVCTL_FLR);
		pause_for(FLR_TIME);
		break;
	case RESET_AF:
		set(d, d->af + AF_CTRL, 1, AF_CTRL_FLR);
		pause_for(FLR_TIME);
		break;
	case RESET_PM:
		pm = get(d, d->pm + PM_CTRL, 2) & ~PM_STATE;
		set(d, d->pm + PM_CTRL, 2, pm | PM_D3HOT);
		pause_for(PM_TIME);
		set(d, d->pm + PM_CTRL, 2, pm);
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
	uint64_t end = os_clock() + BACK_DEADLINE;
	bool late = false;

	while (function_gone(d) || get(d, COMMAND, 2) == 0xffff) {
		if (late)
			return false;
		late = os_clock() > end;
		os_relax();
	}
	return true;
}

/* The header's writable registers, the PCI Express control and what keeps it
 * from its neighbours come back as they were; MSI and all else stay as the
 * reset leaves them. */
bool function_reset(struct iommu_dev *d)
{
	uint32_t header[SAVED_DWORDS];
	uint32_t ctl = 0;

	if (d->reset == RESET_NONE)
		return false;
	for (unsigned i = 1; i < SAVED_DWORDS; i++)
		header[i] = get(d, i * 4, 4);
	if (d->pcie)
		ctl = get(d, d->pcie + PCIE_DEVCTL, 2) & ~DEVCTL_FLR;
	start_reset(d);
	if (!comes_back(d))
		return false;
	if (d->pcie)
		set(d, d->pcie + PCIE_DEVCTL, 2, ctl);
	for (unsigned i = SAVED_DWORDS - 1; i > 1; i--)
		set(d, i * 4, 4, header[i]);
	acs_enable(d);
	set(d, COMMAND, 2, header[1] & 0xffff & ~COMMAND_MASTER);
	return true;
}
