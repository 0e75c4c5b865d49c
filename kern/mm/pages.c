/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages under regions: made on demand, shared after fork, copied when written,
 * shown to the devices of the process and taken away again.  All with the
 * space's lock held.
 *
 * The order is always the same.  Less: the devices' entries change and are
 * flushed, then the processor's are, then frames are let go.  More: the
 * processor's entries first, then the devices'.  Where a frame is replaced (a
 * copy is broken), the device's entry goes from old to new in one store, so
 * that a transfer in progress never meets a hole.
 */
#include "show.h"

#include <aspace.h>
#include <error.h>
#include <fmt.h>
#include <page.h>
#include <proc.h>
#include <pt.h>
#include <string.h>
#include <tlb.h>

#define BATCH		64	/* frames let go at a time */
#define RESERVE		256	/* frames that processes do not get */
#define LARGE_RESERVE	1024	/* nor large ones, beside these */

size_t frames_lost;

/* The entry of a page as the region allows it; a shared frame is never
 * writable. */
static pte_t make_pte(const struct region *r, const struct page *pg)
{
	int prot = r->prot;

	if (READ_ONCE(pg->refs) > 1)
		prot &= ~PROT_WRITE;
	return pte_user(page_pa(pg), prot);
}

static struct page *pte_page(pte_t pte)
{
	return pa_page(pte & PTE_ADDR);
}

/* A page of a region without any right is kept, but absent to all: P clear and
 * the frame's address in the other bits. */
static bool has_frame(pte_t pte)
{
	return pte & PTE_ADDR;
}

static pte_t set_rights(const struct region *r, pte_t pte)
{
	pte_t new = make_pte(r, pte_page(pte));

	return new ? new : pte & PTE_ADDR;
}

/* A new page, seen by the process and then by its devices. */
static int install(struct aspace *as, const struct region *r, uintptr_t va,
		   pte_t *e, struct page *pg)
{
	struct iommu_gather g = { 0 };
	int err;

	*e = set_rights(r, page_pa(pg));
	as->resident++;
	err = show_page(as, &g, va, *e);
	flush_added(&g);
	if (!err)
		return 0;
	*e = 0;
	as->resident--;
	tlb_shootdown(as, va, PGSIZE);
	page_put(pg);
	return err;
}

/* The more a process has, the sooner it finds that there is no more: then there
 * is room for the small one that ends it. */
static bool may_have_more(const struct aspace *as)
{
	return pages_free() > RESERVE + MIN(as->resident / 8, LARGE_RESERVE);
}

static struct page *user_page(const struct aspace *as)
{
	struct page *pg = may_have_more(as) ? page_alloc_user(0) : NULL;

	if (!pg)
		error(ENOMEM, "no memory");
	return pg;
}

/* The entry of a page that is to be made; a table costs a frame too. */
static pte_t *new_entry(struct aspace *as, uintptr_t va)
{
	pte_t *e = pt_leaf(as->root, va, false);

	if (!e && may_have_more(as))
		e = pt_leaf(as->root, va, true);
	if (!e)
		error(ENOMEM, "no memory");
	return e;
}

static int make_page(struct aspace *as, const struct region *r, uintptr_t va,
		     pte_t *e)
{
	struct page *pg = user_page(as);

	return pg ? install(as, r, va, e, pg) : -ENOMEM;
}

/* The process writes to a page that it shares, or shared once. */
static int break_copy(struct aspace *as, const struct region *r, uintptr_t va,
		      pte_t *e)
{
	struct page *old = pte_page(*e), *new;
	struct iommu_gather g = { 0 };
	pte_t pte;
	int err;

	if (READ_ONCE(old->refs) == 1) {
		*e = make_pte(r, old);
		err = show_page(as, &g, va, *e);
		flush_added(&g);
		return err;
	}
	new = user_page(as);
	if (!new)
		return -ENOMEM;
	lazy_flush(as, QUARANTINE_OTHER);
	memcpy(kva(page_pa(new)), kva(page_pa(old)), PGSIZE);
	pte = make_pte(r, new);
	err = show_page(as, &g, va, pte);
	if (err) {
		flush_added(&g);
		page_put(new);
		return err;
	}
	err = iommu_flush(&g);
	*e = pte;
	tlb_shootdown(as, va, PGSIZE);
	if (err)
		frames_lost++;
	else
		page_put(old);
	return err;
}

static int fault(struct aspace *as, uintptr_t va, int how)
{
	struct region *r = region_find(as, va);
	pte_t *e;

	if (!r || (r->prot & how) != how)
		return error(EFAULT, "0x%lx: not yours", va);
	if (r->device)
		return error(EFAULT, "0x%lx: device memory is gone", va);
	va = ROUNDDOWN(va, PGSIZE);
	e = new_entry(as, va);
	if (!e)
		return -ENOMEM;
	if (!has_frame(*e))
		return make_page(as, r, va, e);
	if (how == PROT_WRITE && !(*e & PTE_W))
		return break_copy(as, r, va, e);
	return 0;
}

