/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attach and detach (kern/arch/x86/iommu_attach.c, vtd/context.c, vtd/domid.c,
 * kern/drivers/pci/function.c): on all units under attack, the order of the transaction, each
 * flush in it, resets, refusals, domain ids, memory that runs out.
 */
#include "bench.h"

static void start(struct bench *b, const char *name, int wired)
{
	bench_open(b, triple_named(name), wired, 1);
	bench_boot(b);
	attack_always(b);
}

/* Devices of two processes, taken, given, moved from one to the other. */
static void life(struct bench *b)
{
	struct process *p = process(b, 7), *q = process(b, 8);

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_int_equal(process_attach(q, b->plain, 0), 0);
	assert_true(can_write(p, b->flr, VA));
	assert_true(can_read(p, b->flr, VA + PAGE));
	assert_false(can_read(q, b->plain, VA + PAGE));
	assert_int_equal(process_attach(p, b->af, 0), 0);
	assert_true(can_read(p, b->af, VA));
	assert_int_equal(process_detach(b->flr), 0);
	assert_false(can_read(p, b->flr, VA));
	assert_int_equal(process_attach(q, b->flr, 0), 0);
	assert_true(can_write(q, b->flr, VA));
	assert_true(can_write(p, b->af, VA));
	process_end(p);
	assert_false(can_read(p, b->af, VA));
	assert_true(can_write(q, b->plain, VA));
	process_end(q);
	assert_int_equal(did_in_use(vtd_of(b->u)), 2);
	assert_int_equal(iommu_losses().domain_ids, 0);
	assert_int_equal(b->m->logged[OS_ERROR], 0);
}

static void test_devices_change_hands_on_all_units(void **state)
{
	(void)state;
	on_all_triples(life, WITHOUT_WIRED);
}

/* The same with devices that attack while they are nobody's. */
static void wired_life(struct bench *b)
{
	struct process *p = process(b, 7), *q = process(b, 8);

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b->wired1, 0), 0);
	assert_true(can_write(p, b->wired1, VA));
	assert_true(can_read(p, b->wired1, VA + PAGE));
	assert_int_equal(process_attach(q, b->wired, 0), 0);
	assert_true(can_write(q, b->wired, VA));
	assert_int_equal(process_detach(b->wired1), 0);
	assert_int_equal(process_attach(q, b->wired1, 0), 0);
	assert_true(can_read(q, b->wired1, VA));
	assert_int_equal(process_detach(b->wired), 0);
	assert_int_equal(process_attach(q, b->wired, 0), 0);
	assert_true(can_write(q, b->wired, VA));
	process_end(q);
	process_end(p);
}

static void test_devices_that_never_stop_on_all_units(void **state)
{
	(void)state;
	on_all_triples(wired_life, WITH_WIRED);
}

/* The context cache at attach: a unit in caching mode has seen that there was
 * no entry. */
static void absent_then_attached(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_false(can_read(p, b->wired, VA));
	assert_int_equal(process_attach(p, b->wired, 0), 0);
	assert_true(can_read(p, b->wired, VA));
	process_end(p);
}

static void test_attach_flushes_the_absent_context_entry(void **state)
{
	(void)state;
	on_triple("qemu", absent_then_attached, WITH_WIRED);
	on_triple("caching, registers", absent_then_attached, WITH_WIRED);
	on_triple("caching, coherent", absent_then_attached, WITH_WIRED);
}

/* The IOTLB at attach: in caching mode nothing is known of a domain before it
 * has been invalidated behind the context cache (VT-d 11.4.6). */
static void mapped_then_attached(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(can_read(p, b->flr, VA));
	assert_int_equal(process_attach(p, b->plain, 0), 0);
	assert_true(can_read(p, b->plain, VA + PAGE));
	assert_true(can_read(p, b->flr, VA + PAGE));
	process_end(p);
}

static void test_attach_flushes_absent_translations(void **state)
{
	(void)state;
	on_triple("qemu", mapped_then_attached, WITHOUT_WIRED);
	on_triple("caching, registers", mapped_then_attached, WITHOUT_WIRED);
	on_triple("caching, coherent", mapped_then_attached, WITHOUT_WIRED);
}

