/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes all that there is of something.  Whatever it gets for that, an error or
 * its end, the kernel goes on, and all comes back.
 */
#include "check.h"

#define MEG (1024 * 1024l)

static uint64_t total(void)
{
	return number_in("#cons/mem", "pages") * 4096;
}

/* Touches more than there is: ends by a note. */
static void touch(void)
{
	size_t size = total() * 2;
	char *p = mmap(NULL, size, RW, MAP_ANON, -1, 0);

	CHECK(p);
	for (size_t at = 0; at < size; at += 4096)
		p[at] = 1;
}

/* What it has, it keeps. */
static void hold(struct ureg *u, char *note)
{
	(void)u;
	(void)note;
	print("holding\n");
	for (;;)
		sleep_ms(1000000);
}

static void touch_and_hold(void)
{
	notify(hold);
	touch();
}

/* Goes on behind movb $1, (%rax), which has 3 bytes. */
static void skip(struct ureg *u, char *note)
{
	(void)note;
	u->rip += 3;
	noted(NCONT);
}

/* Likewise, but goes on behind what it does not get: a page table a page. */
static void sparse(void)
{
	size_t size = total() * 2 / 4096 * (2 * MEG);
	char *p;

	size = MIN(size, 256ul << 30);
	p = mmap(NULL, size, RW, MAP_ANON, -1, 0);
	CHECK(p);
	notify(skip);
	for (size_t at = 0; at < size; at += 2 * MEG)
		asm volatile("movb $1, (%0)" : : "a"(p + at) : "memory");
	exit(3);
}

/* The kernel touches it for us. */
static void sparse_by_the_kernel(void)
{
	size_t size = MIN(total() / 4096 * (4 * MEG), 256ul << 30);
	char *p = mmap(NULL, size, RW, MAP_ANON, -1, 0);
	int fd = open("#cons/zero", OREAD);
	long got = 0;

	CHECK(p && fd >= 0);
	for (size_t at = 0; at < size; at += 2 * MEG)
		got |= read(fd, p + at, 1);
	CHECK(got < 0);
	exit(3);
}

static void pinned_and_hold(void)
{
	for (long len = 64 * MEG; len >= 4096; len /= 2)
		while (mmap(NULL, (size_t)len, RW, MAP_ANON | MAP_PINNED, -1, 0))
			;
	hold(NULL, NULL);
}

static void files_and_hold(void)
{
	static char buf[65536];
	char path[] = "/tmp/held0";
	int fd;

	for (unsigned i = 0; i < 4; i++) {
		path[9] = (char)('0' + i);
		fd = create(path, OWRITE, 0666);
		while (fd >= 0 && write(fd, buf, sizeof(buf)) > 0)
			;
	}
	hold(NULL, NULL);
}

static void pinned(void)
{
	uint64_t before = free_pages();

	CHECK(!mmap(NULL, total() * 2, RW, MAP_ANON | MAP_PINNED, -1, 0));
	CHECK(free_pages() + 256 > before);	/* its page tables stay */
	exit(3);
}

/* A pinned page cannot be copied for a child any more. */
static void fork_of_pinned(void)
{
	uint64_t len = (free_pages() * 2 / 5) * 4096;
	char *p = memory((long)len, RW, MAP_PINNED);
	char *more = memory((long)len, RW, 0);

	for (uint64_t at = 0; at < len; at += 4096)
		more[at] = 1;
	FAILS(fork(), "no memory");
	p[0] = p[len - 1] = 1;
	exit(3);
}

static void copies(void)
{
	uint64_t len = (free_pages() * 2 / 3) * 4096;
	char *p = memory((long)len, RW, 0);
	struct waitmsg m;
	int pid;

	for (uint64_t at = 0; at < len; at += 4096)
		p[at] = 1;
	pid = fork();
	for (uint64_t at = 0; pid == 0 && at < len; at += 4096)
		p[at] = 2;		/* there is room for half of them */
	CHECK(wait(&m) == pid && m.status == 128);
	for (uint64_t at = 0; at < len; at += 4096)
		CHECK(p[at] == 1);
	exit(3);
}

static void files(void)
{
	static char buf[65536];
	char path[] = "/tmp/hog0";
	long put = 1;
	int fd;

	for (unsigned i = 0; i < 10 && put > 0; i++) {
		path[8] = (char)('0' + i);
		fd = create(path, OWRITE, 0666);
		for (long at = 0; at < 64 * MEG && put > 0; at += 65536)
			put = write(fd, buf, sizeof(buf));
	}
	FAILS(put, "no memory");
	for (unsigned i = 0; i < 10; i++) {
		path[8] = (char)('0' + i);
		(void)!remove(path);
	}
	exit(3);
}

static _Noreturn void full(void)
{
	print("full\n");
	for (;;)
		sleep_ms(1000000);
}

static void pipe_ends(void)
{
	int fd[2], pid, n;

	do {			/* a hundred pipes a process */
		for (n = 0; n < 100 && pipe(fd) == 0; n++)
			;
		pid = n == 100 ? fork() : -1;
		for (int i = 3; pid == 0 && i < 203; i++)
			close(i);
		if (pid > 0)
			sleep_ms(1000000);
	} while (pid == 0);
	full();
}

static void processes(void)
{
	int pid;

	while ((pid = fork()) > 0)
		;
	if (pid < 0)
		full();
	for (;;)
		sleep_ms(1000000);
}

/* fork by every child, too; the first process says when it can do so no more.
 */
static void bomb(void)
{
	int first = getpid();

	for (;;)
		if (fork() < 0) {
			if (getpid() == first)
				full();
			sleep_ms(10);
		}
}

static void mappings(void)
{
	int prot = PROT_READ;

	/* Each unlike the one before it, so that they are not made one. */
	while (mmap(NULL, 4096, prot, MAP_ANON, -1, 0))
		prot ^= PROT_WRITE;
	exit(3);
}

static const struct test tests[] = {
	{ "touch", touch }, { "sparse", sparse },
	{ "sparse_by_the_kernel", sparse_by_the_kernel }, { "pinned", pinned },
	{ "fork_of_pinned", fork_of_pinned }, { "copies", copies },
	{ "files", files }, { "pipe_ends", pipe_ends },
	{ "processes", processes }, { "bomb", bomb }, { "mappings", mappings },
	{ "touch_and_hold", touch_and_hold },
	{ "pinned_and_hold", pinned_and_hold },
	{ "files_and_hold", files_and_hold }, { NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_test(argc, argv, tests);
}