static int fault_locked(struct aspace *as, uintptr_t va, int how)
{
	int err;

	qlock(&as->lock);
	err = fault(as, va, how);
	qunlock(&as->lock);
	return err;
}

int aspace_fault(struct aspace *as, uintptr_t va, int how)
{
	int err = fault_locked(as, va, how);

	if (err && err != -EFAULT && lazy_reclaim())
		err = fault_locked(as, va, how);
	return err;
}

/* The largest block that fits at va, and is there to be had. */
static struct page *block(struct aspace *as, uintptr_t va, size_t len,
			  unsigned *order)
{
	static const unsigned large[] = { ORDER_1G, ORDER_2M };
	struct page *pg = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(large) && !pg; i++) {
		*order = large[i];
		if (!(va % (PGSIZE << *order)) && len >= PGSIZE << *order &&
		    pages_free() > (2ul << *order) + LARGE_RESERVE)
			pg = page_alloc_user(*order);
	}
	if (pg)
		return pg;
	*order = 0;
	return user_page(as);
}

/* The frames of a block, which go one by one from here on. */
static int install_block(struct run *run, const struct region *r, uintptr_t va,
			 struct page *pg, unsigned order)
{
	int err = 0;
	pte_t *e;

	for (size_t i = 0; i < 1ul << order; i++, va += PGSIZE) {
		e = err ? NULL : new_entry(run->as, va);
		if (!e) {
			page_put(&pg[i]);
			err = -ENOMEM;
			continue;
		}
		*e = set_rights(r, page_pa(&pg[i]));
		run->as->resident++;
		err = run_add(run, va, *e, PGSIZE);
	}
	return err;
}

int pages_populate(struct aspace *as, const struct region *r)
{
	struct run run = { .as = as };
	uintptr_t va = r->start;
	struct page *pg;
	unsigned order;
	int err = 0;

	for (; !err && va < r->end; va += PGSIZE << order) {
		pg = block(as, va, r->end - va, &order);
		err = pg ? install_block(&run, r, va, pg, order) : -ENOMEM;
	}
	if (!err)
		err = run_end(&run);
	flush_added(&run.g);
	return err;
}

pte_t *pages_next(struct aspace *as, uintptr_t *va, uintptr_t end)
{
	pte_t *e;

	while (*va < end) {
		e = pt_leaf(as->root, *va, false);
		if (!e) {
			*va += pt_in_table(*va, end);
			continue;
		}
		if (has_frame(*e))
			return e;
		*va += PGSIZE;
	}
	return NULL;
}

/* Frames that nobody can reach any more; device registers are not frames. */
static void let_go(struct aspace *as, const physaddr_t *pa, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!page_is_ram(pa[i]) || !(pa_page(pa[i])->flags & PG_USER))
			continue;
		as->resident--;
		if (as->lost)
			frames_lost++;
		else
			page_put(pa_page(pa[i]));
	}
}

/* Nothing is lost but, perhaps, that a large page is now many small ones. */
static int keep_failed(struct iommu_gather *g)
{
	(void)!iommu_flush(g);
	return -ENOMEM;
}

int pages_remove(struct aspace *as, uintptr_t start, uintptr_t end)
{
	struct quarantine *q = &as->quarantine;
	physaddr_t frames[BATCH];
	uintptr_t va = start, first;
	unsigned n;
	pte_t *e;
	int err = 0;

	if (as->io && for_devices(start)) {
		err = iommu_keep(&q->gather, start,
				 MIN(end, USER_END) - start, 0);
		if (err < 0)	/* the next flush covers what was split */
			return -ENOMEM;
		err = quarantine_flush(q, QUARANTINE_OTHER);
		as->lost |= err < 0;
	}
	do {
		first = va;
		for (n = 0; n < BATCH && (e = pages_next(as, &va, end)); n++) {
			frames[n] = *e & PTE_ADDR;
			*e = 0;
			va += PGSIZE;
		}
		if (n)
			tlb_shootdown(as, first, MIN(va, end) - first);
		let_go(as, frames, n);
	} while (n == BATCH);
	return err;
}

int pages_narrow(struct aspace *as, const struct region *r)
{
	struct iommu_gather g = { .space = as->io };
	uintptr_t va = r->start;
	pte_t *e;
	int err;

	err = iommu_keep(&g, r->start, r->end - r->start,
			 (r->prot ? IOMMU_READ : 0) |
			 (r->prot & PROT_WRITE ? IOMMU_WRITE : 0));
	if (err < 0)
		return keep_failed(&g);
	err = iommu_flush(&g);
	for (; (e = pages_next(as, &va, r->end)); va += PGSIZE)
		*e = set_rights(r, *e);
	tlb_shootdown(as, r->start, r->end - r->start);
	return err;
}

