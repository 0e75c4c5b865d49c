/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices with a TLB of their own (kern/arch/x86/iommu_attach.c,
 * vtd/inv_queue.c): only with the word, on where the platform allows it, in
 * order, flushed with each change, and fenced alone when they do not answer.
 */
#include "bench.h"

static struct function *tlb[10];	/* 0:10.0 ... */
static unsigned ntlb;

/* `n` functions with ATS, and a table that lets them use it, or not. */
static void open_with(struct bench *b, const struct triple *t, unsigned n,
		      int atsr)
{
	struct image image;

	bench_open(b, t, WITHOUT_WIRED, 1);
	for (ntlb = 0; ntlb < n; ntlb++)
		tlb[ntlb] = model_function(b->m, 0, 0, 16 + ntlb, 0,
					   FN_ATS | (ntlb == 2 ? FN_PCIE :
						     FN_FLR), b->u);
	bench_table(b->m, &image);
	if (atsr)
		put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(b, &image);
	attack_always(b);
}

static void start(struct bench *b)
{
	open_with(b, triple_named("qemu"), 3, true);
}

static unsigned tt(const struct bench *b, const struct function *f)
{
	return (unsigned)bits(context_get(vtd_of(b->u), f->sid).lo, 3, 2);
}

static void refused(struct process *p, struct function *f, const char *why)
{
	assert_true(process_attach(p, f, IOMMU_ATS) < 0);
	assert_string_equal(p->m->error, why);
	assert_false(f->ats && ats_enabled(f));
}

static void test_only_with_the_word(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	start(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, tlb[0], 0), 0);
	assert_false(ats_enabled(tlb[0]));
	assert_int_equal(tt(&b, tlb[0]), 0);
	assert_int_equal(process_attach(p, tlb[1], IOMMU_ATS), 0);
	assert_true(ats_enabled(tlb[1]));
	assert_int_equal(tt(&b, tlb[1]), 1);
	refused(p, b.flr, "has no device TLB");
	assert_int_equal(process_detach(tlb[1]), 0);
	assert_false(ats_enabled(tlb[1]));
	assert_int_equal(process_attach(p, tlb[1], 0), 0);
	assert_false(ats_enabled(tlb[1]));
	process_end(p);
	bench_close(&b);
}

static void test_only_where_the_platform_allows_it(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	open_with(&b, triple_named("qemu"), 1, false);
	p = process(&b, 7);
	refused(p, tlb[0], "the platform allows no device TLB there");
	process_end(p);
	bench_close(&b);
	open_with(&b, triple_named("qemu without caching mode"), 1, true);
	p = process(&b, 7);
	refused(p, tlb[0], "its unit knows no device TLB");
	process_end(p);
	bench_close(&b);
}

/* By a port that an ATSR names, by name in an SATC; not by its neighbours. */
static void test_ports_and_devices_by_name(void **state)
{
	struct function *below, *named, *other;
	struct image image;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	below = model_function(b.m, 0, 1, 2, 0, FN_ATS | FN_FLR, b.u);
	named = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_FLR, b.u);
	other = model_function(b.m, 0, 0, 17, 0, FN_ATS | FN_FLR, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, 0, 0);
	put_scope(&image, DMAR_SCOPE_BRIDGE, 0, 1, (const uint8_t[]){ 1, 0 });
	put_ports(&image, DMAR_SATC, 0, 0);
	put_scope(&image, DMAR_SCOPE_ENDPOINT, 0, 1,
		  (const uint8_t[]){ 16, 0 });
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, below, IOMMU_ATS), 0);
	assert_int_equal(process_attach(p, named, IOMMU_ATS), 0);
	refused(p, other, "the platform allows no device TLB there");
	process_end(p);
	bench_close(&b);
}

/* All that a process does, with a device that keeps all it was ever told. */
static void changes(struct bench *b)
{
	struct process *p = process(b, 7), *q = process(b, 8);

	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, tlb[0], IOMMU_ATS), 0);
	assert_int_equal(process_attach(p, tlb[1], IOMMU_ATS), 0);
	assert_int_equal(process_attach(p, tlb[2], 0), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(model_ats_ask(b->m, 0, tlb[0]->sid, VA + PAGE));
		assert_true(model_ats_dma(b->m, 0, tlb[0]->sid, VA + PAGE,
					  true));
		assert_int_equal(process_replace(p, VA, RW), 0);
		assert_int_equal(process_protect(p, VA + PAGE, 1, IOMMU_READ),
				 0);
		assert_false(model_ats_dma(b->m, 0, tlb[0]->sid, VA + PAGE,
					   true));
		assert_int_equal(process_unmap(p, VA + PAGE, 2), 0);
		assert_int_equal(process_map(p, VA + PAGE, 2, RW), 0);
	}
	assert_int_equal(process_detach(tlb[0]), 0);
	assert_int_equal(process_attach(q, tlb[0], IOMMU_ATS), 0);
	assert_int_equal(process_unmap(q, VA, 1), 0);
	process_end(p);
	process_end(q);
	assert_int_equal(b->u->fsts & FS_QUEUE, 0);
	assert_false(model_logged(b->m, "queue error"));
}

