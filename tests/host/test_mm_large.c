/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's memory manager above the driver on the model: large pages, which
 * processor and devices have alike.
 */
#include "mm_cases.h"

/* Part of a large page goes, and part of another loses a right: the others stay as
 * they are, to process and devices. */
static void test_parts_of_a_large_page(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = large(as);
	size_t size;

	mm_look(as);
	assert_int_equal(may(va + 7 * PAGE), MM_READ | MM_WRITE);
	assert_int_equal(aspace_munmap(as, va + 7 * PAGE, 2 * PAGE), 0);
	assert_waits(2);
	(void)lazy_reclaim();
	assert_int_equal(aspace_mprotect(as, va + 20 * PAGE, 5 * PAGE, MM_READ),
			 0);
	mm_look(as);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(may(va + i * PAGE), i == 7 || i == 8 ? 0 :
				 i / 5 == 4 ? MM_READ : MM_READ | MM_WRITE);
	(void)entry_at(va, &size);
	assert_int_equal(size, PAGE);
	assert_int_equal(may(va + (LARGE - 1) * PAGE), MM_READ | MM_WRITE);
	assert_string_equal(aspace_check(as), "ok");
	close_run();
}

/* It is kept while nobody may use it. */
static void test_a_large_page_without_rights(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = large(as), was;
	size_t size;

	was = *entry_at(va, &size) & 0xffffffffff000;
	mm_look(as);
	assert_int_equal(aspace_mprotect(as, va, LARGE * PAGE, 0), 0);
	assert_int_equal(may(va), 0);
	assert_true(aspace_fault(as, va, MM_READ) < 0);
	assert_string_equal(aspace_check(as), "ok");
	assert_int_equal(aspace_mprotect(as, va + PAGE, PAGE, MM_READ), 0);
	assert_int_equal(may(va), 0);
	assert_int_equal(may(va + PAGE), MM_READ);
	assert_int_equal(aspace_mprotect(as, va, PAGE, MM_READ | MM_WRITE), 0);
	assert_int_equal(may(va), MM_READ | MM_WRITE);
	assert_int_equal(*entry_at(va, &size) & 0xffffffffff000, was);
	close_run();
}

/* Where small ones were, whose table then is in the way. */
static void test_a_large_page_behind_small_ones(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, LARGE, 0);
	size_t size;

	(void)entry_at(va, &size);
	assert_int_equal(size, PAGE);
	assert_int_equal(may(va), MM_READ | MM_WRITE);
	mm_look(as);
	assert_int_equal(aspace_munmap(as, va, LARGE * PAGE), 0);
	(void)lazy_reclaim();
	assert_int_equal(large(as), va);
	assert_int_equal(may(va + 3 * PAGE), MM_READ | MM_WRITE);
	close_run();
}

/* The child's are its own; the parent's devices go on. */
static void test_a_large_page_is_copied_for_the_child(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = large(as);
	size_t free = mm_free(), size;

	mm_look(as);
	run.child[0] = aspace_fork(as);
	assert_non_null(run.child[0]);
	assert_true(mm_free() < free - LARGE);
	(void)entry_at(va, &size);
	assert_int_equal(size, LARGE * PAGE);
	assert_int_equal(may(va), MM_READ | MM_WRITE);
	close_run();
}

/* Units that know no large ones get none. */
static void test_pages_are_as_large_as_all_units_take(void **state)
{
	static const uint64_t sizes[] = { PAGE, LARGE * PAGE };
	struct aspace *as = begin(*state);
	uint64_t va;
	size_t size;

	for (unsigned i = 0; i < 2; i++) {
		pages_largest(i + 1);
		va = mapped(as, LARGE, MM_PINNED);
		(void)entry_at(va, &size);
		assert_int_equal(size, sizes[i]);
		assert_int_equal(aspace_munmap(as, va, LARGE * PAGE), 0);
		(void)lazy_reclaim();
	}
	close_run();
}

/* For want of memory: nothing has changed, and what was split is flushed. */
static void test_nothing_is_taken_by_halves(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = large(as), at;

	for (unsigned i = 0; i < 3; i++) {
		at = va + (i ? 7 : 0) * PAGE;
		mm_no_memory = true;
		assert_true(aspace_munmap(as, at, PAGE) < 0);
		assert_true(aspace_mprotect(as, at, PAGE, MM_READ) < 0);
		assert_null(aspace_fork(as));
		mm_no_memory = false;
		assert_string_equal(aspace_check(as), "ok");
		assert_int_equal(aspace_fault(as, at, MM_WRITE), 0);
	}
	assert_int_equal(aspace_munmap(as, va, 512 * PAGE), 0);
	assert_waits(512);
	close_run();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH(test_parts_of_a_large_page),
		IN_BOTH(test_a_large_page_without_rights),
		IN_BOTH(test_a_large_page_behind_small_ones),
		IN_BOTH(test_a_large_page_is_copied_for_the_child),
		IN_BOTH(test_pages_are_as_large_as_all_units_take),
		IN_BOTH(test_nothing_is_taken_by_halves),
	};

	return cmocka_run_group_tests_name("large pages", tests, NULL, NULL);
}
