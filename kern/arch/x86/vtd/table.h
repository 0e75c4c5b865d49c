/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level tables (VT-d 9.8): what the devices of one space see.
 *
 * All addresses that are ever mapped lie below 2^39, so the tree proper has
 * three levels, and a unit with three-level tables uses it as it is.  For one
 * with four or five, a page with a single entry is put on top of it.
 *
 * Every change of an entry is one store.  A large leaf is split by pointing its
 * entry at a table that says the same, and many leaves become one the same way,
 * so a device never sees less or more than before or after.
 *
 * A table that is taken out is not freed before the flush that ends its use.
 * Until then its entry, absent now (R and W clear), keeps its address and
 * SL_TOMB; or, where a leaf has taken the entry's place, the change itself
 * remembers it.  sl_reap frees them after the flush.
 *
 * The tree proper may be the owner's: the lower levels of its processor's page
 * tables, whose P and W are R and W here (VT-d 9.8, SDM 3A 4.5).  Then the owner
 * changes it, by sl_store_list alone, and frees it; there is no SNP in it.
 *
 * The caller serialises changes of one tree.
 */
#ifndef VTD_TABLE_H
#define VTD_TABLE_H

#include <iommu_change.h>
#include <iommu_os.h>
#include <vtd/regs.h>

#define SL_LEVELS	3
#define SL_MAX_LEVELS	5
#define SL_END		(1ull << 39)

/* What all units that walk a tree can do. */
struct sl_format {
	uint8_t leaf_levels;	/* 1: 4 KiB alone; 2: and 2 MiB; 3: and 1 GiB */
	bool snoop;		/* leaves may and do say SNP */
	bool flush_lines;	/* some unit does not snoop the caches */
};

struct sl_table {
	uint64_t *top[SL_MAX_LEVELS - SL_LEVELS + 1];	/* [0]: 3 levels */
	struct sl_format format;
	size_t pages;		/* of tables, but for those of its owner's: */
	bool shared;		/* what is below top[0], with itself */
	struct sl_made {	/* by level: the last addresses in one piece */
		uint64_t lo, hi; /* whose tables the present sl_map has made */
	} made[SL_LEVELS];
};

/* An empty tree of that format; the widest is not known to be too much for
 * any unit yet. */
int sl_init(struct sl_table *t, struct sl_format f) must_check;
#define SL_WIDEST \
	((struct sl_format){ .leaf_levels = SL_LEVELS, .snoop = true })
/* A tree of its owner's, whose leaves are as large as the format says. */
void sl_share(struct sl_table *t, uint64_t *table, struct sl_format f);
/* Nothing walks the tables any more. */
void sl_free(struct sl_table *t);
/* Makes the tree fit a lesser format, and keeps to it; what it changes says
 * the same as before.  Negative: no memory; the tree fits its old format. */
int sl_adapt(struct sl_table *t, struct sl_format f,
	     struct iommu_change *change) must_check;
/* The format that both can do. */
struct sl_format sl_lesser(struct sl_format a, struct sl_format b);
/* Where a unit with so many levels begins; 0: no memory. */
physaddr_t sl_root(struct sl_table *t, unsigned levels);

/* Ranges are whole pages below SL_END.  rights: SL_R, SL_W or both.  Maps all
 * or nothing; negative: no memory for tables, or the change has taken tables
 * out around there and is not flushed yet.  Replaces what was mapped. */
int sl_map(struct sl_table *t, uint64_t va, physaddr_t pa, size_t len,
	   uint64_t rights, struct iommu_change *change) must_check;
/* Keeps only those rights of each entry in the range; 0 makes it absent.
 * Negative: no memory to split a large leaf, and nothing has changed. */
int sl_keep(struct sl_table *t, uint64_t va, size_t len, uint64_t rights,
	    struct iommu_change *change) must_check;
/* Frees the tables that the changes took out, which have been flushed, paging
 * structures included, and makes *change empty. */
void sl_reap(struct sl_table *t, struct iommu_change *change);

/* The entries for va from a unit's top level down, entry[level - 1]; the level of
 * the last, which is a leaf or absent.  Some unit with so many levels walks it.
 */
unsigned sl_walk(const struct sl_table *t, unsigned levels, uint64_t va,
		 uint64_t entry[SL_MAX_LEVELS]);
/* What stands at va < SL_END, and for how many bytes the same, as far as one
 * table says: leaves of a level with the same rights; absent ones have none. */
struct sl_run {
	uint64_t len, rights;
	unsigned level;
};
struct sl_run sl_run_at(const struct sl_table *t, uint64_t va);

/* NULL, or what is wrong: counts, reserved bits, tombs that were forgotten, or
 * a 4 KiB page of which right() says that it should not be there. */
const char *sl_check(const struct sl_table *t,
		     bool (*right)(void *arg, uint64_t va, physaddr_t pa,
				   int prot),
		     void *arg);

#endif
