/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual processor that sleeps past every deadline, between looking and
 * asking for the time: what it waits for has long happened when it wakes up, and
 * it looks once more.
 */
#include "bench.h"

static unsigned slept;

/* With each look time goes by, and then all that can happen does. */
static void sleeps(struct machine *m, const struct happening *h)
{
	if (h->what == E_READ || h->what == E_PCI_READ)
		m->now += 5000000000;
	if (h->what != E_RELAX)
		return;
	slept++;
	for (struct function *f = m->functions; f; f = f->next)
		f->pending = 0;
	model_settle(m);
}

static void start(struct bench *b, const struct triple *t)
{
	bench_open(b, t, WITHOUT_WIRED, 1);
	b->m->policy.latency = 200;
	b->m->hook = sleeps;
	bench_boot(b);
}

static void hand_over_and_power(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	b->flr->drains = 4;
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(can_write(p, b->flr, VA));
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(iommu_power(true), 0);
	assert_int_equal(process_detach(b->flr), 0);
	process_end(p);
}

static void test_nothing_fails_that_was_done_meanwhile(void **state)
{
	struct bench b;

	(void)state;
	slept = 0;
	for (unsigned i = 0; i < ntriples; i++) {
		start(&b, triple_at(i));
		hand_over_and_power(&b);
		assert_int_equal(b.m->logged[OS_ERROR], 0);
		assert_false(model_logged(b.m, "transactions pending"));
		bench_close(&b);
	}
	assert_true(slept > 8 * ntriples);
}

/* It is back long after a reset's time. */
static void slow_to_return(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	if (f->resets && !slept && h->what == E_PCI_READ) {
		slept++;
		m->now += 3000000000;
		f->back_at = m->now + 1000000000;
	}
	if (slept && h->what == E_RELAX)
		m->now += 1000000000;
}

static void test_a_reset_that_was_over_meanwhile(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	slept = 0;
	b.m->hook = slow_to_return;
	b.m->hook_arg = b.flr;
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(b.flr)), 0);
	assert_int_equal(slept, 1);
	process_end(p);
	bench_close(&b);
}

static void frees_the_queue(struct machine *m, const struct happening *h)
{
	if (h->what == E_LOCK)
		m->now += 5000000000;
	if (h->what != E_RELAX || ++slept < 2)
		return;
	m->units[0]->trouble.slow_queue = false;
	model_settle(m);
}

static void test_a_queue_that_had_room_meanwhile(void **state)
{
	struct qi_desc inv = inv_iotlb_domain(5);
	struct vtd_ticket t;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	b.u->trouble.slow_queue = true;
	b.m->hook = frees_the_queue;
	slept = 0;
	for (unsigned i = 0; i < VTD_QUEUE_SIZE; i++) {
		model_call(b.m);
		assert_int_equal(vtd_submit(vtd_of(b.u), &inv, 1, &t), 0);
	}
	assert_true(slept > 1);
	assert_int_equal(vtd_wait(vtd_of(b.u), &t), 0);
	bench_close(&b);
}

/* The deadline passes, and then there is an error. */
static void error_behind_it(struct machine *m, const struct happening *h)
{
	struct model_unit *u = m->units[0];

	if (h->what == E_READ && h->where == R_FSTS && !slept)
		m->now += 5000000000;
	if (h->what == E_RELAX && !slept++)
		u->fsts |= FS_ICE;
	if (h->what == E_WRITE && h->where == R_FSTS)
		u->trouble.stopped_queue = false;
}

/* What the error took with it is asked for again, and is there at once. */
static void test_an_error_that_came_meanwhile(void **state)
{
	struct qi_desc inv = inv_iotlb_domain(5);
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	b.m->policy.latency = 0;
	b.u->trouble.stopped_queue = true;
	slept = 0;
	b.m->hook = error_behind_it;
	model_call(b.m);
	assert_int_equal(vtd_invalidate(vtd_of(b.u), &inv, 1), 0);
	assert_int_equal(slept, 1);
	bench_close(&b);
}

static void sleep_long(struct machine *m, const struct happening *h)
{
	if (h->what == E_RELAX)
		model_settle(m);
}

/* Rule 5: a virtual processor may sleep past any deadline; what happened
 * meanwhile counts. */
static void test_waits_look_once_more_after_the_deadline(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bench_open(&b, triple_named(i ? "qemu" : "real unit 1"),
			   WITHOUT_WIRED, 1);
		b.m->relax_ns = 100000000000;
		b.m->policy.latency = 30;
		b.m->hook = sleep_long;
		bench_boot(&b);
		p = process(&b, 7);
		assert_int_equal(process_map(p, VA, 1, RW), 0);
		assert_int_equal(process_attach(p, b.flr, 0), 0);
		assert_int_equal(process_unmap(p, VA, 1), 0);
		model_call(b.m);
		assert_int_equal(iommu_power(false), 0);
		assert_int_equal(iommu_power(true), 0);
		process_end(p);
		assert_int_equal(b.m->logged[OS_ERROR], 0);
		bench_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_nothing_fails_that_was_done_meanwhile),
		bench_test(test_a_reset_that_was_over_meanwhile),
		bench_test(test_a_queue_that_had_room_meanwhile),
		bench_test(test_an_error_that_came_meanwhile),
		bench_test(test_waits_look_once_more_after_the_deadline),
	};

	return cmocka_run_group_tests_name("sleep", tests, NULL, NULL);
}
