/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's trace (iommu_watch.h): the last events, in a ring that is made
 * when it is first switched on, and kept.  Anyone may add, from interrupt
 * handlers and with any lock held.
 */
#include <vtd/vtd.h>

bool iommu_tracing;
struct event_ring iommu_events = { .size = IOMMU_TRACE_EVENTS };

void trace_add(struct iommu_event e)
{
	uint64_t word[EVENT_WORDS];

	e.time = os_clock();
	__builtin_memcpy(word, &e, sizeof(e));
	event_put(&iommu_events, word);
}

void trace_unit(const struct vtd *u, enum iommu_event_kind kind, uint64_t a,
		uint64_t b, unsigned n)
{
	trace_add((struct iommu_event){
		.kind = (uint8_t)kind, .unit = (uint8_t)u->index, .a = a,
		.b = b, .n = n,
	});
}

int iommu_trace(bool on)
{
	if (on && !iommu_events.slots)
		iommu_events.slots = os_alloc(iommu_events.size *
					      sizeof(struct event_slot));
	if (on && !iommu_events.slots)
		return os_error("no memory for a trace");
	if (on && !iommu_tracing)
		event_forget(&iommu_events);
	__atomic_store_n(&iommu_tracing, on, __ATOMIC_RELEASE);
	return 0;
}
