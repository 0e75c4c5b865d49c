/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes: their handlers, and what becomes of registers. */
#include "check.h"

#define ALIGNED __attribute__((aligned(16)))

static volatile int came;
static char last[NOTEMAX];
static uintptr_t skip_to;

static int try_to_post(int pid, const char *text)
{
	char path[32];

	snprint(path, sizeof(path), "#proc/%d/note", pid);
	return writefile(path, text);
}

static void post(int pid, const char *text)
{
	CHECK(try_to_post(pid, text) == 0);
}

/* A child, which may be sending notes to us. */
static void end(int pid)
{
	struct waitmsg m;

	while (try_to_post(pid, "kill") < 0)
		;
	while (wait(&m) != pid)
		;
	CHECK(!strcmp(m.msg, "kill"));
}

static void keep(struct ureg *u, char *note)
{
	(void)u;
	strlcpy(last, note, sizeof(last));
	came++;
	noted(NCONT);
}

static void handler(void)
{
	notify(keep);
	post(getpid(), "hello");
	CHECK(came == 1 && !strcmp(last, "hello"));
	post(getpid(), "again");
	CHECK(came == 2 && !strcmp(last, "again"));
}

/* Clobbers all that it may. */
static void clobber(struct ureg *u, char *note)
{
	(void)u;
	(void)note;
	came++;
	asm volatile("pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm7;"
		     "movdqa %%xmm0, %%xmm15; fninit; fldpi; fldpi;"
		     "pushq $0x7f80; ldmxcsr (%%rsp); popq %%rax"
		     : : : "rax", "memory");
	noted(NCONT);
}

/* A child sends notes while all registers hold values; they hold them still. */
static void registers(void)
{
	static uint64_t in[14], out[14];
	static uint8_t xmm[3][16] ALIGNED, xmm_out[3][16] ALIGNED;
	static uint16_t cw;
	static uint32_t mxcsr, mxcsr_in = 0x3f80;
	int pid, parent = getpid();

	for (unsigned i = 0; i < 14; i++)
		in[i] = 0x0101010101010101 * (i + 1);
	for (unsigned i = 0; i < 48; i++)
		xmm[i / 16][i % 16] = (uint8_t)(i + 1);
	notify(clobber);
	pid = fork();
	if (pid == 0) {
		for (;;) {
			sleep_ms(1);
			try_to_post(parent, "x");
		}
	}
	asm volatile(
		"pushq %%rbp; pushq %%rbx\n"
		"ldmxcsr %[mxcsr_in]; fninit; fldz\n"
		"movdqa %[x0], %%xmm0; movdqa %[x1], %%xmm7\n"
		"movdqa %[x2], %%xmm15\n"
		"leaq %[in], %%r15\n"
		"movq 0(%%r15), %%rax; movq 8(%%r15), %%rbx\n"
		"movq 16(%%r15), %%rcx; movq 24(%%r15), %%rdx\n"
		"movq 32(%%r15), %%rsi; movq 40(%%r15), %%rdi\n"
		"movq 48(%%r15), %%rbp; movq 56(%%r15), %%r8\n"
		"movq 64(%%r15), %%r9; movq 72(%%r15), %%r10\n"
		"movq 80(%%r15), %%r11; movq 88(%%r15), %%r12\n"
		"movq 96(%%r15), %%r13; movq 104(%%r15), %%r14\n"
		"1: cmpl $40, %[came]; jl 1b\n"
		"leaq %[out], %%r15\n"
		"movq %%rax, 0(%%r15); movq %%rbx, 8(%%r15)\n"
		"movq %%rcx, 16(%%r15); movq %%rdx, 24(%%r15)\n"
		"movq %%rsi, 32(%%r15); movq %%rdi, 40(%%r15)\n"
		"movq %%rbp, 48(%%r15); movq %%r8, 56(%%r15)\n"
		"movq %%r9, 64(%%r15); movq %%r10, 72(%%r15)\n"
		"movq %%r11, 80(%%r15); movq %%r12, 88(%%r15)\n"
		"movq %%r13, 96(%%r15); movq %%r14, 104(%%r15)\n"
		"movdqa %%xmm0, %[y0]; movdqa %%xmm7, %[y1]\n"
		"movdqa %%xmm15, %[y2]\n"
		"fnstcw %[cw]; stmxcsr %[mxcsr]\n"
		"popq %%rbx; popq %%rbp\n"
		: [out] "=m"(out), [y0] "=m"(xmm_out[0]), [y1] "=m"(xmm_out[1]),
		  [y2] "=m"(xmm_out[2]), [cw] "=m"(cw), [mxcsr] "=m"(mxcsr)
		: [in] "m"(in), [x0] "m"(xmm[0]), [x1] "m"(xmm[1]),
		  [x2] "m"(xmm[2]), [came] "m"(came), [mxcsr_in] "m"(mxcsr_in)
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
		  "r12", "r13", "r14", "r15", "memory");
	CHECK(!memcmp(in, out, sizeof(in)));
	CHECK(!memcmp(xmm, xmm_out, sizeof(xmm)));
	CHECK(cw == 0x37f && mxcsr == mxcsr_in);
	end(pid);
}

