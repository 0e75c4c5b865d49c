/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of stats, trace and selftest (watch.h).  Pure. */
#include <iommu.h>
#include <pci_function.h>
#include <watch.h>

void watch_format_counts(struct text *t, const uint64_t counts[EVENT_KINDS],
			 uint64_t quarantined)
{
	static const struct {
		const char *name;
		enum iommu_event_kind kind;
	} shown[] = {
		{ "attach", EVENT_ATTACH }, { "detach", EVENT_DETACH },
		{ "map", EVENT_MAP }, { "unmap", EVENT_UNMAP },
		{ "fault", EVENT_FAULT }, { "fence", EVENT_FENCE },
		{ "reset", EVENT_RESET },
	};

	text_add(t, "iommu");
	for (unsigned i = 0; i < ARRAY_SIZE(shown); i++)
		text_add(t, " %s=%lu", shown[i].name, counts[shown[i].kind]);
	text_add(t, " quarantined=%lu\n", quarantined);
}

/* VT-d 6.5.2: types and granularities of descriptors. */
enum { CONTEXT = 1, IOTLB = 2, DEVTLB = 3, IEC = 4, WAIT = 5, TYPES = 16 };
enum { GLOBAL = 1, DOMAIN = 2, PAGES = 3, GRANULARITIES = 4 };
#define WAIT_IN_QUEUE	(WAIT | 1 << 5)	/* writes a status */

static uint64_t asked(const struct iommu_unit_stats *s, unsigned type,
		      unsigned gran)
{
	return __atomic_load_n(&s->asked[type | gran << 4], __ATOMIC_RELAXED);
}

static uint64_t asked_all(const struct iommu_unit_stats *s, unsigned type)
{
	uint64_t n = 0;

	for (unsigned gran = 0; gran < GRANULARITIES; gran++)
		n += asked(s, type, gran);
	return n;
}

/* What is put into a queue; by registers there are none. */
static uint64_t descriptors(const struct iommu_unit_stats *s)
{
	uint64_t n = 0;

	for (unsigned type = 0; type < TYPES && s->asked[WAIT_IN_QUEUE]; type++)
		n += asked_all(s, type);
	return n;
}

/* The n'th wait was not longer. */
static uint64_t at_most(const struct histogram *h, uint64_t n)
{
	unsigned bucket = histogram_nth(h, n);

	return bucket == HISTOGRAM_BUCKETS - 1 ? histogram_low(bucket) :
		histogram_high(bucket);
}

static void format_waits(struct text *t, const struct histogram *h)
{
	uint64_t n = histogram_total(h);

	text_add(t, " waits=%lu wait_min=%lu wait_median=%lu wait_p99=%lu "
		 "wait_max=%lu", n, histogram_low(histogram_nth(h, 1)),
		 at_most(h, n - n / 2), at_most(h, n - n / 100),
		 at_most(h, n));
}

void watch_format_unit(struct text *t, unsigned n,
		       const struct iommu_unit_stats *s)
{
	struct histogram waits;
	uint64_t retries = READ_ONCE(s->retries);

	histogram_copy(&waits, &s->waits);
	text_add(t, "unit%u context=%lu iotlb_global=%lu iotlb_domain=%lu "
		 "iotlb_pages=%lu device_tlb=%lu interrupt=%lu", n,
		 asked_all(s, CONTEXT), asked(s, IOTLB, GLOBAL),
		 asked(s, IOTLB, DOMAIN), asked(s, IOTLB, PAGES),
		 asked_all(s, DEVTLB), asked_all(s, IEC));
	text_add(t, " descriptors=%lu registers=%lu submissions=%lu",
		 descriptors(s), READ_ONCE(s->writes),
		 asked_all(s, WAIT) - retries);
	format_waits(t, &waits);
	text_add(t, " retries=%lu timeouts=%lu\n", retries,
		 READ_ONCE(s->timeouts));
}

static void add_device(struct text *t, const struct iommu_event *e)
{
	text_add(t, " device=%s", bdf_text(e->segment, e->sid).s);
}

static void add_pid(struct text *t, const struct iommu_event *e)
{
	if (e->pid)
		text_add(t, " pid=%d", e->pid);
	else
		text_add(t, " pid=-");
}

static void add_unit(struct text *t, const struct iommu_event *e)
{
	if (e->unit == UINT8_MAX)
		text_add(t, " unit=-");
	else
		text_add(t, " unit=unit%u", e->unit);
}

