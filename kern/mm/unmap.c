/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages taken away: out of the tables that processor and devices walk, from the
 * caches of the units, then from those of the processors; only then are their
 * frames anybody else's.  Lazily, between the first and the second of these,
 * lazy.c lets time pass.  All with the space's lock held.
 */
#include <aspace.h>
#include <page.h>
#include <pt.h>
#include <tlb.h>

#define BATCH 64	/* shared frames let go at a time */

size_t frames_lost;

static struct page *page_of(pte_t pte)
{
	return pa_page(pte & PTE_ADDR);
}

bool pages_sole(pte_t pte, unsigned level)
{
	physaddr_t pa = pte & PTE_ADDR;
	const struct page *pg = page_is_ram(pa) ? pa_page(pa) : NULL;

	for (size_t n = pt_size(level) / PGSIZE; pg && n; n--, pg++)
		if (!(pg->flags & PG_USER) || READ_ONCE(pg->refs) != 1)
			return false;
	return pg;
}

size_t pages_link(uint32_t *list, pte_t pte, unsigned level)
{
	struct page *pg = page_of(pte);
	size_t n = pt_size(level) / PGSIZE;

	for (struct page *end = pg + n; pg < end; pg++) {
		pg->next = *list;
		*list = (uint32_t)(pg - pages);
	}
	return n;
}

/* What is taken away and not flushed: frames that are nobody else's, linked, and
 * some that are.  Others might let go of those meanwhile, and none would know
 * that a device still reaches them. */
struct gone {
	struct aspace *as;
	struct pt_edit ed;
	size_t n;
	uint32_t sole;
	unsigned nshared;
	struct page *shared[BATCH];
};

static void take(struct gone *gone, const struct pt_walk *w)
{
	pte_t pte = *w->e;

	if (pages_sole(pte, w->level)) {
		gone->n += pages_link(&gone->sole, pte, w->level);
	} else if (page_is_ram(pte & PTE_ADDR) &&
		   page_of(pte)->flags & PG_USER) {
		gone->n++;
		gone->shared[gone->nshared++] = page_of(pte);
	}
	pt_edit(&gone->ed, w->va, w->e, w->level, 0);
}

static void let_go(struct gone *gone)
{
	struct aspace *as = gone->as;

	as->resident -= gone->n;
	if (as->lost) {
		frames_lost += gone->n;
	} else {
		page_put_list(gone->sole);
		while (gone->nshared)
			page_put(gone->shared[--gone->nshared]);
	}
	gone->n = gone->sole = gone->nshared = 0;
}

/* Of all before `end`. */
static int flush_gone(struct gone *gone, uintptr_t start, uintptr_t end)
{
	struct aspace *as = gone->as;
	int err = 0;

	pt_edit_end(&gone->ed);
	if (gone->ed.g->space)
		err = quarantine_flush(&as->quarantine, QUARANTINE_OTHER);
	as->lost |= err < 0;
	tlb_shootdown(as, start, end - start);
	let_go(gone);
	return err;
}

int pages_remove(struct aspace *as, uintptr_t start, uintptr_t end)
{
	struct pt_walk w = pt_walk(as->root, start, end);
	struct iommu_gather none;
	struct gone gone;
	int err = 0;

	iommu_gather_init(&none, NULL);
	gone.as = as;
	gone.n = gone.sole = gone.nshared = 0;
	pt_edit_begin(&gone.ed, start < USER_END ? &as->quarantine.gather :
		      &none);
	while (pt_next(&w)) {
		take(&gone, &w);
		if (gone.nshared == BATCH)
			err |= flush_gone(&gone, start, w.va + PGSIZE);
	}
	return w.any ? err | flush_gone(&gone, start, end) : 0;
}
