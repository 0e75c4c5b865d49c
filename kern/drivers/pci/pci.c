/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the functions, once at boot: every bus of every segment is looked at,
 * so that further root buses are found without the firmware's help.  Bus
 * numbers and BARs stay as the firmware has assigned them.
 */
#include <acpi.h>
#include <aspace.h>
#include <iommu.h>
#include <kmalloc.h>
#include <log.h>
#include <pci.h>
#include <pci_function.h>
#include <string.h>

#define BAR_IO		0x1u
#define BAR_64		0x4u
#define BAR_PREFETCH	0x8u
#define PREF_64		0x1u	/* in the low bits of a window's base */

struct list pci_devices = LIST_INIT(pci_devices);

struct pci_device *pci_find(uint16_t segment, uint16_t sid)
{
	struct pci_device *d;

	list_for_each(d, &pci_devices, link)
		if (d->segment == segment && d->sid == sid)
			return d;
	return NULL;
}

uint8_t pci_find_cap(const struct pci_device *d, unsigned id, uint8_t after)
{
	return pci_cap(d->segment, d->sid, id, after);
}

static uint32_t probe(const struct pci_device *d, unsigned off)
{
	uint32_t was = pci_get(d, off, 4), size;

	pci_set(d, off, 4, 0xffffffff);
	size = pci_get(d, off, 4);
	pci_set(d, off, 4, was);
	return size;
}

/* The BAR at register n; how many registers it takes. */
static unsigned size_bar(struct pci_device *d, unsigned n)
{
	uint32_t lo = pci_get(d, PCI_BAR(n), 4);
	uint64_t mask = probe(d, PCI_BAR(n)), pa = lo;
	struct pci_bar *b = &d->bars[n];
	bool wide = !(lo & BAR_IO) && (lo & BAR_64) && n + 1 < PCI_NBARS;

	b->io = lo & BAR_IO;
	b->prefetch = !b->io && (lo & BAR_PREFETCH);
	if (b->io)	/* ports may decode 16 bits alone */
		mask |= mask ? 0xffff0000 : 0;
	mask = (mask & (b->io ? 0xfffffffc : 0xfffffff0)) |
		0xffffffff00000000ull;
	pa &= b->io ? 0xfffffffc : 0xfffffff0;
	if (wide) {
		mask = (mask & 0xffffffff) |
			(uint64_t)probe(d, PCI_BAR(n + 1)) << 32;
		pa |= (uint64_t)pci_get(d, PCI_BAR(n + 1), 4) << 32;
	}
	b->pa = pa;
	b->len = (uint32_t)mask || wide ? -mask : 0;
	if (!b->pa)
		b->len = 0;
	return wide ? 2 : 1;
}

/* With decoding off, so that a BAR under test answers to nothing. */
static void size_bars(struct pci_device *d)
{
	uint32_t command = pci_get(d, PCI_COMMAND, 2);
	unsigned n = d->header == PCI_HEADER_BRIDGE ? 2 : PCI_NBARS;

	pci_set(d, PCI_COMMAND, 2,
		command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEM));
	for (unsigned i = 0; i < n;)
		i += size_bar(d, i);
	pci_set(d, PCI_COMMAND, 2, command);
}

/* Addresses above 4 GiB that a bridge or device answers to are not given to
 * processes: a device's access there may never reach a remapping unit. */
static void exclude_windows(const struct pci_device *d)
{
	const struct pci_bar *b;
	uint64_t base, limit;
	uint32_t lo;

	for (unsigned i = 0; i < PCI_NBARS; i++) {
		b = &d->bars[i];
		if (!b->io && b->len && b->pa >= 4 * GIB)
			aspace_exclude(b->pa, b->pa + b->len);
	}
	if (d->header != PCI_HEADER_BRIDGE)
		return;
	lo = pci_get(d, PCI_BRIDGE_PREF_LO, 4);
	base = (lo & 0xfff0ull) << 16;
	limit = (lo >> 16 & 0xfff0ull) << 16 | 0xfffff;
	if (lo & PREF_64) {
		base |= (uint64_t)pci_get(d, PCI_BRIDGE_PREF_BASE_HI, 4) << 32;
		limit |= (uint64_t)pci_get(d, PCI_BRIDGE_PREF_LIMIT_HI, 4) << 32;
	}
	if (base < limit && limit >= 4 * GIB)
		aspace_exclude(base, limit + 1);
}

static void add(uint16_t segment, uint16_t sid)
{
	struct pci_device *d = kmalloc(sizeof(*d));

	if (!d) {
		klog(LOG_ERROR, "pci: no memory for a device");
		return;
	}
	d->segment = segment;
	d->sid = sid;
	d->vendor = (uint16_t)pci_get(d, PCI_VENDOR, 2);
	d->device = (uint16_t)pci_get(d, PCI_DEVICE, 2);
	d->class = pci_get(d, PCI_CLASS, 4) >> 8;
	d->header = pci_get(d, PCI_HEADER, 1) & ~PCI_HEADER_MULTI & 0xff;
	strlcpy(d->name, bdf_text(segment, sid).s, sizeof(d->name));
	list_init(&d->owned);
	size_bars(d);
	exclude_windows(d);
	d->msi = pci_find_cap(d, PCI_CAP_MSI, 0);
	d->msix = pci_find_cap(d, PCI_CAP_MSIX, 0);
	list_append(&pci_devices, &d->link);
}

static void scan_device(uint16_t segment, uint16_t sid)
{
	bool multi;

	if (pci_config_read(segment, sid, PCI_VENDOR, 2) == 0xffff)
		return;
	multi = pci_config_read(segment, sid, PCI_HEADER, 1) &
		PCI_HEADER_MULTI;
	for (unsigned fn = 0; fn < (multi ? 8 : 1); fn++)
		if (pci_config_read(segment, (uint16_t)(sid | fn), PCI_VENDOR,
				    2) != 0xffff)
			add(segment, (uint16_t)(sid | fn));
}

static void scan_buses(uint16_t segment, unsigned first, unsigned last)
{
	for (unsigned bus = first; bus <= last; bus++)
		for (unsigned dev = 0; dev < 32; dev++)
			scan_device(segment, (uint16_t)(bus << 8 | dev << 3));
}

void pci_init(void)
{
	struct pci_device *d;
	unsigned n = 0;

	pci_config_init();
	for (unsigned i = 0; i < acpi_mcfg.n; i++)
		scan_buses(acpi_mcfg.list[i].segment,
			   acpi_mcfg.list[i].start_bus,
			   acpi_mcfg.list[i].end_bus);
	if (!acpi_mcfg.n)
		scan_buses(0, 0, 255);
	list_for_each(d, &pci_devices, link) {
		pci_usb_handoff(d);
		n++;
	}
	klog(LOG_INFO, "pci: %u functions", n);
}
