/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lazy unmapping (kern/mm/quarantine.c): what an owner has unmapped may be
 * reached by its own devices until the flush, and by then is nobody else's; one
 * flush covers all of it; the bounds hold; and the words of its file.
 */
#include "bench.h"

#include <quarantine.h>

/* What the memory manager keeps beside a quarantine. */
struct box {
	struct quarantine q;
	struct process *p;
	unsigned let_go, lost;	/* times */
};

static void let_go(struct quarantine *q, bool lost)
{
	struct box *box = container_of(q, struct box, q);
	physaddr_t frames[1024];
	unsigned n;

	box->let_go++;
	box->lost += lost;
	box->p->lost |= lost;
	if (lost)
		return;
	n = owner_drop_late(box->p->o, frames);
	assert_int_equal(n, q->pages);
	while (n)
		frame_free(box->p->m, frames[--n]);
}

static struct box box_of(struct process *p)
{
	return (struct box){
		.q = { .gather.space = p->s, .let_go = let_go }, .p = p,
	};
}

static void set(bool lazy, size_t pages, unsigned ms, size_t share)
{
	struct quarantine_mode mode = {
		.lazy = lazy, .pages = pages, .ms = ms, .share = share,
	};

	quarantine_set(&mode);
}

static int unmap_late(struct box *box, uint64_t va, unsigned pages)
{
	struct mapping *e;

	model_call(box->p->m);
	for (unsigned i = 0; i < pages; i++) {
		e = owner_find(box->p->o, va + i * PAGE);
		owner_plan(box->p->o, e->va, 0, 0);
		e->late = true;
	}
	assert_int_equal(iommu_keep(&box->q.gather, va, pages * PAGE, 0), 0);
	return quarantine_add(&box->q, pages);
}

static int flush(struct box *box)
{
	model_call(box->p->m);
	return quarantine_flush(&box->q, QUARANTINE_OTHER);
}

static uint64_t flushes(enum quarantine_why why)
{
	return quarantine_state().flushes[why];
}

/* The device has used the page, and may go on until the flush. */
static bool reaches(struct function *f, uint64_t va)
{
	uint64_t v = 0;

	return model_dma(model_machine, f->segment, f->sid, va, &v, 8, true);
}