/* Stores linger where no cache has to be flushed. */
static void test_attach_flushes_the_write_buffer(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	start(&b, "write buffer", WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	process_end(p);
	bench_close(&b);
}

/* What was warm when its owner let go of it is cold afterwards. */
static void detached_warm(struct bench *b)
{
	struct process *p = process(b, 7), *q = process(b, 8);

	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_map(q, VA + PAGE, 1, RW), 0);
	assert_int_equal(process_attach(p, b->wired, 0), 0);
	assert_true(can_write(p, b->wired, VA));
	assert_int_equal(process_detach(b->wired), 0);
	assert_false(can_write(p, b->wired, VA));
	assert_int_equal(process_attach(q, b->wired, IOMMU_UNSAFE), 0);
	assert_false(can_write(p, b->wired, VA));
	assert_true(can_write(q, b->wired, VA + PAGE));
	process_end(q);
	process_end(p);
}

static void test_detach_flushes_the_context_cache(void **state)
{
	(void)state;
	on_all_triples(detached_warm, WITH_WIRED);
}

/* Another device keeps the domain, so that its id is not free; the translation
 * must be gone all the same when the page is. */
static void detached_with_another(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b->wired, 0), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(can_write(p, b->wired, VA));
	assert_int_equal(process_detach(b->wired), 0);
	assert_int_equal(b->u->ntlb, 0);
	assert_true(can_write(p, b->flr, VA));
	process_end(p);
}

static void test_detach_flushes_the_iotlb(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu without caching mode"), WITH_WIRED,
		   1);
	bench_boot(&b);
	detached_with_another(&b);
	bench_close(&b);
}

/* The process ends: its frames are someone else's the moment it has. */
static void ended_warm(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(process_attach(p, b->wired, 0), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(can_write(p, b->wired, VA + i * PAGE));
		assert_true(can_write(p, b->flr, VA + i * PAGE));
	}
	process_end(p);
	attack(b->m);
}

static void test_exit_flushes_both_caches(void **state)
{
	(void)state;
	on_all_triples(ended_warm, WITH_WIRED);
}

/* Requests under way in the unit land before the frames are someone else's. */
static void ended_with_posted_writes(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(model_dma_posted(b->m, 0, b->flr->sid, VA, true));
	assert_true(model_dma_posted(b->m, 0, b->flr->sid, VA + PAGE, false));
	process_end(p);
}

static void test_exit_drains_the_unit(void **state)
{
	(void)state;
	on_all_triples(ended_with_posted_writes, WITHOUT_WIRED);
}

static uint64_t config(const struct function *f, unsigned off)
{
	return (uint64_t)f->sid << 16 | off;
}

/* Rule 2, step by step, for a device behind a unit in caching
 * mode: each is found behind the one before. */
static void test_the_order_of_the_transaction(void **state)
{
	struct process *p, *q;
	uint64_t at, lo;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	lo = vtd_of(b.u)->root[1].lo - 1 + (b.flr->sid & 0xff) * 16;
	at = b.m->traced;
	b.flr->drains = 1;
	assert_int_equal(process_detach(b.flr), 0);
	at = traced(b.m, at, E_PCI_WRITE, config(b.flr, 4), 4, 0);
	at = traced(b.m, at, E_PCI_READ, config(b.flr, 4), 0, 0);
	at = traced(b.m, at, E_PCI_READ, config(b.flr, b.flr->pcie + 10u), 0,
		    0);
	at = traced(b.m, at, E_PCI_WRITE, config(b.flr, b.flr->pcie + 8u),
		    0x8000, 0x8000);
	at = traced(b.m, at, E_STORE, lo, 1, 0);
	at = traced(b.m, at, E_FLUSH, lo, 0, 0);
	at = traced(b.m, at, E_WRITE, R_IQT, 0, 0);
	assert_int_not_equal(at, UINT64_MAX);
	assert_int_equal(traced(b.m, at, E_PCI_WRITE, config(b.flr, 4), 4, 4),
			 UINT64_MAX);
	at = b.m->traced;
	assert_int_equal(process_attach(q, b.flr, 0), 0);
	at = traced(b.m, at, E_PCI_WRITE, config(b.flr, 4), 4, 0);
	at = traced(b.m, at, E_STORE, lo + 8, 0, 0);
	at = traced(b.m, at, E_FLUSH, lo + 8, 0, 0);
	at = traced(b.m, at, E_STORE, lo, 1, 1);
	at = traced(b.m, at, E_FLUSH, lo, 0, 0);
	at = traced(b.m, at, E_WRITE, R_IQT, 0, 0);
	at = traced(b.m, at, E_PCI_WRITE, config(b.flr, 4), 4, 4);
	assert_int_not_equal(at, UINT64_MAX);
	process_end(p);
	process_end(q);
	bench_close(&b);
}

