/* SPDX-License-Identifier: BSD-2-Clause */
/* Second-level tables (table.h): map, keep. */
#include <vtd/table_impl.h>

/* The table under an entry that leads to none yet: made, or split off a leaf;
 * NULL: no memory. */
static rarely uint64_t *new_under(struct sl_table *t, uint64_t *e, uint64_t va,
				  unsigned level, struct iommu_change *change)
{
	struct sl_made *made = &t->made[level - 2];
	uint64_t *under;

	if (sl_is_leaf(*e, level))
		return sl_split(t, e, va, level, change);
	if (*e & SL_TOMB)	/* of a space that is lost */
		return NULL;
	under = sl_new_table(t);
	if (!under)
		return NULL;
	/* Its absence may be cached, and by more than the IOTLB (VT-d 6.1). */
	sl_note(change, va, va + PGSIZE);
	change->added = change->upper = true;
	sl_store(t, e, sl_make_pointer(under));
	va = ROUNDDOWN(va, sl_span(level));
	made->lo = made->hi == va ? made->lo : va;
	made->hi = va + sl_span(level);
	return under;
}

/* The entry of that level for va, with all tables above it; NULL: no memory. */
static uint64_t *make_entry(struct sl_table *t, uint64_t va, unsigned level,
			    struct iommu_change *change)
{
	uint64_t *table = t->top[0], *e;

	for (unsigned l = SL_LEVELS; l > level; l--) {
		e = &table[sl_index(va, l)];
		table = sl_table_under(*e, l);
		if (!table)
			table = new_under(t, e, va, l, change);
		if (!table)
			return NULL;
	}
	return &table[sl_index(va, level)];
}

/* The largest level whose page begins at va and pa and fits in len. */
static unsigned leaf_level(const struct sl_table *t, uint64_t va, uint64_t pa,
			   size_t len)
{
	unsigned level = 1;

	while (level < t->format.leaf_levels && len >= sl_span(level + 1) &&
	       !((va | pa) % sl_span(level + 1)))
		level++;
	return level;
}

/* Bytes from va to the end of its table of that level, at most len. */
static size_t in_one_table(uint64_t va, unsigned level, size_t len)
{
	return MIN(len, sl_span(level + 1) - va % sl_span(level + 1));
}

/* All tables first, so that nothing is half mapped when memory runs out; what
 * lies in one table cannot be. */
static bool make_tables(struct sl_table *t, uint64_t va, uint64_t pa,
			size_t len, struct iommu_change *change)
{
	unsigned level;
	size_t step;

	if (in_one_table(va, 1, len) == len)
		return true;
	for (; len; va += step, pa += step, len -= step) {
		level = leaf_level(t, va, pa, len);
		step = level > 1 ? ROUNDDOWN(in_one_table(va, level, len),
					     sl_span(level)) :
			in_one_table(va, 1, len);
		if (!make_entry(t, va, level, change))
			return false;
	}
	return true;
}

/* Makes way for a leaf: a table in its place is remembered; false: there is no
 * room for that. */
static bool replace(uint64_t old, unsigned level, struct iommu_change *c)
{
	uint64_t *under = sl_table_under(old, level);

	if (under) {
		if (c->nburied == IOMMU_BURIED)
			return false;
		c->buried[c->nburied++] = os_phys(under) | level;
	}
	c->removed |= sl_present(old);
	return true;
}

/* Up to n leaves, of one table, from e on; how many: it stops at a table that
 * cannot be remembered. */
static size_t put(struct sl_table *t, uint64_t *e, size_t n, uint64_t leaf,
		  unsigned level, struct iommu_change *change)
{
	size_t i;

	for (i = 0; i < n; i++, leaf += sl_span(level)) {
		if (e[i] && e[i] != leaf && !replace(e[i], level, change))
			break;
		os_store(&e[i], leaf);
	}
	sl_clean(t, e, i);
	return i;
}

/* `len` bytes in leaves of that level, in one table; smaller ones where a table
 * stands that cannot be remembered.  false: no memory for the table. */
static bool map_leaves(struct sl_table *t, uint64_t va, uint64_t pa, size_t len,
		       uint64_t rights, unsigned level,
		       struct iommu_change *change)
{
	uint64_t *e = make_entry(t, va, level, change);
	const struct sl_made *m = &t->made[level - 1];
	size_t n = len / sl_span(level), done;
	uint64_t leaf, skip;

