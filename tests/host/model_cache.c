/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a unit remembers: context entries by source id (6.2.2), translations by
 * domain id and address (6.2.4), and tables on the way to them (6.2.5).  In
 * caching mode (6.1) also that something is absent or wrong; an absent context
 * entry is tagged with domain id 0.
 *
 * By policy it keeps everything that it may, nothing, or what chance wills.  It
 * drops what an invalidation (6.5) names and nothing more: software cannot rely
 * on more.
 */
#include "model.h"

static bool keeps(struct model_unit *u)
{
	return u->m->policy.keep == KEEP_ALL ||
		(u->m->policy.keep == KEEP_SOME && model_random(u->m, 2));
}

/* Room for one more of `size` bytes behind the n that *list has. */
static void grow(void *list, unsigned n, unsigned *room, size_t size)
{
	void **p = list;

	if (n < *room)
		return;
	*room = *room ? *room * 2 : 64;
	*p = realloc(*p, *room * size);
	assert_non_null(*p);
}

/* By chance a line that could have been used was evicted. */
static bool evicted(struct model_unit *u)
{
	return u->m->policy.keep == KEEP_SOME && !model_random(u->m, 4);
}

struct context_line *cache_context(struct model_unit *u, uint16_t sid)
{
	for (unsigned i = 0; i < u->ncontext; i++)
		if (u->context[i].sid == sid && !evicted(u))
			return &u->context[i];
	return NULL;
}

void cache_keep_context(struct model_unit *u, struct context_line line)
{
	if (line.reason && !u->c.cm)
		return;
	if (!keeps(u))
		return;
	grow(&u->context, u->ncontext, &u->context_room, sizeof(line));
	u->context[u->ncontext++] = line;
}

static bool covers(const struct tlb_line *t, uint64_t va)
{
	return va >> t->shift == t->va >> t->shift;
}

/* Tagged by domain, not by source: what one device of a domain met, another
 * meets too.  The oldest wins. */
struct tlb_line *cache_tlb(struct model_unit *u, uint16_t did, uint64_t va)
{
	for (unsigned i = 0; i < u->ntlb; i++)
		if (u->tlb[i].did == did && covers(&u->tlb[i], va) &&
		    !evicted(u))
			return &u->tlb[i];
	return NULL;
}

void cache_keep_tlb(struct model_unit *u, struct tlb_line line)
{
	if (line.reason && !u->c.cm)
		return;
	if (!keeps(u))
		return;
	grow(&u->tlb, u->ntlb, &u->tlb_room, sizeof(line));
	u->tlb[u->ntlb++] = line;
}

/* Bits of address that a table of that level translates. */
static unsigned span_shift(unsigned level)
{
	return 12 + 9 * level;
}

struct table_line *cache_table(struct model_unit *u, uint16_t did, uint64_t va,
			       unsigned levels)
{
	struct table_line *t, *best = NULL;

	for (unsigned i = 0; i < u->ntables; i++) {
		t = &u->tables[i];
		if (t->did != did || t->level >= levels || evicted(u) ||
		    t->va >> span_shift(t->level) !=
		    va >> span_shift(t->level))
			continue;
		if (!best || t->level < best->level)
			best = t;
	}
	return best;
}

void cache_keep_table(struct model_unit *u, struct table_line line)
{
	if (!keeps(u))
		return;
	grow(&u->tables, u->ntables, &u->tables_room, sizeof(line));
	u->tables[u->ntables++] = line;
}

/* 6.5.1.1, 6.5.2.1: with a mask, function numbers count only in part. */
static bool context_meant(const struct context_line *c, unsigned gran,
			  uint16_t did, uint16_t sid, unsigned mask)
{
	static const uint16_t ignored[] = { 0, 4, 6, 7 };

	if (gran == BY_ALL)
		return true;
	if (c->did != did)
		return false;
	return gran == BY_DOMAIN || !((c->sid ^ sid) & ~ignored[mask & 3]);
}

void cache_drop_context(struct model_unit *u, unsigned gran, uint16_t did,
			uint16_t sid, unsigned mask)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < u->ncontext; i++)
		if (!context_meant(&u->context[i], gran, did, sid, mask))
			u->context[kept++] = u->context[i];
	u->ncontext = kept;
}

