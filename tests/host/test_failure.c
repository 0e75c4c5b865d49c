/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units that fail (rule 5): in each way, in each operation of the
 * driver, at each of its steps.  The operation ends, within bounds; either it
 * has worked, or the unit is marked failed, its devices are off the bus, what
 * it may still reach is never used again and counted; and another unit goes on
 * as if nothing had been.
 */
#include "bench.h"

#define SECONDS	1000000000ul

struct scene {
	struct bench b;
	struct process *p;	/* behind the unit that fails */
	struct process *q;	/* behind the other */
	struct function *other;
	struct trouble trouble;
	uint64_t left;		/* steps until it fails */
};

static void count_down(struct machine *m, const struct happening *h)
{
	struct scene *s = m->hook_arg;

	if (h->what == E_LOCK || h->what == E_UNLOCK)
		return;
	if (s->left && !--s->left)
		s->b.u->trouble = s->trouble;
	attack(m);
}

static void open_scene(struct scene *s, const char *name, uint64_t seed)
{
	const struct triple *qemu = triple_named("qemu");
	struct bench *b = &s->b;

	*s = (struct scene){ 0 };
	bench_open(b, triple_named(name), WITHOUT_WIRED, seed);
	s->other = model_function(b->m, 0, 0, 10, 0, FN_FLR,
				  model_unit(b->m, 0xfed80000, 0, qemu->ver,
					     qemu->cap, qemu->ecap));
	bench_boot(b);
	s->p = process(b, 7);
	s->q = process(b, 8);
	assert_int_equal(process_map(s->p, VA, 3, RW), 0);
	assert_int_equal(process_map(s->q, VA, 3, RW), 0);
	assert_int_equal(process_attach(s->p, b->flr, 0), 0);
	assert_int_equal(process_attach(s->q, s->other, 0), 0);
	assert_true(can_write(s->p, b->flr, VA));
}

/* The operations; 0 or an error of the driver. */
static int do_attach(struct scene *s)
{
	return process_attach(s->p, s->b.af, 0);
}

static int do_detach(struct scene *s)
{
	return process_detach(s->b.flr);
}

static int do_map(struct scene *s)
{
	return process_map(s->p, VA + 8 * PAGE, 1, RW);
}

static int do_unmap(struct scene *s)
{
	return process_unmap(s->p, VA, 1);
}

static int do_protect(struct scene *s)
{
	return process_protect(s->p, VA, 1, IOMMU_READ);
}

static int do_replace(struct scene *s)
{
	return process_replace(s->p, VA, RW);
}

static int do_off(struct scene *s)
{
	model_call(s->b.m);
	return iommu_power(false);
}

static int do_off_and_on(struct scene *s)
{
	int err = do_off(s);

	model_call(s->b.m);
	return iommu_power(true) < 0 ? -1 : err;
}

static int do_exit(struct scene *s)
{
	process_end(s->p);
	return s->p->lost ? -1 : 0;
}

static int do_new_process(struct scene *s)
{
	struct process *r = process(&s->b, 9);
	int err;

	assert_int_equal(process_map(r, VA, 1, RW), 0);
	err = process_attach(r, s->b.pm, 0);
	process_end(r);
	return err || r->lost ? -1 : 0;
}

static const struct {
	const char *name;
	int (*run)(struct scene *s);
} operations[] = {
	{ "attach", do_attach }, { "detach", do_detach }, { "map", do_map },
	{ "unmap", do_unmap }, { "protect", do_protect },
	{ "replace", do_replace }, { "off", do_off },
	{ "off and on", do_off_and_on }, { "exit", do_exit },
	{ "new process", do_new_process },
};

/* Nothing behind it masters the bus, files say so, nobody gets a device. */
static void check_failed(struct scene *s)
{
	struct iommu_unit_info info;
	struct process *r;

	for (struct function *f = s->b.m->functions; f; f = f->next)
		if (f->unit == s->b.u) {
			assert_false(function_mastering(f));
			assert_true(dev(f)->fenced);
		}
	assert_true(iommu_unit_info(0, &info));
	assert_non_null(info.failure);
	assert_true(model_logged(s->b.m, "unit 0xfed90000 failed"));
	if (!iommu_powered())
		return;
	r = process(&s->b, 9);
	assert_true(process_attach(r, s->b.plain, 0) < 0);
	assert_non_null(strstr(s->b.m->error, "has failed"));
	process_end(r);
}

