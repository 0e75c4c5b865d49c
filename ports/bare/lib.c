/* SPDX-License-Identifier: BSD-2-Clause */
/* As much of a C library as is needed. */
#include "bare.h"

#define COM1 0x3f8

void *memset(void *p, int c, size_t n)
{
	void *at = p;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n)
			 : : "memory");
	return to;
}

/* The port's holding register is waited for, but not for ever. */
static void put(char c)
{
	for (unsigned i = 0; i < 100000 && !(in8(COM1 + 5) & 0x20); i++)
		;
	out8(COM1, (uint8_t)c);
}

static void put_text(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_number(uint64_t v, unsigned base, unsigned width)
{
	if (v >= base || width > 1)
		put_number(v / base, base, width ? width - 1 : 0);
	put("0123456789abcdef"[v % base]);
}

/* What stands behind a %: s, or d, u, x with l and a width of zeros; its last
 * letter. */
static const char *put_value(const char *fmt, va_list *args)
{
	unsigned width = 0;
	int64_t v;

	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		width = width * 10 + (unsigned)(*fmt - '0');
	if (*fmt == 's') {
		put_text(va_arg(*args, const char *));
		return fmt;
	}
	if (*fmt == 'l') {
		fmt++;
		v = va_arg(*args, long);
	} else {
		v = va_arg(*args, int);
		v = *fmt == 'd' ? v : (uint32_t)v;
	}
	if (*fmt == 'd' && v < 0) {
		put('-');
		v = -v;
	}
	put_number((uint64_t)v, *fmt == 'x' ? 16 : 10, width);
	return fmt;
}

void print(const char *before, const char *fmt, va_list args)
{
	va_list rest;

	va_copy(rest, args);
	put_text(before);
	for (; *fmt; fmt++)
		if (*fmt == '%')
			fmt = put_value(fmt + 1, &rest);
		else
			put(*fmt);
	put('\n');
	va_end(rest);
}
