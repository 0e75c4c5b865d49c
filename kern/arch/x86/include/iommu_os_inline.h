/* SPDX-License-Identifier: BSD-2-Clause */
/* The services of iommu_os.h that take an instruction or two. */
#ifndef IOMMU_OS_INLINE_H
#define IOMMU_OS_INLINE_H

#include <mmu.h>
#include <x86.h>

#define CACHE_LINE 64	/* of every processor with VT-d */

/* Of memory from kmalloc, which lies in the direct map. */
static inline physaddr_t os_phys(const volatile void *p)
{
	return (uintptr_t)p - DIRECT_BASE;
}

static inline void *os_virt(physaddr_t pa)
{
	return kva(pa);
}

static inline void os_store(uint64_t *entry, uint64_t v)
{
	__atomic_store_n(entry, v, __ATOMIC_RELEASE);
}

static inline void os_flush_line(const volatile void *p)
{
	clflush((const void *)p);
}

/* CLFLUSH is ordered behind stores to the line but not before later register
 * writes: MFENCE makes it so (SDM 2A, CLFLUSH). */
static inline void os_flush(const volatile void *p, size_t len)
{
	uintptr_t at = (uintptr_t)p & ~(CACHE_LINE - 1ul);
	uintptr_t end = (uintptr_t)p + len;

	if (__builtin_constant_p(len) && len <= sizeof(uint64_t)) {
		clflush((const void *)p);	/* entries do not cross lines */
	} else if (__builtin_constant_p(len) && len == PGSIZE) {
		clflush_page(p);	/* a table */
	} else {
		for (; at < end; at += CACHE_LINE)
			clflush((const void *)at);
	}
	mfence();
}

#endif
