/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A count that many processors add to at once without passing one cache line
 * around: it lies in parts, of which whoever adds uses the one of his key (an
 * object of his own).
 */
#ifndef COUNTER_H
#define COUNTER_H

#include <types.h>

#define COUNTER_PARTS 16

struct counter {
	struct {
		uint64_t n, unused[7];
	} part[COUNTER_PARTS];
};

static inline void counter_add(struct counter *c, const void *key)
{
	__atomic_fetch_add(&c->part[(uintptr_t)key >> 8 & (COUNTER_PARTS - 1)].n,
			   1, __ATOMIC_RELAXED);
}

static inline uint64_t counter_sum(const struct counter *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < COUNTER_PARTS; i++)
		n += __atomic_load_n(&c->part[i].n, __ATOMIC_RELAXED);
	return n;
}

#endif
