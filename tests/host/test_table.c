/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level tables (kern/arch/x86/vtd/table.c) against a naive array of
 * pages and a cache that forgets nothing unasked (naive.h): random changes of
 * random ranges, walked as units of 3, 4 and 5 levels walk them, coherent ones
 * and others; and what went wrong, or nearly did, one by one.
 *
 * SEED and SEEDS say where to begin and how many runs.
 */
#include "naive.h"

#define MAX_LEN	(2ul << 30)

static void check_lookup(struct naive *n, uint64_t va)
{
	size_t size;
	uint64_t e = bench_leaf(&n->t, va, &size);

	assert_int_equal(e ? page_of(e, size == span(1) ? 1 : size == span(2) ?
				     2 : 3, va) : 0, wanted(va));
	assert_int_equal(!e, !size);
}

static void some_adapt(struct naive *n)
{
	struct sl_format f = {
		.leaf_levels = (uint8_t)(1 + model_random(n->m, 3)),
		.snoop = model_random(n->m, 2),
		.flush_lines = model_random(n->m, 2),
	}, old = n->t.format;

	f = sl_lesser(f, old);
	if (adapt(n, f, model_random(n->m, 20)) < 0) {
		assert_memory_equal(&n->t.format, &old, sizeof(old));
		assert_int_equal(adapt(n, f, 0), 0);
	}
	assert_memory_equal(&n->t.format, &f, sizeof(f));
}

/* Few pages, many, aligned ones, ragged ones, all. */
static void some_range(struct naive *n, struct op *o)
{
	struct place *w = &places[model_random(n->m, PLACES)];
	unsigned kind = model_random(n->m, 10);
	uint64_t unit = kind < 6 ? PAGE : kind < 8 ? span(2) : span(3);
	uint64_t end = w->base + w->pages * PAGE, len;

	o->va = w->base + model_random(n->m, w->pages) * PAGE;
	o->va = MAX(o->va & ~(unit - 1), w->base);
	len = unit * (1 + model_random(n->m, kind < 4 ? 9 : kind < 6 ? 1100 :
				       kind < 8 ? 12 : 2));
	if (unit > PAGE && !model_random(n->m, 3)) {
		o->va += model_random(n->m, 3) * PAGE;
		len += model_random(n->m, 3) * PAGE;
	}
	o->va = MIN(o->va, end - PAGE);
	o->len = MIN(len, end - o->va);
}

/* Contiguous as far as large leaves ask for, or not; in units of 4 KiB no
 * more than takes a moment. */
static void some_memory(struct naive *n, struct op *o)
{
	uint64_t fit = 1 + model_random(n->m, 3);
	size_t most = MIN(fit, n->t.format.leaf_levels) == 1 ? 1200 * PAGE :
		MAX_LEN;

	o->pa = ((uint64_t)model_random(n->m, 1u << 26) << 12) & P_ADDR;
	o->pa = (o->pa & ~(span((unsigned)fit) - 1)) |
		(o->va & (span((unsigned)fit) - 1));
	o->len = MIN(o->len, most);
}

static void some_change(struct naive *n)
{
	struct op o = { .map = model_random(n->m, 5) < 3 };
	bool tombs = n->change.tombs;
	unsigned fail = model_random(n->m, 3) ? 0 : 1 + model_random(n->m, 4);
	uint64_t allocated = n->m->mem.allocations;

	some_range(n, &o);
	o.rights = o.map ? 1 + model_random(n->m, 3) : model_random(n->m, 4);
	if (o.map)
		some_memory(n, &o);
	if (change(n, &o, fail) < 0) {
		assert_true(tombs || (fail && n->m->mem.allocations ==
				      allocated + fail));
		flush(n);
		assert_int_equal(change(n, &o, 0), 0);
	}
	check_lookup(n, o.va);
	check_lookup(n, o.va + o.len - PAGE);
	check_lookup(n, o.va + o.len);
}

