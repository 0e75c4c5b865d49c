/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user half of a process's page tables (pt.h).  Absent entries are 0, and
 * no bit is used that means something to a remapping unit.
 */
#include <assert.h>
#include <kpt.h>
#include <page.h>
#include <pt.h>
#include <ros/syscall.h>
#include <string.h>

#define TABLE_PROT	(PTE_P | PTE_W | PTE_U)

static pte_t *new_table(void)
{
	struct page *pg = page_alloc(0);

	return pg ? memset(kva(page_pa(pg)), 0, PGSIZE) : NULL;
}

physaddr_t pt_create(void)
{
	pte_t *top = new_table();

	if (!top)
		return 0;
	kpt_copy_top(top);
	return kpa(top);
}

static void free_under(pte_t *table, unsigned level, unsigned n)
{
	for (unsigned i = 0; level > 1 && i < n; i++)
		if (table[i] & PTE_P)
			free_under(kva(table[i] & PTE_ADDR), level - 1,
				   PT_ENTRIES);
	page_put(pa_page(kpa(table)));
}

void pt_destroy(physaddr_t root)
{
	free_under(kva(root), 4, PT_ENTRIES / 2);
}

pte_t *pt_leaf(physaddr_t root, uintptr_t va, bool create)
{
	pte_t *table = kva(root), *e, *next;

	for (unsigned level = 4; level > 1; level--) {
		e = &table[pt_index(va, level)];
		if (!(*e & PTE_P)) {
			next = create ? new_table() : NULL;
			if (!next)
				return NULL;
			*e = kpa(next) | TABLE_PROT;
		}
		table = kva(*e & PTE_ADDR);
	}
	return &table[pt_index(va, 1)];
}

size_t pt_in_table(uintptr_t va, uintptr_t end)
{
	return MIN(end - va, (1ul << pt_shift(2)) - va % (1ul << pt_shift(2)));
}

/* PROT_NONE is an absent page to the process; write means read too. */
pte_t pte_user(physaddr_t pa, int prot)
{
	if (!prot)
		return 0;
	return pa | PTE_P | PTE_U | (prot & PROT_WRITE ? PTE_W : 0) |
		(prot & PROT_EXEC ? 0 : PTE_NX);
}

pte_t pte_device(physaddr_t pa, int prot, bool combine)
{
	return pte_user(pa, prot & ~PROT_EXEC) |
		(combine ? PTE_COMBINE : PTE_UNCACHED);
}