/* An entry is never torn while it is present: the unit that keeps nothing reads
 * it between any two stores. */
static void test_entries_are_never_torn(void **state)
{
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = {
			"qemu", "caching, coherent", "real unit 1",
		};

		bench_open(&b, triple_named(names[i]), WITH_WIRED, 1);
		b.m->policy.keep = KEEP_NOTHING;
		bench_boot(&b);
		attack_always(&b);
		wired_life(&b);
		bench_close(&b);
	}
}

/* Other functions of a bus, whose context table has just been made. */
static void test_new_tables_are_empty_for_the_unit(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	start(&b, "qemu without caching mode", WITH_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(p, b.plain, 0), 0);
	attack(b.m);
	assert_true(can_write(p, b.flr, VA));
	process_end(p);
	bench_close(&b);
}

/* Two devices of one process behind one unit have one domain id. */
static void test_a_domain_is_shared_until_the_last_device(void **state)
{
	struct iommu_device_info a, c;
	struct process *p;
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(p, b.af, 0), 0);
	iommu_device_info(dev(b.flr), &a);
	iommu_device_info(dev(b.af), &c);
	assert_int_equal(a.did, c.did);
	assert_int_equal(a.pid, 7);
	assert_int_equal(bench_devices(p->s), 2);
	assert_int_equal(did_in_use(vtd_of(b.u)), 3);
	assert_int_equal(process_detach(b.flr), 0);
	assert_int_equal(did_in_use(vtd_of(b.u)), 3);
	assert_true(can_write(p, b.af, VA));
	assert_int_equal(process_detach(b.af), 0);
	assert_int_equal(did_in_use(vtd_of(b.u)), 2);
	assert_int_equal(bench_devices(p->s), 0);
	process_end(p);
	bench_close(&b);
}

static void test_what_is_listed_as_attached(void **state)
{
	struct iommu_device_info list[3];
	struct iommu_unit_info unit;
	struct process *p, *q;
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	p = process(&b, 9);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(p, b.plain, 0), 0);
	assert_int_equal(process_attach(q, b.pm, 0), 0);
	assert_int_equal(attached(list, 3), 3);
	assert_int_equal(list[0].pci->sid, b.pm->sid);
	assert_int_equal(list[0].pid, 8);
	assert_int_equal(list[1].pci->sid, b.plain->sid);
	assert_int_equal(list[2].pci->sid, b.flr->sid);
	assert_string_equal(pci_reset_text(list[2].pci->reset), "function level");
	assert_null(pci_reset_text(list[1].pci->reset));
	assert_true(list[1].unit && !list[1].fenced);
	assert_true(iommu_unit_info(0, &unit));
	assert_int_equal(unit.devices, 3);
	process_end(p);
	process_end(q);
	bench_close(&b);
}

/* The same address in two segments is two devices, of two units. */
static void test_the_same_address_in_two_segments(void **state)
{
	const struct triple *t = triple_named("real unit 29");
	struct process *p, *q;
	struct function *twin;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	twin = model_function(b.m, 1, 1, 0, 0, FN_FLR,
			      model_unit(b.m, 0xfed80000, 1, t->ver, t->cap,
					 t->ecap));
	assert_int_equal(twin->sid, b.flr->sid);
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(q, twin, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_true(can_write(q, twin, VA));
	assert_int_equal(process_detach(b.flr), 0);
	assert_true(can_write(q, twin, VA));
	assert_string_equal(bdf_text(1, twin->sid).s, "1:1:0.0");
	process_end(q);
	process_end(p);
	bench_close(&b);
}

/* 10,000 times: the same ids, the same memory. */
static void test_10000_attaches_leak_nothing(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("real unit 22"), WITHOUT_WIRED, 1);
	b.m->policy.latency = 0;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(process_attach(p, b.plain, 0), 0);
		assert_int_equal(process_detach(b.plain), 0);
	}
	assert_int_equal(did_in_use(vtd_of(b.u)), 2);
	process_end(p);
	bench_close(&b);
}

/* Each allocation of an attach, one at a time; the first on this bus, so that
 * its context table is one of them. */
