/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Twenty tables, and those of real machines where there are any, cut off at
 * each byte and with each byte changed: into all 255 others in the twenty,
 * into a few in the others.  Length and checksum are made right again, so
 * that they do not hide the damage.  Each is walked wholly (walk.c) in a block
 * of its size, and what lies before the damage must be told as before.
 */
#include "dmar_test.h"
#include "walk.h"

#include <glob.h>

static unsigned long walked;

void expect(bool ok)
{
	assert_true(ok);
}

static void same_before(const struct dmar_table *was,
			const struct dmar_table *is, uint32_t at)
{
	struct dmar_entry a = { 0 }, b = { 0 };

	while (dmar_next(was, &a) && a.end <= at) {
		assert_true(dmar_next(is, &b));
		assert_int_equal(b.offset, a.offset);
		assert_int_equal(b.end, a.end);
		assert_int_equal(b.type, a.type);
		assert_int_equal(b.error, a.error);
		assert_int_equal(b.base, a.base);
		assert_int_equal(b.limit, a.limit);
	}
}

/* What dmar_open says of these bytes, in which all from `at` on is damaged. */
static enum dmar_error walk_damaged(const struct dmar_table *was,
				    const uint8_t *bytes, uint32_t len,
				    uint32_t at)
{
	struct opened o = open_bytes(bytes, len);

	walk_table(o.block, len);
	same_before(was, &o.table, at);
	close_table(&o);
	walked++;
	return o.error;
}

/* The checksum follows, unless it is what changes. */
static void set_byte(uint8_t *bytes, uint32_t at, uint8_t to)
{
	if (at != 9)
		bytes[9] = (uint8_t)(bytes[9] + bytes[at] - to);
	bytes[at] = to;
}

/* As firmware would have written it, had it had no more to say. */
static void shorten(uint8_t *bytes, uint32_t from, uint32_t to)
{
	for (uint32_t at = to; at < from; at++)
		bytes[9] = (uint8_t)(bytes[9] + bytes[at]);
	for (uint32_t i = 0; i < 4; i++)
		set_byte(bytes, 4 + i, (uint8_t)(to >> 8 * i));
}

static void cut_everywhere(const struct dmar_table *t)
{
	uint8_t bytes[4096];

	for (uint32_t len = 0; len < t->len; len++) {
		enum dmar_error want = len < 48 ? dmar_err_table_short :
						  dmar_err_length_beyond;

		memcpy(bytes, t->bytes, t->len);
		assert_int_equal(walk_damaged(t, bytes, len, len), want);
		shorten(bytes, t->len, len);
		want = len < 48 ? dmar_err_table_short : dmar_ok;
		assert_int_equal(walk_damaged(t, bytes, len, len), want);
	}
}

static void change(const struct dmar_table *t, uint32_t at, uint8_t to)
{
	uint8_t bytes[4096];
	enum dmar_error error;

	memcpy(bytes, t->bytes, t->len);
	set_byte(bytes, at, to);
	error = walk_damaged(t, bytes, t->len, at);
	if (at < 4)
		assert_int_equal(error, dmar_err_signature);
	else if (at == 9)
		assert_int_equal(error, dmar_err_checksum);
	else if (at >= 8)
		assert_int_equal(error, dmar_ok);
	else
		assert_int_not_equal(error, dmar_err_signature);
}

static void change_everywhere(const struct dmar_table *t)
{
	for (uint32_t at = 0; at < t->len; at++)
		for (unsigned int by = 1; by < 256; by++)
			change(t, at, (uint8_t)(t->bytes[at] + by));
}

/* To limits, and to what is next to the right value or half of it. */
static void change_a_little(const struct dmar_table *t)
{
	static const uint8_t by[] = { 1, 2, 0x7f, 0x80, 0xff };

	for (uint32_t at = 0; at < t->len; at++) {
		for (unsigned int i = 0; i < sizeof(by); i++)
			change(t, at, (uint8_t)(t->bytes[at] + by[i]));
		if (t->bytes[at] != 0)
			change(t, at, 0);
		if (t->bytes[at] != 0xff)
			change(t, at, 0xff);
	}
}

static void twenty_tables(void (*damage)(const struct dmar_table *))
{
	for (unsigned int which = 0; which < table_count; which++) {
		struct image m;
		struct opened o;

		image_table(&m, which);
		o = open_bytes(m.bytes, m.len);
		assert_int_equal(o.error, dmar_ok);
		damage(&o.table);
		close_table(&o);
	}
}

static void every_truncation_is_survived(void **state)
{
	(void)state;
	twenty_tables(cut_everywhere);
}

static void every_other_byte_is_survived(void **state)
{
	(void)state;
	twenty_tables(change_everywhere);
	print_message("walked %lu tables\n", walked);
}

static void damage_file(const char *path)
{
	size_t len = 0;
	uint8_t *bytes = read_file(path, &len);
	struct dmar_table t;

	assert_non_null(bytes);
	if (dmar_open(&t, bytes, len) == dmar_ok && len <= 4096) {
		cut_everywhere(&t);
		change_a_little(&t);
	}
	free(bytes);
}

static void tables_of_real_machines_survive_it_too(void **state)
{
	const char *folder = getenv("DMAR_CORPUS");
	char pattern[4096];
	glob_t found;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/*.dmar", folder ? folder : "");
	if (folder == NULL || glob(pattern, 0, NULL, &found) != 0)
		skip();
	for (size_t i = 0; i < found.gl_pathc; i++)
		damage_file(found.gl_pathv[i]);
	globfree(&found);
	print_message("walked %lu tables\n", walked);
}

int dmar_damage_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_truncation_is_survived),
		cmocka_unit_test(every_other_byte_is_survived),
		cmocka_unit_test(tables_of_real_machines_survive_it_too),
	};

	return cmocka_run_group_tests_name("DMAR damage, all of it", tests,
					   NULL, NULL);
}
