/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA remapping as the kernel sees it, whatever the architecture.
 *
 * A space is what the devices of one owner see of memory; a device is one PCI
 * function.  The caller serialises attach, detach, reset, power and check with
 * each other, and changes of one space with each other; everything else may run
 * at any time.  Who may do what is the caller's business.
 *
 * Functions that return int give 0, or a negative number with the reason left
 * by os_error().
 */
#ifndef IOMMU_H
#define IOMMU_H

#include <iommu_change.h>
#include <types.h>

struct iommu_dev;
struct iommu_space;
struct pci_function;
struct vtd;

#define IOMMU_READ	1
#define IOMMU_WRITE	2

/* A device with more faults than that in a second is fenced (rule 8); this
 * many of them are told to log and owner. */
#define IOMMU_STORM_FAULTS	256
#define IOMMU_TOLD_FAULTS	8

struct iommu_fault {
	uint16_t segment, sid;
	uint64_t addr;		/* of the page that was asked for, or the index
				 * of an interrupt's entry */
	const char *access;	/* read, write or interrupt */
	uint8_t reason;		/* the specification's number */
	const char *text;	/* and in words */
	int pid;		/* of the device's owner; 0: nobody */
};

/* What the upper layer gives and wants to hear. */
struct iommu_upper {
	/* Whether any of the bytes lo..hi is memory that it gives out. */
	bool (*gives_out)(uint64_t lo, uint64_t hi);
	/* There is something for iommu_service_faults; interrupt context. */
	void (*pending)(void);
	/* One of the devices of that owner (NULL: nobody's) caused a fault.
	 * Called with a lock of the iommu held; must not call back here. */
	void (*fault)(void *owner, const struct iommu_fault *f);
};

/* Boot, in this order.  `dmar` is the firmware's table, NULL for none. */
void iommu_init(const void *dmar, size_t len, const struct iommu_upper *upper);
/* Before iommu_start, for processors in x2APIC mode: APIC ids have 32 bits.
 * Negative: a unit has no room for them, or the firmware opts out (VT-d 8.1); the
 * processors must not be put into that mode then. */
int iommu_x2apic(void) must_check;
/* Each PCI function, once bus numbers are fixed; NULL: no memory. */
struct iommu_dev *iommu_add_device(uint16_t segment, uint16_t sid, void *up);
/* Fences every device, then turns translation on (or leaves it off). */
void iommu_start(bool on);
/* The kernel stops: no device masters the bus, translation stays as it is.  No
 * other processor runs any more; takes no lock. */
void iommu_stop(void);

/* Why there is no translation at all; NULL: there is. */
const char *iommu_missing(void);
/* All units translate addresses below 2^this; 64 where there is none. */
unsigned iommu_address_bits(void);
/* Takes the faults out of the units, tells them, fences storms; from a thread.
 * true: there were some, so there may be more; come back soon. */
bool iommu_service_faults(void);

/*
 * Spaces.  `owner` is given to upper.fault, `pid` is for texts, `serial` is
 * unique to the owner (a device that cannot be reset is not given to another
 * one).  `first` (NULL: not known) will be attached first: what is mapped before
 * that need not be changed for its unit then.  NULL: no memory.
 */
struct iommu_space *iommu_space_create(void *owner, int pid, uint64_t serial,
				       const struct iommu_dev *first);
/* The same, but the owner's devices walk its processor's page tables: a table of
 * level 3, whose entries lead to 1 GiB each, so that what the process has at
 * addresses below 2^39, they have.  The owner changes it by iommu_store alone,
 * and frees what is below it when the space is destroyed. */
struct iommu_space *iommu_space_share(void *owner, int pid, uint64_t serial,
				      uint64_t *table);
/* How large the leaves of shared tables may be, for all units: level 1 is 4 KiB,
 * 2 is 2 MiB, 3 is 1 GiB.  Fixed after boot. */
