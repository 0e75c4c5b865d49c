/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether devices see what they should of an address space, and no more: they
 * walk its own tables, in which every page must be of one of its regions, with no
 * more rights, in use, and written by nobody who shares it.  And how much that is.
 */
#include <aspace.h>
#include <page.h>
#include <pt.h>

static bool right(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	struct aspace *as = arg;
	struct region *r = region_find(as, va);
	const struct page *pg = page_is_ram(pa) ? pa_page(pa) : NULL;

	return r && !r->device && r->prot && pg && pg->flags & PG_USER &&
		pg->refs && (!(prot & IOMMU_WRITE) ||
			     (r->prot & PROT_WRITE && pg->refs == 1));
}

struct reach {
	size_t all, writable;
};

static bool reached(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	struct reach *r = arg;

	(void)va;
	(void)pa;
	r->all += PGSIZE;
	r->writable += prot & IOMMU_WRITE ? PGSIZE : 0;
	return true;
}

void aspace_reach(struct aspace *as, size_t *all, size_t *writable)
{
	struct reach r = { 0 };

	qlock(&as->lock);
	if (as->io)
		(void)iommu_check_space(as->io, reached, &r);
	qunlock(&as->lock);
	*all = r.all;
	*writable = r.writable;
}

const char *aspace_check(struct aspace *as)
{
	const char *what;

	qlock(&as->lock);
	what = lazy_check(as);
	if (!what)
		what = as->io ? iommu_check_space(as->io, right, as) :
			"it has devices, but no I/O space";
	qunlock(&as->lock);
	return what ? what : "ok";
}
