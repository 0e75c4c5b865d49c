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

/* Who has that requester id of d's: d, or one that shares it; what is behind a
 * bridge does, and is no peer of the bridge. */
static const struct iommu_dev *holder(struct iommu_dev *d, uint16_t sid)
{
	pci_for_each_rid(r, &iommu.pci, d->pci.segment, sid)
		if (dev_of(r->fn)->space && dev_of(r->fn)->unit == d->unit)
			return dev_of(r->fn);
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
	bool may;

	os_hold(&iommu.lock);
	may = wants_bus(d) && iommu.powered && !d->fenced;
	if (pci_function_gone(&d->pci))
		return d->space ? "gone, and attached" : "ok (gone)";
	for (unsigned i = 0; d->unit && d->unit->root && i < d->pci.nrids; i++)
		if (!entry_is(d->unit, d->pci.rids[i].sid,
			      holder(d, d->pci.rids[i].sid)))
			return "its context entry is not its owner's";
	if (!d->pci.bridge && pci_masters_bus(&d->pci) != may)
		return may ? "attached, but kept from the bus" :
			"masters the bus, and should not";
	if (d->space && d->su->unit != d->unit)
		return "attached behind another unit";
	return "ok";
}

/* Ids in use: what spaces have, and the two that are never given. */
static const char *check_ids(struct vtd *u)
{
	struct iommu_dev *d, *o, *first = iommu.unit_devs[u->index];
	unsigned n = 2 + u->lost_dids;

	for (d = first; d; d = d->next_in_unit) {
		if (!d->su)
			continue;
		if (!did_taken(u, d->su->did))
			return "a domain id in use is marked free";
		for (o = first; o->su != d->su; o = o->next_in_unit)
			;
		n += o == d;	/* the space's first device behind it */
	}
	return n == did_in_use(u) ? "ok" :
		"domain ids are not what spaces have";
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

void iommu_check(iommu_say *say, void *arg)
{
	for (unsigned i = 0; i < iommu.nunits; i++)
		say(arg, "unit 0x%016lx: %s", iommu.units[i]->base,
		    check_unit(iommu.units[i]));
	for_each_device(d)
		say(arg, "%s: %s", dev_text(d).s, check_device(d));
}

/* Of one space: its tree's own shape, and that each leaf is what the caller
 * says it should be. */
const char *iommu_check_space(struct iommu_space *s,
			      bool (*right)(void *arg, uint64_t va,
					    physaddr_t pa, int prot),
			      void *arg)
{
	tree_hold(s);
	return sl_check(&s->table, right, arg);
}
