/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init, the first process: gives the console to a shell, and another one when
 * it ends; waits for the processes whose parents have ended.
 */
#include <lib.h>

static void ignore(struct ureg *regs, char *note)
{
	(void)regs;
	(void)note;
	noted(NCONT);
}

static void must_bind(const char *new, const char *old)
{
	if (bind(new, old, MREPL) < 0)
		warn("bind %s %s: %r", new, old);
}

static int start_shell(void)
{
	static char *const argv[] = { "sh", "-l", NULL };
	int pid = fork();

	if (pid == 0) {
		exec("/bin/sh", argv);
		fatal("/bin/sh: %r");
	}
	return pid;
}

int main(void)
{
	must_bind("#cons", "/dev");
	must_bind("#proc", "/proc");
	notify(ignore);
	print("help lists the programs; under QEMU, Ctrl-A X leaves\n");
	for (;;) {
		int64_t begin = nsec();
		int pid = start_shell();

		if (pid < 0)
			warn("fork: %r");
		while (pid > 0 && wait(NULL) != pid)
			;
		/* A shell that cannot run must not keep us busy. */
		if (nsec() - begin < 1000000000)
			sleep_ms(1000);
	}
}