unsigned iommu_leaf_levels(void);
/* No device is attached.  Negative: a failed unit may still walk its tables;
 * they, and the caller's frames in them, must never be used again. */
int iommu_space_destroy(struct iommu_space *s) must_check;

/* What changes of a space must flush, those that were refused, too; empty at
 * first.  A gather without space swallows everything. */
struct iommu_gather {
	struct iommu_space *space;
	struct iommu_change change;
};
static inline void iommu_gather_init(struct iommu_gather *g,
				     struct iommu_space *s)
{
	g->space = s;
	iommu_change_clear(&g->change);
}
/* Whole pages of RAM; all or nothing; replaces what was there.  What the same
 * gather has unmapped is flushed first. */
int iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa, size_t len,
	      int prot) must_check;
/* Takes away all rights but those; 0: unmaps.  Negative: no memory to split a
 * large page, nothing has changed. */
int iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len,
	       int prot) must_check;
/* Of shared tables: n entries that stand together in a table of that level, for va
 * on, become those of the list, one by one and each in one store: a leaf, absent
 * (bits 0 and 1 clear), or, above level 1, a table.  Bits 11 and 62 are clear. */
void iommu_store(struct iommu_gather *g, uintptr_t va, uint64_t *e,
		 const uint64_t *list, size_t n, unsigned level);
/* No device sees the state before the changes any more, and the gather is
 * empty; negative: a unit failed, what was removed must never be reused.
 * Holds no lock while it waits for the hardware. */
int iommu_flush(struct iommu_gather *g) must_check;

/* attach: words */
#define IOMMU_UNSAFE	1u	/* though it could not be reset since another
				 * owner had it */
#define IOMMU_RMRR	2u	/* drop the firmware's memory of a USB or
				 * graphics device */
#define IOMMU_ATS	4u	/* with its device TLB: a trusted device */
/* Takes all functions that share a requester id with d. */
int iommu_attach(struct iommu_dev *d, struct iommu_space *s,
		 unsigned words) must_check;
/* The device is free afterwards in any case; negative: its unit failed. */
int iommu_detach(struct iommu_dev *d);
/* Resets it as far as it can be and lifts the fence of a fault storm. */
int iommu_reset(struct iommu_dev *d) must_check;

bool iommu_powered(void);
int iommu_power(bool on) must_check;

/* Interrupts.  Opens one at `vector` of the processor with that APIC id for a
 * device, or an input of the I/O APIC with that id; *addr and *data, or *entry,
 * are what to put there.  irq->unit NULL: nothing remaps it, they are as they
 * were.  Negative: no entry left, or the unit has failed. */
struct iommu_irq {
	struct vtd *unit;
	unsigned index;
};
int iommu_irq_open(struct iommu_dev *d, uint8_t vector, uint32_t apic,
		   struct iommu_irq *irq, uint64_t *addr,
		   uint32_t *data) must_check;
int iommu_irq_open_ioapic(uint8_t id, uint8_t vector, uint32_t apic, bool level,
			  struct iommu_irq *irq, uint64_t *entry) must_check;
/* The unit lets nothing through any more, and has passed on what it had.
 * Negative: it has failed, and may. */
int iommu_irq_close(struct iommu_irq *irq) must_check;

/* The n'th unit; NULL: there are not so many. */
struct vtd *iommu_unit(unsigned n);

/* What files show: snapshots, each taken with the locks of one device, one unit
 * or one table, none of which is held while anyone waits for hardware. */
struct iommu_device_info {
	const struct pci_function *pci;	/* fixed after boot */
	int pid;		/* 0: free */
	uint16_t did;		/* 0: none; the firmware's devices have one */
	bool fenced, reserved, ats;
	uint64_t faults;
	int unit_index;		/* negative: none */
	bool master;		/* as its command register says */
	const char *state;	/* free, attached, firmware, refused, fenced */
	const char *why;	/* it is refused, fenced or gone; or NULL */
	physaddr_t unit;	/* base of its unit's registers; 0: none */
	const struct pci_function *group;	/* its first */
};
void iommu_device_info(struct iommu_dev *d, struct iommu_device_info *info);
/* By address, NULL being before the first and behind the last. */
struct iommu_dev *iommu_next_device(const struct iommu_dev *after);
/* The n'th region that the firmware has reserved for it and that is in force;
 * false: there are not so many. */
