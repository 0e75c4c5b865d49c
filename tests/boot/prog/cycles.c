/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cycles CYCLES: starts nvme, kills it in the middle of heavy I/O, and again.
 * What was its memory is ours at once, and must stay as we leave it.  What is
 * in use is counted by the kernel before and after, and must be the same.
 */
#include <drv.h>
#include "check.h"

#define CLASS_NVME	0x010802
#define TAKEN		(2l * 1024 * 1024)
#define FILL		0x5a5a5a5a5a5a5a5aul
#define REPORT		250		/* cycles between two lines */

static char *const loads[][12] = {
	{ "-p", "-q", "8", "-s", "1048576", "-D", "1" },
	{ "-i", "-q", "4", "-s", "131072", "-D", "16" },
	{ "-i", "-w", "-q", "2", "-s", "65536", "-D", "63" },
	{ "-p", "-w", "-q", "2", "-s", "1048576", "-D", "3" },
	{ "-i", "-q", "8", "-D", "63" },
	{ "-p", "-o", "2044", "-s", "20480", "-D", "63" },
	{ "-i", "-q", "2", "-s", "1048576", "-D", "4" },
};

static char bdf[BDF_LEN];

struct counts {
	uint64_t pages, heap, lost_frames, lost_tables, lost_domains;
	uint64_t domains, entries, vectors;
};

/* Vectors that the disk has. */
static uint64_t vectors(void)
{
	char *text = readfile("#cons/irqs", NULL), *at = text;
	char name[BDF_LEN + 2];
	uint64_t n = 0;

	CHECK(text);
	snprint(name, sizeof(name), " %s ", bdf);
	for (; (at = strstr(at, name)); at++)
		n++;
	free(text);
	return n;
}

static struct counts count(void)
{
	return (struct counts){
		.pages = free_pages(),
		.heap = number_in("#cons/mem", "kmalloc"),
		.lost_frames = number_in("#cons/mem", "lost frames"),
		.lost_tables = number_in("#cons/mem", "tables"),
		.lost_domains = number_in("#cons/mem", "domains"),
		.domains = number_in("#cons/mem", "used domains"),
		.entries = number_in("#cons/mem", "entries"),
		.vectors = vectors(),
	};
}

static void show(const char *when, const struct counts *c)
{
	print("%s: free pages %lu, kmalloc %lu, lost %lu %lu %lu, domains %lu, "
	      "entries %lu, vectors %lu\n", when, c->pages, c->heap,
	      c->lost_frames, c->lost_tables, c->lost_domains, c->domains,
	      c->entries, c->vectors);
}

static void run_nvme(unsigned load, int out)
{
	char *argv[ARRAY_SIZE(loads[0]) + 4] = { "nvme" };
	unsigned n = 1;

	for (char *const *word = loads[load]; *word; word++)
		argv[n++] = *word;
	argv[n++] = "-n";
	argv[n++] = "2000000000";
	argv[n++] = "bench";
	if (dup(out, 1) < 0)
		exit(1);
	exec("/bin/nvme", argv);
	exit(1);
}

/* Its pid, once it has said that it begins. */
static int start(unsigned load)
{
	char text[128];
	int fd[2], pid;

	CHECK(pipe(fd) >= 0);
	pid = fork();
	if (pid == 0)
		run_nvme(load, fd[1]);
	CHECK(pid > 0);
	close(fd[1]);
	CHECK(read(fd[0], text, sizeof(text)) > 0);
	CHECK(!strncmp(text, bdf, strlen(bdf)));
	close(fd[0]);
	return pid;
}

static void kill_it(int pid)
{
	struct waitmsg m;
	char path[32];

	snprint(path, sizeof(path), "#proc/%d/note", pid);
	CHECK(writefile(path, "kill") == 0);
	CHECK(wait(&m) == pid);
	CHECK(m.status == 128 && !strcmp(m.msg, "kill"));
}

static void take(uint64_t *p)
{
	for (long i = 0; i < TAKEN / 8; i++)
		p[i] = FILL;
}

static bool untouched(const uint64_t *p)
{
	for (long i = 0; i < TAKEN / 8; i++)
		if (p[i] != FILL)
			return false;
	return true;
}

/* The memory is looked at when the next instance is at work already. */
static void cycles(unsigned n)
{
	uint64_t *mine = NULL;
	int pid;

	for (unsigned i = 0; i < n; i++) {
		pid = start(i % ARRAY_SIZE(loads));
		CHECK(!mine || untouched(mine));
		if (mine)
			munmap(mine, TAKEN);
		if (i % 3)
			sleep_ms(i % 16);
		kill_it(pid);
		mine = (uint64_t *)memory(TAKEN, RW, MAP_PINNED);
		take(mine);
		if ((i + 1) % REPORT == 0)
			print("cycles: %u of %u\n", i + 1, n);
	}
	CHECK(mine && untouched(mine));
	munmap(mine, TAKEN);
}

static bool more_in_use(const struct counts *than, const struct counts *c)
{
	return c->heap > than->heap || c->pages < than->pages;
}

/* The last of a process goes when its processor has gone on to another thread,
 * which may be behind the parent's wait: so it may at both ends. */
static struct counts count_less_than(const struct counts *most)
{
	struct counts c = count();

	for (int i = 0; i < 500 && more_in_use(most, &c); i++) {
		sleep_ms(10);
		c = count();
	}
	return c;
}

int main(int argc, char **argv)
{
	struct counts before, after;
	int64_t begun;
	uint64_t n;

	if (argc != 2 || parse_number(argv[1], 10, 1000000, &n) < 0 || !n)
		usage("CYCLES");
	CHECK(drv_find_class(CLASS_NVME, bdf) == 0);
	cycles(ARRAY_SIZE(loads));	/* what is made once is made now */
	before = count();
	begun = nsec();
	cycles((unsigned)n);
	begun = nsec() - begun;
	after = count_less_than(&before);
	show("before", &before);
	show("after", &after);
	CHECK(before.domains == after.domains && before.vectors == 0);
	CHECK(before.entries == after.entries && after.vectors == 0);
	CHECK(!more_in_use(&before, &after));
	CHECK(!after.lost_frames && !after.lost_tables && !after.lost_domains);
	print("cycles: %lu in %ld ms\n", n, begun / 1000000);
	return 0;
}
