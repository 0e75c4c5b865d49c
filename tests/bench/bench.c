/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench, the first process of the bench kernel: has #bench run its rows, does
 * those that are system calls itself, prints what they cost, and turns the
 * machine off.  A word of the kernel's command line says what:
 *
 *	bench=calls,N	calls of the driver, and munmap; each N times
 *	bench=large,N	1 GiB of memory shown to a device
 *	bench=few,N	some of the first, to see whether they cost more on
 *			another machine
 *	bench=owned,N	the same while other processes have the other devices
 *
 * Prints lines NAME PAGES COUNT LEAST MEDIAN MOST, in groups whose samples were
 * taken in turn: "group LINES" comes before each.
 */
#include <drv.h>

#include "mark.h"

#define PAGE		4096ul
#define MIB		(1024ul * 1024)
#define HALF		(512 * MIB)
#define RW		(PROT_READ | PROT_WRITE)
#define MAX_COUNT	2000
#define MAX_CURVE	200	/* samples of a point in the plots */
#define MAX_EACH	256

static uint64_t costs[3][MAX_COUNT];
static char edu[BDF_LEN];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void tell(const char *name, size_t pages, uint64_t *list, size_t count)
{
	qsort(list, count, sizeof(*list), compare);
	print("%s %lu %lu %lu %lu %lu\n", name, pages, count, list[0],
	      list[count / 2], list[count - 1]);
}

/* A row of #bench. */
static void row(const char *name, size_t pages, size_t count)
{
	char line[64], *text;
	bool pair = strncmp(name, "memory", 6);

	snprint(line, sizeof(line), "%s %lu %lu", name, pages, count);
	if (writefile("#bench/run", line) < 0)
		fatal("%s: %r", line);
	text = readfile("#bench/run", NULL);
	if (!text)
		fatal("%r");
	print("group %d\n%s", pair ? 2 : 0, text);
	free(text);
}

static void *memory(size_t len, int flags)
{
	void *p = mmap(NULL, len, RW, MAP_ANON | flags, -1, 0);

	if (!p)
		fatal("mmap: %r");
	return p;
}

static void must_attach(void)
{
	if (drv_attach(edu, getpid(), "unsafe") < 0)
		fatal("%r");
}

static void must_detach(void)
{
	if (drv_detach(edu) < 0)
		fatal("%r");
}

static void must_be(const char *mode)
{
	if (writefile("#iommu/quarantine", mode) < 0)
		fatal("%r");
}

static void empty(size_t count)
{
	uint64_t begin, end;

	for (size_t i = 0; i < count; i++) {
		BENCH_BEGIN(begin);
		BENCH_END(end);
		costs[0][i] = end - begin;
	}
	print("group 1\n");
	tell("user-empty", 0, costs[0], count);
}

/* Writable, or not, and then in no region with what is writable. */
static volatile char *memory_in_use(size_t len, int prot)
{
	volatile char *p = mmap(NULL, len, prot, MAP_ANON, -1, 0);

	for (size_t at = 0; p && at < len; at += PAGE)
		(void)p[at];
	if (!p)
		fatal("mmap: %r");
	return p;
}

static uint64_t unmapped(volatile char *p, size_t len)
{
	uint64_t begin, end;
	int err;

	BENCH_BEGIN(begin);
	err = munmap((void *)(uintptr_t)p, len);
	BENCH_END(end);
	if (err < 0)
		fatal("munmap: %r");
	return end - begin;
}

/* Pages that the process has used.  It keeps as many others, that no frame
 * finds a free neighbour to be joined with: what that costs depends on chance. */
static void unmapping(const char *name, size_t pages, size_t count)
{
	volatile char *p, *kept;

	for (size_t i = 0; i < count; i++) {
		p = memory_in_use(pages * PAGE, RW);
		kept = memory_in_use(pages * PAGE, PROT_READ);
		costs[0][i] = unmapped(p, pages * PAGE);
		if (munmap((void *)(uintptr_t)kept, pages * PAGE) < 0)
			fatal("munmap: %r");
	}
	print("group 1\n");
	tell(name, pages, costs[0], count);
}

/* The same, a page after the other, in one sample. */
static void unmapping_each(const char *name, size_t pages, size_t count)
{
	volatile char *p, *kept;
	uint64_t begin, end;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		p = memory(pages * PAGE, 0);
		kept = mmap(NULL, pages * PAGE, PROT_READ, MAP_ANON, -1, 0);
		for (size_t at = 0; at < pages * PAGE; at += PAGE)
			(void)p[at], (void)kept[at];
		BENCH_BEGIN(begin);
		for (size_t at = 0; at < pages * PAGE; at += PAGE)
			err |= munmap((void *)(uintptr_t)(p + at), PAGE);
		BENCH_END(end);
		costs[0][i] = end - begin;
		err |= munmap((void *)(uintptr_t)kept, pages * PAGE);
	}
	if (err)
		fatal("munmap: %r");
	print("group 1\n");
	tell(name, pages, costs[0], count);
}

