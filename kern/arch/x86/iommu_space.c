/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O spaces: the tables of one owner, changed and flushed on every unit that
 * may walk them.  Called by the memory manager, which serialises the changes of
 * one space; attach and detach add and remove units meanwhile, and attach
 * adapts the tables to a lesser one: whoever touches them takes the tree.
 */
#include "iommu_impl.h"

/* What one unit can do with a tree. */
struct sl_format unit_format(const struct vtd *u)
{
	uint64_t sizes = field_get(u->cap, CAP_SLLPS);

	return (struct sl_format){
		.leaf_levels = sizes & SLLPS_1G && sizes & SLLPS_2M ? 3 :
			sizes & SLLPS_2M ? 2 : 1,
		.snoop = u->ecap & ECAP_SC,
		.flush_lines = !vtd_coherent(u),
	};
}

struct iommu_space *iommu_space_create(void *owner, int pid, uint64_t serial)
{
	struct iommu_space *s = os_alloc(sizeof(*s));

	if (!s) {
		os_error("no memory for an I/O space");
		return NULL;
	}
	if (sl_init(&s->table) < 0) {
		os_free(s, sizeof(*s));
		return NULL;
	}
	s->owner = owner;
	s->pid = pid;
	s->serial = serial;
	return s;
}

int iommu_space_destroy(struct iommu_space *s)
{
	if (s->lost) {
		os_lock(&iommu.lock);
		iommu.lost_pages += s->table.pages;
		os_unlock(&iommu.lock);
		return os_error("its unit failed: %lu table pages are lost",
				s->table.pages);
	}
	sl_free(&s->table);
	os_free(s, sizeof(*s));
	return 0;
}

unsigned iommu_space_devices(struct iommu_space *s)
{
	return __atomic_load_n(&s->devices, __ATOMIC_ACQUIRE);
}

/* No lock, since large changes take their time.  Who has it does not wait for
 * hardware. */
void tree_take(struct iommu_space *s)
{
	while (__atomic_exchange_n(&s->changing, true, __ATOMIC_ACQUIRE))
		os_relax();
}

void tree_give(struct iommu_space *s)
{
	__atomic_store_n(&s->changing, false, __ATOMIC_RELEASE);
}

static uint64_t rights(int prot)
{
	return (prot & IOMMU_READ ? SL_R : 0) | (prot & IOMMU_WRITE ? SL_W : 0);
}

int iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa, size_t len,
	      int prot)
{
	int err;

	if (!g->space)
		return 0;
	if (!rights(prot))
		return iommu_keep(g, va, len, 0);
	tree_take(g->space);
	err = sl_map(&g->space->table, va, pa, len, rights(prot), &g->change);
	tree_give(g->space);
	return err;
}

int iommu_map_list(struct iommu_gather *g, uintptr_t va, const uint64_t *list,
		   size_t n)
{
	int err;

	if (!g->space)
		return 0;
	tree_take(g->space);
	err = sl_map_list(&g->space->table, va, list, n, &g->change);
	tree_give(g->space);
	return err;
}

int iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len, int prot)
{
	int err;

	if (!g->space)
		return 0;
	tree_take(g->space);
	err = sl_keep(&g->space->table, va, len, rights(prot), &g->change);
	tree_give(g->space);
	return err;
}

/* What a unit needs: entries that were there must be forgotten, by it and by
 * its devices; new ones only where absence is cached (CAP.CM), or stores linger
 * (CAP.RWBF, which an IOTLB flush covers too: VT-d 6.8).  1: it has been asked,
 * and is to be waited for. */
static int submit(const struct iommu_change *c, const struct space_unit *su,
		  struct vtd_ticket *t)
{
	struct qi_desc list[INV_RANGE_MAX + MAX_ATS * INV_DEVTLB_MAX];
	unsigned used = __atomic_load_n(&su->ats_used, __ATOMIC_ACQUIRE);
	uint16_t sid;
	unsigned n;

	if (!c->removed && !(su->unit->cap & CAP_CM))
		return vtd_flush_write_buffer(su->unit);
	n = inv_range(su->unit, su->did, c->lo, c->hi, !c->upper, list);
	for (; used; used &= used - 1) {
		sid = READ_ONCE(su->ats[__builtin_ctz(used)]);
		n += inv_devtlb_range(su->unit, sid, c->lo, c->hi, &list[n]);
	}
	return vtd_submit(su->unit, list, n, t) < 0 ? -1 : 1;
}

/* To all units first, then waits for all.  The change, which is visible before
 * the list is looked at, is either met by a unit that joins, or flushed. */
static int flush_units(struct iommu_space *s, const struct iommu_change *c)
{
	struct { struct vtd *unit; struct vtd_ticket ticket; } open[MAX_UNITS];
	struct space_unit *su;
	unsigned n = 0;
	int asked, err = 0;

	__atomic_fetch_add(&s->flushing, 1, __ATOMIC_SEQ_CST);
	su = __atomic_load_n(&s->units, __ATOMIC_ACQUIRE);
	for (; su; su = __atomic_load_n(&su->next, __ATOMIC_ACQUIRE)) {
		open[n].unit = su->unit;
		asked = submit(c, su, &open[n].ticket);
		err = MIN(err, asked);
		n += asked > 0;
	}
	__atomic_fetch_sub(&s->flushing, 1, __ATOMIC_RELEASE);
	while (n-- > 0)
		err = MIN(err, vtd_wait(open[n].unit, &open[n].ticket));
	return err;
}

int iommu_flush(struct iommu_gather *g)
{
	struct iommu_change *c = &g->change;
	struct iommu_space *s = g->space;
	int err = 0;

	if (s && (c->added || c->removed))
		err = flush_units(s, c);
	if (err && c->removed)
		WRITE_ONCE(s->lost, true);
	if ((c->tombs || c->nburied) && !READ_ONCE(s->lost)) {
		tree_take(s);
		sl_reap(&s->table, c);
		tree_give(s);
	}
	iommu_change_clear(c);
	return err;
}