static void check_other_unit(struct scene *s)
{
	struct process *q = s->q;

	model_call(s->b.m);
	assert_int_equal(iommu_power(true), 0);
	assert_true(can_write(q, s->other, VA));
	assert_int_equal(process_map(q, VA + 4 * PAGE, 1, RW), 0);
	assert_true(can_write(q, s->other, VA + 4 * PAGE));
	assert_int_equal(process_unmap(q, VA, 1), 0);
	assert_false(can_write(q, s->other, VA));
	assert_int_equal(process_detach(s->other), 0);
	assert_int_equal(process_attach(q, s->other, 0), 0);
	assert_true(can_write(q, s->other, VA + PAGE));
	process_end(q);
	assert_int_equal(did_in_use(vtd_of(s->other->unit)), 2);
}

/* After the last device of a failed unit has gone, each id that was in use is
 * lost, and the tables with it. */
static void check_losses(struct scene *s)
{
	struct vtd *u = vtd_of(s->b.u);

	if (s->p->s)
		process_end(s->p);
	assert_int_equal(did_in_use(u), 2 + u->lost_dids);
	assert_int_equal(iommu_losses().domain_ids, u->lost_dids);
	if (!s->p->lost)
		return;
	assert_true(iommu_losses().table_pages > 0);
	assert_true(iommu_losses().domain_ids > 0);
}

/* true: the trouble came before the operation was over. */
static bool fails_at(const char *name, unsigned op, struct trouble t,
		     uint64_t step)
{
	struct scene s;
	uint64_t began;
	bool came;
	int err;

	open_scene(&s, name, step);
	s.trouble = t;
	s.left = step;
	s.b.m->hook = count_down;
	s.b.m->hook_arg = &s;
	began = s.b.m->now;
	err = operations[op].run(&s);
	assert_true(s.b.m->now - began < 20 * SECONDS);
	came = !s.left;
	s.left = 0;
	if (err < 0)
		assert_false(vtd_alive(vtd_of(s.b.u)));
	if (!vtd_alive(vtd_of(s.b.u)))
		check_failed(&s);
	else
		s.b.u->trouble = (struct trouble){ 0 };
	check_other_unit(&s);
	check_losses(&s);
	bench_close(&s.b);
	return came;
}

static void at_each_step(const char *name, struct trouble t, uint64_t stride)
{
	for (unsigned op = 0; op < ARRAY_SIZE(operations); op++) {
		uint64_t step = 1;

		while (fails_at(name, op, t, step))
			step += stride;
		assert_true(step > 1);
	}
}

static void test_a_unit_that_is_gone_at_each_step(void **state)
{
	(void)state;
	at_each_step("qemu", (struct trouble){ .gone = true }, 1);
	at_each_step("real unit 1", (struct trouble){ .gone = true }, 1);
	at_each_step("caching, registers", (struct trouble){ .gone = true }, 1);
}

static void test_a_queue_that_stops_at_each_step(void **state)
{
	(void)state;
	at_each_step("qemu", (struct trouble){ .slow_queue = true }, 1);
	at_each_step("real unit 22", (struct trouble){ .slow_queue = true },
		     1);
	at_each_step("real unit 22", (struct trouble){ .stopped_queue = true },
		     2);
}

static void test_requests_by_register_that_never_end(void **state)
{
	struct trouble t = { .slow_registers = true };

	(void)state;
	at_each_step("real unit 1", t, 1);
	at_each_step("caching, registers", t, 1);
}

static void test_commands_that_are_never_carried_out(void **state)
{
	(void)state;
	at_each_step("qemu", (struct trouble){ .deaf = true }, 1);
	at_each_step("real unit 1", (struct trouble){ .deaf = true }, 1);
	at_each_step("write buffer", (struct trouble){ .deaf = true }, 1);
}

static void test_queue_errors_at_each_step(void **state)
{
	(void)state;
	at_each_step("qemu", (struct trouble){ .queue_error = FS_IQE }, 1);
	at_each_step("qemu", (struct trouble){ .queue_error = FS_ITE }, 1);
	at_each_step("qemu", (struct trouble){ .queue_error = FS_ICE }, 1);
	at_each_step("real unit 22", (struct trouble){ .queue_error = FS_ITE },
		     1);
}