static void skip(struct ureg *u, char *note)
{
	strlcpy(last, note, sizeof(last));
	came++;
	u->rip = skip_to;
	noted(NCONT);
}

/* A handler may let a process go on behind what it could not do. */
static void fault_can_be_skipped(void)
{
	notify(skip);
	asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0\n"
		     "movq $0, 0x10\n"
		     "1:\n" : "=m"(skip_to) : : "rax", "memory");
	CHECK(came == 1);
	CHECK(!strncmp(last, "sys: trap: fault write addr=0x10 ", 33));
	asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0\n"
		     "ud2\n"
		     "1:\n" : "=m"(skip_to) : : "rax", "memory");
	CHECK(came == 2 && strstr(last, "invalid opcode"));
	asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0\n"
		     "cli\n"
		     "1:\n" : "=m"(skip_to) : : "rax", "memory");
	CHECK(came == 3 && strstr(last, "general protection"));
	asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0\n"
		     "xorl %%ecx, %%ecx; divl %%ecx\n"
		     "1:\n" : "=m"(skip_to) : : "rax", "rcx", "rdx", "memory");
	CHECK(came == 4 && strstr(last, "divide error"));
	asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0\n"
		     "int $0x80\n"
		     "1:\n" : "=m"(skip_to) : : "rax", "memory");
	CHECK(came == 5);
	asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0\n"
		     "int3\n1:\n" : "=m"(skip_to) : : "rax", "memory");
	CHECK(came == 6 && strstr(last, "breakpoint"));
}

static void give_up(struct ureg *u, char *note)
{
	(void)u;
	(void)note;
	noted(NDFLT);
}

static void post_to_self(void)
{
	post(getpid(), "my note");
	exit(7);
}

static void post_with_default(void)
{
	notify(give_up);
	post_to_self();
}

static void default_is_the_end(void)
{
	struct waitmsg m = in_child(post_to_self);

	CHECK(m.status == 128 && !strcmp(m.msg, "my note"));
	m = in_child(post_with_default);
	CHECK(m.status == 128 && !strcmp(m.msg, "my note"));
}

static void kill_self(void)
{
	notify(keep);
	post(getpid(), "kill");
	exit(7);
}

static void kill_is_not_handled(void)
{
	struct waitmsg m = in_child(kill_self);

	CHECK(m.status == 128 && !strcmp(m.msg, "kill"));
}

static void wait_for_notes(void)
{
	for (;;)
		asm volatile("pause");
}

static void iommu_notes_are_ignored(void)
{
	post(getpid(), "iommu: fault that nobody handles");
}

/* Breaks off a sleep, a read, a wait, a poll. */
static void breaks_off_calls(void)
{
	struct pollfd f = { .events = POLLIN };
	int fd[2], parent = getpid(), pid;
	char c;

	notify(keep);
	CHECK(pipe(fd) == 0);
	f.fd = fd[0];
	pid = fork();
	if (pid == 0) {
		for (;;) {
			sleep_ms(20);
			try_to_post(parent, "x");
		}
	}
	FAILS(sleep_ms(1000000), "interrupted");
	FAILS(read(fd[0], &c, 1), "interrupted");
	FAILS(poll(&f, 1, -1), "interrupted");
	FAILS(wait(NULL), "interrupted");
	CHECK(came >= 4);
	end(pid);
}

