/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz FIRST LAST: a process for each number from FIRST to LAST, which makes
 * system calls by chance; or, with "exec" before them, executes programs with
 * some bytes changed.  A number means the same calls each time.
 */
#include "check.h"

#define CALLS	500
#define PATIENCE 200		/* milliseconds for a process */

static uint64_t state;

static uint64_t chance(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static char buffer[8192];

static long some_path(void)
{
	static const char *const paths[] = {
		"/tmp/z", "/tmp/zz", "/tmp", "/", ".", "..", "/bin/true", "#cons",
		"#cons/null", "#cons/zero", "#cons/mem", "#cons/irqs", "#cons/kmesg",
		"#proc", "#proc/1", "#proc/1/maps", "#proc/1/status", "#proc/1/ns",
		"#pci", "#pci/0:3.0", "#pci/0:3.0/config", "#pci/0:3.0/status",
		"#pci/0:3.0/ctl", "#pci/0:3.0/bar0", "#pci/0:3.0/irq0", "#iommu",
		"#iommu/info", "#iommu/mappings", "#iommu/attach",
		"#iommu/detach", "#root", "#pipe", "", "z/../z/.",
	};

	return (long)paths[chance(ARRAY_SIZE(paths))];
}

static long some_number(void)
{
	static const long numbers[] = {
		0, 1, 2, 3, 4, 7, 8, 16, 64, 127, 128, 160, 255, 256, 511, 512,
		4095, 4096, 4097, 8192, 65536, 1l << 20, 1l << 31, 1l << 32,
		1l << 38, 1l << 39, 1l << 40, 1l << 47, 1l << 62, -1, -2, -4096,
		(long)(1ul << 63), 0x80000001, 0x100000000, 0x7fffffff,
	};

	return numbers[chance(ARRAY_SIZE(numbers))];
}

static long some_argument(void)
{
	switch (chance(8)) {
	case 0:
		return (long)buffer + (long)chance(sizeof(buffer));
	case 1:
		return (long)buffer;
	case 2:
		return some_path();
	case 3:
		return (long)chance(16);
	case 4:
		return 0x100000000 + (long)chance(1 << 16) * 4096;
	case 5:
		return (long)(chance(1ul << 32) << 32 | chance(1ul << 32));
	default:
		return some_number();
	}
}

static void ignore(struct ureg *u, char *note)
{
	(void)u;
	if (!strncmp(note, "sys:", 4))
		noted(NDFLT);
	noted(NCONT);
}

static _Noreturn void make_calls(void)
{
	long n;

	if (rfork(RFNAMEG) < 0)
		exit(1);
	notify(ignore);
	for (int fd = 0; fd < 3; fd++) {
		close(fd);
		if (open("#cons/null", ORDWR) != fd)
			exit(1);
	}
	for (unsigned i = 0; i < CALLS; i++) {
		n = (long)chance(NSYSCALL + 2);
		if (n == SYS_exit || n == SYS_exec || n == SYS_notify)
			continue;
		if (n == SYS_rfork) {
			if (chance(10))
				continue;
			if (raw(n, (long)chance(16), 0, 0, 0, 0, 0) == 0)
				state += 77;
			continue;
		}
		/* Some of those that wait shall not wait for ever. */
		raw(n, n == SYS_sleep ? (long)chance(3) : some_argument(),
		    some_argument(),
		    n == SYS_poll ? (long)chance(3) : some_argument(),
		    some_argument(), some_argument(), some_argument());
	}
	exit(0);
}

static _Noreturn void execute(void)
{
	size_t n;
	char *program = readfile("/bin/true", &n);
	int fd;

	CHECK(program);
	for (uint64_t i = 1 + chance(4); i; i--)
		program[chance(chance(2) ? 64 + 56 * 8 : n)] =
			(char)(chance(3) ? chance(256) : 0xff);
	n = chance(8) ? n : chance(n);
	fd = create("/tmp/fuzzed", ORDWR, 0777);
	CHECK(fd >= 0 && write(fd, program, n) == (long)n);
	close(fd);
	exec("/tmp/fuzzed", (char *[]){ "fuzzed", NULL });
	exit(0);
}

/* Lets it run for a while, then ends it and all that is left of its group. */
static void one(uint64_t seed, bool programs)
{
	char path[64];
	int pid = rfork(RFPROC | RFFDG | RFNOTEG);

	CHECK(pid >= 0);
	if (pid == 0) {
		state = seed * 0x9e3779b97f4a7c15 + 1;
		if (programs)
			execute();
		make_calls();
	}
	for (unsigned i = 0; i < PATIENCE; i += 10) {
		snprint(path, sizeof(path), "#proc/%d/status", pid);
		char *text = readfile(path, NULL);
		bool there = text && !strstr(text, " zombie ");

		free(text);
		if (!there)
			break;
		sleep_ms(10);
	}
	snprint(path, sizeof(path), "#proc/%d/notepg", pid);
	(void)!writefile(path, "kill");
	CHECK(wait(NULL) == pid);
}

int main(int argc, char **argv)
{
	bool programs = argc == 4 && !strcmp(argv[1], "exec");
	uint64_t first, last;

	argv += programs;
	if (argc - programs != 3 ||
	    parse_number(argv[1], 10, UINT32_MAX, &first) < 0 ||
	    parse_number(argv[2], 10, UINT32_MAX, &last) < 0)
		usage("[exec] FIRST LAST");
	for (uint64_t n = first; n <= last; n++)
		one(n, programs);
	print("ok\n");
	return 0;
}
