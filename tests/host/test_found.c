/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What operations by chance (test_random.c) and by several threads at once
 * (test_threads.c) have found, each as the few steps that it takes.
 */
#include "bench.h"

#define DEVICES	3
static struct function *tlb[DEVICES];

/* Devices with TLBs behind a unit that names who does not answer, or not. */
static struct process *start(struct bench *b, bool tells)
{
	struct image image;
	struct process *p;

	bench_open(b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b->u->tells = tells;
	for (unsigned i = 0; i < DEVICES; i++)
		tlb[i] = model_function(b->m, 0, 0, 16 + i, 0, FN_ATS | FN_FLR,
					b->u);
	bench_table(b->m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(b, &image);
	attack_always(b);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 4, RW), 0);
	for (unsigned i = 0; i < DEVICES; i++)
		assert_int_equal(process_attach(p, tlb[i], IOMMU_ATS), 0);
	return p;
}

/* They were asked again for each other, until the unit failed. */
static void several_silent(bool tells)
{
	struct process *p;
	struct bench b;

	p = start(&b, tells);
	tlb[0]->mute = tlb[1]->mute = true;
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_true(vtd_alive(vtd_of(b.u)));
	assert_true(dev(tlb[0])->fenced);
	assert_true(dev(tlb[1])->fenced);
	assert_int_equal(dev(tlb[2])->fenced, !tells);
	process_end(p);
	bench_close(&b);
}

static void test_a_device_that_was_told_on_is_not_asked_again(void **state)
{
	(void)state;
	several_silent(true);
	several_silent(false);
}

/* The second time it was no longer known to be silent: a reset put it back on
 * the bus, with what it still kept. */
static void test_a_device_told_on_twice_stays_silent(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, true);
	tlb[0]->mute = true;
	assert_int_equal(process_unmap(p, VA, 1), 0);
	devtlb_timeout(vtd_of(b.u), tlb[0]->sid);
	model_call(b.m);
	assert_true(iommu_reset(dev(tlb[0])) < 0);
	assert_true(dev(tlb[0])->fenced);
	process_end(p);
	bench_close(&b);
}

/* Another processor's flush, which has asked a device whose TLB has just been
 * switched on, finds it silent before the attach has ended: the attach put it
 * on the bus. */
static bool told;

static void tell_early(struct machine *m, const struct happening *h)
{
	struct iommu_dev *d = dev(tlb[0]);

	if (told || m->nheld || h->what != E_RELAX || !ats_enabled(tlb[0]) ||
	    d->space)
		return;
	told = true;
	m->in_hook = false;
	devtlb_timeout(d->unit, d->pci.sid);
	m->in_hook = true;
}

static void test_a_device_found_silent_while_it_is_attached(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	told = false;
	p = start(&b, true);
	assert_int_equal(process_detach(tlb[0]), 0);
	b.m->hook = tell_early;
	assert_int_equal(process_attach(p, tlb[0], IOMMU_ATS), 0);
	assert_true(told);
	assert_true(dev(tlb[0])->fenced);
	assert_false(function_mastering(tlb[0]));
	model_call(b.m);
	assert_true(iommu_reset(dev(tlb[0])) < 0);
	process_end(p);
	bench_close(&b);
}

/* Another processor has found the unit dead and is about to tell: until then
 * its devices are not fenced. */
static void test_the_bus_behind_a_unit_whose_failure_is_being_told(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(iommu_power(false), 0);
	vtd_mark_failed(vtd_of(b.u), "a wait");
	assert_int_equal(iommu_power(true), 0);
	assert_false(function_mastering(b.flr));
	assert_true(vtd_fail(vtd_of(b.u), "a wait") < 0);
	process_end(p);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_a_device_that_was_told_on_is_not_asked_again),
		bench_test(test_a_device_told_on_twice_stays_silent),
		bench_test(test_a_device_found_silent_while_it_is_attached),
		bench_test(
			test_the_bus_behind_a_unit_whose_failure_is_being_told),
	};

	return cmocka_run_group_tests_name("found", tests, NULL, NULL);
}
