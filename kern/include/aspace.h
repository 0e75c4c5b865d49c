/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space: what a process's memory is, at which addresses, and, while
 * the process owns devices, the I/O space that shows them the same pages.
 *
 * Who touches pages holds the space's lock.  Processor and devices walk the same
 * tables, so a device never has a right that the process does not have (rule 4);
 * what is taken away is flushed from the caches of both before it is reused.
 */
#ifndef ASPACE_H
#define ASPACE_H

#include <iommu.h>
#include <list.h>
#include <lock.h>
#include <mmu.h>
#include <quarantine.h>
#include <ros/syscall.h>
#include <types.h>

struct region {
	struct list link;	/* by address */
	uintptr_t start, end;
	int prot;		/* PROT_ */
	bool pinned;
	bool quarantined;	/* nobody's: devices may still reach it */
	void *device;		/* whose registers these are; NULL: memory */
	physaddr_t pa;		/* of the registers, all but those in the hole */
	physaddr_t hole, hole_end;
	bool combine;		/* their writes may be combined */
};

struct aspace {
	unsigned refs;
	physaddr_t root;	/* the processor's top table */
	uint64_t cpus;		/* bit: loaded there */
	struct qlock lock;
	struct list regions;
	struct list *near;	/* in that ring, where it was looked at last */
	unsigned nregions;
	struct iommu_space *io;	/* NULL: no device attached */
	size_t resident;	/* frames */
	bool lost;		/* a unit failed: frames are not reused */
	struct quarantine quarantine;	/* see lazy.c */
	uint32_t waiting;	/* its frames, linked by number; 0: none */
};

/* At boot: addresses that are never given out (PCI windows), and the lowest
 * one that some unit cannot translate. */
void aspace_exclude(uintptr_t start, uintptr_t end);
void aspace_limit(uintptr_t end);
/* At boot: pages may be as large as level 1 (4 KiB), 2 or 3 (1 GiB). */
void pages_largest(unsigned level);
/* What pinned memory of that length is aligned to, so as to have large ones. */
size_t pages_align(size_t len);

struct aspace *aspace_create(void);		/* NULL: no memory */
void aspace_get(struct aspace *as);
/* The last hold goes with no device attached and loaded nowhere. */
void aspace_put(struct aspace *as);
/* A copy for a child: pinned pages copied, others shared until written. */
struct aspace *aspace_fork(struct aspace *parent);
void aspace_load(struct aspace *as);		/* architecture */

/* Memory at addr (MAP_FIXED) or where there is room; the address or an error.
 * flags: MAP_FIXED, MAP_PINNED, MAP_BELOW. */
long aspace_mmap(struct aspace *as, uintptr_t addr, size_t len, int prot,
		 int flags) must_check;
/* Registers of a device, as `like` has them, in the slot that devices cannot
 * see; what lies in its hole is not mapped. */
long aspace_map_device(struct aspace *as, size_t len,
		       const struct region *like) must_check;
void aspace_revoke_device(struct aspace *as, void *device);
int aspace_munmap(struct aspace *as, uintptr_t addr, size_t len) must_check;
int aspace_mprotect(struct aspace *as, uintptr_t addr, size_t len,
		    int prot) must_check;

/* The page at va may be used that way (PROT_), made if need be; or an error. */
int aspace_fault(struct aspace *as, uintptr_t va, int how) must_check;

/* The I/O space, which walks the same tables, made at the first call; NULL: error.
 * Dropped when no device is left in it. */
struct proc;
struct iommu_space *aspace_io_get(struct aspace *as, struct proc *owner);
void aspace_io_drop(struct aspace *as);

/* A page of the kernel's, of the process's memory at va, for exec's use. */
int aspace_write(struct aspace *as, uintptr_t va, const void *from,
		 size_t n) must_check;

/* "ok", or what is wrong with what its devices see. */
const char *aspace_check(struct aspace *as);

/* The bytes that its devices can read, and those that they can write. */
void aspace_reach(struct aspace *as, size_t *all, size_t *writable);

struct text;
void aspace_text(struct aspace *as, struct text *t);
/* A line a present page: address, frame, rights; first the top table. */
void pages_text(struct aspace *as, struct text *t);

/*
 * lazy.c: frames and addresses that devices may still reach.  Who holds no
 * address space's lock and wants for memory has all quarantines flushed; true:
 * some held something, so that it may try again.
 */
bool lazy_reclaim(void);
void lazy_init(const char *mode, const char *bounds);	/* as at boot */
int lazy_write(const char *s, struct text *subject) must_check;
void lazy_text(struct text *t);

/* Between the files of mm: all with the lock held. */
void lazy_setup(struct aspace *as);
/* Unmaps, if that may be left to a later flush; false: it may not, and nothing
 * in the range waits for one.  *err -ENOMEM: nothing has changed. */
bool lazy_unmap(struct aspace *as, uintptr_t start, uintptr_t end,
		int *err) must_check;
/* Nothing that is unmapped can be reached any more, by any device. */
void lazy_flush(struct aspace *as, enum quarantine_why why);
const char *lazy_check(struct aspace *as);

/* Those that are there: a quarantined one is not. */
struct region *region_find(struct aspace *as, uintptr_t va);
/* The first that ends above va, quarantined or not, and the next one; NULL:
 * none.  Looked for from where the last one was found: who changes memory goes
 * on beside it. */
struct region *region_above(struct aspace *as, uintptr_t va);
struct region *region_after(struct aspace *as, const struct region *r);
void region_free(struct aspace *as, struct region *r);
/* Makes region boundaries at start and end, so that whole regions can be
 * changed; nothing else changes. */
int region_cut(struct aspace *as, uintptr_t start, uintptr_t end) must_check;
/* One region with its neighbours, where they are alike. */
void region_join(struct aspace *as, struct region *r);
/* Takes pages away that devices see, or that none does (from USER_END on); an
 * error: a unit failed, and the frames are lost. */
int pages_remove(struct aspace *as, uintptr_t start, uintptr_t end) must_check;
/* Whether all frames of an entry with an address are memory, and nobody else's. */
bool pages_sole(pte_t pte, unsigned level);
/* Puts them into a list for page_put_list(); how many. */
size_t pages_link(uint32_t *list, pte_t pte, unsigned level);
/* A large page around that address becomes smaller ones, up to it and from it on;
 * -ENOMEM: it is what it was to all. */
int pages_cut(struct aspace *as, uintptr_t at) must_check;
int pages_populate(struct aspace *as, const struct region *r) must_check;
/* The region's rights have become less (an error: a unit failed), or more. */
int pages_narrow(struct aspace *as, const struct region *r) must_check;
void pages_widen(struct aspace *as, const struct region *r);
/* The child's copy of the parent's region; the caller then calls
 * pages_forked(parent), whatever this gives. */
int pages_fork(struct aspace *parent, struct aspace *child,
	       const struct region *r) must_check;
int pages_forked(struct aspace *parent) must_check;
void pages_unfork(struct aspace *parent);
int pages_map_device(struct aspace *as, const struct region *r) must_check;

/* Frames that a failed unit may still reach, and which are therefore lost. */
extern size_t frames_lost;

#endif