static void test_changes_on_all_units_with_device_tlbs(void **state)
{
	struct caps c;
	struct bench b;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < ntriples; i++) {
		const struct triple *t = triple_at(i);

		c = decode_caps(t->ver, t->cap, t->ecap);
		if (!c.dt || !c.qi)
			continue;
		n++;
		for (unsigned keep = 0; keep < 3; keep++) {
			open_with(&b, t, 3, true);
			b.m->label = t->name;
			b.m->policy.keep = keep;
			changes(&b);
			bench_close(&b);
		}
	}
	assert_true(n > 5);
}

static uint64_t ctrl_of(const struct function *f)
{
	return (uint64_t)f->sid << 16 | (f->ats + 6u);
}

/* On behind its entry, and flushed once more before the bus; off behind the last
 * flush, which nobody would answer otherwise. */
static void test_when_it_goes_on_and_off(void **state)
{
	uint64_t from, bus, entry, on, flush;
	struct process *p;
	struct bench b;

	(void)state;
	start(&b);
	b.m->hook = NULL;
	p = process(&b, 7);
	from = b.m->traced;
	assert_int_equal(process_attach(p, tlb[2], IOMMU_ATS), 0);
	entry = traced(b.m, from, E_STORE,
		       vtd_of(b.u)->root[0].lo - 1 + tlb[2]->sid * 16u, 1, 1);
	on = traced(b.m, from, E_PCI_WRITE, ctrl_of(tlb[2]), 0x8000, 0x8000);
	flush = traced(b.m, on, E_WRITE, R_IQT, 0, 0);
	bus = traced(b.m, from, E_PCI_WRITE, (uint64_t)tlb[2]->sid << 16 | 4,
		     4, 4);
	assert_true(entry < on && on < flush && flush < bus &&
		    bus != UINT64_MAX);
	from = b.m->traced;
	assert_int_equal(tlb[2]->forgets, 0);
	assert_int_equal(process_detach(tlb[2]), 0);
	assert_int_equal(tlb[2]->forgets, 1);
	assert_false(ats_enabled(tlb[2]));
	assert_true(traced(b.m, from, E_PCI_WRITE, ctrl_of(tlb[2]), 0x8000,
			   0) > traced(b.m, from, E_WRITE, R_IQT, 0, 0));
	process_end(p);
	bench_close(&b);
}

/* It alone is fenced; those that were asked together with it are not, where the
 * unit says who it was; nobody's call fails. */
static void mute_one(bool tells)
{
	struct process *p, *q;
	struct bench b;

	start(&b);
	b.u->tells = tells;
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(process_map(q, VA, 3, RW), 0);
	assert_int_equal(process_attach(p, tlb[0], IOMMU_ATS), 0);
	assert_int_equal(process_attach(p, tlb[1], IOMMU_ATS), 0);
	assert_int_equal(process_attach(q, tlb[2], IOMMU_ATS), 0);
	tlb[0]->mute = true;
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_true(vtd_alive(vtd_of(b.u)));
	assert_false(function_mastering(tlb[0]));
	assert_true(dev(tlb[0])->fenced);
	assert_false(dev(tlb[1])->fenced && tells);
	assert_true(!tells || function_mastering(tlb[1]));
	assert_true(function_mastering(tlb[2]));
	assert_true(model_logged(b.m, "0:10.0 of pid 7 is fenced: its device "
				 "TLB does not answer"));
	assert_true(iommu_reset(dev(tlb[0])) < 0);
	assert_false(ats_enabled(tlb[0]));
	assert_int_equal(process_unmap(p, VA + PAGE, 1), 0);
	assert_int_equal(process_unmap(q, VA, 1), 0);
	assert_true(can_write(q, tlb[2], VA + PAGE));
	assert_int_equal(process_detach(tlb[0]), 0);
	tlb[0]->mute = false;
	assert_int_equal(process_attach(q, tlb[0], IOMMU_ATS), 0);
	assert_true(can_write(q, tlb[0], VA + PAGE));
	process_end(p);
	process_end(q);
	bench_close(&b);
}

