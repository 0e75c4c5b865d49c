/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level tables (kern/arch/x86/vtd/table.c, table_impl.h), the short ways and
 * where they end: one leaf, runs of entries, tables that are new or taken out.
 */
#include "naive.h"

/* What is done most often goes no long way, and nothing else goes its way. */
static void test_one_page_under_tables_that_are_there(void **state)
{
	struct iommu_change c = { 0 };
	struct naive *n = &naive;
	struct sl_table t;
	size_t size;

	(void)state;
	open_naive(n, 1);
	assert_int_equal(sl_init(&t, SL_WIDEST), 0);
	assert_false(sl_put_leaf(&t, VA, RAM_BASE, 1, 3, &c));
	assert_int_equal(sl_map(&t, VA, RAM_BASE, PAGE, 3, &c), 0);
	assert_true(sl_put_leaf(&t, VA + PAGE, RAM_BASE + PAGE, 1, 3, &c));
	assert_true(sl_put_leaf(&t, VA, 0, 1, 0, &c));
	assert_int_equal(bench_leaf(&t, VA, &size), 0);
	assert_int_equal(bench_leaf(&t, VA + PAGE, &size),
			 (RAM_BASE + PAGE) | SL_SNP | 3);
	for (unsigned level = 2; level <= 3; level++) {
		assert_int_equal(sl_map(&t, level * 4 * GB, 0, span(level), 3,
					&c), 0);
		assert_false(sl_put_leaf(&t, level * 4 * GB, 0, 1, 0, &c));
	}
	sl_free(&t);
	close_naive(n);
}

static void open_one(struct sl_table *t, struct iommu_change *c)
{
	open_naive(&naive, 1);
	*c = (struct iommu_change){ 0 };
	assert_int_equal(sl_init(t, SL_WIDEST), 0);
	assert_int_equal(sl_map(t, GB, RAM_BASE + PAGE, PAGE, 3, c), 0);
	sl_reap(t, c);
}

static void close_one(struct sl_table *t)
{
	sl_free(t);
	close_naive(&naive);
}

/* Under a table that is there; of a level that all units know. */
static void test_one_large_leaf(void **state)
{
	struct sl_format f = { .leaf_levels = 2, .snoop = true };
	struct iommu_change c = { 0 };
	struct sl_table t;
	size_t size;

	(void)state;
	open_naive(&naive, 1);
	assert_int_equal(sl_init(&t, f), 0);
	assert_false(sl_put_leaf(&t, GB, 8 * GB, 3, 3, &c));
	assert_false(sl_put_leaf(&t, GB, 8 * GB, 2, 3, &c));
	assert_int_equal(sl_map(&t, GB + PAGE, RAM_BASE, PAGE, 3, &c), 0);
	iommu_change_clear(&c);
	assert_false(sl_put_leaf(&t, GB + MB2 + PAGE, 8 * GB, 2, 3, &c));
	assert_false(sl_put_leaf(&t, GB + MB2, 8 * GB + PAGE, 2, 3, &c));
	assert_true(sl_put_leaf(&t, GB + MB2, 8 * GB, 2, 3, &c));
	assert_int_equal(bench_leaf(&t, GB + MB2, &size),
			 8 * GB | SL_SNP | SL_PS | 3);
	assert_true(c.added && !c.removed && c.upper);
	assert_int_equal(c.lo, GB + MB2);
	assert_int_equal(c.hi, GB + 2 * MB2);
	assert_true(sl_put_leaf(&t, GB + MB2, 9 * GB, 2, 3, &c));
	assert_true(c.removed && c.upper);
	iommu_change_clear(&c);
	assert_true(sl_put_leaf(&t, GB + MB2, 0, 2, 0, &c));
	assert_true(c.removed && !c.added && !c.tombs);
	assert_int_equal(bench_leaf(&t, GB + MB2, &size), 0);
	sl_free(&t);
	close_naive(&naive);
}

/* It is not lost under a leaf; it goes as a whole where nothing comes instead,
 * and is not built upon before it has. */
static void test_a_table_in_the_place_of_a_large_leaf(void **state)
{
	struct iommu_change c;
	struct sl_table t;

	(void)state;
	for (unsigned level = 2; level <= 3; level++) {
		open_one(&t, &c);
		assert_false(sl_put_leaf(&t, GB, 8 * GB, level, 3, &c));
		assert_true(sl_put_leaf(&t, GB, 0, level, 0, &c));
		assert_true(c.removed && c.upper && c.tombs);
		assert_int_equal(t.pages, 3);
		assert_false(sl_put_leaf(&t, GB, 0, level, 0, &c));
		assert_false(sl_put_leaf(&t, GB, 8 * GB, level, 3, &c));
		sl_reap(&t, &c);
		assert_int_equal(t.pages, 4 - level);
		close_one(&t);
	}
}

/* That of a space whose flush has failed, which no change remembers. */
static void test_no_large_leaf_on_a_tomb(void **state)
{
	struct iommu_change c;
	struct sl_table t;

	(void)state;
	open_one(&t, &c);
	assert_true(sl_put_leaf(&t, GB, 0, 2, 0, &c));
	iommu_change_clear(&c);
	assert_false(sl_put_leaf(&t, GB, 8 * GB, 2, 3, &c));
	assert_false(sl_put_leaf(&t, GB, 0, 2, 0, &c));
	assert_int_equal(t.pages, 3);
	close_one(&t);
}

/* Tables are made to the left and right of one with a page in it. */
static void test_new_tables_beside_one_that_is_not(void **state)
{
	struct iommu_change c;
	struct sl_table t;

	(void)state;
	open_one(&t, &c);
	assert_int_equal(sl_map(&t, GB - MB2, RAM_BASE + 2 * PAGE, 3 * MB2, 3,
				&c), 0);
	assert_true(c.removed);
	close_one(&t);
}

