/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level tables (VT-d 9.8): what the devices of one space see.
 *
 * All addresses that are ever mapped lie below 2^39, so the tree proper has
 * three levels, and a unit with three-level tables uses it as it is.  For one
 * with four or five, a page with a single entry is put on top of it.  The
 * caller serialises changes, and flushes afterwards.
 */
#ifndef VTD_TABLE_H
#define VTD_TABLE_H

#include <iommu_os.h>
#include <vtd/regs.h>

#define SL_LEVELS	3
#define SL_MAX_LEVELS	5
#define SL_END		(1ull << 39)

struct sl_table {
	uint64_t *top[SL_MAX_LEVELS - SL_LEVELS + 1];	/* [0]: 3 levels */
	bool flush_lines;	/* some unit does not snoop the caches */
	size_t pages;		/* of tables */
};

int sl_init(struct sl_table *t, bool flush_lines) must_check;
/* Nothing walks the tables any more. */
void sl_free(struct sl_table *t);
/* Where a unit with so many levels begins; 0: no memory. */
physaddr_t sl_root(struct sl_table *t, unsigned levels);

/* Ranges are whole pages below SL_END.  rights: SL_R, SL_W or both.  Maps all
 * or nothing; negative: no memory for tables.  Replaces what was mapped, and
 * sets *replaced if there was something. */
int sl_map(struct sl_table *t, uint64_t va, physaddr_t pa, size_t len,
	   uint64_t rights, bool *replaced) must_check;
/* Keeps only those rights of each entry in the range; 0 makes it absent. */
void sl_keep(struct sl_table *t, uint64_t va, size_t len, uint64_t rights);
/* The leaf entry, 0 if there is none. */
uint64_t sl_lookup(const struct sl_table *t, uint64_t va);

#endif
