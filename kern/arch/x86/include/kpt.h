/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's half of all page tables. */
#ifndef KPT_H
#define KPT_H

#include <mmu.h>
#include <types.h>

/* How a range may be used; nothing is both writable and executable. */
#define KPT_READ	(PTE_P | PTE_NX | PTE_G)
#define KPT_WRITE	(PTE_P | PTE_W | PTE_NX | PTE_G)
#define KPT_EXEC	(PTE_P | PTE_G)
#define KPT_COMBINE	(KPT_WRITE | PTE_COMBINE)
#define KPT_DEVICE	(KPT_WRITE | PTE_UNCACHED)

/* Top-level entries for the whole kernel half, so that each process can copy
 * them once. */
void kpt_init(void);

/* Maps pages that were not mapped, with the largest page size that fits.
 * false: no memory for tables. */
bool kpt_map(uintptr_t va, physaddr_t pa, size_t len, pte_t prot);

/* For a process's top table: the kernel half's entries. */
void kpt_copy_top(pte_t *top);

pte_t *early_table(void);	/* a zeroed page before the allocator runs */

#endif
