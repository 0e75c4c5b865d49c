/* SPDX-License-Identifier: BSD-2-Clause */
/* The services of iommu_os.h that take an instruction or two. */
#ifndef IOMMU_OS_INLINE_H
#define IOMMU_OS_INLINE_H

#include <mmu.h>

static inline physaddr_t os_phys(const volatile void *p)
{
	return kpa(p);
}

static inline void *os_virt(physaddr_t pa)
{
	return kva(pa);
}

static inline void os_store(uint64_t *entry, uint64_t v)
{
	__atomic_store_n(entry, v, __ATOMIC_RELEASE);
}

#endif
