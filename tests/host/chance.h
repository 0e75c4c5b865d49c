/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations by chance on a machine of three units of different kinds, and
 * what must be so after each: see test_random.c.
 */
#ifndef CHANCE_H
#define CHANCE_H

#include "bench.h"

#include <quarantine.h>

#define PROCESSES	4
#define FUNCTIONS	14
#define UNITS		3
#define BLOCKS		2	/* of contiguous memory */
#define BLOCK		512u	/* pages */
#define BLOCK_BYTES	(BLOCK * PAGE)

struct block {
	physaddr_t at;
	unsigned used;		/* pages that are some process's */
};

#define CLOSED		32	/* ranges in one quarantine */

/* A process's quarantine: chance_lazy.c. */
struct lazy {
	struct quarantine q;
	struct run *r;
	struct process *p;
	struct {
		uint64_t start, end;
	} closed[CLOSED];	/* addresses that are given to nobody */
	unsigned nclosed;
	uint64_t first;		/* when its oldest page was unmapped */
};

struct run {
	struct bench b;
	struct model_unit *units[UNITS];
	unsigned kinds[UNITS];	/* by their number */
	struct process *p[PROCESSES];
	struct function *f[FUNCTIONS];
	struct block blocks[BLOCKS];
	int pid;
	bool troubled;		/* some unit has stopped working */
	bool may_trouble;	/* one may */
	uint64_t ops;
	physaddr_t old[4096];	/* frames that a change takes out */
	unsigned nold;
	struct lazy lazy[PROCESSES];
	struct quarantine_mode mode;
	uint64_t turned;	/* when the old were last looked for */
	uint64_t late;		/* pages that were unmapped lazily */
};

void run_open(struct run *r, uint64_t seed);
void run_one(struct run *r);		/* an operation */
void run_end(struct run *r, struct process *p);
void run_check(struct run *r);
void run_close(struct run *r);

/* A call has failed: without a unit that has stopped, why? */
void excuse(struct run *r, int err, const char *what);
/* A frame that no device can reach any more. */
void retire(struct run *r, physaddr_t pa);

void lazy_open(struct run *r);
void lazy_init(struct run *r, unsigned slot);	/* for r->p[slot] */
struct lazy *lazy_of(struct run *r, const struct process *p);
/* Nothing waits, of that process. */
void lazy_flush(struct run *r, struct process *p, enum quarantine_why why);
/* Whether pages may be mapped there, or replaced; flushes if need be. */
bool lazy_room(struct run *r, struct process *p, uint64_t va, unsigned pages);
/* Whether they may be unmapped lazily; then, once the table says so: it is. */
bool lazy_may(struct run *r, struct process *p, uint64_t va, unsigned pages);
void lazy_unmap(struct run *r, struct process *p, uint64_t va, unsigned pages);
void lazy_reclaim(struct run *r);
void lazy_turn(struct run *r);
void lazy_check(struct run *r);

#endif