static void test_a_device_that_does_not_answer_is_fenced_alone(void **state)
{
	(void)state;
	mute_one(true);
	mute_one(false);
}

static unsigned mute_in;

static void falls_silent(struct machine *m, const struct happening *h)
{
	if (h->what == E_LOCK || h->what == E_UNLOCK)
		return;
	if (mute_in && !--mute_in)
		tlb[0]->mute = true;
	attack(m);
}

/* At any moment of a change, a detach, an exit. */
static bool mute_at(unsigned op, unsigned step)
{
	struct process *p, *q;
	struct bench b;

	start(&b);
	b.u->tells = true;
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, tlb[0], IOMMU_ATS), 0);
	assert_int_equal(process_attach(q, tlb[1], IOMMU_ATS), 0);
	mute_in = step;
	b.m->hook = falls_silent;
	if (op == 0)
		assert_int_equal(process_unmap(p, VA, 1), 0);
	else if (op == 1)
		assert_int_equal(process_detach(tlb[0]), 0);
	else if (op == 2)
		assert_int_equal(process_attach(p, tlb[2], IOMMU_ATS), 0);
	else
		assert_int_equal(process_replace(p, VA, RW), 0);
	assert_true(vtd_alive(vtd_of(b.u)));
	assert_true(function_mastering(tlb[1]));
	assert_int_equal(process_unmap(q, VA, 1), 0);
	step = mute_in;
	mute_in = 0;
	process_end(p);
	process_end(q);
	bench_close(&b);
	return !step;
}

static void test_it_falls_silent_at_each_step(void **state)
{
	(void)state;
	for (unsigned op = 0; op < 4; op++) {
		unsigned step = 1;

		while (mute_at(op, step))
			step++;
		assert_true(step > 5);
	}
}

/* Whoever waits for it is told "done" only when it is off the bus, whichever
 * processor finds out. */
static uint32_t open_position;

static void fenced_before_done(struct machine *m, const struct happening *h)
{
	uint32_t *status = vtd_of(m->units[0])->queue.status;

	(void)h;
	if ((int32_t)(__atomic_load_n(status, __ATOMIC_ACQUIRE) -
		      open_position) >= 0)
		assert_false(function_mastering(tlb[0]));
}

static void test_it_is_fenced_before_any_wait_ends(void **state)
{
	struct process *p, *q;
	struct vtd_ticket t;
	struct qi_desc inv;
	struct bench b;

	(void)state;
	for (unsigned seed = 1; seed < 20; seed++) {
		start(&b);
		b.m->random += seed;
		b.m->policy.latency = seed % 2 ? 0 : 3;
		p = process(&b, 7);
		q = process(&b, 8);
		assert_int_equal(process_map(q, VA, 2, RW), 0);
		assert_int_equal(process_attach(p, tlb[0], IOMMU_ATS), 0);
		assert_int_equal(process_attach(q, tlb[1], 0), 0);
		tlb[0]->mute = true;
		inv = inv_devtlb(tlb[0]->sid, 0, 52);
		model_call(b.m);
		assert_int_equal(vtd_submit(vtd_of(b.u), &inv, 1, &t), 0);
		open_position = t.position;
		b.m->hook = fenced_before_done;
		assert_int_equal(process_unmap(q, VA, 1), 0);
		assert_int_equal(vtd_wait(vtd_of(b.u), &t), 0);
		assert_false(function_mastering(tlb[0]));
		b.m->hook = NULL;
		process_end(p);
		process_end(q);
		bench_close(&b);
	}
}

/* Another processor attaches a device at each step of an unmap: its TLB must
 * not keep what the unmap's flush, begun without it, is about to drop. */
static unsigned attach_in;
static struct process *racing;

static void attaches(struct machine *m, const struct happening *h)
{
	if (h->what == E_LOCK || m->nheld)
		return;
	if (attach_in && !--attach_in) {
		m->in_hook = false;
		m->hook = attack_a_little;
		assert_int_equal(process_attach(racing, tlb[1], IOMMU_ATS), 0);
		m->in_hook = true;
		m->hook = attaches;
	}
	attack(m);
}

static bool race(unsigned step)
{
	struct bench b;
	bool raced;

	/* not in caching mode, where an attach flushes in any case */
	open_with(&b, triple_named("real unit 22"), 3, true);
	b.m->policy.keep = KEEP_ALL;
	racing = process(&b, 7);
	assert_int_equal(process_map(racing, VA, 2, RW), 0);
	assert_int_equal(process_attach(racing, tlb[0], 0), 0);
	attack(b.m);
	attach_in = step;
	b.m->hook = attaches;
	assert_int_equal(process_unmap(racing, VA, 1), 0);
	raced = !attach_in;
	attach_in = 0;
	process_end(racing);
	bench_close(&b);
	return raced;
}

