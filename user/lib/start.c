/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first C code of a program: relocates it, and calls main.  Nobody else
 * has loaded us properly, so until relocate is done no pointer in initialised
 * data may be used.
 */
#include <lib.h>

/* From the ELF-64 specification and the x86-64 ABI's supplement. */
enum {
	DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, DT_REL = 17, DT_JMPREL = 23,
	DT_RELR = 36,
	R_X86_64_RELATIVE = 8,
};

struct dyn {
	int64_t tag;
	uint64_t value;
};

struct rela {
	uint64_t offset, info;
	int64_t addend;
};

int main(int argc, char **argv);
_Noreturn void start(long *sp, const struct dyn *dyn, char *base);

const char *argv0 = "?";

static _Noreturn void cannot_relocate(void)
{
	static const char text[] = "start: unknown kind of relocation\n";

	/* Nothing can be done about a failed write here. */
	if (write(2, text, sizeof(text) - 1) < 0)
		exit(126);
	exit(127);
}

static void relocate(const struct dyn *dyn, char *base)
{
	const struct rela *r = NULL;
	uint64_t size = 0;

	for (; dyn->tag != DT_NULL; dyn++) {
		if (dyn->tag == DT_RELA)
			r = (const struct rela *)(base + dyn->value);
		else if (dyn->tag == DT_RELASZ)
			size = dyn->value;
		else if (dyn->tag == DT_REL || dyn->tag == DT_JMPREL ||
			 dyn->tag == DT_RELR)
			cannot_relocate();
	}
	for (; size >= sizeof(*r); r++, size -= sizeof(*r)) {
		if (r->info != R_X86_64_RELATIVE)
			cannot_relocate();
		*(char **)(base + r->offset) = base + r->addend;
	}
}

void start(long *sp, const struct dyn *dyn, char *base)
{
	int argc = (int)*sp;
	char **argv = (char **)(sp + 1);

	relocate(dyn, base);
	if (argc > 0)
		argv0 = path_base(argv[0]);
	exit(main(argc, argv));
}
