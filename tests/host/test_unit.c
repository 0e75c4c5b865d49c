/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A unit's life (kern/arch/x86/iommu.c, vtd/unit.c, vtd/inv_*.c): what its
 * registers say, start, power, taking over from firmware, and the queue over a
 * long time.  The model holds each step against the specification; see
 * model.h.  How units fail is in test_failure.c.
 */
#include "bench.h"
#include "capabilities.h"

static void test_capabilities_of_34_real_units(void **state)
{
	const struct figures *f = figures;

	(void)state;
	assert_int_equal(ARRAY_SIZE(figures), 34);
	for (; f < figures + ARRAY_SIZE(figures); f++) {
		struct caps c = decode_caps(f->ver, f->cap, f->ecap);

		assert_int_equal(c.domains, f->domains);
		assert_int_equal(c.rwbf, f->rwbf);
		assert_int_equal(c.plmr, f->plmr);
		assert_int_equal(c.phmr, f->phmr);
		assert_int_equal(c.cm, f->cm);
		assert_int_equal(c.sagaw, f->sagaw);
		assert_int_equal(c.mgaw, f->mgaw);
		assert_int_equal(c.zlr, f->zlr);
		assert_int_equal(c.fro, f->fro);
		assert_int_equal(c.sllps, f->sllps_2m | f->sllps_1g << 1);
		assert_int_equal(c.psi, f->psi);
		assert_int_equal(c.records, f->nfr);
		assert_int_equal(c.mamv, f->mamv);
		assert_int_equal(c.dwd, f->dwd);
		assert_int_equal(c.drd, f->drd);
		assert_int_equal(c.esrtps, f->esrtps);
		assert_int_equal(c.coherent, f->c);
		assert_int_equal(c.qi, f->qi);
		assert_int_equal(c.dt, f->dt);
		assert_int_equal(c.ir, f->ir);
		assert_int_equal(c.eim, f->eim);
		assert_int_equal(c.pt, f->pt);
		assert_int_equal(c.sc, f->sc);
		assert_int_equal(c.iro, f->iro);
	}
}

/* 4 levels where the unit has them; the width that both allow. */
static unsigned levels_of(const struct caps *c)
{
	return bit(c->sagaw, 2) ? 4 : bit(c->sagaw, 1) ? 3 : 5;
}

static void check_started(struct bench *b)
{
	struct caps *c = &b->u->c;
	struct vtd *u = vtd_of(b->u);
	unsigned depth = 12 + 9 * levels_of(c);

	assert_null(iommu_missing());
	assert_true(iommu_powered());
	assert_int_equal(u->levels, levels_of(c));
	assert_int_equal(u->address_bits, MIN(depth, c->mgaw));
	assert_int_equal(iommu_address_bits(), u->address_bits);
	assert_int_equal(u->ndids, c->domains);
	assert_int_equal(!u->queue.ring, !c->qi);
	assert_int_equal(b->u->gsts, G_TE | G_SRTP | (c->qi ? G_QIE : 0) |
			 (c->qi && c->ir ? G_SIRTP | G_IRE : 0));
	assert_int_equal(b->u->root, os_phys(u->root));
	assert_int_equal(b->u->fectl, 0);
	assert_int_equal(did_in_use(u), 2);
	assert_int_equal(b->m->logged[OS_ERROR], 0);
}

static void test_start_on_all_units(void **state)
{
	(void)state;
	on_all_triples(check_started, WITHOUT_WIRED);
}

static void show_info(struct bench *b)
{
	struct iommu_unit_info i;

	assert_true(iommu_unit_info(0, &i));
	assert_false(iommu_unit_info(1, &i));
	assert_ptr_equal(i.unit, vtd_of(b->u));
	assert_int_equal(i.base, 0xfed90000);
	assert_int_equal(i.version, b->u->ver);
	assert_int_equal(i.cap, b->u->cap);
	assert_int_equal(i.ecap, b->u->ecap);
	assert_int_equal(i.gsts, b->u->gsts);
	assert_int_equal(i.root, b->u->root);
	assert_int_equal(i.dmar_width, 39);
	assert_int_equal(i.devices, 0);
	assert_null(i.unsupported);
	assert_null(i.failure);
}

static void test_info_on_all_units(void **state)
{
	(void)state;
	on_all_triples(show_info, WITHOUT_WIRED);
}

/* Whether firmware's functions are off the bus, but for what is wired. */
static void check_fenced(struct machine *m)
{
	for (struct function *f = m->functions; f; f = f->next)
		if (!(f->kind & FN_HARDWIRED) && !(f->config[0x0e] & 1))
			assert_false(function_mastering(f));
}

