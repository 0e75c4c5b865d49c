/* SPDX-License-Identifier: BSD-2-Clause */
/* cp FROM TO: copies a file; TO may be a directory. */
#include <lib.h>

static int open_new(const char *path)
{
	struct dir d;
	int fd = open(path, OWRITE | OTRUNC);

	if (fd < 0 && stat(path, &d) < 0)
		fd = create(path, OWRITE, 0666);
	return fd;
}

int main(int argc, char **argv)
{
	static char buf[8192];
	char inside[PATHLEN];
	const char *to;
	struct dir d;
	int from, fd;
	long n;

	if (argc != 3)
		usage("FROM TO");
	to = argv[2];
	if (stat(to, &d) == 0 && (d.mode & DMDIR)) {
		if (path_join(inside, sizeof(inside), to,
			      path_base(argv[1])) < 0)
			fatal("%s: path too long", to);
		to = inside;
	}
	if ((from = open(argv[1], OREAD)) < 0)
		fatal("%s: %r", argv[1]);
	if ((fd = open_new(to)) < 0)
		fatal("%s: %r", to);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (writeall(fd, buf, (size_t)n) < 0)
			fatal("%s: %r", to);
	if (n < 0)
		fatal("%s: %r", argv[1]);
	return 0;
}
