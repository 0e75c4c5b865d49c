/* SPDX-License-Identifier: BSD-2-Clause */
/* rm [-r] FILE...: removes files, with -r directories with all in them. */
#include <lib.h>

static int remove_tree(const char *path);

static int remove_entries(const char *path)
{
	char name[PATHLEN];
	size_t n;
	struct dir *d = readdir(path, &n);
	int status = 0;

	if (!d) {
		warn("%s: %r", path);
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		if (path_join(name, sizeof(name), path, d[i].name) == 0)
			status |= remove_tree(name);
	}
	free(d);
	return status;
}

static int remove_one(const char *path)
{
	if (remove(path) == 0)
		return 0;
	warn("%s: %r", path);
	return 1;
}

static int remove_tree(const char *path)
{
	struct dir d;
	int status = 0;

	if (stat(path, &d) == 0 && (d.mode & DMDIR))
		status = remove_entries(path);
	return status ? status : remove_one(path);
}

int main(int argc, char **argv)
{
	bool recursive = argc > 1 && strcmp(argv[1], "-r") == 0;
	int status = 0;

	if (argc < 2 + recursive)
		usage("[-r] FILE...");
	for (int i = 1 + recursive; i < argc; i++)
		status |= recursive ? remove_tree(argv[i])
				    : remove_one(argv[i]);
	return status;
}
