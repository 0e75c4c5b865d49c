/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls with arguments that they should not have. */
#include "check.h"

static char *page, *readonly, *hidden;	/* followed by what is hidden */

static void make_pages(void)
{
	page = memory(2 * PAGE, RW, 0);
	CHECK(mprotect(page + PAGE, PAGE, PROT_NONE) == 0);
	readonly = memory(2 * PAGE, RW, 0);
	memset(readonly, 'x', PAGE);
	CHECK(mprotect(readonly + PAGE, PAGE, PROT_NONE) == 0);
	CHECK(mprotect(readonly, PAGE, PROT_READ) == 0);
	hidden = memory(PAGE, PROT_NONE, 0);
}

/* Addresses of no memory at all, or not of the process's. */
static const long nowhere[] = {
	0, 1, 0xfff, 0x1000, 0xfee00000, 0xffffffff, 0x7fffffffff,
	0x8000000000, 0xffffffffff, 0x10000000000, 0x7fffffffffff,
	0x800000000000, (long)0xffff7fffffffffff, (long)0xffff800000000000,
	(long)0xffff800000100000, (long)0xffffff0000000000,
	(long)0xfffffff000000000, (long)0xffffffff80000000,
	(long)0xffffffff80100000, (long)0xfffffffffffff000, -4096, -2, -1,
};

/* Each call that takes a pointer, with that one; what it gives. */
static void call_all(long p, bool writable_only)
{
	int fd[2];
	long calls[][4] = {
		{ SYS_wait, p }, { SYS_errstr, p, ERRMAX },
		{ SYS_pread, 3, p, 64 }, { SYS_fstat, 0, p },
		{ SYS_stat, (long)"/", p }, { SYS_fd2path, 0, p, 256 },
		{ SYS_pipe, p }, { SYS_poll, p, 1, 0 },
		/* readers */
		{ SYS_pwrite, 4, p, 64 }, { SYS_open, p }, { SYS_create, p, 1 },
		{ SYS_stat, p, (long)page }, { SYS_remove, p },
		{ SYS_chdir, p }, { SYS_bind, p, (long)"/", 0 },
		{ SYS_bind, (long)"/", p, 0 }, { SYS_unmount, p, (long)"/" },
		{ SYS_unmount, (long)"/", p },
		{ SYS_exec, p, (long)page },
		{ SYS_exec, (long)"/bin/true", p },
	};
	unsigned n = writable_only ? 8 : ARRAY_SIZE(calls);

	(void)fd;
	for (unsigned i = 0; i < n; i++) {
		if (calls[i][0] == SYS_wait && (!p || fork() == 0)) {
			if (p)
				exit(0);
			continue;
		}
		if (calls[i][0] == SYS_unmount && !calls[i][1])
			continue;
		if (raw(calls[i][0], calls[i][1], calls[i][2], calls[i][3], -1,
			0, 0) >= 0)
			fatal("call %ld with %p", calls[i][0], (void *)p);
	}
}

static void open_files(void)
{
	CHECK(open("#cons/zero", OREAD) == 3);
	CHECK(open("#cons/null", OWRITE) == 4);
	make_pages();
}

static void pointers(void)
{
	open_files();
	for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++)
		call_all(nowhere[i], false);
	call_all((long)hidden, false);
	call_all((long)page + PAGE, false);
}

/* What begins in memory and ends outside. */
static void straddling(void)
{
	open_files();
	for (long n = 1; n < 64; n += n) {
		FAILS(raw(SYS_pread, 3, (long)page + PAGE - n, 64, -1, 0, 0),
		      "bad address");
		memset(page, 'x', PAGE);
		FAILS(raw(SYS_pwrite, 4, (long)page + PAGE - n, 64, -1, 0, 0),
		      "bad address");
		FAILS(raw(SYS_open, (long)page + PAGE - n, 0, 0, 0, 0, 0),
		      "bad address");
		FAILS(raw(SYS_exec, (long)"/bin/true", (long)page + PAGE - n, 0,
			  0, 0, 0), "");
		FAILS(raw(SYS_stat, (long)"/", (long)page + PAGE - n, 0, 0, 0,
			  0), "bad address");
	}
	FAILS(raw(SYS_pread, 3, (long)page, 1l << 62, -1, 0, 0), "bad address");
	FAILS(raw(SYS_pwrite, 4, (long)page, -1, -1, 0, 0), "bad address");
	strlcpy(page + PAGE - 2, "/", 2);
	CHECK(open(page + PAGE - 2, OREAD) >= 0);
}

