/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O spaces: the tables of one owner, changed and flushed on every unit that
 * may walk them.  Called by the memory manager, which serialises the changes of
 * one space; attach and detach add and remove units meanwhile, and attach
 * adapts the tables to a lesser one: whoever touches them takes the tree.
 */
#include "iommu_impl.h"

#include <vtd/table_impl.h>

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

static struct iommu_space *new_space(void *owner, int pid, uint64_t serial)
{
	struct iommu_space *s = os_alloc(sizeof(*s));

	if (!s) {
		os_error("no memory for an I/O space");
		return NULL;
	}
	s->owner = owner;
	s->pid = pid;
	s->serial = serial;
	return s;
}

struct iommu_space *iommu_space_create(void *owner, int pid, uint64_t serial,
				       const struct iommu_dev *first)
{
	struct iommu_space *s = new_space(owner, pid, serial);

	if (!s || !sl_init(&s->table, first && first->unit ?
			   unit_format(first->unit) : SL_WIDEST))
		return s;
	os_free(s, sizeof(*s));
	return NULL;
}

struct iommu_space *iommu_space_share(void *owner, int pid, uint64_t serial,
				      uint64_t *table)
{
	struct iommu_space *s = new_space(owner, pid, serial);

	if (s)
		sl_share(&s->table, table, (struct sl_format){
			.leaf_levels = (uint8_t)iommu_leaf_levels() });
	return s;
}

int iommu_space_destroy(struct iommu_space *s)
{
	while (__atomic_load_n(&s->readers, __ATOMIC_ACQUIRE))
		os_relax();
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

/* No lock, since large changes take their time.  Who has it does not wait for
 * hardware. */
void tree_take(struct iommu_space *s)
{
	while (__atomic_exchange_n(&s->changing, true, __ATOMIC_ACQUIRE))
		os_relax();
}

static uint64_t rights(int prot)
{
	return (uint64_t)prot & (SL_R | SL_W);
}

/* The shortest way, which calls nothing and so saves no registers; false: it is
 * not for that, or somebody has the tree, or wants to know. */
inlined bool put_leaf(struct iommu_gather *g, uintptr_t va, physaddr_t pa,
		      unsigned level, uint64_t rights)
{
	struct iommu_space *s = g->space;
	bool done;

	if (is_tracing() ||
	    __atomic_exchange_n(&s->changing, true, __ATOMIC_ACQUIRE))
		return false;
	done = sl_put_leaf(&s->table, va, pa, level, rights, &g->change);
	tree_give(s);
	return done;
}

static not_inlined int map(struct iommu_gather *g, uintptr_t va, physaddr_t pa,
		      size_t len, int prot)
{
	if ((len == sl_span(3) && put_leaf(g, va, pa, 3, rights(prot))) ||
	    (len == sl_span(2) && put_leaf(g, va, pa, 2, rights(prot))))
		return 0;
	tree_hold(g->space);
	trace_event(EVENT_MAP, .pid = g->space->pid, .a = va, .b = len,
		    .rights = (uint16_t)prot);
	return sl_map(&g->space->table, va, pa, len, rights(prot), &g->change);
}

int iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa, size_t len,
	      int prot)
{
	if (!g->space)
		return 0;
	if (!rights(prot))
		return iommu_keep(g, va, len, 0);
	counter_add(&iommu.maps, g->space);
	return len == PGSIZE && put_leaf(g, va, pa, 1, rights(prot)) ? 0 :
		map(g, va, pa, len, prot);
}

static not_inlined int keep(struct iommu_gather *g, uintptr_t va, size_t len,
		       int prot)
{
	if ((len == sl_span(3) && !prot && put_leaf(g, va, 0, 3, 0)) ||
	    (len == sl_span(2) && !prot && put_leaf(g, va, 0, 2, 0)))
		return 0;
	tree_hold(g->space);
	trace_event(EVENT_UNMAP, .pid = g->space->pid, .a = va, .b = len,
		    .rights = (uint16_t)prot);
	return sl_keep(&g->space->table, va, len, rights(prot), &g->change);
}

int iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len, int prot)
{
	if (!g->space)
		return 0;
	counter_add(&iommu.unmaps, g->space);
	return len == PGSIZE && !prot && put_leaf(g, va, 0, 1, 0) ? 0 :
		keep(g, va, len, prot);
}

