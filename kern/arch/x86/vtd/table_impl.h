/* SPDX-License-Identifier: BSD-2-Clause */
/* What table.c, table_life.c and the shortest ways of a space share: entries. */
#ifndef VTD_TABLE_IMPL_H
#define VTD_TABLE_IMPL_H

#include <vtd/table.h>

#define SL_ENTRIES	512
#define SL_RIGHTS	(SL_R | SL_W)

static inline unsigned sl_index(uint64_t va, unsigned level)
{
	return (unsigned)(va >> (PGSHIFT + 9 * (level - 1))) % SL_ENTRIES;
}

/* Bytes under one entry of that level. */
static inline uint64_t sl_span(unsigned level)
{
	return PGSIZE << (9 * (level - 1));
}

static inline bool sl_present(uint64_t entry)
{
	return entry & SL_RIGHTS;
}

static inline bool sl_is_leaf(uint64_t entry, unsigned level)
{
	return sl_present(entry) && (level == 1 || entry & SL_PS);
}

static inline physaddr_t sl_addr(uint64_t entry)
{
	return entry & field_mask(SL_ADDR);
}

/* The table under an entry; NULL: a leaf, or nothing. */
static inline uint64_t *sl_table_under(uint64_t entry, unsigned level)
{
	return sl_present(entry) && !sl_is_leaf(entry, level) ?
		os_virt(sl_addr(entry)) : NULL;
}

static inline uint64_t sl_make_leaf(const struct sl_table *t, physaddr_t pa,
				    uint64_t rights, unsigned level)
{
	return pa | rights | (level > 1 ? SL_PS : 0) |
		(t->format.snoop ? SL_SNP : 0);
}

static inline uint64_t sl_make_pointer(const uint64_t *table)
{
	return os_phys(table) | SL_RIGHTS;
}

/* n entries that have been stored, for units that do not snoop. */
static inline void sl_clean(const struct sl_table *t, const uint64_t *e,
			    size_t n)
{
	if (t->format.flush_lines)
		os_flush(e, n * sizeof(*e));
}

static inline void sl_store(const struct sl_table *t, uint64_t *e, uint64_t v)
{
	os_store(e, v);
	sl_clean(t, e, 1);
}

static inline void sl_note(struct iommu_change *c, uint64_t lo, uint64_t hi)
{
	c->lo = c->hi ? MIN(c->lo, lo) : lo;
	c->hi = MAX(c->hi, hi);
}

/* The entry of that level for va, all tables above it being there; NULL: some
 * are not. */
inlined uint64_t *sl_find(const struct sl_table *t, uint64_t va, unsigned level)
{
	uint64_t *table = t->top[0], e;

#pragma GCC unroll 3
	for (unsigned l = SL_LEVELS; l > level; l--) {
		e = table[sl_index(va, l)];
		if (!sl_present(e) || e & SL_PS)
			return NULL;
		table = os_virt(sl_addr(e));
	}
	return &table[sl_index(va, level)];
}

/* A whole table goes: its entry is absent and keeps its address. */
static inline void sl_take_out(struct sl_table *t, uint64_t *e,
			       struct iommu_change *change)
{
	change->removed = change->upper = change->tombs = true;
	sl_store(t, e, sl_addr(*e) | SL_TOMB);
}

/* What is done most often: one leaf, under tables that are there, is mapped or,
 * without rights, goes, or a table in its place.  false: it is not that. */
inlined bool sl_put_leaf(struct sl_table *t, uint64_t va, physaddr_t pa,
			 unsigned level, uint64_t rights,
			 struct iommu_change *change)
{
	uint64_t *e = va < SL_END ? sl_find(t, va, level) : NULL;
	uint64_t leaf;

	if (!e || (rights && change->tombs))
		return false;
	if (level > 1 && ((va | pa) % sl_span(level) || *e & SL_TOMB ||
			  (rights && (level > t->format.leaf_levels ||
				      sl_table_under(*e, level)))))
		return false;
	sl_note(change, va, va + sl_span(level));
	change->added |= rights != 0;
	change->upper |= level > 1;
	if (level > 1 && sl_table_under(*e, level)) {
		sl_take_out(t, e, change);
		return true;
	}
	leaf = rights ? sl_make_leaf(t, pa, rights, level) : 0;
	if (*e && *e != leaf)
		change->removed = true;
	sl_store(t, e, leaf);
	return true;
}

/* table.c: tables that come are in memory before anything leads to them. */
void sl_clean_tables(const struct sl_table *t, const uint64_t *list, size_t n,
		     unsigned level);
/* n entries of a table of that level in a shared tree, for va on, become those
 * of the list: leaves that all units can take, tables, or absent ones.  Bits that
 * the processor sets by itself make no difference. */
static inline void sl_store_list(struct sl_table *t, uint64_t va, uint64_t *e,
				 const uint64_t *list, size_t n, unsigned level,
				 struct iommu_change *change)
{
	const uint64_t seen = field_mask(SL_ADDR) | SL_RIGHTS | SL_PS;
	uint64_t added = 0, removed = 0;

	if (level > 1)
		sl_clean_tables(t, list, n, level);
	change->upper |= level > 1;
	sl_note(change, va, va + n * sl_span(level));
#pragma GCC unroll 8
	for (size_t i = 0; i < n; i++) {
		added |= list[i];
		if (!removed && sl_present(e[i]))
			removed = (e[i] ^ list[i]) & seen;
		os_store(&e[i], list[i]);
	}
	change->added |= sl_present(added);
	change->removed |= removed != 0;
	sl_clean(t, e, n);
}

/* table_life.c */
uint64_t *sl_new_table(struct sl_table *t);	/* NULL: no memory */
void sl_free_under(struct sl_table *t, uint64_t *table, unsigned level);
/* Points the entry of a large leaf at va at a table that says the same; the
 * table, or NULL: no memory. */
uint64_t *sl_split(struct sl_table *t, uint64_t *e, uint64_t va, unsigned level,
		   struct iommu_change *change);

#endif
