/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * races ROUNDS: hands the edu device to processes that end, execute, fork, map
 * and unmap at the same time, and takes it away again, from two sides.
 */
#include <drv.h>
#include "check.h"

#define VICTIMS 4

static char bdf[BDF_LEN];

/* Uses memory in all ways until it ends, one way or the other. */
static _Noreturn void live(unsigned seed)
{
	char *p, *q;

	for (unsigned i = 0; i < 20 + seed % 30; i++) {
		p = memory(16 * PAGE, RW, i % 2 ? MAP_PINNED : 0);
		q = memory(PAGE, RW, 0);
		memset(p, (int)i, 16 * PAGE);
		*q = 1;
		if (mprotect(p + 4 * PAGE, PAGE, PROT_READ) < 0)
			exit(1);
		if (i % 8 == 3 && fork() == 0) {
			p[0] = q[0] = 1;
			exit(0);
		}
		*q = 2;
		munmap(p, 16 * PAGE);
		munmap(q, PAGE);
	}
	if (seed % 3 == 0)
		exec("/bin/true", (char *[]){ "true", NULL });
	if (seed % 3 == 1)
		asm volatile("ud2");
	exit(0);
}

static void start(int *victim, unsigned seed)
{
	*victim = fork();
	if (*victim == 0)
		live(seed);
}

/* The other side: detaches whatever is attached, and reads what there is. */
static _Noreturn void take_away(unsigned rounds)
{
	static const char *const files[] = {
		"#iommu/mappings", "#iommu/info", "#cons/mem",
	};

	for (unsigned i = 0; i < rounds; i++) {
		(void)!drv_detach(bdf);
		free(readfile(files[i % 3], NULL));
	}
	exit(0);
}

int main(int argc, char **argv)
{
	int victims[VICTIMS], other, pid;
	unsigned given = 0;
	uint64_t rounds;
	struct waitmsg m;

	if (argc != 2 || parse_number(argv[1], 10, 100000, &rounds) < 0)
		usage("ROUNDS");
	CHECK(drv_find(0x1234, 0x11e8, bdf) == 0);
	other = fork();
	if (other == 0)
		take_away((unsigned)rounds);
	for (unsigned i = 0; i < VICTIMS; i++)
		start(&victims[i], i);
	for (unsigned i = 0; i < rounds; i++) {
		given += drv_attach(bdf, victims[i % VICTIMS], "unsafe") == 0;
		if (i % 3 == 0)
			(void)!drv_detach(bdf);
		if (i % 5)
			continue;
		pid = wait(&m);
		for (unsigned v = 0; v < VICTIMS; v++)
			if (pid == victims[v])
				start(&victims[v], i);
	}
	while (wait(&m) > 0)
		;
	(void)!drv_detach(bdf);
	CHECK(given >= rounds / 50);	/* of a few all may be lost */
	print("ok\n");
	return 0;
}
