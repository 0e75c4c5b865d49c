/* SPDX-License-Identifier: BSD-2-Clause */
/* shutdown [-r]: turns the machine off, or with -r starts it anew. */
#include <lib.h>

int main(int argc, char **argv)
{
	bool again = argc == 2 && strcmp(argv[1], "-r") == 0;

	if (argc > 1 && !again)
		usage("[-r]");
	if (writefile("#cons/reboot", again ? "reboot" : "halt") < 0)
		fatal("%r");
	return 0;
}
