/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remapping structures: what each type's fields are, each way in which one
 * can be broken, and that a broken one hides nothing that can be found.
 */
#include "dmar_test.h"

static const uint64_t good_base = 0xfed91000;

/* A good DRHD stands last, and after it there is nothing. */
static void expect_good_last(const struct dmar_table *t, struct dmar_entry *e,
			     uint32_t offset)
{
	expect_entry(t, e, DMAR_DRHD, offset, dmar_ok);
	assert_int_equal(e->base, good_base);
	assert_false(dmar_next(t, e));
	assert_false(dmar_next(t, e));
}

/* The one structure of m is wrong thus; a good one after it is found. */
static void expect_error_then_good(struct image *m, uint16_t type,
				   enum dmar_error error)
{
	uint32_t good = put_drhd(m, 1, good_base);
	struct opened o = open_image(m);
	struct dmar_entry e = { 0 };

	expect_entry(&o.table, &e, type, 48, error);
	expect_good_last(&o.table, &e, good);
	close_table(&o);
}

/* As above, but nothing is known of it but its header, and nothing follows. */
static void expect_error_and_end(struct image *m, uint16_t type,
				 enum dmar_error error)
{
	struct opened o = open_image(m);
	struct dmar_entry e = { 0 };
	struct dmar_scope s = { 0 };

	expect_entry(&o.table, &e, type, 48, error);
	assert_int_equal(e.end, 52);
	assert_int_equal(e.base, 0);
	assert_false(dmar_next_scope(&o.table, &e, &s));
	assert_false(dmar_next(&o.table, &e));
	assert_false(dmar_next(&o.table, &e));
	close_table(&o);
}

static void fields_of_each_type_are_its_own(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };

	(void)state;
	image_start(&m);
	put_drhd(&m, 0xa5, 0x123456789abcd000);
	m.bytes[48 + 5] = 0xf3;
	m.bytes[48 + 6] = 0x34;
	m.bytes[48 + 7] = 0x12;
	put_rmrr(&m, 0x1122334455667000, 0x99aabbccddeeffff);
	m.bytes[64 + 6] = 0x78;
	m.bytes[64 + 7] = 0x56;
	o = open_image(&m);

	expect_entry(&o.table, &e, DMAR_DRHD, 48, dmar_ok);
	assert_int_equal(e.len, 16);
	assert_int_equal(e.flags, 0xa5);
	assert_int_equal(e.size_field, 0xf3);
	assert_int_equal(dmar_register_bytes(&e), 8 * 4096);
	assert_int_equal(e.segment, 0x1234);
	assert_int_equal(e.base, 0x123456789abcd000);
	expect_entry(&o.table, &e, DMAR_RMRR, 64, dmar_ok);
	assert_int_equal(e.len, 24);
	assert_int_equal(e.flags, 0);
	assert_int_equal(e.size_field, 0);
	assert_int_equal(e.segment, 0x5678);
	assert_int_equal(e.base, 0x1122334455667000);
	assert_int_equal(e.limit, 0x99aabbccddeeffff);
	close_table(&o);
}

static void atsr_satc_and_sidp_differ_in_flags_only(void **state)
{
	static const struct {
		uint16_t type;
		uint8_t flags;
	} want[] = {
		{ DMAR_ATSR, 0x81 }, { DMAR_SATC, 0x81 }, { DMAR_SIDP, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct image m;
		struct opened o;
		struct dmar_entry e = { 0 };
		struct dmar_scope s = { 0 };

		image_start(&m);
		put_ports(&m, want[i].type, 0x81, 0x4321);
		put_scope(&m, 1, 9, 1, (const uint8_t[]){ 2, 1 });
		o = open_image(&m);
		expect_entry(&o.table, &e, want[i].type, 48, dmar_ok);
		assert_int_equal(e.flags, want[i].flags);
		assert_int_equal(e.segment, 0x4321);
		assert_int_equal(e.base, 0);
		expect_scope(&o.table, &e, &s, 1, 56, dmar_ok);
		assert_int_equal(s.bus, 9);
		close_table(&o);
	}
}

static void rhsa_has_a_unit_and_its_node(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };

	(void)state;
	image_start(&m);
	put_rhsa(&m, 0xfedcba9876543000, 0x89abcdef);
	o = open_image(&m);
	expect_entry(&o.table, &e, DMAR_RHSA, 48, dmar_ok);
	assert_int_equal(e.base, 0xfedcba9876543000);
	assert_int_equal(e.proximity, 0x89abcdef);
	assert_int_equal(e.segment, 0);
	assert_int_equal(e.flags, 0);
	close_table(&o);
}

