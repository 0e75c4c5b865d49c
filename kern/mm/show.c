/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the devices of a process are shown of its memory (show.h): called by
 * pages.c for pages that are made or get more rights, and when its I/O space is
 * made.  With the address space's lock held.
 */
#include "show.h"

#include <assert.h>
#include <page.h>
#include <pt.h>

/* What devices may do with a present page: what its entry allows. */
static int io_prot(pte_t pte)
{
	return IOMMU_READ | (pte & PTE_W ? IOMMU_WRITE : 0);
}

/* `len` bytes from va on, which lie in memory from pte's frame on. */
static int show_range(struct aspace *as, struct iommu_gather *g, uintptr_t va,
		      pte_t pte, size_t len)
{
	g->space = as->io;
	if (!as->io || !(pte & PTE_P) || !for_devices(va))
		return 0;
	assert(pa_page(pte & PTE_ADDR)->flags & PG_USER);
	return iommu_map(g, va, pte & PTE_ADDR, len, io_prot(pte));
}

int show_page(struct aspace *as, struct iommu_gather *g, uintptr_t va,
	      pte_t pte)
{
	return show_range(as, g, va, pte, PGSIZE);
}

int run_end(struct run *run)
{
	size_t len = run->len;

	run->len = 0;
	return len ? show_range(run->as, &run->g, run->va, run->pte, len) : 0;
}

int run_add(struct run *run, uintptr_t va, pte_t pte, size_t len)
{
	const pte_t seen = PTE_ADDR | PTE_P | PTE_W;
	int err;

	if (run->len && va == run->va + run->len &&
	    (pte & seen) == (run->pte & seen) + run->len) {
		run->len += len;
		return 0;
	}
	err = run_end(run);
	run->va = va;
	run->pte = pte;
	run->len = len;
	return err;
}

void flush_added(struct iommu_gather *g)
{
	(void)!iommu_flush(g);
}

static bool follow_each_other(const pte_t *e, size_t n)
{
	const pte_t seen = PTE_ADDR | PTE_P | PTE_W;

	for (size_t i = 1; i < n; i++)
		if ((e[i] & seen) != (e[0] & seen) + i * PGSIZE)
			return false;
	return e[0] & PTE_P;
}

/* n entries of one table: as one run if they are all of it and in one piece. */
static int show_entries(struct run *run, uintptr_t va, const pte_t *e, size_t n)
{
	int err;

	if (n == PT_ENTRIES && follow_each_other(e, n))
		return run_add(run, va, e[0], n * PGSIZE);
	err = run_end(run);
	return err ? err : iommu_map_list(&run->g, va, e, n);
}

static int show_region(struct run *run, const struct region *r)
{
	uintptr_t va = r->start;
	int err = 0;
	size_t len;
	pte_t *e;

	for (; !err && va < r->end; va += len) {
		len = pt_in_table(va, r->end);
		e = pt_leaf(run->as->root, va, false);
		if (e)
			err = show_entries(run, va, e, len / PGSIZE);
	}
	return err;
}

int pages_show(struct aspace *as)
{
	struct run run = { .as = as, .g = { .space = as->io } };
	struct region *r;
	int err = 0;

	list_for_each(r, &as->regions, link)
		if (!err && for_devices(r->start))
			err = show_region(&run, r);
	if (!err)
		err = run_end(&run);
	return err;
}
