/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace of the driver's work (kern/include/iommu_watch.h, eventring.h): the
 * ring of events by itself, and what known operations leave in it.
 */
#include "watch_bench.h"

#include <pthread.h>

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

/* The file; without memory to copy the events it says so, and they are not lost
 * in silence. */
static void check_file(bool on, struct iommu_event *list, const char *want)
{
	struct text t = { .buf = trace_text, .size = sizeof(trace_text) };

	watch_format_trace(&t, on, &iommu_events, list);
	if (strcmp(trace_text, want))
		fail_msg("file:\n%snot:\n%s", trace_text, want);
}

static void test_trace_without_memory_to_show_it(void **state)
{
	static struct iommu_event list[IOMMU_TRACE_EVENTS];
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu without caching mode");
	check_file(false, NULL, "trace state=off events=0 lost=0\n");
	assert_int_equal(iommu_trace(true), 0);
	b.objects++;
	check_file(true, list, "trace state=on events=0 lost=0\n");
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	check_file(true, NULL, "trace state=on events=0 lost=1 "
		   "reason=\"no memory\"\n");
	watch_format_trace(&(struct text){ .buf = trace_text,
			   .size = sizeof(trace_text) }, true, &iommu_events,
			   list);
	assert_non_null(strstr(trace_text, "trace state=on events=1 lost=0\n"));
	assert_non_null(strstr(trace_text, " power state=off\n"));
	assert_int_equal(iommu_power(true), 0);
	finish(&b, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_ring_wraps),
		bench_test(test_ring_with_a_slow_writer),
		bench_test(test_ring_with_several_writers_and_a_reader),
		bench_test(test_trace_of_operations),
		bench_test(test_trace_of_failures_and_interrupts),
		bench_test(test_trace_wraps),
		bench_test(test_trace_without_memory_to_show_it),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