/* Each kind of unit, warm and under attack, stops answering. */
static void stops_answering(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(can_write(p, b->flr, VA));
	b->u->trouble = (struct trouble){ .slow_queue = true,
					  .slow_registers = true };
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_false(function_mastering(b->flr));
	assert_true(process_attach(p, b->af, 0) < 0);
	assert_true(process_detach(b->flr) < 0);
	process_end(p);
	assert_true(p->lost);
	assert_int_equal(iommu_losses().domain_ids, 1);
}

static void test_each_kind_of_unit_stops_answering(void **state)
{
	(void)state;
	on_all_triples(stops_answering, WITHOUT_WIRED);
}

/* At the start: in the middle of each command and of the first flush. */
static void start_fails(const char *name, struct trouble t, uint64_t step)
{
	const struct triple *qemu = triple_named("qemu");
	struct scene s = { .trouble = t, .left = step };
	struct bench *b = &s.b;

	bench_open(b, triple_named(name), WITHOUT_WIRED, step);
	s.other = model_function(b->m, 0, 0, 10, 0, FN_FLR,
				 model_unit(b->m, 0xfed80000, 0, qemu->ver,
					    qemu->cap, qemu->ecap));
	bench_init(b);
	b->m->hook = count_down;
	b->m->hook_arg = &s;
	model_call(b->m);
	iommu_start(true);
	b->m->watching = true;
	s.left = 0;
	if (vtd_alive(vtd_of(b->u))) {
		b->u->trouble = (struct trouble){ 0 };
		assert_true(b->u->gsts & G_TE);
	} else {
		check_failed(&s);
	}
	s.q = process(b, 8);
	assert_int_equal(process_map(s.q, VA, 3, RW), 0);
	assert_int_equal(process_attach(s.q, s.other, 0), 0);
	check_other_unit(&s);
	model_check(b->m);
	bench_close(b);
}

static void test_failures_at_each_step_of_the_start(void **state)
{
	static const struct trouble all[] = {
		{ .gone = true }, { .deaf = true }, { .slow_queue = true },
		{ .slow_registers = true }, { .queue_error = FS_IQE },
		{ .queue_error = FS_ITE }, { .queue_error = FS_ICE },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		for (uint64_t step = 1; step < 400; step += 2) {
			start_fails("qemu", all[i], step);
			start_fails("real unit 1", all[i], step);
		}
}

static uint64_t until_other;

/* Another thread finds the unit failed, wherever this one is. */
static void other_thread_fails_it(struct machine *m, const struct happening *h)
{
	(void)h;
	if (m->nheld || !until_other || --until_other)
		return;
	m->in_hook = false;
	assert_true(vtd_fail(vtd_of(m->units[0]), "another thread") < 0);
	m->in_hook = true;
}

/* Attached or not, the device is off the bus when the call is over. */
static void test_a_unit_that_another_thread_fails_meanwhile(void **state)
{
	struct process *p;
	struct bench b;
	int err;

	(void)state;
	for (uint64_t step = 1; step < 80; step++) {
		bench_open(&b, triple_named("real unit 22"), WITHOUT_WIRED, 1);
		bench_boot(&b);
		p = process(&b, 7);
		assert_int_equal(process_map(p, VA, 1, RW), 0);
		b.m->hook = other_thread_fails_it;
		until_other = step;
		err = process_attach(p, b.flr, 0);
		if (!until_other) {
			assert_false(function_mastering(b.flr));
			assert_true(dev(b.flr)->fenced);
		} else {
			assert_int_equal(err, 0);
			assert_true(step > 20);
		}
		until_other = 0;
		process_end(p);
		bench_close(&b);
	}
}

/* A queue that stays full ends the wait for room, too. */
static void test_a_queue_that_stays_full(void **state)
{
	struct qi_desc inv = inv_iotlb_domain(3);
	struct vtd_ticket t;
	struct bench b;
	unsigned n = 0;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	b.u->trouble.slow_queue = true;
	model_call(b.m);
	while (vtd_submit(vtd_of(b.u), &inv, 1, &t) == 0)
		n++;
	assert_in_range(n, 100, 128);
	assert_non_null(strstr(b.m->error, "queue stays full"));
	assert_true(vtd_submit(vtd_of(b.u), &inv, 1, &t) < 0);
	bench_close(&b);
}

/* Only what has been flushed is freed: the unit may walk the rest for ever. */
static void test_the_flush_behind_a_table_that_goes_fails(void **state)
{
	const uint64_t at = ROUNDUP(VA, 512 * PAGE);
	struct process *p;
	struct bench b;
	size_t tables;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, at, 512, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, at));
	tables = p->s->table.pages;
	b.u->trouble.stopped_queue = true;
	assert_true(process_unmap(p, at, 512) < 0);
	assert_int_equal(p->s->table.pages, tables);
	process_end(p);
	bench_close(&b);
}

