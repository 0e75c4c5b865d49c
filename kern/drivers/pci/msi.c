/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI and MSI-X (PCI Local Bus 3.0, 6.8).  Addresses and data are written here
 * alone, from messages that irq_message made.  A function that has both is
 * driven by MSI-X; of MSI one vector is used.
 */
#include <arch.h>
#include <error.h>
#include <irq.h>
#include <pci.h>
#include <x86.h>

#define MSI_CTRL	0x02
#define  MSI_ENABLE	0x0001u
#define  MSI_MULTIPLE	0x0070u
#define  MSI_64		0x0080u
#define MSI_ADDR	0x04
#define MSI_ADDR_HI	0x08
#define MSI_DATA_32	0x08
#define MSI_DATA_64	0x0c

#define MSIX_CTRL	0x02
#define  MSIX_SIZE	0x07ffu
#define  MSIX_MASK_ALL	0x4000u
#define  MSIX_ENABLE	0x8000u
#define MSIX_TABLE	0x04
#define  MSIX_BIR	0x7u
#define MSIX_ENTRY	16u
#define MSIX_ENTRY_ADDR		0
#define MSIX_ENTRY_ADDR_HI	4
#define MSIX_ENTRY_DATA		8
#define MSIX_ENTRY_CTRL		12
#define  MSIX_MASKED	1u

static unsigned msix_count(const struct pci_device *d)
{
	return (pci_get(d, d->msix + MSIX_CTRL, 2) & MSIX_SIZE) + 1;
}

unsigned pci_irq_count(const struct pci_device *d)
{
	if (d->msix)
		return MIN(msix_count(d), (unsigned)PCI_MAX_IRQS);
	return d->msi ? 1 : 0;
}

void pci_bar_reserved(const struct pci_device *d, unsigned bar, size_t *start,
		      size_t *end)
{
	uint32_t table;

	*start = *end = 0;
	if (!d->msix)
		return;
	table = pci_get(d, d->msix + MSIX_TABLE, 4);
	if ((table & MSIX_BIR) != bar)
		return;
	*start = ROUNDDOWN(table & ~MSIX_BIR, PGSIZE);
	*end = ROUNDUP((table & ~MSIX_BIR) + msix_count(d) * MSIX_ENTRY,
		       PGSIZE);
}

static uint8_t *msix_table(struct pci_device *d)
{
	uint32_t table = pci_get(d, d->msix + MSIX_TABLE, 4);
	const struct pci_bar *b = &d->bars[table & MSIX_BIR];
	size_t off = table & ~MSIX_BIR, len = msix_count(d) * MSIX_ENTRY;

	if ((table & MSIX_BIR) >= PCI_NBARS || b->io || b->len < off + len)
		return NULL;
	if (!d->msix_table)
		d->msix_table = mmio_map(b->pa + off, len);
	return d->msix_table;
}

/* All entries are masked when MSI-X is turned on for the first one. */
static int msix_enable(struct pci_device *d, unsigned n,
		       const struct msi_message *m)
{
	uint16_t ctrl = (uint16_t)pci_get(d, d->msix + MSIX_CTRL, 2);
	uint8_t *table = msix_table(d), *e;

	if (!table)
		return error(EIO, "%s: its MSI-X table is not in a BAR",
			     d->name);
	pci_memory_on(d);
	if (!(ctrl & MSIX_ENABLE))
		for (unsigned i = 0; i < msix_count(d); i++)
			mmio_write32(table + i * MSIX_ENTRY + MSIX_ENTRY_CTRL,
				     MSIX_MASKED);
	e = table + n * MSIX_ENTRY;
	mmio_write32(e + MSIX_ENTRY_ADDR, (uint32_t)m->addr);
	mmio_write32(e + MSIX_ENTRY_ADDR_HI, (uint32_t)(m->addr >> 32));
	mmio_write32(e + MSIX_ENTRY_DATA, m->data);
	mmio_write32(e + MSIX_ENTRY_CTRL, 0);
	pci_set(d, d->msix + MSIX_CTRL, 2,
		(ctrl | MSIX_ENABLE) & ~MSIX_MASK_ALL);
	return 0;
}

static void msi_enable(struct pci_device *d, const struct msi_message *m)
{
	uint32_t ctrl = pci_get(d, d->msi + MSI_CTRL, 2);

	pci_set(d, d->msi + MSI_ADDR, 4, (uint32_t)m->addr);
	if (ctrl & MSI_64)
		pci_set(d, d->msi + MSI_ADDR_HI, 4, (uint32_t)(m->addr >> 32));
	pci_set(d, d->msi + (ctrl & MSI_64 ? MSI_DATA_64 + 0u : MSI_DATA_32), 2,
		m->data);
	pci_set(d, d->msi + MSI_CTRL, 2, (ctrl & ~MSI_MULTIPLE) | MSI_ENABLE);
}

int pci_irq_enable(struct pci_device *d, unsigned n,
		   const struct msi_message *m)
{
	if (n >= pci_irq_count(d))
		return error(ENODEV, "%s has no interrupt %u", d->name, n);
	if (d->msix)
		return msix_enable(d, n, m);
	msi_enable(d, m);
	return 0;
}

void pci_irq_disable(struct pci_device *d, unsigned n)
{
	if (d->msix && d->msix_table)
		mmio_write32(d->msix_table + n * MSIX_ENTRY + MSIX_ENTRY_CTRL,
			     MSIX_MASKED);
	else if (d->msi)
		pci_set(d, d->msi + MSI_CTRL, 2,
			pci_get(d, d->msi + MSI_CTRL, 2) & ~MSI_ENABLE);
}