static int held[2];

static void hold(struct ureg *u, char *note)
{
	(void)u;
	(void)note;
	came++;
	CHECK(write(held[1], "x", 1) == 1);
	while (came < 100)
		;
	noted(NCONT);
}

/* Five wait; a sixth is refused.  None comes into a handler. */
static void queue(void)
{
	char c;
	int pid;

	CHECK(pipe(held) == 0);
	pid = fork();
	if (pid == 0) {
		notify(hold);
		post(getpid(), "first");
		exit(1);
	}
	CHECK(read(held[0], &c, 1) == 1);
	for (unsigned i = 0; i < 5; i++)
		post(pid, "more");
	FAILS(try_to_post(pid, "one too many"), "too many notes");
	end(pid);
}

static void handler_without_stack(void)
{
	notify(keep);
	asm volatile("xorl %%esp, %%esp; ud2" : : : "memory");
}

static void handler_with_wild_stack(void)
{
	notify(keep);
	asm volatile("movq $0xffffffff80100400, %%rsp; ud2" : : : "memory");
}

static void bad_pc(struct ureg *u, char *note)
{
	(void)note;
	u->rip = 0xffffffff80100000;
	noted(NCONT);
}

static void return_to_kernel(void)
{
	notify(bad_pc);
	post_to_self();
}

static void bad_flags(struct ureg *u, char *note)
{
	(void)note;
	u->rflags = ~0ul & ~0x100ul;	/* but for single steps */
	noted(NCONT);
}

static void bad_handlers(void)
{
	struct waitmsg m = in_child(handler_without_stack);
	uint64_t flags;

	CHECK(m.status == 128 && *m.msg);
	m = in_child(handler_with_wild_stack);
	CHECK(m.status == 128 && *m.msg);
	m = in_child(return_to_kernel);
	CHECK(m.status == 128 && strstr(m.msg, "bad registers"));
	notify(bad_flags);
	post(getpid(), "x");
	asm volatile("pushfq; popq %0; cld" : "=r"(flags));
	CHECK((flags & 0x3000) == 0);	/* IOPL */
	CHECK(flags & 0x200);		/* IF */
	CHECK(!(flags & 0x4000));	/* NT */
}

/* A fork that a note comes to is made again behind it, and nobody sees. */
static void while_forking(void)
{
	int parent = getpid(), poster, pid;

	notify(keep);
	poster = fork();
	CHECK(poster >= 0);
	while (poster == 0)
		(void)!try_to_post(parent, "x");
	for (unsigned i = 0; i < 100; i++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			exit(0);
		while (wait(NULL) != pid)
			;
	}
	CHECK(came > 0);
	end(poster);
}

/* Notes of a group: two are in it, and both end. */
static void groups(void)
{
	struct waitmsg m;
	char path[32], c;
	int fd[2], pid;

	CHECK(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(rfork(RFNOTEG) == 0);
		CHECK(fork() >= 0);
		CHECK(write(fd[1], "x", 1) == 1);
		wait_for_notes();
	}
	close(fd[1]);
	CHECK(read(fd[0], &c, 1) == 1 && read(fd[0], &c, 1) == 1);
	snprint(path, sizeof(path), "#proc/%d/notepg", pid);
	CHECK(writefile(path, "to all of you") == 0);
	CHECK(wait(&m) == pid && !strcmp(m.msg, "to all of you"));
	CHECK(read(fd[0], &c, 1) == 0);
	close(fd[0]);
	CHECK(writefile("#proc/1/notepg", "iommu: ignored") == 0);
}

static const struct test tests[] = {
	{ "handler", handler }, { "registers", registers },
	{ "fault_can_be_skipped", fault_can_be_skipped },
	{ "default_is_the_end", default_is_the_end },
	{ "kill_is_not_handled", kill_is_not_handled },
	{ "iommu_notes_are_ignored", iommu_notes_are_ignored },
	{ "breaks_off_calls", breaks_off_calls }, { "queue", queue },
	{ "bad_handlers", bad_handlers }, { "groups", groups },
	{ "while_forking", while_forking },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_test(argc, argv, tests);
}
