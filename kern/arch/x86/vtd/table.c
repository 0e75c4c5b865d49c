/* SPDX-License-Identifier: BSD-2-Clause */
/* Second-level tables (table.h): map, keep. */
#include <vtd/table_impl.h>

/* The table under an entry of that level, made or split off if need be; NULL:
 * no memory. */
static uint64_t *descend(struct sl_table *t, uint64_t *e, uint64_t va,
			 unsigned level, struct iommu_change *change)
{
	uint64_t *under;

	if (sl_is_leaf(*e, level))
		return sl_split(t, e, va, level, change);
	under = sl_table_under(*e, level);
	if (under || *e & SL_TOMB)	/* of a space that is lost */
		return under;
	under = sl_new_table(t);
	if (!under)
		return NULL;
	/* Its absence may be cached, and by more than the IOTLB (VT-d 6.1). */
	sl_note(change, va, va + PGSIZE);
	change->added = change->upper = true;
	sl_store(t, e, sl_make_pointer(under));
	return under;
}

/* The entry of that level for va, with all tables above it; NULL: no memory. */
static uint64_t *make_entry(struct sl_table *t, uint64_t va, unsigned level,
			    struct iommu_change *change)
{
	uint64_t *table = t->top[0];

	for (unsigned l = SL_LEVELS; l > level && table; l--)
		table = descend(t, &table[sl_index(va, l)], va, l, change);
	return table ? &table[sl_index(va, level)] : NULL;
}

/* The largest level whose page begins at va and pa and fits in len. */
static unsigned leaf_level(const struct sl_table *t, uint64_t va, uint64_t pa,
			   size_t len)
{
	unsigned level = t->format.leaf_levels;

	while (level > 1 && ((va | pa) % sl_span(level) ||
			     len < sl_span(level)))
		level--;
	return level;
}

/* Bytes from va to the end of its table of that level, at most len. */
static size_t in_one_table(uint64_t va, unsigned level, size_t len)
{
	return MIN(len, sl_span(level + 1) - va % sl_span(level + 1));
}

/* All tables first, so that nothing is half mapped when memory runs out. */
static bool make_tables(struct sl_table *t, uint64_t va, uint64_t pa,
			size_t len, struct iommu_change *change)
{
	unsigned level;
	size_t step;

	for (; len; va += step, pa += step, len -= step) {
		level = leaf_level(t, va, pa, len);
		step = level > 1 ? sl_span(level) : in_one_table(va, 1, len);
		if (!make_entry(t, va, level, change))
			return false;
	}
	return true;
}

/* A table that a leaf replaces is remembered; false: no room for that. */
static bool bury(struct iommu_change *c, uint64_t *table, unsigned level)
{
	if (c->nburied == IOMMU_BURIED)
		return false;
	c->buried[c->nburied].table = table;
	c->buried[c->nburied++].level = level;
	c->upper = true;
	return true;
}

static void put_leaf(struct sl_table *t, uint64_t *e, uint64_t leaf,
		     struct iommu_change *change)
{
	if (*e == leaf)
		return;
	change->added |= !sl_present(*e);
	change->removed |= sl_present(*e);
	sl_store(t, e, leaf);
}

/* One leaf at va, of that level or, where a table stands in its place and
 * cannot be remembered, as many below it; the tables are there. */
static void map_one(struct sl_table *t, uint64_t va, uint64_t pa,
		    uint64_t rights, unsigned level,
		    struct iommu_change *change)
{
	uint64_t *e = make_entry(t, va, level, change);
	uint64_t *under = sl_table_under(*e, level);

	if (!under || bury(change, under, level - 1)) {
		put_leaf(t, e, sl_make_leaf(t, pa, rights, level), change);
		return;
	}
	for (uint64_t at = 0; at < sl_span(level); at += sl_span(level - 1))
		map_one(t, va + at, pa + at, rights, level - 1, change);
}

int sl_map(struct sl_table *t, uint64_t va, physaddr_t pa, size_t len,
	   uint64_t rights, struct iommu_change *change)
{
	unsigned level;
	size_t step;

	if (va + len > SL_END || va + len < va)
		return os_error("address 0x%lx cannot be translated", va);
	if (change->tombs && va < change->hi && va + len > change->lo)
		return os_error("address 0x%lx is not flushed yet", va);
	if (!make_tables(t, va, pa, len, change))
		return os_error("no memory for I/O page tables");
	sl_note(change, va, va + len);
	for (; len; va += step, pa += step, len -= step) {
		level = leaf_level(t, va, pa, len);
		step = sl_span(level);
		map_one(t, va, pa, rights, level, change);
	}
	return 0;
}

/* Large leaves that reach over an end of the range become tables. */
static bool split_at(struct sl_table *t, uint64_t va,
		     struct iommu_change *change)
{
	uint64_t *table = t->top[0], *e;

	for (unsigned l = SL_LEVELS; l > 1 && va % sl_span(l); l--) {
		e = &table[sl_index(va, l)];
		if (!sl_present(*e))
			return true;
		table = descend(t, e, va, l, change);
		if (!table)
			return false;
	}
	return true;
}

static void keep_in_leaf(struct sl_table *t, uint64_t *e, uint64_t rights,
			 struct iommu_change *change)
{
	uint64_t kept = *e & rights & SL_RIGHTS ?
		*e & ~(SL_RIGHTS & ~rights) : 0;

	if (kept == *e)
		return;
	change->removed = true;
	sl_store(t, e, kept);
}

/* A whole table goes: its entry is absent and keeps its address. */
static void take_out(struct sl_table *t, uint64_t *e,
		     struct iommu_change *change)
{
	change->removed = change->upper = change->tombs = true;
	sl_store(t, e, sl_addr(*e) | SL_TOMB);
}

/* [va, va + len) lies under one table of that level; leaves end at its ends. */
static void keep_in_table(struct sl_table *t, uint64_t *table, unsigned level,
			  uint64_t va, size_t len, uint64_t rights,
			  struct iommu_change *change)
{
	uint64_t *e, *under;
	size_t step;

	for (; len; va += step, len -= step) {
		step = MIN(len, sl_span(level) - va % sl_span(level));
		e = &table[sl_index(va, level)];
		under = sl_table_under(*e, level);
		if (sl_is_leaf(*e, level))
			keep_in_leaf(t, e, rights, change);
		else if (under && !rights && step == sl_span(level))
			take_out(t, e, change);
		else if (under)
			keep_in_table(t, under, level - 1, va, step, rights,
				      change);
	}
}

int sl_keep(struct sl_table *t, uint64_t va, size_t len, uint64_t rights,
	    struct iommu_change *change)
{
	if (va >= SL_END)	/* nothing is mapped there */
		return 0;
	len = MIN(len, SL_END - va);
	if (!split_at(t, va, change) || !split_at(t, va + len, change))
		return os_error("no memory for I/O page tables");
	sl_note(change, va, va + len);
	keep_in_table(t, t->top[0], SL_LEVELS, va, len, rights, change);
	return 0;
}
