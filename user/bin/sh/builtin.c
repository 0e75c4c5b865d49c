/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that are the shell's own. */
#include "sh.h"

static int builtin_cd(char **argv)
{
	const char *to = argv[1] ? argv[1] : "/";

	if (chdir(to) == 0)
		return 0;
	warn("cd: %s: %r", to);
	return 1;
}

static int builtin_exec(char **argv)
{
	if (!argv[1])
		return 0;
	forget_fds();
	exit(exec_program(argv + 1));
}

static int builtin_exit(char **argv)
{
	uint64_t status = (unsigned)shell.status;

	if (argv[1] && parse_number(argv[1], 10, INT32_MAX, &status) < 0) {
		warn("exit: %s: not a number", argv[1]);
		return 2;
	}
	exit((int)status);
}

static int builtin_wait(char **argv)
{
	int status = 0;

	if (!argv[1])
		return wait_for_all();
	while (*++argv && !shell.interrupted)
		status = wait_for(*argv);
	return status;
}

builtin_fn *find_builtin(const char *name)
{
	static const struct {
		const char *name;
		builtin_fn *run;
	} builtins[] = {
		{ "cd", builtin_cd },
		{ "exec", builtin_exec },
		{ "exit", builtin_exit },
		{ "wait", builtin_wait },
	};

	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (strcmp(builtins[i].name, name) == 0)
			return builtins[i].run;
	return NULL;
}
