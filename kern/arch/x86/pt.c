/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user half of a process's page tables (pt.h).  No bit is used that means
 * something to a remapping unit: the address, P and W mean the same to both, the
 * others nothing (VT-d 9.8).
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

static void free_table(pte_t *table)
{
	page_put(pa_page(kpa(table)));
}

physaddr_t pt_create(void)
{
	pte_t *top = new_table(), *shared = new_table();

	if (top && shared) {
		kpt_copy_top(top);
		top[0] = kpa(shared) | TABLE_PROT;
		return kpa(top);
	}
	if (top)
		free_table(top);
	if (shared)
		free_table(shared);
	return 0;
}

pte_t *pt_shared(physaddr_t root)
{
	return kva(*(pte_t *)kva(root) & PTE_ADDR);
}

static size_t free_under(pte_t *table, unsigned level, unsigned n, bool lost)
{
	size_t tables = 1;

	for (unsigned i = 0; level > 1 && i < n; i++)
		if (table[i] & PTE_P)
			tables += free_under(kva(table[i] & PTE_ADDR),
					     level - 1, PT_ENTRIES, lost);
	if (!lost)
		free_table(table);
	return tables;
}

size_t pt_destroy(physaddr_t root, bool lost)
{
	pte_t *top = kva(root);
	size_t shared = free_under(pt_shared(root), 3, PT_ENTRIES, lost);

	top[0] = 0;
	free_under(top, 4, PT_ENTRIES / 2, false);
	return lost ? shared : 0;
}

/* Down to that level, or as far as there are tables. */
static pte_t *find(physaddr_t root, uintptr_t va, unsigned *level,
		   unsigned last)
{
	pte_t *table = kva(root), *e;

	for (*level = 4;; --*level) {
		e = &table[pt_index(va, *level)];
		if (*level == last || !(*e & PTE_P) || *e & PTE_PS)
			return e;
		table = kva(*e & PTE_ADDR);
	}
}

pte_t *pt_find(physaddr_t root, uintptr_t va, unsigned *level)
{
	return find(root, va, level, 1);
}

static void set(struct iommu_gather *g, uintptr_t va, pte_t *e, unsigned level,
		pte_t new)
{
	iommu_store(g, ROUNDDOWN(va, pt_size(level)), e, &new, 1, level);
}

pte_t *pt_make(struct iommu_gather *g, physaddr_t root, uintptr_t va,
	       unsigned *level)
{
	unsigned found;
	pte_t *e, *table;

	while ((e = pt_find(root, va, &found)), found > *level && !*e) {
		table = new_table();
		if (!table)
			return NULL;
		set(g, va, e, found, kpa(table) | TABLE_PROT);
	}
	*level = found;
	return e;
}

struct page *pt_take_out(struct iommu_gather *g, physaddr_t root, uintptr_t va)
{
	unsigned level;
	pte_t *e = find(root, va, &level, 2), *table = kva(*e & PTE_ADDR);

	for (unsigned i = 0; i < PT_ENTRIES; i++)
		assert(!table[i]);
	set(g, va, e, level, 0);
	return pa_page(kpa(table));
}

bool pt_split(struct iommu_gather *g, uintptr_t va, pte_t *e, unsigned level)
{
	pte_t leaf = *e & ~(level == 2 ? PTE_PS : 0);
	pte_t *table = new_table();

	if (!table)
		return false;
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		table[i] = leaf + i * pt_size(level - 1);
	set(g, va, e, level, kpa(table) | TABLE_PROT);
	return true;
}

bool pt_next(struct pt_walk *w)
{
	for (;;) {
		if (w->e)	/* the range may begin in the middle of one */
			w->va = (w->va | (pt_size(w->level) - 1)) + 1;
		if (w->va >= w->end)
			return false;
		if (w->e && w->level == 1 && pt_index(w->va, 1))
			w->e++;
		else
			w->e = pt_find(w->root, w->va, &w->level);
		if (*w->e & PTE_ADDR)
			return w->any = true;
	}
}

void pt_edit_end(struct pt_edit *ed)
{
	if (ed->n)
		iommu_store(ed->g, ed->va, ed->e, ed->list, ed->n, ed->level);
	ed->n = 0;
}

/* PROT_NONE is an absent page to the process; write means read too. */
pte_t pte_user(physaddr_t pa, int prot)
{
	if (!prot)
		return pa;
	return pa | PTE_P | PTE_U | (prot & PROT_WRITE ? PTE_W : 0) |
		(prot & PROT_EXEC ? 0 : PTE_NX);
}

pte_t pte_device(physaddr_t pa, int prot, bool combine)
{
	return pte_user(pa, prot & ~PROT_EXEC) |
		(combine ? PTE_COMBINE : PTE_UNCACHED);
}
