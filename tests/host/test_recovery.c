/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of the queue that go away (vtd/inv_queue.c, VT-d 6.5.2.10): whatever
 * was asked for and dropped is asked for again, whoever waits, and nobody but
 * the clock notices.  Units that do not recover are in test_failure.c.
 */
#include "bench.h"

static const uint32_t errors[] = { FS_IQE, FS_ITE, FS_ICE };
static const char *const some[] = {
	"qemu", "real unit 22", "caching, coherent", "real unit 33",
};

struct scene {
	struct bench b;
	struct process *p, *q;
	uint32_t error;
	unsigned times;
	uint64_t left;
};

static void goes_wrong(struct machine *m, const struct happening *h)
{
	struct scene *s = m->hook_arg;

	if (h->what == E_LOCK || h->what == E_UNLOCK)
		return;
	if (s->left && !--s->left) {
		s->b.u->trouble.queue_error = s->error;
		s->b.u->trouble.times = s->times;
	}
	attack(m);
}

static void open_scene(struct scene *s, const char *name)
{
	struct bench *b = &s->b;

	bench_open(b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(b);
	s->p = process(b, 7);
	s->q = process(b, 8);
	assert_int_equal(process_map(s->p, VA, 3, RW), 0);
	assert_int_equal(process_map(s->q, VA, 3, RW), 0);
	assert_int_equal(process_attach(s->p, b->flr, 0), 0);
	assert_int_equal(process_attach(s->q, b->af, 0), 0);
	assert_true(can_write(s->p, b->flr, VA));
	assert_true(can_write(s->q, b->af, VA));
	b->m->hook = goes_wrong;
	b->m->hook_arg = s;
}

static void close_scene(struct scene *s)
{
	s->left = 0;
	s->b.u->trouble = (struct trouble){ 0 };
	assert_true(vtd_alive(vtd_of(s->b.u)));
	assert_int_equal(s->b.m->logged[OS_ERROR], 0);
	process_end(s->p);
	process_end(s->q);
	assert_int_equal(did_in_use(vtd_of(s->b.u)), 2);
	bench_close(&s->b);
}

static int op_attach(struct scene *s)
{
	return process_attach(s->p, s->b.pm, 0);
}

static int op_detach(struct scene *s)
{
	return process_detach(s->b.flr);
}

static int op_unmap(struct scene *s)
{
	return process_unmap(s->p, VA, 2);
}

static int op_replace(struct scene *s)
{
	return process_replace(s->p, VA, RW);
}

static int op_power(struct scene *s)
{
	model_call(s->b.m);
	return iommu_power(false) || iommu_power(true);
}

static int (*const operations[])(struct scene *s) = {
	op_attach, op_detach, op_unmap, op_replace, op_power,
};

/* true: the error came before the operation was over. */
static bool recovers(const char *name, unsigned op, uint32_t error,
		     unsigned times, uint64_t step)
{
	struct scene s = { .error = error, .times = times };
	bool came;

	open_scene(&s, name);
	s.left = step;
	assert_int_equal(operations[op](&s), 0);
	came = !s.left;
	close_scene(&s);
	return came;
}

static void test_errors_at_each_step(void **state)
{
	uint64_t step;

	(void)state;
	for (unsigned t = 0; t < ARRAY_SIZE(some); t++)
		for (unsigned e = 0; e < ARRAY_SIZE(errors); e++)
			for (unsigned op = 0; op < ARRAY_SIZE(operations);
			     op++)
				for (step = 1; recovers(some[t], op, errors[e],
							1, step); step += 2)
					;
}

static void test_several_errors_in_a_row(void **state)
{
	(void)state;
	for (unsigned e = 0; e < ARRAY_SIZE(errors); e++)
		for (unsigned times = 2; times <= 4; times++)
			for (uint64_t step = 1; step < 60; step += 5)
				recovers("qemu", 2, errors[e], times, step);
}

/* Many tickets are open, of domains that are cached; each is good for what it
 * asked for when its wait is over, in whatever order. */
static void open_tickets(uint32_t error, unsigned before)
{
	struct vtd_ticket t[20];
	struct qi_desc inv;
	struct bench b;
	struct vtd *u;

	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, before + 1);
	bench_boot(&b);
	u = vtd_of(b.u);
	model_call(b.m);
	for (uint16_t i = 0; i < 20; i++) {
		cache_keep_tlb(b.u, (struct tlb_line){
			.did = (uint16_t)(i + 2), .shift = 12, .va = VA,
			.pa = b.m->mem.trap, .rights = 3 });
		if (i == before)
			b.u->trouble = (struct trouble){
				.queue_error = error, .times = 1 };
		inv = inv_iotlb_domain((uint16_t)(i + 2));
		assert_int_equal(vtd_submit(u, &inv, 1, &t[i]), 0);
	}
	for (uint16_t i = 0; i < 20; i++) {
		unsigned n = i * 7u % 20;

		assert_int_equal(vtd_wait(u, &t[n]), 0);
		assert_null(cache_tlb(b.u, (uint16_t)(n + 2), VA));
	}
	assert_int_equal(b.m->logged[OS_ERROR], 0);
	bench_close(&b);
}

