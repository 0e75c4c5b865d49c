/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's walk against the specification's tables: depths, widths, large
 * pages, every bit of every entry, every reason to refuse (VT-d 7.1.3, 9).
 */
#include "selftest.h"

static void test_walks_3_4_and_5_levels(void **state)
{
	static const uint64_t sagaw[] = { [3] = 2, [4] = 4, [5] = 8 };
	uint64_t cap = PLAIN_CAP & ~0x1f00ul & ~(63ul << 16);
	struct soft s;

	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		soft_open_levels(&s, levels, 0x10, cap | sagaw[levels] << 8 |
				 56ul << 16, PLAIN_ECAP);
		assert_true(reads(&s));
		assert_true(writes(&s));
		soft_close(&s);
	}
}

static void test_a_depth_that_sagaw_lacks_is_refused(void **state)
{
	struct soft s;

	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++)
		for (unsigned width = 0; width < 8; width++) {
			soft_open_levels(&s, levels, 0x10,
					 (PLAIN_CAP & ~0x1f00ul) |
					 1ul << (8 + levels - 2), PLAIN_ECAP);
			set(&s, context_hi(&s), DID << 8 | width);
			assert_int_equal(reads(&s), width == levels - 2);
			assert_int_equal(fault(&s), width == levels - 2 ? OK :
					 BAD_CONTEXT);
			soft_close(&s);
		}
}

/* 3.6: the lesser of what the tables' depth and CAP.MGAW allow. */
static void test_addresses_beyond_the_width_fault_4(void **state)
{
	static const struct {
		unsigned levels, mgaw, width;
	} cases[] = {
		{ 3, 48, 39 }, { 4, 39, 39 }, { 4, 48, 48 }, { 3, 36, 36 },
		{ 4, 57, 48 },
	};
	uint64_t v = 0;
	struct soft s;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		soft_open_levels(&s, cases[i].levels, 0x10,
				 (PLAIN_CAP & ~(63ul << 16)) |
				 (cases[i].mgaw - 1ul) << 16, PLAIN_ECAP);
		assert_true(reads(&s));
		assert_false(model_dma(s.m, 0, SID, 1ul << cases[i].width, &v,
				       8, false));
		assert_int_equal(fault(&s), BEYOND_WIDTH);
		assert_false(model_dma(s.m, 0, SID,
				       (1ul << cases[i].width) - 8, &v, 8,
				       false));
		assert_int_equal(fault(&s), NO_READ);
		soft_close(&s);
	}
}

/* The leaf of that level, where the frame is at AT. */
static uint64_t large_leaf(struct soft *s, unsigned level)
{
	uint64_t size = 1ul << (12 + 9 * (level - 1));

	return (s->frame & ~(size - 1)) | 1 << 7 | 3;
}

static bool large_page_works(unsigned level, uint64_t sllps)
{
	uint64_t size = 1ul << (12 + 9 * (level - 1)), v = 0, va;
	struct soft s;
	bool works;

	soft_open(&s, 0x10, (PLAIN_CAP & ~(15ul << 34)) | sllps << 34,
		  PLAIN_ECAP);
	set(&s, entry(&s, level), large_leaf(&s, level));
	va = (AT & ~(size - 1)) | (s.frame & (size - 1));
	owner_plan(s.o, va, s.frame, IOMMU_READ);
	works = model_dma(s.m, 0, SID, va, &v, 8, false);
	assert_int_equal(fault(&s), works ? OK : TABLE_RESERVED);
	soft_close(&s);
	return works;
}

static void test_large_pages_where_sllps_has_them(void **state)
{
	(void)state;
	for (unsigned sllps = 0; sllps < 4; sllps++) {
		assert_int_equal(large_page_works(2, sllps), sllps & 1);
		assert_int_equal(large_page_works(3, sllps), sllps >> 1);
		assert_false(large_page_works(4, sllps));
	}
}

/* What flipping one bit of an entry does to a read at AT. */
static enum reason flipped(unsigned n, uint64_t *(*where)(struct soft *s),
			   uint64_t ecap)
{
	struct soft s;
	enum reason r;

	soft_open(&s, 0x10, PLAIN_CAP, ecap);
	s.m->watching = false;
	set(&s, where(&s), *where(&s) ^ 1ul << n);
	reads(&s);
	r = fault(&s);
	soft_close(&s);
	return r;
}

