/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: configuration space, the functions found at boot, their BARs,
 * capabilities and message-signalled interrupts.  Functions are found once and
 * never go; who owns one is pciown.h's business.
 */
#ifndef PCI_H
#define PCI_H

#include <list.h>
#include <lock.h>
#include <pci_regs.h>
#include <types.h>

#define PCI_NBARS	6
#define PCI_MAX_IRQS	32

struct pci_bar {
	physaddr_t pa;
	size_t len;		/* 0: none */
	bool io, prefetch;
};

struct iommu_dev;
struct pci_irq;
struct proc;

struct pci_device {
	struct list link;
	uint16_t segment, sid;
	uint16_t vendor, device;
	uint32_t class;		/* base, sub, interface: 24 bits */
	uint8_t header;		/* type, without the multi-function bit */
	struct pci_bar bars[PCI_NBARS];
	uint8_t msi, msix;	/* capabilities; 0: none */
	uint16_t nmsix;
	uint8_t *msix_table;	/* mapped when first used */
	char name[16];		/* "0:1f.2" */
	struct iommu_dev *iommu;

	/* pciown.c */
	struct proc *owner;	/* NULL: nobody */
	struct list owned;	/* among its owner's */
	struct pci_irq *irqs[PCI_MAX_IRQS];
};

extern struct list pci_devices;		/* by address; fixed after boot */

void pci_init(void);
void pci_config_init(void);	/* from it */
struct pci_device *pci_find(uint16_t segment, uint16_t sid);

/* width 1, 2 or 4, naturally aligned; all ones for what is not there. */
uint32_t pci_config_read(uint16_t segment, uint16_t sid, unsigned off,
			 unsigned width);
void pci_config_write(uint16_t segment, uint16_t sid, unsigned off,
		      unsigned width, uint32_t v);
/* Bytes of configuration space that can be reached: 256 or 4096. */
unsigned pci_config_size(uint16_t segment);

static inline uint32_t pci_get(const struct pci_device *d, unsigned off,
			       unsigned width)
{
	return pci_config_read(d->segment, d->sid, off, width);
}

static inline void pci_set(const struct pci_device *d, unsigned off,
			   unsigned width, uint32_t v)
{
	pci_config_write(d->segment, d->sid, off, width, v);
}

/* It answers at its BARs.  Not written where it does already: the iommu may be
 * taking its bus away meanwhile, and this would give it back. */
static inline void pci_memory_on(const struct pci_device *d)
{
	uint32_t command = pci_get(d, PCI_COMMAND, 2);

	if (!(command & PCI_COMMAND_MEM))
		pci_set(d, PCI_COMMAND, 2, command | PCI_COMMAND_MEM);
}

/* The first capability with that id behind `after` (0: from the start). */
uint8_t pci_find_cap(const struct pci_device *d, unsigned id, uint8_t after);

/* Message-signalled interrupts: how many the function can have, at most
 * PCI_MAX_IRQS; and interrupt n's message, or none. */
struct msi_message;
unsigned pci_irq_count(const struct pci_device *d);
int pci_irq_enable(struct pci_device *d, unsigned n,
		   const struct msi_message *m) must_check;
void pci_irq_disable(struct pci_device *d, unsigned n);
/* The part of a BAR that only the kernel may touch: its MSI-X table. */
void pci_bar_reserved(const struct pci_device *d, unsigned bar, size_t *start,
		      size_t *end);

/* Takes a USB host controller from the firmware, which else goes on using it.
 * Before bus mastering is cleared. */
void pci_usb_handoff(struct pci_device *d);
/* A virtio function that would not go through the remapping unit; the reason,
 * or NULL. */
const char *pci_virtio_bypass(struct pci_device *d);

#endif