/* With the tree taken: a unit that joins meanwhile and needs lines flushed either
 * is known here, or finds the entries. */
static not_inlined void store(struct iommu_gather *g, uintptr_t va, uint64_t *e,
			      const uint64_t *list, size_t n, unsigned level)
{
	struct sl_table *t = &g->space->table;
	uint16_t rights = *list & SL_RIGHTS;

	counter_add(rights ? &iommu.maps : &iommu.unmaps, g->space);
	trace_event(rights ? EVENT_MAP : EVENT_UNMAP, .pid = g->space->pid,
		    .a = va, .b = n * sl_span(level),
		    .rights = n > 1 ? EVENT_RIGHTS_MIXED : rights);
	tree_hold(g->space);
	if (n == 1)	/* mostly: no loops then */
		sl_store_list(t, va, e, list, 1, level, &g->change);
	else
		sl_store_list(t, va, e, list, n, level, &g->change);
}

void iommu_store(struct iommu_gather *g, uintptr_t va, uint64_t *e,
		 const uint64_t *list, size_t n, unsigned level)
{
	if (g->space)
		store(g, va, e, list, n, level);
	else
		for (size_t i = 0; i < n; i++)
			os_store(&e[i], list[i]);
}

/* Entries that were there must be forgotten, by the unit and by its devices; new
 * ones only where absence is cached (CAP.CM). */
static bool must_forget(const struct iommu_change *c, const struct vtd *u)
{
	return c->removed || u->cap & CAP_CM;
}

static int submit(const struct iommu_change *c, const struct space_unit *su,
		  struct vtd_ticket *t)
{
	struct qi_desc list[INV_RANGE_MAX + MAX_ATS * INV_DEVTLB_MAX];
	unsigned used = __atomic_load_n(&su->ats_used, __ATOMIC_ACQUIRE);
	uint16_t sid;
	unsigned n;

	n = inv_range(su->unit, su->did, c->lo, c->hi, !c->upper, list);
	for (; used; used &= used - 1) {
		sid = READ_ONCE(su->ats[__builtin_ctz(used)]);
		n += inv_devtlb_range(su->unit, sid, c->lo, c->hi, &list[n]);
	}
	return vtd_submit(su->unit, list, n, t);
}

/* To all units first, then waits for all.  The change, which is visible before
 * the list is looked at, is either met by a unit that joins, or flushed.  Stores
 * may linger in a unit (CAP.RWBF); an invalidation pushes them out, too (VT-d
 * 6.8). */
inlined int flush_units(struct iommu_space *s, const struct iommu_change *c)
{
	struct { struct vtd *unit; struct vtd_ticket ticket; } asked[MAX_UNITS],
		*last = asked;
	struct space_unit *su;
	int err = 0;

	__atomic_fetch_add(&s->flushing, 1, __ATOMIC_SEQ_CST);
	su = __atomic_load_n(&s->units, __ATOMIC_ACQUIRE);
	for (; su; su = __atomic_load_n(&su->next, __ATOMIC_ACQUIRE)) {
		if (!must_forget(c, su->unit)) {
			err |= vtd_flush_write_buffer(su->unit);
			continue;
		}
		last->unit = su->unit;
		if (submit(c, su, &last->ticket) < 0)
			err = -1;
		else
			last++;
	}
	__atomic_fetch_sub(&s->flushing, 1, __ATOMIC_RELEASE);
	while (last-- > asked)
		err |= vtd_wait(last->unit, &last->ticket);
	return err;
}

/* Apart, so that iommu_flush() saves no registers where nothing is to be done. */
static not_inlined int flush(struct iommu_space *s, struct iommu_change *c)
{
	int err = flush_units(s, c);

	if (err && c->removed)
		WRITE_ONCE(s->lost, true);
	/* A unit that failed with it, now or at a detach, may know it still. */
	if (READ_ONCE(s->lost)) {
		err = c->removed ? -1 : err;
	} else if (c->tombs || c->nburied) {
		tree_hold(s);
		sl_reap(&s->table, c);
	}
	iommu_change_clear(c);
	return err;
}

int iommu_flush(struct iommu_gather *g)
{
	struct iommu_change *c = &g->change;

	if (c->removed || (c->added && READ_ONCE(g->space->eager)))
		return flush(g->space, c);
	iommu_change_clear(c);
	return 0;
}