static void andd_name_ends_at_its_nul_not_at_its_padding(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };

	(void)state;
	image_start(&m);
	put_andd(&m, 0xfe, "\\_SB.X\0pad", 10);
	put_andd(&m, 3, "Y", 2);
	o = open_image(&m);
	expect_entry(&o.table, &e, DMAR_ANDD, 48, dmar_ok);
	assert_int_equal(e.device_number, 0xfe);
	assert_int_equal(e.name, 56);
	assert_int_equal(e.name_len, 6);
	assert_memory_equal(o.table.bytes + e.name, "\\_SB.X", 6);
	expect_entry(&o.table, &e, DMAR_ANDD, 66, dmar_ok);
	assert_int_equal(e.name_len, 1);
	assert_false(dmar_next(&o.table, &e));
	close_table(&o);
}

static void unknown_types_are_skipped_by_their_length(void **state)
{
	static const uint16_t types[] = { 7, 255, 256, 0xffff };

	(void)state;
	for (unsigned int i = 0; i < cases_of(types); i++) {
		struct image m;

		image_start(&m);
		put_entry(&m, types[i]);
		put_bytes(&m, 0x00010000000f0000 + i, i + 1);
		expect_error_then_good(&m, types[i], dmar_ok);
	}
}

static void table_that_ends_in_a_structure_header_is_named(void **state)
{
	(void)state;
	for (unsigned int left = 1; left < 4; left++) {
		struct image m;
		struct opened o;
		struct dmar_entry e = { 0 };
		struct dmar_scope s = { 0 };

		image_start(&m);
		put_drhd(&m, 1, good_base);
		m.entry = 0;
		put_bytes(&m, 0x00180001, left);
		o = open_image(&m);
		expect_entry(&o.table, &e, DMAR_DRHD, 48, dmar_ok);
		expect_entry(&o.table, &e, left < 2 ? 0 : DMAR_RMRR, 64,
			     dmar_err_entry_cut);
		assert_int_equal(e.len, 0);
		assert_false(dmar_next_scope(&o.table, &e, &s));
		assert_false(dmar_next(&o.table, &e));
		close_table(&o);
	}
}

/* peer defect: an entry of length 0 loops for ever */
static void length_less_than_4_ends_the_walk(void **state)
{
	(void)state;
	for (uint16_t type = 0; type < 8; type++) {
		for (uint16_t len = 0; len < 4; len++) {
			struct image m;

			image_start(&m);
			put_rmrr(&m, good_base, good_base + 0xfff);
			put_scope(&m, 1, 0, 1, (const uint8_t[]){ 2, 0 });
			m.bytes[48] = (uint8_t)type;
			set_len(&m, 48, len);
			expect_error_and_end(&m, type, dmar_err_entry_length);
		}
	}
}

static void length_beyond_the_table_ends_the_walk(void **state)
{
	static const uint16_t lengths[] = { 41, 42, 0x0100, 0xffff };

	(void)state;
	for (unsigned int i = 0; i < cases_of(lengths); i++) {
		struct image m;
		struct opened o;
		struct dmar_entry e = { 0 };

		image_start(&m);
		put_drhd(&m, 1, good_base);
		put_rmrr(&m, 0x1000, 0x1fff);
		set_len(&m, 48, lengths[i]);
		o = open_image(&m);
		expect_entry(&o.table, &e, DMAR_DRHD, 48,
			     dmar_err_entry_beyond);
		assert_int_equal(e.len, lengths[i]);
		assert_int_equal(e.base, good_base);
		assert_false(dmar_next(&o.table, &e));
		close_table(&o);
	}
}