static bool attach_fails_at(const char *name, unsigned n)
{
	struct process *p;
	struct bench b;
	unsigned objects;
	bool failed;

	start(&b, name, WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	objects = b.m->mem.objects;
	b.m->mem.fail_at = b.m->mem.allocations + n;
	failed = process_attach(p, b.flr, 0) < 0;
	b.m->mem.fail_at = 0;
	if (failed) {
		assert_non_null(strstr(b.m->error, "no memory"));
		assert_int_equal(did_in_use(vtd_of(b.u)), 2);
		assert_int_equal(iommu_losses().domain_ids, 0);
		assert_int_equal(bench_devices(p->s), 0);
		assert_null(dev(b.flr)->space);
		assert_false(function_mastering(b.flr));
		assert_in_range(b.m->mem.objects, objects, objects + 3);
		assert_int_equal(process_attach(p, b.flr, 0), 0);
	}
	assert_true(can_write(p, b.flr, VA));
	process_end(p);
	assert_false(p->lost);
	bench_close(&b);
	return failed;
}

static void test_no_memory_at_each_allocation_of_attach(void **state)
{
	static const char *const names[] = {
		"qemu", "real unit 1", "5 levels", "real unit 29",
	};
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		for (n = 1; attach_fails_at(names[i], n); n++)
			;
		assert_in_range(n, 3, 6);
	}
}

/* It was counted as a unit's failure: the id lost, and the space with it. */
static void test_no_context_table_is_no_failure_of_the_unit(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.plain, 0), 0);
	b.m->mem.fail_at = b.m->mem.allocations + 1;
	assert_true(process_attach(p, b.flr, 0) < 0);
	assert_string_equal(b.m->error, "unit 0xfed90000: no memory for a "
			    "context table");
	assert_false(p->s->lost);
	process_end(p);
	assert_int_equal(did_in_use(vtd_of(b.u)), 2);
	assert_int_equal(iommu_losses().domain_ids, 0);
	assert_int_equal(iommu_losses().table_pages, 0);
	bench_close(&b);
}

/* All ids are used, and the search begins where it may find something. */
static void test_domain_ids_are_not_searched_from_the_start(void **state)
{
	struct bench b;
	struct vtd *u;
	int did, last;

	(void)state;
	start(&b, "real unit 1", WITHOUT_WIRED);
	u = vtd_of(b.u);
	for (last = 1; (did = did_alloc(u)) >= 0; last++) {
		assert_int_equal(did, last + 1);
		assert_int_equal(u->least_did, did);
	}
	assert_int_equal(last, u->ndids - 1);
	assert_int_equal(u->least_did, last);
	did_free(u, 200, false);
	did_free(u, 70, false);
	did_free(u, 71, false);
	assert_int_equal(u->least_did, 70);
	assert_int_equal(did_alloc(u), 70);
	assert_int_equal(did_alloc(u), 71);
	assert_int_equal(did_alloc(u), 200);
	assert_int_equal(u->least_did, 200);
	while (last > 1)
		did_free(u, (uint16_t)last--, false);
	assert_int_equal(did_in_use(u), 2);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_devices_change_hands_on_all_units),
		bench_test(test_devices_that_never_stop_on_all_units),
		bench_test(test_attach_flushes_the_absent_context_entry),
		bench_test(test_attach_flushes_absent_translations),
		bench_test(test_attach_flushes_the_write_buffer),
		bench_test(test_detach_flushes_the_context_cache),
		bench_test(test_detach_flushes_the_iotlb),
		bench_test(test_exit_flushes_both_caches),
		bench_test(test_exit_drains_the_unit),
		bench_test(test_the_order_of_the_transaction),
		bench_test(test_entries_are_never_torn),
		bench_test(test_new_tables_are_empty_for_the_unit),
		bench_test(test_a_domain_is_shared_until_the_last_device),
		bench_test(test_what_is_listed_as_attached),
		bench_test(test_the_same_address_in_two_segments),
		bench_test(test_10000_attaches_leak_nothing),
		bench_test(test_no_memory_at_each_allocation_of_attach),
		bench_test(test_no_context_table_is_no_failure_of_the_unit),
		bench_test(test_domain_ids_are_not_searched_from_the_start),
	};

	return cmocka_run_group_tests_name("attach and detach", tests, NULL,
					   NULL);
}
