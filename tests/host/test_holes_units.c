/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As test_holes.c, of units: what they and the firmware's table say, how they
 * start, and how all stops.
 */
#include "bench.h"

/* A field of the capabilities set to something else. */
static struct triple with_cap(const char *name, uint64_t clear, uint64_t set)
{
	struct triple t = *triple_named(name);

	t.cap = (t.cap & ~clear) | set;
	return t;
}

static struct process *start(struct bench *b, const char *name)
{
	bench_open(b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(b);
	return process(b, 7);
}

static void finish(struct bench *b, struct process *p)
{
	b->m->hook = NULL;
	process_end(p);
	bench_close(b);
}

/* Reserved flags are no INCLUDE_PCI_ALL. */
static void test_a_unit_that_takes_what_is_anothers(void **state)
{
	const struct triple *t = triple_named("qemu");
	struct model_unit *other;
	struct function *f;
	struct image image;
	struct bench b;

	(void)state;
	bench_open(&b, t, WITHOUT_WIRED, 1);
	other = model_unit(b.m, 0xfed80000, 0, t->ver, t->cap, t->ecap);
	f = model_function(b.m, 0, 0, 16, 0, FN_FLR, other);
	image_start(&image);
	put_drhd(&image, 0xfe, other->base);
	put_scope(&image, DMAR_SCOPE_ENDPOINT, 0, 1,
		  (const uint8_t[]){ 16, 0 });
	put_drhd(&image, DMAR_DRHD_INCLUDE_PCI_ALL, b.u->base);
	bench_boot_image(&b, &image);
	assert_ptr_equal(dev(f)->unit, vtd_of(other));
	assert_ptr_equal(dev(b.flr)->unit, vtd_of(b.u));
	bench_close(&b);
}

/* Nor ALL_PORTS. */
static void test_device_tlbs_below_ports_that_are_not_named(void **state)
{
	struct function *tlb;
	struct image image;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	tlb = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_PCIE, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, 0xfe, 0);
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	assert_true(process_attach(p, tlb, IOMMU_ATS) < 0);
	assert_string_equal(b.m->error, "the platform allows no device TLB "
			    "there");
	finish(&b, p);
}

static void test_caching_mode_that_it_has_not(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu without caching mode");
	assert_true(model_logged(b.m, "by queue, not coherent"));
	assert_false(model_logged(b.m, "caching mode"));
	finish(&b, p);
	p = start(&b, "qemu");
	assert_true(model_logged(b.m, "by queue, not coherent, caching mode"));
	finish(&b, p);
}

/* What is absent is not cached (VT-d 6.1). */
static void test_flushes_of_what_cannot_be_cached(void **state)
{
	struct iommu_irq irq;
	uint64_t addr, waits;
	struct process *p;
	uint32_t data;
	struct bench b;

	(void)state;
	p = start(&b, "qemu without caching mode");
	waits = b.u->waits;
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(b.u->waits, waits);
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(iommu_irq_open(dev(b.flr), 0x51, 3, &irq, &addr,
					&data), 0);
	assert_int_equal(b.u->waits, waits);
	assert_int_equal(iommu_irq_close(&irq), 0);
	finish(&b, p);
}

