/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * That the model's caches bite: what was used once is used again, however the
 * tables have changed, until an invalidation names it; and that one which names
 * something else, or less, leaves it (VT-d 6.2, 6.5).
 */
#include "selftest.h"

static uint64_t context_desc(unsigned gran, uint64_t did, uint64_t sid,
			     uint64_t mask)
{
	return D_CONTEXT | gran << 4 | did << 16 | sid << 32 | mask << 48;
}

static uint64_t iotlb_desc(unsigned gran, uint64_t did)
{
	return D_IOTLB | gran << 4 | did << 16;
}

/* The device has been there; then its context entry is cleared. */
static void open_with_stale_context(struct soft *s)
{
	soft_open(s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(s);
	assert_true(reads(s));
	set(s, context_lo(s), 0);
	push(s, iotlb_desc(BY_ALL, 0), 0);
	assert_true(reads(s));
}

static void stale_context_after(uint64_t lo, bool stale)
{
	struct soft s;

	open_with_stale_context(&s);
	push(&s, lo, 0);
	push(&s, iotlb_desc(BY_ALL, 0), 0);
	assert_int_equal(reads(&s), stale);
	soft_close(&s);
}

static void test_context_entries_stay_until_named(void **state)
{
	(void)state;
	stale_context_after(context_desc(BY_ALL, 0, 0, 0), false);
	stale_context_after(context_desc(BY_DOMAIN, DID, 0, 0), false);
	stale_context_after(context_desc(BY_DEVICE, DID, SID, 0), false);
	stale_context_after(context_desc(BY_DOMAIN, DID + 1, 0, 0), true);
	stale_context_after(context_desc(BY_DEVICE, DID + 1, SID, 0), true);
	stale_context_after(context_desc(BY_DEVICE, 0, SID, 0), true);
	stale_context_after(context_desc(BY_DEVICE, DID, SID + 8, 0), true);
	stale_context_after(context_desc(BY_DEVICE, DID, SID + 1, 0), true);
}

/* 6.5.2.1: the mask covers functions of the same device. */
static void test_function_mask_of_context_invalidations(void **state)
{
	(void)state;
	stale_context_after(context_desc(BY_DEVICE, DID, SID + 4, 1), false);
	stale_context_after(context_desc(BY_DEVICE, DID, SID + 2, 1), true);
	stale_context_after(context_desc(BY_DEVICE, DID, SID + 6, 2), false);
	stale_context_after(context_desc(BY_DEVICE, DID, SID + 1, 2), true);
	stale_context_after(context_desc(BY_DEVICE, DID, SID + 7, 3), false);
	stale_context_after(context_desc(BY_DEVICE, DID, SID + 8, 3), true);
}

/* The device has been there; then its page is taken away. */
static void open_with_stale_page(struct soft *s)
{
	soft_open(s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(s);
	assert_true(reads(s));
	set(s, entry(s, 1), 0);
	assert_true(reads(s));
}

static void stale_page_after(uint64_t lo, uint64_t hi, bool stale)
{
	struct soft s;

	open_with_stale_page(&s);
	push(&s, lo, hi);
	assert_int_equal(reads(&s), stale);
	soft_close(&s);
}

static void test_translations_stay_until_named(void **state)
{
	(void)state;
	stale_page_after(iotlb_desc(BY_ALL, 0), 0, false);
	stale_page_after(iotlb_desc(BY_DOMAIN, DID), 0, false);
	stale_page_after(iotlb_desc(BY_PAGES, DID), AT, false);
	stale_page_after(iotlb_desc(BY_DOMAIN, DID + 1), 0, true);
	stale_page_after(iotlb_desc(BY_PAGES, DID + 1), AT, true);
	stale_page_after(iotlb_desc(BY_PAGES, DID), AT + PGSIZE, true);
	stale_page_after(iotlb_desc(BY_PAGES, DID), AT - PGSIZE, true);
	stale_page_after(context_desc(BY_ALL, 0, 0, 0), 0, true);
}

/* Each order of page-selective invalidations, where it begins and ends. */
static void test_address_masks(void **state)
{
	uint64_t size, first;

	(void)state;
	for (unsigned order = 0; order <= 18; order++) {
		size = PGSIZE << order;
		first = AT & ~(size - 1);
		stale_page_after(iotlb_desc(BY_PAGES, DID), first | order,
				 false);
		stale_page_after(iotlb_desc(BY_PAGES, DID),
				 (first + size) | order, true);
		stale_page_after(iotlb_desc(BY_PAGES, DID),
				 (first - size) | order, true);
	}
}

/* Only with an invalidation of its size, or a larger one. */
static void test_a_large_page_goes_as_a_whole(void **state)
{
	uint64_t v = 0, va, size = 1ul << 21;
	struct soft s;

	(void)state;
	for (unsigned order = 0; order < 12; order += 3) {
		soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
		queue_on(&s);
		set(&s, entry(&s, 2), (s.frame & ~(size - 1)) | 1 << 7 | 3);
		va = (AT & ~(size - 1)) | (s.frame & (size - 1));
		owner_plan(s.o, va, s.frame, IOMMU_READ);
		assert_true(model_dma(s.m, 0, SID, va, &v, 8, false));
		set(&s, entry(&s, 2), 0);
		push(&s, iotlb_desc(BY_PAGES, DID),
		     (AT & ~(size - 1)) | order);
		assert_int_equal(model_dma(s.m, 0, SID, va, &v, 8, false),
				 order < 9);
		soft_close(&s);
	}
}

/* A context entry that changes its domain takes the translations along only
 * if they bear the new domain's id. */
static void test_translations_are_tagged_by_domain(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	assert_true(reads(&s));
	set(&s, entry(&s, 1), 0);
	set(&s, context_hi(&s), 9 << 8 | 2);
	push(&s, context_desc(BY_ALL, 0, 0, 0), 0);
	assert_false(reads(&s));
	set(&s, context_hi(&s), DID << 8 | 2);
	push(&s, context_desc(BY_ALL, 0, 0, 0), 0);
	assert_true(reads(&s));
	soft_close(&s);
}

/* 6.2.5: a table that is no longer pointed at is still walked. */
static void stale_table_after(uint64_t lo, uint64_t hi, bool stale)
{
	uint64_t v = 0;
	struct soft s;

	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	set(&s, entry(&s, 1) + 1, s.frame | 3);
	owner_plan(s.o, AT + PGSIZE, s.frame, IOMMU_READ);
	assert_true(reads(&s));
	set(&s, entry(&s, 2), 0);
	push(&s, lo, hi);
	assert_int_equal(model_dma(s.m, 0, SID, AT + PGSIZE, &v, 8, false),
			 stale);
	soft_close(&s);
}

static void test_tables_stay_until_named(void **state)
{
	(void)state;
	stale_table_after(iotlb_desc(BY_PAGES, DID), AT, false);
	stale_table_after(iotlb_desc(BY_PAGES, DID), AT + PGSIZE, false);
	stale_table_after(iotlb_desc(BY_DOMAIN, DID), 0, false);
	stale_table_after(iotlb_desc(BY_ALL, 0), 0, false);
	stale_table_after(iotlb_desc(BY_DOMAIN, DID + 1), 0, true);
	stale_table_after(iotlb_desc(BY_PAGES, DID), AT + (1ul << 21), true);
}

static void test_the_hint_keeps_tables(void **state)
{
	(void)state;
	stale_table_after(iotlb_desc(BY_PAGES, DID), AT | 1 << 6, true);
	stale_page_after(iotlb_desc(BY_PAGES, DID), AT | 1 << 6, false);
}

/* Rights that a translation had when it was met are what it has. */
static void test_wider_rights_need_an_invalidation(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	set(&s, entry(&s, 1), s.frame | 1);
	assert_true(reads(&s));
	set(&s, entry(&s, 1), s.frame | 3);
	assert_false(writes(&s));
	assert_int_equal(fault(&s), NO_WRITE);
	push(&s, iotlb_desc(BY_PAGES, DID), AT);
	assert_true(writes(&s));
	soft_close(&s);
}

/* 6.1: absent entries, in caching mode and not else. */
static void absent_page_after(uint64_t cap, uint64_t lo, uint64_t hi, bool sees)
{
	struct soft s;

	soft_open(&s, 0x10, cap, PLAIN_ECAP);
	queue_on(&s);
	set(&s, entry(&s, 1), 0);
	assert_false(reads(&s));
	set(&s, entry(&s, 1), s.frame | 3);
	push(&s, lo, hi);
	assert_int_equal(reads(&s), sees);
	soft_close(&s);
}

#define CM	(1ul << 7)

static void test_absent_pages_in_caching_mode(void **state)
{
	uint64_t other = iotlb_desc(BY_DOMAIN, DID + 1);

	(void)state;
	absent_page_after(PLAIN_CAP, other, 0, true);
	absent_page_after(PLAIN_CAP | CM, other, 0, false);
	absent_page_after(PLAIN_CAP | CM, iotlb_desc(BY_DOMAIN, 0), 0, false);
	absent_page_after(PLAIN_CAP | CM, iotlb_desc(BY_DOMAIN, DID), 0, true);
	absent_page_after(PLAIN_CAP | CM, iotlb_desc(BY_PAGES, DID), AT, true);
}

static void absent_context_after(uint64_t cap, uint64_t lo, bool sees)
{
	uint64_t was;
	struct soft s;

	soft_open(&s, 0x10, cap, PLAIN_ECAP);
	queue_on(&s);
	was = *context_lo(&s);
	set(&s, context_lo(&s), 0);
	assert_false(reads(&s));
	set(&s, context_lo(&s), was);
	push(&s, lo, 0);
	assert_int_equal(reads(&s), sees);
	soft_close(&s);
}

/* Tagged with domain id 0, whatever the entry says when it comes. */
static void test_absent_context_entries_in_caching_mode(void **state)
{
	uint64_t nothing = context_desc(BY_DEVICE, DID, SID + 8, 0);

	(void)state;
	absent_context_after(PLAIN_CAP, nothing, true);
	absent_context_after(PLAIN_CAP | CM, nothing, false);
	absent_context_after(PLAIN_CAP | CM, iotlb_desc(BY_ALL, 0), false);
	absent_context_after(PLAIN_CAP | CM,
			     context_desc(BY_DEVICE, DID, SID, 0), false);
	absent_context_after(PLAIN_CAP | CM,
			     context_desc(BY_DOMAIN, 0, 0, 0), true);
}

/* 11.4.6: the IOTLB behind the context cache, in caching mode without mercy. */
static void iotlb_behind_context(uint64_t context, uint64_t iotlb, bool sees)
{
	uint64_t was;
	struct soft s;

	soft_open(&s, 0x10, PLAIN_CAP | CM, PLAIN_ECAP);
	queue_on(&s);
	was = *context_lo(&s);
	set(&s, context_lo(&s), 0);
	assert_false(reads(&s));
	set(&s, context_lo(&s), was);
	push(&s, context, 0);
	assert_false(reads(&s));
	push(&s, iotlb, 0);
	assert_int_equal(reads(&s), sees);
	soft_close(&s);
}

static void test_the_iotlb_behind_the_context_cache(void **state)
{
	uint64_t device = context_desc(BY_DEVICE, 0, SID, 0);
	uint64_t all = context_desc(BY_ALL, 0, 0, 0);

	(void)state;
	iotlb_behind_context(device, iotlb_desc(BY_DOMAIN, DID), true);
	iotlb_behind_context(device, iotlb_desc(BY_ALL, 0), true);
	iotlb_behind_context(device, iotlb_desc(BY_DOMAIN, 0), false);
	iotlb_behind_context(device, iotlb_desc(BY_DOMAIN, DID + 1), false);
	iotlb_behind_context(all, iotlb_desc(BY_DOMAIN, DID), true);
	iotlb_behind_context(all, iotlb_desc(BY_DOMAIN, DID + 1), false);
}

static void test_reserved_bits_in_caching_mode(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP | CM, PLAIN_ECAP);
	queue_on(&s);
	set(&s, entry(&s, 1), s.frame | 1 << 11 | 3);
	assert_false(reads(&s));
	set(&s, entry(&s, 1), s.frame | 3);
	assert_false(reads(&s));
	assert_int_equal(fault(&s), TABLE_RESERVED);
	push(&s, iotlb_desc(BY_PAGES, DID), AT);
	assert_true(reads(&s));
	soft_close(&s);
}

/* 6.6: set root table pointer leaves the caches, unless CAP.ESRTPS. */
static void test_set_root_pointer_and_the_caches(void **state)
{
	struct soft s;

	(void)state;
	for (unsigned esrtps = 0; esrtps < 2; esrtps++) {
		soft_open(&s, 0x10, PLAIN_CAP | (uint64_t)esrtps << 63,
			  PLAIN_ECAP);
		assert_true(reads(&s));
		unit_write(s.u, R_RTADDR, 8,
			   memory_pa(s.m, memory_alloc(s.m, PGSIZE)));
		assert_true(reads(&s));
		command(&s, G_SRTP, true);
		assert_int_equal(reads(&s), !esrtps);
		drop_all(&s);
		assert_false(reads(&s));
		soft_close(&s);
	}
}

/* A unit may as well keep nothing, or forget by chance. */
static void test_units_that_forget(void **state)
{
	unsigned hits = 0;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.m->policy.keep = KEEP_NOTHING;
	assert_true(reads(&s));
	set(&s, entry(&s, 1), 0);
	assert_false(reads(&s));
	soft_close(&s);
	for (unsigned i = 0; i < 100; i++) {
		soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
		s.m->policy.keep = KEEP_SOME;
		s.m->random += i;
		assert_true(reads(&s));
		set(&s, entry(&s, 1), 0);
		hits += reads(&s);
		soft_close(&s);
	}
	assert_in_range(hits, 10, 90);
}

int model_cache_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_context_entries_stay_until_named),
		cmocka_unit_test(test_function_mask_of_context_invalidations),
		cmocka_unit_test(test_translations_stay_until_named),
		cmocka_unit_test(test_address_masks),
		cmocka_unit_test(test_a_large_page_goes_as_a_whole),
		cmocka_unit_test(test_translations_are_tagged_by_domain),
		cmocka_unit_test(test_tables_stay_until_named),
		cmocka_unit_test(test_the_hint_keeps_tables),
		cmocka_unit_test(test_wider_rights_need_an_invalidation),
		cmocka_unit_test(test_absent_pages_in_caching_mode),
		cmocka_unit_test(test_absent_context_entries_in_caching_mode),
		cmocka_unit_test(test_the_iotlb_behind_the_context_cache),
		cmocka_unit_test(test_reserved_bits_in_caching_mode),
		cmocka_unit_test(test_set_root_pointer_and_the_caches),
		cmocka_unit_test(test_units_that_forget),
	};

	return cmocka_run_group_tests_name("model: caches", tests, NULL, NULL);
}