static uint64_t *root_lo(struct soft *s)
{
	return &s->root[0];
}

static uint64_t *root_hi(struct soft *s)
{
	return &s->root[1];
}

static bool within(unsigned n, unsigned hi, unsigned lo)
{
	return n >= lo && n <= hi;
}

/* 9.1: bits 11:1, all beyond the host's width, and the upper half. */
static void test_each_bit_of_a_root_entry(void **state)
{
	(void)state;
	assert_int_equal(flipped(0, root_lo, PLAIN_ECAP), NO_ROOT_ENTRY);
	for (unsigned n = 1; n < 64; n++)
		if (within(n, 11, 1) || n >= MODEL_HAW)
			assert_int_equal(flipped(n, root_lo, PLAIN_ECAP),
					 ROOT_RESERVED);
	for (unsigned n = 0; n < 64; n++)
		assert_int_equal(flipped(n, root_hi, PLAIN_ECAP),
				 ROOT_RESERVED);
}

static enum reason context_lo_reason(unsigned n)
{
	if (n == 0)
		return NO_CONTEXT_ENTRY;
	if (n == 1)		/* FPD: nothing wrong, but no fault is told */
		return OK;
	if (n == 2)		/* TT 1 needs ECAP.DT */
		return BAD_CONTEXT;
	return within(n, 11, 4) || n >= MODEL_HAW ? CONTEXT_RESERVED : OK;
}

/* 9.3.  Bits 6:3 of the upper half are software's. */
static void test_each_bit_of_a_context_entry(void **state)
{
	enum reason want;

	(void)state;
	for (unsigned n = 0; n < 64; n++)
		if (n != 3 && !within(n, MODEL_HAW - 1, 12))
			assert_int_equal(flipped(n, context_lo, PLAIN_ECAP),
					 context_lo_reason(n));
	for (unsigned n = 0; n < 64; n++) {
		want = n == 7 || n > 23 ? CONTEXT_RESERVED :
			n < 3 ? BAD_CONTEXT : OK;
		if (n != 0 && n != 1)	/* 3 levels walk elsewhere */
			assert_int_equal(flipped(n, context_hi, PLAIN_ECAP),
					 want);
	}
}

static void test_translation_types_and_capabilities(void **state)
{
	uint64_t dt = 1 << 2, pt = 1 << 6;

	(void)state;
	assert_int_equal(flipped(2, context_lo, PLAIN_ECAP & ~dt), BAD_CONTEXT);
	assert_int_equal(flipped(2, context_lo, PLAIN_ECAP | dt), OK);
	assert_int_equal(flipped(3, context_lo, PLAIN_ECAP & ~pt), BAD_CONTEXT);
	assert_int_equal(flipped(3, context_lo, PLAIN_ECAP | pt), OK);
}

static uint64_t *leaf(struct soft *s)
{
	return entry(s, 1);
}

static uint64_t *second(struct soft *s)
{
	return entry(s, 2);
}

static uint64_t *top(struct soft *s)
{
	return entry(s, 4);
}

/* 9.8: SNP needs ECAP.SC, TM needs ECAP.DT, in leaves; PS needs a size. */
static void test_each_bit_of_a_table_entry(void **state)
{
	uint64_t sc = 1 << 7, dt = 1 << 2;

	(void)state;
	for (unsigned n = 2; n < 64; n++) {
		enum reason beyond = within(n, 51, MODEL_HAW) || n == 11 ||
			n == 62 ? TABLE_RESERVED : OK;

		if (within(n, MODEL_HAW - 1, 12))
			continue;
		assert_int_equal(flipped(n, leaf, PLAIN_ECAP), beyond);
		assert_int_equal(flipped(n, top, PLAIN_ECAP), n == 7 ?
				 TABLE_RESERVED : beyond);
		if (n != 7)
			assert_int_equal(flipped(n, second, PLAIN_ECAP),
					 beyond);
	}
	assert_int_equal(flipped(11, leaf, PLAIN_ECAP | sc), OK);
	assert_int_equal(flipped(11, second, PLAIN_ECAP | sc), TABLE_RESERVED);
	assert_int_equal(flipped(62, leaf, PLAIN_ECAP | dt), OK);
	assert_int_equal(flipped(62, second, PLAIN_ECAP | dt), TABLE_RESERVED);
}