static void large_on(unsigned sizes, size_t len)
{
	struct triple t = with_cap("qemu", 15ull << 34, (uint64_t)sizes << 34);
	struct iommu_gather g = { 0 };
	struct translation r;
	struct process *p;
	struct bench b;

	bench_open(&b, &t, WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	g.space = p->s;
	model_call(b.m);
	assert_int_equal(iommu_map(&g, GIB, GIB, len, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	r = walk(b.u, b.flr->sid, GIB + PAGE, true);
	assert_int_equal(r.reason, OK);
	assert_int_equal(r.pa, GIB + PAGE);
	assert_int_equal(iommu_keep(&g, GIB, len, 0), 0);
	assert_int_equal(iommu_flush(&g), 0);
	finish(&b, p);
}

/* 2 MiB and no 1 GiB; 1 GiB and no 2 MiB, which is as good as none. */
static void test_a_page_larger_than_the_unit_knows(void **state)
{
	(void)state;
	large_on(SLLPS_2M, GIB);
	large_on(SLLPS_1G, 2ul << 20);
}

/* Only while it is on must its tables stay of that kind. */
static void test_a_unit_that_was_in_another_mode(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.u->rtaddr = 1 << 10;
	b.u->gsts = G_SRTP;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	finish(&b, p);
}

static void there_at_last(struct machine *m, const struct happening *h)
{
	if (h->what == E_READ && h->where == R_CAP)
		m->units[0]->trouble.gone = false;
}

/* Its version reads as all ones, and what comes next does not. */
static void test_a_unit_that_is_not_quite_there(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.u->trouble.gone = true;
	b.m->hook = there_at_last;
	bench_boot(&b);
	assert_non_null(iommu_missing());
	assert_true(model_logged(b.m, "does not answer; dropped"));
	bench_close(&b);
}

static void protected_by_then(struct machine *m, const struct happening *h)
{
	bool *seen = m->hook_arg;

	if (h->what != E_WRITE || h->where != R_GCMD)
		return;
	assert_true(h->unit->pmen & 1);	/* up to that for translation */
	*seen = h->value & G_TE;
}

/* One region and not the other: the registers of that are not there.  What is
 * reserved of PMEN does not say that it is on. */
static void test_protected_memory_of_one_half(void **state)
{
	struct bench b;
	bool seen;

	(void)state;
	for (unsigned bit = 5; bit < 7; bit++) {
		struct triple t = with_cap("qemu", 0, 1ull << bit);

		bench_open(&b, &t, WITHOUT_WIRED, 1);
		b.u->pmen = 0x2aaaaaaa;
		seen = false;
		b.m->hook = protected_by_then;
		b.m->hook_arg = &seen;
		bench_boot(&b);
		assert_true(seen);
		assert_false(b.u->pmen & 1);
		bench_close(&b);
	}
}

/* Firmware left its queue on, and no more. */
static void test_a_unit_taken_over_that_did_not_translate(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.u->iqa = memory_pa(b.m, memory_alloc(b.m, PAGE));
	b.u->gsts = G_QIE;
	bench_init(&b);
	iommu_start(false);
	assert_null(iommu_missing());
	assert_false(b.u->gsts & G_TE);
	assert_false(model_logged(b.m, "taken over"));
	bench_close(&b);
}

static void deaf_by_then(struct machine *m, const struct happening *h)
{
	if (h->what == E_WRITE && h->where == R_GCMD && h->value & G_SIRTP)
		m->units[0]->trouble.deaf = true;
}

/* It failed before it remapped any: they come as they would without it. */
static void test_interrupts_of_a_unit_that_never_remapped(void **state)
{
	uint64_t addr = 0xfee00000;
	struct iommu_irq irq;
	uint32_t data = 0x51;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.m->hook = deaf_by_then;
	bench_boot(&b);
	b.m->hook = NULL;
	assert_false(vtd_alive(vtd_of(b.u)));
	assert_int_equal(iommu_irq_open(dev(b.flr), 0x51, 3, &irq, &addr,
					&data), 0);
	assert_null(irq.unit);
	assert_int_equal(addr, 0xfee00000);
	assert_int_equal(data, 0x51);
	bench_close(&b);
}

/* On another processor the thread may be done before the handler is. */
static void serviced_at_once(void)
{
	while (bench_serve())
		;
}

static void test_an_event_that_stays_masked(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_upper.pending = serviced_at_once;
	p = start(&b, "qemu");
	bench_upper.pending = NULL;
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	for (unsigned i = 1; i < 4; i++) {
		assert_false(can_read(p, b.flr, VA));
		(void)os_read32(vtd_of(b.u)->regs);	/* it is taken */
		assert_int_equal(b.m->interrupts, i);
		assert_int_equal(dev(b.flr)->faults, i);
		assert_int_equal(b.u->fectl, 0);
	}
	finish(&b, p);
}

/* A message is not sent while it is written. */
static void masked_meanwhile(const struct happening *h)
{
	if (h->what == E_WRITE && (h->where == R_FEDATA || h->where ==
				   R_FEADDR || h->where == R_FEUADDR))
		assert_true(h->unit->fectl & FE_IM);
}

/* Not before all is taken: each further one would interrupt. */
static void test_an_event_that_is_unmasked_too_early(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_false(can_read(p, b.flr, VA));
	(void)os_read32(vtd_of(b.u)->regs);	/* it is taken */
	assert_true(b.u->fectl & FE_IM);
	assert_true(bench_serve());
	assert_true(b.u->fectl & FE_IM);
	assert_false(bench_serve());
	assert_false(b.u->fectl & FE_IM);
	finish(&b, p);
}

/* Noted before it is masked, it may be unmasked by the thread first, and then
 * stay masked. */
static void noted_early(struct machine *m, const struct happening *h)
{
	(void)m;
	if (h->what == E_WRITE && h->where == R_FECTL && h->value & FE_IM)
		assert_false(iommu.due);
}

/* And noted after it is told of, it is not found. */
static void is_noted(void)
{
	assert_true(iommu.due);
}

static void test_when_an_event_is_noted(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	while (bench_serve())
		;
	iommu.upper.pending = is_noted;
	b.m->hook = noted_early;
	assert_false(can_read(p, b.flr, VA));
	assert_true(bench_serve());
	assert_int_equal(b.m->interrupts, 1);
	finish(&b, p);
}

static void faults_once_on(struct machine *m, const struct happening *h)
{
	uint64_t v;

	masked_meanwhile(h);
	if (m->units[0]->gsts & G_TE && !m->units[0]->faults)
		model_dma(m, 0, 6 << 3, VA, &v, sizeof(v), false);
}

/* Firmware had it unmasked: our message stands before there can be a fault. */
static void test_an_event_that_goes_where_firmware_wanted_it(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITH_WIRED, 1);
	b.u->fectl = 0;
	b.u->feaddr = 0xfee0d000;
	b.m->hook = faults_once_on;
	bench_boot(&b);
	assert_int_equal(b.u->faults, 1);
	assert_int_equal(b.m->interrupts, 1);
	b.m->hook = NULL;
	bench_close(&b);
}

static void blocked_by_then(struct machine *m, const struct happening *h)
{
	unsigned *seen = m->hook_arg;

	if (h->what != E_WRITE || h->where != R_GCMD || !(h->value & G_SIRTP))
		return;
	assert_false(h->unit->gsts & G_CFI);
	++*seen;
}

/* VT-d 5.2: what firmware let through in the old format comes to an end before
 * there is another table. */
static void test_old_interrupts_that_pass_by_our_table(void **state)
{
	unsigned seen = 0;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.u->gsts = G_CFI;
	b.m->hook = blocked_by_then;
	b.m->hook_arg = &seen;
	bench_boot(&b);
	assert_int_equal(seen, 1);
	assert_true(b.u->gsts & G_IRE);
	bench_close(&b);
}

/* From the command on that ends what firmware left on the unit obeys no more. */
static void deaf_to_that(struct machine *m, const struct happening *h)
{
	struct model_unit *u = m->units[0];
	const uint32_t *left_on = m->hook_arg;

	if (h->what != E_WRITE)
		return;
	if (u->trouble.deaf)
		model_violation(m, "a unit that has failed is written to");
	if (h->where == R_GCMD && !(h->value & *left_on))
		u->trouble.deaf = true;
}

static void test_a_unit_that_does_not_end_what_firmware_left_on(void **state)
{
	uint32_t left_on[] = { G_CFI, G_QIE };
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(left_on); i++) {
		bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
		b.u->gsts = left_on[i];
		b.m->hook = deaf_to_that;
		b.m->hook_arg = &left_on[i];
		bench_init(&b);
		model_call(b.m);
		iommu_start(true);
		b.m->hook = NULL;
		assert_true(b.u->trouble.deaf);
		assert_false(vtd_alive(vtd_of(b.u)));
		bench_idle(&b);
		bench_close(&b);
	}
}

static void nothing_there(struct machine *m, const struct happening *h)
{
	if (h->what != E_LOCK && m->units[0]->gsts & G_IRE)
		assert_int_equal(model_message(m, m->functions,
					       irt_message(0), 0).reason,
				 IR_ABSENT);
}

/* Its zeros must be out of the write buffer (CAP.RWBF) before it is used. */
static void test_an_interrupt_table_that_lingers(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("write buffer"), WITHOUT_WIRED, 1);
	b.m->hook = nothing_there;
	bench_boot(&b);
	assert_true(b.u->gsts & G_IRE);
	bench_close(&b);
}

