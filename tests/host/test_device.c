/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One device between its owners (kern/arch/x86/iommu_attach.c,
 * kern/drivers/pci/function.c):
 * how it is reset and what of it comes back, who may not have it and why,
 * requests that are still pending, devices that do not answer, and domain ids
 * that run out.
 */
#include "bench.h"

static void start(struct bench *b, const char *name, int wired)
{
	bench_open(b, triple_named(name), wired, 1);
	bench_boot(b);
	attack_always(b);
}

static uint32_t get(struct bench *b, struct function *f, unsigned off,
		    unsigned width)
{
	return function_read(b->m, f, off, width);
}

/* One owner after another: reset once in between, and never for the first. */
static void check_reset(struct bench *b, struct function *f, const char *how)
{
	struct process *p = process(b, 7), *q = process(b, 8);
	struct iommu_device_info info;

	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, f, 0), 0);
	assert_int_equal(f->resets, 0);
	iommu_device_info(dev(f), &info);
	assert_string_equal(pci_reset_text(info.pci->reset), how);
	function_write(b->m, f, 0x0c, 1, 0x40);
	function_write(b->m, f, 0x3c, 1, 0x0b);
	function_write(b->m, f, 0x52, 2, 1);		/* MSI on */
	assert_int_equal(process_detach(f), 0);
	assert_int_equal(f->resets, 1);
	assert_int_equal(get(b, f, 0x10, 4),
			 0xfe000000u | (unsigned)f->sid << 12);
	assert_int_equal(get(b, f, 0x0c, 1), 0x40);
	assert_int_equal(get(b, f, 0x3c, 1), 0x0b);
	assert_int_equal(get(b, f, 0x52, 2), 0);
	assert_int_equal(get(b, f, 4, 2), 0x402);
	assert_int_equal(process_attach(q, f, 0), 0);
	assert_int_equal(f->resets, 1);
	assert_int_equal(get(b, f, 4, 2), 0x406);
	process_end(p);
	process_end(q);
	assert_int_equal(f->resets, 2);
}

static void test_each_kind_of_reset(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	check_reset(&b, b.flr, "function level");
	check_reset(&b, b.af, "advanced features");
	check_reset(&b, b.pm, "power state");
	bench_close(&b);
}

static const char *how_reset(const struct function *f)
{
	struct iommu_device_info info;

	iommu_device_info(dev(f), &info);
	return info.pci->reset ? pci_reset_text(info.pci->reset) : "none";
}

/* Where there is nothing better, and only of one that is alone below its port:
 * its neighbours would be reset with it. */
static void test_reset_of_the_secondary_bus(void **state)
{
	struct function *express, *conventional, *pair[2], *better;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	model_bridge(b.m, 0, 0, 7, 0, BRIDGE_PORT, 2, 2);
	express = model_function(b.m, 0, 2, 0, 0, FN_PCIE, b.u);
	model_bridge(b.m, 0, 0, 8, 0, BRIDGE_TO_PCI, 3, 3);
	conventional = model_function(b.m, 0, 3, 4, 0, 0, b.u);
	model_bridge(b.m, 0, 0, 9, 0, BRIDGE_PORT, 4, 4);
	for (unsigned i = 0; i < 2; i++)
		pair[i] = model_function(b.m, 0, 4, 0, i, FN_PCIE, b.u);
	model_bridge(b.m, 0, 0, 10, 0, BRIDGE_PORT, 5, 5);
	better = model_function(b.m, 0, 5, 0, 0, FN_PCIE | FN_PM, b.u);
	bench_boot(&b);
	attack_always(&b);
	assert_string_equal(how_reset(pair[0]), "none");
	assert_string_equal(how_reset(pair[1]), "none");
	assert_string_equal(how_reset(better), "power state");
	assert_string_equal(how_reset(b.plain), "none");
	check_reset(&b, express, "secondary bus");
	check_reset(&b, conventional, "secondary bus");
	assert_int_equal(pair[0]->resets + better->resets + b.plain->resets, 0);
	bench_close(&b);
}

static void test_device_control_comes_back_after_a_reset(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	function_write(b.m, b.flr, b.flr->pcie + 8u, 2, 0x593f);
	assert_int_equal(process_detach(b.flr), 0);
	assert_int_equal(b.flr->resets, 1);
	assert_int_equal(get(&b, b.flr, b.flr->pcie + 8u, 2), 0x593f);
	process_end(p);
	bench_close(&b);
}

