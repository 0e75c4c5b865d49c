/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the test programs share.  A program has tests with names; "PROGRAM
 * NAME" runs one of them and prints "ok", or says what is not so and fails.
 */
#ifndef CHECK_H
#define CHECK_H

#include <lib.h>

struct test {
	const char *name;
	void (*run)(void);
};

static inline int run_test(int argc, char **argv, const struct test *tests)
{
	for (; argc > 1 && tests->name; tests++)
		if (!strcmp(tests->name, argv[1])) {
			tests->run();
			print("ok\n");
			return 0;
		}
	fatal("no such test");
}

#define CHECK(cond)							\
	((cond) ? (void)0 : fatal("line %d: not so: %s (%r)", __LINE__, #cond))

/* The call has failed, and its reason has that text in it. */
#define FAILS(call, text) check_failed((long)(call), text, __LINE__, #call)
static inline void check_failed(long result, const char *text, int line,
				const char *call)
{
	char why[ERRMAX] = "";

	if (result >= 0)
		fatal("line %d: %s gave %ld", line, call, result);
	errstr(why, sizeof(why));
	if (!*why || !strstr(why, text))
		fatal("line %d: %s: '%s', not '%s'", line, call, why, text);
}

/* Any system call with any arguments. */
static inline long raw(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;
	long result;

	asm volatile("syscall" : "=a"(result)
		     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return result;
}

/* Runs fn in a child; how that ended. */
static inline struct waitmsg in_child(void (*fn)(void))
{
	struct waitmsg m = { 0 };
	int pid = fork();

	if (pid == 0) {
		notify(NULL);
		fn();
		exit(0);
	}
	CHECK(pid > 0);
	CHECK(wait(&m) == pid);
	return m;
}

/* A number behind that word in a file. */
static inline uint64_t number_in(const char *path, const char *word)
{
	char *text = readfile(path, NULL);
	char *at = text ? strstr(text, word) : NULL;
	uint64_t n = 0;

	CHECK(at);
	for (at += strlen(word); *at == ' '; at++)
		;
	for (; *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (uint64_t)(*at - '0');
	free(text);
	return n;
}

static inline uint64_t free_pages(void)
{
	return number_in("#cons/mem", "free");
}

/* Page-granular memory; NULL never. */
static inline char *memory(long len, int prot, int flags)
{
	char *p = mmap(NULL, (size_t)len, prot, MAP_ANON | flags, -1, 0);

	CHECK(p);
	return p;
}

#define RW (PROT_READ | PROT_WRITE)
#define PAGE 4096l

#endif
