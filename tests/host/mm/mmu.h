/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's mmu.h, with its direct map in the model's memory. */
#ifndef MM_MMU_H
#define MM_MMU_H

#define kva kva_in_the_kernel
#define kpa kpa_in_the_kernel
#include "../../../kern/arch/x86/include/mmu.h"
#undef kva
#undef kpa

void *kva(physaddr_t pa);
physaddr_t kpa(const volatile void *p);

#endif
