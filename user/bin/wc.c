/* SPDX-License-Identifier: BSD-2-Clause */
/* wc [FILE...]: lines, words and bytes of the files, or of its input. */
#include <lib.h>

struct count {
	uint64_t lines, words, bytes;
	bool in_word;
};

static void count_bytes(struct count *c, const char *p, size_t n)
{
	c->bytes += n;
	for (; n > 0; n--, p++) {
		bool blank = *p == ' ' || (*p >= '\t' && *p <= '\r');

		c->lines += *p == '\n';
		c->words += !blank && !c->in_word;
		c->in_word = !blank;
	}
}

static int count_file(int fd, const char *name)
{
	static char buf[8192];
	struct count c = { 0 };
	long n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		count_bytes(&c, buf, (size_t)n);
	if (n < 0) {
		warn("%s: %r", *name ? name : "input");
		return 1;
	}
	print("%7lu %7lu %7lu%s%s\n", c.lines, c.words, c.bytes,
	      *name ? " " : "", name);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		return count_file(0, "");
	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], OREAD);

		if (fd < 0) {
			warn("%s: %r", argv[i]);
			status = 1;
			continue;
		}
		status |= count_file(fd, argv[i]);
		close(fd);
	}
	return status;
}