static void a_page_waits(struct bench *b)
{
	struct process *p = process(b, 7), *next = process(b, 8);
	struct box box = box_of(p);

	set(true, 100, 10, 100);
	assert_int_equal(process_map(p, VA, 4, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(can_write(p, b->flr, VA + PAGE));
	assert_int_equal(unmap_late(&box, VA + PAGE, 1), 0);
	assert_int_equal(box.let_go, 0);
	assert_int_equal(quarantine_state().pages, 1);
	assert_true(can_write(p, b->flr, VA));
	/* Others are given memory meanwhile, and it is not that. */
	assert_int_equal(process_map(next, VA + PAGE, 4, RW), 0);
	assert_int_equal(process_map(p, VA + 8 * PAGE, 1, RW), 0);
	assert_int_equal(flush(&box), 0);
	assert_int_equal(box.let_go, 1);
	assert_int_equal(quarantine_state().pages, 0);
	assert_false(reaches(b->flr, VA + PAGE));
	assert_int_equal(process_map(p, VA + PAGE, 1, RW), 0);
	assert_true(can_write(p, b->flr, VA + PAGE));
	process_end(next);
	process_end(p);
}

static void test_a_page_waits_for_its_flush(void **state)
{
	(void)state;
	on_all_triples(a_page_waits, WITHOUT_WIRED);
}

/* Whole tables go, neighbours come, before the flush and behind it. */
static void a_table_waits(struct bench *b)
{
	const uint64_t at = 5ul << 30, end = at + 512 * PAGE;
	struct process *p = process(b, 7);
	struct box box = box_of(p);

	b->m->hook = attack_a_little;
	set(true, 4096, 10, 4096);
	assert_int_equal(process_map(p, at, 512, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(can_write(p, b->flr, at + PAGE));
	assert_int_equal(unmap_late(&box, at, 512), 0);
	assert_true(box.q.gather.change.tombs);
	assert_int_equal(process_map(p, end, 1, RW), 0);
	assert_int_equal(process_map(p, at - PAGE, 1, RW), 0);
	assert_true(can_write(p, b->flr, end));
	assert_true(can_write(p, b->flr, at - PAGE));
	assert_int_equal(flush(&box), 0);
	assert_false(reaches(b->flr, at));
	assert_int_equal(process_map(p, at, 1, RW), 0);
	assert_true(can_write(p, b->flr, at));
	process_end(p);
}

static void test_a_table_waits_for_its_flush(void **state)
{
	(void)state;
	on_triple("qemu", a_table_waits, WITHOUT_WIRED);
	on_triple("5 levels", a_table_waits, WITHOUT_WIRED);
	on_triple("caching, write buffer", a_table_waits, WITHOUT_WIRED);
	on_triple("caching, registers", a_table_waits, WITHOUT_WIRED);
}

static void open_qemu(struct bench *b)
{
	bench_open(b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(b);
}

static unsigned tail_writes(const struct bench *b)
{
	unsigned n = 0;

	assert_true(b->m->traced < TRACE_ROOM);
	for (uint64_t i = 0; i < b->m->traced; i++)
		n += b->m->trace[i].what == E_WRITE &&
			b->m->trace[i].where == R_IQT;
	return n;
}

static void test_many_unmaps_are_one_flush(void **state)
{
	struct process *p;
	struct bench b;
	struct box box;
	uint64_t fetched, waits, full;

	(void)state;
	open_qemu(&b);
	full = flushes(QUARANTINE_FULL);
	set(true, 4096, 10, 256);
	p = process(&b, 7);
	box = box_of(p);
	assert_int_equal(process_map(p, VA, 256, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	fetched = b.u->fetched;
	waits = b.u->waits;
	b.m->traced = 0;
	for (unsigned i = 0; i < 255; i++)
		assert_int_equal(unmap_late(&box, VA + i * PAGE, 1), 0);
	assert_int_equal(b.u->fetched, fetched);
	assert_int_equal(quarantine_state().pages, 255);
	assert_int_equal(unmap_late(&box, VA + 255 * PAGE, 1), 0);
	assert_int_equal(box.let_go, 1);
	assert_int_equal(b.u->fetched - fetched, 2);
	assert_int_equal(b.u->waits - waits, 1);
	assert_int_equal(tail_writes(&b), 1);
	assert_int_equal(flushes(QUARANTINE_FULL), full + 1);
	assert_false(quarantine_takes(257));
	assert_true(quarantine_takes(256));
	process_end(p);
	bench_close(&b);
}

/* In all: the one that makes it too many is flushed, the other stays. */
static void test_pages_in_all(void **state)
{
	struct process *p, *r;
	struct box one, two;
	struct bench b;

	(void)state;
	open_qemu(&b);
	set(true, 6, 10, 6);
	p = process(&b, 7);
	r = process(&b, 8);
	one = box_of(p);
	two = box_of(r);
	assert_int_equal(process_map(p, VA, 6, RW), 0);
	assert_int_equal(process_map(r, VA, 6, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(r, b.af, 0), 0);
	assert_int_equal(unmap_late(&one, VA, 3), 0);
	assert_int_equal(unmap_late(&two, VA, 2), 0);
	assert_int_equal(quarantine_state().pages, 5);
	assert_int_equal(unmap_late(&two, VA + 2 * PAGE, 1), 0);
	assert_int_equal(two.let_go, 1);
	assert_int_equal(one.let_go, 0);
	assert_int_equal(quarantine_state().pages, 3);
	assert_int_equal(flush(&one), 0);
	process_end(p);
	process_end(r);
	bench_close(&b);
}

static struct quarantine *held[4];
static unsigned nheld;

static void hold(struct quarantine *q)
{
	held[nheld++] = q;
}

/* The oldest first, and none that is too young. */
static void test_age(void **state)
{
	struct process *p, *r;
	struct box one, two;
	struct bench b;
	uint64_t then;

	(void)state;
	open_qemu(&b);
	set(true, 100, 12, 100);
	nheld = 0;
	p = process(&b, 7);
	r = process(&b, 8);
	one = box_of(p);
	two = box_of(r);
	assert_int_equal(process_map(p, VA, 6, RW), 0);
	assert_int_equal(process_map(r, VA, 6, RW), 0);
	assert_true(quarantine_due() == UINT64_MAX);
	then = b.m->now;
	assert_int_equal(unmap_late(&two, VA, 1), 0);
	assert_in_range(quarantine_due(), then + 12 * NSEC_PER_MSEC,
			b.m->now + 12 * NSEC_PER_MSEC);
	b.m->now += 4 * NSEC_PER_MSEC;
	assert_int_equal(unmap_late(&one, VA, 1), 0);
	b.m->now += 4 * NSEC_PER_MSEC;
	assert_int_equal(unmap_late(&two, VA + PAGE, 1), 0);	/* no younger */
	assert_null(quarantine_pick(quarantine_too_old(), hold));
	b.m->now += 5 * NSEC_PER_MSEC;
	assert_true(quarantine_due() < b.m->now);
	assert_ptr_equal(quarantine_pick(quarantine_too_old(), hold), &two.q);
	assert_int_equal(nheld, 1);
	assert_ptr_equal(held[0], &two.q);
	assert_int_equal(quarantine_flush(&two.q, QUARANTINE_OLD), 0);
	assert_null(quarantine_pick(quarantine_too_old(), hold));
	b.m->now += 3 * NSEC_PER_MSEC;
	assert_ptr_equal(quarantine_pick(quarantine_too_old(), hold), &one.q);
	assert_int_equal(flush(&one), 0);
	assert_null(quarantine_pick(UINT64_MAX, hold));
	process_end(p);
	process_end(r);
	bench_close(&b);
}

/* Nothing is taken any more; what was on its way is flushed at once. */
static void test_strict(void **state)
{
	struct process *p;
	struct bench b;
	struct box box;
	uint64_t other;

	(void)state;
	open_qemu(&b);
	set(true, 100, 10, 100);
	p = process(&b, 7);
	box = box_of(p);
	other = flushes(QUARANTINE_OTHER);
	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(quarantine_takes(1));
	assert_int_equal(unmap_late(&box, VA, 1), 0);
	assert_int_equal(box.let_go, 0);
	set(false, 100, 10, 100);
	assert_false(quarantine_takes(1));
	assert_int_equal(unmap_late(&box, VA + PAGE, 1), 0);
	assert_int_equal(box.let_go, 1);
	assert_false(reaches(b.flr, VA));
	set(false, 1, 10, 1);
	assert_int_equal(unmap_late(&box, VA + 2 * PAGE, 1), 0);
	assert_int_equal(box.let_go, 2);
	assert_int_equal(flushes(QUARANTINE_OTHER), other + 2);
	process_end(p);
	bench_close(&b);
}

/* A flush without pages lets nothing go, and is not counted. */
static void test_nothing_in_it(void **state)
{
	struct process *p;
	struct bench b;
	struct box box;
	uint64_t other;

	(void)state;
	open_qemu(&b);
	other = flushes(QUARANTINE_OTHER);
	set(true, 100, 10, 100);
	p = process(&b, 7);
	box = box_of(p);
	assert_int_equal(flush(&box), 0);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(iommu_keep(&box.q.gather, VA, PAGE, IOMMU_READ), 0);
	assert_int_equal(flush(&box), 0);
	assert_int_equal(box.let_go, 0);
	assert_int_equal(flushes(QUARANTINE_OTHER), other);
	assert_false(box.q.gather.change.removed);
	process_end(p);
	bench_close(&b);
}

/* The unit fails: nothing of it is ever given to anybody. */
static void test_lost(void **state)
{
	struct process *p;
	struct bench b;
	struct box box;

	(void)state;
	open_qemu(&b);
	set(true, 100, 10, 100);
	p = process(&b, 7);
	box = box_of(p);
	assert_int_equal(process_map(p, VA, 4, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(unmap_late(&box, VA, 2), 0);
	b.u->trouble.slow_queue = true;
	assert_true(flush(&box) < 0);
	assert_int_equal(box.let_go, 1);
	assert_int_equal(box.lost, 1);
	assert_int_equal(quarantine_state().pages, 0);
	assert_true(quarantine_due() == UINT64_MAX);
	process_end(p);
	bench_close(&b);
}

/* The words. */

static struct quarantine_mode mode;
static char subject[200];

static const char *parse(const char *s)
{
	struct text t = { .buf = subject, .size = sizeof(subject) };

	mode = (struct quarantine_mode){ .pages = 70, .ms = 5, .share = 7 };
	memset(subject, 0, sizeof(subject));
	return quarantine_parse(s, &mode, &t);
}

static void parses(const char *s, bool lazy, size_t pages, unsigned ms,
		   size_t share)
{
	assert_null(parse(s));
	assert_int_equal(mode.lazy, lazy);
	assert_int_equal(mode.pages, pages);
	assert_int_equal(mode.ms, ms);
	assert_int_equal(mode.share, share);
	assert_string_equal(subject, "");
}

static void refuses(const char *s, const char *about, const char *why)
{
	const char *said = parse(s);

	assert_non_null(said);
	assert_string_equal(said, why);
	assert_string_equal(subject, about);
}

static void test_words(void **state)
{
	(void)state;
	parses("strict", false, 70, 5, 7);
	parses(" \tstrict ", false, 70, 5, 7);
	parses("lazy", true, 70, 5, 7);
	parses("lazy ms=1000", true, 70, 1000, 7);
	parses("lazy share=1 pages=1048576 ms=1", true, 1048576, 1, 1);
	parses("lazy pages=7\tshare=7", true, 7, 5, 7);
}

#define FORM	"write strict, or lazy [pages=N] [ms=N] [share=N]"
#define ONCE	"only pages=, ms= and share= may follow lazy, once"

static void test_words_that_are_refused(void **state)
{
	(void)state;
	refuses("", "", FORM);
	refuses("  ", "", FORM);
	refuses("lazyy", "lazyy", FORM);
	refuses("laz", "laz", FORM);
	refuses("pages=3 lazy", "pages=3", FORM);
	refuses("strict ms=4", "ms=4", "nothing may follow strict");
	refuses("lazy lazy", "lazy", ONCE);
	refuses("lazy ms=4 ms=4", "ms=4", ONCE);
	refuses("lazy ms 4", "ms", ONCE);
	refuses("lazy ms=", "ms=", "milliseconds are 1 to 1000");
	refuses("lazy ms=0", "ms=0", "milliseconds are 1 to 1000");
	refuses("lazy ms=1001 x", "ms=1001", "milliseconds are 1 to 1000");
	refuses("lazy ms=4x", "ms=4x", "milliseconds are 1 to 1000");
	refuses("lazy ms=-1", "ms=-1", "milliseconds are 1 to 1000");
	refuses("lazy pages=0", "pages=0", "pages are 1 to 1048576");
	refuses("lazy pages=1048577", "pages=1048577",
		"pages are 1 to 1048576");
	refuses("lazy share=0", "share=0", "a share is 1 to 1048576 pages");
	refuses("lazy share=71", "",
		"a share is no more than the pages in all");
	refuses("lazy pages=6", "",
		"a share is no more than the pages in all");
}

static void test_bounds_of_the_command_line(void **state)
{
	(void)state;
	parse("strict");
	assert_null(quarantine_parse_bounds("512,20,64", &mode));
	assert_int_equal(mode.pages, 512);
	assert_int_equal(mode.ms, 20);
	assert_int_equal(mode.share, 64);
	assert_string_equal(quarantine_parse_bounds("512,20", &mode),
			    "three numbers: PAGES,MS,SHARE");
	assert_string_equal(quarantine_parse_bounds("512,20,64,", &mode),
			    "three numbers: PAGES,MS,SHARE");
	assert_string_equal(quarantine_parse_bounds("512;20;64", &mode),
			    "three numbers: PAGES,MS,SHARE");
	assert_string_equal(quarantine_parse_bounds("", &mode),
			    "pages are 1 to 1048576");
	assert_string_equal(quarantine_parse_bounds("5,20,64", &mode),
			    "a share is no more than the pages in all");
}

static void test_format(void **state)
{
	struct quarantine_state s = {
		.mode = { false, 100, 10, 50 }, .pages = 3,
		.flushes = { 1, 2, 3, 4 },
	};
	char buf[200] = "";
	struct text t = { .buf = buf, .size = sizeof(buf) };

	(void)state;
	quarantine_format(&t, &s);
	assert_string_equal(buf, "strict\npages 3\nfull 1\nold 2\nshort 3\n"
			    "other 4\n");
	t.len = 0;
	s.mode.lazy = true;
	quarantine_format(&t, &s);
	assert_memory_equal(buf, "lazy pages=100 ms=10 share=50\npages 3\n", 38);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_a_page_waits_for_its_flush),
		bench_test(test_a_table_waits_for_its_flush),
		bench_test(test_many_unmaps_are_one_flush),
		bench_test(test_pages_in_all),
		bench_test(test_age),
		bench_test(test_strict),
		bench_test(test_nothing_in_it),
		bench_test(test_lost),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_that_are_refused),
		cmocka_unit_test(test_bounds_of_the_command_line),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests_name("quarantine", tests, NULL, NULL);
}
