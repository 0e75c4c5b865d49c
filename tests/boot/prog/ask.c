/* SPDX-License-Identifier: BSD-2-Clause */
/* ask FILE TEXT: writes the text in one write, and prints what the same open
 * file then says. */
#include <lib.h>

int main(int argc, char **argv)
{
	char answer[4096];
	long off = 0, n;
	int fd;

	if (argc != 3)
		usage("FILE TEXT");
	fd = open(argv[1], ORDWR);
	if (fd < 0 || write(fd, argv[2], strlen(argv[2])) < 0)
		fatal("%r");
	for (; (n = pread(fd, answer, sizeof(answer), off)) > 0; off += n)
		if (writeall(1, answer, (size_t)n) < 0)
			fatal("%r");
	if (n < 0)
		fatal("%r");
	return 0;
}