bool iommu_reserved(const struct iommu_dev *d, unsigned n, uint64_t *lo,
		    uint64_t *hi);

/* Of the space that a device is in; all 0: it is in none. */
struct iommu_space_info {
	unsigned levels;
	uint64_t leaves[3];	/* of 4 KiB, 2 MiB, 1 GiB */
	uint64_t bytes;		/* under them */
	size_t tables;		/* pages */
};
void iommu_space_info(struct iommu_dev *d, struct iommu_space_info *info);

/* Neighbours with the same rights and page size that a device reaches. */
struct iommu_range {
	uint64_t from, to;	/* inclusive */
	int prot;
	unsigned level;		/* 1: 4 KiB, 2: 2 MiB, 3: 1 GiB */
};
/* The first from `at` on; false: there is none. */
bool iommu_range(struct iommu_dev *d, uint64_t at, struct iommu_range *r);

/* A request's way: what the unit finds, entry by entry. */
struct iommu_walk {
	uint16_t sid;
	uint64_t addr;
	unsigned looked;	/* 1: at the root entry; 2: the context entry */
	uint64_t root, context_lo, context_hi;
	unsigned levels, last;	/* of the tables; 0: none was looked at */
	uint64_t entry[5];	/* [level - 1], from levels down to last */
	const char *blocked;	/* why it does not get there; NULL: it does, */
	uint64_t frame;		/* to this byte */
};
void iommu_walk(struct iommu_dev *d, uint64_t addr, struct iommu_walk *w);

/* What was dropped of the DMAR table, and why, in that order; how many.  Fixed
 * after boot. */
struct iommu_dropped {
	uint32_t offset;
	uint16_t type;		/* of the structure */
	const char *why;
};
unsigned iommu_dropped(const struct iommu_dropped **list);

struct iommu_unit_info {
	const void *unit;
	physaddr_t base;
	const void *regs;
	unsigned dmar_width;
	uint32_t version, gsts;
	uint64_t cap, ecap;
	physaddr_t root;
	const void *root_va;
	unsigned devices;
	const char *unsupported, *failure;
	uint16_t segment;
	unsigned address_bits, domains, domains_used;
	unsigned entries, entries_used;	/* for interrupts; 0: none */
	unsigned queue, queued;		/* descriptors; 0: by registers */
	uint64_t faults;		/* told by it */
};
/* false: there are not so many units. */
bool iommu_unit_info(unsigned n, struct iommu_unit_info *info);

/* What iommu_add_device was given for the n'th of those that go together with
 * d, itself the 0th; NULL: there are not so many. */
void *iommu_peer(struct iommu_dev *d, unsigned n);

/* Checks every invariant of units, tables and devices that can be seen; a line
 * for each subject, "ok" or what is wrong, to say(), which formats it. */
typedef void iommu_say(void *arg, const char *fmt, ...) printf_like(2, 3);
void iommu_check(iommu_say *say, void *arg);
/* Of one space, whose owner keeps it still: NULL, or what is wrong with its
 * tables; right() says whether a page may be there with those rights. */
const char *iommu_check_space(struct iommu_space *s,
			      bool (*right)(void *arg, uint64_t va,
					    physaddr_t pa, int prot),
			      void *arg);

/* Never to be used again because a unit failed; and what is in use now. */
struct iommu_losses {
	uint64_t domain_ids, table_pages;
	unsigned ids_in_use, entries_in_use;
};
struct iommu_losses iommu_losses(void);

#endif
