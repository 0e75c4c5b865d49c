/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processors at once, always in the same way: what the second one does comes
 * between two steps of the first, or, where there is none, between two of its
 * instructions (the processor's trap flag); or both are threads that go on by
 * turns, never at the same time.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <ucontext.h>

#define TRAP	0x100		/* in the flags */

/* A flush that begins while a detach waits for an earlier one must not see what
 * is about to be freed. */
static struct process *begins;

static void flush_meanwhile(struct machine *m, const struct happening *h)
{
	struct process *p = begins;
	uint64_t waits = m->units[0]->waits;

	if (!p || h->what != E_RELAX || bench_devices(p->s))
		return;
	begins = NULL;
	m->in_hook = false;
	assert_int_equal(process_unmap(p, VA, 1), 0);
	m->in_hook = true;
	assert_int_equal(m->units[0]->waits, waits);
	p->s->flushing--;		/* the earlier one ends */
}

static void test_a_flush_that_begins_while_a_detach_waits(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	p->s->flushing++;		/* another processor's */
	begins = p;
	b.m->hook = flush_meanwhile;
	assert_int_equal(process_detach(b.flr), 0);
	b.m->hook = NULL;
	assert_null(begins);
	process_end(p);
	bench_close(&b);
}

/*
 * A detach comes between any two instructions of a flush, up to its first step.
 * Either it finds the flush on its way and waits, with what that one may look
 * at; or it goes through, and the flush finds nothing to ask.
 */
static struct cut {
	struct bench b;
	struct process *p;
	unsigned at, instructions;	/* where it comes; so many so far */
	bool on;
	bool came, waits;
	jmp_buf back;
} cut;

static void waits_for_the_flush(struct machine *m, const struct happening *h)
{
	if (!cut.came || cut.waits || h->what != E_RELAX ||
	    dev(cut.b.flr)->space)
		return;
	cut.waits = true;
	m->in_hook = false;
	longjmp(cut.back, 1);
}

static void trap_each_instruction(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq %0, (%%rsp); "
			 "popfq; lea 128(%%rsp), %%rsp" : : "i"(TRAP) :
			 "memory", "cc");
}

static void trap_no_more(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq %0, (%%rsp); "
			 "popfq; lea 128(%%rsp), %%rsp" : : "i"(~TRAP) :
			 "memory", "cc");
}

static void on_each_trap(void (*fn)(int sig, siginfo_t *info, void *context))
{
	struct sigaction trap = {
		.sa_sigaction = fn, .sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	assert_int_equal(sigaction(SIGTRAP, &trap, NULL), 0);
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)sig;
	(void)info;
	if ((uintptr_t)c->uc_mcontext.gregs[REG_RIP] == (uintptr_t)os_lock)
		cut.on = false;
	if (cut.on && cut.instructions++ < cut.at)
		return;
	c->uc_mcontext.gregs[REG_EFL] &= ~TRAP;
	if (!cut.on)
		return;
	cut.on = false;
	cut.came = true;
	if (!setjmp(cut.back))
		assert_int_equal(process_detach(cut.b.flr), 0);
}

static int flush_by_instructions(struct iommu_gather *g)
{
	int err;

	cut.on = true;
	trap_each_instruction();
	err = iommu_flush(g);
	trap_no_more();
	cut.on = false;
	return err;
}

/* What it would have done when the flush was over. */
static void detach_goes_on(struct space_unit *su)
{
	assert_null(cut.p->s->units);
	assert_int_equal(cut.p->s->flushing, 0);
	did_free(su->unit, su->did, false);
	os_free(su, sizeof(*su));
	cut.b.flr->holder = NULL;
}

/* false: the flush came to its first step, or its end, before. */
static bool cut_in(unsigned at)
{
	struct iommu_gather g = { 0 };
	struct space_unit *su;
	uint64_t waits;

	cut = (struct cut){ .at = at };
	bench_open(&cut.b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&cut.b);
	cut.p = process(&cut.b, 7);
	assert_int_equal(process_map(cut.p, VA, 1, RW), 0);
	assert_int_equal(process_attach(cut.p, cut.b.flr, 0), 0);
	su = cut.p->s->units;
	g.space = cut.p->s;
	assert_int_equal(iommu_keep(&g, VA, PAGE, 0), 0);
	model_call(cut.b.m);
	cut.b.m->hook = waits_for_the_flush;
	waits = cut.b.u->waits;
	assert_int_equal(flush_by_instructions(&g), 0);
	cut.b.m->hook = NULL;
	if (cut.came && !cut.waits)	/* the detach's own */
		assert_int_equal(cut.b.u->waits, waits + 1);
	if (cut.waits)
		detach_goes_on(su);
	process_end(cut.p);
	bench_close(&cut.b);
	return cut.came;
}

static void test_a_presence_that_is_freed_under_a_flush(void **state)
{
	unsigned at, waited = 0;

	(void)state;
	on_each_trap(on_trap);
	for (at = 0; cut_in(at); at++)
		waited += cut.waits;
	signal(SIGTRAP, SIG_DFL);
	assert_true(waited && waited < at);
}

