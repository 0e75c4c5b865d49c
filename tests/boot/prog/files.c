/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of #root and #proc, descriptors, permissions. */
#include "check.h"

static int new_file(const char *path, const char *text)
{
	int fd = create(path, ORDWR, 0666);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (long)strlen(text));
	return fd;
}

static bool contains(const char *path, const char *text)
{
	size_t n;
	char *have = readfile(path, &n);
	bool same = have && n == strlen(text) && !memcmp(have, text, n);

	free(have);
	return same;
}

static void reading_and_writing(void)
{
	int fd = new_file("/tmp/f", "hello");
	char buf[16];

	CHECK(pread(fd, buf, 16, 1) == 4 && !memcmp(buf, "ello", 4));
	CHECK(pwrite(fd, "HE", 2, 0) == 2 && contains("/tmp/f", "HEllo"));
	CHECK(seek(fd, -2, SEEK_END) == 3 && write(fd, "LOOO", 4) == 4);
	CHECK(contains("/tmp/f", "HElLOOO"));
	CHECK(seek(fd, 100, SEEK_SET) == 100 && read(fd, buf, 1) == 0);
	CHECK(write(fd, "x", 1) == 1 && pread(fd, buf, 3, 98) == 3);
	CHECK(!memcmp(buf, "\0\0x", 3));
	close(fd);
	CHECK((fd = open("/tmp/f", OWRITE | OTRUNC)) >= 0);
	CHECK(contains("/tmp/f", ""));
	close(fd);
	CHECK(remove("/tmp/f") == 0);
	FAILS(open("/tmp/f", OREAD), "no such file");
}

static void appending(void)
{
	int a, b;

	close(new_file("/tmp/a", "0"));
	a = open("/tmp/a", OWRITE | OAPPEND);
	b = open("/tmp/a", OWRITE | OAPPEND);
	for (unsigned i = 0; i < 3; i++)
		CHECK(write(a, "a", 1) == 1 && write(b, "b", 1) == 1);
	CHECK(contains("/tmp/a", "0ababab"));
	CHECK(remove("/tmp/a") == 0);
}

/* A removed file lives as long as it is open. */
static void removed_while_open(void)
{
	int fd = new_file("/tmp/gone", "here");
	char buf[8];

	CHECK(remove("/tmp/gone") == 0);
	CHECK(pread(fd, buf, 8, 0) == 4 && write(fd, "!", 1) == 1);
	CHECK(pread(fd, buf, 8, 0) == 5);
	close(new_file("/tmp/gone", "another"));
	CHECK(pread(fd, buf, 8, 0) == 5 && buf[0] == 'h');
	CHECK(contains("/tmp/gone", "another") && remove("/tmp/gone") == 0);
}

static void large(void)
{
	static char buf[65536];
	int fd = new_file("/tmp/large", "");

	for (unsigned i = 0; i < 64; i++) {
		memset(buf, (int)i, sizeof(buf));
		CHECK(write(fd, buf, sizeof(buf)) == sizeof(buf));
	}
	for (unsigned i = 0; i < 64; i++) {
		CHECK(pread(fd, buf, 65536, i * 65536) == 65536);
		CHECK(buf[0] == (char)i && buf[65535] == (char)i);
	}
	FAILS(pwrite(fd, "x", 1, 64l << 20), "larger than");
	FAILS(pwrite(fd, "x", 1, 1l << 62), "offset");
	close(fd);
	CHECK(remove("/tmp/large") == 0);
}

static void directories(void)
{
	struct dir d[20], one;
	size_t n;
	struct dir *list;
	int fd;

	CHECK((fd = create("/tmp/d", OREAD, DMDIR | 0755)) >= 0);
	close(fd);
	FAILS(create("/tmp/d", OREAD, DMDIR | 0755), "exists");
	for (char c = 'a'; c < 'k'; c++) {
		char path[] = "/tmp/d/x";

		path[7] = c;
		close(new_file(path, path));
	}
	FAILS(remove("/tmp/d"), "not empty");
	list = readdir("/tmp/d", &n);
	CHECK(list && n == 10 && !strcmp(list[0].name, "a"));
	CHECK(list[9].length == 8 && !strcmp(list[9].user, "eve"));
	fd = open("/tmp/d", OREAD);
	CHECK(read(fd, d, sizeof(d[0]) - 1) == 0);
	CHECK(read(fd, d, sizeof(d[0]) * 3 + 5) == (long)sizeof(d[0]) * 3);
	CHECK(read(fd, d, sizeof(d)) == (long)sizeof(d[0]) * 7);
	CHECK(stat("/tmp/d", &one) == 0 && one.mode == (DMDIR | 0755));
	for (char c = 'a'; c < 'k'; c++) {
		char path[] = "/tmp/d/x";

		path[7] = c;
		CHECK(remove(path) == 0);
	}
	CHECK(remove("/tmp/d") == 0);
	CHECK(read(fd, d, sizeof(d)) == 0);
}

/* A directory that is removed with somebody in it. */
static void current_directory_removed(void)
{
	close(create("/tmp/here", OREAD, DMDIR | 0777));
	CHECK(chdir("/tmp/here") == 0 && remove("/tmp/here") == 0);
	FAILS(open("x", OREAD), "no such file");
	(void)!create("x", OWRITE, 0666);	/* whatever it gives */
	CHECK(chdir("/") == 0);
	FAILS(open("/tmp/here/x", OREAD), "no such file");
}

