/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver tells of its own work: counts since boot, how long units took
 * to answer, and a trace of events.
 *
 * A count is changed with the lock of what it counts held, or atomically, and
 * read without: the files' readers hold nobody up.
 */
#ifndef IOMMU_WATCH_H
#define IOMMU_WATCH_H

#include <eventring.h>
#include <histogram.h>
#include <types.h>

enum iommu_event_kind {
	EVENT_ATTACH, EVENT_DETACH, EVENT_MAP, EVENT_UNMAP, EVENT_FLUSH,
	EVENT_WAIT, EVENT_FAULT, EVENT_FENCE, EVENT_RESET, EVENT_POWER,
	EVENT_FAIL, EVENT_INTERRUPT, EVENT_KINDS
};

/* What stands in which field: kern/src/iommu_watch.c, where they become text. */
struct iommu_event {
	uint64_t time;		/* os_clock */
	uint64_t a, b;
	int32_t pid;		/* 0: nobody's */
	uint16_t segment, sid;
	uint8_t kind, unit;
	uint16_t rights;	/* IOMMU_READ, IOMMU_WRITE, or: */
	uint32_t n;
};
#define EVENT_RIGHTS_MIXED 4	/* page by page */
_Static_assert(sizeof(struct iommu_event) == EVENT_WORDS * 8, "its words");

#define IOMMU_TRACE_EVENTS 4096	/* the last that are kept */

/* A test of one byte where it is off; then no field is computed either. */
extern bool iommu_tracing;
extern struct event_ring iommu_events;	/* no slots: it never was on */
void trace_add(struct iommu_event e);
static inline bool is_tracing(void)
{
	return __builtin_expect(__atomic_load_n(&iommu_tracing,
						__ATOMIC_ACQUIRE), false);
}

#define trace_event(kind_, ...)						\
	do {								\
		if (is_tracing())					\
			trace_add((struct iommu_event){			\
				.kind = (kind_), __VA_ARGS__ });	\
	} while (0)

static inline void count(uint64_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

struct iommu_unit_stats {
	/* By type and granularity: a descriptor's lowest six bits (VT-d 6.5.2).
	 * A submission ends with a wait; asking again is one too. */
	uint64_t asked[64];
	uint64_t retries;	/* queue errors, after which all was asked again */
	uint64_t timeouts;	/* of the unit, or of a device's TLB */
	uint64_t writes;	/* of registers */
	struct histogram waits;	/* for invalidations, in ns; 0: they had
				 * completed at the first look, no clock read */
};

/* NULL: there are not so many units. */
const struct iommu_unit_stats *iommu_unit_stats(unsigned n);
/* How often each happened, but for flush, wait and interrupt: 0. */
void iommu_counts(uint64_t counts[EVENT_KINDS]);

/* Switches it on or off; on forgets what was traced before.  Callers take turns.
 * Negative: no memory; it is off. */
int iommu_trace(bool on) must_check;

#endif
