/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout of virtual memory, and the processor's page-table entries.
 *
 *	0x0000'0001'0000'0000	process memory (slot 0, shared with its devices)
 *	0x0000'0080'0000'0000	a process's BAR mappings (slot 1)
 *	0xffff'8000'0000'0000	all RAM, direct, not executable
 *	0xffff'ff00'0000'0000	kernel stacks, each above an unmapped page
 *	0xffff'fff0'0000'0000	device registers
 *	0xffff'ffff'8000'0000	the kernel image, text not writable
 */
#ifndef MMU_H
#define MMU_H

#define DIRECT_BASE	0xffff800000000000
#define DIRECT_END	0xffffc00000000000
#define KSTACK_BASE	0xffffff0000000000
#define KSTACK_END	0xffffff8000000000
#define MMIO_BASE	0xfffffff000000000
#define MMIO_END	0xffffffff00000000
#define KERNEL_BASE	0xffffffff80000000

#define USER_BASE	0x0000000100000000
#define USER_END	0x0000008000000000
#define BAR_BASE	0x0000008000000000
#define BAR_END		0x0000010000000000

#define KSTACK_SIZE	0x4000
#define AP_BOOT		0x8000		/* where processors start, real mode */

#define GDT_KCODE	0x08
#define GDT_KDATA	0x10
#define GDT_UDATA	0x1b		/* SYSRET wants data below code */
#define GDT_UCODE	0x23
#define GDT_TSS		0x28

#ifndef __ASSEMBLER__
#include <types.h>

typedef uint64_t pte_t;

#define PTE_P		(1ul << 0)
#define PTE_W		(1ul << 1)
#define PTE_U		(1ul << 2)
#define PTE_PWT		(1ul << 3)
#define PTE_PCD		(1ul << 4)
/* Memory types, by PAT_TYPES; neither: write-back. */
#define PTE_COMBINE	PTE_PWT
#define PTE_UNCACHED	(PTE_PCD | PTE_PWT)
#define PTE_A		(1ul << 5)
#define PTE_D		(1ul << 6)
#define PTE_PS		(1ul << 7)	/* a leaf above the lowest level */
#define PTE_G		(1ul << 8)
#define PTE_NX		(1ul << 63)
#define PTE_ADDR	0x000ffffffffff000ul

#define PT_ENTRIES	512
#define pt_shift(level)	(PGSHIFT + 9 * ((level) - 1))
#define pt_index(va, level)	(((va) >> pt_shift(level)) & (PT_ENTRIES - 1))

static inline void *kva(physaddr_t pa)
{
	return (void *)(DIRECT_BASE + pa);
}

/* The physical address of something in the direct map or in the image. */
static inline physaddr_t kpa(const volatile void *p)
{
	uintptr_t va = (uintptr_t)p;

	return va >= KERNEL_BASE ? va - KERNEL_BASE : va - DIRECT_BASE;
}
#endif

#endif
