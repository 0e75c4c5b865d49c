/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Root and context tables (VT-d 9.1, 9.3): one context table a bus, made when
 * first needed and kept.  An entry is never torn while it is present: its half
 * with P is stored last when it is set, and first when it is cleared.
 */
#include <vtd/vtd.h>

/* NULL: its bus has no table yet. */
static struct context_entry *entry_of(struct vtd *u, uint16_t sid)
{
	struct root_entry *r = &u->root[sid >> 8];
	struct context_entry *table;

	if (!(r->lo & ROOT_P))
		return NULL;
	table = os_virt(r->lo & field_mask(ROOT_CTP));
	return &table[sid & 0xff];
}

static struct context_entry make_entry(const struct vtd *u, physaddr_t table,
				       uint16_t did, bool ats)
{
	return (struct context_entry){
		.lo = CONTEXT_P | field_make(CONTEXT_TT, ats ? TT_DEVICE_TLB :
						TT_UNTRANSLATED) |
			(table & field_mask(CONTEXT_SLPTPTR)),
		.hi = field_make(CONTEXT_AW, u->levels - 2u) |
			field_make(CONTEXT_DID, did),
	};
}

int context_prepare(struct vtd *u, uint16_t sid)
{
	struct context_entry *table;

	os_hold(&u->lock);
	if (entry_of(u, sid))
		return 0;
	table = vtd_alloc_page(u);
	if (!table)
		return os_error("unit 0x%lx: no memory for a context table",
				u->base);
	vtd_store(u, &u->root[sid >> 8].lo, os_phys(table) | ROOT_P);
	return 0;
}

void context_set(struct vtd *u, uint16_t sid, physaddr_t table, uint16_t did,
		 bool ats)
{
	struct context_entry new = make_entry(u, table, did, ats);
	struct context_entry *e;

	os_hold(&u->lock);
	e = entry_of(u, sid);
	vtd_store(u, &e->hi, new.hi);
	vtd_store(u, &e->lo, new.lo);
}

void context_clear(struct vtd *u, uint16_t sid)
{
	struct context_entry *e;

	os_hold(&u->lock);
	e = entry_of(u, sid);
	if (!e)
		return;
	vtd_store(u, &e->lo, 0);
	vtd_store(u, &e->hi, 0);
}

struct context_entry context_get(struct vtd *u, uint16_t sid)
{
	struct context_entry *e;

	os_hold(&u->lock);
	e = entry_of(u, sid);
	return e ? *e : (struct context_entry){ 0 };
}
