/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text out and numbers in (kern/src/fmt.c): each conversion against examples
 * and, by chance, against the C library; what does not fit; numbers at their
 * limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fmt.h"

static char got[256];

static const char *format(const char *fmt, ...)
{
	va_list args;
	int len;

	memset(got, 'X', sizeof(got));
	va_start(args, fmt);
	len = vsnprintf(got, sizeof(got), fmt, args);
	va_end(args);
	assert_int_equal(len, strlen(got));
	return got;
}

#define expect(text, ...) assert_string_equal(format(__VA_ARGS__), text)

static void test_plain_text(void **state)
{
	(void)state;
	expect("", "%s", "");
	expect("a line", "a line");
	expect("100% of it", "100%% of it");
	expect("x", "%c", 'x');
}

static void test_numbers(void **state)
{
	(void)state;
	expect("0 -1 2147483647 -2147483648", "%d %d %d %d", 0, -1, INT32_MAX,
	       INT32_MIN);
	expect("4294967295", "%u", UINT32_MAX);
	expect("ffffffff", "%x", UINT32_MAX);
	expect("9223372036854775807", "%ld", INT64_MAX);
	expect("-9223372036854775808", "%ld", INT64_MIN);
	expect("18446744073709551615", "%lu", UINT64_MAX);
	expect("ffffffffffffffff", "%lx", UINT64_MAX);
	expect("18446744073709551615", "%zu", SIZE_MAX);
	expect("-5 7", "%i %llu", -5, 7ull);
}

static void test_widths_and_flags(void **state)
{
	(void)state;
	expect("    7|7    |00007", "%5d|%-5d|%05d", 7, 7, 7);
	expect("   -7|-7   |-0007", "%5d|%-5d|%05d", -7, -7, -7);
	expect("0x0000000000001000", "0x%016lx", 4096ul);
	expect("1234567", "%3d", 1234567);
	expect("   ab|ab   |", "%5s|%-5s|", "ab", "ab");
	expect("ab|   ab", "%.2s|%5.2s", "abcdef", "abcdef");
	expect("abc", "%.7s", "abc");
}

static void test_pointers(void **state)
{
	(void)state;
	expect("0xffff8001090acce8", "%p", (void *)0xffff8001090acce8);
	expect("0x0000000000000000", "%p", NULL);
}

/* A string that is not terminated is read as far as its precision says. */
static void test_precision_bounds_the_reading(void **state)
{
	char *four = malloc(4);

	(void)state;
	memcpy(four, "abcd", 4);
	expect("abcd", "%.4s", four);
	free(four);
}

/* At every size of the buffer: cut, terminated, the whole length given. */
static void test_what_does_not_fit(void **state)
{
	static const char whole[] = "pid 42 has 0x00ff";
	char *buf;
	int len;

	(void)state;
	for (size_t size = 0; size < 30; size++) {
		buf = malloc(size);
		len = snprintf(buf, size, "pid %d has 0x%04x", 42, 255u);
		assert_int_equal(len, sizeof(whole) - 1);
		if (size) {
			assert_int_equal(strlen(buf),
					 MIN(size - 1, sizeof(whole) - 1));
			assert_memory_equal(buf, whole, strlen(buf));
		}
		free(buf);
	}
}

static void test_a_format_that_ends_early(void **state)
{
	char fmt[] = "ab%";

	(void)state;
	assert_string_equal(format(fmt), "ab");
	fmt[1] = '%';
	fmt[2] = '5';
	assert_string_equal(format(fmt), "a");
}

/* A thousand conversions by chance; the C library's is sprintf. */
static void test_against_the_c_library(void **state)
{
	static const char *const flags[] = { "", "0", "-" };
	static const char *const longs[] = { "", "l", "ll", "z" };
	char fmt[32], want[256];
	uint64_t v;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		const char *size = longs[rand() % 4];

		sprintf(fmt, "<%%%s%.0d%s%c>", flags[rand() % 3],
			rand() % 24, size, "diux"[rand() % 4]);
		v = (uint64_t)rand() << 33 ^ (uint64_t)rand();
		v >>= rand() % 64;
		v = rand() % 3 ? v : -v;
		if (*size) {
			sprintf(want, fmt, v);
			format(fmt, v);
		} else {
			sprintf(want, fmt, (unsigned)v);
			format(fmt, (unsigned)v);
		}
		assert_string_equal(got, want);
	}
}

