/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes and strings.  GCC calls the first four by itself.  Words before bytes:
 * an emulator pays for each step of a repeated instruction.
 */
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *d = to;
	size_t words = n / 8, rest = n % 8;

	asm volatile("rep movsq; mov %3, %%rcx; rep movsb"
		     : "+D"(d), "+S"(from), "+c"(words)
		     : "r"(rest) : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(to, from, n);
	while (n--)
		d[n] = s[n];
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	void *d = to;
	size_t words = n / 8, rest = n % 8;
	uint64_t eight = (uint8_t)byte * 0x0101010101010101ull;

	asm volatile("rep stosq; mov %2, %%rcx; rep stosb"
		     : "+D"(d), "+c"(words)
		     : "r"(rest), "a"(eight) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	while (n && *a && *a == *b)
		a++, b++, n--;
	return n ? (uint8_t)*a - (uint8_t)*b : 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)(uintptr_t)s;
}

size_t strlcpy(char *to, const char *from, size_t n)
{
	size_t len = strlen(from);

	if (n) {
		memcpy(to, from, MIN(len, n - 1));
		to[MIN(len, n - 1)] = '\0';
	}
	return len;
}
