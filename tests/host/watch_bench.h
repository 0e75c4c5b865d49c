/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what the driver tells of its work: a unit, and a process that has
 * a device behind it. */
#ifndef WATCH_BENCH_H
#define WATCH_BENCH_H

#include "bench.h"

#include <watch.h>

static inline struct process *start(struct bench *b, const char *name)
{
	struct process *p;

	bench_open(b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(b);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 4, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	return p;
}

static inline void finish(struct bench *b, struct process *p)
{
	process_end(p);
	bench_close(b);
}

#endif
