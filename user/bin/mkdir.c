/* SPDX-License-Identifier: BSD-2-Clause */
/* mkdir [-p] DIR...: makes directories, with -p also those on the way. */
#include <lib.h>

static int make(const char *path)
{
	int fd = create(path, OREAD, DMDIR | 0777);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static bool is_dir(const char *path)
{
	struct dir d;

	return stat(path, &d) == 0 && (d.mode & DMDIR);
}

static int make_parents(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (!is_dir(path) && make(path) < 0)
			return -1;
		*p = '/';
	}
	return is_dir(path) ? 0 : make(path);
}

static int make_new(const char *path)
{
	struct dir d;

	if (stat(path, &d) == 0) {
		warn("%s: exists", path);
		return 1;
	}
	if (make(path) == 0)
		return 0;
	warn("%s: %r", path);
	return 1;
}

int main(int argc, char **argv)
{
	bool parents = argc > 1 && strcmp(argv[1], "-p") == 0;
	int status = 0;

	if (argc < 2 + parents)
		usage("[-p] DIR...");
	for (int i = 1 + parents; i < argc; i++) {
		if (!parents) {
			status |= make_new(argv[i]);
		} else if (*argv[i] && make_parents(argv[i]) < 0) {
			warn("%s: %r", argv[i]);
			status = 1;
		}
	}
	return status;
}
