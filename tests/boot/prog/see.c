/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of #iommu, as a program reads them.
 *
 * see walk BDF [ADDR]	writes that to `walk` and prints what it says then
 * see steps BDF	takes the device, maps, unmaps, gives it back; prints
 *			the files that change after each step, and whether their
 *			walks end at the frames that #proc says
 */
#include "check.h"

#define PAGES 5

static char bdf[32];

static void show_walk(const char *command)
{
	int fd = open("#iommu/walk", ORDWR);
	char *text = NULL, buf[64];
	long n, at = 0;

	CHECK(fd >= 0 && pread(fd, buf, sizeof(buf), 0) > 0);	/* the form */
	CHECK(write(fd, command, strlen(command)) == (long)strlen(command));
	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		print("%.*s", (int)n, buf);
		at += n;
	}
	CHECK(n == 0 && !text);
	close(fd);
}

static void show(const char *file)
{
	char path[32], *text;

	snprint(path, sizeof(path), "#iommu/%s", file);
	text = readfile(path, NULL);
	CHECK(text);
	print("== %s\n%s", file, text);
	free(text);
}

static void step(const char *name)
{
	static const char *const files[] = { "units", "devices", "spaces",
					     "mappings" };

	print("=== %s\n", name);
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
		show(files[i]);
	print("== walk\n");
	show_walk(bdf);
}

static void show_page(const char *p)
{
	char command[64];

	snprint(command, sizeof(command), "%s %p", bdf, p);
	print("== page %p\n", p);
	show_walk(command);
}

static void steps(void)
{
	char command[64], *p;

	snprint(command, sizeof(command), "%s %d unsafe", bdf, getpid());
	step("before");
	CHECK(writefile("#iommu/attach", command) == 0);
	step("attached");
	p = memory(PAGES * PAGE, RW, MAP_PINNED);
	step("mapped");
	show_page(p);
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	step("protected");
	show_page(p);
	CHECK(munmap(p, PAGES * PAGE) == 0);
	step("unmapped");
	show_page(p);
	CHECK(writefile("#iommu/power", "off") == 0);
	step("off");
	CHECK(writefile("#iommu/power", "on") == 0);
	step("on");
	CHECK(writefile("#iommu/detach", bdf) == 0);
	step("detached");
}

int main(int argc, char **argv)
{
	char command[64];

	if (argc < 3)
		usage("walk|steps BDF [ADDR]");
	snprint(bdf, sizeof(bdf), "%s", argv[2]);
	if (!strcmp(argv[1], "steps")) {
		steps();
		return 0;
	}
	snprint(command, sizeof(command), "%s %s", bdf,
		argc > 3 ? argv[3] : "");
	show_walk(command);
	return 0;
}
