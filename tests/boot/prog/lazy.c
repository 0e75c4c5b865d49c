/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lazy unmapping, seen by the processes whose memory is unmapped: lazy TEST.
 * All but `cost` expect that it is on, with a quarantine that is neither full
 * nor old during the test.
 */
#include <drv.h>
#include "check.h"

#define MODE "#iommu/quarantine"

static char bdf[BDF_LEN];

static uint64_t waiting(void)
{
	return number_in(MODE, "pages ");
}

static uint64_t flushed(const char *why)
{
	return number_in(MODE, why);
}

static void take_device(void)
{
	CHECK(drv_find(0x1234, 0x11e8, bdf) == 0);
	CHECK(drv_take(bdf, "unsafe") == 0);
}

static char *pages(long n)
{
	char *p = memory(n * PAGE, RW, MAP_PINNED);

	memset(p, 0x55, (size_t)(n * PAGE));
	return p;
}

/* A page of ours waits; its address. */
static char *one_waits(void)
{
	char *p = pages(1);
	uint64_t before = waiting();

	CHECK(munmap(p, PAGE) == 0);
	CHECK(waiting() == before + 1);
	CHECK(number_in("#iommu/stats", "quarantined=") == before + 1);
	return p;
}

/* To the process it is gone at once. */
static void address(void)
{
	char *p, *q;

	take_device();
	p = one_waits();
	FAILS(mprotect(p, PAGE, PROT_READ), "nothing at");
	p = one_waits();
	q = pages(1);
	CHECK(q != p);
	CHECK(waiting() == 1);
	FAILS(open(p, OREAD), "");		/* the kernel cannot read it */
	CHECK(mmap(p, PAGE, RW, MAP_ANON | MAP_FIXED, -1, 0) == p);
	CHECK(waiting() == 0 && *p == 0);
	p = pages(3);
	CHECK(munmap(p + PAGE, PAGE) == 0);
	CHECK(waiting() == 1);
	CHECK(munmap(p, 3 * PAGE) == 0);	/* flushed, then the others wait */
	CHECK(waiting() == 2);
}

/* All but munmap flushes at once, and what waits with it. */
static void at_once(void)
{
	char *p, *shared;

	take_device();
	p = pages(4);
	one_waits();
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	CHECK(waiting() == 0);
	shared = memory(2 * PAGE, RW, 0);
	shared[0] = shared[PAGE] = 1;
	one_waits();
	if (fork() == 0) {
		sleep_ms(1000000);
		exit(0);
	}
	CHECK(waiting() == 0);
	one_waits();
	shared[0] = 2;				/* a copy */
	CHECK(waiting() == 0);
	one_waits();
	CHECK(munmap(shared + PAGE, PAGE) == 0);	/* the child's too */
	CHECK(waiting() == 0);
	one_waits();
	CHECK(drv_detach(bdf) == 0);
	CHECK(waiting() == 0);
	CHECK(munmap(p, PAGE) == 0);		/* no device any more */
	CHECK(waiting() == 0);
}

static void take_and_leave(void)
{
	take_device();
	one_waits();
}

static void take_and_exec(void)
{
	take_device();
	one_waits();
	exec("/bin/true", (char *[]){ "true", NULL });
}

static void ends(void)
{
	CHECK(in_child(take_and_leave).status == 0);
	CHECK(waiting() == 0);
	CHECK(in_child(take_and_exec).status == 0);
	CHECK(waiting() == 0);
}

/* Another process finds no frame but those that wait. */
static void take_most(void)
{
	long n = (long)(number_in("#cons/mem", "pages ") * 6 / 10);
	char *p = memory(n * PAGE, RW, 0);

	for (long i = 0; i < n; i++) {
		CHECK(!p[i * PAGE]);
		p[i * PAGE] = 1;
	}
}

static void let_wait(long n)
{
	char *p = pages(n);

	for (long i = 0; i < n; i++)
		CHECK(munmap(p + i * PAGE, PAGE) == 0);
}

static void shortage(void)
{
	long n = (long)(number_in("#cons/mem", "pages ") * 45 / 100);
	struct waitmsg m;

	take_device();
	if (fork() == 0) {			/* not later: that flushes */
		while (waiting() < (uint64_t)n)
			sleep_ms(1);
		take_most();
		exit(0);
	}
	let_wait(n);
	CHECK(wait(&m) > 0 && m.status == 0);
	CHECK(flushed("short ") == 1 && waiting() == 0);
	let_wait(n);
	take_most();				/* our own, this time */
	CHECK(flushed("short ") == 2 && flushed("old ") == 0);
}

/* Memory comes zeroed, and nobody writes to what we have. */
static void churn(int seed, unsigned rounds)
{
	uint64_t word = (uint64_t)seed << 32, *at;
	long n = 200 + seed % 7 * 40;
	unsigned had = 0;
	char *p;

	for (unsigned r = 0; r < rounds; r++, word++) {
		p = mmap(NULL, (size_t)(n * PAGE), RW, MAP_ANON | MAP_PINNED, -1,
			 0);
		if (!p)
			continue;	/* the others have it */
		had++;
		for (long i = 0; i < n * PAGE; i += 512) {
			at = (uint64_t *)(p + i);
			CHECK(!*at);
			*at = word;
		}
		for (long i = 0; i < n * PAGE; i += 512)
			CHECK(*(uint64_t *)(p + i) == word);
		for (long i = 0; i < n; i++)
			CHECK(munmap(p + i * PAGE, PAGE) == 0);
	}
	exit(had ? 0 : 1);
}

/* As many as there are processors, two of them with a device; together they
 * want more than there is. */
static void everybody(void)
{
	struct waitmsg m;
	int pid[6];

	CHECK(drv_find(0x1234, 0x11e8, bdf) == 0);
	for (int i = 0; i < 6; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			sleep_ms(50);		/* until it has its device */
			churn(i + 1, 60);
		}
	}
	CHECK(drv_attach(bdf, pid[0], "unsafe") == 0);
	CHECK(drv_attach("0:0.0", pid[1], "unsafe") == 0);
	for (int i = 0; i < 6; i++)
		CHECK(wait(&m) > 0 && m.status == 0);
	CHECK(waiting() == 0);
}

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* Of 256 munmaps of one page, a call each: without a device, and with one as
 * the mode is; nothing is checked. */
static void cost_of(const char *what)
{
	uint64_t sum = 0, best = ~0ul, start;
	char *p;

	for (unsigned r = 0; r < 20; r++) {
		p = pages(257);
		munmap(p, PAGE);
		start = ticks();
		for (long i = 1; i <= 256; i++)
			munmap(p + i * PAGE, PAGE);
		sum = ticks() - start;
		best = MIN(best, sum);
	}
	print("%s: %lu\n", what, best);
}

static void cost(void)
{
	cost_of("without a device");
	take_device();
	cost_of("with a device");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "address", address }, { "at-once", at_once },
		{ "ends", ends }, { "shortage", shortage },
		{ "everybody", everybody }, { "cost", cost }, { NULL, NULL },
	};

	return run_test(argc, argv, tests);
}
