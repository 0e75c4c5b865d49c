/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grep [-v] TEXT [FILE...]: the lines in which TEXT, taken literally, is, or
 * with -v is not.  Exits with 1 if there was none.
 */
#include <lib.h>

static bool inverted, found, failed;

static void search(int fd, const char *name, const char *text, bool named)
{
	struct lines l = { .fd = fd };
	char *line;
	int more;

	while ((more = lines_next(&l, &line)) > 0) {
		if (!strstr(line, text) != inverted)
			continue;
		found = true;
		print("%s%s%s\n", named ? name : "", named ? ":" : "", line);
	}
	if (more < 0) {
		warn("%s: %r", name);
		failed = true;
	}
	lines_free(&l);
}

static void search_file(const char *name, const char *text, bool named)
{
	int fd = open(name, OREAD);

	if (fd < 0) {
		warn("%s: %r", name);
		failed = true;
		return;
	}
	search(fd, name, text, named);
	close(fd);
}

int main(int argc, char **argv)
{
	inverted = argc > 1 && strcmp(argv[1], "-v") == 0;
	argc -= inverted;
	argv += inverted;
	if (argc < 2)
		usage("[-v] TEXT [FILE...]");
	if (argc == 2)
		search(0, "input", argv[1], false);
	for (int i = 2; i < argc; i++)
		search_file(argv[i], argv[1], argc > 3);
	return failed ? 2 : !found;
}
