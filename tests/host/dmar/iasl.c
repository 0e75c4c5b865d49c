/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This folder's NAME.dsl, compiled by iasl, and parsed: every field must be
 * where iasl -d shows it and hold what it shows, and iasl may show no field
 * that the parser does not have but reserved ones.
 */
#include "dmar_test.h"

#include <sys/stat.h>

/* A line "[030h 0048   2]   Name : Value", without quotes and comment. */
struct field {
	unsigned int offset;
	char name[48], value[64];
	bool met;
};

struct listing {
	unsigned int count;
	struct field field[512];
};

/* The folder that iasl's files go to. */
static char folder[2048];

static void trim(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\n'))
		text[--n] = '\0';
}

/* "INTEL "    [comment]  or  0001 [comment]: the value alone. */
static void strip_value(char *value)
{
	char *quote = strrchr(value, '"');
	char *comment = strchr(value, '[');

	if (value[0] == '"' && quote > value) {
		*quote = '\0';
		memmove(value, value + 1, strlen(value));
	} else {
		if (comment != NULL)
			*comment = '\0';
		trim(value);
	}
}

static bool read_line(const char *line, struct field *f)
{
	*f = (struct field){ 0 };
	if (sscanf(line, "[%xh %*[^]]] %47[^:]: %63[^\n]", &f->offset, f->name,
		   f->value) != 3)
		return false;
	trim(f->name);
	strip_value(f->value);
	return true;
}

static void read_listing(struct listing *l, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];

	assert_non_null(f);
	l->count = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		assert_in_range(l->count, 0, cases_of(l->field) - 1);
		if (read_line(line, &l->field[l->count]))
			l->count++;
	}
	fclose(f);
}

static struct field *find(struct listing *l, uint32_t offset)
{
	for (unsigned int i = 0; i < l->count; i++)
		if (l->field[i].offset == offset)
			return &l->field[i];
	fail_msg("iasl shows nothing at offset %u", offset);
	return NULL;
}

static void same(struct listing *l, uint32_t offset, const char *name,
		 const char *value)
{
	struct field *f = find(l, offset);

	if (strcmp(f->name, name) != 0 || strcmp(f->value, value) != 0)
		fail_msg("offset %u: iasl has %s : %s, the parser %s : %s",
			 offset, f->name, f->value, name, value);
	f->met = true;
}

static void same_number(struct listing *l, uint32_t offset, const char *name,
			int size, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llX", 2 * size,
		 (unsigned long long)value);
	same(l, offset, name, text);
}

static void same_text(struct listing *l, uint32_t offset, const char *name,
		      const uint8_t *text, int len)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%.*s", len, (const char *)text);
	same(l, offset, name, copy);
}

/*
 * A byte that was reserved when this iasl was made: later ones may name it,
 * and show it apart from the byte that follows.
 */
static void same_later_byte(struct listing *l, uint32_t offset, uint8_t value)
{
	struct field *f = find(l, offset);

	if ((strtoul(f->value, NULL, 16) & 0xff) != value)
		fail_msg("offset %u: iasl has %s : %s, the parser %02X",
			 offset, f->name, f->value, value);
	f->met = true;
}

static void same_header(struct listing *l, const struct dmar_table *t)
{
	same_text(l, 0, "Signature", t->bytes, 4);
	same_number(l, 4, "Table Length", 4, t->length);
	same_number(l, 8, "Revision", 1, t->revision);
	same_number(l, 9, "Checksum", 1, t->checksum);
	same_text(l, 10, "Oem ID", t->oem_id, 6);
	same_text(l, 16, "Oem Table ID", t->oem_table_id, 8);
	same_number(l, 24, "Oem Revision", 4, t->oem_revision);
	same_text(l, 28, "Asl Compiler ID", t->creator_id, 4);
	same_number(l, 32, "Asl Compiler Revision", 4, t->creator_revision);
	same_number(l, 36, "Host Address Width", 1, t->haw_field);
	same_number(l, 37, "Flags", 1, t->flags);
}

static void same_entry(struct listing *l, const struct dmar_table *t,
		       const struct dmar_entry *e)
{
	uint32_t at = e->offset;

	same_number(l, at, "Subtable Type", 2, e->type);
	same_number(l, at + 2, "Length", 2, e->len);
	if (e->type == DMAR_DRHD || e->type == DMAR_ATSR)
		same_number(l, at + 4, "Flags", 1, e->flags);
	if (e->type <= DMAR_ATSR)
		same_number(l, at + 6, "PCI Segment Number", 2, e->segment);
	if (e->type == DMAR_DRHD) {
		same_later_byte(l, at + 5, e->size_field);
		same_number(l, at + 8, "Register Base Address", 8, e->base);
	}
	if (e->type == DMAR_RMRR || e->type == DMAR_RHSA)
		same_number(l, at + 8, "Base Address", 8, e->base);
	if (e->type == DMAR_RMRR)
		same_number(l, at + 16, "End Address (limit)", 8, e->limit);
	if (e->type == DMAR_RHSA)
		same_number(l, at + 16, "Proximity Domain", 4, e->proximity);
	if (e->type == DMAR_ANDD) {
		same_number(l, at + 7, "Device Number", 1, e->device_number);
		same_text(l, e->name, "Device Name", t->bytes + e->name,
			  e->name_len);
	}
}

