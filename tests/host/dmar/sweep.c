/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three sample tables, cut off at each byte and with each byte changed:
 * the walk must end, stay inside (the block is exactly as long as the bytes),
 * and tell the same as before of every structure that the damage leaves alone.
 * Likewise a single structure of each type, cut off at each byte.
 */
#include "dmar_test.h"

/* Everything that the parser says of one structure and its scopes. */
struct told {
	uint32_t offset, end;
	enum dmar_error error;
	size_t len;
	char text[1200];
};

struct trace {
	unsigned int count;
	struct told entry[24];
};

static void tell(struct told *to, const char *form, ...)
{
	size_t room = sizeof(to->text) - to->len;
	va_list args;
	int n;

	va_start(args, form);
	n = vsnprintf(to->text + to->len, room, form, args);
	va_end(args);
	assert_true(n > 0 && (size_t)n < room);
	to->len += (size_t)n;
}

static void tell_scope(struct told *to, const struct dmar_table *t,
		       const struct dmar_scope *s)
{
	tell(to, "\n%u: %u %u %u %u %u %u %s:", s->offset, s->type, s->len,
	     s->flags, s->enum_id, s->bus, s->path_len,
	     dmar_strerror(s->error));
	for (unsigned int i = 0; i <= s->path_len; i++)
		tell(to, " %u.%u", dmar_hop(t, s, i).dev, dmar_hop(t, s, i).fn);
}

static void tell_entry(struct told *to, const struct dmar_table *t,
		       const struct dmar_entry *e)
{
	to->offset = e->offset;
	to->end = e->end;
	to->error = e->error;
	tell(to, "%u: %u %u %u %u %u %llx %llx %u %u %s %u ", e->offset,
	     e->type, e->len, e->flags, e->size_field, e->segment,
	     (unsigned long long)e->base, (unsigned long long)e->limit,
	     e->proximity, e->device_number, dmar_strerror(e->error), e->name);
	for (uint32_t i = 0; i < e->name_len; i++)
		tell(to, "%02x", t->bytes[e->name + i]);
}

/* Walks t to its end, which must come, and never backward. */
static struct trace walk(const struct dmar_table *t)
{
	struct trace trace = { 0 };
	struct dmar_entry e = { 0 };

	for (uint32_t before = 47; dmar_next(t, &e); before = e.offset) {
		struct told *to = &trace.entry[trace.count++];
		struct dmar_scope s = { 0 };

		assert_in_range(trace.count, 1, cases_of(trace.entry));
		assert_in_range(e.offset, before + 1, t->len - 1);
		tell_entry(to, t, &e);
		for (uint32_t last = e.offset; dmar_next_scope(t, &e, &s);
		     last = s.offset) {
			assert_in_range(s.offset, last + 1, e.end - 1);
			tell_scope(to, t, &s);
		}
	}
	return trace;
}

static struct trace walk_bytes(const uint8_t *bytes, size_t len)
{
	struct opened o = open_bytes(bytes, len);
	struct trace trace = walk(&o.table);

	close_table(&o);
	return trace;
}

static void expect_same(const struct told *got, const struct told *want)
{
	assert_string_equal(got->text, want->text);
}

static void samples_are_without_an_error(void **state)
{
	(void)state;
	for (unsigned int which = 0; which < sample_count; which++) {
		struct image m;
		struct trace trace;

		image_sample(&m, which);
		trace = walk_bytes(m.bytes, m.len);
		assert_in_range(trace.count, 4, 8);
		assert_int_equal(trace.entry[trace.count - 1].end, m.len);
		for (unsigned int i = 0; i < trace.count; i++)
			assert_int_equal(trace.entry[i].error, dmar_ok);
	}
}

/* The table cut to len bytes, between two structures or within one. */
static void check_cut(const struct trace *whole, const struct trace *cut,
		      uint32_t len)
{
	unsigned int kept = 0;

	while (kept < whole->count && whole->entry[kept].end <= len)
		kept++;
	for (unsigned int i = 0; i < kept; i++)
		expect_same(&cut->entry[i], &whole->entry[i]);
	if (kept < whole->count && whole->entry[kept].offset < len) {
		assert_int_equal(cut->count, kept + 1);
		assert_int_not_equal(cut->entry[kept].error, dmar_ok);
	} else {
		assert_int_equal(cut->count, kept);
	}
}

