/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages under regions: made on demand, shared after fork, copied when written.
 * All with the space's lock held.
 *
 * Processor and devices walk the same tables (pt.h), so what a store changes it
 * changes for both, and their caches are flushed behind it; only then is a frame
 * let go, or does anybody count on a right being gone.  Where a frame is replaced
 * (a copy is broken), the entry goes from old to new in one store, so that a
 * transfer in progress never meets a hole.
 */
#include <aspace.h>
#include <error.h>
#include <fmt.h>
#include <page.h>
#include <proc.h>
#include <pt.h>
#include <string.h>
#include <tlb.h>

#define RESERVE		256	/* frames that processes do not get */
#define LARGE_RESERVE	1024	/* nor large ones, beside these */

static unsigned leaf_levels = 1;

void pages_largest(unsigned level)
{
	leaf_levels = level;
}

size_t pages_align(size_t len)
{
	unsigned level = leaf_levels;

	while (level > 1 && len < pt_size(level))
		level--;
	return pt_size(level);
}

/* The registers of devices lie where no device sees anything. */
static void gather_init(struct iommu_gather *g, const struct aspace *as,
			uintptr_t va)
{
	iommu_gather_init(g, va < USER_END ? as->io : NULL);
}

/* Makes new rights known.  Where that fails the unit has failed, has said so,
 * and its devices are fenced; nothing old can be reached by it. */
static void flush_added(struct iommu_gather *g)
{
	(void)!iommu_flush(g);
}

/* Nobody knows any more what was there. */
static int flush(struct aspace *as, struct iommu_gather *g, uintptr_t start,
		 uintptr_t end)
{
	int err = iommu_flush(g);

	tlb_shootdown(as, start, end - start);
	return err;
}

/* What a failed unit may still reach is lost, now or when it failed before: then
 * there may be no device any more whose flush would say so. */
static void put_flushed(struct aspace *as, struct page *pg, int err)
{
	as->lost |= err < 0;
	if (as->lost)
		frames_lost++;
	else
		page_put(pg);
}

static struct page *pte_page(pte_t pte)
{
	return pa_page(pte & PTE_ADDR);
}

/* The entry of a page as the region allows it; a shared frame is never
 * writable. */
static pte_t make_pte(const struct region *r, physaddr_t pa, unsigned level)
{
	int prot = r->prot;

	if (READ_ONCE(pa_page(pa)->refs) > 1)
		prot &= ~PROT_WRITE;
	return pte_user(pa, prot) | (level > 1 ? PTE_PS : 0);
}

static pte_t set_rights(const struct region *r, const struct pt_walk *w)
{
	return make_pte(r, *w->e & PTE_ADDR, w->level);
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
	struct iommu_gather g;
	unsigned level;
	pte_t *e = pt_find(as->root, va, &level);

	if (level == 1 || *e)
		return e;
	gather_init(&g, as, va);
	level = 1;
	e = may_have_more(as) ? pt_make(&g, as->root, va, &level) : NULL;
	flush_added(&g);
	if (!e)
		error(ENOMEM, "no memory");
	return e;
}

/* A page more, or with more rights. */
static void install(struct aspace *as, uintptr_t va, pte_t *e, pte_t pte)
{
	struct iommu_gather g;

	gather_init(&g, as, va);
	iommu_store(&g, va, e, &pte, 1, 1);
	flush_added(&g);
}

static int make_page(struct aspace *as, const struct region *r, uintptr_t va,
		     pte_t *e)
{
	struct page *pg = user_page(as);

	if (!pg)
		return -ENOMEM;
	as->resident++;
	install(as, va, e, make_pte(r, page_pa(pg), 1));
	return 0;
}

