/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hexdump [-s SKIP] [-n LENGTH] [FILE]: bytes in hexadecimal and as text, 16
 * a line; a * stands for lines that are like the one before.
 */
#include <lib.h>

enum { ROW = 16 };

static void print_row(uint64_t at, const unsigned char *p, size_t n)
{
	char hex[3 * ROW + 2], text[ROW + 1];
	size_t len = 0;

	for (size_t i = 0; i < ROW; i++) {
		if (i == ROW / 2)
			hex[len++] = ' ';
		len += (size_t)snprint(hex + len, sizeof(hex) - len,
				       i < n ? " %02x" : "   ", p[i]);
	}
	for (size_t i = 0; i < n; i++)
		text[i] = p[i] >= ' ' && p[i] <= '~' ? (char)p[i] : '.';
	text[n] = '\0';
	print("%08lx %s  |%s|\n", at, hex, text);
}

/* As many bytes as there are, up to a row. */
static size_t read_row(int fd, unsigned char *p, uint64_t most)
{
	size_t want = MIN(most, (uint64_t)ROW), len = 0;

	while (len < want) {
		long n = read(fd, p + len, want - len);

		if (n < 0)
			fatal("%r");
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return len;
}

static void dump(int fd, uint64_t at, uint64_t most)
{
	unsigned char row[ROW] = { 0 }, last[ROW];
	uint64_t begin = at;
	bool starred = false;
	size_t n;

	while ((n = read_row(fd, row, most)) > 0) {
		bool same = at > begin && n == ROW &&
			    memcmp(row, last, ROW) == 0;

		if (!same)
			print_row(at, row, n);
		else if (!starred)
			print("*\n");
		starred = same;
		memcpy(last, row, ROW);
		at += n;
		most -= n;
	}
	print("%08lx\n", at);
}

static uint64_t number(const char *text)
{
	unsigned base = strncmp(text, "0x", 2) == 0 ? 16 : 10;
	uint64_t n;

	if (parse_number(text, base, INT64_MAX, &n) < 0)
		fatal("%s: not a number", text);
	return n;
}

int main(int argc, char **argv)
{
	uint64_t skip = 0, most = UINT64_MAX;
	int fd = 0;

	for (; argc > 2 && argv[1][0] == '-'; argc -= 2, argv += 2) {
		if (strcmp(argv[1], "-s") == 0)
			skip = number(argv[2]);
		else if (strcmp(argv[1], "-n") == 0)
			most = number(argv[2]);
		else
			break;
	}
	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		usage("[-s SKIP] [-n LENGTH] [FILE]");
	if (argc == 2 && (fd = open(argv[1], OREAD)) < 0)
		fatal("%s: %r", argv[1]);
	if (skip > 0 && seek(fd, (int64_t)skip, SEEK_SET) < 0)
		fatal("seek: %r");
	dump(fd, skip, most);
	return 0;
}
