/* SPDX-License-Identifier: BSD-2-Clause */
/* Records and PCI addresses as the user library reads them; and others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <drv.h>
#include <record.h>

#define ODDS 64

static struct {
	size_t line[ODDS];
	const char *why[ODDS];
	unsigned n;
} odds;

/* What fmt.c would write to files with. */
int writeall(int fd, const void *buf, size_t len)
{
	(void)fd;
	(void)buf;
	(void)len;
	return -1;
}

int errstr(char *buf, size_t len)
{
	(void)buf;
	(void)len;
	return -1;
}

int snprint(char *buf, size_t len, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprint(buf, len, fmt, args);
	va_end(args);
	return n;
}

static void odd(void *arg, size_t line, const char *why)
{
	assert_ptr_equal(arg, &odds);
	assert_true(odds.n < ODDS);
	odds.line[odds.n] = line;
	odds.why[odds.n++] = why;
}

/* In memory of exactly its length, for the address sanitizer. */
static char *copy(const char *text)
{
	return strcpy(malloc(strlen(text) + 1), text);
}

static const char *parse(const char *text, struct record *r, char **kept)
{
	*kept = copy(text);
	memset(r, 0xa5, sizeof(*r));
	return record_parse(*kept, r);
}

static void test_a_record(void **state)
{
	struct record r;
	char *text;
	uint64_t n = 7;

	(void)state;
	assert_null(parse("unit0 base=0xfed90000 state=on can=a,b used=3 "
			  "none=- empty= more=1 reason=\"it = \"so\" 5\" ",
			  &r, &text));
	assert_string_equal(r.subject, "unit0");
	assert_int_equal(r.n, 8);
	assert_string_equal(record_get(&r, "base"), "0xfed90000");
	assert_string_equal(record_get(&r, "empty"), "");
	assert_string_equal(record_get(&r, "reason"), "it = \"so\" 5");
	assert_string_equal(record_get(&r, "more"), "1");
	assert_null(record_get(&r, "bas"));
	assert_null(record_get(&r, "base="));
	assert_string_equal(record_text(&r, "bas"), "?");
	assert_true(record_is(&r, "state", "on"));
	assert_false(record_is(&r, "state", "of"));
	assert_false(record_is(&r, "nothing", "on"));
	assert_int_equal(record_number(&r, "base", &n), 0);
	assert_int_equal(n, 0xfed90000);
	assert_int_equal(record_number(&r, "used", &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(record_number(&r, "state", &n), -1);
	assert_int_equal(record_number(&r, "none", &n), -1);
	assert_int_equal(record_number(&r, "empty", &n), -1);
	assert_int_equal(record_number(&r, "nothing", &n), -1);
	assert_int_equal(n, 3);
	assert_int_equal(record_count(&r, "used"), 3);
	assert_int_equal(record_count(&r, "none"), 0);
	free(text);
}

static void test_words_alone(void **state)
{
	struct record r;
	char *text;

	(void)state;
	assert_null(parse("12.000345678 attach device=0:3.0 pid=12", &r,
			  &text));
	assert_string_equal(r.subject, "12.000345678");
	assert_string_equal(r.fields[0].key, "attach");
	assert_null(r.fields[0].value);
	assert_null(record_get(&r, "attach"));
	assert_int_equal(record_count(&r, "pid"), 12);
	free(text);
}

static void test_blanks(void **state)
{
	struct record r;
	char *text;

	(void)state;
	assert_null(parse(" \t a\t x=1   y=\"\"  ", &r, &text));
	assert_string_equal(r.subject, "a");
	assert_int_equal(r.n, 2);
	assert_int_equal(record_count(&r, "x"), 1);
	assert_string_equal(record_get(&r, "y"), "");
	free(text);
	assert_null(parse("", &r, &text));
	assert_string_equal(r.subject, "");
	assert_int_equal(r.n, 0);
	free(text);
	assert_null(parse("   ", &r, &text));
	assert_string_equal(r.subject, "");
	free(text);
}

static void none(const char *line, const char *why)
{
	struct record r;
	char *text;

	assert_string_equal(parse(line, &r, &text), why);
	free(text);
}

static void test_what_is_no_record(void **state)
{
	char many[8 * (RECORD_FIELDS + 2)] = "a";
	struct record r;
	char *text;

	(void)state;
	none("base=1 state=on", "it has no subject");
	none("=", "it has no subject");
	none("unit0 =3", "a value without a name");
	none("unit0 = ", "a value without a name");
	none("unit0 reason=\"open", "a quote is not closed");
	none("unit0 reason=\"", "a quote is not closed");
	none("unit0 reason=\"a\"b", "a quote is not closed");
	none("unit0 reason=\"a\" b=1", "a quote is not closed");
	for (unsigned i = 0; i < RECORD_FIELDS; i++)
		strcat(many, " k=1");
	assert_null(parse(many, &r, &text));
	assert_int_equal(r.n, RECORD_FIELDS);
	free(text);
	strcat(many, " k=1");
	none(many, "more fields than a record has");
}

static void test_a_file(void **state)
{
	static const char file[] = "a x=1\n\nb =\n=\nc x=\"2 3\"\n  \nd";
	char *text = copy(file);
	struct record *list;
	size_t n;

	(void)state;
	odds.n = 0;
	list = records_parse(text, &n, odd, &odds);
	assert_non_null(list);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].subject, "a");
	assert_string_equal(record_get(&list[1], "x"), "2 3");
	assert_string_equal(list[2].subject, "d");
	assert_int_equal(odds.n, 2);
	assert_int_equal(odds.line[0], 3);
	assert_string_equal(odds.why[0], "a value without a name");
	assert_int_equal(odds.line[1], 4);
	assert_string_equal(odds.why[1], "it has no subject");
	free(list);
	free(text);
	text = copy("");
	list = records_parse(text, &n, odd, &odds);
	assert_non_null(list);
	assert_int_equal(n, 0);
	free(list);
	free(text);
}