static void test_every_waiter_gets_what_it_asked_for(void **state)
{
	(void)state;
	for (unsigned e = 0; e < ARRAY_SIZE(errors); e++)
		for (unsigned before = 0; before < 20; before++)
			open_tickets(errors[e], before);
}

/* Another processor waits in the middle of this one's wait. */
static uint64_t other_in;

static void other_flushes(struct machine *m, const struct happening *h)
{
	struct scene *s = m->hook_arg;

	if (h->what == E_LOCK || m->nheld || !other_in || --other_in)
		return;
	s->b.u->trouble.queue_error = s->error;
	s->b.u->trouble.times = 1;
	m->hook = NULL;
	m->in_hook = false;
	assert_int_equal(process_unmap(s->q, VA, 1), 0);
	assert_false(can_write(s->q, s->b.af, VA));
	m->in_hook = true;
}

static void test_two_processors_wait(void **state)
{
	struct scene s;

	(void)state;
	for (unsigned e = 0; e < ARRAY_SIZE(errors); e++)
		for (uint64_t step = 1; step < 40; step++) {
			s = (struct scene){ .error = errors[e] };
			open_scene(&s, "real unit 22");
			s.b.m->hook = other_flushes;
			other_in = step;
			assert_int_equal(process_unmap(s.p, VA, 1), 0);
			assert_false(can_write(s.p, s.b.flr, VA));
			other_in = 0;
			close_scene(&s);
		}
}

/* A descriptor that the unit does not know: as a bit that fell over would make
 * of any of them. */
static unsigned spoil_in;

static void spoil(struct machine *m, const struct happening *h)
{
	struct model_unit *u = m->units[0];
	struct descriptor *ring;

	if (h->what != E_WRITE || h->where != R_IQT || !spoil_in || --spoil_in)
		return;
	ring = memory_at(m, u->iqa & ~0xffful);
	ring[u->iqt / 16].lo |= 0xf;
}

static void test_a_descriptor_that_is_bad(void **state)
{
	struct scene s;

	(void)state;
	for (unsigned op = 0; op < ARRAY_SIZE(operations); op++)
		for (unsigned n = 1; n < 4; n++) {
			s = (struct scene){ 0 };
			open_scene(&s, "qemu");
			s.b.u->tolerant = true;
			s.b.m->hook = spoil;
			spoil_in = n;
			assert_int_equal(operations[op](&s), 0);
			attack(s.b.m);
			close_scene(&s);
		}
}

/* With the ring all but full, and round its end. */
static void test_an_error_in_a_full_ring(void **state)
{
	struct qi_desc list[VTD_BATCH];
	struct vtd_ticket t[8];
	struct bench b;
	struct vtd *u;

	(void)state;
	for (unsigned e = 0; e < ARRAY_SIZE(errors); e++) {
		bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
		bench_boot(&b);
		u = vtd_of(b.u);
		for (unsigned i = 0; i < VTD_BATCH; i++)
			list[i] = inv_iotlb_domain(3);
		for (unsigned round = 0; round < 20; round++) {
			model_call(b.m);
			b.u->trouble.stopped_queue = true;
			for (unsigned i = 0; i < 8; i++)
				assert_int_equal(vtd_submit(u, list, VTD_BATCH,
							    &t[i]), 0);
			b.u->trouble = (struct trouble){
				.queue_error = errors[e], .times = 1 };
			for (unsigned i = 8; i > 0; i--)
				assert_int_equal(vtd_wait(u, &t[i - 1]), 0);
		}
		assert_int_equal(b.m->logged[OS_ERROR], 0);
		bench_close(&b);
	}
}

/* A wait that expires fails its unit alone: by itself, with no error shown. */
static void test_a_wait_that_expires_fails_its_unit_alone(void **state)
{
	const struct triple *t = triple_named("real unit 22");
	struct function *other;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, t, WITHOUT_WIRED, 1);
	other = model_function(b.m, 0, 0, 20, 0, FN_FLR,
			       model_unit(b.m, 0xfed80000, 0, t->ver, t->cap,
					  t->ecap));
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(p, other, 0), 0);
	b.u->trouble.slow_queue = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_non_null(strstr(b.m->error, "invalidation wait"));
	assert_false(vtd_alive(vtd_of(b.u)));
	assert_false(function_mastering(b.flr));
	assert_true(vtd_alive(vtd_of(other->unit)));
	assert_true(can_write(p, other, VA + PAGE));
	p->lost = true;
	process_end(p);
	bench_close(&b);
}

/* The unit goes on as soon as the error is cleared. */
static void replaced_by_then(struct machine *m, const struct happening *h)
{
	struct model_unit *u = m->units[0];
	struct qi_desc *ring = vtd_of(u)->queue.ring;

	if (h->what == E_WRITE && h->where == R_FSTS)
		assert_int_equal(field_get(ring[u->iqh / 16].lo, QI_TYPE),
				 QI_CONTEXT);
}

