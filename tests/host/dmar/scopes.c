/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device scopes: what their fields are, each way in which one can be broken,
 * and that a broken one stays within its structure.
 */
#include "dmar_test.h"

static const uint8_t good_path[] = { 31, 7 };

/* A DRHD at 48, whose scopes begin at 64. */
static void start_drhd(struct image *m)
{
	image_start(m);
	put_drhd(m, 0, 0xfed90000);
}

static void open_drhd(struct image *m, struct opened *o, struct dmar_entry *e)
{
	*o = open_image(m);
	*e = (struct dmar_entry){ 0 };
	expect_entry(&o->table, e, DMAR_DRHD, 48, dmar_ok);
}

/* The structure's first scope is wrong thus; a good one after it is found. */
static void expect_error_then_good(struct image *m, uint8_t type,
				   enum dmar_error error)
{
	uint32_t good = put_scope(m, 4, 0xf0, 1, good_path);
	struct opened o;
	struct dmar_entry e;
	struct dmar_scope s = { 0 };

	open_drhd(m, &o, &e);
	expect_scope(&o.table, &e, &s, type, 64, error);
	expect_scope(&o.table, &e, &s, DMAR_SCOPE_HPET, good, dmar_ok);
	assert_int_equal(s.bus, 0xf0);
	assert_int_equal(dmar_hop(&o.table, &s, 0).dev, 31);
	assert_int_equal(dmar_hop(&o.table, &s, 0).fn, 7);
	assert_false(dmar_next_scope(&o.table, &e, &s));
	close_table(&o);
}

/*
 * The scope at 64 is wrong thus and the last; the structure after that is
 * found all the same.  It has a scope of its own, which is not this one's.
 */
static void expect_error_and_end(struct image *m, uint8_t type,
				 enum dmar_error error)
{
	uint32_t next = put_rmrr(m, 0x1000, 0x1fff);
	struct opened o;
	struct dmar_entry e;
	struct dmar_scope s = { 0 };

	put_scope(m, 1, 0, 1, good_path);
	open_drhd(m, &o, &e);
	expect_scope(&o.table, &e, &s, type, 64, error);
	assert_false(dmar_next_scope(&o.table, &e, &s));
	assert_false(dmar_next_scope(&o.table, &e, &s));
	expect_entry(&o.table, &e, DMAR_RMRR, next, dmar_ok);
	assert_false(dmar_next(&o.table, &e));
	close_table(&o);
}

static void scope_fields_come_from_their_own_bytes(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e;
	struct dmar_scope s = { 0 };
	uint32_t at;

	(void)state;
	start_drhd(&m);
	at = put_scope(&m, 2, 0x80, 2, (const uint8_t[]){ 1, 2, 30, 4 });
	m.bytes[at + 2] = 0x5a;
	m.bytes[at + 3] = 0xff;
	open_drhd(&m, &o, &e);
	expect_scope(&o.table, &e, &s, DMAR_SCOPE_BRIDGE, at, dmar_ok);
	assert_int_equal(s.len, 10);
	assert_int_equal(s.flags, 0x5a);
	assert_int_equal(s.enum_id, 102);
	assert_int_equal(s.bus, 0x80);
	assert_int_equal(s.path_len, 2);
	assert_int_equal(dmar_hop(&o.table, &s, 0).dev, 1);
	assert_int_equal(dmar_hop(&o.table, &s, 0).fn, 2);
	assert_int_equal(dmar_hop(&o.table, &s, 1).dev, 30);
	assert_int_equal(dmar_hop(&o.table, &s, 1).fn, 4);
	assert_false(dmar_next_scope(&o.table, &e, &s));
	close_table(&o);
}