static void test_lists(void **state)
{
	const char *list = "queue,,device-tlb,x2apic,";
	char word[8];

	(void)state;
	assert_true(list_has(list, "queue"));
	assert_true(list_has(list, "x2apic"));
	assert_false(list_has(list, "device"));
	assert_false(list_has(list, "device-tlbs"));
	assert_false(list_has("-", "queue"));
	assert_false(list_has("", "queue"));
	assert_true(list_next(&list, word, sizeof(word)));
	assert_string_equal(word, "queue");
	assert_true(list_next(&list, word, sizeof(word)));
	assert_string_equal(word, "device-");	/* cut */
	assert_true(list_next(&list, word, sizeof(word)));
	assert_string_equal(word, "x2apic");
	assert_false(list_next(&list, word, sizeof(word)));
	assert_false(list_next(&list, word, sizeof(word)));
	list = "-";
	assert_false(list_next(&list, word, sizeof(word)));
	list = "";
	assert_false(list_next(&list, word, sizeof(word)));
}

/* Whatever bytes there are, nothing outside of them is touched, and each value
 * is one of the text's own. */
static void test_any_bytes(void **state)
{
	static const char set[] = "ab= =\"\"  ,-\n0x1\t\xff";
	uint32_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		size_t len = (seed >> 8) % 40, n;
		char *text = malloc(len + 1);
		struct record *list;

		for (size_t j = 0; j < len; j++) {
			seed = seed * 1664525 + 1013904223;
			text[j] = set[(seed >> 16) % (sizeof(set) - 1)];
		}
		text[len] = '\0';
		odds.n = 0;
		list = records_parse(text, &n, odd, &odds);
		for (size_t j = 0; j < n; j++)
			for (unsigned k = 0; k < list[j].n; k++) {
				const char *value = list[j].fields[k].value;

				assert_true(!value || (value > text &&
					    value + strlen(value) <=
					    text + len));
			}
		free(list);
		free(text);
		seed += i;
	}
}

static void test_addresses(void **state)
{
	static const char not[] =
		"not a device, which is BUS:DEV.FN in hexadecimal";
	static const struct {
		const char *text, *bdf, *why;
	} cases[] = {
		{ "0:3.0", "0:3.0", NULL },
		{ "00:03.0", "0:3.0", NULL },
		{ "0:1:0", "0:1.0", NULL },
		{ "FF:1F.7", "ff:1f.7", NULL },
		{ "0000:00:1f.2", "0:1f.2", NULL },
		{ "ffff:ff:1f.7", "ffff:ff:1f.7", NULL },
		{ "1:0:3.0", "1:0:3.0", NULL },
		{ "10000:0:3.0", NULL, "no segment beyond ffff" },
		{ "100:3.0", NULL, "no bus beyond ff" },
		{ "0:20.0", NULL, "no device beyond 1f" },
		{ "0:3.8", NULL, "no function beyond 7" },
		{ "", NULL, not }, { "0", NULL, not }, { "0:3", NULL, not },
		{ "0:3.", NULL, not }, { ":3.0", NULL, not },
		{ "0.3.0", NULL, not }, { "0:3.0.0", NULL, not },
		{ "0:0:3:0", NULL, not }, { "0:0:0:3.0", NULL, not },
		{ "0:3.0 ", NULL, not }, { "0:g.0", NULL, not },
		{ "0x0:3.0", NULL, not }, { "-1:3.0", NULL, not },
		{ "000000000:3.0", NULL, not },
	};
	char bdf[BDF_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *why = drv_bdf(cases[i].text, bdf);

		if (cases[i].why)
			assert_string_equal(why, cases[i].why);
		else
			assert_null(why);
		if (cases[i].bdf)
			assert_string_equal(bdf, cases[i].bdf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_record),
		cmocka_unit_test(test_words_alone),
		cmocka_unit_test(test_blanks),
		cmocka_unit_test(test_what_is_no_record),
		cmocka_unit_test(test_a_file),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
