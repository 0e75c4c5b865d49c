/* SPDX-License-Identifier: BSD-2-Clause */
/* cat [FILE...]: copies the files, or its input, to its output. */
#include <lib.h>

static int copy(int fd, const char *name)
{
	static char buf[8192];
	long n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (writeall(1, buf, (size_t)n) < 0)
			fatal("%r");
	if (n < 0)
		warn("%s: %r", name);
	return n < 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		return copy(0, "input");
	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], OREAD);

		if (fd < 0) {
			warn("%s: %r", argv[i]);
			status = 1;
			continue;
		}
		status |= copy(fd, argv[i]);
		close(fd);
	}
	return status;
}
