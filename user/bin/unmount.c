/* SPDX-License-Identifier: BSD-2-Clause */
/* unmount [NEW] OLD: undoes bind at OLD, or that of NEW alone. */
#include <lib.h>

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		usage("[NEW] OLD");
	if (unmount(argc == 3 ? argv[1] : NULL, argv[argc - 1]) < 0)
		fatal("%s: %r", argv[argc - 1]);
	return 0;
}
