/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #iommu's files stats, trace and selftest: what iommu_watch.h tells, as text.
 * The formatters are pure, and compiled for the host too.
 */
#ifndef WATCH_H
#define WATCH_H

#include <fmt.h>
#include <iommu_watch.h>
#include <selftest.h>

/* watch_text.c: a line each. */
void watch_format_counts(struct text *t, const uint64_t counts[EVENT_KINDS],
			 uint64_t quarantined);
void watch_format_unit(struct text *t, unsigned n,
		       const struct iommu_unit_stats *s);
void watch_format_event(struct text *t, const struct iommu_event *e);
void watch_format_selftest(struct text *t, unsigned unit,
			   const struct selftest *s);
/* Copies the last events of a ring, oldest first; how many.  *lost: so many more
 * since it was begun. */
unsigned watch_events(const struct event_ring *r,
		      struct iommu_event list[IOMMU_TRACE_EVENTS],
		      uint64_t *lost);
/* A whole trace; `list` is room for its events, NULL: there is none. */
void watch_format_trace(struct text *t, bool on, const struct event_ring *r,
			struct iommu_event list[IOMMU_TRACE_EVENTS]);

/* watch.c: the files. */
void watch_stats_text(struct text *t);
void watch_trace_text(struct text *t);
int watch_trace_write(const char *s) must_check;
void watch_selftest_text(struct text *t);
void watch_selftest_log(void);		/* at boot */

#endif
