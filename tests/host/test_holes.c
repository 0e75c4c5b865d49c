/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults that could be planted in the driver (make mutants) without any other
 * test noticing; a test each, named after what went wrong.
 */
#include "bench.h"

/* 30 functions behind one bridge, each with an id of its own and all with the
 * bridge's: more to forget than one submission holds. */
static void test_more_to_forget_than_one_batch(void **state)
{
	const struct triple *t = triple_named("caching, coherent");
	struct function *f[30];
	struct process *p;
	struct bench b;

	(void)state;
	bench_bare(&b, 1);
	b.u = model_unit(b.m, 0xfed90000, 0, t->ver, t->cap, t->ecap);
	model_bridge(b.m, 0, 0, 1, 0, BRIDGE_PORT, 1, 2);
	model_bridge(b.m, 0, 1, 0, 0, BRIDGE_TO_PCI, 2, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = model_function(b.m, 0, 2, i, 0, FN_PM, b.u);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		f[i]->holder = p->o;
	assert_int_equal(process_attach(p, f[0], 0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		assert_true(can_write(p, f[i], VA));
	assert_int_equal(process_detach(f[0]), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		f[i]->holder = NULL;
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
		assert_int_equal(dev(tlb)->su->nats, 1);
		assert_int_equal(process_detach(tlb), 0);
		assert_int_equal(dev(b.flr)->su->nats, 0);
	}
	process_end(p);
	bench_close(&b);
}

/* It may not use what it keeps once its TLB is off; but that may come on again
 * by other hands than ours. */
static void test_a_device_tlb_that_keeps_pages_behind_the_first(void **state)
{
	struct function *tlb;
	struct process *p;
	struct image image;
	struct bench b;

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
	assert_int_equal(process_detach(tlb), 0);
	assert_int_equal(tlb->nkept, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_more_to_forget_than_one_batch),
		bench_test(test_a_device_tlb_that_stays_listed),
		bench_test(test_a_device_tlb_that_keeps_pages_behind_the_first),
		bench_test(test_a_table_under_reserved_regions_that_overlap),
	};

	return cmocka_run_group_tests_name("holes", tests, NULL, NULL);
}
