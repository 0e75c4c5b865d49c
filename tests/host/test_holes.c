/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults that could be planted in the driver (make mutants) without any other
 * test noticing; a test each, named after what went wrong.
 */
#include "bench.h"

#define SHARERS	30

static struct function *sharer[SHARERS];

static void absent_by_then(struct machine *m, const struct happening *h)
{
	struct vtd *u = vtd_of(m->units[0]);

	if (h->what != E_WRITE || h->where != R_IQT)
		return;
	for (unsigned i = 0; i < SHARERS; i++)
		assert_false(context_get(u, sharer[i]->sid).lo & CONTEXT_P);
}

/* Functions behind one bridge, each with an id of its own and all with the
 * bridge's: more to forget than one submission holds; no entry is there any more
 * when the first of them goes out. */
static void test_more_to_forget_than_one_batch(void **state)
{
	const struct triple *t = triple_named("caching, coherent");
	struct process *p;
	struct bench b;

	(void)state;
	bench_bare(&b, 1);
	b.u = model_unit(b.m, 0xfed90000, 0, t->ver, t->cap, t->ecap);
	model_bridge(b.m, 0, 0, 1, 0, BRIDGE_PORT, 1, 2);
	model_bridge(b.m, 0, 1, 0, 0, BRIDGE_TO_PCI, 2, 2);
	for (unsigned i = 0; i < SHARERS; i++)
		sharer[i] = model_function(b.m, 0, 2, i, 0, FN_PM, b.u);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	for (unsigned i = 0; i < SHARERS; i++)
		sharer[i]->holder = p->o;
	assert_int_equal(process_attach(p, sharer[0], 0), 0);
	for (unsigned i = 0; i < SHARERS; i++)
		assert_true(can_write(p, sharer[i], VA));
	b.m->hook = absent_by_then;
	assert_int_equal(process_detach(sharer[0]), 0);
	b.m->hook = NULL;
	for (unsigned i = 0; i < SHARERS; i++)
		sharer[i]->holder = NULL;
	assert_int_equal(b.u->ncontext, 0);
	process_end(p);
	bench_close(&b);
}

static void test_a_device_tlb_that_stays_listed(void **state)
{
	struct function *tlb;
	struct process *p;
	struct image image;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	tlb = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_FLR, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	for (unsigned i = 0; i < 2 * MAX_ATS; i++) {
		assert_int_equal(process_attach(p, tlb, IOMMU_ATS), 0);
		assert_int_equal(dev(tlb)->su->ats_used, 1);
		assert_int_equal(process_detach(tlb), 0);
		assert_int_equal(dev(b.flr)->su->ats_used, 0);
	}
	process_end(p);
	bench_close(&b);
}

/* Where the first descriptor of that type stands, from there on. */
static uint32_t first_of(const struct vtd_queue *q, uint32_t from, unsigned type)
{
	while (from != q->tail && field_get(q->ring[from % VTD_QUEUE_SIZE].lo,
					    QI_TYPE) != type)
		from++;
	return from;
}

/* It may not use what it keeps once its TLB is off; but that may come on again
 * by other hands than ours.  And it goes last: what is stale above fills it. */
static void test_a_device_tlb_that_keeps_pages_behind_the_first(void **state)
{
	const struct vtd_queue *q;
	struct function *tlb;
	struct process *p;
	struct image image;
	struct bench b;
	uint32_t from;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	tlb = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_PCIE, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, tlb, IOMMU_ATS), 0);
	assert_true(model_ats_ask(b.m, 0, tlb->sid, VA));
	assert_true(model_ats_ask(b.m, 0, tlb->sid, VA + PAGE));
	assert_int_equal(tlb->nkept, 2);
	q = &vtd_of(b.u)->queue;
	from = q->tail;
	assert_int_equal(process_detach(tlb), 0);
	assert_int_equal(tlb->nkept, 0);
	assert_true(first_of(q, from, QI_CONTEXT) < first_of(q, from, QI_IOTLB));
	assert_true(first_of(q, from, QI_IOTLB) < first_of(q, from, QI_DEVTLB));
	assert_true(first_of(q, from, QI_DEVTLB) < q->tail);
	process_end(p);
	bench_close(&b);
}