/* The process writes to a page that it shares, or shared once. */
static int break_copy(struct aspace *as, const struct region *r, uintptr_t va,
		      pte_t *e)
{
	struct page *old = pte_page(*e), *new;
	struct iommu_gather g;
	pte_t pte;
	int err;

	if (READ_ONCE(old->refs) == 1) {
		install(as, va, e, make_pte(r, page_pa(old), 1));
		return 0;
	}
	new = user_page(as);
	if (!new)
		return -ENOMEM;
	lazy_flush(as, QUARANTINE_OTHER);
	memcpy(kva(page_pa(new)), kva(page_pa(old)), PGSIZE);
	pte = make_pte(r, page_pa(new), 1);
	gather_init(&g, as, va);
	iommu_store(&g, va, e, &pte, 1, 1);
	err = flush(as, &g, va, va + PGSIZE);
	put_flushed(as, old, err);
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
	if (!*e)
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

/* The largest block that fits at va, and is there to be had: of a page of that
 * level. */
static struct page *block(struct aspace *as, uintptr_t va, size_t len,
			  unsigned *level)
{
	struct page *pg = NULL;
	size_t size;

	for (*level = leaf_levels; *level > 1; --*level) {
		size = pt_size(*level);
		if (!(va % size) && len >= size &&
		    pages_free() > 2 * size / PGSIZE + LARGE_RESERVE)
			pg = page_alloc_user(ORDER_2M * (*level - 1));
		if (pg)
			return pg;
	}
	return user_page(as);
}

static void put_block(struct page *pg, size_t n)
{
	for (size_t i = 0; i < n; i++)
		page_put(&pg[i]);
}

/* A table of small pages in the way of a large one; nothing is mapped there. */
static void drop_table(struct aspace *as, struct iommu_gather *g, uintptr_t va)
{
	struct page *table = pt_take_out(g, as->root, va);

	put_flushed(as, table, flush(as, g, va, va + pt_size(2)));
}

/* An empty one of just that level, for a page; NULL: no memory, or there are
 * smaller ones. */
static pte_t *entry_for(struct aspace *as, struct iommu_gather *g, uintptr_t va,
			unsigned level)
{
	unsigned found = level;
	pte_t *e = may_have_more(as) ? pt_make(g, as->root, va, &found) : NULL;

	if (e && level == 2 && found == 1) {
		drop_table(as, g, va);
		e = pt_find(as->root, va, &found);
	}
	return e && found == level ? e : NULL;
}

/* As one page of that level, or as many of the one below.  The frames go one by
 * one from here on. */
static int install_block(struct pt_edit *ed, struct aspace *as,
			 const struct region *r, uintptr_t va, struct page *pg,
			 unsigned level)
{
	size_t n = pt_size(level) / PGSIZE, small = n / PT_ENTRIES;
	pte_t *e = entry_for(as, ed->g, va, level);
	int err = 0;

	if (e) {
		pt_edit(ed, va, e, level, make_pte(r, page_pa(pg), level));
		as->resident += n;
		return 0;
	}
	if (level == 1) {
		page_put(pg);
		return error(ENOMEM, "no memory");
	}
	for (size_t i = 0; i < n; i += small)
		if (err)
			put_block(pg + i, small);
		else
			err = install_block(ed, as, r, va + i * PGSIZE, pg + i,
					    level - 1);
	return err;
}

int pages_populate(struct aspace *as, const struct region *r)
{
	uintptr_t va = r->start;
	struct iommu_gather g;
	struct pt_edit ed;
	struct page *pg;
	unsigned level;
	int err = 0;

	gather_init(&g, as, va);
	pt_edit_begin(&ed, &g);
	for (; !err && va < r->end; va += pt_size(level)) {
		pg = block(as, va, r->end - va, &level);
		err = pg ? install_block(&ed, as, r, va, pg, level) : -ENOMEM;
	}
	pt_edit_end(&ed);
	flush_added(&g);
	return err;
}

/* The pages of a region get the rights that it says. */
static void edit(struct aspace *as, struct iommu_gather *g,
		 const struct region *r)
{
	struct pt_walk w = pt_walk(as->root, r->start, r->end);
	struct pt_edit ed;

	for (pt_edit_begin(&ed, g); pt_next(&w);)
		pt_edit(&ed, w.va, w.e, w.level, set_rights(r, &w));
	pt_edit_end(&ed);
}

int pages_narrow(struct aspace *as, const struct region *r)
{
	struct iommu_gather g;

	gather_init(&g, as, r->start);
	edit(as, &g, r);
	return flush(as, &g, r->start, r->end);
}

/* Pages that are the process's alone get all rights that the region has. */
void pages_widen(struct aspace *as, const struct region *r)
{
	struct iommu_gather g;

	gather_init(&g, as, r->start);
	edit(as, &g, r);
	flush_added(&g);
}

int pages_cut(struct aspace *as, uintptr_t at)
{
	unsigned level;
	pte_t *e = pt_find(as->root, at, &level);
	uintptr_t start = ROUNDDOWN(at, pt_size(level));
	uintptr_t end = start + pt_size(level);
	struct iommu_gather g;
	int err = 0;

	if (!*e || start == at)
		return 0;
	gather_init(&g, as, at);
	for (; !err && at % pt_size(level); e = pt_find(as->root, at, &level))
		err = pt_split(&g, at, e, level) ? 0 :
			error(ENOMEM, "no memory");
	(void)!flush(as, &g, start, end);	/* all is as it was */
	return err;
}

static int copy_for_child(struct aspace *child, const struct region *r,
			  uintptr_t va, const void *from)
{
	struct page *pg = user_page(child);
	pte_t *e = pg ? new_entry(child, va) : NULL;

	if (!e) {
		if (pg)
			page_put(pg);
		return -ENOMEM;
	}
	memcpy(kva(page_pa(pg)), from, PGSIZE);
	child->resident++;
	install(child, va, e, make_pte(r, page_pa(pg), 1));
	return 0;
}

/* All that are in it, one by one. */
static int copy_large(struct aspace *child, const struct region *r,
		      const struct pt_walk *w)
{
	const uint8_t *from = kva(*w->e & PTE_ADDR);
	int err = 0;

	for (size_t at = 0; !err && at < pt_size(w->level); at += PGSIZE)
		err = copy_for_child(child, r, w->va + at, from + at);
	return err;
}

static int share_with_child(struct aspace *child, const struct region *r,
			    const struct pt_walk *w)
{
	pte_t *e = new_entry(child, w->va);

	if (!e)
		return -ENOMEM;
	page_get(pte_page(*w->e));
	child->resident++;
	install(child, w->va, e, set_rights(r, w));
	return 0;
}

int pages_fork(struct aspace *parent, struct aspace *child,
	       const struct region *r)
{
	struct pt_walk w = pt_walk(parent->root, r->start, r->end);
	int err = 0;

	while (!err && pt_next(&w))
		err = r->pinned ? copy_large(child, r, &w) :
			share_with_child(child, r, &w);
	return err;
}

/* Shared frames are now written by nobody: not by the parent's devices, not by
 * the parent.  The child does not run yet. */
int pages_forked(struct aspace *parent)
{
	struct iommu_gather g;
	struct region *r;

	gather_init(&g, parent, USER_BASE);
	list_for_each(r, &parent->regions, link)
		if (!r->device && !r->pinned && r->prot & PROT_WRITE)
			edit(parent, &g, r);
	return flush(parent, &g, USER_BASE, USER_END);
}

/* The fork failed and its child is gone: the parent's pages are its own. */
void pages_unfork(struct aspace *parent)
{
	struct region *r;

	list_for_each(r, &parent->regions, link)
		if (!r->device && r->prot & PROT_WRITE)
			pages_widen(parent, r);
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
		install(as, va, e, pte_device(pa, r->prot, r->combine));
	}
	return 0;
}

void pages_text(struct aspace *as, struct text *t)
{
	struct pt_walk w = pt_walk(as->root, USER_BASE, BAR_END);

	qlock(&as->lock);
	text_add(t, "root %lx\n", as->root);
	while (pt_next(&w))
		for (size_t at = 0; at < pt_size(w.level); at += PGSIZE)
			text_add(t, "%lx %lx %c%c\n", w.va + at,
				 (*w.e & PTE_ADDR) + at,
				 *w.e & PTE_P ? 'r' : '-',
				 *w.e & PTE_W ? 'w' : '-');
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
	if (!*e)
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
