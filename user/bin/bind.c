/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind [-b|-a|-c] NEW OLD: makes NEW appear at OLD, instead of what is there
 * or, with -b before and -a after it; -c: files are created in NEW.
 */
#include <lib.h>

static int parse_flags(const char *letters)
{
	int flags = MREPL;

	for (; *letters; letters++) {
		if (*letters == 'b')
			flags |= MBEFORE;
		else if (*letters == 'a')
			flags |= MAFTER;
		else if (*letters == 'c')
			flags |= MCREATE;
		else
			return -1;
	}
	return flags;
}

int main(int argc, char **argv)
{
	int flags = MREPL;

	for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
		int more = parse_flags(argv[1] + 1);

		flags = more < 0 ? -1 : flags | more;
		if (flags < 0)
			break;
	}
	if (argc != 3 || flags < 0 || (flags & MORDER) == MORDER)
		usage("[-b|-a|-c] NEW OLD");
	if (bind(argv[1], argv[2], flags) < 0)
		fatal("%s %s: %r", argv[1], argv[2]);
	return 0;
}
