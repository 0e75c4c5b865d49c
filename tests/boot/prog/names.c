/* SPDX-License-Identifier: BSD-2-Clause */
/* Name spaces: bind, unions, unmount, and who shares them. */
#include "check.h"

static void put(const char *path, const char *text)
{
	int fd = create(path, OWRITE, 0666);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (long)strlen(text));
	close(fd);
}

static bool has(const char *path, const char *text)
{
	char *have = readfile(path, NULL);
	bool same = have && !strcmp(have, text);

	free(have);
	return same;
}

static void make_dir(const char *path)
{
	int fd = create(path, OREAD, DMDIR | 0777);

	CHECK(fd >= 0);
	close(fd);
}

/* Three directories: each has a file of its own, and all have "same". */
static void make_dirs(void)
{
	CHECK(rfork(RFNAMEG) == 0);
	(void)!remove("/tmp/n/c/new");
	make_dir("/tmp/n");
	for (const char *d = "abc"; *d; d++) {
		char path[32] = { '/', 't', 'm', 'p', '/', 'n', '/', *d };
		char text[2] = { *d };

		make_dir(path);
		strlcpy(path + 8, "/same", 24);
		put(path, text);
		path[9] = *d;
		path[10] = '\0';
		put(path, text);
	}
}

static void remove_dirs(void)
{
	(void)!unmount(NULL, "/tmp/n/a");
	(void)!unmount(NULL, "/tmp/n/b");
	(void)!unmount(NULL, "/tmp/n/c");
	for (const char *d = "abc"; *d; d++) {
		char path[32] = { '/', 't', 'm', 'p', '/', 'n', '/', *d };

		strlcpy(path + 8, "/same", 24);
		CHECK(remove(path) == 0);
		strlcpy(path + 8, "/new", 24);
		(void)!remove(path);
		path[9] = *d;
		path[10] = '\0';
		CHECK(remove(path) == 0);
		path[8] = '\0';
		CHECK(remove(path) == 0);
	}
	CHECK(remove("/tmp/n") == 0);
}

static size_t count(const char *path)
{
	size_t n = 0;

	free(readdir(path, &n));
	return n;
}

static void replace(void)
{
	CHECK(bind("/tmp/n/b", "/tmp/n/a", MREPL) == 0);
	CHECK(has("/tmp/n/a/same", "b") && has("/tmp/n/a/b", "b"));
	FAILS(open("/tmp/n/a/a", OREAD), "no such file");
	CHECK(count("/tmp/n/a") == 2);
	put("/tmp/n/a/new", "n");
	CHECK(has("/tmp/n/b/new", "n"));
	CHECK(unmount(NULL, "/tmp/n/a") == 0);
	CHECK(has("/tmp/n/a/same", "a"));
	FAILS(unmount(NULL, "/tmp/n/a"), "nothing is bound");
}

static void before(void)
{
	CHECK(bind("/tmp/n/b", "/tmp/n/a", MBEFORE) == 0);
	CHECK(bind("/tmp/n/c", "/tmp/n/a", MBEFORE) == 0);
	CHECK(has("/tmp/n/a/same", "c") && has("/tmp/n/a/a", "a") &&
	      has("/tmp/n/a/b", "b") && has("/tmp/n/a/c", "c"));
	CHECK(count("/tmp/n/a") == 6);
	CHECK(unmount("/tmp/n/c", "/tmp/n/a") == 0);
	CHECK(has("/tmp/n/a/same", "b"));
	FAILS(open("/tmp/n/a/c", OREAD), "no such file");
	FAILS(unmount("/tmp/n/c", "/tmp/n/a"), "not bound there");
}

static void after(void)
{
	CHECK(bind("/tmp/n/b", "/tmp/n/a", MAFTER) == 0);
	CHECK(bind("/tmp/n/c", "/tmp/n/a", MAFTER) == 0);
	CHECK(has("/tmp/n/a/same", "a") && has("/tmp/n/a/b", "b") &&
	      has("/tmp/n/a/c", "c"));
	CHECK(count("/tmp/n/a") == 6);
}

static void create_in_a_union(void)
{
	CHECK(bind("/tmp/n/b", "/tmp/n/a", MBEFORE) == 0);
	put("/tmp/n/a/new", "1");	/* a itself takes new files */
	CHECK(unmount(NULL, "/tmp/n/a") == 0);
	CHECK(has("/tmp/n/a/new", "1") && remove("/tmp/n/a/new") == 0);
	CHECK(bind("/tmp/n/b", "/tmp/n/a", MBEFORE | MCREATE) == 0);
	put("/tmp/n/a/new", "2");
	CHECK(has("/tmp/n/b/new", "2"));
	CHECK(unmount(NULL, "/tmp/n/a") == 0);
	CHECK(bind("/tmp/n/b", "/tmp/n/a", MREPL) == 0);
	CHECK(bind("/tmp/n/c", "/tmp/n/a", MAFTER) == 0);
	FAILS(create("/tmp/n/a/other", OWRITE, 0666), "no member takes");
	CHECK(bind("/tmp/n/c", "/tmp/n/a", MAFTER | MCREATE) == 0);
	put("/tmp/n/a/new", "3");	/* it is there, in b */
	CHECK(has("/tmp/n/b/new", "3"));
}