static void structure_that_ends_with_the_table_is_whole(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };

	(void)state;
	image_start(&m);
	put_drhd(&m, 1, good_base);
	o = open_image(&m);
	expect_good_last(&o.table, &e, 48);
	close_table(&o);
}

static void structure_of_a_header_alone_is_whole(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };

	(void)state;
	image_start(&m);
	put_entry(&m, 7);
	put_entry(&m, 8);
	o = open_image(&m);
	expect_entry(&o.table, &e, 7, 48, dmar_ok);
	expect_entry(&o.table, &e, 8, 52, dmar_ok);
	assert_false(dmar_next(&o.table, &e));
	close_table(&o);
}

/* A structure of the type's least length, less `missing`. */
static void put_least(struct image *m, uint16_t type, unsigned int missing)
{
	static const uint8_t least[] = { 16, 24, 8, 20, 8, 8, 8 };

	image_start(m);
	put_entry(m, type);
	for (unsigned int i = 4; i < least[type] - missing; i++)
		put_bytes(m, 0, 1);
}

static void structure_too_short_for_its_type_is_dropped_alone(void **state)
{
	(void)state;
	for (uint16_t type = 0; type < 7; type++) {
		struct image m;

		put_least(&m, type, 1);
		expect_error_then_good(&m, type, dmar_err_entry_short);
	}
}

static void least_length_of_each_type_is_enough(void **state)
{
	static const enum dmar_error want[] = {
		[DMAR_RMRR] = dmar_err_rmrr_unaligned,
		[DMAR_ANDD] = dmar_err_name_open,
		[DMAR_SIDP] = dmar_ok,
	};

	(void)state;
	for (uint16_t type = 0; type < 7; type++) {
		struct image m;

		put_least(&m, type, 0);
		expect_error_then_good(&m, type, want[type]);
	}
}

/* A DRHD of 12 bytes: its base would begin in it and end in the next. */
static void half_a_field_is_none(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };
	struct dmar_scope s = { 0 };
	uint32_t good;

	(void)state;
	image_start(&m);
	put_entry(&m, DMAR_DRHD);
	put_bytes(&m, 0xfed9000000030001, 8);
	good = put_drhd(&m, 1, good_base);
	o = open_image(&m);
	expect_entry(&o.table, &e, DMAR_DRHD, 48, dmar_err_entry_short);
	assert_int_equal(e.flags, 1);
	assert_int_equal(e.segment, 3);
	assert_int_equal(e.base, 0);
	assert_false(dmar_next_scope(&o.table, &e, &s));
	expect_good_last(&o.table, &e, good);
	close_table(&o);
}

static void registers_off_a_page_are_refused(void **state)
{
	static const uint64_t bases[] = { 0xfed90800, 0xfed90001, 0xfff };

	(void)state;
	for (unsigned int i = 0; i < cases_of(bases); i++) {
		struct image m;

		image_start(&m);
		put_drhd(&m, 1, bases[i]);
		expect_error_then_good(&m, DMAR_DRHD, dmar_err_base_unaligned);
		image_start(&m);
		put_rhsa(&m, bases[i], 0);
		expect_error_then_good(&m, DMAR_RHSA, dmar_err_base_unaligned);
	}
}

static void registers_at_zero_are_no_error(void **state)
{
	struct image m;

	(void)state;
	image_start(&m);
	put_drhd(&m, 1, 0);
	expect_error_then_good(&m, DMAR_DRHD, dmar_ok);
}