static void every_truncation_keeps_what_is_whole(void **state)
{
	(void)state;
	for (unsigned int which = 0; which < sample_count; which++) {
		struct image m;
		struct trace whole, cut;

		image_sample(&m, which);
		whole = walk_bytes(m.bytes, m.len);
		for (uint32_t len = 0; len < m.len; len++) {
			cut = walk_bytes(m.bytes, len);
			if (len < 48)
				assert_int_equal(cut.count, 0);
			else
				check_cut(&whole, &cut, len);
		}
	}
}

/* The bytes are all there, but the length field ends the table earlier. */
static void every_shorter_length_field_is_kept_to(void **state)
{
	(void)state;
	for (unsigned int which = 0; which < sample_count; which++) {
		struct image m;
		struct trace whole, cut;

		image_sample(&m, which);
		whole = walk_bytes(m.bytes, m.len);
		for (uint32_t len = 48; len < m.len; len++) {
			m.bytes[4] = (uint8_t)len;
			m.bytes[5] = (uint8_t)(len >> 8);
			cut = walk_bytes(m.bytes, m.len);
			check_cut(&whole, &cut, len);
		}
	}
}

/*
 * Byte `at` was changed.  In the signature it ends all; in the length field
 * it may cut the table; elsewhere in the header it touches no structure.  In
 * a structure's length it may hide those after it; elsewhere in a structure,
 * none but this one.
 */
static void check_change(const struct trace *was, const struct trace *is,
			 uint32_t at)
{
	bool rest = true;

	if (at < 4) {
		assert_int_equal(is->count, 0);
		return;
	}
	for (unsigned int i = 0; i < was->count && rest; i++) {
		const struct told *old = &was->entry[i];

		if (at >= 4 && at < 8)
			rest = i < is->count && is->entry[i].end == old->end;
		else if (at == old->offset + 2 || at == old->offset + 3)
			rest = false;
		else
			assert_in_range(i, 0, is->count - 1);
		if (rest && (at < old->offset || at >= old->end))
			expect_same(&is->entry[i], old);
	}
	if (rest)
		assert_int_equal(is->count, was->count);
}

static void every_changed_byte_spoils_its_own_structure_only(void **state)
{
	(void)state;
	for (unsigned int which = 0; which < sample_count; which++) {
		struct image m;
		struct trace was, is;

		image_sample(&m, which);
		was = walk_bytes(m.bytes, m.len);
		for (uint32_t at = 0; at < m.len; at++) {
			const uint8_t old = m.bytes[at];
			const uint8_t as[] = { 0, 0xff, old ^ 1 };

			for (unsigned int i = 0; i < sizeof(as); i++) {
				m.bytes[at] = as[i];
				is = walk_bytes(m.bytes, m.len);
				if (as[i] != old)
					check_change(&was, &is, at);
			}
			m.bytes[at] = old;
		}
	}
}

/* A structure of this type, of filler bytes that are nowhere 0. */
static void put_filled(struct image *m, uint16_t type, uint32_t len)
{
	image_start(m);
	for (uint32_t i = put_entry(m, type) + 4; i < 48 + len; i++)
		put_bytes(m, 0x11 + i % 8, 1);
}

/*
 * Of a structure that is cut off at any byte, alone or within a scope, the
 * same is told whether the table ends there or goes on with other bytes.
 */
static void nothing_is_taken_from_the_structure_that_follows(void **state)
{
	(void)state;
	for (uint16_t type = 0; type < 8; type++) {
		for (uint32_t len = 4; len < 40; len++) {
			struct image m;
			struct trace alone, followed;

			put_filled(&m, type, len);
			image_seal(&m);
			alone = walk_bytes(m.bytes, m.len);
			put_entry(&m, 0x4243);
			put_bytes(&m, 0x4445464748494a4b, 8);
			put_bytes(&m, 0x5152535455565758, 8);
			image_seal(&m);
			followed = walk_bytes(m.bytes, m.len);
			assert_int_equal(alone.count, 1);
			assert_int_equal(followed.count, 2);
			expect_same(&followed.entry[0], &alone.entry[0]);
		}
	}
}

int dmar_sweep_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_without_an_error),
		cmocka_unit_test(every_truncation_keeps_what_is_whole),
		cmocka_unit_test(every_shorter_length_field_is_kept_to),
		cmocka_unit_test(
			every_changed_byte_spoils_its_own_structure_only),
		cmocka_unit_test(
			nothing_is_taken_from_the_structure_that_follows),
	};

	return cmocka_run_group_tests_name("DMAR damage", tests, NULL, NULL);
}
