/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function's configuration space (pci_function.h), as far as handing it over
 * needs it: capabilities, bus mastering, pending transactions, reset.  Called by
 * whoever hands it over; takes no lock, and waits no longer than a deadline.
 */
#include <iommu_os.h>
#include <pci_function.h>

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

static uint32_t get(const struct pci_function *f, unsigned off, unsigned width)
{
	return os_pci_read(f->segment, f->sid, off, width);
}

static void set(const struct pci_function *f, unsigned off, unsigned width,
		uint32_t v)
{
	os_pci_write(f->segment, f->sid, off, width, v);
}

bool pci_function_gone(const struct pci_function *f)
{
	return get(f, 0, 2) == 0xffff;
}

/* The list is 48 long at most: a loop in it does not hold us. */
uint8_t pci_cap(uint16_t segment, uint16_t sid, unsigned id, uint8_t after)
{
	unsigned at;

	if (!(os_pci_read(segment, sid, PCI_STATUS, 2) & PCI_STATUS_CAPS))
		return 0;
	at = os_pci_read(segment, sid, after ? after + 1u : PCI_CAPS, 1) & 0xfc;
	for (unsigned n = 0; at >= 0x40 && n < 48; n++) {
		if (os_pci_read(segment, sid, at, 1) == id)
			return (uint8_t)at;
		at = os_pci_read(segment, sid, at + 1, 1) & 0xfc;
	}
	return 0;
}

static uint8_t find_cap(const struct pci_function *f, unsigned id)
{
	return pci_cap(f->segment, f->sid, id, 0);
}

/* Likewise; where there is no extended space all bits are set. */
static uint16_t find_ext_cap(const struct pci_function *f, unsigned id)
{
	unsigned at = PCIE_EXT_CAPS;
	uint32_t header;

	for (unsigned n = 0; f->pcie && at >= PCIE_EXT_CAPS && n < 480; n++) {
		header = get(f, at, 4);
		if (header == 0xffffffff)
			return 0;
		if ((header & 0xffff) == id)
			return (uint16_t)at;
		at = PCIE_EXT_NEXT(header);
	}
	return 0;
}

static enum pci_reset find_reset(const struct pci_function *f)
{
	if (f->pcie && get(f, f->pcie + PCIE_DEVCAP, 4) & PCIE_DEVCAP_FLR)
		return PCI_RESET_FLR;
	if (f->af && get(f, f->af + PCI_AF_CAPS, 1) & PCI_AF_CAPS_FLR)
		return PCI_RESET_AF;
	if (f->pm && !(get(f, f->pm + PCI_PM_CTRL, 2) & PCI_PM_NO_RESET))
		return PCI_RESET_PM;
	return PCI_RESET_NONE;
}

bool pci_is_bridge(uint16_t segment, uint16_t sid, uint8_t *secondary,
		   uint8_t *subordinate)
{
	uint32_t type = os_pci_read(segment, sid, PCI_HEADER, 1);

	if (type == 0xff || (type & PCI_HEADER_TYPE) != PCI_HEADER_BRIDGE)
		return false;
	*secondary = (uint8_t)os_pci_read(segment, sid, PCI_SECONDARY, 1);
	*subordinate = (uint8_t)os_pci_read(segment, sid, PCI_SUBORDINATE, 1);
	return true;
}

void pci_function_init(struct pci_function *f, uint16_t segment, uint16_t sid)
{
	*f = (struct pci_function){ .segment = segment, .sid = sid };
	f->vendor = (uint16_t)get(f, PCI_VENDOR, 2);
	f->device = (uint16_t)get(f, PCI_DEVICE, 2);
	f->class = get(f, PCI_CLASS, 4) >> 8;
	f->bridge = f->class >> 16 == PCI_BASE_BRIDGE;
	f->header = get(f, PCI_HEADER, 1) & PCI_HEADER_TYPE;
	f->pcie = find_cap(f, PCI_CAP_PCIE);
	f->af = find_cap(f, PCI_CAP_AF);
	f->pm = find_cap(f, PCI_CAP_PM);
	f->ats = find_ext_cap(f, PCIE_CAP_ATS);
	f->acs = find_ext_cap(f, PCIE_CAP_ACS);
	if (!f->bridge)
		f->reset = find_reset(f);
	if (f->header == PCI_HEADER_BRIDGE)
		f->secondary = (uint8_t)get(f, PCI_SECONDARY, 1);
}

void pci_no_snoop_off(const struct pci_function *f)
{
	if (f->pcie)
		set(f, f->pcie + PCIE_DEVCTL, 2,
		    get(f, f->pcie + PCIE_DEVCTL, 2) & ~PCIE_DEVCTL_NO_SNOOP);
}

/* PCI Express 10.5.1.3; the smallest unit of 4 KiB. */
void pci_ats_enable(const struct pci_function *f, bool on)
{
	if (f->ats)
		set(f, f->ats + PCIE_ATS_CTRL, 2, on ? PCIE_ATS_ON : 0);
}

