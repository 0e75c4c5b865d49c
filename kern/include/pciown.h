/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns which PCI function (rules 8 to 10), and what goes with it: the
 * device's DMA, its registers, its interrupts.  One lock serialises all changes
 * of ownership and of the iommu's power.
 */
#ifndef PCIOWN_H
#define PCIOWN_H

#include <error.h>
#include <iommu.h>
#include <iommu_watch.h>
#include <lock.h>
#include <selftest.h>
#include <types.h>

struct aspace;
struct pci_device;
struct proc;

#define PROC_MAX_DEVICES	64	/* of one process */
#define PROC_MAX_IRQS		64	/* likewise, vectors */

/* For iommu_init. */
const struct iommu_upper *pciown_upper(void);
void pciown_init(void);		/* before iommu_start */

/* `words` are iommu.h's.  Errors leave everything as it was. */
int pciown_attach(struct pci_device *d, struct proc *p,
		  unsigned words) must_check;
int pciown_detach(struct pci_device *d) must_check;
int pciown_power(bool on) must_check;
int pciown_reset(struct pci_device *d) must_check;
/* iommu_trace and selftest, with hand-over and power kept still. */
int pciown_trace(bool on) must_check;
struct selftest pciown_selftest(unsigned unit, unsigned n);

/* The process ends: all its devices are detached, no more are given. */
void pciown_exit(struct proc *p);
/* exec: all its devices are detached, then `as` becomes its address space; the
 * old one. */
struct aspace *pciown_exec(struct proc *p, struct aspace *as);

/* For #pci: 0 if the current process owns it now. */
int pciown_check(struct pci_device *d) must_check;

/* Maps a BAR's pages, all but those that are the kernel's; with write-combining
 * if it can be prefetched, but for MAP_UNCACHED. */
long pciown_map_bar(struct pci_device *d, unsigned bar, struct aspace *as,
		    size_t len, int prot, int flags, uint64_t off) must_check;

/* Interrupts n to end - 1 of a device that the current process owns: opened once
 * or more, all or none, then counted.  A read gives the count since the last one, once there is any.
 */
int pciown_irq_open(struct pci_device *d, unsigned n, unsigned end) must_check;
int pciown_irq_mask(struct pci_device *d, unsigned n, bool masked) must_check;
ssize_t pciown_irq_read(struct pci_device *d, unsigned n,
			uint64_t *count) must_check;
bool pciown_irq_ready(struct pci_device *d, unsigned n, struct waitq **q);

/* A field of configuration space by its owner (rule 9). */
int pciown_config_write(struct pci_device *d, unsigned off, unsigned width,
			uint32_t v) must_check;

/* Every invariant of iommu, devices and I/O tables, a line each to say(). */
void pciown_check_all(iommu_say *say, void *arg);

struct text;
void pciown_status_text(struct pci_device *d, struct text *t);

#endif
