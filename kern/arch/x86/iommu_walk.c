/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devices reach, for files (iommu.h): read in the tables themselves, a
 * table at a time, so that whoever changes them never waits for longer.  A
 * space stays while its device is in it or somebody reads (iommu_space_destroy).
 */
#include "iommu_impl.h"

_Static_assert(SL_R == IOMMU_READ && SL_W == IOMMU_WRITE, "rights");

/* The space that it is in, kept and its tables taken; NULL: it is in none. */
static struct iommu_space *look(struct iommu_dev *d)
{
	struct iommu_space *s;

	os_lock(&iommu.lock);
	s = d->space;
	if (s)
		__atomic_fetch_add(&s->readers, 1, __ATOMIC_ACQUIRE);
	os_unlock(&iommu.lock);
	if (s)
		tree_take(s);
	return s;
}

static void look_away(struct iommu_space *s)
{
	tree_give(s);
	__atomic_fetch_sub(&s->readers, 1, __ATOMIC_RELEASE);
}

/* At most the rest of one table; .len 0: there is no more. */
static struct sl_run run_at(struct iommu_dev *d, uint64_t at)
{
	struct iommu_space *s = at < SL_END ? look(d) : NULL;
	struct sl_run r = { 0 };

	if (s) {
		r = sl_run_at(&s->table, at);
		look_away(s);
	}
	return r;
}

void iommu_space_info(struct iommu_dev *d, struct iommu_space_info *info)
{
	struct iommu_space *s = look(d);
	struct sl_run r;

	*info = (struct iommu_space_info){ 0 };
	if (!s)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(s->table.top); i++)
		info->levels = s->table.top[i] ? SL_LEVELS + i : info->levels;
	info->tables = s->table.pages;
	look_away(s);
	for (uint64_t at = 0; (r = run_at(d, at)).len; at += r.len) {
		if (!r.rights)
			continue;
		info->leaves[r.level - 1] += r.len >>
			(PGSHIFT + 9 * (r.level - 1));
		info->bytes += r.len;
	}
}

bool iommu_range(struct iommu_dev *d, uint64_t at, struct iommu_range *found)
{
	struct sl_run r = run_at(d, at), more;

	for (; r.len && !r.rights; r = run_at(d, at))
		at += r.len;
	*found = (struct iommu_range){
		.from = at, .to = at + r.len - 1, .level = r.level,
		.prot = (int)r.rights,
	};
	while (r.len) {
		more = run_at(d, found->to + 1);
		if (!more.len || more.rights != r.rights ||
		    more.level != r.level)
			return true;
		found->to += more.len;
	}
	return false;
}

/* Down the tables of its space, where its context entry must lead. */
static const char *walk_tables(struct iommu_dev *d, struct iommu_walk *w)
{
	struct iommu_space *s = look(d);
	unsigned levels = d->unit->levels;
	const uint64_t *top = s ? s->table.top[levels - SL_LEVELS] : NULL;

	if (top && os_phys(top) ==
	    (w->context_lo & field_mask(CONTEXT_SLPTPTR))) {
		w->levels = levels;
		w->last = sl_walk(&s->table, levels, w->addr, w->entry);
	}
	if (s)
		look_away(s);
	if (!w->last)
		return "its context entry is not its owner's";
	w->frame = (w->entry[w->last - 1] & field_mask(SL_ADDR)) +
		w->addr % (PGSIZE << 9 * (w->last - 1));
	return w->entry[w->last - 1] & (SL_R | SL_W) ? NULL : "absent";
}

static const char *walk(struct iommu_dev *d, struct iommu_walk *w)
{
	struct vtd *u = d->unit;
	struct context_entry e;

	w->looked = 1;
	w->root = READ_ONCE(u->root[w->sid >> 8].lo);
	if (!(w->root & ROOT_P))
		return "its bus has no context table: nobody has it";
	w->looked = 2;
	e = context_get(u, w->sid);
	w->context_lo = e.lo;
	w->context_hi = e.hi;
	if (!(e.lo & CONTEXT_P))
		return "its context entry is absent: nobody has it";
	if (w->addr >> u->address_bits)
		return "beyond the width of its unit";
	return (w->addr & ~0xfffffull) == INT_ADDR ? "an interrupt, and no memory" :
		walk_tables(d, w);
}

void iommu_walk(struct iommu_dev *d, uint64_t addr, struct iommu_walk *w)
{
	struct iommu_device_info now;

	*w = (struct iommu_walk){ .sid = d->pci.sid, .addr = addr };
	iommu_device_info(d, &now);
	w->blocked = !d->unit || !d->unit->root ? now.why : walk(d, w);
	if (!w->blocked)
		w->blocked = !vtd_alive(d->unit) ? "its unit has failed" :
			!iommu_powered() ? "translation is off" : now.fenced ?
			now.why : now.master ? NULL : "it is off the bus";
}
