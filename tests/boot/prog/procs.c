/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes: fork, exec, wait, exit, what is shared, and that nothing leaks. */
#include "check.h"

static void status(void)
{
	struct waitmsg m;

	for (int i = 0; i < 256; i += 15) {
		int pid = fork();

		if (pid == 0)
			exit(i);
		CHECK(wait(&m) == pid && m.pid == pid && m.status == i);
		CHECK(!*m.msg);
	}
	FAILS(wait(&m), "no children");
}

static void exec_gives_arguments(void)
{
	static char *argv[65], text[100];
	struct waitmsg m;
	int pid = fork();

	if (pid == 0) {
		exec("/bin/sh", (char *[]){ "sh", "-c", "exit $1$2", "4", "2",
					    NULL });
		exit(1);
	}
	CHECK(wait(&m) == pid && m.status == 42);
	for (unsigned i = 0; i < 64; i++)
		argv[i] = text;
	memset(text, 'x', sizeof(text) - 1);
	pid = fork();
	if (pid == 0) {
		exec("/bin/true", argv);
		exit(1);
	}
	CHECK(wait(&m) == pid && m.status == 0);
}

/* A failed exec leaves all as it was. */
static void failed_exec(void)
{
	char *p = memory(PAGE, RW, 0);

	*p = 'x';
	FAILS(exec("/nothing", (char *[]){ "x", NULL }), "no such file");
	FAILS(exec("#cons/mem", (char *[]){ "x", NULL }), "");
	CHECK(*p == 'x' && write(1, "", 0) == 0);
}

static void orphans_are_waited_for(void)
{
	struct waitmsg m;
	int fd[2], orphan, pid;
	char path[32];

	CHECK(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		orphan = fork();
		if (orphan == 0) {
			sleep_ms(10);
			exit(0);
		}
		CHECK(write(fd[1], &orphan, sizeof(int)) == sizeof(int));
		exit(0);
	}
	CHECK(read(fd[0], &orphan, sizeof(int)) == sizeof(int));
	CHECK(wait(&m) == pid);
	snprint(path, sizeof(path), "#proc/%d/status", orphan);
	for (int i = 0; open(path, OREAD) >= 0; i++) {
		CHECK(i < 100);
		sleep_ms(10);
	}
}

static void files_are_shared_or_copied(void)
{
	struct waitmsg m;
	int pid = rfork(RFPROC);

	if (pid == 0) {		/* shares the table */
		CHECK(open("#cons/null", OREAD) == 3);
		exit(0);
	}
	CHECK(wait(&m) == pid && m.status == 0);
	CHECK(close(3) == 0);
	pid = fork();
	if (pid == 0) {		/* has a copy */
		CHECK(open("#cons/null", OREAD) == 3);
		exit(0);
	}
	CHECK(wait(&m) == pid && m.status == 0);
	FAILS(close(3), "not open");
}

/* An offset is shared by all who have the file from one open. */
static void offsets_are_shared(void)
{
	int fd = create("/tmp/offset", ORDWR, 0666), pid;
	struct waitmsg m;

	CHECK(fd >= 0 && write(fd, "abcd", 4) == 4);
	pid = fork();
	if (pid == 0) {
		CHECK(seek(fd, 1, SEEK_SET) == 1);
		exit(0);
	}
	CHECK(wait(&m) == pid && m.status == 0);
	CHECK(seek(fd, 0, SEEK_CUR) == 1);
	CHECK(remove("/tmp/offset") == 0);
}

/* Pids count up and are not given again. */
static void pids_count_up(void)
{
	int last = getpid();

	for (unsigned i = 0; i < 100; i++) {
		struct waitmsg m;
		int pid = fork();

		if (pid == 0)
			exit(0);
		CHECK(pid > last);
		last = pid;
		CHECK(wait(&m) == pid);
	}
}

/* Beyond the highest number it begins anew, at what is free. */
static void pids_wrap(void)
{
	int last = getpid(), kept = 0, wraps = 0;
	struct waitmsg m;

	while (wraps < 1 || last < 10) {
		int pid = fork();

		if (pid == 0) {
			if (!kept)
				sleep_ms(1000000000);
			exit(0);
		}
		CHECK(pid > 0 && pid != 1 && pid != 2 && pid != kept &&
		      pid != getpid());
		if (!kept) {
			kept = pid;
			continue;
		}
		CHECK(pid > last || last > 99000);
		wraps += pid < last;
		last = pid;
		CHECK(wait(&m) == pid);
	}
}

/* A hundred generations, each of which waits for the next. */
static void deep(void)
{
	struct waitmsg m;
	int pid;

	for (unsigned n = 0; n < 100; n++) {
		pid = fork();
		if (pid) {
			CHECK(pid > 0 && wait(&m) == pid && m.status == 0);
			if (n)
				exit(0);
			return;
		}
	}
	exit(0);
}

static void one_life(unsigned i)
{
	char *p = memory(8 * PAGE, RW, i % 2 ? MAP_PINNED : 0);
	int fd[2];

	memset(p, (int)i, 8 * PAGE);
	CHECK(pipe(fd) == 0 && write(fd[0], p, 100) == 100);
	CHECK(open("/bin/true", OREAD) >= 0);
	CHECK(open("/bin", OREAD) >= 0);
	CHECK(open("#proc/1/maps", OREAD) >= 0);
	CHECK(rfork(i % 3 ? RFNAMEG : RFNOTEG) == 0);
	if (i % 3)
		CHECK(bind("/bin", "/tmp", MBEFORE) == 0);
	CHECK(chdir("/bin") == 0);
	if (i % 7 == 0) {
		exec("/bin/true", (char *[]){ "true", NULL });
		exit(1);
	}
	if (i % 5 == 0)
		asm volatile("ud2");
	exit(3);
}

static void lives(unsigned n)
{
	struct waitmsg m;

	for (unsigned i = 1; i <= n; i++) {
		int pid = fork();

		if (pid == 0)
			one_life(i);
		CHECK(pid > 0 && wait(&m) == pid);
		CHECK(m.status == (i % 7 == 0 ? 0 : i % 5 == 0 ? 128 : 3));
	}
}

/* Thousands of processes leave nothing behind. */
static void nothing_leaks(void)
{
	uint64_t pages, kmalloc;

	lives(50);		/* whatever is made once */
	pages = free_pages();
	kmalloc = number_in("#cons/mem", "kmalloc");
	lives(3000);
	/* A page of the kernel's objects more or less is no leak. */
	CHECK(free_pages() + 8 >= pages);
	CHECK(number_in("#cons/mem", "kmalloc") <= kmalloc + 4096);
}

static const struct test tests[] = {
	{ "status", status }, { "exec_gives_arguments", exec_gives_arguments },
	{ "failed_exec", failed_exec },
	{ "orphans_are_waited_for", orphans_are_waited_for },
	{ "files_are_shared_or_copied", files_are_shared_or_copied },
	{ "offsets_are_shared", offsets_are_shared },
	{ "pids_count_up", pids_count_up }, { "pids_wrap", pids_wrap },
	{ "deep", deep }, { "nothing_leaks", nothing_leaks }, { NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_test(argc, argv, tests);
}