static void test_what_cannot_be_reset_needs_the_word_unsafe(void **state)
{
	struct function *no_pm_reset;
	struct process *p, *q;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	no_pm_reset = model_function(b.m, 0, 0, 9, 0, FN_PM_NO_RESET | FN_PCIE,
				     b.u);
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	q = process(&b, 8);
	for (unsigned i = 0; i < 2; i++) {
		struct function *f = i ? no_pm_reset : b.plain;

		assert_int_equal(process_attach(p, f, 0), 0);
		assert_int_equal(process_detach(f), 0);
		assert_true(process_attach(q, f, 0) < 0);
		assert_non_null(strstr(b.m->error, "cannot be reset"));
		assert_false(function_mastering(f));
		assert_int_equal(process_attach(p, f, 0), 0);
		assert_int_equal(process_detach(f), 0);
		assert_int_equal(process_attach(q, f, IOMMU_UNSAFE), 0);
		assert_int_equal(process_detach(f), 0);
		assert_true(process_attach(p, f, 0) < 0);
		assert_int_equal(f->resets, 0);
	}
	process_end(p);
	process_end(q);
	bench_close(&b);
}

/* Nothing is written to device, table or unit. */
static void refused(struct bench *b, struct process *p, struct function *f,
		    const char *why)
{
	uint64_t from = b->m->traced;
	struct happening *h;

	assert_true(process_attach(p, f, 0) < 0);
	assert_string_equal(b->m->error, why);
	for (; from < b->m->traced; from++) {
		h = &b->m->trace[from % TRACE_ROOM];
		assert_false(h->what == E_STORE || h->what == E_WRITE ||
			     h->what == E_PCI_WRITE || h->what == E_ALLOC);
	}
}

static void reserve(struct image *image, struct function *f)
{
	uint8_t path[] = { f->sid >> 3 & 31, f->sid & 7 };

	put_rmrr(image, 0x7c000000, 0x7c000fff);
	put_scope(image, DMAR_SCOPE_ENDPOINT, (uint8_t)(f->sid >> 8), 1, path);
	image_seal(image);
}

static void test_who_may_not_have_a_device(void **state)
{
	struct function *uncovered;
	struct process *p, *q;
	struct image image;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	model_bridge(b.m, 0, 0, 8, 0, BRIDGE_TO_PCI, 3, 3);
	uncovered = model_function(b.m, 1, 0, 2, 0, 0, NULL);
	bench_table(b.m, &image);
	reserve(&image, b.pm);
	model_call(b.m);
	bench_table_given(image.bytes, image.len);
	bench_add_devices(b.m);
	iommu_start(true);
	b.m->watching = true;
	bench_idle(&b);
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	refused(&b, p, b.flr, "attached to pid 7 already");
	refused(&b, q, b.flr, "owned by pid 7");
	refused(&b, q, uncovered, "no remapping unit covers it");
	refused(&b, q, b.pm, "has memory reserved by the firmware");
	refused(&b, q, function_find(b.m, 0, 8), "is a bridge to another bus");
	b.af->gone = true;
	refused(&b, q, b.af, "does not answer");
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	refused(&b, q, b.plain, "the iommu is off");
	refused(&b, q, b.flr, "owned by pid 7");
	process_end(p);
	process_end(q);
	bench_close(&b);
}

static void test_detach_of_what_nobody_has(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	assert_true(process_detach(b.plain) < 0);
	assert_string_equal(b.m->error, "not attached");
	bench_close(&b);
}

/* Host bridges are attached in the session that must work. */
static void test_a_host_bridge_can_be_attached(void **state)
{
	struct function *host;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	host = model_function(b.m, 0, 0, 0, 0, FN_HOST_BRIDGE, b.u);
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, host, 0), 0);
	assert_true(can_read(p, host, VA));
	process_end(p);
	assert_false(can_read(p, host, VA));
	bench_close(&b);
}

/* Requests that the device had made are done before its next owner has it. */
static void drained(struct bench *b)
{
	struct process *p = process(b, 7), *q = process(b, 8);
	struct function *const list[] = { b->flr, b->af, b->pm };

	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	for (unsigned i = 0; i < 3; i++) {
		list[i]->drains = 7;
		assert_int_equal(process_attach(p, list[i], 0), 0);
		assert_true(can_write(p, list[i], VA));
		assert_int_equal(process_detach(list[i]), 0);
		assert_int_equal(process_attach(q, list[i], 0), 0);
		assert_true(can_write(q, list[i], VA));
	}
	process_end(q);
	process_end(p);
}

static void test_pending_requests_never_reach_the_next_owner(void **state)
{
	(void)state;
	on_triple("qemu", drained, WITHOUT_WIRED);
	on_triple("real unit 1", drained, WITHOUT_WIRED);
}

