/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of processes: rights, demand, copies, limits. */
#include "check.h"

#define MEG (1024 * 1024l)

static char *target;		/* of a child's access */

static void read_target(void)
{
	*(volatile char *)target;
}

static void write_target(void)
{
	*(volatile char *)target = 1;
}

static void jump_to_target(void)
{
	((void (*)(void))(uintptr_t)target)();
}

/* A child that does that to the address ends with the note. */
static void ends_by(void (*what)(void), const void *at, const char *how)
{
	char note[64];
	struct waitmsg m;

	target = (char *)(uintptr_t)at;
	m = in_child(what);
	snprint(note, sizeof(note), "sys: trap: fault %s addr=%p pc=", how, at);
	if (m.status != 128 || strncmp(m.msg, note, strlen(note)))
		fatal("%s %p: status %d, '%s'", how, at, m.status, m.msg);
}

static void write_or_execute(void)
{
	char *p = memory(PAGE, RW, 0);

	CHECK(!mmap(NULL, PAGE, RW | PROT_EXEC, MAP_ANON, -1, 0));
	FAILS(mprotect(p, PAGE, RW | PROT_EXEC), "writable and executable");
	FAILS(mprotect(p, PAGE, PROT_WRITE | PROT_EXEC), "writable and exec");
	*p = (char)0xc3;			/* ret */
	ends_by(jump_to_target, p, "fetch");
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	ends_by(jump_to_target, p, "fetch");
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	target = p;
	jump_to_target();
	ends_by(write_target, p, "write");
}

static void code_and_constants(void)
{
	static const char constant[] = "x";

	ends_by(write_target, (void *)(uintptr_t)jump_to_target, "write");
	ends_by(write_target, constant, "write");
	ends_by(jump_to_target, constant, "fetch");
	ends_by(jump_to_target, &target, "fetch");
}

static void kernel_memory(void)
{
	static const uintptr_t kernel[] = {
		0xffff800000000000, 0xffff800000100000, 0xffffff0000000000,
		0xfffffff000000000, 0xfffffff010200000, 0xffffffff80000000,
		0xffffffff80100000, 0xfffffffffffff000,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(kernel); i++) {
		ends_by(read_target, (void *)kernel[i], "read");
		ends_by(write_target, (void *)kernel[i], "write");
		ends_by(jump_to_target, (void *)kernel[i], "fetch");
	}
	ends_by(read_target, NULL, "read");
	ends_by(write_target, (void *)0xfee00000, "write");
}

static void not_canonical(void)
{
	struct waitmsg m;

	target = (char *)0x800000000000;
	m = in_child(read_target);
	CHECK(m.status == 128 && strstr(m.msg, "general protection"));
	m = in_child(jump_to_target);
	CHECK(m.status == 128 && strstr(m.msg, "sys: trap:"));
}

/* KIB, the last word of the status line. */
static uint64_t resident(void)
{
	char path[32], *text, *last;
	uint64_t n;

	snprint(path, sizeof(path), "#proc/%d/status", getpid());
	text = readfile(path, NULL);
	CHECK(text);
	text[strlen(text) - 1] = '\0';
	last = strrchr(text, ' ');
	CHECK(last && parse_number(last + 1, 10, UINT64_MAX, &n) == 0);
	free(text);
	return n;
}

/* Only what is touched is there. */
static void on_demand(void)
{
	uint64_t before = resident(), free_before = free_pages();
	char *p = memory(64 * MEG, RW, 0);

	CHECK(resident() < before + 64);
	for (long at = 0; at < 64 * MEG; at += MEG)
		CHECK(p[at] == 0);
	CHECK(resident() >= before + 64 * 4 && resident() < before + 64 * 8);
	munmap(p, 64 * MEG);
	CHECK(resident() < before + 64);
	CHECK(free_pages() + 64 > free_before);
	p = memory(4 * MEG, RW, MAP_PINNED);
	CHECK(resident() >= before + 4096);
	munmap(p, 4 * MEG);
}

/* What others had in a frame is not seen. */
static void zeroed(void)
{
	for (unsigned n = 0; n < 8; n++) {
		char *p = memory(MEG, RW, n % 2 ? MAP_PINNED : 0);

		for (long i = 0; i < MEG; i++)
			CHECK(p[i] == 0);
		memset(p, 0xa5, MEG);
		munmap(p, MEG);
	}
}

static void unmap_in_parts(void)
{
	char *p = memory(8 * PAGE, RW, 0);

	memset(p, 'a', 8 * PAGE);
	munmap(p + 2 * PAGE, PAGE);
	munmap(p + 5 * PAGE, 2 * PAGE);
	ends_by(read_target, p + 2 * PAGE, "read");
	ends_by(read_target, p + 6 * PAGE, "read");
	for (long i = 0; i < 8; i++)
		if (i != 2 && i != 5 && i != 6)
			CHECK(p[i * PAGE] == 'a' && p[i * PAGE + 4095] == 'a');
	CHECK(mmap(p + 2 * PAGE, PAGE, RW, MAP_ANON | MAP_FIXED, -1, 0));
	CHECK(p[2 * PAGE] == 0);
	munmap(p, 8 * PAGE);
	ends_by(read_target, p, "read");
	ends_by(read_target, p + 7 * PAGE, "read");
}

