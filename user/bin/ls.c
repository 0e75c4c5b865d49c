/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ls [-l] [FILE...]: names, sorted; those of a directory's files, for a
 * directory.  They stand on one line if that is short enough, else in
 * columns, read downwards.  -l: a line each, with mode, owner and length.
 */
#include <lib.h>

enum { LINE = 80 };

static bool long_form;

static void print_long(const struct dir *d)
{
	static const char letters[] = "rwxrwxrwx";
	char mode[] = "----------";

	if (d->mode & DMDIR)
		mode[0] = 'd';
	for (unsigned i = 0; i < 9; i++)
		if (d->mode & (0400u >> i))
			mode[1 + i] = letters[i];
	print("%s %-8s %8lu %s\n", mode, d->user, d->length, d->name);
}

static void print_line(const struct dir *d, size_t n)
{
	char line[LINE + 1];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprint(line + len, sizeof(line) - len, "%s%s",
				       i > 0 ? " " : "", d[i].name);
	print("%s\n", line);
}

static void print_columns(const struct dir *d, size_t n, size_t width)
{
	size_t columns = MAX(LINE / (width + 2), 1);
	size_t rows = (n + columns - 1) / columns;

	for (size_t row = 0; row < rows; row++) {
		size_t i = row;

		for (; i + rows < n; i += rows)
			print("%-*s", (int)width + 2, d[i].name);
		print("%s\n", d[i].name);
	}
}

static void print_names(const struct dir *d, size_t n)
{
	size_t all = 0, widest = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(d[i].name);

		all += len + 1;
		widest = MAX(widest, len);
	}
	if (all > LINE)
		print_columns(d, n, widest);
	else if (n > 0)
		print_line(d, n);
}

static void print_entries(const struct dir *d, size_t n)
{
	if (!long_form) {
		print_names(d, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		print_long(&d[i]);
}

static int list(const char *path, bool titled)
{
	struct dir one, *d = &one;
	size_t n = 1;

	if (stat(path, &one) < 0) {
		warn("%s: %r", path);
		return 1;
	}
	if (!(one.mode & DMDIR)) {
		strlcpy(one.name, path, sizeof(one.name));
		print_entries(&one, 1);
		return 0;
	}
	if (!(d = readdir(path, &n))) {
		warn("%s: %r", path);
		return 1;
	}
	if (titled)
		print("%s:\n", path);
	print_entries(d, n);
	free(d);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc > 1 && strcmp(argv[1], "-l") == 0) {
		long_form = true;
		argc--;
		argv++;
	}
	if (argc > 1 && argv[1][0] == '-')
		usage("[-l] [FILE...]");
	if (argc == 1)
		return list(".", false);
	for (int i = 1; i < argc; i++)
		status |= list(argv[i], argc > 2);
	return status;
}
