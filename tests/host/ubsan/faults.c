/* SPDX-License-Identifier: BSD-2-Clause */
#include "faults.h"

int do_add(int a, int b)
{
	return a + b;
}

long do_sub(long a, long b)
{
	return a - b;
}

int do_mul(int a, int b)
{
	return a * b;
}

int do_negate(int a)
{
	return -a;
}

int do_divide(int a, int b)
{
	return a / b;
}

int do_one(int a)
{
	return a + 1;
}

int do_two(int a)
{
	return a + 2;
}

int do_shift(int a, int by)
{
	return a << by;
}

int do_shift_left(int a)
{
	return a << 1;
}

uint64_t do_shift_64(uint64_t a, uint8_t by)
{
	return a >> by;
}

uint64_t do_shift_128(unsigned by)
{
	return (uint64_t)((unsigned __int128)1 << by);
}

int do_index(unsigned i)
{
	static const int ten[10] = { 1 };

	return ten[i];
}

uint64_t do_load(const uint64_t *p)
{
	return *p;
}

void do_store(uint64_t *p)
{
	*p = 1;
}

char do_read_behind(long i)
{
	static char eight[8];
	char *p = eight;

	return *(p + i);
}

const char *do_move(const char *p, unsigned long by)
{
	return p + by;
}

int do_array(int n)
{
	char a[n];

	a[0] = 1;
	return a[0];
}

bool do_bool(const uint8_t *p)
{
	return *(const volatile bool *)p;
}

int do_count_zeroes(unsigned n)
{
	return __builtin_clz(n);
}

__attribute__((nonnull, noinline)) static void needs_it(void *to)
{
	asm volatile("" : : "r"(to));
}

void do_null_argument(void *to)
{
	needs_it(to);
}

__attribute__((returns_nonnull)) void *do_null_result(void *p)
{
	return p;
}

int do_unreachable(int n)
{
	if (n == 3)
		return n;
	__builtin_unreachable();
}
