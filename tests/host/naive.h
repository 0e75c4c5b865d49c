/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A naive specification of second-level tables: an array of 4 KiB pages, each
 * an address and rights, in places around 2 MiB, 1 GiB and 512 GiB boundaries;
 * and a cache that keeps all that a unit may keep (leaves, tables on the way to
 * them, and in caching mode what is absent: VT-d 6.1, 6.2), is filled between
 * any two steps of a change and forgets no more than the change says.
 */
#ifndef NAIVE_H
#define NAIVE_H

#include "bench.h"

#include <vtd/table_impl.h>

#define P_ADDR	0xffffffffff000ul
#define P_SNP	0x800ul
#define P_PS	0x80ul

#define PLACES	4u
struct place {
	uint64_t base;
	unsigned pages;
	uint64_t *is;		/* frame | rights; 0: absent */
};
extern struct place places[PLACES];

/* What the cache knows: an entry of a level, as it was met at va. */
struct known {
	uint64_t va, entry;
	unsigned level;
};
#define KNOWN	400u

/* A page that is watched: what it was before the change, and is after it. */
struct sample {
	uint64_t va, was, is;
};
#define SAMPLES	12u

struct naive {
	struct machine *m;
	struct model_unit *u;		/* coherent as the format is */
	struct model_unit *units[2];
	struct sl_table t;
	struct iommu_change change;
	struct known known[KNOWN];
	unsigned nknown;
	bool caching;			/* remembers absence */
	struct sample sample[SAMPLES];
	unsigned skip, events;		/* of how many one is looked at */
};
extern struct naive naive;

struct op {
	uint64_t va;
	size_t len;
	uint64_t pa;		/* of a map */
	uint64_t rights;	/* 0 to 3 */
	bool map;
};

#define GB	(1ul << 30)
#define MB2	(2ul << 20)

void open_naive(struct naive *n, uint64_t seed);
void close_naive(struct naive *n);	/* nothing has leaked */
uint64_t span(unsigned level);		/* bytes under an entry */
uint64_t page_of(uint64_t e, unsigned level, uint64_t va);
/* What the array says of a page, and what a unit with so many levels finds. */
uint64_t wanted(uint64_t va);
uint64_t found(struct naive *n, unsigned levels, uint64_t va);
/* A change, watched at each step; fail: its n'th allocation does. */
int change(struct naive *n, const struct op *o, unsigned fail);
/* Those of `naive`, which succeed: a map with all rights, and a keep. */
void do_map(uint64_t va, uint64_t pa, size_t len);
void do_keep(uint64_t va, size_t len, uint64_t rights);
/* A unit joins: what every page is stays the same all the while. */
int adapt(struct naive *n, struct sl_format f, unsigned fail);
/* What the change says is forgotten; all that is known then is so. */
void flush(struct naive *n);
/* Every page of the tree, and no other. */
void compare_all(struct naive *n);

#endif
