/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handlers of CONFIG_UBSAN (kern/src/ubsan.c), called by what the compiler
 * makes of undefined behaviour in ubsan/faults.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "log.h"
#include "ubsan/faults.h"

#define AT "ubsan: tests/host/ubsan/faults.c:"

static char line[256];
static unsigned lines;
static jmp_buf back;
static bool go_back;	/* the fault would also end the program */

static void keep(const char *fmt, va_list args)
{
	vsnprintf(line, sizeof(line), fmt, args);
	lines++;
	if (go_back)
		longjmp(back, 1);
}

void klog(enum log_level level, const char *fmt, ...)
{
	va_list args;

	assert_int_equal(level, LOG_ERROR);
	va_start(args, fmt);
	keep(fmt, args);
	va_end(args);
}

noreturn void panic(const char *fmt, ...);
void panic(const char *fmt, ...)
{
	va_list args;

	go_back = true;
	va_start(args, fmt);
	keep(fmt, args);
	abort();
}

/* One line, and it says that. */
static void expect(const char *text)
{
	assert_int_equal(lines, 1);
	assert_memory_equal(line, AT, strlen(AT));
	if (!strstr(line, text))
		fail_msg("not \"%s\": %s", text, line);
	lines = 0;
}

#define told(text, fault)						\
do {									\
	(void)(fault);							\
	expect(text);							\
} while (0)

#define ends(text, fault)						\
do {									\
	go_back = true;							\
	if (!setjmp(back)) {						\
		(void)(fault);						\
		fail_msg("it did not end");				\
	}								\
	go_back = false;						\
	expect(text);							\
} while (0)

static void test_arithmetic(void **state)
{
	(void)state;
	told(": 2147483647 + 1 does not fit into 'int'", do_add(INT32_MAX, 1));
	told(": -9223372036854775808 - 1 does not fit into 'long int'",
	     do_sub(INT64_MIN, 1));
	told(": 65536 * -65536 does not fit", do_mul(65536, -65536));
	told(": -(-2147483648) does not fit", do_negate(INT32_MIN));
	ends(": 7 divided by 0", do_divide(7, 0));
}

static void test_shifts(void **state)
{
	(void)state;
	told(": shift of 40 out of range for 'int'", do_shift(1, 40));
	told(": shift of 64 out of range for 'long unsigned int'",
	     do_shift_64(1, 64));
	told(": shift of 200 out of range for '__int128 unsigned'",
	     do_shift_128(200));
	told(": -5 << 1 does not fit into 'int'", do_shift_left(-5));
}

static void test_pointers(void **state)
{
	uint64_t words[2] = { 0 };
	uint64_t *odd = (uint64_t *)((uintptr_t)words + 1);
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), ": load of 'const uint64_t' at %p, not "
		 "aligned to 8", (void *)odd);
	told(text, do_load(odd));
	ends(": store to 'uint64_t' at a null pointer", (do_store(NULL), 0));
	told("beyond the object there", do_read_behind(8));
	told(": pointer 0xfffffffffffffff0 goes around to 0x10",
	     do_move((char *)-16, 32));
}

static void test_arrays(void **state)
{
	(void)state;
	ends(": index 10 out of range for 'int [10]'", do_index(10));
	ends(": array of length -3", do_array(-3));
}

static void test_values(void **state)
{
	uint8_t two = 2;

	(void)state;
	told(": 2 is no value of '_Bool'", do_bool(&two));
	told(": counts the zeroes of 0", do_count_zeroes(0));
}

static void test_functions(void **state)
{
	(void)state;
	told(": argument 1 is a null pointer", (do_null_argument(NULL), 0));
	told(": returns a null pointer", do_null_result(NULL));
	ends(": came where nothing comes", do_unreachable(4));
}

static void test_a_place_is_told_of_once_and_all_are_counted(void **state)
{
	unsigned before, after;

	(void)state;
	told(": 2147483647 + 1", do_one(INT32_MAX));
	sscanf(strrchr(line, '('), "(%u so far)", &before);
	(void)do_one(INT32_MAX);
	(void)do_one(INT32_MAX);
	assert_int_equal(lines, 0);
	told(": 2147483646 + 2", do_two(INT32_MAX - 1));
	sscanf(strrchr(line, '('), "(%u so far)", &after);
	assert_int_equal(after, before + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_shifts),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(
			test_a_place_is_told_of_once_and_all_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
