/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA remapping as the kernel sees it, whatever the architecture.
 *
 * A space is what the devices of one owner see of memory; a device is one PCI
 * function.  The caller serialises attach, detach and power with each other,
 * and changes of one space with each other; everything else may run at any
 * time.  Who may do what is the caller's business.
 *
 * Functions that return int give 0, or a negative number with the reason left
 * by os_error().
 */
#ifndef IOMMU_H
#define IOMMU_H

#include <types.h>

struct iommu_dev;
struct iommu_space;
struct vtd;

#define IOMMU_READ	1
#define IOMMU_WRITE	2

/* A device with more faults than that in a second is fenced (rule 8); this
 * many of them are told to log and owner. */
#define IOMMU_STORM_FAULTS	256
#define IOMMU_TOLD_FAULTS	8

/* Boot, in this order.  `dmar` is the firmware's table, NULL for none. */
void iommu_init(const void *dmar, size_t len);
/* Each PCI function, once bus numbers are fixed; NULL: no memory. */
struct iommu_dev *iommu_add_device(uint16_t segment, uint16_t sid);
/* Fences every device, then turns translation on (or leaves it off). */
void iommu_start(bool on);

/* Why there is no translation at all; NULL: there is. */
const char *iommu_missing(void);
/* All units translate addresses below 2^this; 64 where there is none. */
unsigned iommu_address_bits(void);

struct iommu_fault {
	uint16_t segment, sid;
	uint64_t addr;		/* of the page that was asked for */
	bool read;
	uint8_t reason;		/* the specification's number */
	const char *text;	/* and in words */
};

/* What the upper layer wants to hear. */
struct iommu_events {
	/* There is something for iommu_service_faults; interrupt context. */
	void (*pending)(void);
	/* The owner of a space: one of its devices caused a fault.  Called
	 * with a lock of the iommu held; must not call back here. */
	void (*fault)(void *owner, const struct iommu_fault *f);
};
void iommu_set_events(const struct iommu_events *events);
/* Takes the faults out of the units, tells them, fences storms; from a thread.
 * true: there were some, so there may be more; come back soon. */
bool iommu_service_faults(void);

/*
 * Spaces.  `owner` is given to events->fault, `pid` is for texts, `serial` is
 * unique to the owner (a device that cannot be reset is not given to another
 * one).  NULL: no memory.
 */
struct iommu_space *iommu_space_create(void *owner, int pid, uint64_t serial);
/* No device is attached.  Negative: a failed unit may still walk its tables;
 * they, and the caller's frames in them, must never be used again. */
int iommu_space_destroy(struct iommu_space *s) must_check;
unsigned iommu_space_devices(struct iommu_space *s);

/* What a change of a space must flush.  Start with { .space = s }; a gather
 * without space swallows everything. */
struct iommu_gather {
	struct iommu_space *space;
	bool added, removed;
};
/* Whole pages of RAM; all or nothing; replaces what was there. */
int iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa, size_t len,
	      int prot) must_check;
/* Takes away all rights but those; 0: unmaps. */
void iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len, int prot);
/* No device sees the state before the changes any more, and the gather is
 * empty; negative: a unit failed, what was removed must never be reused.
 * Holds no lock while it waits for the hardware. */
int iommu_flush(struct iommu_gather *g) must_check;

/* attach: words */
#define IOMMU_UNSAFE	1	/* though it could not be reset since another
				 * owner had it */
int iommu_attach(struct iommu_dev *d, struct iommu_space *s,
		 unsigned words) must_check;
/* The device is free afterwards in any case; negative: its unit failed. */
int iommu_detach(struct iommu_dev *d);
/* Resets it as far as it can be and lifts the fence of a fault storm. */
int iommu_reset(struct iommu_dev *d) must_check;

bool iommu_powered(void);
int iommu_power(bool on) must_check;

/* What files show. */
struct iommu_device_info {
	uint16_t segment, sid;
	int pid;		/* 0: free */
	uint16_t did;
	bool covered, fenced;
	const char *reset;	/* how it is reset; NULL: it cannot be */
	uint64_t faults;
};
void iommu_device_info(struct iommu_dev *d, struct iommu_device_info *info);

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
};
/* false: there are not so many units. */
bool iommu_unit_info(unsigned n, struct iommu_unit_info *info);
/* The devices attached behind unit n, by pid and address; how many there are,
 * of which the first `max` are stored. */
unsigned iommu_unit_devices(unsigned n, struct iommu_device_info *list,
			    unsigned max);

/* Never to be used again because a unit failed. */
struct iommu_losses {
	uint64_t domain_ids, table_pages;
};
struct iommu_losses iommu_losses(void);

#endif