static void test_start_fences_every_device_first(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITH_WIRED, 1);
	b.plain->drains = 20;
	b.flr->drains = 5;
	bench_boot(&b);
	check_fenced(b.m);
	assert_int_equal(b.flr->pending, 0);
	assert_true(model_logged(b.m, "0:6.0 cannot be kept from mastering"));
	assert_true(model_logged(b.m, "1:1.0 cannot be kept from mastering"));
	assert_false(model_logged(b.m, "1:0.0 cannot"));
	bench_close(&b);
}

/* Bridges forward for others and keep their command registers. */
static void test_start_leaves_bridges_alone(void **state)
{
	struct function *host, *port;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	host = model_function(b.m, 0, 0, 0, 0, FN_HOST_BRIDGE, b.u);
	port = function_find(b.m, 0, 0x08);
	bench_boot(&b);
	assert_true(function_mastering(host));
	assert_int_equal(port->config[4], 7);
	bench_close(&b);
}

static void test_started_off(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_init(&b);
	iommu_start(false);
	b.m->watching = true;
	attack_always(&b);
	assert_false(iommu_powered());
	check_fenced(b.m);
	assert_false(b.u->gsts & G_TE);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_true(process_attach(p, b.plain, 0) < 0);
	assert_string_equal(b.m->error, "the iommu is off");
	assert_int_equal(iommu_power(true), 0);
	assert_int_equal(process_attach(p, b.plain, 0), 0);
	assert_true(can_write(p, b.plain, VA));
	process_end(p);
	bench_close(&b);
}

/* Firmware had pointed its unit at tables of its own, and used them. */
static void plant(struct bench *b)
{
	uint16_t sid = b->wired->sid;
	physaddr_t frame = b->m->mem.trap;

	b->u->context = calloc(1, sizeof(*b->u->context));
	b->u->context[0] = (struct context_line){ .sid = sid, .did = 1,
		.lo = frame | 1, .hi = 1 << 8 | (levels_of(&b->u->c) - 2) };
	b->u->ncontext = b->u->context_room = 1;
	b->u->tlb = calloc(1, sizeof(*b->u->tlb));
	b->u->tlb[0] = (struct tlb_line){ .sid = sid, .did = 1, .shift = 12,
		.va = VA, .pa = frame, .rights = 3 };
	b->u->ntlb = b->u->tlb_room = 1;
}

static void start_after_firmware(const char *name, uint32_t gsts, bool on)
{
	struct bench b;
	uint32_t v;

	bench_open(&b, triple_named(name), WITH_WIRED, 1);
	plant(&b);
	b.u->gsts = gsts;
	b.u->root = b.u->rtaddr = b.m->mem.trap;
	b.u->iqh = b.u->iqt = 0x40;
	if (gsts & G_TE)	/* firmware's tables, then; not the driver's */
		b.u->tolerant = true;
	bench_init(&b);
	model_call(b.m);
	iommu_start(on);
	b.m->watching = true;
	b.u->tolerant = false;
	assert_int_equal(b.m->logged[OS_ERROR], 0);
	assert_true(b.u->gsts & G_TE);
	for (uint64_t i = 0; i < b.m->traced && gsts & G_TE; i++) {
		v = (uint32_t)b.m->trace[i].value;
		if (b.m->trace[i].what == E_WRITE &&
		    b.m->trace[i].where == R_GCMD)
			assert_true(v & G_TE);
	}
	attack(b.m);
	assert_int_equal(b.m->accesses, 0);
	bench_close(&b);
}

static void test_what_firmware_left_in_the_caches_is_forgotten(void **state)
{
	(void)state;
	start_after_firmware("qemu", 0, true);
	start_after_firmware("real unit 1", 0, true);
	start_after_firmware("real unit 33", 0, true);
}

/* Never off, and its queue, whose tail is not 0, replaced. */
static void test_a_unit_that_firmware_left_on(void **state)
{
	(void)state;
	start_after_firmware("qemu", G_TE | G_SRTP, true);
	start_after_firmware("qemu", G_TE | G_SRTP | G_QIE, true);
	start_after_firmware("qemu", G_QIE, true);
	start_after_firmware("qemu", G_TE | G_SRTP | G_IRE | G_CFI, true);
	start_after_firmware("real unit 1", G_TE | G_SRTP, true);
	start_after_firmware("qemu", G_TE | G_SRTP, false);
	start_after_firmware("real unit 1", G_TE | G_SRTP, false);
}

static const char *unusable(uint32_t ver, uint64_t cap, uint64_t ecap)
{
	static char why[200];
	struct triple t = { ver, cap, ecap, "" };
	struct process *p;
	struct bench b;

	bench_open(&b, &t, WITHOUT_WIRED, 1);
	bench_boot(&b);
	assert_string_equal(iommu_missing(), "no remapping unit can be used");
	assert_false(iommu_powered());
	assert_int_equal(b.u->gsts, 0);
	check_fenced(b.m);
	p = process(&b, 7);
	assert_true(process_attach(p, b.plain, 0) < 0);
	assert_string_equal(b.m->error, iommu_missing());
	assert_true(iommu_power(true) < 0);
	process_end(p);
	why[0] = '\0';
	if (iommu.nunits)
		snprintf(why, sizeof(why), "%s", iommu.units[0]->unsupported);
	bench_close(&b);
	return why;
}

