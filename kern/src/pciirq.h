/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupts of PCI functions, for pciown.c, which holds its lock around
 * all of these but the last two and has checked whose device it is.
 */
#ifndef PCIIRQ_H
#define PCIIRQ_H

#include <pci.h>
#include <types.h>

struct waitq;

/* More interrupts of one vector in a second are a storm: it is masked, and says
 * so; its owner can unmask it. */
#define PCI_IRQ_STORM	100000

/* Makes vectors n to end - 1, all or none, where there are none yet; `quota`
 * more may be made. */
int pciirq_open(struct pci_device *d, unsigned n, unsigned end,
		unsigned quota) must_check;
unsigned pciirq_in_use(const struct pci_device *d);
int pciirq_mask(struct pci_device *d, unsigned n, bool masked) must_check;
/* A reset has turned them off; whoever has them open keeps them. */
int pciirq_restore(struct pci_device *d) must_check;
/* Readers wake and find them gone; nothing comes to anyone any more. */
void pciirq_revoke(struct pci_device *d);

/* Of an interrupt that has been opened: how often it was revoked; what it has
 * counted since the last call, true: there is something to say (*count 0: it is
 * gone since `revoked`). */
unsigned pciirq_revoked(struct pci_device *d, unsigned n);
bool pciirq_take(struct pci_device *d, unsigned n, unsigned revoked,
		 uint64_t *count);
struct waitq *pciirq_queue(struct pci_device *d, unsigned n);
bool pciirq_ready(struct pci_device *d, unsigned n);

#endif
