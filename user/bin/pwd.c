/* SPDX-License-Identifier: BSD-2-Clause */
/* pwd: the directory that one is in. */
#include <lib.h>

int main(void)
{
	char path[PATHLEN];
	int fd = open(".", OREAD);

	if (fd < 0 || fd2path(fd, path, sizeof(path)) < 0)
		fatal("%r");
	print("%s\n", path);
	return 0;
}
