/* SPDX-License-Identifier: BSD-2-Clause */
/* kill [-note TEXT] PID...: sends processes a note, "kill" without TEXT. */
#include <lib.h>

static int send(const char *pid, const char *note)
{
	char path[PATHLEN];
	uint64_t n;

	if (parse_number(pid, 10, INT32_MAX, &n) < 0) {
		warn("%s: not a process number", pid);
		return 1;
	}
	snprint(path, sizeof(path), "/proc/%lu/note", n);
	if (writefile(path, note) == 0)
		return 0;
	warn("%s: %r", pid);
	return 1;
}

int main(int argc, char **argv)
{
	const char *note = "kill";
	int status = 0;

	if (argc > 2 && strcmp(argv[1], "-note") == 0) {
		note = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc < 2)
		usage("[-note TEXT] PID...");
	for (int i = 1; i < argc; i++)
		status |= send(argv[i], note);
	return status;
}
