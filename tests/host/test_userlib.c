/* SPDX-License-Identifier: BSD-2-Clause */
/* The user library's formatted text and its number parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <lib.h>

static char written[2048];
static size_t written_len;
static unsigned writes;
static bool disk_full;

int writeall(int fd, const void *buf, size_t len)
{
	assert_int_equal(fd, 5);
	assert_true(written_len + len < sizeof(written));
	memcpy(written + written_len, buf, len);
	written_len += len;
	writes++;
	return disk_full ? -1 : 0;
}

int errstr(char *buf, size_t len)
{
	static const char reason[] = "iommu: attach 0:3.0: owned by pid 22";

	assert_true(sizeof(reason) <= len);
	memcpy(buf, reason, sizeof(reason));
	return 0;
}

static int format(char *buf, size_t len, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprint(buf, len, fmt, args);
	va_end(args);
	return n;
}

static int format_to(int fd, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vfprint(fd, fmt, args);
	va_end(args);
	return n;
}

#define check(expected, ...)						\
	do {								\
		char got[128];						\
									\
		assert_int_equal(format(got, sizeof(got), __VA_ARGS__),	\
				 strlen(expected));			\
		assert_string_equal(got, expected);			\
	} while (0)

static void test_conversions(void **state)
{
	(void)state;
	check("", "%s", "");
	check("100%", "%d%%", 100);
	check("a b", "%c %s", 'a', "b");
	check("-2147483648 0 2147483647", "%d %d %d", INT32_MIN, 0, INT32_MAX);
	check("-9223372036854775808", "%ld", INT64_MIN);
	check("18446744073709551615", "%lu", UINT64_MAX);
	check("4294967295 ff", "%u %x", UINT32_MAX, 255);
	check("fee00000deadbeef", "%lx", 0xfee00000deadbeeful);
	check("123", "%zu", (size_t)123);
	check("0x1000", "%p", (void *)0x1000);
	check("echo: iommu: attach 0:3.0: owned by pid 22", "%s: %r", "echo");
}

static void test_widths(void **state)
{
	(void)state;
	check("[   42]", "[%5d]", 42);
	check("[42   ]", "[%-5d]", 42);
	check("[00042]", "[%05d]", 42);
	check("[-0042]", "[%05d]", -42);
	check("[  -42]", "[%5d]", -42);
	check("[-42  ]", "[%-05d]", -42);
	check("[ab  ]", "[%-4s]", "ab");
	check("[  ab]", "[%4s]", "ab");
	check("[  ab]", "[%04s]", "ab");
	check("[abcdef]", "[%4s]", "abcdef");
	check("[abc]", "[%.3s]", "abcdef");
	check("[  ab]", "[%*.*s]", 4, 2, "abcdef");
	check("[0000beef]", "[%08x]", 0xbeef);
	check("q%", "%q%%");
	check("x", "x%");
}

static void test_truncation(void **state)
{
	char buf[8] = "zzzzzzz";

	(void)state;
	assert_int_equal(format(buf, 4, "%s", "abcdef"), 6);
	assert_string_equal(buf, "abc");
	assert_int_equal(buf[4], 'z');
	assert_int_equal(format(buf, 1, "%d", 12345), 5);
	assert_string_equal(buf, "");
	buf[0] = 'y';
	assert_int_equal(format(buf, 0, "%d", 12345), 5);
	assert_int_equal(buf[0], 'y');
}

static void test_to_a_file(void **state)
{
	(void)state;
	assert_int_equal(format_to(5, "%s %d\n", "line", 1), 7);
	assert_int_equal(writes, 1);
	assert_memory_equal(written, "line 1\n", 7);
	assert_int_equal(format_to(5, "%1000d|", 7), 1001);
	assert_int_equal(written_len, 1008);
	assert_memory_equal(written + 1006, "7|", 2);
	disk_full = true;
	assert_int_equal(format_to(5, "x"), -1);
}

static void good(const char *text, unsigned base, uint64_t max, uint64_t value)
{
	uint64_t n = ~value;

	assert_int_equal(parse_number(text, base, max, &n), 0);
	assert_int_equal(n, value);
}

static void bad(const char *text, unsigned base, uint64_t max)
{
	uint64_t n = 42;

	assert_int_equal(parse_number(text, base, max, &n), -1);
	assert_int_equal(n, 42);
}

static void test_numbers(void **state)
{
	(void)state;
	good("0", 10, 0, 0);
	good("007", 10, 7, 7);
	good("18446744073709551615", 10, UINT64_MAX, UINT64_MAX);
	good("ffffffffffffffff", 16, UINT64_MAX, UINT64_MAX);
	good("0xDeadBeef", 16, UINT32_MAX, 0xdeadbeef);
	good("0X1f", 16, 31, 31);
	bad("", 10, UINT64_MAX);
	bad("0x", 16, UINT64_MAX);
	bad("0x10", 10, UINT64_MAX);
	bad("-1", 10, UINT64_MAX);
	bad("+1", 10, UINT64_MAX);
	bad(" 1", 10, UINT64_MAX);
	bad("1 ", 10, UINT64_MAX);
	bad("1a", 10, UINT64_MAX);
	bad("g", 16, UINT64_MAX);
	bad("8", 10, 7);
	bad("100", 10, 99);
	bad("18446744073709551616", 10, UINT64_MAX);
	bad("99999999999999999999999", 10, UINT64_MAX);
	bad("10000000000000000", 16, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_to_a_file),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