/* Of a device that changes hands; why it is fenced. */
static void add_owner(struct text *t, const struct iommu_event *e)
{
	add_device(t, e);
	add_pid(t, e);
	add_unit(t, e);
	if (e->b)
		text_add(t, " reason=\"%s\"", (const char *)e->b);
}

/* Addresses and bytes; the rights that are there then. */
static void add_range(struct text *t, const struct iommu_event *e)
{
	static const char *const rights[] = { "-", "r", "w", "rw", "mixed" };

	add_pid(t, e);
	text_add(t, " from=0x%lx bytes=%lu rights=%s", e->a, e->b,
		 rights[MIN(e->rights, EVENT_RIGHTS_MIXED)]);
}

static void add_flush(struct text *t, const struct iommu_event *e)
{
	add_unit(t, e);
	text_add(t, " requests=%u", e->n);
}

static void add_wait(struct text *t, const struct iommu_event *e)
{
	add_unit(t, e);
	text_add(t, " ns=%lu", e->a);
}

static void add_fault(struct text *t, const struct iommu_event *e)
{
	static const char *const access[] = { "write", "read", "interrupt" };

	add_device(t, e);
	add_pid(t, e);
	text_add(t, " access=%s addr=0x%lx reason=\"%s\"", access[e->n % 3],
		 e->a, (const char *)e->b);
}

static void add_power(struct text *t, const struct iommu_event *e)
{
	text_add(t, " state=%s", e->n ? "on" : "off");
}

static void add_failure(struct text *t, const struct iommu_event *e)
{
	add_unit(t, e);
	text_add(t, " failure=\"%s\"", (const char *)e->b);
}

static void add_interrupt(struct text *t, const struct iommu_event *e)
{
	add_unit(t, e);
	text_add(t, " entry=%lu state=%s", e->a, e->n ? "open" : "closed");
}

void watch_format_event(struct text *t, const struct iommu_event *e)
{
	static const struct {
		const char *name;
		void (*add)(struct text *t, const struct iommu_event *e);
	} kinds[EVENT_KINDS] = {
		[EVENT_ATTACH] = { "attach", add_owner },
		[EVENT_DETACH] = { "detach", add_owner },
		[EVENT_MAP] = { "map", add_range },
		[EVENT_UNMAP] = { "unmap", add_range },
		[EVENT_FLUSH] = { "flush", add_flush },
		[EVENT_WAIT] = { "wait", add_wait },
		[EVENT_FAULT] = { "fault", add_fault },
		[EVENT_FENCE] = { "fence", add_owner },
		[EVENT_RESET] = { "reset", add_owner },
		[EVENT_POWER] = { "power", add_power },
		[EVENT_FAIL] = { "fail", add_failure },
		[EVENT_INTERRUPT] = { "interrupt", add_interrupt },
	};

	text_add(t, "%lu.%09lu %s", e->time / 1000000000,
		 e->time % 1000000000, kinds[e->kind].name);
	kinds[e->kind].add(t, e);
	text_add(t, "\n");
}

unsigned watch_events(const struct event_ring *r,
		      struct iommu_event list[IOMMU_TRACE_EVENTS],
		      uint64_t *lost)
{
	uint64_t end = __atomic_load_n(&r->next, __ATOMIC_RELAXED);
	uint64_t at = MAX(r->first, end - MIN(end, r->size));
	uint64_t word[EVENT_WORDS];
	unsigned n = 0;

	for (; at < end; at++)
		if (event_get(r, at, word))
			__builtin_memcpy(&list[n++], word, sizeof(word));
	*lost = end - r->first - n;
	return n;
}

void watch_format_trace(struct text *t, bool on, const struct event_ring *r,
			struct iommu_event list[IOMMU_TRACE_EVENTS])
{
	uint64_t lost = READ_ONCE(r->next) - r->first;
	unsigned n = list ? watch_events(r, list, &lost) : 0;

	text_add(t, "trace state=%s events=%u lost=%lu", on ? "on" : "off", n,
		 lost);
	text_reason(t, "reason", r->slots && !list ? "no memory" : NULL);
	text_add(t, "\n");
	for (unsigned i = 0; i < n; i++)
		watch_format_event(t, &list[i]);
}

void watch_format_selftest(struct text *t, unsigned unit,
			   const struct selftest *s)
{
	const char *why = s->skipped ? s->skipped : s->wrong;

	text_add(t, "unit%u test=%s result=%s", unit, s->name,
		 s->skipped ? "skipped" : s->wrong ? "failed" : "ok");
	if (why)
		text_add(t, " text=\"%s\"", why);
	text_add(t, "\n");
}
