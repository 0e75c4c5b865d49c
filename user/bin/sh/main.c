/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sh [-l] [-c TEXT | FILE [WORD...]]: the shell.  It takes its commands from
 * TEXT, from the FILE, or from its input, with editing if that is the console.
 * -l: it is the outermost shell there, which Ctrl-D does not end.
 */
#include "sh.h"

struct shell shell;

static volatile bool interrupt_came;

bool take_interrupt(void)
{
	bool came = interrupt_came;

	interrupt_came = false;
	return came;
}

static void handle_note(struct ureg *regs, char *note)
{
	(void)regs;
	if (strcmp(note, "interrupt") != 0)
		noted(NDFLT);
	interrupt_came = true;
	noted(NCONT);
}

static void run_console(void)
{
	char *line;

	if (rfork(RFNOTEG) < 0)
		fatal("rfork: %r");
	notify(handle_note);
	give_console(shell.pid);
	shell.interactive = true;
	while ((line = console_line())) {
		shell.interrupted = false;
		run_text(line);
		reap_jobs();
	}
}

/* A line of input, without its newline; NULL at the end.  It is read byte by
 * byte, because what follows may be meant for the command. */
static char *plain_line(void)
{
	static char *line;
	static size_t size;
	size_t len = 0;
	char c;

	for (;;) {
		if (len + 1 >= size) {
			size = size ? 2 * size : 128;
			line = realloc(line, size);
		}
		if (!line)
			fatal("out of memory");
		line[len] = '\0';
		if (read(0, &c, 1) != 1)
			return len > 0 ? line : NULL;
		if (c == '\n')
			return line;
		line[len++] = c;
	}
}

static void prompt(bool wanted)
{
	if (wanted)
		fprint(2, "$ ");
}

/* The input may still be the console, of a user who must not control it. */
static void run_input(void)
{
	bool console = is_console(0);
	char *line;

	prompt(console);
	while ((line = plain_line())) {
		run_text(line);
		prompt(console);
	}
}

static void run_file(const char *path)
{
	char *text = readfile(path, NULL);

	if (!text)
		fatal("%s: %r", path);
	run_text(text);
}

int main(int argc, char **argv)
{
	argv0 = "sh";
	shell.pid = getpid();
	if (argc > 1 && strcmp(argv[1], "-l") == 0) {
		shell.login = true;
		argc--;
		argv++;
	}
	shell.args = argv;
	if (argc > 2 && strcmp(argv[1], "-c") == 0) {
		shell.args += 2;
		run_text(argv[2]);
	} else if (argc > 1 && argv[1][0] == '-') {
		usage("[-l] [-c TEXT | FILE [WORD...]]");
	} else if (argc > 1) {
		shell.args++;
		run_file(argv[1]);
	} else if (is_console(0) && may_control()) {
		run_console();
	} else {
		run_input();
	}
	return shell.status;
}
