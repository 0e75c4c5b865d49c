/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's memory manager on the model: its sources unchanged (kern/mm,
 * kern/arch/x86/pt.c), above the driver and below a test.  Between the test's
 * headers and the kernel's, which have names in common.
 */
#ifndef MM_H
#define MM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aspace;
struct iommu_gather;
struct iommu_space;
struct text;

/* The allocator anew, with that memory; the mode as on the command line. */
void mm_open(uint64_t start, uint64_t end, const char *mode,
	     const char *bounds);
size_t mm_close(void);	/* all is free again, but for so much that is lost */
/* What the kernel's thread does, if its alarm is due by then. */
void mm_turn(uint64_t now);
size_t mm_free(void);
bool mm_is_locked(struct aspace *as);
/* Another thread goes first, at the next lock of an address space, or behind
 * the next one that is let go. */
extern void (*mm_before_lock)(void), (*mm_after_lock)(void);

/* A process with that pid, for texts and I/O spaces. */
struct mm_proc *mm_proc(int pid);
void mm_proc_free(struct mm_proc *p);
/* The I/O space of its memory, at its first device. */
struct iommu_space *mm_io_get(struct aspace *as, struct mm_proc *p);

/* tlb.c: processors know what the space has now; no more than that from before. */
void mm_look(struct aspace *as);
void mm_shot(struct aspace *as, uint64_t va, size_t len);
void mm_forget(struct aspace *as);	/* it is gone */
bool mm_is_known(uint64_t pa);
/* Each present page, its frame and rights, bit 0 and 1. */
void mm_each(struct aspace *as, void (*fn)(void *arg, uint64_t va, uint64_t e),
	     void *arg);

/* Of aspace.h, with plain types. */
struct aspace *aspace_create(void);
struct aspace *aspace_fork(struct aspace *parent);
void aspace_put(struct aspace *as);
long aspace_mmap(struct aspace *as, uintptr_t addr, size_t len, int prot,
		 int flags);
int aspace_munmap(struct aspace *as, uintptr_t addr, size_t len);
int aspace_mprotect(struct aspace *as, uintptr_t addr, size_t len, int prot);
int aspace_fault(struct aspace *as, uintptr_t va, int how);
void aspace_revoke_device(struct aspace *as, void *device);
void aspace_io_drop(struct aspace *as);
const char *aspace_check(struct aspace *as);
/* What it says while that is wrong; then it is right again. */
enum mm_wrong { MM_NO_SPACE, MM_NOT_ITS_OWN, MM_MISCOUNTED };
const char *mm_check_wrong(struct aspace *as, enum mm_wrong what);
bool lazy_reclaim(void);
int lazy_write(const char *s, struct text *subject);

#define MM_READ		1
#define MM_WRITE	2
#define MM_FIXED	2
#define MM_PINNED	4

/* The test's: a frame becomes a process's, or nobody's. */
void mm_frame_given(uint64_t pa);
void mm_frame_taken(uint64_t pa);
/* Likewise a table of the processor's. */
void mm_table_given(uint64_t pa);
void mm_table_taken(uint64_t pa);
/* There is none, for anything. */
extern bool mm_no_memory;
/* Pages may be as large as that level, from the next mapping on. */
void pages_largest(unsigned level);
/* The test's: between changes of the processor's tables and what follows. */
void mm_shootdown(void);
uint64_t mm_now(void);
void *mm_at(uint64_t pa);
uint64_t mm_pa(const volatile void *p);

#endif
