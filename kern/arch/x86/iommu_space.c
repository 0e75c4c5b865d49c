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
		os_hold(&iommu.lock);
		iommu.lost_pages += s->table.pages;
		return os_error("its unit failed: %lu table pages are lost",
				s->table.pages);
	}
	sl_free(&s->table);
	os_free(s, sizeof(*s));
	return 0;
}

/* Whether they were somebody's before. */
static bool tree_set(struct iommu_space *s, bool changing)
{
	bool before;

	os_hold(&s->lock);
	before = s->changing;
	s->changing = changing;
	return before;
}

/* No lock, since large changes take their time.  Who has it does not wait for
 * hardware. */
void tree_take(struct iommu_space *s)
{
	while (tree_set(s, true))
		os_relax();
}

void tree_give(struct iommu_space *s)
{
	tree_set(s, false);
}

static uint64_t rights(int prot)
{
	return (prot & IOMMU_READ ? SL_R : 0) | (prot & IOMMU_WRITE ? SL_W : 0);
}

int iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa, size_t len,
	      int prot)
{
	if (!g->space)
		return 0;
	if (!rights(prot))
		return iommu_keep(g, va, len, 0);
	tree_hold(g->space);
	return sl_map(&g->space->table, va, pa, len, rights(prot), &g->change);
}

int iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len, int prot)
{
	if (!g->space)
		return 0;
	tree_hold(g->space);
	return sl_keep(&g->space->table, va, len, rights(prot), &g->change);
}

/* All units of a space, as they are now. */
static unsigned copy_units(struct iommu_space *s, struct space_unit *copy)
{
	unsigned n = 0;

	os_hold(&s->lock);
	for (struct space_unit *su = s->units; su; su = su->next)
		copy[n++] = *su;
	return n;
}

/* What a unit needs: entries that were there must be forgotten, by it and by
 * its devices; new ones only where absence is cached (CAP.CM), or stores linger
 * (CAP.RWBF, which an IOTLB flush covers too: VT-d 6.8). */
static int submit(const struct iommu_change *c, const struct space_unit *su,
		  struct vtd_ticket *t, bool *open)
{
	struct inv list[INV_RANGE_MAX + MAX_ATS * INV_DEVTLB_MAX];
	unsigned n;

	*open = c->removed || su->unit->cap & CAP_CM;
	if (!*open)
		return vtd_flush_write_buffer(su->unit);
	n = inv_range(su->unit, su->did, c->lo, c->hi, !c->upper, list);
	for (unsigned i = 0; i < su->nats; i++)
		n += inv_devtlb_range(su->unit, su->ats[i], c->lo, c->hi,
				      &list[n]);
	return vtd_submit(su->unit, list, n, t);
}

static int flush_units(const struct iommu_change *c,
		       const struct space_unit *list, unsigned n)
{
	struct vtd_ticket tickets[MAX_UNITS];
	bool open[MAX_UNITS];
	int err = 0;

	for (unsigned i = 0; i < n; i++)
		if (submit(c, &list[i], &tickets[i], &open[i]) < 0) {
			open[i] = false;
			err = -1;
		}
	for (unsigned i = 0; i < n; i++)
		if (open[i] && vtd_wait(list[i].unit, &tickets[i]) < 0)
			err = -1;
	return err;
}

/* Whether a unit has failed with it, now or before. */
static bool lose(struct iommu_space *s, bool lost)
{
	os_hold(&s->lock);
	s->lost |= lost;
	return s->lost;
}

int iommu_flush(struct iommu_gather *g)
{
	struct space_unit list[MAX_UNITS];
	struct iommu_change *c = &g->change;
	int err = 0;

	if (!g->space)
		return 0;
	if (c->added || c->removed)
		err = flush_units(c, list, copy_units(g->space, list));
	if (!lose(g->space, err && c->removed)) {
		tree_hold(g->space);
		sl_reap(&g->space->table, c);
	}
	*c = (struct iommu_change){ 0 };
	return err;
}