/* The kernel writes where the process may not no more than the process. */
static void read_only(void)
{
	open_files();
	call_all((long)readonly, true);
	call_all((long)&nowhere, true);
	call_all((long)call_all, true);
	for (unsigned i = 0; i < PAGE; i++)
		CHECK(readonly[i] == 'x');
}

static void numbers(void)
{
	static const long bad[] = { 0, NSYSCALL, NSYSCALL + 1, 1000, -1, -1000,
		1l << 32, (1l << 32) + SYS_exit, (long)(1ul << 63) };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		FAILS(raw(bad[i], 1, 2, 3, 4, 5, 6), "no system call");
}

static void fds(void)
{
	static const int bad[] = { -1, -2, 255, 256, 257, 1 << 20, 0x7fffffff,
		-0x7fffffff };
	char buf[16];
	struct dir d;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		FAILS(close(bad[i]), "not open");
		FAILS(read(bad[i], buf, 1), "not open");
		FAILS(write(bad[i], buf, 1), "not open");
		FAILS(seek(bad[i], 0, 0), "not open");
		FAILS(fstat(bad[i], &d), "not open");
		FAILS(fd2path(bad[i], buf, sizeof(buf)), "not open");
		FAILS(dup(bad[i], -1), "not open");
		FAILS(dup(bad[i], 5), "not open");
		if (bad[i] > 255)
			FAILS(dup(0, bad[i]), "not open");
		CHECK(!mmap(NULL, PAGE, PROT_READ, 0, bad[i], 0));
	}
}

static void files(void)
{
	char buf[16];
	int fd = open("/bin/true", OREAD);

	CHECK(fd >= 0);
	FAILS(write(fd, "x", 1), "not open for writing");
	FAILS(seek(fd, -1, SEEK_SET), "before the start");
	FAILS(seek(fd, 0, 3), "whence");
	CHECK(seek(fd, 1l << 62, SEEK_SET) == 1l << 62);
	CHECK(read(fd, buf, 16) == 0);
	FAILS(seek(fd, 1l << 62, SEEK_CUR), "largest offset");
	CHECK(seek(fd, 0, SEEK_END) > 1000);
	FAILS(fd2path(fd, buf, 3), "bytes needed");
	FAILS(open("/bin/true", 0x100), "open mode");
	FAILS(open("/bin/true", -1), "open mode");
	FAILS(open("/bin", OWRITE), "directory");
	FAILS(open("", OREAD), "empty name");
	FAILS(open("/nothing", OREAD), "no such file");
	FAILS(open("/bin/true/x", OREAD), "not a directory");
	FAILS(open("#nothing", OREAD), "no such device");
	FAILS(open("#", OREAD), "no such device");
	FAILS(open("#/", OREAD), "no such device");
	FAILS(open("#pipe", OREAD), "no such device");
	FAILS(create("/bin/true/x", OWRITE, 0666), "not a directory");
	FAILS(create("/nothing/x", OWRITE, 0666), "no such file");
	FAILS(create("/bin", OREAD, DMDIR | 0777), "exists");
	FAILS(create("#cons/x", OWRITE, 0666), "no new files");
	FAILS(create("#proc/x", OWRITE, 0666), "no new files");
	FAILS(remove("/"), "cannot be removed");
	FAILS(remove("#cons/null"), "cannot be removed");
	FAILS(remove("/bin"), "not empty");
	FAILS(chdir("/bin/true"), "not a directory");
	FAILS(chdir("/nothing"), "no such file");
	fd = open("/tmp", OREAD);
	CHECK(fd >= 0);
	FAILS(write(fd, "x", 1), "not open for writing");
	FAILS(pread(fd, buf, 16, 1), "offset");
	CHECK(create("/tmp/w", OWRITE, 0666) >= 0);
	FAILS(read(open("/tmp/w", OWRITE), buf, 1), "not open for reading");
	FAILS(exec("/tmp/w", (char *[]){ "w", NULL }), "");
	CHECK(remove("/tmp/w") == 0);
}

static void names(void)
{
	char name[1200];

	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[NAMELEN + 1] = '\0';
	FAILS(open(name, OREAD), "name too long");
	FAILS(create(name, OWRITE, 0666), "name too long");
	name[NAMELEN + 1] = 'x';
	name[sizeof(name) - 1] = '\0';
	FAILS(open(name, OREAD), "longer than");
	for (unsigned i = 0; i < PATHLEN - 2; i++)
		name[i] = i % 2 ? '.' : '/';
	name[PATHLEN - 2] = '\0';
	CHECK(open(name, OREAD) >= 0);
	CHECK(open("/../../..//./bin/../bin/true", OREAD) >= 0);
	CHECK(open("#cons/../../null", OREAD) >= 0);
}