/* Pages that are the process's alone get all rights that the region has. */
int pages_widen(struct aspace *as, const struct region *r)
{
	struct run run = { .as = as };
	uintptr_t va = r->start;
	pte_t *e, new;
	int err = 0;

	for (; !err && (e = pages_next(as, &va, r->end)); va += PGSIZE) {
		new = set_rights(r, *e);
		if (new == (*e & ~(PTE_A | PTE_D)))
			continue;
		*e = new;
		err = run_add(&run, va, new, PGSIZE);
	}
	if (!err)
		err = run_end(&run);
	flush_added(&run.g);
	return err;
}

static int copy_for_child(struct aspace *child, const struct region *r,
			  uintptr_t va, pte_t pte)
{
	struct page *pg = user_page(child);
	pte_t *e;

	if (!pg)
		return -ENOMEM;
	memcpy(kva(page_pa(pg)), kva(pte & PTE_ADDR), PGSIZE);
	e = new_entry(child, va);
	if (!e) {
		page_put(pg);
		return -ENOMEM;
	}
	return install(child, r, va, e, pg);
}

static int share_with_child(struct aspace *child, const struct region *r,
			    uintptr_t va, pte_t pte)
{
	pte_t *e = new_entry(child, va);

	if (!e)
		return -ENOMEM;
	page_get(pte_page(pte));
	*e = set_rights(r, pte);
	child->resident++;
	return 0;
}

int pages_fork(struct aspace *parent, struct aspace *child,
	       const struct region *r)
{
	uintptr_t va = r->start;
	pte_t *e;
	int err = 0;

	for (; !err && (e = pages_next(parent, &va, r->end)); va += PGSIZE)
		err = r->pinned ? copy_for_child(child, r, va, *e) :
			share_with_child(child, r, va, *e);
	return err;
}

/* Shared frames are now written by nobody: not by the parent's devices, not by
 * the parent.  The child does not run yet. */
int pages_forked(struct aspace *parent)
{
	struct iommu_gather g = { .space = parent->io };
	struct region *r;
	uintptr_t va;
	pte_t *e;
	int err, kept = 0;

	list_for_each(r, &parent->regions, link)
		if (!r->device && !r->pinned && r->prot & PROT_WRITE && !kept)
			kept = iommu_keep(&g, r->start, r->end - r->start,
					  IOMMU_READ);
	err = iommu_flush(&g);
	if (kept < 0)
		return -ENOMEM;
	list_for_each(r, &parent->regions, link) {
		if (r->device || r->pinned || !(r->prot & PROT_WRITE))
			continue;
		for (va = r->start; (e = pages_next(parent, &va, r->end));
		     va += PGSIZE)
			*e = set_rights(r, *e);
	}
	tlb_shootdown(parent, USER_BASE, USER_END - USER_BASE);
	return err;
}

/* The fork failed and its child is gone: the parent's pages are its own. */
void pages_unfork(struct aspace *parent)
{
	struct region *r;

	list_for_each(r, &parent->regions, link)
		if (!r->device && r->prot & PROT_WRITE)
			(void)!pages_widen(parent, r);
}

int pages_map_device(struct aspace *as, const struct region *r)
{
	physaddr_t pa = r->pa;
	pte_t *e;

	for (uintptr_t va = r->start; va < r->end; va += PGSIZE, pa += PGSIZE) {
		if (pa >= r->hole && pa < r->hole_end)
			continue;
		e = new_entry(as, va);
		if (!e)
			return -ENOMEM;
		*e = pte_device(pa, r->prot, r->combine);
	}
	return 0;
}

void pages_text(struct aspace *as, struct text *t)
{
	struct region *r;
	uintptr_t va;
	pte_t *e;

	qlock(&as->lock);
	text_add(t, "root %lx\n", as->root);
	list_for_each(r, &as->regions, link)
		for (va = r->start; (e = pages_next(as, &va, r->end));
		     va += PGSIZE)
			text_add(t, "%lx %lx %c%c\n", va, *e & PTE_ADDR,
				 *e & PTE_P ? 'r' : '-', *e & PTE_W ? 'w' : '-');
	qunlock(&as->lock);
}

static int write_page(struct aspace *as, uintptr_t va, const void *from,
		      size_t n)
{
	struct region *r = region_find(as, va);
	pte_t *e = r ? new_entry(as, va) : NULL;
	int err = 0;

	if (!r)
		return error(EFAULT, "0x%lx: no memory there", va);
	if (!e)
		return -ENOMEM;
	if (!has_frame(*e))
		err = make_page(as, r, ROUNDDOWN(va, PGSIZE), e);
	if (!err)
		memcpy((uint8_t *)kva(*e & PTE_ADDR) + va % PGSIZE, from, n);
	return err;
}

int aspace_write(struct aspace *as, uintptr_t va, const void *from, size_t n)
{
	const uint8_t *p = from;
	size_t step;
	int err = 0;

	qlock(&as->lock);
	for (; n && !err; va += step, p += step, n -= step) {
		step = MIN(n, PGSIZE - va % PGSIZE);
		err = write_page(as, va, p, step);
	}
	qunlock(&as->lock);
	return err;
}
