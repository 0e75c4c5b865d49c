/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations by chance on a machine of three units of different kinds, and
 * what must be so after each: see test_random.c.
 */
#ifndef CHANCE_H
#define CHANCE_H

#include "bench.h"

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
};

void run_open(struct run *r, uint64_t seed);
void run_one(struct run *r);		/* an operation */
void run_end(struct run *r, struct process *p);
void run_check(struct run *r);
void run_close(struct run *r);

#endif