void pci_cut_off(const struct pci_function *port)
{
	set(port, PCI_COMMAND, 2,
	    get(port, PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER);
}

/* PCI Express 7.7.8: what of it the function has. */
void pci_acs_enable(const struct pci_function *f)
{
	if (f->acs)
		set(f, f->acs + PCIE_ACS_CTRL, 2,
		    (get(f, f->acs + PCIE_ACS_CTRL, 2) & ~ACS_UNDO) |
		    (get(f, f->acs + PCIE_ACS_CAPS, 2) & ACS_PORT));
}

bool pci_acs_enabled(const struct pci_function *f)
{
	uint32_t wanted = f->header == PCI_HEADER_BRIDGE ? ACS_PORT :
		ACS_FUNCTION;

	return f->acs && (get(f, f->acs + PCIE_ACS_CTRL, 2) &
			  (wanted | ACS_UNDO)) == wanted;
}

bool pci_set_master(const struct pci_function *f, bool on)
{
	uint32_t command, want;

	want = get(f, PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER;
	want |= PCI_COMMAND_NO_INTX | (on ? PCI_COMMAND_MASTER : 0);
	set(f, PCI_COMMAND, 2, want);
	command = get(f, PCI_COMMAND, 2);
	return command != 0xffff && !(command & PCI_COMMAND_MASTER) == !on;
}

bool pci_masters_bus(const struct pci_function *f)
{
	return get(f, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

static bool wait_clear(const struct pci_function *f, unsigned off,
		       unsigned width, uint32_t bit)
{
	struct deadline end = deadline_in(DRAIN_DEADLINE);

	while (get(f, off, width) & bit)
		if (deadline_over(&end))
			return false;
	return true;
}

bool pci_wait_for_transactions(const struct pci_function *f)
{
	if (f->pcie)
		return wait_clear(f, f->pcie + PCIE_DEVSTA, 2,
				  PCIE_DEVSTA_PENDING);
	if (f->af)
		return wait_clear(f, f->af + PCI_AF_STATUS, 1, PCI_AF_PENDING);
	return true;
}

static void pause_for(uint64_t ns)
{
	uint64_t end = os_clock() + ns;

	while (os_clock() < end)
		os_relax();
}

static void reset_bus(const struct pci_function *f)
{
	const struct pci_function *port = f->above;
	uint32_t ctl = get(port, PCI_BRIDGE_CTRL, 2) & ~PCI_BRIDGE_RESET;

	set(port, PCI_BRIDGE_CTRL, 2, ctl | PCI_BRIDGE_RESET);
	pause_for(BUS_HELD);
	set(port, PCI_BRIDGE_CTRL, 2, ctl);
	pause_for(f->pcie ? BUS_TIME : BUS_TIME_PCI);
}

static void start_reset(const struct pci_function *f)
{
	uint32_t pm;

	switch (f->reset) {
	case PCI_RESET_FLR:
		set(f, f->pcie + PCIE_DEVCTL, 2,
		    get(f, f->pcie + PCIE_DEVCTL, 2) | PCIE_DEVCTL_FLR);
		pause_for(FLR_TIME);
		break;
	case PCI_RESET_AF:
		set(f, f->af + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
		pause_for(FLR_TIME);
		break;
	case PCI_RESET_PM:
		pm = get(f, f->pm + PCI_PM_CTRL, 2) & ~PCI_PM_STATE;
		set(f, f->pm + PCI_PM_CTRL, 2, pm | PCI_PM_D3HOT);
		pause_for(PM_TIME);
		set(f, f->pm + PCI_PM_CTRL, 2, pm);
		pause_for(PM_TIME);
		break;
	case PCI_RESET_BUS:
		reset_bus(f);
		break;
	case PCI_RESET_NONE:
		break;
	}
}

static bool comes_back(const struct pci_function *f)
{
	struct deadline end = deadline_in(BACK_DEADLINE);

	while (pci_function_gone(f) || get(f, PCI_COMMAND, 2) == 0xffff)
		if (deadline_over(&end))
			return false;
	return true;
}

/* The header's writable registers, the PCI Express control and what keeps it
 * from its neighbours come back as they were; MSI and all else stay as the
 * reset leaves them. */
bool pci_function_reset(const struct pci_function *f)
{
	uint32_t header[SAVED_DWORDS];
	uint32_t ctl = 0;

	for (unsigned i = 1; i < SAVED_DWORDS; i++)
		header[i] = get(f, i * 4, 4);
	if (f->pcie)
		ctl = get(f, f->pcie + PCIE_DEVCTL, 2) & ~PCIE_DEVCTL_FLR;
	start_reset(f);
	if (!comes_back(f))
		return false;
	if (f->pcie)
		set(f, f->pcie + PCIE_DEVCTL, 2, ctl);
	for (unsigned i = SAVED_DWORDS - 1; i > 1; i--)
		set(f, i * 4, 4, header[i]);
	pci_acs_enable(f);
	set(f, PCI_COMMAND, 2, header[1] & 0xffff & ~PCI_COMMAND_MASTER);
	return true;
}

const char *pci_reset_text(enum pci_reset how)
{
	static const char *const text[] = {
		NULL, "function level", "advanced features", "power state",
		"secondary bus",
	};

	return text[how];
}