static void memory_calls(void)
{
	char *p = memory(4 * PAGE, RW, 0);
	void *at = (void *)0x200000000;

	CHECK(!mmap(NULL, 0, RW, MAP_ANON, -1, 0));
	CHECK(!mmap(NULL, 1ul << 63, RW, MAP_ANON, -1, 0));
	CHECK(!mmap(NULL, -1ul, RW, MAP_ANON, -1, 0));
	CHECK(!mmap(NULL, PAGE, 8, MAP_ANON, -1, 0));
	CHECK(!mmap(NULL, PAGE, -1, MAP_ANON, -1, 0));
	CHECK(!mmap(NULL, PAGE, RW, MAP_ANON | 8, -1, 0));
	CHECK(!mmap(NULL, PAGE, RW, 0, 0, 0));
	CHECK(!mmap(p, PAGE, RW, MAP_ANON | MAP_FIXED, -1, 0));
	CHECK(!mmap(p + 1, PAGE, RW, MAP_ANON | MAP_FIXED, -1, 0));
	CHECK(!mmap(at, -4096ul, RW, MAP_ANON | MAP_FIXED, -1, 0));
	for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++) {
		if (nowhere[i] >= 1l << 32 && nowhere[i] < 1l << 40)
			continue;	/* might be had */
		CHECK(!mmap((void *)nowhere[i], PAGE, RW, MAP_ANON | MAP_FIXED,
			    -1, 0));
		FAILS(raw(SYS_munmap, nowhere[i], PAGE, 0, 0, 0, 0), "bad");
		FAILS(raw(SYS_mprotect, nowhere[i], PAGE, RW, 0, 0, 0), "bad");
	}
	CHECK(!mmap(NULL, PAGE, RW, MAP_ANON | MAP_BELOW(32), -1, 0));
	CHECK(!mmap(NULL, 2ul << 32, RW, MAP_ANON | MAP_BELOW(33), -1, 0));
	FAILS(munmap(p + 1, PAGE), "bad range");
	FAILS(munmap(p, 0), "bad length");
	FAILS(munmap(p, 1ul << 63), "bad length");
	FAILS(mprotect(p, 8 * PAGE, 16), "bad protection");
	FAILS(mprotect(at, PAGE, RW), "nothing at");
	FAILS(mprotect(p, 1ul << 38, RW), "nothing at");
	p[0] = p[4 * PAGE - 1] = 1;	/* all is as it was */
}

static void others(void)
{
	struct pollfd f = { .fd = 77, .events = POLLIN };

	FAILS(rfork(0x100), "flags");
	FAILS(rfork(-1), "flags");
	FAILS(raw(SYS_noted, NCONT, 0, 0, 0, 0, 0), "not in a note handler");
	FAILS(raw(SYS_notify, (long)0xffffffff80100000, 0, 0, 0, 0, 0),
	      "bad handler");
	FAILS(raw(SYS_poll, (long)&f, 257, 0, 0, 0, 0), "more than");
	FAILS(raw(SYS_poll, (long)&f, -1, 0, 0, 0, 0), "more than");
	CHECK(poll(&f, 1, -1) == 1 && f.revents == POLLERR);
	CHECK(poll(NULL, 0, 0) == 0);
	FAILS(wait(NULL), "no children");
	FAILS(bind("/bin", "/tmp", 3), "flags");
	FAILS(bind("/bin", "/tmp", -1), "flags");
	FAILS(bind("/bin", "/bin/true", 0), "directory");
	FAILS(unmount(NULL, "/tmp"), "nothing is bound");
}

/* Arguments of exec: too many, too long. */
static void exec_arguments(void)
{
	static char *argv[70], text[70000];

	for (unsigned i = 0; i < 65; i++)
		argv[i] = "a";
	FAILS(exec("/bin/true", argv), "arguments");
	memset(text, 'x', sizeof(text) - 1);
	argv[1] = text;
	argv[2] = NULL;
	FAILS(exec("/bin/true", argv), "longer than");
	argv[0] = NULL;
	FAILS(exec("/bin/true", argv), "no arguments");
	FAILS(exec("/bin", (char *[]){ "x", NULL }), "directory");
	FAILS(exec("/nothing", (char *[]){ "x", NULL }), "no such file");
	FAILS(exec("#cons/mem", (char *[]){ "x", NULL }), "");
}

static const struct test tests[] = {
	{ "pointers", pointers }, { "straddling", straddling },
	{ "read_only", read_only }, { "numbers", numbers }, { "fds", fds },
	{ "files", files }, { "names", names },
	{ "memory_calls", memory_calls }, { "others", others },
	{ "exec_arguments", exec_arguments }, { NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_test(argc, argv, tests);
}
