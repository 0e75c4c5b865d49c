/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether devices see what they should of an address space, and no more: every
 * page of theirs is the process's, with no more rights and not free, and every
 * page of the process's is theirs (perhaps with less rights: after fork they
 * come back with the process's next write).  And how much that is.
 */
#include <aspace.h>
#include <page.h>
#include <pt.h>

struct seen {
	struct aspace *as;
	size_t pages;
};

/* A page of the devices' tables against the process's. */
static bool right(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	struct seen *s = arg;
	pte_t *e = pt_leaf(s->as->root, va, false);

	s->pages++;
	return e && *e & PTE_P && (*e & PTE_ADDR) == pa &&
		(*e & PTE_W || !(prot & IOMMU_WRITE)) && page_is_ram(pa) &&
		pa_page(pa)->flags & PG_USER && pa_page(pa)->refs;
}

static size_t present_in(struct aspace *as, const struct region *r)
{
	uintptr_t va = r->start;
	size_t n = 0;
	pte_t *e;

	while (va < MIN(r->end, USER_END)) {
		e = pt_leaf(as->root, va, false);
		n += e && *e & PTE_P;
		va += e ? PGSIZE : pt_in_table(va, r->end);
	}
	return n;
}

static const char *check(struct aspace *as)
{
	struct seen s = { .as = as };
	struct region *r;
	size_t present = 0;
	const char *what;

	what = iommu_check_space(as->io, right, &s);
	list_for_each(r, &as->regions, link)
		present += r->device ? 0 : present_in(as, r);
	return what ? what : s.pages != present ?
		"its devices do not see all of its pages" : "ok";
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
	if (as->quarantine.gather.change.tombs)	/* else they seem forgotten */
		lazy_flush(as, QUARANTINE_OTHER);
	what = lazy_check(as);
	if (!what)
		what = as->io ? check(as) : "it has devices, but no I/O space";
	qunlock(&as->lock);
	return what;
}
