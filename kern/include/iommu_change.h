/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changes of I/O page tables leave for the flush behind them: where, what
 * kind, and which table pages have been taken out and may be freed only after
 * it.  All zero: nothing.
 */
#ifndef IOMMU_CHANGE_H
#define IOMMU_CHANGE_H

#include <types.h>

#define IOMMU_BURIED 8

struct iommu_change {
	uint64_t lo, hi;	/* where; hi 0: nowhere */
	union {
		struct {
			bool removed;	/* some right, or an old frame */
			bool added;	/* an absent entry became present */
			bool upper;	/* not entries of 4 KiB pages alone */
			bool tombs;	/* tables taken out stand in lo..hi */
			uint8_t nburied;
		};
		uint64_t any;		/* of these */
	};
	uint64_t buried[IOMMU_BURIED];	/* others: address, and the level below
					 * which they stood */
};

/* Nothing: what stands in `buried` does not matter then. */
static inline void iommu_change_clear(struct iommu_change *c)
{
	c->hi = c->any = 0;
}

#endif