static void test_an_attach_during_a_flush(void **state)
{
	unsigned step = 1;

	(void)state;
	while (race(step))
		step++;
	assert_true(step > 4);
}

static void test_the_ninth_of_a_space_is_refused(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	open_with(&b, triple_named("qemu"), 10, true);
	b.m->hook = NULL;
	p = process(&b, 7);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(process_attach(p, tlb[i], IOMMU_ATS), 0);
	refused(p, tlb[8], "more than 8 device TLBs in one space");
	assert_int_equal(process_attach(p, tlb[8], 0), 0);
	assert_int_equal(process_detach(tlb[3]), 0);
	assert_int_equal(process_attach(p, tlb[9], IOMMU_ATS), 0);
	process_end(p);
	bench_close(&b);
}

/* A reset takes what it kept, and the switch; the owner has it on again. */
static void test_a_reset_in_between(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	start(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, tlb[0], IOMMU_ATS), 0);
	assert_true(model_ats_ask(b.m, 0, tlb[0]->sid, VA));
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(tlb[0])), 0);
	assert_int_equal(tlb[0]->resets, 1);
	assert_true(ats_enabled(tlb[0]));
	assert_true(model_ats_ask(b.m, 0, tlb[0]->sid, VA));
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_false(model_ats_dma(b.m, 0, tlb[0]->sid, VA, true));
	process_end(p);
	bench_close(&b);
}

/* It may be in reset when another processor's flush asks it. */
static unsigned change_in;

static void changes_meanwhile(struct machine *m, const struct happening *h)
{
	if (h->what == E_LOCK || h->what == E_UNLOCK || m->nheld ||
	    !change_in || --change_in)
		return;
	m->in_hook = false;
	m->hook = NULL;
	assert_int_equal(process_unmap(racing, VA, 1), 0);
	m->in_hook = true;
}

static void test_a_flush_during_a_reset(void **state)
{
	struct bench b;

	(void)state;
	for (unsigned step = 1; step < 120; step++) {
		start(&b);
		b.u->tells = true;
		racing = process(&b, 7);
		assert_int_equal(process_map(racing, VA, 2, RW), 0);
		assert_int_equal(process_attach(racing, tlb[0], IOMMU_ATS), 0);
		assert_true(model_ats_ask(b.m, 0, tlb[0]->sid, VA));
		change_in = step;
		b.m->hook = changes_meanwhile;
		model_call(b.m);
		assert_int_equal(iommu_reset(dev(tlb[0])), 0);
		b.m->hook = NULL;
		assert_true(ats_enabled(tlb[0]));
		assert_false(dev(tlb[0])->mute);
		if (!change_in)
			assert_false(model_ats_dma(b.m, 0, tlb[0]->sid, VA,
						   true));
		assert_true(vtd_alive(vtd_of(b.u)));
		process_end(racing);
		bench_close(&b);
	}
}

static void answers_no_more(struct machine *m, const struct happening *h)
{
	if (h->what == E_PCI_WRITE && h->where == ctrl_of(tlb[2]))
		m->units[0]->trouble.slow_queue = true;
}

/* The flush behind it: then it is off again, and in no list. */
static void test_a_unit_that_fails_as_it_goes_on(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	start(&b);
	p = process(&b, 7);
	b.m->hook = answers_no_more;
	assert_true(process_attach(p, tlb[2], IOMMU_ATS) < 0);
	b.m->hook = NULL;
	assert_false(ats_enabled(tlb[2]));
	assert_null(dev(tlb[2])->ats_in);
	p->lost = true;
	process_end(p);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_only_with_the_word),
		bench_test(test_only_where_the_platform_allows_it),
		bench_test(test_ports_and_devices_by_name),
		bench_test(test_changes_on_all_units_with_device_tlbs),
		bench_test(test_when_it_goes_on_and_off),
		bench_test(test_a_device_that_does_not_answer_is_fenced_alone),
		bench_test(test_it_falls_silent_at_each_step),
		bench_test(test_it_is_fenced_before_any_wait_ends),
		bench_test(test_an_attach_during_a_flush),
		bench_test(test_the_ninth_of_a_space_is_refused),
		bench_test(test_a_reset_in_between),
		bench_test(test_a_flush_during_a_reset),
		bench_test(test_a_unit_that_fails_as_it_goes_on),
	};

	return cmocka_run_group_tests_name("device TLBs", tests, NULL, NULL);
}