/* A flush after each change, or now and then. */
static void random_changes(uint64_t seed, unsigned ops)
{
	struct naive *n = &naive;
	unsigned lazy;

	open_naive(n, seed);
	n->caching = model_random(n->m, 2);
	lazy = 1 + 3 * model_random(n->m, 2);
	if (model_random(n->m, 2))
		some_adapt(n);
	for (unsigned i = 0; i < ops; i++) {
		if (model_random(n->m, 40))
			some_change(n);
		else
			some_adapt(n);
		if (!model_random(n->m, lazy))
			flush(n);
		if (i % 40 == 39) {
			flush(n);
			compare_all(n);
		}
	}
	flush(n);
	compare_all(n);
	close_naive(n);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

static void test_random_changes(void **state)
{
	uint64_t seed = setting("SEED", 1), n = setting("SEEDS", 10);

	(void)state;
	for (; n; n--, seed++)
		random_changes(seed, 200);
}

static size_t size_at(uint64_t va)
{
	size_t size;

	return bench_leaf(&naive.t, va, &size) ? size : 0;
}

static void test_large_leaves_come_and_go(void **state)
{
	static const size_t sizes[] = { PAGE, MB2, GB };
	struct naive *n = &naive;

	(void)state;
	for (uint8_t levels = 1; levels <= 3; levels++) {
		open_naive(n, 1);
		assert_int_equal(adapt(n, (struct sl_format){ levels, true,
							      false }, 0), 0);
		do_map(GB - MB2, 8 * GB - MB2, 2 * GB);
		assert_int_equal(size_at(GB - PAGE), sizes[MIN(levels, 2) - 1]);
		assert_int_equal(size_at(GB), sizes[levels - 1]);
		assert_int_equal(size_at(2 * GB), sizes[MIN(levels, 2) - 1]);
		do_keep(GB + MB2, PAGE, 1);
		assert_int_equal(size_at(GB + MB2), PAGE);
		assert_int_equal(size_at(GB), sizes[MIN(levels, 2) - 1]);
		flush(n);
		do_map(GB, 8 * GB, GB);
		assert_int_equal(size_at(GB + MB2), sizes[levels - 1]);
		flush(n);
		compare_all(n);
		close_naive(n);
	}
}

/* Not aligned alike, so that no leaf may be large. */
static void test_no_large_leaf_where_it_does_not_fit(void **state)
{
	(void)state;
	open_naive(&naive, 1);
	do_map(GB, 8 * GB + PAGE, 2 * MB2);
	assert_int_equal(size_at(GB), PAGE);
	do_map(GB + 4 * MB2, 8 * GB, MB2 - PAGE);
	assert_int_equal(size_at(GB + 4 * MB2), PAGE);
	do_map(2 * GB, 8 * GB + MB2, GB);
	assert_int_equal(size_at(2 * GB), MB2);
	flush(&naive);
	compare_all(&naive);
	close_naive(&naive);
}

/* More tables replaced at once than a change can remember. */
static void test_leaves_over_more_tables_than_are_remembered(void **state)
{
	struct naive *n = &naive;

	(void)state;
	open_naive(n, 1);
	for (unsigned i = 0; i < 20; i++)
		do_map(GB + i * MB2, (16 * i + 1) * PAGE, 3 * PAGE);
	do_map(GB, 8 * GB, 20 * MB2);
	assert_int_equal(n->change.nburied, IOMMU_BURIED);
	assert_int_equal(size_at(GB), MB2);
	assert_int_equal(size_at(GB + 19 * MB2), PAGE);
	do_map(GB, 8 * GB, GB);
	flush(n);
	compare_all(n);
	close_naive(n);
}

/* What a change takes out cannot be mapped anew before it is flushed: neither
 * with small leaves nor with one that would stand on the table's grave. */
static void test_nothing_is_built_on_a_tomb(void **state)
{
	struct op maps[] = {
		{ GB + MB2, PAGE, 8 * GB, 3, true },
		{ GB + MB2, MB2, 8 * GB, 3, true },
		{ GB, GB, 8 * GB, 3, true },
	};
	struct naive *n = &naive;

	(void)state;
	open_naive(n, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(maps); i++) {
		do_map(GB + MB2, 16 * PAGE, 3 * PAGE);
		do_keep(GB + MB2, MB2, 0);
		assert_true(n->change.tombs);
		assert_true(change(n, &maps[i], 0) < 0);
		flush(n);
		assert_int_equal(change(n, &maps[i], 0), 0);
		flush(n);
		compare_all(n);
		do_keep(GB, GB, 0);
		flush(n);
	}
	close_naive(n);
}

static void test_a_tomb_within_a_tomb_is_freed(void **state)
{
	struct naive *n = &naive;

	(void)state;
	open_naive(n, 1);
	do_map(GB, 16 * PAGE, 3 * PAGE);
	do_map(GB + MB2, 16 * PAGE, 3 * PAGE);
	do_keep(GB, MB2, 0);
	do_keep(GB, GB, 0);
	flush(n);
	assert_int_equal(n->t.pages, 3);
	compare_all(n);
	close_naive(n);
}

/* A change that is begun and refused, at each allocation that it makes (at some
 * of them where it makes many). */
static void refused_at_each_allocation(const struct op *o, struct sl_format *f)
{
	struct naive *n = &naive;
	int err = -1;

	for (unsigned fail = 1; err; fail += 1 + fail / 12) {
		open_naive(n, fail);
		n->caching = fail & 1;
		do_map(GB - MB2, 8 * GB - MB2, GB + 2 * MB2);
		do_map((1ul << 39) - MB2, MB2, MB2);
		do_map(VA, 16 * PAGE, 3 * PAGE);
		flush(n);
		err = o ? change(n, o, fail) : adapt(n, *f, fail);
		assert_true(!err || n->m->mem.allocations >= fail);
		flush(n);
		compare_all(n);
		if (err)
			assert_int_equal(o ? change(n, o, 0) :
					 adapt(n, *f, 0), 0);
		flush(n);
		compare_all(n);
		close_naive(n);
	}
}

static void test_all_or_nothing_at_each_allocation(void **state)
{
	static const struct op ops[] = {
		{ GB + PAGE, PAGE, 0, 1, false },
		{ GB + PAGE, GB, 0, 0, false },
		{ GB - PAGE, 3 * PAGE, 0, 2, false },
		{ GB - PAGE, GB, 4 * GB - PAGE, 1, true },
		{ GB - PAGE, 6 * MB2, 4 * GB, 3, true },
		{ 0, 3 * MB2, 5 * PAGE, 3, true },
		{ (1ul << 39) - GB - PAGE, GB + PAGE, 4 * GB - PAGE, 3, true },
	};
	struct sl_format formats[] = {
		{ 1, true, false }, { 2, false, true }, { 1, false, true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
		refused_at_each_allocation(&ops[i], NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		refused_at_each_allocation(NULL, &formats[i]);
}

/* A table that becomes present where absence is remembered, although the
 * mapping that asked for it was refused, or had room for its leaf already. */
static void test_new_tables_are_noted_as_such(void **state)
{
	struct op o = { GB - PAGE, 2 * PAGE, 16 * PAGE, 3, true };
	struct naive *n = &naive;

	(void)state;
	open_naive(n, 1);
	n->caching = true;
	assert_true(change(n, &o, 3) < 0);
	flush(n);
	assert_int_equal(change(n, &o, 0), 0);
	flush(n);
	compare_all(n);
	close_naive(n);
}

/* Nothing of what lies above 2^39 is let through by the deeper tables, and
 * index arithmetic does not fold it onto what lies below. */
static void test_the_tables_end_at_2_to_the_39(void **state)
{
	struct naive *n = &naive;

	(void)state;
	open_naive(n, 1);
	do_map(0, RAM_BASE, PAGE);
	for (unsigned shift = 39; shift < 57; shift++)
		assert_int_equal(found(n, 5, 1ul << shift), 0);
	for (unsigned shift = 39; shift < 48; shift++)
		assert_int_equal(found(n, 4, 1ul << shift), 0);
	for (unsigned shift = 39; shift < 64; shift++) {
		check_lookup(n, 1ul << shift);
		assert_true(sl_map(&n->t, 1ul << shift, RAM_BASE, PAGE, 3,
				   &n->change) < 0);
		assert_int_equal(sl_keep(&n->t, 1ul << shift, PAGE, 0,
					 &n->change), 0);
	}
	assert_int_equal(sl_keep(&n->t, (1ul << 39) - PAGE, 2 * PAGE, 0,
				 &n->change), 0);
	assert_true(sl_map(&n->t, (1ul << 39) - PAGE, RAM_BASE, 2 * PAGE, 3,
			   &n->change) < 0);
	check_lookup(n, 0);
	flush(n);
	compare_all(n);
	close_naive(n);
}

/* The part of a range that lies beyond that takes nothing apart below. */
static void test_no_large_page_is_split_from_beyond_the_end(void **state)
{
	struct iommu_change c = { 0 };
	struct sl_table t;
	size_t pages;

	(void)state;
	open_naive(&naive, 1);
	assert_int_equal(sl_init(&t, SL_WIDEST), 0);
	assert_int_equal(sl_map(&t, 0, span(2), span(2), 3, &c), 0);
	pages = t.pages;
	assert_int_equal(sl_keep(&t, (1ul << 39) - PAGE, 2 * PAGE, 0, &c), 0);
	assert_int_equal(t.pages, pages);
	sl_free(&t);
	close_naive(&naive);
}

static void test_roots_are_made_once(void **state)
{
	struct naive *n = &naive;
	struct sl_table t;

	(void)state;
	open_naive(n, 1);
	for (unsigned at = 0; at <= 2; at++) {
		assert_int_equal(sl_init(&t, SL_WIDEST), 0);
		n->m->mem.fail_at = at ? n->m->mem.allocations + at : 0;
		assert_int_equal(!sl_root(&t, 5), at != 0);
		assert_int_not_equal(sl_root(&t, 5), 0);
		assert_int_equal(t.pages, 3);
		for (unsigned levels = 3; levels <= 5; levels++)
			assert_int_equal(sl_root(&t, levels),
					 os_phys(t.top[levels - 3]));
		assert_int_equal(t.pages, 3);
		sl_free(&t);
	}
	close_naive(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_large_leaves_come_and_go),
		bench_test(test_no_large_leaf_where_it_does_not_fit),
		bench_test(test_leaves_over_more_tables_than_are_remembered),
		bench_test(test_nothing_is_built_on_a_tomb),
		bench_test(test_a_tomb_within_a_tomb_is_freed),
		bench_test(test_all_or_nothing_at_each_allocation),
		bench_test(test_new_tables_are_noted_as_such),
		bench_test(test_the_tables_end_at_2_to_the_39),
		bench_test(test_no_large_page_is_split_from_beyond_the_end),
		bench_test(test_roots_are_made_once),
		bench_test(test_random_changes),
	};

	return cmocka_run_group_tests_name("second-level tables", tests, NULL,
					   NULL);
}