static void same_scope(struct listing *l, const struct dmar_table *t,
		       const struct dmar_scope *s)
{
	same_number(l, s->offset, "Device Scope Type", 1, s->type);
	same_number(l, s->offset + 1, "Entry Length", 1, s->len);
	same_later_byte(l, s->offset + 2, s->flags);
	same_number(l, s->offset + 4, "Enumeration ID", 1, s->enum_id);
	same_number(l, s->offset + 5, "PCI Bus Number", 1, s->bus);
	for (unsigned int i = 0; i < s->path_len; i++) {
		struct dmar_hop hop = dmar_hop(t, s, i);
		char text[16];

		snprintf(text, sizeof(text), "%02X,%02X", hop.dev, hop.fn);
		same(l, s->offset + 6 + 2 * i, "PCI Path", text);
	}
}

/* What is left must be reserved: else the parser has missed it. */
static void same_rest(const struct listing *l)
{
	for (unsigned int i = 0; i < l->count; i++)
		if (!l->field[i].met &&
		    strcmp(l->field[i].name, "Reserved") != 0)
			fail_msg("offset %u: only iasl has %s : %s",
				 l->field[i].offset, l->field[i].name,
				 l->field[i].value);
}

static void same_table(struct listing *l, const struct dmar_table *t)
{
	struct dmar_entry e = { 0 };

	same_header(l, t);
	while (dmar_next(t, &e)) {
		struct dmar_scope s = { 0 };

		assert_int_equal(e.error, dmar_ok);
		same_entry(l, t, &e);
		while (dmar_next_scope(t, &e, &s)) {
			assert_int_equal(s.error, dmar_ok);
			same_scope(l, t, &s);
		}
	}
	same_rest(l);
}

static void run(const char *command, const char *name)
{
	char log[4096];
	size_t len = 0;
	char *text;

	if (system(command) == 0)
		return;
	snprintf(log, sizeof(log), "%s/%s.log", folder, name);
	text = (char *)read_file(log, &len);
	print_error("%s\n%.*s\n", command, (int)len, text ? text : "");
	free(text);
	fail();
}

/*
 * NAME.dsl beside this file becomes NAME.aml, and that NAME-d.dsl, of which
 * at least so many fields must have been understood.
 */
static void compare(const char *name, unsigned int fields)
{
	const int here = (int)(strrchr(__FILE__, '/') - __FILE__);
	char text[12288];
	struct listing l;
	struct opened o;
	size_t len = 0;
	uint8_t *bytes;

	snprintf(text, sizeof(text),
		 "iasl -p '%s/%s' '%.*s/%s.dsl' >'%s/%s.log' 2>&1", folder,
		 name, here, __FILE__, name, folder, name);
	run(text, name);
	snprintf(text, sizeof(text),
		 "iasl -p '%s/%s-d' -d '%s/%s.aml' >'%s/%s.log' 2>&1", folder,
		 name, folder, name, folder, name);
	run(text, name);
	snprintf(text, sizeof(text), "%s/%s-d.dsl", folder, name);
	read_listing(&l, text);
	snprintf(text, sizeof(text), "%s/%s.aml", folder, name);
	bytes = read_file(text, &len);
	assert_non_null(bytes);
	o = open_bytes(bytes, len);
	free(bytes);
	assert_int_equal(o.error, dmar_ok);
	same_table(&l, &o.table);
	assert_in_range(l.count, fields, cases_of(l.field));
	close_table(&o);
	print_message("%s: %u fields as iasl shows them\n", name, l.count);
}

static void qemu_table_reads_as_iasl_shows_it(void **state)
{
	(void)state;
	compare("qemu", 59);
}

static void server_table_reads_as_iasl_shows_it(void **state)
{
	(void)state;
	compare("server", 138);
}

int dmar_iasl_tests(const char *out)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_table_reads_as_iasl_shows_it),
		cmocka_unit_test(server_table_reads_as_iasl_shows_it),
	};

	snprintf(folder, sizeof(folder), "%s", out);
	mkdir(folder, 0777);
	return cmocka_run_group_tests_name("DMAR against iasl", tests, NULL,
					   NULL);
}
