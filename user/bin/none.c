/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * none COMMAND [WORD...]: runs the command as the user none, who may use only
 * what he is given.  There is no way back.
 */
#include <lib.h>

int main(int argc, char **argv)
{
	char path[PATHLEN];

	if (argc < 2)
		usage("COMMAND [WORD...]");
	if (strchr(argv[1], '/'))
		strlcpy(path, argv[1], sizeof(path));
	else
		snprint(path, sizeof(path), "/bin/%s", argv[1]);
	if (writefile("#cons/user", "none") < 0)
		fatal("%r");
	exec(path, argv + 1);
	fatal("%s: %r", argv[1]);
}