/* They are empty for the map that makes them, and for no later one. */
static void test_tables_are_new_once(void **state)
{
	struct iommu_change c;
	struct sl_table t;

	(void)state;
	open_one(&t, &c);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(sl_map(&t, 2 * GB, RAM_BASE + i * PAGE,
					2 * MB2, 3, &c), 0);
		assert_int_equal(c.removed, i > 1);
		sl_reap(&t, &c);
	}
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(sl_map(&t, 4 * GB, 8 * GB + i * MB2, GB, 3,
					&c), 0);
		assert_int_equal(c.removed, i > 1);
		sl_reap(&t, &c);
	}
	close_one(&t);
}

/* Wherever a run begins and ends in its lines, a unit that does not snoop sees
 * all of it come and go. */
static void test_runs_of_all_lengths_in_memory(void **state)
{
	struct naive *n = &naive;
	uint64_t va;

	(void)state;
	open_naive(n, 1);
	n->m->policy.leave = LEAVE_NEVER;
	assert_int_equal(adapt(n, (struct sl_format){ 1, true, true }, 0), 0);
	for (unsigned first = 0; first < 9; first++)
		for (unsigned len = 1; len < 44; len++) {
			va = GB + ((len % 2 ? 512 : 100) + first) * PAGE;
			do_map(va, RAM_BASE, len * PAGE);
			for (unsigned i = 0; i < len; i++)
				assert_int_equal(found(n, 3, va + i * PAGE),
						 (RAM_BASE + i * PAGE) | 3);
			do_keep(va, len * PAGE, 0);
			for (unsigned i = 0; i < len; i++)
				assert_int_equal(found(n, 3, va + i * PAGE), 0);
			if (len % 4 == 1)
				do_keep(GB, 2 * MB2, 0);
			flush(n);
		}
	compare_all(n);
	close_naive(n);
}

/* What lies behind the last address is not what lies at the first. */
static void test_a_range_over_the_end(void **state)
{
	struct iommu_change c = { 0 };
	struct sl_table t;
	size_t size;

	(void)state;
	open_naive(&naive, 1);
	assert_int_equal(sl_init(&t, SL_WIDEST), 0);
	assert_int_equal(sl_map(&t, 0, RAM_BASE, PAGE, 3, &c), 0);
	assert_int_equal(sl_map(&t, SL_END - PAGE, RAM_BASE, PAGE, 3, &c), 0);
	assert_int_equal(sl_keep(&t, SL_END - PAGE, 2 * PAGE, 0, &c), 0);
	assert_int_equal(bench_leaf(&t, SL_END - PAGE, &size), 0);
	assert_int_not_equal(bench_leaf(&t, 0, &size), 0);
	sl_free(&t);
	close_naive(&naive);
}

/* That of a space whose flush has failed stays as long as the space. */
static void test_a_tomb_that_is_never_reaped_takes_no_table(void **state)
{
	struct iommu_change c;
	struct sl_table t;

	(void)state;
	open_one(&t, &c);
	assert_int_equal(sl_keep(&t, GB, span(2), 0, &c), 0);
	assert_true(c.tombs);
	iommu_change_clear(&c);
	assert_int_equal(t.pages, 3);
	assert_true(sl_map(&t, GB, RAM_BASE, PAGE, 3, &c) < 0);
	assert_int_equal(t.pages, 3);
	close_one(&t);
}

/* Pages that are far from what the change has taken out. */
static void test_a_page_that_is_refused_for_itself(void **state)
{
	struct iommu_change c;
	struct sl_table t;

	(void)state;
	open_one(&t, &c);
	assert_int_equal(sl_map(&t, 2 * GB, RAM_BASE + PAGE, PAGE, 3, &c), 0);
	sl_reap(&t, &c);
	assert_int_equal(sl_keep(&t, GB, span(2), 0, &c), 0);
	assert_false(sl_put_leaf(&t, 2 * GB + PAGE, RAM_BASE, 1, 3, &c));
	assert_int_equal(sl_map(&t, 2 * GB + PAGE, RAM_BASE, PAGE, 3, &c), 0);
	sl_reap(&t, &c);
	assert_int_equal(sl_keep(&t, 2 * GB, span(2), 0, &c), 0);
	assert_int_equal(sl_map(&t, GB, RAM_BASE, PAGE, 3, &c), 0);
	sl_reap(&t, &c);
	close_one(&t);
}

static void test_absent_pages_that_are_taken_away(void **state)
{
	struct iommu_change c;
	struct sl_table t;

	(void)state;
	open_one(&t, &c);
	assert_int_equal(sl_keep(&t, GB + PAGE, 3 * PAGE, 0, &c), 0);
	assert_false(c.removed);
	assert_int_equal(sl_keep(&t, GB, 3 * PAGE, 0, &c), 0);
	assert_true(c.removed);
	close_one(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_one_page_under_tables_that_are_there),
		bench_test(test_one_large_leaf),
		bench_test(test_a_table_in_the_place_of_a_large_leaf),
		bench_test(test_no_large_leaf_on_a_tomb),
		bench_test(test_new_tables_beside_one_that_is_not),
		bench_test(test_tables_are_new_once),
		bench_test(test_runs_of_all_lengths_in_memory),
		bench_test(test_a_range_over_the_end),
		bench_test(test_a_tomb_that_is_never_reaped_takes_no_table),
		bench_test(test_a_page_that_is_refused_for_itself),
		bench_test(test_absent_pages_that_are_taken_away),
	};

	return cmocka_run_group_tests_name("ways in second-level tables", tests,
					   NULL, NULL);
}