static void protect_in_parts(void)
{
	char *p = memory(8 * PAGE, RW, 0);

	memset(p, 'a', 8 * PAGE);
	CHECK(mprotect(p + PAGE, 2 * PAGE, PROT_READ) == 0);
	CHECK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_NONE) == 0);
	p[0] = p[4 * PAGE] = 'b';
	CHECK(p[PAGE] == 'a');
	ends_by(write_target, p + PAGE, "write");
	ends_by(read_target, p + 2 * PAGE, "read");
	ends_by(read_target, p + 3 * PAGE, "read");
	CHECK(mprotect(p, 8 * PAGE, RW) == 0);
	CHECK(p[2 * PAGE] == 'a' && p[3 * PAGE + 4095] == 'a');
	p[3 * PAGE] = 'c';
	/* What is partly not there changes not at all. */
	munmap(p + 6 * PAGE, PAGE);
	FAILS(mprotect(p, 8 * PAGE, PROT_READ), "nothing at");
	p[0] = 'd';
}

/* Each member of a tree of processes has its own copy. */
static void fork_tree(char *p, unsigned depth)
{
	char mine = (char)('a' + depth);

	for (unsigned n = 0; depth && n < 3; n++) {
		struct waitmsg m;
		int pid = fork();

		if (pid == 0) {
			for (long i = 0; i < 16; i++)
				p[i * PAGE + depth] = mine;
			fork_tree(p, depth - 1);
			for (long i = 0; i < 16; i++) {
				CHECK(p[i * PAGE + depth] == mine);
				CHECK(p[i * PAGE + depth - 1] == 0);
			}
			exit(0);
		}
		CHECK(pid > 0 && wait(&m) == pid && m.status == 0);
	}
}

static void copies(void)
{
	char *p = memory(16 * PAGE, RW, 0);
	char *q = memory(16 * PAGE, RW, MAP_PINNED);

	fork_tree(p, 4);
	fork_tree(q, 3);
	for (long i = 0; i < 16 * PAGE; i++)
		CHECK(!p[i] && !q[i]);
}

/* The parent writes too, and the kernel for both. */
static void copy_by_the_kernel(void)
{
	char *p = memory(2 * PAGE, RW, 0);
	struct waitmsg m;
	int fd[2], pid;

	memset(p, 'a', 2 * PAGE);
	CHECK(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(read(fd[0], p, 5) == 5);
		CHECK(!memcmp(p, "helloaaa", 8) && p[PAGE] == 'a');
		exit(0);
	}
	p[PAGE] = 'b';
	CHECK(write(fd[1], "hello", 5) == 5);
	CHECK(wait(&m) == pid && m.status == 0 && !*m.msg);
	CHECK(p[0] == 'a' && p[PAGE] == 'b');
}

static unsigned deep(unsigned n)
{
	volatile char room[512];

	room[0] = (char)n;
	if (n == ~0u)
		return 0;
	return deep(n + 1) + (unsigned)room[0];
}

static void fall(void)
{
	exit((int)deep(0));
}

static void stack_guard(void)
{
	struct waitmsg m = in_child(fall);

	CHECK(m.status == 128 && strstr(m.msg, "sys: trap: fault write"));
}

static void below(void)
{
	for (int bits = 33; bits < 48; bits++) {
		char *p = memory(MEG, RW, MAP_BELOW(bits));

		if (bits < 39)
			CHECK((uintptr_t)p + MEG <= 1ul << bits);
		munmap(p, MEG);
	}
}

static void many_mappings(void)
{
	static char *p[4000];

	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = memory(PAGE, RW, 0);
		*p[i] = (char)i;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i += 2)
		munmap(p[i], PAGE);
	for (unsigned i = 1; i < ARRAY_SIZE(p); i += 2)
		CHECK(*p[i] == (char)i);
}

/* Mappings side by side are one, however they were made. */
static void neighbours_join(void)
{
	char path[32], *text, *p[64];
	unsigned before = 0, after = 0;

	snprint(path, sizeof(path), "#proc/%d/maps", getpid());
	text = readfile(path, NULL);
	for (char *s = text; *s; s++)
		before += *s == '\n';
	free(text);
	for (unsigned i = 0; i < 64; i++) {
		p[i] = memory(PAGE, RW, 0);
		*p[i] = (char)i;
	}
	text = readfile(path, NULL);
	for (char *s = text; *s; s++)
		after += *s == '\n';
	free(text);
	CHECK(after <= before + 1);
	munmap(p[30], PAGE);
	CHECK(mmap(p[30], PAGE, PROT_READ, MAP_ANON | MAP_FIXED, -1, 0));
	CHECK(*p[29] == 29 && *p[30] == 0 && *p[31] == 31);
	ends_by(write_target, p[30], "write");
}

static void too_many_mappings(void)
{
	unsigned n = 0;
	char *p = memory(32 * MEG, RW, 0);

	for (long at = 0; at < 32 * MEG; at += 2 * PAGE, n++)
		if (mprotect(p + at, PAGE, PROT_READ) < 0)
			break;
	CHECK(n > 1000 && n < 4096);
	FAILS(mprotect(p + n * 2 * PAGE, PAGE, PROT_READ), "more than");
	FAILS(munmap(p + n * 2 * PAGE + PAGE, PAGE), "more than");
	munmap(p, 16 * MEG);
	CHECK(mprotect(p + n * 2 * PAGE, PAGE, PROT_READ) == 0);
}

static const struct test tests[] = {
	{ "write_or_execute", write_or_execute },
	{ "code_and_constants", code_and_constants },
	{ "kernel_memory", kernel_memory }, { "not_canonical", not_canonical },
	{ "on_demand", on_demand }, { "zeroed", zeroed },
	{ "unmap_in_parts", unmap_in_parts },
	{ "protect_in_parts", protect_in_parts }, { "copies", copies },
	{ "copy_by_the_kernel", copy_by_the_kernel },
	{ "stack_guard", stack_guard }, { "below", below },
	{ "many_mappings", many_mappings },
	{ "neighbours_join", neighbours_join },
	{ "too_many_mappings", too_many_mappings }, { NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_test(argc, argv, tests);
}