static void files_and_devices(void)
{
	CHECK(bind("/tmp/n/b/b", "/tmp/n/a/a", MREPL) == 0);
	CHECK(has("/tmp/n/a/a", "b"));
	FAILS(bind("/tmp/n/b/b", "/tmp/n/a/a", MBEFORE), "no union of files");
	CHECK(unmount(NULL, "/tmp/n/a/a") == 0);
	CHECK(has("/tmp/n/a/a", "a"));
	CHECK(bind("#cons", "/tmp/n/a", MREPL) == 0);
	CHECK(open("/tmp/n/a/null", OREAD) >= 0);
	CHECK(open("/tmp/n/a/../a/null", OREAD) >= 0);
	CHECK(has("/tmp/n/a/sysname", "akaros"));
}

/* Changes are seen by those who share, and by nobody else. */
static void isolation(void)
{
	struct waitmsg m;
	int pid = rfork(RFPROC | RFFDG | RFNAMEG);

	if (pid == 0) {
		CHECK(bind("/tmp/n/b", "/tmp/n/a", MREPL) == 0);
		exit(has("/tmp/n/a/same", "b") ? 0 : 1);
	}
	CHECK(wait(&m) == pid && m.status == 0);
	CHECK(has("/tmp/n/a/same", "a"));
	pid = fork();
	if (pid == 0) {
		CHECK(bind("/tmp/n/b", "/tmp/n/a", MREPL) == 0);
		exit(0);
	}
	CHECK(wait(&m) == pid && m.status == 0);
	CHECK(has("/tmp/n/a/same", "b"));
	pid = fork();
	if (pid == 0) {
		CHECK(rfork(RFNAMEG) == 0);
		CHECK(unmount(NULL, "/tmp/n/a") == 0);
		exit(has("/tmp/n/a/same", "a") ? 0 : 1);
	}
	CHECK(wait(&m) == pid && m.status == 0);
	CHECK(has("/tmp/n/a/same", "b"));
}

/* Bound in a circle, over itself, and too often. */
static void circles(void)
{
	CHECK(bind("/tmp/n/a", "/tmp/n/b", MREPL) == 0);
	CHECK(bind("/tmp/n/b", "/tmp/n/a", MREPL) == 0);
	(void)!open("/tmp/n/a/same", OREAD);
	(void)!open("/tmp/n/b/same", OREAD);
	(void)!unmount(NULL, "/tmp/n/a");
	(void)!unmount(NULL, "/tmp/n/b");
	CHECK(has("/tmp/n/a/same", "a") && has("/tmp/n/b/same", "b"));
	CHECK(bind("/tmp/n", "/tmp/n/c", MREPL) == 0);
	CHECK(open("/tmp/n/c/c/a/same", OREAD) >= 0);
	CHECK(unmount(NULL, "/tmp/n/c") == 0);
	CHECK(bind("/tmp/n/a", "/tmp/n/a", MAFTER) == 0);
	CHECK(has("/tmp/n/a/same", "a"));
	CHECK(unmount(NULL, "/tmp/n/a") == 0);
	for (unsigned i = 0; i < 15; i++)
		CHECK(bind("/tmp/n/b", "/tmp/n/a", MAFTER) == 0);
	FAILS(bind("/tmp/n/b", "/tmp/n/a", MAFTER), "more than");
	CHECK(has("/tmp/n/a/same", "a"));
}

/* The list of what is bound can be typed in again. */
static void list_is_commands(void)
{
	char path[32], *text;

	CHECK(bind("/tmp/n/b", "/tmp/n/a", MAFTER) == 0);
	CHECK(bind("#cons", "/tmp/n/c", MREPL) == 0);
	snprint(path, sizeof(path), "#proc/%d/ns", getpid());
	text = readfile(path, NULL);
	CHECK(text && strstr(text, "bind -a /tmp/n/b /tmp/n/a\n"));
	CHECK(strstr(text, "bind #cons /tmp/n/c\n"));
	free(text);
}

static const struct test tests[] = {
	{ "replace", replace }, { "before", before }, { "after", after },
	{ "create_in_a_union", create_in_a_union },
	{ "files_and_devices", files_and_devices }, { "isolation", isolation },
	{ "circles", circles }, { "list_is_commands", list_is_commands },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	int bad;

	make_dirs();
	bad = run_test(argc, argv, tests);
	remove_dirs();
	return bad;
}