/* At each instruction that lists a device TLB: a flush that came now would ask
 * the one that had the place before. */
static struct listing {
	struct function *f;
	const struct space_unit *su;
	unsigned instructions;
	bool done, wrong;
} listing;

static void look_at_list(int sig, siginfo_t *info, void *context)
{
	const struct space_unit *su = listing.su;

	(void)sig;
	(void)info;
	(void)context;
	listing.instructions++;
	if (su->ats_used && su->ats[0] != listing.f->sid)
		listing.wrong = true;
}

static void while_it_is_listed(struct machine *m, const struct happening *h)
{
	(void)m;
	if (listing.done || h->where != (uintptr_t)&iommu.lock)
		return;
	if (h->what == E_LOCK && ats_enabled(listing.f)) {
		trap_each_instruction();
	} else if (h->what == E_UNLOCK && listing.instructions) {
		trap_no_more();
		listing.done = true;
	}
}

static void test_a_flush_that_asks_who_was_listed_before(void **state)
{
	struct function *before;
	struct image image;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	before = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_FLR, b.u);
	listing = (struct listing){ 0 };
	listing.f = model_function(b.m, 0, 0, 17, 0, FN_ATS | FN_FLR, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(p, before, IOMMU_ATS), 0);
	assert_int_equal(process_detach(before), 0);
	listing.su = p->s->units;
	assert_int_equal(listing.su->ats[0], before->sid);
	on_each_trap(look_at_list);
	b.m->hook = while_it_is_listed;
	assert_int_equal(process_attach(p, listing.f, IOMMU_ATS), 0);
	b.m->hook = NULL;
	signal(SIGTRAP, SIG_DFL);
	assert_true(listing.done);
	assert_int_equal(listing.su->ats[0], listing.f->sid);
	assert_false(listing.wrong);
	process_end(p);
	bench_close(&b);
}

/*
 * A device TLB comes on while pages are taken away: the flush has listed whom
 * to ask before the device is there, and asks them when it is at work.
 */
static struct turns {
	struct process *p;
	struct function *f;		/* that comes */
	struct function *other;		/* that was there */
	pthread_t unmaps;
	sem_t attach, unmap;		/* whose turn it is */
	bool began, listed, ended;
} turns;

static void *unmap(void *arg)
{
	(void)arg;
	sem_wait(&turns.unmap);
	turns.ended = process_unmap(turns.p, VA, 1) == 0;
	sem_post(&turns.attach);
	return NULL;
}

static void give_turn(sem_t *from, sem_t *to)
{
	sem_post(to);
	sem_wait(from);
}

static void by_turns(struct machine *m, const struct happening *h)
{
	const struct vtd *u = vtd_of(m->units[0]);
	bool first = !turns.began && h->where == (uintptr_t)&iommu.lock &&
		ats_enabled(turns.f);
	bool second = turns.began && !turns.listed &&
		h->where == (uintptr_t)&u->queue.lock;

	if (h->what != E_LOCK || (!first && !second))
		return;
	m->in_hook = false;
	turns.listed = turns.began;
	turns.began = true;
	if (first)
		assert_true(can_read(turns.p, turns.other, VA));
	if (first)
		give_turn(&turns.attach, &turns.unmap);
	else
		give_turn(&turns.unmap, &turns.attach);
	m->in_hook = true;
}

static void test_a_device_tlb_that_comes_on_during_a_flush(void **state)
{
	struct image image;
	struct bench b;

	(void)state;
	turns = (struct turns){ 0 };
	bench_open(&b, triple_named("5 levels"), WITHOUT_WIRED, 1);
	turns.f = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_FLR, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&b, &image);
	turns.other = b.flr;
	turns.p = process(&b, 7);
	assert_int_equal(process_map(turns.p, VA, 1, RW), 0);
	assert_int_equal(process_attach(turns.p, b.flr, 0), 0);
	sem_init(&turns.attach, 0, 0);
	sem_init(&turns.unmap, 0, 0);
	pthread_create(&turns.unmaps, NULL, unmap, NULL);
	b.m->hook = by_turns;
	assert_int_equal(process_attach(turns.p, turns.f, IOMMU_ATS), 0);
	assert_true(turns.listed && !turns.ended);
	assert_false(model_ats_ask(b.m, 0, turns.f->sid, VA));
	give_turn(&turns.attach, &turns.unmap);
	pthread_join(turns.unmaps, NULL);
	assert_true(turns.ended);
	b.m->hook = NULL;
	assert_false(model_ats_dma(b.m, 0, turns.f->sid, VA, true));
	process_end(turns.p);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_a_flush_that_begins_while_a_detach_waits),
		bench_test(test_a_presence_that_is_freed_under_a_flush),
		bench_test(test_a_flush_that_asks_who_was_listed_before),
		bench_test(test_a_device_tlb_that_comes_on_during_a_flush),
	};

	return cmocka_run_group_tests_name("between", tests, NULL, NULL);
}
