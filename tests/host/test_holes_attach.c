/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults that could be planted where devices change hands, and are looked after,
 * without any other test noticing (make mutants); a test each, named after what
 * went wrong.
 */
#include "bench.h"

#include <pci_regs.h>

#define USB	0x0c0330

/* Two functions behind a bridge from PCI Express to PCI, whose requests bear
 * the id of the bus below it. */
static struct function *sharer[2];

static void open_sharers(struct bench *b, unsigned kind)
{
	const struct triple *t = triple_named("caching, coherent");

	bench_bare(b, 1);
	b->u = model_unit(b->m, 0xfed90000, 0, t->ver, t->cap, t->ecap);
	model_bridge(b->m, 0, 0, 1, 0, BRIDGE_PORT, 1, 2);
	model_bridge(b->m, 0, 1, 0, 0, BRIDGE_TO_PCI, 2, 2);
	sharer[0] = model_function(b->m, 0, 2, 1, 0, FN_PM, b->u);
	sharer[1] = model_function(b->m, 0, 2, 2, 0, kind, b->u);
}

static void hold_sharers(struct owner *o)
{
	sharer[0]->holder = sharer[1]->holder = o;
}

/* One of them masters the bus whatever it is told, and so the unit has looked
 * for an entry of that id before there was one. */
static void test_a_shared_id_that_stays_absent(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	open_sharers(&b, FN_HARDWIRED);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_false(can_write(p, sharer[1], VA));
	hold_sharers(p->o);
	assert_int_equal(process_attach(p, sharer[0], 0), 0);
	assert_true(can_write(p, sharer[1], VA));
	assert_int_equal(process_detach(sharer[0]), 0);
	hold_sharers(NULL);
	process_end(p);
	bench_close(&b);
}

/* The word is about the device that is named, and its sharer has no reserved
 * memory to be dropped. */
static void test_a_word_that_a_sharer_does_not_need(void **state)
{
	struct image image;
	struct process *p;
	struct bench b;

	(void)state;
	open_sharers(&b, FN_PM);
	for (unsigned i = 0; i < 3; i++)
		sharer[0]->config[9 + i] = (uint8_t)(USB >> 8 * i);
	bench_table(b.m, &image);
	put_rmrr(&image, 0x7c000000, 0x7c000fff);
	put_scope(&image, DMAR_SCOPE_ENDPOINT, 2, 1, (const uint8_t[]){ 1, 0 });
	bench_boot_image(&b, &image);
	assert_true(dev(sharer[0])->reserved && !dev(sharer[1])->reserved);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	hold_sharers(p->o);
	assert_true(process_attach(p, sharer[0], 0) < 0);
	assert_int_equal(process_attach(p, sharer[0], IOMMU_RMRR), 0);
	assert_true(can_write(p, sharer[1], VA));
	assert_int_equal(process_detach(sharer[0]), 0);
	hold_sharers(NULL);
	process_end(p);
	bench_close(&b);
}

/* Whoever wrote the port's control before may have left the bit there. */
static void test_a_bus_that_is_left_in_reset(void **state)
{
	const struct triple *t = triple_named("qemu");
	struct function *port, *f;
	struct process *p;
	struct bench b;

	(void)state;
	bench_bare(&b, 1);
	b.u = model_unit(b.m, 0xfed90000, 0, t->ver, t->cap, t->ecap);
	port = model_bridge(b.m, 0, 0, 1, 0, BRIDGE_PORT, 1, 1);
	f = model_function(b.m, 0, 1, 0, 0, FN_PCIE, b.u);
	bench_boot(&b);
	assert_int_equal(dev(f)->pci.reset, PCI_RESET_BUS);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, f, 0), 0);
	port->config[PCI_BRIDGE_CTRL] |= PCI_BRIDGE_RESET;
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(f)), 0);
	assert_false(port->config[PCI_BRIDGE_CTRL] & PCI_BRIDGE_RESET);
	process_end(p);
	bench_close(&b);
}

/* What was absent is in no cache of a unit that does not say so (CAP.CM): its
 * write buffer is all that holds a new entry back. */
static void test_a_new_page_that_is_flushed_for_nothing(void **state)
{
	struct process *p;
	uint64_t waits;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("write buffer"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	waits = b.u->waits;
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(b.u->waits, waits);
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_true(b.u->waits > waits);
	process_end(p);
	bench_close(&b);
}

/* What was mapped before, and needed no flush, does not widen the next one. */
static void test_a_flush_that_still_covers_the_last_one(void **state)
{
	struct iommu_gather g = { 0 };
	const struct vtd_queue *q;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu without caching mode"), WITHOUT_WIRED,
		   1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	g.space = p->s;
	assert_int_equal(iommu_map(&g, VA, RAM_BASE, 64 * PAGE, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	assert_int_equal(iommu_keep(&g, VA, PAGE, 0), 0);
	assert_int_equal(iommu_flush(&g), 0);
	q = &vtd_of(b.u)->queue;
	assert_int_equal(field_get(q->ring[q->tail - 2].lo, QI_TYPE), QI_IOTLB);
	assert_int_equal(q->ring[q->tail - 2].hi, VA | QI_IOTLB_IH);
	process_end(p);
	bench_close(&b);
}

/* What a unit says of a device is believed of those alone that there are. */
static void test_a_silent_device_that_nobody_knows(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	devtlb_timeout(vtd_of(b.u), 0xfff8);
	assert_int_equal(b.m->logged[OS_ERROR], 0);
	bench_close(&b);
}

static void leave_unit_alone(struct machine *m, const struct happening *h)
{
	if (h->unit)
		model_violation(m, "a failed unit is accessed");
}

static void test_faults_that_are_taken_from_a_failed_unit(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_false(can_write(p, b.flr, VA));
	assert_true(vtd_fail(vtd_of(b.u), "a wait") < 0);
	b.m->hook = leave_unit_alone;
	assert_false(iommu_service_faults());
	b.m->hook = NULL;
	process_end(p);
	bench_close(&b);
}

/* All ones are no queue error. */
static void test_a_unit_that_is_gone_and_is_asked_again(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.u->trouble.gone = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_false(model_logged(b.m, "iommu: unit 0xfed90000: queue error"));
	process_end(p);
	bench_close(&b);
}

/* Nothing can do all that; what it does tell is its version. */
static void test_capabilities_that_are_all_ones(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.u->cap = b.u->ecap = UINT64_MAX;
	bench_init(&b);
	assert_null(vtd_of(b.u));
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_a_shared_id_that_stays_absent),
		bench_test(test_a_word_that_a_sharer_does_not_need),
		bench_test(test_a_bus_that_is_left_in_reset),
		bench_test(test_a_new_page_that_is_flushed_for_nothing),
		bench_test(test_a_flush_that_still_covers_the_last_one),
		bench_test(test_a_silent_device_that_nobody_knows),
		bench_test(test_a_unit_that_is_gone_and_is_asked_again),
		bench_test(test_capabilities_that_are_all_ones),
		bench_test(test_faults_that_are_taken_from_a_failed_unit),
	};

	return cmocka_run_group_tests_name("holes, attach", tests, NULL, NULL);
}