static bool any(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	(void)arg;
	(void)prot;
	return va == pa;
}

/* The larger one takes the place of a table. */
static void test_a_table_under_reserved_regions_that_overlap(void **state)
{
	struct iommu_space *s;
	struct image image;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_table(b.m, &image);
	b.plain->firmwares = true;
	put_rmrr(&image, 0x7c000000, 0x7c1fffff);
	put_scope(&image, 1, 0, 1, (const uint8_t[]){ 2, 0 });
	put_rmrr(&image, 0x7c000000, 0x7c000fff);
	put_scope(&image, 1, 0, 1, (const uint8_t[]){ 2, 0 });
	bench_boot_image(&b, &image);
	s = dev(b.plain)->space;
	assert_non_null(s);
	assert_null(iommu_check_space(s, any, NULL));
	bench_close(&b);
}

/* One device cannot be kept from the bus: then all goes on as before. */
static void test_a_refused_power_off_that_takes_the_bus_from_all(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITH_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	model_call(b.m);
	assert_true(iommu_power(false) < 0);
	assert_true(iommu_powered());
	assert_true(function_mastering(b.flr));
	assert_true(can_write(p, b.flr, VA));
	process_end(p);
	bench_close(&b);
}

static void drained_by_then(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	if (h->what == E_WRITE && h->where == R_GCMD && !(h->value & G_TE))
		assert_int_equal(f->pending, 0);
}

static void test_power_off_with_transactions_under_way(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.flr->drains = 5;
	b.m->hook = drained_by_then;
	b.m->hook_arg = b.flr;
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	assert_false(b.u->gsts & G_TE);
	b.m->hook = NULL;
	process_end(p);
	bench_close(&b);
}

static void drained_by_the_start(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	if (h->what == E_WRITE && h->where == R_GCMD)
		assert_int_equal(f->pending, 0);
}

/* What firmware's devices have under way is over when our tables come. */
static void test_a_start_with_transactions_under_way(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.flr->drains = 5;
	b.m->hook = drained_by_the_start;
	b.m->hook_arg = b.flr;
	bench_boot(&b);
	assert_true(b.u->gsts & G_TE);
	b.m->hook = NULL;
	bench_close(&b);
}

static void reset_gives_no_bus(struct bench *b)
{
	model_call(b->m);
	assert_int_equal(iommu_reset(dev(b->flr)), 0);
	assert_false(function_mastering(b->flr));
}

static void test_a_reset_that_gives_the_bus_while_off(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	reset_gives_no_bus(&b);
	model_call(b.m);
	assert_int_equal(iommu_power(true), 0);
	assert_true(function_mastering(b.flr));
	iommu_stop();
	reset_gives_no_bus(&b);
	process_end(p);
	bench_close(&b);
}

static void never_back(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	(void)h;
	if (f->resets)
		f->back_at = UINT64_MAX;
}

/* Power that goes off and on must not give it the bus. */
static void test_a_reset_that_fails_and_leaves_no_fence(void **state)
{
	struct process *p;
	unsigned errors;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.m->hook = never_back;
	b.m->hook_arg = b.flr;
	model_call(b.m);
	assert_true(iommu_reset(dev(b.flr)) < 0);
	errors = b.m->logged[OS_ERROR];
	b.flr->resets = 0;
	b.flr->back_at = 0;		/* once more: told of once is enough */
	assert_true(iommu_reset(dev(b.flr)) < 0);
	assert_int_equal(b.m->logged[OS_ERROR], errors);
	b.m->hook = NULL;
	b.flr->back_at = 0;
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(iommu_power(true), 0);
	assert_false(function_mastering(b.flr));
	process_end(p);
	bench_close(&b);
}

/* The ring's room would end it, too, but a long time and many lines later. */
static void test_a_queue_error_that_is_cleared_for_ever(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.u->trouble.queue_error = FS_IQE;
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_true(b.m->logged[OS_WARN] < 32);
	process_end(p);
	bench_close(&b);
}

/* A flush would wait for an answer that the reset swallows. */
static void unlisted_in_reset(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	(void)h;
	if (f->back_at > m->now && dev(f)->su)
		assert_int_equal(dev(f)->su->ats_used, 0);
}