/* Whether [va, va + 4 KiB << order) meets what 2^shift bytes at `at` hold. */
static bool overlap(uint64_t va, unsigned order, uint64_t at, unsigned shift)
{
	unsigned wider = shift > order + 12 ? shift : order + 12;

	return wider >= 64 || va >> wider == at >> wider;
}

/* 6.5.1.2: software says the size of a large page that it means; what is
 * smaller need not meet it.  That something is absent has no size. */
static bool covered(const struct tlb_line *t, uint64_t va, unsigned order)
{
	return (t->reason || t->shift <= order + 12) &&
		overlap(va, order, t->va, t->shift);
}

/* With the hint that only leaves have changed, that a table is absent may be
 * remembered on, as tables are. */
static void drop_tlb(struct model_unit *u, unsigned gran, uint16_t did,
		     uint64_t va, unsigned order, bool leaves_only)
{
	struct tlb_line *t;
	unsigned kept = 0;

	for (unsigned i = 0; i < u->ntlb; i++) {
		t = &u->tlb[i];
		if (gran == BY_ALL || (t->did == did &&
		    (gran == BY_DOMAIN || (covered(t, va, order) &&
		     !(leaves_only && t->reason && t->shift > PGSHIFT)))))
			continue;
		u->tlb[kept++] = *t;
	}
	u->ntlb = kept;
}

static void drop_tables(struct model_unit *u, unsigned gran, uint16_t did,
			uint64_t va, unsigned order)
{
	struct table_line *t;
	unsigned kept = 0;

	for (unsigned i = 0; i < u->ntables; i++) {
		t = &u->tables[i];
		if (gran == BY_ALL || (t->did == did &&
		    (gran == BY_DOMAIN ||
		     overlap(va, order, t->va, span_shift(t->level)))))
			continue;
		u->tables[kept++] = *t;
	}
	u->ntables = kept;
}

/* 6.5.2.3: pages are aligned to 4 KiB << order; leaves_only is the hint IH. */
void cache_drop_tlb(struct model_unit *u, unsigned gran, uint16_t did,
		    uint64_t va, unsigned order, bool leaves_only)
{
	drop_tlb(u, gran, did, va, order, leaves_only);
	if (gran != BY_PAGES || !leaves_only)
		drop_tables(u, gran, did, va, order);
}

static const char *reaches(struct model_unit *u, physaddr_t pa)
{
	for (unsigned i = 0; i < u->nposted; i++)
		if (u->posted[i].pa / PGSIZE == pa / PGSIZE)
			return "a request under way";
	if (!(u->gsts & G_TE))
		return NULL;
	if (u->root / PGSIZE == pa / PGSIZE)
		return "its root pointer";
	for (unsigned i = 0; i < u->ncontext; i++)
		if (!u->context[i].reason &&
		    u->context[i].lo / PGSIZE == pa / PGSIZE)
			return "its context cache";
	for (unsigned i = 0; i < u->ntables; i++)
		if (u->tables[i].table == pa)
			return "its paging-structure cache";
	for (unsigned i = 0; i < u->ntlb; i++)
		if (!u->tlb[i].reason && u->tlb[i].pa >> u->tlb[i].shift ==
		    pa >> u->tlb[i].shift)
			return "its IOTLB";
	return NULL;
}

/* Off the bus it cannot use what it keeps. */
static bool kept_by(const struct function *f, physaddr_t pa)
{
	bool usable = !f->gone && ats_enabled(f) && function_mastering(f);

	for (unsigned i = 0; usable && i < f->nkept; i++)
		if (f->kept[i].pa >> f->kept[i].shift ==
		    pa >> f->kept[i].shift)
			return true;
	return false;
}

const char *cache_reaches(struct machine *m, physaddr_t pa)
{
	const char *how = NULL;

	for (unsigned i = 0; i < m->nunits && !how; i++)
		how = reaches(m->units[i], pa);
	for (struct function *f = m->functions; f && !how; f = f->next)
		if (kept_by(f, pa))
			how = "a device's own TLB";
	return how;
}
