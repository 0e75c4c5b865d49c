/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the model's units see what was stored: cache lines (ECAP.C), write
 * buffers (CAP.RWBF, VT-d 6.8), memory that was never written or was freed.
 */
#include "selftest.h"

#include <sanitizer/asan_interface.h>

#define INCOHERENT	(PLAIN_ECAP & ~1ul)
#define RWBF		(1ul << 4)

static void test_a_snooping_unit_sees_stores_at_once(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	os_store(entry(&s, 1), 0);
	assert_false(reads(&s));
	soft_close(&s);
}

static void test_an_incoherent_unit_sees_what_was_flushed(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, INCOHERENT);
	s.m->policy.keep = KEEP_NOTHING;
	os_store(entry(&s, 1), 0);
	assert_true(reads(&s));
	os_flush(entry(&s, 1) + 8, 8);		/* the next line */
	assert_true(reads(&s));
	os_flush(entry(&s, 1), 8);
	assert_false(reads(&s));
	soft_close(&s);
}

static void test_lines_may_leave_the_cache_by_themselves(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, INCOHERENT);
	s.m->policy.leave = LEAVE_AT_ONCE;
	os_store(entry(&s, 1), 0);
	assert_false(reads(&s));
	soft_close(&s);
}

/* A table that was zeroed and not flushed leads astray. */
static void test_memory_never_flushed_leads_to_the_trap(void **state)
{
	struct soft s;
	uint64_t *t;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, INCOHERENT);
	s.m->policy.keep = KEEP_NOTHING;
	t = os_alloc(PGSIZE);
	set(&s, entry(&s, 2), memory_pa(s.m, t) | 3);
	assert_true(reads(&s));
	model_expect(s.m, "not its owner's");
	os_flush(t, PGSIZE);
	assert_false(reads(&s));
	soft_close(&s);
}

static void test_freed_memory_stays_until_flushed(void **state)
{
	struct soft s;
	uint64_t *t;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, INCOHERENT);
	s.m->policy.keep = KEEP_NOTHING;
	set(&s, entry(&s, 2), 0);
	os_free(s.table[1], PGSIZE);
	t = os_alloc(PGSIZE);
	assert_ptr_equal(t, s.table[1]);
	set(&s, entry(&s, 2), memory_pa(s.m, t) | 3);
	assert_int_equal(*t, 0);
	assert_true(reads(&s));
	soft_close(&s);
}

static void test_write_buffers_linger(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP | RWBF, PLAIN_ECAP);
	s.m->policy.keep = KEEP_NOTHING;
	queue_on(&s);
	os_store(entry(&s, 1), 0);
	assert_true(reads(&s));
	push(&s, D_WAIT, 0);
	assert_true(reads(&s));
	command(&s, G_WBF, true);
	assert_false(reads(&s));
	os_store(entry(&s, 1), s.frame | 3);
	assert_false(reads(&s));
	push(&s, D_IOTLB | BY_DOMAIN << 4 | 9 << 16, 0);
	assert_true(reads(&s));
	os_store(entry(&s, 1), 0);
	push(&s, D_CONTEXT | BY_DOMAIN << 4 | 9 << 16, 0);
	assert_false(reads(&s));
	soft_close(&s);
}

/* Behind a cache that is not snooped, both steps are needed. */
static void test_cache_and_write_buffer(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP | RWBF, INCOHERENT);
	s.m->policy.keep = KEEP_NOTHING;
	os_store(entry(&s, 1), 0);
	command(&s, G_WBF, true);
	assert_true(reads(&s));
	os_flush(entry(&s, 1), 8);
	assert_true(reads(&s));
	command(&s, G_WBF, true);
	assert_false(reads(&s));
	soft_close(&s);
}

static void test_a_table_written_past_os_store(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	*entry(&s, 1) = 0;
	reads(&s);
	model_expect(s.m, "not written by os_store");
	soft_close(&s);
}

static void test_walking_what_is_no_table(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.u->tolerant = false;
	set(&s, entry(&s, 2), s.frame | 3);
	reads(&s);
	model_expect(s.m, "which is a process's frame");
	soft_close(&s);
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.u->tolerant = false;
	os_free(s.table[1], PGSIZE);
	reads(&s);
	model_expect(s.m, "which is free memory");
	soft_close(&s);
}

static void test_freeing_what_a_unit_still_reaches(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	assert_true(reads(&s));
	frame_free(s.m, s.frame);
	model_expect(s.m, "by its IOTLB");
	os_free(s.table[1], PGSIZE);
	model_expect(s.m, "by its paging-structure cache");
	os_free(s.table[4], PGSIZE);
	model_expect(s.m, "by its context cache");
	os_free(s.root, PGSIZE);
	model_expect(s.m, "by its root pointer");
	soft_close(&s);
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	model_dma_posted(s.m, 0, SID, AT, true);
	frame_free(s.m, s.frame);
	model_expect(s.m, "a request under way");
	soft_close(&s);
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	assert_true(reads(&s));
	drop_all(&s);
	frame_free(s.m, s.frame);
	os_free(s.table[1], PGSIZE);
	soft_close(&s);
}

static void test_allocation(void **state)
{
	struct machine *m = model_start(1);
	uint8_t *p, *q;

	(void)state;
	for (size_t size = 1; size < 3 * PGSIZE; size += 7) {
		p = os_alloc(size);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		assert_true(size < PGSIZE || (uintptr_t)p % PGSIZE == 0);
		if ((uintptr_t)p % PGSIZE)
			assert_true(__asan_address_is_poisoned(p - 1));
		assert_true(__asan_address_is_poisoned(p + size));
		assert_ptr_equal(os_virt(os_phys(p)), p);
		assert_int_not_equal(os_phys(p), (uintptr_t)p);
		memset(p, 0xff, size);
		os_free(p, size);
		assert_true(__asan_address_is_poisoned(p));
	}
	p = os_alloc(40);
	assert_int_equal(m->mem.objects, 1);
	os_free(p, 48);
	model_expect(m, "os_free");
	os_free(p, 40);
	os_free(p, 40);
	model_expect(m, "os_free");
	m->mem.fail_at = m->mem.allocations + 2;
	p = os_alloc(8);
	q = os_alloc(8);
	assert_true(p && !q);
	assert_non_null(os_alloc(8));
	model_stop(m);
}

int model_memory_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_snooping_unit_sees_stores_at_once),
		cmocka_unit_test(test_an_incoherent_unit_sees_what_was_flushed),
		cmocka_unit_test(test_lines_may_leave_the_cache_by_themselves),
		cmocka_unit_test(test_memory_never_flushed_leads_to_the_trap),
		cmocka_unit_test(test_freed_memory_stays_until_flushed),
		cmocka_unit_test(test_write_buffers_linger),
		cmocka_unit_test(test_cache_and_write_buffer),
		cmocka_unit_test(test_a_table_written_past_os_store),
		cmocka_unit_test(test_walking_what_is_no_table),
		cmocka_unit_test(test_freeing_what_a_unit_still_reaches),
		cmocka_unit_test(test_allocation),
	};

	return cmocka_run_group_tests_name("model: memory", tests, NULL, NULL);
}
