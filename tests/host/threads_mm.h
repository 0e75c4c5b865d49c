/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of processes in test_threads.c, strictly and lazily unmapped: what
 * kern/mm/aspace.c and lazy.c are to the kernel.  But for flush_before and
 * set_mode, which take it, with the member's lock held.
 */
#ifndef THREADS_MM_H
#define THREADS_MM_H

#include "threads_os.h"

#include <pthread.h>
#include <quarantine.h>

#define PLACES		24u	/* pages */

struct member {
	pthread_mutex_t lock;		/* as kern/mm/aspace.c has it */
	struct iommu_space *s;		/* NULL: no device yet */
	struct owner *o;
	bool lost;
	uint64_t seed;
	struct quarantine q;
	unsigned long waited;		/* pages that were unmapped lazily */
};

extern struct bench b;
extern bool troubled;		/* some unit has stopped working */

unsigned chance(uint64_t *seed, unsigned n);
/* Ends the test, but where there is trouble. */
void need(bool good, const char *what);

void member_setup(struct member *p, uint64_t seed);
/* Some page, by chance; or some pages, of which rights are kept, or none. */
void map_page(struct member *p);
void keep_pages(struct member *p);
void check_pages(struct member *p);
/* All of it is gone, and so is its space. */
void drop_pages(struct member *p);
void end_of_waiting(struct member *p, enum quarantine_why why);

void flush_before(uint64_t before, enum quarantine_why why);
void set_mode(uint64_t *seed);

#endif
