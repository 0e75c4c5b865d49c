/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * changes N SEED: N changes by chance of processes, their memory and their
 * devices, all edu devices that there are, and behind each of them what
 * #iommu/check says.  Any line that is not ok is printed and counted.
 *
 * The first process hands devices out and takes them back, switches power and
 * lazy unmapping, and tells its workers what to do: map, unmap, protect, write,
 * fork, reset a device of theirs, run this program anew, end.  It waits until
 * they have, so that the same seed makes the same changes; what their children
 * do, goes on beside it.
 */
#include <drv.h>
#include "check.h"

#define WORKERS		4u
#define DEVICES		16u
#define AREAS		6u
#define MOST		16u	/* pages of an area */
#define CHILDREN	3u

static uint64_t state;

static unsigned chance(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 20) % n;
}

static void seed(uint64_t n)
{
	state = n * 2654435769u + 88172645463325252ul;
	for (unsigned i = 0; i < 8; i++)
		(void)chance(2);
}

static char bdfs[DEVICES][BDF_LEN];
static unsigned ndevices;

static void find_devices(void)
{
	size_t n;
	struct dir *list = readdir("#pci", &n);

	CHECK(list);
	for (size_t i = 0; i < n && ndevices < DEVICES; i++)
		if (drv_config(list[i].name, 0, 4) == 0x11e81234)
			snprint(bdfs[ndevices++], BDF_LEN, "%s", list[i].name);
	free(list);
	CHECK(ndevices);
}

/* A worker */

static struct area {
	char *at;
	unsigned pages;
	bool there[MOST], writable[MOST];
} areas[AREAS];
static unsigned children;

static void map(struct area *a)
{
	if (a->at)
		return;
	*a = (struct area){ .pages = 1 + chance(MOST) };
	a->at = memory((long)a->pages * PAGE, RW,
		       chance(2) ? MAP_PINNED : 0);
	for (unsigned i = 0; i < a->pages; i++)
		a->there[i] = a->writable[i] = true;
}

/* Some pages of it, by number, in *first and *n. */
static bool some(const struct area *a, unsigned *first, unsigned *n)
{
	if (!a->at)
		return false;
	*first = chance(3) ? chance(a->pages) : 0;
	*n = chance(3) ? 1 + chance(a->pages - *first) : a->pages - *first;
	for (unsigned i = *first; i < *first + *n; i++)
		if (!a->there[i])
			return false;
	return true;
}

static void unmap(struct area *a)
{
	unsigned first, n, left = 0;

	if (!some(a, &first, &n))
		return;
	CHECK(munmap(a->at + first * PAGE, n * PAGE) == 0);
	for (unsigned i = 0; i < a->pages; i++) {
		a->there[i] &= i < first || i >= first + n;
		left += a->there[i];
	}
	if (!left)
		a->at = NULL;
}

static void protect(struct area *a)
{
	unsigned first, n;
	bool on = chance(2);

	if (!some(a, &first, &n))
		return;
	CHECK(mprotect(a->at + first * PAGE, n * PAGE,
		       on ? RW : PROT_READ) == 0);
	for (unsigned i = first; i < first + n; i++)
		a->writable[i] = on;
}

static void touch(struct area *a)
{
	unsigned first, n;

	if (!some(a, &first, &n))
		return;
	for (unsigned i = first; i < first + n; i++)
		if (a->writable[i])
			a->at[i * PAGE] = (char)i;
		else
			(void)*(volatile char *)&a->at[i * PAGE];
}

static void (*const ways[])(struct area *a) = { map, unmap, protect, touch };

static void change_memory(void)
{
	ways[chance(ARRAY_SIZE(ways))](&areas[chance(AREAS)]);
}

static void fork_child(void)
{
	int pid;

	for (; children >= CHILDREN; children--)
		CHECK(wait(NULL) > 0);
	pid = fork();
	CHECK(pid >= 0);
	children++;
	if (pid)
		return;
	for (unsigned i = chance(20); i; i--)
		change_memory();
	exit(0);
}

static void reset(unsigned device)
{
	char path[64];

	snprint(path, sizeof(path), "#pci/%s/ctl", bdfs[device]);
	(void)!writefile(path, "reset");	/* it may be another's */
}

struct order {
	char what;		/* memory, fork, reset, exec, end */
	unsigned device;
	uint64_t seed;
};

static _Noreturn void work(int in, int out)
{
	static char ends[2][8];
	static char *argv[] = { "changes", "-w", ends[0], ends[1], NULL };
	struct order o;
	char done = 'k';

	snprint(ends[0], sizeof(ends[0]), "%d", in);
	snprint(ends[1], sizeof(ends[1]), "%d", out);
	while (read(in, &o, sizeof(o)) == sizeof(o)) {
		seed(o.seed);
		if (o.what == 'e')
			exit(0);
		if (o.what == 'x')
			exec("/bin/changes", argv);
		if (o.what == 'm')
			change_memory();
		if (o.what == 'f')
			fork_child();
		if (o.what == 'r')
			reset(o.device);
		CHECK(write(out, &done, 1) == 1);
	}
	exit(0);
}