static uint64_t written(int fd, const char *command)
{
	size_t len = strlen(command);
	uint64_t begin, end;
	long n;

	BENCH_BEGIN(begin);
	n = write(fd, command, len);
	BENCH_END(end);
	if (n < 0)
		fatal("%s: %r", command);
	return end - begin;
}

/* The device is given to the process, which has all that memory, and taken. */
static void reaching(const char *reach, const char *undo, size_t pages,
		     size_t count)
{
	int to = open("#iommu/attach", OWRITE);
	int from = open("#iommu/detach", OWRITE);
	char command[64];

	if (to < 0 || from < 0)
		fatal("%r");
	snprint(command, sizeof(command), "%s %d unsafe", edu, getpid());
	for (size_t i = 0; i < count; i++) {
		costs[0][i] = written(to, command);
		costs[1][i] = written(from, edu);
	}
	close(to);
	close(from);
	print("group 2\n");
	tell(reach, pages, costs[0], count);
	tell(undo, pages, costs[1], count);
}

static void calls(size_t count)
{
	static const char *const curves[] = {
		"map-aligned", "map-unaligned", "map-each", "map-unseen",
		"store",
	};
	size_t few = MIN(count, 5ul);

	row("empty", 0, count);
	for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
		for (size_t pages = 1; pages <= 512; pages *= 2)
			row(curves[i], pages, pages == 1 || pages == 512 ?
			    count : MIN(count, (size_t)MAX_CURVE));
	row("map-each", 256, count);
	row("map-lazy", 256, count);
	row("map-4k", 16, count);
	row("map-2m", 512, count);
	row("map-4k", 262144, few);
	row("map-2m", 262144, MIN(count, (size_t)MAX_CURVE));
	row("map-1g", 262144, count);
	row("attach", 0, count);
	row("attach-second", 0, count);
	row("create", 0, count);
	row("memory-4k", 16384, 1);
	row("memory-2m", 16384, 1);
	empty(count);
	unmapping("munmap", 1, count);
	unmapping("munmap", 64, MIN(count, (size_t)MAX_CURVE));
	unmapping_each("munmap-each", MAX_EACH, MIN(count, (size_t)MAX_CURVE));
	must_attach();
	unmapping("munmap-attached", 1, count);
	unmapping("munmap-attached", 64, MIN(count, (size_t)MAX_CURVE));
	must_be("lazy");
	unmapping_each("munmap-lazy", MAX_EACH, MIN(count, (size_t)MAX_CURVE));
	must_be("strict");
	must_detach();
}

static void few(size_t count)
{
	row("map-unaligned", 1, count);
	row("attach", 0, count);
	unmapping("munmap", 1, count);
	must_attach();
	unmapping("munmap-attached", 1, count);
	must_detach();
}

/* A child for each other slot with such a device. */
static void give_away_others(void)
{
	size_t n;
	struct dir *list = readdir("#pci", &n);
	char *name;
	int pid;

	for (size_t i = 0; list && i < n; i++) {
		name = list[i].name;
		if (strcmp(name + strlen(name) - 2, ".0") ||
		    !strcmp(name, edu) || drv_config(name, 0, 4) != 0x11e81234)
			continue;
		pid = fork();
		if (pid == 0)
			for (;;)
				sleep_ms(1000000);
		if (pid < 0 || drv_attach(name, pid, "unsafe") < 0)
			fatal("%s: %r", name);
	}
	free(list);
}

/* No two neighbours in frames that follow each other: no large leaves. */
static void touch_in_turn(volatile char *a, volatile char *b)
{
	for (size_t at = 0; at < HALF; at += PAGE)
		a[at] = b[at] = 1;
}

static void large(size_t count)
{
	char *a, *b;

	reaching("reach-nothing", "undo-nothing", 0, count);
	a = memory(HALF, 0);
	b = memory(HALF, 0);
	touch_in_turn(a, b);
	reaching("reach-4k", "undo-4k", 2 * HALF / PAGE, count);
	if (munmap(a, HALF) < 0 || munmap(b, HALF) < 0)
		fatal("munmap: %r");
	a = memory(HALF, MAP_PINNED);
	b = memory(HALF, MAP_PINNED);
	reaching("reach-2m", "undo-2m", 2 * HALF / PAGE, count);
}

int main(void)
{
	char *text = readfile("#cons/cmdline", NULL);
	char *word = text ? strstr(text, "bench=") : NULL;
	uint64_t count;
	char *comma, *end;

	if (!word || drv_find(0x1234, 0x11e8, edu) < 0)
		fatal("no bench=, or no edu");
	comma = strchr(word, ',');
	if (!comma)
		fatal("bench=WHAT,COUNT");
	*comma++ = '\0';
	for (end = comma; *end >= '0' && *end <= '9'; end++)
		;
	*end = '\0';
	if (parse_number(comma, 10, MAX_COUNT, &count) < 0 || !count)
		fatal("bench=%s: 1 to %d times", word, MAX_COUNT);
	if (!strcmp(word, "bench=owned"))
		give_away_others();
	if (!strcmp(word, "bench=large"))
		large(count);
	else if (!strcmp(word, "bench=calls"))
		calls(count);
	else
		few(count);
	print("end\n");
	return writefile("#cons/reboot", "halt") < 0;
}