/* For the same owner nothing is reset; waiting is all that there is. */
static void test_detach_waits_for_requests_without_a_reset(void **state)
{
	struct function *f;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	f = model_function(b.m, 0, 0, 9, 0, FN_PCIE, b.u);
	f->drains = 9;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, f, 0), 0);
	assert_int_equal(process_detach(f), 0);
	assert_int_equal(f->pending, 0);
	f->drains = 1000000;
	assert_int_equal(process_attach(p, f, 0), 0);
	assert_int_equal(process_detach(f), 0);
	assert_true(model_logged(b.m, "0:9.0 still has transactions pending"));
	f->pending = 0;
	process_end(p);
	bench_close(&b);
}

static void test_a_device_that_does_not_take_the_bus(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	b.plain->stubborn = true;
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.plain, 0), 0);
	assert_true(model_logged(b.m, "0:2.0 does not take the bus"));
	process_end(p);
	bench_close(&b);
}

/* Pulled out while it was attached: all waits end, the unit is well. */
static void test_a_device_that_is_gone_can_be_detached(void **state)
{
	struct function *list[3];
	struct process *p, *q;
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	list[0] = b.flr, list[1] = b.af, list[2] = b.pm;
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(process_attach(p, list[i], 0), 0);
		list[i]->gone = true;
		assert_int_equal(process_detach(list[i]), 0);
		refused(&b, q, list[i], "does not answer");
	}
	process_end(p);
	process_end(q);
	assert_int_equal(did_in_use(vtd_of(b.u)), 2);
	bench_close(&b);
}

static void die_in_reset(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	(void)h;
	if (f->resets)
		f->gone = true;
}

/* One second is what it has (PCI Express 6.6.2), and it counts as not reset. */
static void test_a_device_that_does_not_come_back_from_reset(void **state)
{
	struct process *p, *q;
	struct bench b;
	uint64_t began;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.m->hook = die_in_reset;
	b.m->hook_arg = b.flr;
	began = b.m->now;
	assert_int_equal(process_detach(b.flr), 0);
	assert_in_range(b.m->now - began, 1000000000, 2000000000);
	refused(&b, q, b.flr, "does not answer");
	process_end(p);
	process_end(q);
	bench_close(&b);
}

/* Each space has an id of its own, and what is too much is an error. */
static void ids_run_out(const char *name, unsigned ids)
{
	static struct process *p[256];
	struct function *f[256];
	struct bench b;
	unsigned n = 0;

	bench_open(&b, triple_named(name), WITHOUT_WIRED, 1);
	b.m->policy.latency = 0;
	for (unsigned i = 0; i < ids; i++)
		f[i] = model_function(b.m, 0, 2 + i / 32, i % 32, 0, FN_FLR,
				      b.u);
	bench_boot(&b);
	for (; n < ids - 2; n++) {
		p[n] = process(&b, 100 + (int)n);
		assert_int_equal(process_attach(p[n], f[n], 0), 0);
		assert_in_range(dev(f[n])->su->did, 2, ids - 1);
	}
	p[n] = process(&b, 99);
	assert_true(process_attach(p[n], f[n], 0) < 0);
	assert_non_null(strstr(b.m->error, "has no domain id left of"));
	assert_null(dev(f[n])->space);
	assert_int_equal(process_attach(p[0], f[n], 0), 0);
	assert_int_equal(process_detach(f[n]), 0);
	assert_int_equal(process_detach(f[5]), 0);
	assert_int_equal(process_attach(p[n], f[n], 0), 0);
	assert_true(process_attach(p[5], f[5], 0) < 0);
	for (unsigned i = 0; i <= n; i++)
		process_end(p[i]);
	assert_int_equal(did_in_use(vtd_of(b.u)), 2);
	bench_close(&b);
}

static void test_domain_ids_run_out_and_come_back(void **state)
{
	(void)state;
	ids_run_out("16 domains", 16);
	ids_run_out("real unit 2", 256);
	ids_run_out("real unit 1", 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_each_kind_of_reset),
		bench_test(test_reset_of_the_secondary_bus),
		bench_test(test_device_control_comes_back_after_a_reset),
		bench_test(test_what_cannot_be_reset_needs_the_word_unsafe),
		bench_test(test_who_may_not_have_a_device),
		bench_test(test_detach_of_what_nobody_has),
		bench_test(test_a_host_bridge_can_be_attached),
		bench_test(test_pending_requests_never_reach_the_next_owner),
		bench_test(test_detach_waits_for_requests_without_a_reset),
		bench_test(test_a_device_that_does_not_take_the_bus),
		bench_test(test_a_device_that_is_gone_can_be_detached),
		bench_test(test_a_device_that_does_not_come_back_from_reset),
		bench_test(test_domain_ids_run_out_and_come_back),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
