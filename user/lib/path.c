/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths as text. */
#include <lib.h>

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

int path_join(char *buf, size_t len, const char *dir, const char *name)
{
	size_t n = strlen(dir);
	const char *slash = n > 0 && dir[n - 1] == '/' ? "" : "/";
	int whole = snprint(buf, len, "%s%s%s", dir, slash, name);

	return (size_t)whole < len ? 0 : -1;
}