static void test_domain_ids_that_the_unit_lacks(void **state)
{
	struct soft s;

	(void)state;
	for (unsigned nd = 0; nd <= 6; nd++) {
		unsigned ids = 1u << (4 + 2 * nd);

		soft_open(&s, 0x10, (PLAIN_CAP & ~7ul) | nd, PLAIN_ECAP);
		set(&s, context_hi(&s), (ids - 1ul) << 8 | 2);
		assert_true(reads(&s));
		soft_close(&s);
		soft_open(&s, 0x10, (PLAIN_CAP & ~7ul) | nd, PLAIN_ECAP);
		set(&s, context_hi(&s), (uint64_t)ids << 8 | 2);
		assert_false(reads(&s));
		assert_int_equal(fault(&s), CONTEXT_RESERVED);
		soft_close(&s);
	}
}

/* A right must be there at every level. */
static void test_rights_are_those_of_all_levels(void **state)
{
	struct soft s;

	(void)state;
	for (unsigned level = 1; level <= 4; level++)
		for (unsigned rights = 0; rights < 4; rights++) {
			soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
			set(&s, entry(&s, level),
			    (*entry(&s, level) & ~3ul) | rights);
			assert_int_equal(reads(&s), rights & 1);
			assert_int_equal(fault(&s), rights & 1 ? OK : NO_READ);
			assert_int_equal(writes(&s), rights >> 1);
			assert_int_equal(fault(&s), rights >> 1 ? OK :
					 NO_WRITE);
			soft_close(&s);
		}
}

static void test_tables_outside_memory_have_their_faults(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	set(&s, s.root, 0x1000 | 1);
	assert_false(reads(&s));
	assert_int_equal(fault(&s), NO_CONTEXT_TABLE);
	soft_close(&s);
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	set(&s, context_lo(&s), 0x1000 | 1);
	assert_false(reads(&s));
	assert_int_equal(fault(&s), BAD_CONTEXT);
	soft_close(&s);
	for (unsigned level = 2; level <= 4; level++) {
		soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
		set(&s, entry(&s, level), 0x1000 | 3);
		assert_false(reads(&s));
		assert_int_equal(fault(&s), NO_TABLE);
		soft_close(&s);
	}
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.u->root = 0x1000;
	assert_false(reads(&s));
	assert_int_equal(fault(&s), NO_ROOT_TABLE);
	soft_close(&s);
}

static void test_output_in_the_interrupt_range_faults(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	set(&s, entry(&s, 1), 0xfee01000 | 3);
	assert_false(writes(&s));
	assert_int_equal(fault(&s), INTERRUPT_RANGE);
	soft_close(&s);
}

/* 7.1.3: FPD hides what is qualified, and not the faults of the root entry or
 * of the context entry itself. */
static void test_fault_processing_disable(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	set(&s, context_lo(&s), *context_lo(&s) | 2);
	set(&s, entry(&s, 1), 0);
	assert_false(reads(&s));
	assert_int_equal(fault(&s), OK);
	set(&s, context_lo(&s), 2);
	drop_all(&s);
	assert_false(reads(&s));
	assert_int_equal(fault(&s), OK);
	set(&s, context_lo(&s), 1ul << 4 | 3);
	assert_false(reads(&s));
	assert_int_equal(fault(&s), CONTEXT_RESERVED);
	soft_close(&s);
}

int model_table_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks_3_4_and_5_levels),
		cmocka_unit_test(test_a_depth_that_sagaw_lacks_is_refused),
		cmocka_unit_test(test_addresses_beyond_the_width_fault_4),
		cmocka_unit_test(test_large_pages_where_sllps_has_them),
		cmocka_unit_test(test_each_bit_of_a_root_entry),
		cmocka_unit_test(test_each_bit_of_a_context_entry),
		cmocka_unit_test(test_translation_types_and_capabilities),
		cmocka_unit_test(test_each_bit_of_a_table_entry),
		cmocka_unit_test(test_domain_ids_that_the_unit_lacks),
		cmocka_unit_test(test_rights_are_those_of_all_levels),
		cmocka_unit_test(test_tables_outside_memory_have_their_faults),
		cmocka_unit_test(test_output_in_the_interrupt_range_faults),
		cmocka_unit_test(test_fault_processing_disable),
	};

	return cmocka_run_group_tests_name("model: tables", tests, NULL, NULL);
}