/* The first process */

static struct worker {
	int pid, to, from;
} workers[WORKERS];

static void start(struct worker *w)
{
	int there[2], back[2];

	CHECK(pipe(there) == 0 && pipe(back) == 0);
	w->pid = fork();
	CHECK(w->pid >= 0);
	if (w->pid == 0) {
		close(there[1]);
		close(back[0]);
		for (unsigned i = 0; i < WORKERS; i++)
			if (workers[i].to && &workers[i] != w) {
				close(workers[i].to);
				close(workers[i].from);
			}
		work(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	w->to = there[1];
	w->from = back[0];
}

/* One that has ended answers with the end of its pipe, and is started anew. */
static void tell(struct worker *w, char what)
{
	struct order o = { .what = what, .device = chance(ndevices) };
	char done;

	o.seed = state;
	CHECK(write(w->to, &o, sizeof(o)) == sizeof(o));
	if (read(w->from, &done, 1) == 1)
		return;
	CHECK(what == 'e');
	CHECK(wait(NULL) == w->pid);
	close(w->to);
	close(w->from);
	w->to = 0;
	start(w);
}

static void switch_power(void)
{
	static bool off;

	off = !off;
	CHECK(writefile("#iommu/power", off ? "off" : "on") == 0);
}

static void switch_lazy(void)
{
	static bool lazy;

	lazy = !lazy;
	CHECK(writefile("#iommu/quarantine", lazy ?
			"lazy pages=64 ms=10 share=16" : "strict") == 0);
}

static unsigned counted[128];		/* by what was done */

static void change(void)
{
	/* As often as they stand here. */
	static const char kinds[] = "aaaaaaaaddddmmmmmmmmmmmmmmmmmmmmmmmmmm"
		"mmmmfffrrxeqp";
	char kind = kinds[chance(sizeof(kinds) - 1)];
	struct worker *w = &workers[chance(WORKERS)];
	const char *bdf = bdfs[chance(ndevices)];

	if (kind == 'a')
		counted['a'] += drv_attach(bdf, w->pid, "unsafe") == 0;
	else if (kind == 'd')
		counted['d'] += drv_detach(bdf) == 0;
	else
		counted[(unsigned char)kind]++;
	if (kind == 'p') {
		switch_power();
		if (chance(4))
			switch_power();
	} else if (kind == 'q') {
		switch_lazy();
	} else if (strchr("mfrxe", kind)) {
		tell(w, kind);
	}
}

/* Lines of #iommu/check that do not say ok. */
static unsigned complaints(unsigned after)
{
	char *text = readfile("#iommu/check", NULL), *line = text, *end;
	unsigned n = 0;

	CHECK(text);
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (strstr(line, ": ok"))
			continue;
		n++;
		print("changes: after %u: %s\n", after, line);
	}
	free(text);
	return n;
}

int main(int argc, char **argv)
{
	uint64_t n, from, wrong = 0;

	find_devices();
	if (argc == 4 && !strcmp(argv[1], "-w")) {
		CHECK(parse_number(argv[2], 10, 1000, &n) == 0);
		CHECK(parse_number(argv[3], 10, 1000, &from) == 0);
		CHECK(write((int)from, "k", 1) == 1);
		work((int)n, (int)from);
	}
	if (argc != 3 || parse_number(argv[1], 10, 1000000, &n) < 0 ||
	    parse_number(argv[2], 10, UINT64_MAX, &from) < 0)
		usage("N SEED");
	print("changes: %u devices, seed %lu\n", ndevices, from);
	for (unsigned i = 0; i < WORKERS; i++)
		start(&workers[i]);
	for (unsigned i = 1; i <= n; i++) {
		seed(from * 1000003 + i);
		change();
		wrong += complaints(i);
		if (i % 1000 == 0)
			print("changes: %u\n", i);
	}
	(void)!writefile("#iommu/power", "on");
	(void)!writefile("#iommu/quarantine", "strict");
	for (unsigned i = 0; i < ndevices; i++)
		(void)!drv_detach(bdfs[i]);
	print("changes: attached %u detached %u memory %u fork %u reset %u "
	      "exec %u end %u lazy %u power %u\n", counted['a'], counted['d'],
	      counted['m'], counted['f'], counted['r'], counted['x'],
	      counted['e'], counted['q'], counted['p']);
	print("changes: %lu changes, seed %lu, %lu complaints\n", n, from, wrong);
	return wrong != 0;
}