	if (!e)
		return false;
	change->added = true;
	change->upper |= level > 1;	/* what was absent may be remembered as
					 * tables are (VT-d 6.1) */
	for (;;) {
		leaf = sl_make_leaf(t, pa, rights, level);
		if (va >= m->lo && va < m->hi) {
			os_fill(e, n, leaf, sl_span(level),
				t->format.flush_lines);
			return true;
		}
		done = put(t, e, n, leaf, level, change);
		if (done == n)
			return true;
		skip = done * sl_span(level);
		(void)map_leaves(t, va + skip, pa + skip, sl_span(level),
				 rights, level - 1, change);
		va += skip + sl_span(level);
		pa += skip + sl_span(level);
		e += done + 1;
		n -= done + 1;
	}
}

static rarely int no_memory(void)
{
	return os_error("no memory for I/O page tables");
}

static int check_range(uint64_t va, size_t len, const struct iommu_change *c)
{
	if (va + len > SL_END || va + len < va)
		return os_error("address 0x%lx cannot be translated", va);
	if (c->tombs && va < c->hi && va + len > c->lo)
		return os_error("address 0x%lx is not flushed yet", va);
	return 0;
}

int sl_map(struct sl_table *t, uint64_t va, physaddr_t pa, size_t len,
	   uint64_t rights, struct iommu_change *change)
{
	unsigned level;
	size_t step;

	if (check_range(va, len, change) < 0)
		return -1;
	sl_note(change, va, va + len);
	t->made[0].hi = t->made[1].hi = 0;
	if (!make_tables(t, va, pa, len, change))
		return no_memory();
	for (; len; va += step, pa += step, len -= step) {
		level = leaf_level(t, va, pa, len);
		step = ROUNDDOWN(in_one_table(va, level, len), sl_span(level));
		if (!map_leaves(t, va, pa, step, rights, level, change))
			return no_memory();
	}
	return 0;
}

void sl_clean_tables(const struct sl_table *t, const uint64_t *list, size_t n,
		     unsigned level)
{
	uint64_t *under;

	for (size_t i = 0; i < n; i++) {
		under = sl_table_under(list[i], level);
		if (under)
			sl_clean(t, under, SL_ENTRIES);
	}
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
		table = sl_table_under(*e, l);
		if (!table)
			table = sl_split(t, e, va, l, change);
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

/* n entries of a table of pages.  To be cleared, once there is one, they are not
 * looked at. */
static void keep_pages(struct sl_table *t, uint64_t *e, size_t n,
		       uint64_t rights, struct iommu_change *change)
{
	for (; n && (rights || !*e); n--)
		keep_in_leaf(t, e++, rights, change);
	change->removed |= n > 0;
	if (n)
		os_fill(e, n, 0, 0, t->format.flush_lines);
}

/* Pages of one or two tables that are there, and of neither all; false: it is
 * not that. */
static bool keep_some_pages(struct sl_table *t, uint64_t va, size_t len,
			    uint64_t rights, struct iommu_change *change)
{
	size_t first = in_one_table(va, 1, len), more = len - first;
	uint64_t *e = sl_find(t, va, 1);
	uint64_t *behind = more ? sl_find(t, va + first, 1) : e;

	if (!e || !behind || MAX(first, more) >= sl_span(2))
		return false;
	sl_note(change, va, va + len);
	keep_pages(t, e, first / PGSIZE, rights, change);
	if (more)
		keep_pages(t, behind, more / PGSIZE, rights, change);
	return true;
}

/* [va, va + len) lies under one table of that level; leaves end at its ends. */
static void keep_in_table(struct sl_table *t, uint64_t *table, unsigned level,
			  uint64_t va, size_t len, uint64_t rights,
			  struct iommu_change *change)
{
	uint64_t *e, *under;
	size_t step;

	if (level == 1) {
		keep_pages(t, &table[sl_index(va, 1)], len / PGSIZE, rights,
			   change);
		return;
	}
	for (; len; va += step, len -= step) {
		step = MIN(len, sl_span(level) - va % sl_span(level));
		e = &table[sl_index(va, level)];
		under = sl_table_under(*e, level);
		if (sl_is_leaf(*e, level))
			keep_in_leaf(t, e, rights, change);
		else if (under && !rights && step == sl_span(level))
			sl_take_out(t, e, change);
		else if (under)
			keep_in_table(t, under, level - 1, va, step, rights,
				      change);
	}
}

/* What cannot be done is found out before anything changes. */
int sl_keep(struct sl_table *t, uint64_t va, size_t len, uint64_t rights,
	    struct iommu_change *change)
{
	if (va >= SL_END)	/* nothing is mapped there */
		return 0;
	len = MIN(len, SL_END - va);
	if (keep_some_pages(t, va, len, rights, change))
		return 0;
	if (!split_at(t, va, change) || !split_at(t, va + len, change))
		return no_memory();
	sl_note(change, va, va + len);
	keep_in_table(t, t->top[0], SL_LEVELS, va, len, rights, change);
	return 0;
}
