/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks what must be so on the running system (iommu_check): context entries
 * against owners, bus mastering against attachment, domain ids against spaces,
 * tables against their own shape.  What stands in a process's tables is checked
 * by the memory manager, which knows what should.
 *
 * The caller keeps devices from being attached and detached meanwhile.
 */
#include "iommu_impl.h"

#define SAY_MAX 160

struct checker {
	void (*say)(void *arg, const char *line);
	void *arg;
};

/* Pieces of text, without a formatter of our own: enough for a line. */
static void line(const struct checker *c, const char *subject,
		 const char *what)
{
	char buf[SAY_MAX];
	unsigned n = 0;

	for (; *subject && n < SAY_MAX - 3; n++)
		buf[n] = *subject++;
	buf[n++] = ':';
	buf[n++] = ' ';
	for (; *what && n < SAY_MAX - 1; n++)
		buf[n] = *what++;
	buf[n] = '\0';
	c->say(c->arg, buf);
}

/* Who has that requester id of d's: d, or one that shares it. */
static const struct iommu_dev *holder(struct iommu_dev *d, uint16_t sid)
{
	for_each_peer(p, d)
		for (unsigned i = 0; i < p->nrids; i++)
			if (p->space && p->rids[i].sid == sid)
				return p;
	return d;
}

static bool entry_is(struct vtd *u, uint16_t sid, const struct iommu_dev *d)
{
	struct context_entry e = context_get(u, sid);

	if (!d->space)		/* FPD counts in absent ones, too: VT-d 9.3 */
		return !e.lo;
	return e.lo & CONTEXT_P &&
		field_get(e.hi, CONTEXT_DID) == d->su->did &&
		(e.lo & field_mask(CONTEXT_SLPTPTR)) ==
		sl_root(&d->space->table, u->levels) &&
		field_get(e.lo, CONTEXT_TT) ==
		(d->ats_in || d->mute ? TT_DEVICE_TLB : TT_UNTRANSLATED);
}

static const char *check_device(struct iommu_dev *d)
{
	bool may = wants_bus(d) && iommu.powered && !d->fenced;

	if (function_gone(d))
		return d->space ? "gone, and attached" : "ok (gone)";
	for (unsigned i = 0; d->unit && d->unit->root && i < d->nrids; i++)
		if (!entry_is(d->unit, d->rids[i].sid,
			      holder(d, d->rids[i].sid)))
			return "its context entry is not its owner's";
	if (!d->bridge && masters_bus(d) != may)
		return may ? "attached, but kept from the bus" :
			"masters the bus, and should not";
	if (d->space && d->su->unit != d->unit)
		return "attached behind another unit";
	return "ok";
}

/* Ids in use: what spaces have, and the two that are never given. */
static const char *check_ids(struct vtd *u)
{
	unsigned n = 2 + u->lost_dids;
	struct space_unit *seen = NULL;

	for (struct iommu_dev *d = iommu.unit_devs[unit_index(u)]; d;
	     d = d->next_in_unit) {
		bool counted = false;

		for (struct iommu_dev *o = iommu.unit_devs[unit_index(u)];
		     o != d; o = o->next_in_unit)
			counted |= o->su == d->su;
		seen = d->su;
		if (seen && !counted)
			n++;
		if (seen && !did_taken(u, seen->did))
			return "a domain id in use is marked free";
	}
	return n == did_in_use(u) ? "ok" : "domain ids are not what spaces have";
}

static const char *check_unit(struct vtd *u)
{
	uint32_t gsts;

	if (u->unsupported)
		return "ok (not used)";
	if (!vtd_alive(u))
		return "failed";
	gsts = vtd_get32(u, GSTS);
	if (!(gsts & GCMD_TE) != !u->translating)
		return "translation is not what it was set to";
	if (u->queue.ring && !(gsts & GCMD_QIE))
		return "its queue is off";
	if ((vtd_get64(u, RTADDR) & field_mask(RTADDR_ADDR)) !=
	    os_phys(u->root))
		return "its root table is not ours";
	if (vtd_get32(u, FSTS) & FSTS_QUEUE)
		return "its queue is in error";
	return check_ids(u);
}

static void hex(char *to, uint64_t v)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[v >> shift & 15];
	*to = '\0';
}

void iommu_check(void (*say)(void *arg, const char *line), void *arg)
{
	struct checker c = { say, arg };
	char name[] = "unit 0x0123456789abcdef";
	const char *what;

	for (unsigned i = 0; i < iommu.nunits; i++) {
		hex(name + 7, iommu.units[i]->base);
		line(&c, name, check_unit(iommu.units[i]));
	}
	for (struct iommu_dev *d = iommu.devs; d; d = d->next) {
		os_lock(&iommu.lock);
		what = check_device(d);
		os_unlock(&iommu.lock);
		line(&c, dev_text(d).s, what);
	}
}

/* Of one space: its tree's own shape, and that each leaf is what the caller
 * says it should be. */
const char *iommu_check_space(struct iommu_space *s,
			      bool (*right)(void *arg, uint64_t va,
					    physaddr_t pa, int prot),
			      void *arg)
{
	const char *wrong;

	tree_take(s);
	wrong = sl_check(&s->table, right, arg);
	tree_give(s);
	return wrong;
}