static void test_text_grows_until_it_is_full(void **state)
{
	char buf[8];
	struct text t = { .buf = buf, .size = sizeof(buf) };

	(void)state;
	text_add(&t, "ab");
	text_add(&t, "%d", 345);
	assert_string_equal(buf, "ab345");
	assert_int_equal(t.len, 5);
	assert_false(t.full);
	text_add(&t, "%s", "678");
	assert_string_equal(buf, "ab34567");
	assert_int_equal(t.len, 7);
	assert_true(t.full);
	text_add(&t, "more");
	assert_string_equal(buf, "ab34567");
	assert_int_equal(t.len, 7);
}

static void test_text_that_just_fits(void **state)
{
	char buf[4];
	struct text t = { .buf = buf, .size = sizeof(buf) };

	(void)state;
	text_add(&t, "abc");
	assert_string_equal(buf, "abc");
	assert_false(t.full);
	text_add(&t, "%s", "");
	assert_false(t.full);
	text_add(&t, "d");
	assert_true(t.full);
	assert_string_equal(buf, "abc");
}

static void test_text_of_no_size(void **state)
{
	struct text t = { .buf = NULL, .size = 0 };

	(void)state;
	text_add(&t, "abc");
	assert_true(t.full);
	assert_int_equal(t.len, 0);
}

static bool number(const char *s, unsigned base, uint64_t max, uint64_t want,
		   const char *rest)
{
	uint64_t n = 4711;

	if (!parse_number(&s, base, max, &n)) {
		assert_int_equal(n, 4711);
		return false;
	}
	assert_int_equal(n, want);
	assert_string_equal(s, rest);
	return true;
}

static void test_numbers_in(void **state)
{
	(void)state;
	assert_true(number("0", 10, 10, 0, ""));
	assert_true(number("42 rest", 10, 100, 42, " rest"));
	assert_true(number("007", 10, 7, 7, ""));
	assert_true(number("1fG", 16, 255, 0x1f, "G"));
	assert_true(number("aBcDeF", 16, UINT64_MAX, 0xabcdef, ""));
	assert_true(number("12a", 10, 100, 12, "a"));
	assert_true(number("0x10", 16, 100, 0, "x10"));
	assert_false(number("", 10, 100, 0, ""));
	assert_false(number(" 1", 10, 100, 0, ""));
	assert_false(number("-1", 10, 100, 0, ""));
	assert_false(number("+1", 10, 100, 0, ""));
	assert_false(number("g", 16, 100, 0, ""));
	assert_false(number("a", 10, 100, 0, ""));
}

/* Around every limit, none wraps. */
static void test_limits_of_numbers(void **state)
{
	static const uint64_t limits[] = {
		0, 1, 7, 9, 10, 31, 255, 65535, INT32_MAX, UINT32_MAX,
		UINT64_MAX / 10, UINT64_MAX / 16, UINT64_MAX - 1, UINT64_MAX,
	};
	char text[64];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		uint64_t max = limits[i];

		sprintf(text, "%lu", max);
		assert_true(number(text, 10, max, max, ""));
		sprintf(text, "%lx", max);
		assert_true(number(text, 16, max, max, ""));
		sprintf(text, "%lu0", max + (max == 0));
		assert_false(number(text, 10, max, 0, ""));
		if (max == UINT64_MAX)
			continue;
		sprintf(text, "%lu", max + 1);
		assert_false(number(text, 10, max, 0, ""));
		sprintf(text, "%lx", max + 1);
		assert_false(number(text, 16, max, 0, ""));
	}
	assert_false(number("18446744073709551616", 10, UINT64_MAX, 0, ""));
	assert_false(number("99999999999999999999999", 10, UINT64_MAX, 0, ""));
	assert_false(number("10000000000000000", 16, UINT64_MAX, 0, ""));
}

/* Every small maximum and number, in both bases. */
static void test_all_small_numbers(void **state)
{
	char text[16];

	(void)state;
	for (unsigned max = 0; max < 300; max++)
		for (unsigned n = 0; n < 400; n++) {
			sprintf(text, "%u", n);
			assert_int_equal(number(text, 10, max, n, ""),
					 n <= max);
			sprintf(text, "%x", n);
			assert_int_equal(number(text, 16, max, n, ""),
					 n <= max);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_widths_and_flags),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_precision_bounds_the_reading),
		cmocka_unit_test(test_what_does_not_fit),
		cmocka_unit_test(test_a_format_that_ends_early),
		cmocka_unit_test(test_against_the_c_library),
		cmocka_unit_test(test_text_grows_until_it_is_full),
		cmocka_unit_test(test_text_that_just_fits),
		cmocka_unit_test(test_text_of_no_size),
		cmocka_unit_test(test_numbers_in),
		cmocka_unit_test(test_limits_of_numbers),
		cmocka_unit_test(test_all_small_numbers),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
