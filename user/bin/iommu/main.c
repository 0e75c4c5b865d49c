/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu [-d DIR] [COMMAND ...]: shows what the IOMMU does; `iommu help` lists
 * the commands.  -d: the files are in DIR instead of #iommu.
 *
 * Exit status: 0; 1, when something is wrong, could not be read, or a walk ends
 * before memory; 2, when the command line is wrong.
 */
#include "iommu.h"

static const struct command {
	const char *name, *form, *text;
	int (*run)(int argc, char **argv);
	int min, max;		/* arguments */
} commands[] = {
	{ "", "", "a summary", summary, 0, 0 },
	{ "top", " [-n ROUNDS] [SECONDS]", "what goes on now; q ends it",
	  top, 0, 3 },
	{ "walk", " BDF ADDR", "from the root table to the frame", walk, 2, 2 },
	{ "why", " BDF", "its unit, group and owner; may it be attached",
	  why, 1, 1 },
	{ "dump", " BDF", "all that it reaches", dump, 1, 1 },
	{ "report", "", "all that a maintainer wants to see", report, 0, 0 },
	{ "selftest", " [-u]", "does it work here; -u: attach unsafe",
	  selftest, 0, 1 },
};

static int help(void)
{
	char form[64];

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		snprint(form, sizeof(form), "%s%s", commands[i].name,
			commands[i].form);
		print("iommu %-26s %s\n", form, commands[i].text);
	}
	print("iommu -d DIR ...                 files from DIR, not %s\n",
	      FOLDER);
	return 0;
}

static _Noreturn void wrong_use(const struct command *c)
{
	char form[64];

	if (!c)
		usage("[-d DIR] [top | walk | why | dump | report | selftest | "
		      "help]");
	snprint(form, sizeof(form), "%s%s", c->name, c->form);
	usage(form);
}

int main(int argc, char **argv)
{
	const struct command *c = NULL;
	const char *name;
	int status;

	if (argc > 2 && !strcmp(argv[1], "-d")) {
		folder = argv[2];
		argc -= 2;
		argv += 2;
	}
	name = argc > 1 ? argv[1] : "";
	if (argc == 2 && !strcmp(name, "help"))
		return help();
	for (size_t i = 0; i < ARRAY_SIZE(commands) && !c; i++)
		if (!strcmp(commands[i].name, name))
			c = &commands[i];
	argc = MAX(argc - 2, 0);
	if (!c || argc < c->min || argc > c->max)
		wrong_use(c);
	status = c->run(argc, argv + 2);
	if (status == 2)
		wrong_use(c);
	return status || trouble;
}