/* What is clear at once is not waited for until the deadline, and is called by
 * its name. */
static void noticed_at_once(const char *name, struct trouble t,
			    const char *failure)
{
	struct qi_desc flush = inv_iotlb_global();
	struct iommu_unit_info info;
	struct process *p;
	struct bench b;
	uint64_t began;

	bench_open(&b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	b.u->trouble = t;
	began = b.m->now;
	assert_true(vtd_invalidate(vtd_of(b.u), &flush, 1) < 0);
	assert_true(b.m->now - began < SECONDS / 4);
	assert_true(iommu_unit_info(0, &info));
	assert_string_equal(info.failure, failure);
	process_end(p);
	bench_close(&b);
}

static void test_what_is_clear_is_noticed_at_once(void **state)
{
	(void)state;
	noticed_at_once("qemu", (struct trouble){ .gone = true },
			"reads as all ones");
	noticed_at_once("real unit 1", (struct trouble){ .gone = true },
			"invalidation by register");
	noticed_at_once("qemu", (struct trouble){ .queue_error = FS_IQE },
			"queue errors do not end");
	noticed_at_once("qemu", (struct trouble){ .queue_error = FS_ITE },
			"queue errors do not end");
	noticed_at_once("qemu", (struct trouble){ .queue_error = FS_ICE },
			"queue errors do not end");
}

/* No interrupt vector for faults: the unit works all the same. */
static void test_no_vector_for_the_fault_event(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.m->no_irqs = true;
	bench_boot(&b);
	assert_int_equal(b.u->fectl & FE_IM, FE_IM);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_false(can_write(p, b.flr, VA + PAGE));
	while (iommu_service_faults())	/* by whoever polls, then */
		;
	assert_int_equal(b.u->fectl & FE_IM, FE_IM);
	process_end(p);
	bench_close(&b);
}

/* Each allocation of the start: the unit is not used, the machine runs. */
static void test_no_memory_at_each_allocation_of_the_start(void **state)
{
	struct bench b;
	unsigned n, before;

	(void)state;
	for (n = 1; n < 100; n++) {
		bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
		bench_init(&b);
		before = b.m->mem.allocations;
		b.m->mem.fail_at = before + n;
		model_call(b.m);
		iommu_start(true);
		if (b.m->mem.allocations < before + n)
			break;
		assert_true(vtd_of(b.u)->unsupported ||
			    !vtd_alive(vtd_of(b.u)));
		for (struct function *f = b.m->functions; f; f = f->next)
			assert_false(f->unit && function_mastering(f));
		bench_close(&b);
	}
	assert_in_range(n, 4, 8);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_a_unit_that_is_gone_at_each_step),
		bench_test(test_a_queue_that_stops_at_each_step),
		bench_test(test_requests_by_register_that_never_end),
		bench_test(test_commands_that_are_never_carried_out),
		bench_test(test_queue_errors_at_each_step),
		bench_test(test_each_kind_of_unit_stops_answering),
		bench_test(test_failures_at_each_step_of_the_start),
		bench_test(test_a_unit_that_another_thread_fails_meanwhile),
		bench_test(test_a_queue_that_stays_full),
		bench_test(test_the_flush_behind_a_table_that_goes_fails),
		bench_test(test_what_is_clear_is_noticed_at_once),
		bench_test(test_no_vector_for_the_fault_event),
		bench_test(test_no_memory_at_each_allocation_of_the_start),
	};

	return cmocka_run_group_tests_name("failures", tests, NULL, NULL);
}