static void descriptors_run_out(void)
{
	int fd, n = 0;

	while ((fd = open("#cons/null", OREAD)) >= 0)
		n++;
	FAILS(fd, "more than 256");
	CHECK(n == 253);
	FAILS(create("/tmp/none", OWRITE, 0666), "more than 256");
	FAILS(dup(0, -1), "more than 256");
	close(100);
	FAILS(raw(SYS_pipe, (long)&fd, 0, 0, 0, 0, 0), "more than 256");
	CHECK(open("#cons/null", OREAD) == 100);
	for (int i = 3; i < 256; i++)
		CHECK(close(i) == 0);
	CHECK(open("#cons/null", OREAD) == 3);
	(void)!remove("/tmp/none");
}

static void permissions(void)
{
	int fd = create("/tmp/mine", OWRITE, 0600);

	CHECK(fd >= 0);
	close(fd);
	close(create("/tmp/theirs", OWRITE, 0444));
	FAILS(open("/tmp/theirs", OWRITE), "permission denied");
	CHECK(writefile("#cons/user", "none") == 0);
	FAILS(open("/tmp/mine", OREAD), "permission denied");
	FAILS(open("/tmp/theirs", OWRITE), "permission denied");
	FAILS(remove("/tmp/mine"), "permission denied");
	FAILS(create("/bin/new", OWRITE, 0777), "permission denied");
	FAILS(remove("/bin/true"), "permission denied");
	FAILS(open("/bin/true", OWRITE), "permission denied");
	FAILS(writefile("#cons/user", "eve"), "only become none");
	FAILS(writefile("#cons/reboot", "halt"), "");
	FAILS(writefile("#proc/1/note", "hello"), "");
	FAILS(writefile("#proc/1/ctl", "kill"), "");
	FAILS(open("#proc/1/pages", OREAD), "permission denied");
	FAILS(writefile("#iommu/power", "off"), "only eve");
	CHECK(open("/tmp/theirs", OREAD) >= 0);
	fd = create("/tmp/nones", OWRITE, 0666);
	CHECK(fd >= 0);
	CHECK(remove("/tmp/nones") == 0);
}

/* none's children are none, whatever they execute. */
static void none_for_good(void)
{
	struct waitmsg m;
	int pid;

	CHECK(writefile("#cons/user", "none") == 0);
	pid = fork();
	if (pid == 0) {
		exec("/bin/sh", (char *[]){ "sh", "-c", "exit 5", NULL });
		exit(1);
	}
	CHECK(wait(&m) == pid && m.status == 5);
	CHECK(contains("#cons/user", "none"));
	pid = fork();
	if (pid == 0) {
		FAILS(writefile("#cons/user", "eve"), "only become none");
		exit(contains("#cons/user", "none") ? 6 : 1);
	}
	CHECK(wait(&m) == pid && m.status == 6);
}

static void process_files(void)
{
	static const char *const names[] = {
		"status", "args", "ns", "fd", "maps", "pages",
	};
	struct dir d;
	char path[64], *text;
	size_t n;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprint(path, sizeof(path), "#proc/%d/%s", getpid(), names[i]);
		text = readfile(path, &n);
		CHECK(text && (n > 0 || !strcmp(names[i], "ns")));
		CHECK(stat(path, &d) == 0 && !strcmp(d.name, names[i]));
		free(text);
	}
	snprint(path, sizeof(path), "#proc/%d/args", getpid());
	CHECK(contains(path, "files process_files\n"));
	FAILS(open("#proc/77777/status", OREAD), "no process");
	FAILS(open("#proc/0/status", OREAD), "");
	FAILS(open("#proc/x/status", OREAD), "no such file");
	FAILS(open("#proc/1/nothing", OREAD), "no such file");
	FAILS(writefile("#proc/1/ctl", "dance"), "kill, not");
}

/* What a process's files say when it has ended meanwhile. */
static void files_of_the_dead(void)
{
	char path[64], buf[64];
	struct waitmsg m;
	int pid = fork(), note, status;

	if (pid == 0)
		sleep_ms(1000000);
	snprint(path, sizeof(path), "#proc/%d/note", pid);
	note = open(path, OWRITE);
	snprint(path, sizeof(path), "#proc/%d/status", pid);
	status = open(path, OREAD);
	CHECK(note >= 0 && status >= 0 && write(note, "kill", 4) == 4);
	CHECK(wait(&m) == pid);
	FAILS(write(note, "kill", 4), "no process");
	CHECK(read(status, buf, sizeof(buf)) > 0);	/* of when it opened */
	FAILS(open(path, OREAD), "no process");
}

static const struct test tests[] = {
	{ "reading_and_writing", reading_and_writing },
	{ "appending", appending }, { "removed_while_open", removed_while_open },
	{ "large", large }, { "directories", directories },
	{ "current_directory_removed", current_directory_removed },
	{ "descriptors_run_out", descriptors_run_out },
	{ "permissions", permissions }, { "none_for_good", none_for_good },
	{ "process_files", process_files },
	{ "files_of_the_dead", files_of_the_dead }, { NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_test(argc, argv, tests);
}