static void test_a_device_tlb_that_is_asked_during_its_reset(void **state)
{
	struct function *tlb;
	struct process *p;
	struct image image;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	tlb = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_FLR, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, tlb, IOMMU_ATS), 0);
	b.m->hook = unlisted_in_reset;
	b.m->hook_arg = tlb;
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(tlb)), 0);
	assert_int_equal(process_detach(tlb), 0);
	b.m->hook = NULL;
	assert_int_equal(tlb->resets, 2);
	process_end(p);
	bench_close(&b);
}

/* Tables that are in memory in part: what lies behind is what was there before,
 * and may say anything. */
static void test_a_table_whose_second_half_is_not_flushed(void **state)
{
	struct function *high[2], *other;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	high[0] = model_function(b.m, 0, 0, 20, 0, FN_HARDWIRED, b.u);
	high[1] = model_function(b.m, 0, 0x90, 20, 0, FN_HARDWIRED, b.u);
	other = model_function(b.m, 0, 0xa0, 1, 0, FN_HARDWIRED, b.u);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.af, 0), 0);
	assert_int_equal(process_attach(p, high[1], 0), 0);
	assert_false(can_write(p, high[0], VA));
	assert_true(can_write(p, high[1], VA));
	assert_false(can_write(p, other, VA));
	while (bench_serve())
		;
	assert_true(model_logged(b.m, "context entry not present"));
	assert_false(model_logged(b.m, "reserved bits"));
	process_end(p);
	bench_close(&b);
}

/* Likewise the tables on top of the tree, made while all units snooped. */
static void test_a_top_table_whose_second_half_is_not_flushed(void **state)
{
	const struct triple *t = triple_named("qemu");
	struct function *second;
	struct model_unit *u;
	struct process *p;
	struct bench b;

	(void)state;
	bench_bare(&b, 1);
	b.u = model_unit(b.m, 0xfed90000, 0, t->ver, t->cap, t->ecap | ECAP_C);
	u = model_unit(b.m, 0xfed91000, 1, t->ver, t->cap,
		       t->ecap & ~ECAP_C);
	b.flr = model_function(b.m, 0, 0, 2, 0, FN_FLR, b.u);
	second = model_function(b.m, 1, 0, 2, 0, FN_FLR, u);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(p, second, 0), 0);
	assert_true(can_write(p, second, VA));
	for (unsigned bit = 39; bit < vtd_of(u)->address_bits; bit++)
		assert_false(can_write(p, second, VA | 1ul << bit));
	while (bench_serve())
		;
	assert_false(model_logged(b.m, "reserved bits"));
	process_end(p);
	bench_close(&b);
}

/* n functions with a TLB, attached with it. */
static struct process *start_tlbs(struct bench *b, struct function **tlb,
				  unsigned n)
{
	struct image image;
	struct process *p;

	bench_open(b, triple_named("qemu"), WITHOUT_WIRED, 1);
	for (unsigned i = 0; i < n; i++)
		tlb[i] = model_function(b->m, 0, 0, 16 + i, 0,
					FN_ATS | FN_PCIE, b->u);
	bench_table(b->m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(b, &image);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(process_attach(p, tlb[i], IOMMU_ATS), 0);
	return p;
}

/* Each word is for what it says alone. */
static void test_a_word_that_passes_for_another(void **state)
{
	struct function *tlb[MAX_ATS];
	struct process *p, *q;
	struct bench b;

	(void)state;
	p = start_tlbs(&b, tlb, MAX_ATS);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, b.plain, IOMMU_UNSAFE), 0);
	assert_int_equal(process_detach(tlb[0]), 0);
	assert_true(process_attach(q, tlb[0], IOMMU_ATS) < 0);
	assert_string_equal(b.m->error, "cannot be reset since its last owner "
			    "had it; say unsafe to give it away all the same");
	process_end(q);
	process_end(p);
	bench_close(&b);
}

static struct qi_desc was[VTD_QUEUE_SIZE];
static uint32_t was_tail;

/* The unit names the first device in answer to ICE, and holds still while the
 * driver is at the ring. */
