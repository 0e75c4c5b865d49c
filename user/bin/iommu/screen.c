/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a screen of 80 columns, and what stands in them. */
#include "iommu.h"

#define COLUMNS 79		/* the last one would begin the next line */

static bool redrawing;

/* What files and processes call themselves is not trusted with the terminal. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

void row(const char *fmt, ...)
{
	char text[COLUMNS + 1];
	va_list args;

	va_start(args, fmt);
	vsnprint(text, sizeof(text), fmt, args);
	va_end(args);
	make_printable(text);
	print(redrawing ? "%s\033[K\n" : "%s\n", text);
}

void rows_from_the_top(void)
{
	redrawing = true;
	print("\033[H");
}

void rows_end(void)
{
	if (redrawing)
		print("\033[J");
}

bool is_console(int fd)
{
	struct dir d;

	return fstat(fd, &d) == 0 && !strcmp(d.dev, "cons") &&
	       !strcmp(d.name, "cons");
}

size_t rows_for(size_t n, size_t rows)
{
	if (n + 1 <= rows)
		return n;
	return rows > 2 ? rows - 2 : 0;
}

void row_more(size_t missing, const char *name)
{
	if (missing)
		row("... and %lu more: cat '%s/%s'", missing, folder, name);
}

/* Exact, or with one figure behind the point, cut. */
struct brief size_text(uint64_t bytes)
{
	static const char units[] = "KMGT";
	const char *unit = NULL;
	struct brief b;
	uint64_t rest = 0;

	for (unsigned i = 0; bytes >= 1024 && i < 4; i++) {
		rest = bytes % 1024;
		bytes /= 1024;
		unit = &units[i];
	}
	if (!unit)
		snprint(b.s, sizeof(b.s), "%lu", bytes);
	else if (rest)
		snprint(b.s, sizeof(b.s), "%lu.%lu%c", bytes, rest * 10 / 1024,
			*unit);
	else
		snprint(b.s, sizeof(b.s), "%lu%c", bytes, *unit);
	return b;
}

struct brief size_of(const struct record *r, const char *key)
{
	struct brief b;
	uint64_t n;

	if (record_number(r, key, &n) == 0)
		return size_text(n);
	snprint(b.s, sizeof(b.s), "%s", record_text(r, key));
	return b;
}

/* With the process's name, if it is one. */
struct brief owner_text(const char *pid)
{
	char path[64], *status = NULL;
	struct brief b;
	uint64_t n;

	if (parse_number(pid, 10, INT32_MAX, &n) == 0) {
		snprint(path, sizeof(path), "#proc/%lu/status", n);
		status = readfile(path, NULL);
	}
	if (status)
		snprint(b.s, sizeof(b.s), "%s %.*s", pid,
			(int)strcspn(status, " \n"), status);
	else
		snprint(b.s, sizeof(b.s), "%s", pid);
	free(status);
	return b;
}

struct brief share_text(const struct record *r, const char *part,
			const char *whole)
{
	struct brief b;

	snprint(b.s, sizeof(b.s), "%s/%s", record_text(r, part),
		record_text(r, whole));
	return b;
}

bool is_notable(const struct record *d)
{
	return !record_is(d, "state", "free") &&
	       !record_is(d, "state", "refused");
}