/* peer defect: an impossible range is reported, then mapped all the same */
static void impossible_reserved_regions_are_errors(void **state)
{
	static const struct {
		uint64_t base, limit;
		enum dmar_error error;
	} want[] = {
		{ 0x2000, 0x1fff, dmar_err_rmrr_range },
		{ 0x2000, 0, dmar_err_rmrr_range },
		{ 0x100000000000, 0xfff, dmar_err_rmrr_range },
		{ 0x1800, 0x1fff, dmar_err_rmrr_unaligned },
		{ 0x1001, 0x2fff, dmar_err_rmrr_unaligned },
		{ 0x1000, 0x1ffe, dmar_err_rmrr_unaligned },
		{ 0x1000, 0x2000, dmar_err_rmrr_unaligned },
		{ 0x1000, 0x27ff, dmar_err_rmrr_unaligned },
	};

	(void)state;
	for (unsigned int i = 0; i < cases_of(want); i++) {
		struct image m;

		image_start(&m);
		put_rmrr(&m, want[i].base, want[i].limit);
		expect_error_then_good(&m, DMAR_RMRR, want[i].error);
	}
}

static void possible_reserved_regions_are_not(void **state)
{
	static const uint64_t want[][2] = {
		{ 0x1000, 0x1fff },
		{ 0, 0xfff },
		{ 0xfffffffffffff000, 0xffffffffffffffff },
		{ 0, 0xffffffffffffffff },
	};

	(void)state;
	for (unsigned int i = 0; i < cases_of(want); i++) {
		struct image m;

		image_start(&m);
		put_rmrr(&m, want[i][0], want[i][1]);
		expect_error_then_good(&m, DMAR_RMRR, dmar_ok);
	}
}

/* Neither the letters that follow nor a NUL there are this name's. */
static void name_without_an_end_stays_in_its_structure(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };
	uint32_t good;

	(void)state;
	image_start(&m);
	put_andd(&m, 1, "\\_SB", 4);
	put_entry(&m, 0x4141);
	put_andd(&m, 2, "\\_SB.A", 6);
	good = put_drhd(&m, 1, good_base);
	o = open_image(&m);
	expect_entry(&o.table, &e, DMAR_ANDD, 48, dmar_err_name_open);
	assert_int_equal(e.name, 56);
	assert_int_equal(e.name_len, 4);
	expect_entry(&o.table, &e, 0x4141, 60, dmar_ok);
	expect_entry(&o.table, &e, DMAR_ANDD, 64, dmar_err_name_open);
	assert_int_equal(e.name_len, 6);
	expect_good_last(&o.table, &e, good);
	close_table(&o);
}

static void empty_name_is_named(void **state)
{
	struct image m;

	(void)state;
	image_start(&m);
	put_andd(&m, 1, "\0\0X", 3);
	expect_error_then_good(&m, DMAR_ANDD, dmar_err_name_empty);
}

int dmar_entry_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_of_each_type_are_its_own),
		cmocka_unit_test(atsr_satc_and_sidp_differ_in_flags_only),
		cmocka_unit_test(rhsa_has_a_unit_and_its_node),
		cmocka_unit_test(andd_name_ends_at_its_nul_not_at_its_padding),
		cmocka_unit_test(unknown_types_are_skipped_by_their_length),
		cmocka_unit_test(
			table_that_ends_in_a_structure_header_is_named),
		cmocka_unit_test(length_less_than_4_ends_the_walk),
		cmocka_unit_test(length_beyond_the_table_ends_the_walk),
		cmocka_unit_test(structure_that_ends_with_the_table_is_whole),
		cmocka_unit_test(structure_of_a_header_alone_is_whole),
		cmocka_unit_test(
			structure_too_short_for_its_type_is_dropped_alone),
		cmocka_unit_test(least_length_of_each_type_is_enough),
		cmocka_unit_test(half_a_field_is_none),
		cmocka_unit_test(registers_off_a_page_are_refused),
		cmocka_unit_test(registers_at_zero_are_no_error),
		cmocka_unit_test(impossible_reserved_regions_are_errors),
		cmocka_unit_test(possible_reserved_regions_are_not),
		cmocka_unit_test(name_without_an_end_stays_in_its_structure),
		cmocka_unit_test(empty_name_is_named),
	};

	return cmocka_run_group_tests_name("DMAR structures", tests, NULL,
					   NULL);
}