static void wrong_answer(struct machine *m, const struct happening *h)
{
	const struct vtd_queue *q = &vtd_of(m->units[0])->queue;
	struct model_unit *u = m->units[0];
	uint16_t sid = *(uint16_t *)m->hook_arg;

	if (h->what == E_READ && h->where == R_IQERCD) {
		u->iqercd |= (uint64_t)sid << 48;
		u->trouble.stopped_queue = !(u->fsts & FS_ITE);
	}
	if (h->what == E_READ && h->where == R_IQH) {
		memcpy(was, q->ring, sizeof(was));
		was_tail = q->tail;
	}
	if (h->what != E_WRITE || h->where != R_FSTS)
		return;
	for (uint32_t at = (uint32_t)u->iqh / 16;
	     u->trouble.stopped_queue && at != was_tail % VTD_QUEUE_SIZE;
	     at = (at + 1) % VTD_QUEUE_SIZE)
		assert_memory_equal(&was[at], &q->ring[at], sizeof(was[0]));
	u->trouble.stopped_queue = false;
}

/* A device that answers wrongly is told on alone; and as the unit goes on
 * meanwhile, what it is about to fetch stays as it is (VT-d 6.5.2.10).  What is
 * asked for again comes in order: a stale context entry fills the IOTLB. */
static void test_a_wrong_answer_that_is_put_down_to_all(void **state)
{
	const struct vtd_queue *q;
	struct function *tlb[2];
	struct process *p;
	struct bench b;
	uint32_t again;

	(void)state;
	p = start_tlbs(&b, tlb, 2);
	b.u->tells = true;
	b.u->trouble.queue_error = FS_ICE;
	b.u->trouble.times = 1;
	b.m->hook = wrong_answer;
	b.m->hook_arg = &tlb[0]->sid;
	q = &vtd_of(b.u)->queue;
	again = q->tail + 4;		/* IOTLB, two devices, wait */
	assert_int_equal(process_unmap(p, VA, 1), 0);
	b.m->hook = NULL;
	assert_true(first_of(q, again, QI_CONTEXT) <
		    first_of(q, again, QI_IOTLB));
	assert_true(first_of(q, again, QI_IOTLB) < q->tail);
	assert_true(dev(tlb[0])->fenced);
	assert_false(dev(tlb[1])->fenced);
	process_end(p);
	bench_close(&b);
}

static void put_config(struct function *f, unsigned at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		f->config[at + i] = (uint8_t)(v >> 8 * i);
}

static void test_lists_of_capabilities_that_never_end(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.plain->config[6] |= 0x10;
	b.plain->config[0x34] = 0x80;
	put_config(b.plain, 0x80, 0x8009);
	put_config(b.flr, 0x100, 0x10010077);
	bench_boot(&b);
	assert_true(b.m->steps < 100000);
	assert_int_equal(dev(b.plain)->pci.pcie, 0);
	assert_int_equal(dev(b.flr)->pci.ats, 0);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_more_to_forget_than_one_batch),
		bench_test(test_a_device_tlb_that_stays_listed),
		bench_test(test_a_device_tlb_that_keeps_pages_behind_the_first),
		bench_test(test_a_table_under_reserved_regions_that_overlap),
		bench_test(test_a_refused_power_off_that_takes_the_bus_from_all),
		bench_test(test_power_off_with_transactions_under_way),
		bench_test(test_a_start_with_transactions_under_way),
		bench_test(test_a_reset_that_gives_the_bus_while_off),
		bench_test(test_a_reset_that_fails_and_leaves_no_fence),
		bench_test(test_a_queue_error_that_is_cleared_for_ever),
		bench_test(test_a_table_whose_second_half_is_not_flushed),
		bench_test(test_a_top_table_whose_second_half_is_not_flushed),
		bench_test(test_lists_of_capabilities_that_never_end),
		bench_test(test_a_device_tlb_that_is_asked_during_its_reset),
		bench_test(test_a_word_that_passes_for_another),
		bench_test(test_a_wrong_answer_that_is_put_down_to_all),
	};

	return cmocka_run_group_tests_name("holes", tests, NULL, NULL);
}
