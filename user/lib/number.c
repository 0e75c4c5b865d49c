/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers from text; pure, also compiled for the host. */
#include <lib.h>

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

int parse_number(const char *text, unsigned base, uint64_t max, uint64_t *n)
{
	uint64_t sum = 0;

	if (base == 16 && text[0] == '0' && (text[1] | 0x20) == 'x')
		text += 2;
	if (!*text)
		return -1;
	for (; *text; text++) {
		unsigned d = digit(*text);

		if (d >= base || d > max || sum > (max - d) / base)
			return -1;
		sum = sum * base + d;
	}
	*n = sum;
	return 0;
}