static void step_beyond_the_path_is_zeros(void **state)
{
	static const unsigned int beyond[] = { 1, 2, 255, 256, 0x7fffffff,
					       0x80000000, 0xffffffff };
	struct image m;
	struct opened o;
	struct dmar_entry e;
	struct dmar_scope s = { 0 };

	(void)state;
	start_drhd(&m);
	put_scope(&m, 1, 1, 1, good_path);
	put_scope(&m, 1, 1, 1, good_path);
	open_drhd(&m, &o, &e);
	expect_scope(&o.table, &e, &s, 1, 64, dmar_ok);
	for (unsigned int i = 0; i < cases_of(beyond); i++) {
		assert_int_equal(dmar_hop(&o.table, &s, beyond[i]).dev, 0);
		assert_int_equal(dmar_hop(&o.table, &s, beyond[i]).fn, 0);
	}
	close_table(&o);
}

/* peer defect: paths sized at 2 bytes a step overran a buffer */
static void longest_path_is_read_to_its_end(void **state)
{
	uint8_t path[2 * 124];
	struct image m;
	struct opened o;
	struct dmar_entry e;
	struct dmar_scope s = { 0 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(path); i++)
		path[i] = (uint8_t)(i % 8);
	start_drhd(&m);
	put_scope(&m, 1, 0, 124, path);
	open_drhd(&m, &o, &e);
	expect_scope(&o.table, &e, &s, 1, 64, dmar_ok);
	assert_int_equal(s.len, 254);
	assert_int_equal(s.path_len, 124);
	assert_int_equal(dmar_hop(&o.table, &s, 123).dev, 6);
	assert_int_equal(dmar_hop(&o.table, &s, 123).fn, 7);
	close_table(&o);
}

static void structure_that_ends_in_a_scope_header_is_named(void **state)
{
	(void)state;
	for (unsigned int left = 1; left < 6; left++) {
		struct image m;

		start_drhd(&m);
		put_bytes(&m, 0x000000000801, left);
		expect_error_and_end(&m, 1, dmar_err_scope_cut);
	}
}

/* peer defect: a scope of length 0 loops */
static void scope_length_less_than_6_ends_the_scopes(void **state)
{
	(void)state;
	for (uint8_t len = 0; len < 6; len++) {
		struct image m;

		start_drhd(&m);
		put_scope(&m, 1, 0, 1, good_path);
		m.bytes[65] = len;
		expect_error_and_end(&m, 1, dmar_err_scope_length);
	}
}

static void scope_beyond_its_structure_takes_nothing_from_the_next(void **state)
{
	static const uint8_t lengths[] = { 9, 10, 0x20, 0xff };

	(void)state;
	for (unsigned int i = 0; i < sizeof(lengths); i++) {
		struct image m;
		struct opened o;
		struct dmar_entry e;
		struct dmar_scope s = { 0 };

		start_drhd(&m);
		put_scope(&m, 1, 0, 1, good_path);
		m.bytes[65] = lengths[i];
		expect_error_and_end(&m, 1, dmar_err_scope_beyond);
		open_drhd(&m, &o, &e);
		expect_scope(&o.table, &e, &s, 1, 64, dmar_err_scope_beyond);
		assert_int_equal(s.len, lengths[i]);
		assert_int_equal(s.path_len, 1);
		close_table(&o);
	}
}

static void half_a_step_is_named_and_not_read(void **state)
{
	(void)state;
	for (unsigned int steps = 0; steps < 3; steps++) {
		struct image m;
		struct opened o;
		struct dmar_entry e;
		struct dmar_scope s = { 0 };

		start_drhd(&m);
		put_scope(&m, 1, 0, steps, (const uint8_t[]){ 1, 0, 2, 0 });
		put_bytes(&m, 3, 1);
		m.bytes[65]++;
		expect_error_then_good(&m, 1, dmar_err_path_odd);
		open_drhd(&m, &o, &e);
		expect_scope(&o.table, &e, &s, 1, 64, dmar_err_path_odd);
		assert_int_equal(s.path_len, steps);
		close_table(&o);
	}
}

static void device_without_a_path_is_named(void **state)
{
	(void)state;
	for (uint8_t type = DMAR_SCOPE_ENDPOINT; type <= DMAR_SCOPE_NAMESPACE;
	     type++) {
		struct image m;

		start_drhd(&m);
		put_scope(&m, type, 0, 0, NULL);
		expect_error_then_good(&m, type, dmar_err_path_empty);
	}
}

