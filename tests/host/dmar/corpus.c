/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of real machines in the folder DMAR_CORPUS, each NAME.dmar
 * against its decode NAME.json: every field of every structure and scope.
 * The folder's README tells what the JSON holds.
 */
#include "dmar_test.h"

#include <glob.h>
#include <jansson.h>
#include <sys/stat.h>

/* One table under comparison, and what has been compared in all. */
struct state {
	const char *name;
	unsigned int wrong, tables, entries, scopes, steps;
	json_t *errors;		/* those that the parser found */
};

static void mismatch(struct state *st, uint32_t offset, const char *what)
{
	print_error("%s: offset %u: %s differs\n", st->name, offset, what);
	st->wrong++;
}

/* The number under `what`; where the object has none it counts as 0. */
static void same_number(struct state *st, const json_t *o, uint32_t offset,
			const char *what, uint64_t got)
{
	const json_t *v = json_object_get(o, what);

	if (v != NULL && !json_is_integer(v))
		mismatch(st, offset, what);
	else if ((uint64_t)json_integer_value(v) != got)
		mismatch(st, offset, what);
}

static void same_address(struct state *st, const json_t *o, uint32_t offset,
			 const char *what, uint64_t got)
{
	const char *want = json_string_value(json_object_get(o, what));
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)got);
	if (strcmp(text, want != NULL ? want : "0x0") != 0)
		mismatch(st, offset, what);
}

/* UTF-8 of U+0000 to U+00FF, back to the bytes it stands for. */
static size_t latin1(const json_t *v, uint8_t *bytes, size_t size)
{
	const char *utf8 = json_string_value(v);
	size_t n = 0;

	for (size_t i = 0; i < json_string_length(v) && n < size; i++) {
		uint8_t c = (uint8_t)utf8[i];

		if (c >= 0xc0)
			c = (uint8_t)(c << 6 | ((uint8_t)utf8[++i] & 0x3f));
		bytes[n++] = c;
	}
	return n;
}

static void same_text(struct state *st, const json_t *o, uint32_t offset,
		      const char *what, const uint8_t *got, size_t len)
{
	uint8_t want[256];
	size_t n = latin1(json_object_get(o, what), want, sizeof(want));

	if (n != len || memcmp(want, got, len) != 0)
		mismatch(st, offset, what);
}

static void same_header(struct state *st, const json_t *o,
			const struct dmar_table *t)
{
	const json_t *h = json_object_get(o, "header");
	bool sum = json_is_true(json_object_get(h, "checksum_ok"));

	same_text(st, h, 0, "signature", t->bytes, 4);
	if (!t->signature_ok)
		mismatch(st, 0, "signature_ok");
	same_number(st, h, 4, "length", t->length);
	same_number(st, h, 8, "revision", t->revision);
	same_number(st, h, 9, "checksum", t->checksum);
	if (sum != t->checksum_ok)
		mismatch(st, 9, "checksum_ok");
	same_text(st, h, 10, "oem_id", t->oem_id, 6);
	same_text(st, h, 16, "oem_table_id", t->oem_table_id, 8);
	same_number(st, h, 24, "oem_revision", t->oem_revision);
	same_text(st, h, 28, "creator_id", t->creator_id, 4);
	same_number(st, h, 32, "creator_revision", t->creator_revision);
	if (json_object_size(h) != 10)
		mismatch(st, 0, "number of header fields");
	same_number(st, o, 36, "haw_field", t->haw_field);
	same_number(st, o, 36, "host_address_width", t->host_address_width);
	same_number(st, o, 37, "flags", t->flags);
}

static void note_error(struct state *st, uint32_t offset,
		       enum dmar_error error)
{
	if (error != dmar_ok)
		json_array_append_new(
			st->errors, json_pack("{s:i, s:s}", "offset", offset,
					      "code", dmar_strerror(error)));
}

static void same_path(struct state *st, const json_t *o,
		      const struct dmar_table *t, const struct dmar_scope *s)
{
	const json_t *path = json_object_get(o, "path");

	if (json_array_size(path) != s->path_len)
		mismatch(st, s->offset, "path length");
	for (unsigned int i = 0; i < s->path_len; i++, st->steps++) {
		const json_t *step = json_array_get(path, i);
		struct dmar_hop hop = dmar_hop(t, s, i);

		if (json_integer_value(json_array_get(step, 0)) != hop.dev ||
		    json_integer_value(json_array_get(step, 1)) != hop.fn)
			mismatch(st, s->offset, "path");
	}
}

static void same_scope(struct state *st, const json_t *o,
		       const struct dmar_table *t, const struct dmar_scope *s)
{
	same_number(st, o, s->offset, "offset", s->offset);
	same_number(st, o, s->offset, "type", s->type);
	same_number(st, o, s->offset, "len", s->len);
	same_number(st, o, s->offset, "flags", s->flags);
	same_number(st, o, s->offset, "enum_id", s->enum_id);
	same_number(st, o, s->offset, "bus", s->bus);
	same_path(st, o, t, s);
	if (json_object_size(o) != 7)
		mismatch(st, s->offset, "number of scope fields");
	note_error(st, s->offset, s->error);
	st->scopes++;
}