static void test_units_that_cannot_be_used(void **state)
{
	uint64_t cap = triple_named("qemu")->cap;
	uint64_t ecap = triple_named("qemu")->ecap;

	(void)state;
	assert_string_equal(unusable(0x10, cap & ~0x1f00ul, ecap),
			    "it offers no second-level translation");
	assert_string_equal(unusable(0x60, cap, ecap & ~2ul),
			    "it offers no way to invalidate");
	assert_string_equal(unusable(~0u, ~0ul, ~0ul), "");
	assert_string_equal(unusable(0x10, 0, 0), "");
}

static void test_without_a_table(void **state)
{
	struct bench b;
	uint8_t bytes[48] = "DMAR";

	(void)state;
	bench_bare(&b, 1);
	bench_table_given(NULL, 0);
	assert_string_equal(iommu_missing(), "this machine has no DMAR table");
	assert_int_equal(iommu_address_bits(), 64);
	iommu_start(true);
	assert_false(iommu_powered());
	bench_close(&b);
	bench_bare(&b, 1);
	bench_table_given(bytes, sizeof(bytes));
	assert_string_equal(iommu_missing(), "the DMAR table is broken");
	bench_close(&b);
}

/* Its last record lies in the second page of registers. */
static void test_registers_beyond_the_first_page(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("256 records"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	assert_int_equal(b.m->windows[b.m->nwindows - 1].len, 0x2000);
	bench_close(&b);
}

/* Off and on again under attack, with changes in between. */
static void off_and_on(struct bench *b)
{
	struct process *p = process(b, 7), *q = process(b, 8);

	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_int_equal(process_attach(q, b->plain, 0), 0);
	assert_true(can_write(p, b->flr, VA));
	assert_int_equal(iommu_power(false), 0);
	assert_false(iommu_powered());
	assert_false(b->u->gsts & G_TE);
	assert_false(can_read(p, b->flr, VA));
	assert_true(process_attach(p, b->af, 0) < 0);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_int_equal(process_replace(p, VA + PAGE, RW), 0);
	assert_int_equal(process_detach(b->plain), 0);
	assert_int_equal(iommu_reset(dev(b->flr)), 0);
	assert_false(function_mastering(b->flr));
	model_call(b->m);
	assert_int_equal(iommu_power(true), 0);
	assert_int_equal(iommu_power(true), 0);
	assert_false(can_read(p, b->flr, VA));
	assert_true(can_read(p, b->flr, VA + PAGE));
	assert_true(can_write(p, b->flr, VA + 2 * PAGE));
	assert_false(can_read(q, b->plain, VA));
	assert_false(function_mastering(b->plain));
	process_end(p);
	process_end(q);
}

static void test_off_and_on_under_attack(void **state)
{
	(void)state;
	on_all_triples(off_and_on, WITHOUT_WIRED);
}

static void test_exit_while_off(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(iommu_power(false), 0);
	process_end(p);
	model_call(b.m);
	assert_int_equal(iommu_power(true), 0);
	check_fenced(b.m);
	bench_close(&b);
}

/* Rule 7: with a function that masters whatever it is told, off would open all
 * of memory to it. */
static void test_off_is_refused_with_a_wired_device(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITH_WIRED, 1);
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	model_call(b.m);
	assert_true(iommu_power(false) < 0);
	assert_non_null(strstr(b.m->error, "cannot be kept from mastering"));
	assert_true(iommu_powered());
	assert_true(b.u->gsts & G_TE);
	assert_true(can_write(p, b.flr, VA));
	process_end(p);
	bench_close(&b);
}

static void test_off_waits_for_pending_requests(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.flr->drains = 8;
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(b.flr->pending, 0);
	process_end(p);
	bench_close(&b);
}