static void step_to_an_impossible_function_is_named(void **state)
{
	static const uint8_t paths[][4] = {
		{ 32, 0, 0, 0 }, { 0, 8, 0, 0 }, { 0, 0, 32, 0 },
		{ 0, 0, 0, 8 },	 { 255, 0, 0, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < cases_of(paths); i++) {
		struct image m;

		start_drhd(&m);
		put_scope(&m, 1, 0, 2, paths[i]);
		expect_error_then_good(&m, 1, dmar_err_path_step);
	}
}

/* What a later specification's scope holds is not for us to check. */
static void unknown_scope_types_are_skipped_by_their_length(void **state)
{
	static const uint8_t types[] = { 0, 6, 255 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(types); i++) {
		struct image m;

		start_drhd(&m);
		put_scope(&m, types[i], 0, 1, (const uint8_t[]){ 99, 99 });
		put_bytes(&m, 0, 1);
		m.bytes[65]++;
		expect_error_then_good(&m, types[i], dmar_ok);
		start_drhd(&m);
		put_scope(&m, types[i], 0, 0, NULL);
		expect_error_and_end(&m, types[i], dmar_ok);
	}
}

static void types_without_scopes_have_none(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };
	struct dmar_scope s = { 0 };

	(void)state;
	image_start(&m);
	put_rhsa(&m, 0xfed90000, 0);
	put_scope(&m, 1, 0, 1, good_path);
	put_andd(&m, 1, "X", 2);
	put_scope(&m, 1, 0, 1, good_path);
	put_entry(&m, 7);
	for (unsigned int i = 0; i < 4; i++)
		put_scope(&m, 1, 0, 1, good_path);
	o = open_image(&m);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(dmar_next(&o.table, &e));
		assert_int_equal(e.error, dmar_ok);
		assert_false(dmar_next_scope(&o.table, &e, &s));
		assert_int_equal(s.offset, 0);
	}
	assert_false(dmar_next(&o.table, &e));
	close_table(&o);
}

/* Whoever drops a structure wants to know which devices that concerns. */
static void wrong_structure_still_has_its_scopes(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };
	struct dmar_scope s = { 0 };

	(void)state;
	image_start(&m);
	put_rmrr(&m, 0x2000, 0x1fff);
	put_scope(&m, 1, 3, 1, good_path);
	put_drhd(&m, 0, 0xfed90000);
	put_scope(&m, 1, 4, 1, good_path);
	set_len(&m, 80, 0x100);
	o = open_image(&m);
	expect_entry(&o.table, &e, DMAR_RMRR, 48, dmar_err_rmrr_range);
	expect_scope(&o.table, &e, &s, 1, 72, dmar_ok);
	assert_int_equal(s.bus, 3);
	assert_false(dmar_next_scope(&o.table, &e, &s));
	expect_entry(&o.table, &e, DMAR_DRHD, 80, dmar_err_entry_beyond);
	s = (struct dmar_scope){ 0 };
	expect_scope(&o.table, &e, &s, 1, 96, dmar_ok);
	assert_int_equal(s.bus, 4);
	assert_false(dmar_next_scope(&o.table, &e, &s));
	close_table(&o);
}

int dmar_scope_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scope_fields_come_from_their_own_bytes),
		cmocka_unit_test(step_beyond_the_path_is_zeros),
		cmocka_unit_test(longest_path_is_read_to_its_end),
		cmocka_unit_test(
			structure_that_ends_in_a_scope_header_is_named),
		cmocka_unit_test(scope_length_less_than_6_ends_the_scopes),
		cmocka_unit_test(
			scope_beyond_its_structure_takes_nothing_from_the_next),
		cmocka_unit_test(half_a_step_is_named_and_not_read),
		cmocka_unit_test(device_without_a_path_is_named),
		cmocka_unit_test(step_to_an_impossible_function_is_named),
		cmocka_unit_test(
			unknown_scope_types_are_skipped_by_their_length),
		cmocka_unit_test(types_without_scopes_have_none),
		cmocka_unit_test(wrong_structure_still_has_its_scopes),
	};

	return cmocka_run_group_tests_name("DMAR scopes", tests, NULL, NULL);
}
