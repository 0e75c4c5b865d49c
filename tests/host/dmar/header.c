/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table's own header: what dmar_open decodes and what it refuses.
 */
#include "dmar_test.h"

static void expect_no_entries(const struct dmar_table *t)
{
	struct dmar_entry e = { 0 };

	assert_false(dmar_next(t, &e));
	assert_int_equal(e.offset, 0);
}

static void header_fields_come_from_their_own_bytes(void **state)
{
	struct image m;
	struct opened o;

	(void)state;
	image_start(&m);
	o = open_image(&m);
	assert_true(o.table.signature_ok);
	assert_true(o.table.checksum_ok);
	assert_int_equal(o.table.len, 48);
	assert_int_equal(o.table.length, 48);
	assert_int_equal(o.table.revision, 1);
	assert_int_equal(o.table.checksum, m.bytes[9]);
	assert_memory_equal(o.table.oem_id, "OEM-ID", 6);
	assert_memory_equal(o.table.oem_table_id, "TABLE-ID", 8);
	assert_int_equal(o.table.oem_revision, 0x01020304);
	assert_memory_equal(o.table.creator_id, "MAKE", 4);
	assert_int_equal(o.table.creator_revision, 0xa1b2c3d4);
	assert_int_equal(o.table.haw_field, 38);
	assert_int_equal(o.table.host_address_width, 39);
	assert_int_equal(o.table.flags, 5);
	expect_no_entries(&o.table);
	close_table(&o);
}

static void table_shorter_than_its_header_is_refused(void **state)
{
	struct image m;

	(void)state;
	image_sample(&m, 0);
	for (size_t len = 0; len < 48; len++) {
		struct opened o = open_bytes(m.bytes, len);

		assert_int_equal(o.error, dmar_err_table_short);
		assert_int_equal(o.table.len, 0);
		expect_no_entries(&o.table);
		close_table(&o);
	}
}

static void table_that_is_not_there_is_refused(void **state)
{
	struct dmar_table t;

	(void)state;
	assert_int_equal(dmar_open(&t, NULL, 0), dmar_err_table_short);
	expect_no_entries(&t);
}

static void each_letter_of_the_signature_counts(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct image m;
		struct opened o;

		image_sample(&m, 0);
		m.bytes[i] ^= 0x20;
		image_seal(&m);
		o = open_bytes(m.bytes, m.len);
		assert_int_equal(o.error, dmar_err_signature);
		assert_false(o.table.signature_ok);
		assert_true(o.table.checksum_ok);
		assert_int_equal(o.table.length, m.len);
		assert_int_equal(o.table.len, 0);
		expect_no_entries(&o.table);
		close_table(&o);
	}
}

static void length_less_than_the_header_is_refused(void **state)
{
	static const uint8_t lengths[] = { 0, 1, 36, 47 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(lengths); i++) {
		struct image m;
		struct opened o;

		image_sample(&m, 0);
		m.bytes[4] = lengths[i];
		o = open_bytes(m.bytes, m.len);
		assert_int_equal(o.error, dmar_err_length_short);
		expect_no_entries(&o.table);
		close_table(&o);
	}
}

static void length_beyond_the_bytes_is_cut_and_named(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };

	(void)state;
	image_start(&m);
	put_drhd(&m, 1, 0xfed90000);
	image_seal(&m);
	m.bytes[7] = 0xff;
	m.bytes[9] = (uint8_t)(m.bytes[9] + 1);	/* it still sums up to 0 */
	o = open_bytes(m.bytes, m.len);
	assert_int_equal(o.error, dmar_err_length_beyond);
	assert_int_equal(o.table.length, 0xff000000 + m.len);
	assert_int_equal(o.table.len, m.len);
	assert_false(o.table.checksum_ok);
	expect_entry(&o.table, &e, DMAR_DRHD, 48, dmar_ok);
	assert_false(dmar_next(&o.table, &e));
	close_table(&o);
}

/* The bytes are not there: only the header may be read. */
static void longest_table_leaves_room_to_count_its_offsets(void **state)
{
	struct image m;
	struct dmar_table t;

	(void)state;
	image_start(&m);
	memset(m.bytes + 4, 0xff, 4);
	assert_int_equal(dmar_open(&t, m.bytes, SIZE_MAX),
			 dmar_err_length_beyond);
	assert_int_equal(t.length, UINT32_MAX);
	assert_int_equal(t.len, INT32_MAX);
}

static void bytes_after_the_table_are_not_taken_for_structures(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };

	(void)state;
	image_start(&m);
	put_drhd(&m, 1, 0xfed90000);
	image_seal(&m);
	put_drhd(&m, 1, 0xfed91000);
	o = open_bytes(m.bytes, m.len);
	assert_int_equal(o.error, dmar_ok);
	assert_int_equal(o.table.len, 64);
	expect_entry(&o.table, &e, DMAR_DRHD, 48, dmar_ok);
	assert_false(dmar_next(&o.table, &e));
	close_table(&o);
}

static void wrong_checksum_is_named_and_hides_nothing(void **state)
{
	struct image m;
	struct opened o;
	struct dmar_entry e = { 0 };

	(void)state;
	image_start(&m);
	put_drhd(&m, 1, 0xfed90000);
	image_seal(&m);
	m.bytes[9] = (uint8_t)(m.bytes[9] + 1);
	o = open_bytes(m.bytes, m.len);
	assert_int_equal(o.error, dmar_err_checksum);
	assert_false(o.table.checksum_ok);
	assert_int_equal(o.table.checksum, m.bytes[9]);
	expect_entry(&o.table, &e, DMAR_DRHD, 48, dmar_ok);
	assert_int_equal(e.base, 0xfed90000);
	assert_false(dmar_next(&o.table, &e));
	close_table(&o);
}

static void widest_host_address_width_does_not_wrap(void **state)
{
	struct image m;
	struct opened o;

	(void)state;
	image_start(&m);
	m.bytes[36] = 0xff;
	o = open_image(&m);
	assert_int_equal(o.table.haw_field, 0xff);
	assert_int_equal(o.table.host_address_width, 256);
	close_table(&o);
}

/* Each error in words of its own, short enough for a console's line. */
static void each_error_has_its_own_words(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < dmar_err_count; i++) {
		const char *words = dmar_strerror((enum dmar_error)i);

		assert_non_null(words);
		assert_in_range(strlen(words), 1, 40);
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(
				words, dmar_strerror((enum dmar_error)j));
	}
	assert_string_equal(dmar_strerror(dmar_err_count), "unknown error");
}

int dmar_header_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_fields_come_from_their_own_bytes),
		cmocka_unit_test(table_shorter_than_its_header_is_refused),
		cmocka_unit_test(table_that_is_not_there_is_refused),
		cmocka_unit_test(each_letter_of_the_signature_counts),
		cmocka_unit_test(length_less_than_the_header_is_refused),
		cmocka_unit_test(length_beyond_the_bytes_is_cut_and_named),
		cmocka_unit_test(
			longest_table_leaves_room_to_count_its_offsets),
		cmocka_unit_test(
			bytes_after_the_table_are_not_taken_for_structures),
		cmocka_unit_test(wrong_checksum_is_named_and_hides_nothing),
		cmocka_unit_test(widest_host_address_width_does_not_wrap),
		cmocka_unit_test(each_error_has_its_own_words),
	};

	return cmocka_run_group_tests_name("DMAR header", tests, NULL, NULL);
}