static void same_scopes(struct state *st, const json_t *want,
			const struct dmar_table *t, const struct dmar_entry *e)
{
	struct dmar_scope s = { 0 };
	size_t n = 0;

	while (dmar_next_scope(t, e, &s))
		same_scope(st, json_array_get(want, n++), t, &s);
	if (n != json_array_size(want))
		mismatch(st, e->offset, "number of scopes");
}

static void same_entry(struct state *st, const json_t *o,
		       const struct dmar_table *t, const struct dmar_entry *e)
{
	/* How many keys the JSON has by type: none may go uncompared. */
	static const uint8_t keys[] = { 8, 7, 6, 5, 5, 6, 5 };

	same_number(st, o, e->offset, "offset", e->offset);
	same_number(st, o, e->offset, "type", e->type);
	same_number(st, o, e->offset, "len", e->len);
	same_number(st, o, e->offset, "flags", e->flags);
	same_number(st, o, e->offset, "size_field", e->size_field);
	same_number(st, o, e->offset, "segment", e->segment);
	same_address(st, o, e->offset, "base", e->base);
	same_address(st, o, e->offset, "limit", e->limit);
	same_number(st, o, e->offset, "proximity", e->proximity);
	same_number(st, o, e->offset, "device_number", e->device_number);
	same_text(st, o, e->offset, "name", t->bytes + e->name, e->name_len);
	if (json_object_size(o) != (e->type < 7 ? keys[e->type] : 3))
		mismatch(st, e->offset, "number of fields");
	same_scopes(st, json_object_get(o, "scopes"), t, e);
	note_error(st, e->offset, e->error);
	st->entries++;
}

static void same_errors(struct state *st, const json_t *want)
{
	size_t n = json_array_size(st->errors);

	if (n != json_array_size(want))
		mismatch(st, 0, "number of errors");
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_array_get(st->errors, i);
		const json_t *at = json_object_get(e, "offset");

		print_error("%s: offset %lld: %s\n", st->name,
			    json_integer_value(at),
			    json_string_value(json_object_get(e, "code")));
		if (!json_equal(at, json_object_get(json_array_get(want, i),
						    "offset")))
			mismatch(st, 0, "place of an error");
	}
}

static void same_table(struct state *st, const json_t *o, const uint8_t *bytes,
		       size_t len)
{
	const json_t *want = json_object_get(o, "structures");
	struct opened opened = open_bytes(bytes, len);
	const struct dmar_table *t = &opened.table;
	struct dmar_entry e = { 0 };
	size_t n = 0;

	st->errors = json_array();
	if (opened.error != (t->checksum_ok ? dmar_ok : dmar_err_checksum))
		mismatch(st, 0, dmar_strerror(opened.error));
	same_number(st, o, 0, "size", len);
	same_header(st, o, t);
	while (dmar_next(t, &e))
		same_entry(st, json_array_get(want, n++), t, &e);
	if (n != json_array_size(want))
		mismatch(st, 0, "number of structures");
	same_errors(st, json_object_get(o, "errors"));
	json_decref(st->errors);
	close_table(&opened);
	st->tables++;
}

static void compare(struct state *st, const char *json_path)
{
	char path[4096];
	size_t len = 0;
	int stem = (int)strlen(json_path) - (int)strlen(".json");
	json_t *o = json_load_file(json_path, JSON_ALLOW_NUL, NULL);
	uint8_t *bytes;

	snprintf(path, sizeof(path), "%.*s.dmar", stem, json_path);
	bytes = read_file(path, &len);
	st->name = path;
	if (o == NULL || bytes == NULL)
		mismatch(st, 0, "what can be read of the pair of files");
	else
		same_table(st, o, bytes, len);
	free(bytes);
	json_decref(o);
}

static size_t files(const char *folder, const char *ending, glob_t *g)
{
	char pattern[4096];

	snprintf(pattern, sizeof(pattern), "%s/*%s", folder, ending);
	return glob(pattern, 0, NULL, g) == 0 ? g->gl_pathc : 0;
}

static void tables_of_real_machines_decode_as_recorded(void **state)
{
	const char *folder = getenv("DMAR_CORPUS");
	struct state st = { 0 };
	struct stat stat_of;
	glob_t json, dmar;

	(void)state;
	if (folder == NULL || stat(folder, &stat_of) != 0) {
		print_message("no folder DMAR_CORPUS=%s: real machines' tables"
			      " are not compared\n", folder ? folder : "");
		skip();
	}
	assert_int_not_equal(files(folder, ".dmar", &dmar), 0);
	assert_int_equal(files(folder, ".json", &json), dmar.gl_pathc);
	for (size_t i = 0; i < json.gl_pathc; i++)
		compare(&st, json.gl_pathv[i]);
	globfree(&dmar);
	globfree(&json);
	print_message("compared %u tables, %u structures, %u scopes, "
		      "%u path steps: %u differences\n", st.tables,
		      st.entries, st.scopes, st.steps, st.wrong);
	assert_int_equal(st.wrong, 0);
}

int dmar_corpus_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_real_machines_decode_as_recorded),
	};

	return cmocka_run_group_tests_name("DMAR corpus", tests, NULL, NULL);
}