static void never_written(struct machine *m, const struct happening *h)
{
	(void)m;
	assert_true(h->what != E_WRITE);
}

static void test_faults_of_a_unit_that_is_gone(void **state)
{
	struct vtd_fault list[4];
	struct process *p;
	bool lost = true;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	b.u->trouble.gone = true;
	b.m->hook = never_written;
	assert_int_equal(fault_take(vtd_of(b.u), list, 4, &lost), 0);
	assert_false(lost);
	assert_false(vtd_alive(vtd_of(b.u)));
	finish(&b, p);
}

/* Another processor finds that the unit does not answer, just as this one is
 * about to take a lock; or is waiting for one. */
static struct failing {
	struct os_lock *lock;
	bool before;		/* it is taken; else: when it is let go */
	unsigned writes;
} failing;

static void fails_meanwhile(struct machine *m, const struct happening *h)
{
	struct vtd *u = vtd_of(m->units[0]);

	if (h->what == E_WRITE)
		failing.writes++;
	if (failing.before && h->what == E_LOCK &&
	    h->where == (uintptr_t)failing.lock)
		(void)vtd_mark_failed(u, "another's");
	if (!failing.before && h->what == E_UNLOCK && failing.writes &&
	    h->where == (uintptr_t)failing.lock)
		assert_false(vtd_alive(u));
}

