/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver tells of its work (kern/include/iommu_watch.h, watch.h): the
 * histogram by itself, and the exact counts of known operations on units with a
 * queue and with registers.
 */
#include "watch_bench.h"

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

/* By a queue: that for pages and the wait; that for all, with a context entry. */
#define PAGES_ASKED \
	" iotlb_pages+1 descriptors+2 registers+1 submissions+1 waits+1"
#define ENTRY_ASKED \
	" context+1 iotlb_domain+1 descriptors+3 registers+1 submissions+1 " \
	"waits+1"

static void counts_of_a_queue(const char *name, const char *attach,
			      const char *map)
{
	const struct wants w = {
		.attach = attach,
		.map = map,
		.page = " unmap+1" PAGES_ASKED,
		.pages = " unmap+1" PAGES_ASKED,
		.protect = " unmap+1" PAGES_ASKED,
		.again = "",
		.reset = " reset+1",
		.detach = " detach+1" ENTRY_ASKED,
	};

	known_operations(name, &w);
}

static void test_counts_of_a_queue(void **state)
{
	(void)state;
	counts_of_a_queue("qemu without caching mode", " attach+1", " map+1");
}

static void test_counts_of_caching_mode(void **state)
{
	(void)state;
	counts_of_a_queue("qemu", " attach+1" ENTRY_ASKED,
			  " map+1" PAGES_ASKED);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_buckets),
		bench_test(test_ranks),
		bench_test(test_words_of_a_unit),
		bench_test(test_words_of_long_waits),
		bench_test(test_counts_on_all_units),
		bench_test(test_counts_of_a_queue),
		bench_test(test_counts_of_caching_mode),
		bench_test(test_counts_of_registers),
		bench_test(test_counts_of_retries_and_faults),
		bench_test(test_counts_of_a_dead_unit),
		bench_test(test_times_of_waits),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