static struct vtd *booted(struct bench *b, const char *name)
{
	bench_open(b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(b);
	return vtd_of(b->u);
}

static void test_the_queue_wraps_70000_times(void **state)
{
	struct qi_desc inv = inv_iotlb_domain(3);
	struct bench b;
	struct vtd *u = booted(&b, "qemu");
	uint64_t fetched = b.u->fetched;

	(void)state;
	b.m->policy.latency = 0;
	for (unsigned i = 0; i < 70000; i++) {
		model_call(b.m);
		assert_int_equal(vtd_invalidate(u, &inv, 1), 0);
	}
	assert_int_equal(b.u->fetched - fetched, 140000);
	bench_close(&b);
}

/* As if 2^32 descriptors had gone before: the sums of positions wrap, and a wait
 * is over when it is. */
static void test_positions_wrap_at_2_to_the_32(void **state)
{
	struct process *p;
	struct bench b;
	struct vtd *u = booted(&b, "real unit 22");
	unsigned skip = u->queue.tail;

	(void)state;
	u->queue.tail = UINT32_MAX - 255 - 256 + skip;
	*u->queue.status = u->queue.tail - 1;
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	for (unsigned i = 0; i < 500; i++) {
		assert_true(can_write(p, b.flr, VA));
		assert_int_equal(process_replace(p, VA, RW), 0);
	}
	assert_true(u->queue.tail > 256 && u->queue.tail < 10000);
	process_end(p);
	bench_close(&b);
}

/* Many submissions open at once; tickets are waited for in any order. */
static void test_many_tickets(void **state)
{
	struct vtd_ticket t[100];
	struct qi_desc inv = inv_iotlb_domain(3);
	struct bench b;
	struct vtd *u = booted(&b, "qemu");

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		model_call(b.m);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(vtd_submit(u, &inv, 1, &t[i]), 0);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(vtd_wait(u, &t[i * 37 % 100]), 0);
	}
	bench_close(&b);
}

static void wake_late(struct machine *m, const struct happening *h)
{
	if (h->what == E_RELAX && m->now > *(uint64_t *)m->hook_arg)
		m->units[0]->trouble = (struct trouble){ 0 };
}

/* A ring that is full is waited for, not written past, whether the unit fetches
 * ahead or not; with any number of invalidations in a submission. */
static void full_queue(struct trouble trouble, unsigned n)
{
	struct qi_desc list[VTD_BATCH];
	struct vtd_ticket t;
	struct bench b;
	struct vtd *u = booted(&b, "qemu");
	uint64_t end = b.m->now + 500000000, fetched = b.u->fetched;

	for (unsigned i = 0; i < n; i++)
		list[i] = inv_iotlb_domain(3);
	b.u->trouble = trouble;
	b.m->hook = wake_late;
	b.m->hook_arg = &end;
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(vtd_submit(u, list, n, &t), 0);
	assert_int_equal(vtd_wait(u, &t), 0);
	assert_true(b.m->now > end);
	assert_int_equal(b.u->fetched - fetched, 300 * (n + 1));
	bench_close(&b);
}

static void test_a_full_queue_is_waited_for(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= VTD_BATCH; n++) {
		full_queue((struct trouble){ .slow_queue = true }, n);
		full_queue((struct trouble){ .stopped_queue = true }, n);
	}
}

/* The commands of a start, one bit each (11.4.4). */
static void test_commands_of_a_start(void **state)
{
	uint64_t at = 0;
	struct bench b;

	(void)state;
	booted(&b, "qemu");
	at = traced(b.m, at, E_WRITE, R_IQA, 0, 0);
	at = traced(b.m, at, E_WRITE, R_GCMD, ~0ul, G_QIE);
	at = traced(b.m, at, E_WRITE, R_IRTA, 0, 0);
	at = traced(b.m, at, E_WRITE, R_GCMD, ~0ul, G_QIE | G_SIRTP);
	at = traced(b.m, at, E_WRITE, R_IQT, 0, 0);
	at = traced(b.m, at, E_WRITE, R_GCMD, ~0ul, G_QIE | G_IRE);
	at = traced(b.m, at, E_WRITE, R_RTADDR, 0, 0);
	at = traced(b.m, at, E_WRITE, R_GCMD, ~0ul, G_QIE | G_IRE | G_SRTP);
	at = traced(b.m, at, E_WRITE, R_IQT, 0, 0);
	at = traced(b.m, at, E_WRITE, R_GCMD, ~0ul, G_QIE | G_IRE | G_TE);
	assert_int_not_equal(at, UINT64_MAX);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_capabilities_of_34_real_units),
		bench_test(test_start_on_all_units),
		bench_test(test_info_on_all_units),
		bench_test(test_start_fences_every_device_first),
		bench_test(test_start_leaves_bridges_alone),
		bench_test(test_started_off),
		bench_test(test_what_firmware_left_in_the_caches_is_forgotten),
		bench_test(test_a_unit_that_firmware_left_on),
		bench_test(test_units_that_cannot_be_used),
		bench_test(test_without_a_table),
		bench_test(test_registers_beyond_the_first_page),
		bench_test(test_off_and_on_under_attack),
		bench_test(test_exit_while_off),
		bench_test(test_off_is_refused_with_a_wired_device),
		bench_test(test_off_waits_for_pending_requests),
		bench_test(test_the_queue_wraps_70000_times),
		bench_test(test_positions_wrap_at_2_to_the_32),
		bench_test(test_many_tickets),
		bench_test(test_a_full_queue_is_waited_for),
		bench_test(test_commands_of_a_start),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
