/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver tells of its work (kern/include/iommu_watch.h, watch.h): the
 * histogram and the ring of events by themselves, the exact counts of known
 * operations on units with a queue and with registers, the trace of them, and
 * the self-test on units that are sound, sick and lying.
 */
#include "bench.h"

#include <pthread.h>
#include <watch.h>

static char buf[1 << 20];

static const char *stats_line(void)
{
	struct text t = { .buf = buf, .size = sizeof(buf) };

	watch_format_unit(&t, 0, iommu_unit_stats(0));
	return buf;
}

static const char *counts_line(void)
{
	struct text t = { .buf = buf, .size = sizeof(buf) };
	uint64_t counts[EVENT_KINDS];

	iommu_counts(counts);
	watch_format_counts(&t, counts, 0);
	return buf;
}

/* The value of a key in a line. */
static uint64_t value(const char *line, const char *key)
{
	char name[40];
	const char *at;

	snprintf(name, sizeof(name), " %s=", key);
	at = strstr(line, name);
	if (!at)
		fail_msg("no %s in %s", key, line);
	return strtoull(at + strlen(name), NULL, 10);
}

static uint64_t counted(const char *key)
{
	return value(stats_line(), key);
}

/* Histogram */

/* Every value lies in its bucket, and buckets follow each other without gap. */
static void test_buckets(void **state)
{
	uint64_t values[] = { 0, 1, 2, 3, 4, 7, 8, 9, 10, 999, 1000000,
			      12345678901ull };
	unsigned n;

	(void)state;
	for (unsigned i = 1; i < HISTOGRAM_BUCKETS; i++) {
		assert_int_equal(histogram_low(i), histogram_high(i - 1) + 1);
		assert_int_equal(histogram_bucket(histogram_low(i)), i);
		assert_int_equal(histogram_bucket(histogram_high(i)), i);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		n = histogram_bucket(values[i]);
		assert_in_range(values[i], histogram_low(n), histogram_high(n));
		/* to a quarter of itself */
		assert_true(histogram_high(n) - histogram_low(n) <=
			    values[i] / 4);
	}
	assert_int_equal(histogram_low(8), 8);
	assert_int_equal(histogram_high(8), 9);
	assert_int_equal(histogram_low(HISTOGRAM_BUCKETS - 1), 7ull << 33);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void test_ranks(void **state)
{
	struct histogram h = { 0 }, copy;

	(void)state;
	assert_int_equal(histogram_nth(&h, 1), 0);
	for (uint64_t v = 1; v <= 1000; v++)
		histogram_add(&h, v);
	histogram_copy(&copy, &h);
	assert_memory_equal(&copy, &h, sizeof(h));
	assert_int_equal(histogram_total(&h), 1000);
	for (uint64_t n = 1; n <= 1000; n++)
		assert_int_equal(histogram_nth(&h, n), histogram_bucket(n));
	assert_int_equal(histogram_nth(&h, 1001), 0);
	assert_int_equal(histogram_nth(&h, 0), 0);
}

static void test_words_of_a_unit(void **state)
{
	static struct iommu_unit_stats s;
	struct text t = { .buf = buf, .size = sizeof(buf) };

	(void)state;
	memset(&s, 0, sizeof(s));
	for (unsigned i = 0; i < 100; i++)
		histogram_add(&s.waits, i < 40 ? 0 : i < 98 ? 1000 : 5000);
	s.asked[0x25] = 7;	/* waits in a queue */
	s.asked[0x31] = 1;	/* context caches, of a device and all */
	s.asked[0x11] = 1;
	s.asked[0x12] = 2;
	s.asked[0x22] = 3;
	s.asked[0x32] = 4;
	s.asked[0x03] = 5;
	s.asked[0x04] = 6;
	s.asked[0x14] = 1;
	s.retries = 2;
	s.timeouts = 1;
	s.writes = 99;
	watch_format_unit(&t, 4, &s);
	assert_string_equal(buf, "unit4 context=2 iotlb_global=2 "
		"iotlb_domain=3 iotlb_pages=4 device_tlb=5 interrupt=7 "
		"descriptors=30 registers=99 submissions=5 waits=100 "
		"wait_min=0 wait_median=1023 wait_p99=5119 wait_max=5119 "
		"retries=2 timeouts=1\n");
}

static void test_words_of_long_waits(void **state)
{
	static struct iommu_unit_stats s;
	struct text t = { .buf = buf, .size = sizeof(buf) };

	(void)state;
	memset(&s, 0, sizeof(s));
	watch_format_unit(&t, 0, &s);
	assert_non_null(strstr(buf, " descriptors=0 registers=0 submissions=0 "
		"waits=0 wait_min=0 wait_median=0 wait_p99=0 wait_max=0 "));
	t.len = 0;
	histogram_add(&s.waits, 1ull << 50);
	watch_format_unit(&t, 0, &s);
	assert_non_null(strstr(buf, " waits=1 wait_min=60129542144 "
		"wait_median=60129542144 "));
}

/* The ring */

static void put(struct event_ring *r, uint64_t v)
{
	uint64_t word[EVENT_WORDS];

	for (unsigned i = 0; i < EVENT_WORDS; i++)
		word[i] = v * (i + 1);
	event_put(r, word);
}

/* The value that was put; 0: none, or it is not there. */
static uint64_t got(const struct event_ring *r, uint64_t n)
{
	uint64_t word[EVENT_WORDS];

	if (!event_get(r, n, word))
		return 0;
	for (unsigned i = 0; i < EVENT_WORDS; i++)
		if (word[i] != word[0] * (i + 1))
			fail_msg("event %lu is torn in word %u", n, i);
	return word[0];
}

static void test_ring_wraps(void **state)
{
	struct event_slot slots[8] = { 0 };
	struct event_ring r = { .size = 8, .slots = slots };

	(void)state;
	assert_int_equal(got(&r, 0), 0);
	for (uint64_t v = 1; v <= 20; v++)
		put(&r, v);
	for (uint64_t n = 0; n < 30; n++)
		assert_int_equal(got(&r, n), n >= 12 && n < 20 ? n + 1 : 0);
	event_forget(&r);
	assert_int_equal(r.first, 20);
}

/* A writer who was held up while the ring went round: neither what he writes in
 * the end nor what came to the same slot meanwhile is shown in pieces. */
static void test_ring_with_a_slow_writer(void **state)
{
	struct event_slot slots[4] = { 0 };
	struct event_ring r = { .size = 4, .slots = slots };

	(void)state;
	put(&r, 1);
	slots[1].state = 2 * 1 + 1;	/* he has number 1, and half of it */
	slots[1].word[0] = 77;
	r.next = 2;
	assert_int_equal(got(&r, 1), 0);
	for (uint64_t v = 3; v <= 8; v++)
		put(&r, v);
	assert_int_equal(got(&r, 5), 0);	/* his slot's: lost */
	for (unsigned n = 4; n < 8; n++)
		assert_int_equal(got(&r, n), n == 5 ? 0 : n + 1);
	slots[1].state = 2 * 1 + 2;
	assert_int_equal(got(&r, 5), 0);
	put(&r, 9);
	put(&r, 10);
	assert_int_equal(got(&r, 9), 10);
	slots[2].state = 2 * 14 + 2;		/* overtaken before he began */
	put(&r, 11);
	assert_int_equal(got(&r, 10), 0);
	assert_int_equal(got(&r, 1), 0);
}

#define WRITERS	3
#define EACH	30000u
static struct event_slot few[16];
static struct event_ring busy = { .size = ARRAY_SIZE(few), .slots = few };
static unsigned writing = WRITERS;

static void *write_events(void *first)
{
	for (uint64_t i = 0; i < EACH; i++)
		put(&busy, *(uint64_t *)first + i * WRITERS);
	__atomic_fetch_sub(&writing, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* got() fails the test on a torn one. */
static void test_ring_with_several_writers_and_a_reader(void **state)
{
	uint64_t first[WRITERS], last[WRITERS] = { 0 }, n, v, next = 0;
	uint64_t seen = 0;
	pthread_t t[WRITERS];
	bool more = true;

	(void)state;
	for (unsigned i = 0; i < WRITERS; i++) {
		first[i] = i + 1;
		assert_int_equal(pthread_create(&t[i], NULL, write_events,
						&first[i]), 0);
	}
	while (more) {
		more = __atomic_load_n(&writing, __ATOMIC_ACQUIRE);
		n = __atomic_load_n(&busy.next, __ATOMIC_RELAXED);
		for (next = MAX(next, n - MIN(n, busy.size)); next < n; next++) {
			v = got(&busy, next);
			if (!v)
				continue;
			seen++;
			assert_true(v > last[v % WRITERS]);	/* in order */
			last[v % WRITERS] = v;
		}
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(busy.next, WRITERS * EACH);
	assert_true(seen);
}

/* Counts */

struct written {
	struct model_unit *u;
	uint64_t n;
};

static void see_writes(struct machine *m, const struct happening *h)
{
	struct written *w = m->hook_arg;

	if (h->what == E_WRITE && h->unit == w->u)
		w->n++;
}

static void some_work(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_map(p, VA, 8, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_int_equal(process_map(p, VA + 32 * PAGE, 2, RW), 0);
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_int_equal(process_unmap(p, VA + 1 * PAGE, 3), 0);
	assert_int_equal(process_protect(p, VA + 4 * PAGE, 1, IOMMU_READ), 0);
	assert_int_equal(process_attach(p, b->pm, 0), 0);
	model_call(b->m);
	assert_int_equal(iommu_reset(dev(b->pm)), 0);
	process_end(p);
}

/* Against what the model sees: every register write, descriptor and wait. */
static void counts_as_the_model_does(struct bench *b)
{
	struct written w = { b->u, 0 };
	uint64_t writes = counted("registers"), waits = b->u->waits;
	uint64_t descriptors = counted("descriptors");
	uint64_t fetched = b->u->fetched, submissions = counted("submissions");
	uint64_t waited = counted("waits");

	b->m->hook = see_writes;
	b->m->hook_arg = &w;
	some_work(b);
	b->m->hook = NULL;
	assert_int_equal(counted("registers") - writes, w.n);
	if (vtd_of(b->u)->queue.ring) {
		assert_int_equal(counted("descriptors") - descriptors,
				 b->u->fetched - fetched);
		assert_int_equal(counted("submissions") - submissions,
				 b->u->waits - waits);
		assert_int_equal(counted("waits") - waited,
				 b->u->waits - waits);
	} else {
		assert_int_equal(counted("descriptors"), 0);
		assert_true(counted("waits") > waited);
	}
	assert_int_equal(counted("retries"), 0);
	assert_int_equal(counted("timeouts"), 0);
}

static void test_counts_on_all_units(void **state)
{
	(void)state;
	on_all_triples(counts_as_the_model_does, WITHOUT_WIRED);
}

/* How a line of stats has changed since: "key+n" for each that has. */
struct shot {
	char line[2000];
};

static struct shot shot(void)
{
	struct shot s;

	snprintf(s.line, 900, "%.800s", counts_line());
	snprintf(s.line + strlen(s.line), 900, "%.800s", stats_line());
	return s;
}

static void check_change(const struct shot *before, const char *want)
{
	static const char *const keys[] = {
		"attach", "detach", "map", "unmap", "fault", "fence", "reset",
		"context", "iotlb_global", "iotlb_domain", "iotlb_pages",
		"device_tlb", "interrupt", "descriptors", "registers",
		"submissions", "waits", "retries", "timeouts",
	};
	struct shot now = shot();
	char text[400] = "";
	uint64_t d;

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		d = value(now.line, keys[i]) - value(before->line, keys[i]);
		if (d)
			snprintf(text + strlen(text), 40, " %s+%lu", keys[i], d);
	}
	if (strcmp(text, want))
		fail_msg("changed:%s\nnot:%s", text, want);
}

struct wants {
	const char *attach, *map, *page, *pages, *protect, *again, *reset,
		*detach;
};

static void known_operations(const char *name, const struct wants *w)
{
	struct process *p;
	struct bench b;
	struct shot s;

	bench_open(&b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	s = shot();
	assert_int_equal(process_map(p, VA, 8, RW), 0);
	check_change(&s, " map+8");		/* no device yet */
	s = shot();
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	check_change(&s, w->attach);
	s = shot();
	assert_int_equal(process_map(p, VA + 8 * PAGE, 1, RW), 0);
	check_change(&s, w->map);
	s = shot();
	assert_int_equal(process_unmap(p, VA, 1), 0);
	check_change(&s, w->page);
	s = shot();
	assert_int_equal(process_unmap(p, VA + 1 * PAGE, 3), 0);
	check_change(&s, w->pages);
	s = shot();
	assert_int_equal(process_protect(p, VA + 4 * PAGE, 1, IOMMU_READ), 0);
	check_change(&s, w->protect);
	s = shot();
	assert_true(process_attach(p, b.flr, 0) < 0);
	check_change(&s, w->again);
	s = shot();
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(b.flr)), 0);
	check_change(&s, w->reset);
	s = shot();
	assert_int_equal(process_detach(b.flr), 0);
	check_change(&s, w->detach);
	process_end(p);
	bench_close(&b);
}

static void test_counts_of_a_queue(void **state)
{
	static const struct wants w = {
		.attach = " attach+1",
		.map = " map+1",
		.page = " unmap+1 iotlb_pages+1 descriptors+2 registers+1 "
			"submissions+1 waits+1",
		.pages = " unmap+1 iotlb_pages+1 descriptors+2 registers+1 "
			"submissions+1 waits+1",
		.protect = " unmap+1 iotlb_pages+1 descriptors+2 registers+1 "
			"submissions+1 waits+1",
		.again = "",
		.reset = " reset+1",
		.detach = " detach+1 context+1 iotlb_domain+1 descriptors+3 "
			"registers+1 submissions+1 waits+1",
	};

	(void)state;
	known_operations("qemu without caching mode", &w);
}

static void test_counts_of_caching_mode(void **state)
{
	static const struct wants w = {
		.attach = " attach+1 context+1 iotlb_domain+1 descriptors+3 "
			"registers+1 submissions+1 waits+1",
		.map = " map+1 iotlb_pages+1 descriptors+2 registers+1 "
			"submissions+1 waits+1",
		.page = " unmap+1 iotlb_pages+1 descriptors+2 registers+1 "
			"submissions+1 waits+1",
		.pages = " unmap+1 iotlb_pages+1 descriptors+2 registers+1 "
			"submissions+1 waits+1",
		.protect = " unmap+1 iotlb_pages+1 descriptors+2 registers+1 "
			"submissions+1 waits+1",
		.again = "",
		.reset = " reset+1",
		.detach = " detach+1 context+1 iotlb_domain+1 descriptors+3 "
			"registers+1 submissions+1 waits+1",
	};

	(void)state;
	known_operations("qemu", &w);
}

/* The first real unit has no queue, and a write buffer: a command for the
 * context entry and the new page, two registers for pages. */
static void test_counts_of_registers(void **state)
{
	static const struct wants w = {
		.attach = " attach+1 registers+1",
		.map = " map+1 registers+1",
		.page = " unmap+1 iotlb_pages+1 registers+2 submissions+1 "
			"waits+1",
		.pages = " unmap+1 iotlb_pages+1 registers+2 submissions+1 "
			"waits+1",
		.protect = " unmap+1 iotlb_pages+1 registers+2 submissions+1 "
			"waits+1",
		.again = "",
		.reset = " reset+1",
		.detach = " detach+1 context+1 iotlb_domain+1 registers+2 "
			"submissions+1 waits+2",
	};

	(void)state;
	known_operations("real unit 1", &w);
}

static struct process *start(struct bench *b, const char *name)
{
	struct process *p;

	bench_open(b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(b);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 4, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	return p;
}

static void finish(struct bench *b, struct process *p)
{
	process_end(p);
	bench_close(b);
}

static void test_counts_of_retries_and_faults(void **state)
{
	struct process *p;
	struct bench b;
	struct shot s;

	(void)state;
	p = start(&b, "qemu");
	s = shot();
	b.u->trouble = (struct trouble){ .queue_error = FS_IQE, .times = 1 };
	assert_int_equal(process_unmap(p, VA, 1), 0);
	/* The error's interrupt masks its event; the error is cleared, and
	 * there is a tail more. */
	check_change(&s, " unmap+1 context+1 iotlb_global+1 iotlb_pages+1 "
		     "interrupt+1 descriptors+6 registers+4 submissions+1 "
		     "waits+1 retries+1");
	/* A time-out of a device's TLB is one of those. */
	s = shot();
	b.u->trouble = (struct trouble){ .queue_error = FS_ITE, .times = 1 };
	assert_int_equal(process_unmap(p, VA + PAGE, 1), 0);
	assert_int_equal(value(shot().line, "timeouts"),
			 value(s.line, "timeouts") + 1);
	s = shot();
	assert_false(can_read(p, b.flr, VA));
	while (bench_serve())
		;
	assert_int_equal(value(shot().line, "fault"),
			 value(s.line, "fault") + 1);
	finish(&b, p);
}

static void test_counts_of_a_dead_unit(void **state)
{
	struct process *p;
	struct bench b;
	struct shot s;

	(void)state;
	p = start(&b, "qemu");
	s = shot();
	b.u->trouble.slow_queue = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	/* All functions behind it are fenced. */
	check_change(&s, " unmap+1 fence+5 iotlb_pages+1 descriptors+2 "
		     "registers+1 submissions+1 timeouts+1");
	process_end(p);
	bench_teardown(NULL);
	p = start(&b, "real unit 1");
	s = shot();
	b.u->trouble.slow_registers = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	check_change(&s, " unmap+1 fence+5 iotlb_pages+1 registers+2 "
		     "submissions+1 timeouts+1");
	process_end(p);
}

/* A unit that answers at once is not timed; one that does not is. */
static void test_times_of_waits(void **state)
{
	const struct histogram *h;
	struct process *p;
	struct bench b;
	uint64_t max;

	(void)state;
	bench_open(&b, triple_named("qemu without caching mode"), WITHOUT_WIRED,
		   1);
	b.m->policy.latency = 0;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 4, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	h = &iommu_unit_stats(0)->waits;
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_int_equal(counted("wait_max"), 0);
	assert_int_equal(histogram_total(h), h->count[0]);
	b.m->policy.latency = 40;
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(process_unmap(p, VA + i * PAGE, 1), 0);
	max = counted("wait_max");
	assert_true(max > 0 && max < VTD_DEADLINE);
	assert_int_equal(counted("wait_min"), 0);
	finish(&b, p);
}

/* Trace */

static char trace_text[1 << 20];

/* What it says, times left out. */
static const char *trace(uint64_t *lost)
{
	static struct iommu_event list[IOMMU_TRACE_EVENTS];
	unsigned n = watch_events(&iommu_events, list, lost);
	struct text t = { .buf = trace_text, .size = sizeof(trace_text) };
	uint64_t before = 0;

	trace_text[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		assert_true(list[i].time >= before);
		before = list[i].time;
		list[i].time = 0;
		watch_format_event(&t, &list[i]);
	}
	return trace_text;
}

static void check_trace(const char *want)
{
	uint64_t lost;
	const char *is = trace(&lost);

	assert_int_equal(lost, 0);
	if (strcmp(is, want))
		fail_msg("trace:\n%snot:\n%s", is, want);
	assert_int_equal(iommu_trace(false), 0);
	assert_int_equal(iommu_trace(true), 0);
}

#define T "0.000000000 "

static void test_trace_of_operations(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu without caching mode"), WITHOUT_WIRED,
		   1);
	b.m->policy.latency = 0;
	bench_boot(&b);
	assert_int_equal(iommu_trace(true), 0);
	b.objects++;
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	check_trace(T "map pid=7 from=0x123456000 bytes=4096 rights=rw\n"
		    T "map pid=7 from=0x123457000 bytes=4096 rights=rw\n");
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	check_trace(T "attach device=1:0.0 pid=7 unit=unit0\n");
	assert_int_equal(process_protect(p, VA, 2, IOMMU_READ), 0);
	check_trace(T "unmap pid=7 from=0x123456000 bytes=8192 rights=r\n"
		    T "flush unit=unit0 requests=1\n"
		    T "wait unit=unit0 ns=0\n");
	assert_false(can_write(p, b.flr, VA));
	while (bench_serve())
		;
	check_trace(T "fault device=1:0.0 pid=7 access=write addr=0x123456000 "
		    "reason=\"no write permission\"\n");
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(b.flr)), 0);
	check_trace(T "reset device=1:0.0 pid=7 unit=unit0\n");
	assert_int_equal(process_unmap(p, VA, 1), 0);
	check_trace(T "unmap pid=7 from=0x123456000 bytes=4096 rights=-\n"
		    T "flush unit=unit0 requests=1\n"
		    T "wait unit=unit0 ns=0\n");
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	check_trace(T "power state=off\n");
	assert_int_equal(iommu_power(true), 0);
	check_trace(T "power state=on\n"
		    T "flush unit=unit0 requests=2\n"
		    T "wait unit=unit0 ns=0\n");
	assert_int_equal(process_detach(b.flr), 0);
	check_trace(T "detach device=1:0.0 pid=7 unit=unit0\n"
		    T "flush unit=unit0 requests=2\n"
		    T "wait unit=unit0 ns=0\n");
	finish(&b, p);
}

static void test_trace_of_failures_and_interrupts(void **state)
{
	struct iommu_irq irq;
	struct process *p;
	struct bench b;
	uint64_t addr;
	uint32_t data;

	(void)state;
	bench_open(&b, triple_named("real unit 22"), WITHOUT_WIRED, 1);
	b.m->policy.latency = 0;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(iommu_trace(true), 0);
	model_call(b.m);
	assert_int_equal(iommu_irq_open(dev(b.flr), 0x40, 0, &irq, &addr,
					&data), 0);
	check_trace(T "interrupt unit=unit0 entry=0 state=open\n");
	assert_int_equal(iommu_irq_close(&irq), 0);
	check_trace(T "interrupt unit=unit0 entry=0 state=closed\n"
		    T "flush unit=unit0 requests=1\n"
		    T "wait unit=unit0 ns=0\n");
	b.u->trouble.slow_queue = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_non_null(strstr(trace(&addr),
		"flush unit=unit0 requests=1\n"
		T "fail unit=unit0 failure=\"invalidation wait\"\n"
		T "fence device="));
	assert_non_null(strstr(trace_text, T "fence device=1:0.0 pid=7 "
			       "unit=unit0 reason=\"its unit failed\"\n"));
	assert_non_null(strstr(trace_text, T "fence device=0:2.0 pid=- "
			       "unit=unit0 reason=\"its unit failed\"\n"));
}

/* Off it costs nothing: no memory, no events; on, 4,096 are kept, and it is told
 * how many more there were. */
static void test_trace_wraps(void **state)
{
	struct process *p;
	struct bench b;
	unsigned objects, n = 0;
	uint64_t lost;

	(void)state;
	p = start(&b, "qemu without caching mode");
	assert_null(iommu_events.slots);
	assert_int_equal(iommu_trace(false), 0);
	assert_null(iommu_events.slots);
	assert_string_equal(iommu_events.slots ? trace(&lost) : "", "");
	objects = b.m->mem.objects;
	b.m->mem.fail_at = b.m->mem.allocations + 1;
	assert_true(iommu_trace(true) < 0);
	assert_string_equal(b.m->error, "no memory for a trace");
	assert_false(iommu_tracing);
	assert_int_equal(iommu_trace(true), 0);
	assert_int_equal(b.m->mem.objects, objects + 1);
	b.objects++;
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(process_unmap(p, VA + 8 * PAGE, 1), 0);
	trace(&lost);
	for (const char *at = trace_text; (at = strchr(at, '\n')); at++)
		n++;
	assert_int_equal(n, IOMMU_TRACE_EVENTS);
	assert_int_equal(lost, iommu_events.next - IOMMU_TRACE_EVENTS);
	assert_true(lost > 900);
	assert_int_equal(iommu_trace(true), 0);		/* it was on: stays */
	assert_non_null(strstr(trace(&lost), "unmap"));
	assert_int_equal(iommu_trace(false), 0);
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_null(strstr(trace(&lost), "flush"));
	assert_int_equal(iommu_trace(true), 0);
	assert_string_equal(trace(&lost), "");
	assert_int_equal(lost, 0);
	assert_int_equal(b.m->mem.objects, objects + 1);
	finish(&b, p);
}

/* Self-test */

static const char *selftests(unsigned unit)
{
	struct text t = { .buf = buf, .size = sizeof(buf) };
	struct selftest s;

	buf[0] = '\0';
	for (unsigned n = 0; (s = selftest(unit, n)).name; n++) {
		model_call(model_machine);
		watch_format_selftest(&t, unit, &s);
	}
	return buf;
}

static void check_selftest(const char *want)
{
	if (!strstr(selftests(0), want))
		fail_msg("%snot: %s", buf, want);
}

/* All others are as they are on a sound unit. */
static void check_alone(const char *want)
{
	unsigned n = 0;

	check_selftest(want);
	for (const char *at = buf; (at = strstr(at, "failed")); at++)
		n++;
	if (n != 1)
		fail_msg("%u have failed:\n%s", n, buf);
}

static void check_sound(void)
{
	if (strstr(selftests(0), "failed"))
		fail_msg("%s", buf);
}

/* One of them alone, of a unit that would not stand the others. */
static void check_one(unsigned n, const char *want)
{
	struct text t = { .buf = buf, .size = sizeof(buf) };
	struct selftest s;

	model_call(model_machine);
	s = selftest(0, n);
	watch_format_selftest(&t, 0, &s);
	if (!strstr(buf, want))
		fail_msg("%snot: %s", buf, want);
}

/* At every step, what it may do it can. */
static void device_goes_on(struct machine *m, const struct happening *h)
{
	const struct bench *b = m->hook_arg;
	uint64_t v = 0;

	(void)h;
	if (!model_dma(m, b->flr->segment, b->flr->sid, VA + PAGE, &v,
		       sizeof(v), m->steps % 2))
		model_violation(m, "a device was disturbed");
}

static void sound(struct bench *b)
{
	struct process *p = process(b, 7);
	unsigned lines = 0;

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(can_write(p, b->flr, VA));
	b->m->hook = NULL;
	while (bench_serve())
		;		/* what attacks have left */
	b->m->hook = device_goes_on;
	b->m->hook_arg = b;
	if (b->u->ecap & (ECAP_IR | ECAP_DT) && !(b->u->ecap & ECAP_QI))
		check_alone("registers result=failed text=\"interrupt "
			    "remapping or device TLBs without a queue\"");
	else
		check_sound();
	b->m->hook = NULL;
	for (const char *at = buf; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 7);
	assert_true(can_write(p, b->flr, VA));
	assert_true(vtd_alive(vtd_of(b->u)));
	assert_null(selftest(1, 0).name);
	assert_null(selftest(0, 7).name);
	process_end(p);
}

static void test_selftest_of_all_units(void **state)
{
	(void)state;
	on_all_triples(sound, WITHOUT_WIRED);
}

static void test_selftest_says_all(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22");
	assert_string_equal(selftests(0),
		"unit0 test=registers result=ok\nunit0 test=tables result=ok\n"
		"unit0 test=queue result=ok\nunit0 test=context result=ok\n"
		"unit0 test=iotlb result=ok\nunit0 test=interrupts result=ok\n"
		"unit0 test=faults result=ok\n");
	finish(&b, p);
	p = start(&b, "real unit 1");
	assert_string_equal(selftests(0),
		"unit0 test=registers result=ok\nunit0 test=tables result=ok\n"
		"unit0 test=queue result=skipped "
		"text=\"it is asked by registers\"\n"
		"unit0 test=context result=ok\nunit0 test=iotlb result=ok\n"
		"unit0 test=interrupts result=skipped "
		"text=\"it remaps no interrupts\"\n"
		"unit0 test=faults result=ok\n");
	finish(&b, p);
}

#define REGISTERS "test=registers result=failed text="
static void test_selftest_of_registers_that_lie(void **state)
{
	struct process *p;
	struct bench b;
	struct vtd *u;

	(void)state;
	p = start(&b, "real unit 22");
	u = vtd_of(b.u);
	b.u->ver ^= 1;
	check_alone(REGISTERS "\"version or capabilities are not what they were\"");
	b.u->ver ^= 1;
	b.u->cap ^= 1ull << 39;
	check_alone(REGISTERS "\"version or capabilities are not what they were\"");
	b.u->cap ^= 1ull << 39;
	b.u->ecap ^= 1ull << 6;
	check_alone(REGISTERS "\"version or capabilities are not what they were\"");
	b.u->ecap ^= 1ull << 6;
	b.u->gsts ^= G_TE;
	check_alone(REGISTERS "\"its status is not what was commanded\"");
	b.u->gsts ^= G_TE | G_SRTP;
	check_alone(REGISTERS "\"its status is not what was commanded\"");
	b.u->gsts ^= G_SRTP;
	check_sound();
	/* From the start on. */
	b.u->ver |= 0x100;
	u->version |= 0x100;
	check_alone(REGISTERS "\"reserved bits in its version or capabilities\"");
	b.u->ver ^= 0x100;
	u->version ^= 0x100;
	b.u->cap |= 7;
	u->cap |= 7;
	check_alone(REGISTERS "\"reserved bits in its version or capabilities\"");
	finish(&b, p);
}

static void capabilities_are(const char *name, uint64_t cap, uint64_t ecap,
			     const char *text)
{
	struct process *p;
	struct bench b;
	struct vtd *u;

	p = start(&b, name);
	u = vtd_of(b.u);
	u->cap ^= cap;
	u->ecap ^= ecap;
	b.u->cap ^= cap;
	b.u->ecap ^= ecap;
	check_one(0, text);
	u->cap ^= cap;
	u->ecap ^= ecap;
	b.u->cap ^= cap;
	b.u->ecap ^= ecap;
	check_sound();
	finish(&b, p);
}

static void test_selftest_of_capabilities_that_contradict(void **state)
{
	const struct triple *t = triple_named("real unit 1");
	uint64_t fro = field_get(t->cap, CAP_FRO);
	uint64_t iro = field_get(t->ecap, ECAP_IRO);

	(void)state;
	capabilities_are("real unit 1", 0, field_make(ECAP_IRO, iro ^ fro),
		REGISTERS "\"its fault records stand where other registers do\"");
	capabilities_are("real unit 1", 0, ECAP_DT,
		REGISTERS "\"interrupt remapping or device TLBs without a queue\"");
	capabilities_are("real unit 1", 0, ECAP_EIM,
		REGISTERS "\"x2APIC ids without interrupt remapping\"");
}

static void test_selftest_of_tables_and_queue(void **state)
{
	struct process *p;
	struct bench b;
	struct vtd *u;

	(void)state;
	p = start(&b, "real unit 22");
	u = vtd_of(b.u);
	b.u->rtaddr += PAGE;
	check_alone("test=tables result=failed "
		    "text=\"its root table is not ours\"");
	b.u->rtaddr -= PAGE;
	b.u->rtaddr |= field_make(RTADDR_TTM, 1);
	check_alone("test=tables result=failed "
		    "text=\"its root table is not ours\"");
	b.u->rtaddr &= ~field_mask(RTADDR_TTM);
	u->root[200].hi = 1;
	check_alone("test=tables result=failed "
		    "text=\"reserved bits in a root entry\"");
	u->root[200].hi = 0;
	u->root[255].lo |= 2;
	check_alone("test=tables result=failed "
		    "text=\"reserved bits in a root entry\"");
	u->root[255].lo = 0;
	b.u->iqa += PAGE;
	check_one(2, "test=queue result=failed "
		  "text=\"its queue is not ours\"");
	b.u->iqa -= PAGE;
	b.u->trouble.stopped_queue = true;
	b.u->iqh += (uint64_t)VTD_QUEUE_SIZE << 4;
	check_one(2, "test=queue result=failed "
		  "text=\"its head is outside of the queue\"");
	b.u->iqh -= (uint64_t)VTD_QUEUE_SIZE << 4;
	b.u->trouble.stopped_queue = false;
	b.u->irta += PAGE;
	check_alone("test=interrupts result=failed "
		    "text=\"its interrupt table is not ours\"");
	b.u->irta -= PAGE;
	check_sound();
	finish(&b, p);
}

#define FAULTS "test=faults result=failed text="
static void test_selftest_of_faults(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22");
	b.u->fedata++;
	check_alone(FAULTS "\"its fault event is not ours\"");
	b.u->fedata--;
	b.u->feaddr += 4;
	check_alone(FAULTS "\"its fault event is not ours\"");
	b.u->feaddr -= 4;
	b.u->feuaddr++;
	check_alone(FAULTS "\"its fault event is not ours\"");
	b.u->feuaddr--;
	b.u->fectl |= FECTL_IM;
	check_alone(FAULTS "\"a fault stays recorded, or its event masked\"");
	b.u->fectl &= ~FECTL_IM;
	check_sound();
	/* One that nobody takes out, and one that cannot be. */
	assert_false(can_read(p, b.flr, VA + 9 * PAGE));
	check_alone(FAULTS "\"a fault stays recorded, or its event masked\"");
	while (bench_serve())
		;
	check_sound();
	finish(&b, p);
	p = start(&b, "qemu");		/* with one record */
	b.u->trouble.stuck_record = true;
	assert_false(can_read(p, b.flr, VA + 9 * PAGE));
	for (unsigned i = 0; i < 20; i++)
		bench_serve();
	check_alone(FAULTS "\"a fault stays recorded, or its event masked\"");
	b.u->trouble.stuck_record = false;
	while (bench_serve())
		;
	check_sound();
	finish(&b, p);
}

static void test_selftest_without_a_fault_event(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.m->no_irqs = true;
	bench_boot(&b);
	check_alone(FAULTS "\"no interrupt tells of its faults\"");
	bench_close(&b);
}

/* Dead units: it ends, says which check found it, and the unit has failed. */
static void dead(const char *name, struct trouble t, const char *first,
		 const char *last)
{
	struct process *p;
	struct bench b;
	uint64_t began;

	p = start(&b, name);
	b.u->trouble = t;
	began = b.m->now;
	check_selftest(first);
	assert_true(b.m->now - began < 6 * VTD_DEADLINE);
	check_selftest(last);
	assert_false(vtd_alive(vtd_of(b.u)));
	assert_true(model_logged(b.m, "1:0.0 of pid 7 is fenced: its unit "
				 "failed"));
	p->lost = true;
	bench_teardown(NULL);
}

static void test_selftest_of_dead_units(void **state)
{
	(void)state;
	dead("qemu", (struct trouble){ .slow_queue = true },
	     "unit0 test=registers result=ok\nunit0 test=tables result=ok\n"
	     "unit0 test=queue result=failed text=\"invalidation wait\"\n"
	     "unit0 test=context result=failed text=\"invalidation wait\"\n",
	     "test=registers result=failed text=\"invalidation wait\"");
	dead("qemu", (struct trouble){ .stopped_queue = true },
	     "test=queue result=failed text=\"invalidation wait\"", "test=faults "
	     "result=failed text=\"invalidation wait\"");
	dead("qemu", (struct trouble){ .queue_error = FS_IQE },
	     "test=queue result=failed text=\"queue errors do not end\"",
	     "test=iotlb result=failed");
	dead("real unit 1", (struct trouble){ .slow_registers = true },
	     "unit0 test=tables result=ok\nunit0 test=queue result=skipped "
	     "text=\"it is asked by registers\"\nunit0 test=context "
	     "result=failed text=\"invalidation by register\"",
	     "test=iotlb result=failed text=\"invalidation by register\"");
	dead("qemu", (struct trouble){ .gone = true },
	     "test=registers result=failed text=\"reads as all ones\"",
	     "test=registers result=failed");
}

static void test_selftest_of_units_not_used(void **state)
{
	struct bench b;

	(void)state;
	bench_bare(&b, 1);
	model_unit(b.m, 0xfed90000, 0, 0x10, 0xc9008020e30272 & ~0x1f00ull,
		   0x1000);
	bench_boot(&b);
	check_sound();
	assert_non_null(strstr(buf, "test=registers result=skipped "
		"text=\"it offers no second-level translation\""));
	assert_non_null(strstr(buf, "test=faults result=skipped"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_buckets),
		bench_test(test_ranks),
		bench_test(test_words_of_a_unit),
		bench_test(test_words_of_long_waits),
		bench_test(test_ring_wraps),
		bench_test(test_ring_with_a_slow_writer),
		bench_test(test_ring_with_several_writers_and_a_reader),
		bench_test(test_counts_on_all_units),
		bench_test(test_counts_of_a_queue),
		bench_test(test_counts_of_caching_mode),
		bench_test(test_counts_of_registers),
		bench_test(test_counts_of_retries_and_faults),
		bench_test(test_counts_of_a_dead_unit),
		bench_test(test_times_of_waits),
		bench_test(test_trace_of_operations),
		bench_test(test_trace_of_failures_and_interrupts),
		bench_test(test_trace_wraps),
		bench_test(test_selftest_of_all_units),
		bench_test(test_selftest_says_all),
		bench_test(test_selftest_of_registers_that_lie),
		bench_test(test_selftest_of_capabilities_that_contradict),
		bench_test(test_selftest_of_tables_and_queue),
		bench_test(test_selftest_of_faults),
		bench_test(test_selftest_without_a_fault_event),
		bench_test(test_selftest_of_dead_units),
		bench_test(test_selftest_of_units_not_used),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
