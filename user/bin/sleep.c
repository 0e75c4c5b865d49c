/* SPDX-License-Identifier: BSD-2-Clause */
/* sleep SECONDS: waits so long; decimals down to milliseconds count. */
#include <lib.h>

/* What is behind the decimal point; -1: no number */
static int parse_fraction(const char *text, uint64_t *milliseconds)
{
	char digits[] = "000";
	uint64_t n;

	memcpy(digits, text, MIN(strlen(text), 3));
	if (parse_number(text, 10, UINT64_MAX, &n) < 0)
		return -1;
	return parse_number(digits, 10, 999, milliseconds);
}

/* -1: not a number of seconds */
static long parse_seconds(const char *text)
{
	size_t len = strcspn(text, ".");
	uint64_t seconds, milliseconds = 0;
	char whole[12] = "0";

	if (!*text || len >= sizeof(whole))
		return -1;
	memcpy(whole, text, len);
	if (parse_number(whole, 10, UINT32_MAX, &seconds) < 0)
		return -1;
	if (text[len] && parse_fraction(text + len + 1, &milliseconds) < 0)
		return -1;
	return (long)(seconds * 1000 + milliseconds);
}

int main(int argc, char **argv)
{
	long ms = argc == 2 ? parse_seconds(argv[1]) : -1;

	if (ms < 0)
		usage("SECONDS");
	if (sleep_ms(ms) < 0)
		fatal("%r");
	return 0;
}