static void fail_on(const char *name, bool before)
{
	struct qi_desc inv = inv_iotlb_global();
	struct process *p;
	struct bench b;
	struct vtd *u;
	int err;

	p = start(&b, name);
	u = vtd_of(b.u);
	failing = (struct failing){
		.lock = &u->turn.lock,
		.before = before,
	};
	b.u->trouble.deaf = b.u->trouble.slow_registers = !before;
	b.m->hook = fails_meanwhile;
	model_call(b.m);
	err = u->queue.ring ? vtd_command(u, GCMD_TE, false, 0, "a test") :
		vtd_invalidate(u, &inv, 1);
	assert_true(err < 0);
	assert_int_equal(failing.writes, !before);
	b.m->hook = never_written;
	assert_true(vtd_invalidate(u, &inv, 1) < 0);
	finish(&b, p);
}

/* Nothing more is written to it: neither by who comes then nor by who comes
 * after one that was not carried out. */
static void test_commands_to_a_unit_that_has_failed_meanwhile(void **state)
{
	(void)state;
	for (unsigned before = 0; before < 2; before++) {
		fail_on("qemu", before);
		fail_on("caching, registers", before);
	}
}

static void nobody_gets_it_back(struct machine *m, const struct happening *h)
{
	(void)m;
	if (h->what == E_PCI_WRITE)
		assert_false(iommu.powered);
}

/* Whoever attaches or resets meanwhile gives no bus any more. */
static void test_a_stop_that_others_undo(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.m->hook = nobody_gets_it_back;
	model_call(b.m);
	iommu_stop();
	assert_false(function_mastering(b.flr));
	finish(&b, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_a_unit_that_takes_what_is_anothers),
		bench_test(test_device_tlbs_below_ports_that_are_not_named),
		bench_test(test_caching_mode_that_it_has_not),
		bench_test(test_flushes_of_what_cannot_be_cached),
		bench_test(test_a_page_larger_than_the_unit_knows),
		bench_test(test_a_unit_that_was_in_another_mode),
		bench_test(test_a_unit_that_is_not_quite_there),
		bench_test(test_protected_memory_of_one_half),
		bench_test(test_a_unit_taken_over_that_did_not_translate),
		bench_test(test_interrupts_of_a_unit_that_never_remapped),
		bench_test(test_an_event_that_stays_masked),
		bench_test(test_an_event_that_is_unmasked_too_early),
		bench_test(test_when_an_event_is_noted),
		bench_test(test_an_event_that_goes_where_firmware_wanted_it),
		bench_test(test_old_interrupts_that_pass_by_our_table),
		bench_test(test_a_unit_that_does_not_end_what_firmware_left_on),
		bench_test(test_an_interrupt_table_that_lingers),
		bench_test(test_faults_of_a_unit_that_is_gone),
		bench_test(test_commands_to_a_unit_that_has_failed_meanwhile),
		bench_test(test_a_stop_that_others_undo),
	};

	return cmocka_run_group_tests_name("holes, units", tests, NULL, NULL);
}