static void test_a_descriptor_that_is_bad_until_the_unit_goes_on(void **state)
{
	struct scene s = { .times = 1 };

	(void)state;
	open_scene(&s, "qemu");
	s.b.m->hook = replaced_by_then;
	s.b.u->trouble.queue_error = FS_IQE;
	s.b.u->trouble.times = 1;
	assert_int_equal(process_unmap(s.p, VA, 1), 0);
	s.b.m->hook = NULL;
	assert_true(model_logged(s.b.m, "queue error; asked again"));
	close_scene(&s);
}

#define MOST	16u		/* devices that are kept account of */

static struct function *silent[MOST + 1];

/* That many are asked, all at once; nobody has them. */
static struct vtd_ticket ask(struct bench *b, unsigned n)
{
	struct qi_desc list[MOST + 1];
	struct vtd_ticket t;

	bench_open(b, triple_named("qemu"), WITHOUT_WIRED, 1);
	for (unsigned i = 0; i < n; i++) {
		silent[i] = model_function(b->m, 0, 0, 8 + i, 0,
					   FN_ATS | FN_PCIE, b->u);
		silent[i]->config[silent[i]->ats + 7] = 0x80;
		list[i] = inv_devtlb(silent[i]->sid, 0, 52);
	}
	bench_boot(b);
	b->u->trouble.stopped_queue = true;
	model_call(b->m);
	assert_int_equal(vtd_submit(vtd_of(b->u), list, n, &t), 0);
	return t;
}

/* One after another: each gets as far as being told on. */
static void test_as_many_as_are_kept_are_silent(void **state)
{
	struct vtd_ticket t;
	struct bench b;

	(void)state;
	t = ask(&b, MOST);
	for (unsigned i = 0; i < MOST; i++)
		silent[i]->mute = true;
	b.u->tells = true;
	b.u->trouble.stopped_queue = false;
	b.m->relax_ns = 100000;		/* all of them within the deadline */
	assert_int_equal(vtd_wait(vtd_of(b.u), &t), 0);
	for (unsigned i = 0; i < MOST; i++)
		assert_true(dev(silent[i])->fenced);
	assert_true(model_logged(b.m, "queue error; asked again"));
	bench_close(&b);
}

/* One more: nothing is asked again, and nobody is told that it is. */
static void test_more_than_are_kept(void **state)
{
	struct vtd_ticket t;
	struct bench b;

	(void)state;
	t = ask(&b, MOST + 1);
	b.u->fsts = FS_ICE;
	assert_true(vtd_wait(vtd_of(b.u), &t) < 0);
	assert_true(model_logged(b.m, "queue errors do not end"));
	assert_false(model_logged(b.m, "asked again"));
	bench_close(&b);
}

/* Between the look at the status and the lock. */
static void another_was_first(struct machine *m, const struct happening *h)
{
	struct model_unit *u = m->units[0];

	if (h->what != E_LOCK ||
	    h->where != (uintptr_t)&vtd_of(u)->queue.lock)
		return;
	u->fsts = 0;
	u->trouble.stopped_queue = false;
}

/* More than that would be too many; but there is no error any more. */
static void test_an_error_that_another_waiter_has_cleared(void **state)
{
	struct vtd_ticket t;
	struct bench b;

	(void)state;
	t = ask(&b, MOST + 1);
	b.u->fsts = FS_ICE;
	b.m->hook = another_was_first;
	assert_int_equal(vtd_wait(vtd_of(b.u), &t), 0);
	assert_true(vtd_alive(vtd_of(b.u)));
	b.m->hook = NULL;
	bench_close(&b);
}

/* ICE does not stop the unit: what it is going to fetch may be on its way. */
static void test_what_a_unit_that_runs_on_has_not_fetched(void **state)
{
	struct qi_desc flush = inv_iotlb_global(), wait, *slot;
	struct vtd_ticket t;
	struct bench b;
	struct vtd *u;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	u = vtd_of(b.u);
	b.u->trouble.stopped_queue = true;
	model_call(b.m);
	assert_int_equal(vtd_submit(u, &flush, 1, &t), 0);
	slot = &u->queue.ring[t.position % VTD_QUEUE_SIZE];
	wait = *slot;
	b.u->iqh = t.position % VTD_QUEUE_SIZE * sizeof(wait);
	b.u->fsts = FS_ICE;
	assert_true(vtd_wait(u, &t) < 0);
	assert_true(model_logged(b.m, "queue error; asked again"));
	assert_memory_equal(slot, &wait, sizeof(wait));
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_errors_at_each_step),
		bench_test(test_several_errors_in_a_row),
		bench_test(test_every_waiter_gets_what_it_asked_for),
		bench_test(test_two_processors_wait),
		bench_test(test_a_descriptor_that_is_bad),
		bench_test(test_an_error_in_a_full_ring),
		bench_test(test_a_wait_that_expires_fails_its_unit_alone),
		bench_test(test_a_descriptor_that_is_bad_until_the_unit_goes_on),
		bench_test(test_as_many_as_are_kept_are_silent),
		bench_test(test_more_than_are_kept),
		bench_test(test_an_error_that_another_waiter_has_cleared),
		bench_test(test_what_a_unit_that_runs_on_has_not_fetched),
	};

	return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
