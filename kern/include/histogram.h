/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of whole numbers, four buckets to an octave: 0, 1, 2 and 3 have
 * one each, then 4-4, 5-5, 6-6, 7-7, 8-9, 10-11 and so on; the last takes all
 * that is larger.  So a value is known to a quarter of itself.  Any number of
 * processors may add; whoever reads meanwhile sees some of what they do.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <types.h>

#define HISTOGRAM_BUCKETS 140		/* the last: from 7 * 2^33 on */

struct histogram {
	uint64_t count[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t v)
{
	unsigned octave, n;

	if (v < 4)
		return (unsigned)v;
	octave = 63 - (unsigned)__builtin_clzll(v);
	n = 4 * (octave - 1) + (unsigned)(v >> (octave - 2) & 3);
	return MIN(n, HISTOGRAM_BUCKETS - 1u);
}

static inline void histogram_add(struct histogram *h, uint64_t v)
{
	__atomic_fetch_add(&h->count[histogram_bucket(v)], 1, __ATOMIC_RELAXED);
}

/* histogram.c: of one that stands still, as a copy does. */
void histogram_copy(struct histogram *to, const struct histogram *from);
uint64_t histogram_total(const struct histogram *h);
/* The least value of that bucket, and the largest. */
uint64_t histogram_low(unsigned bucket);
uint64_t histogram_high(unsigned bucket);
/* The bucket of the n'th value from below, the first being 1; 0 if there are
 * fewer. */
unsigned histogram_nth(const struct histogram *h, uint64_t n);

#endif
