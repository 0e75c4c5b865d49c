/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The regions of an address space (aspace.h), a ring by address: looked for from
 * where the last one was found.  All with the space's lock held.
 */
#include <aspace.h>
#include <kmalloc.h>

void region_free(struct aspace *as, struct region *r)
{
	if (as->near == &r->link)
		as->near = r->link.prev;
	list_remove(&r->link);
	as->nregions--;
	kfree(r);
}

static struct region *region_at(struct aspace *as, struct list *at)
{
	return at == &as->regions ? NULL : list_entry(at, struct region, link);
}

struct region *region_after(struct aspace *as, const struct region *r)
{
	return region_at(as, r->link.next);
}

struct region *region_above(struct aspace *as, uintptr_t va)
{
	struct list *at = as->near;
	struct region *r;

	if (at == &as->regions)
		at = at->prev;
	while ((r = region_at(as, at)) && r->end > va)
		at = at->prev;
	while ((r = region_at(as, at->next)) && r->end <= va)
		at = at->next;
	as->near = at->next;
	return r;
}

struct region *region_find(struct aspace *as, uintptr_t va)
{
	struct region *r = region_above(as, va);

	return r && va >= r->start && !r->quarantined ? r : NULL;
}
