/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read out of a histogram (histogram.h).  Pure. */
#include <histogram.h>

void histogram_copy(struct histogram *to, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->count[i] = __atomic_load_n(&from->count[i],
					       __ATOMIC_RELAXED);
}

uint64_t histogram_total(const struct histogram *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->count[i];
	return n;
}

uint64_t histogram_low(unsigned bucket)
{
	return bucket < 4 ? bucket :
		(4ull + bucket % 4) << (bucket / 4 - 1);
}

uint64_t histogram_high(unsigned bucket)
{
	return bucket == HISTOGRAM_BUCKETS - 1 ? UINT64_MAX :
		histogram_low(bucket + 1) - 1;
}

unsigned histogram_nth(const struct histogram *h, uint64_t n)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->count[i];
		if (n && seen >= n)
			return i;
	}
	return 0;
}
