/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As test_holes.c, of configuration space: faults that could be planted in
 * kern/drivers/pci/function.c and iommu_scope.c without any other test noticing.
 */
#include "bench.h"

#define COMMAND		0x04
#define MASTER		0x04u
#define BAR0		0x10

static void put_config(struct function *f, unsigned at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		f->config[at + i] = (uint8_t)(v >> 8 * i);
}

static struct process *start(struct bench *b)
{
	struct process *p;

	bench_boot(b);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	return p;
}

static void finish(struct bench *b, struct process *p)
{
	b->m->hook = NULL;
	process_end(p);
	bench_close(b);
}

/* Had and given back: what can be reset has been, once. */
static void had_by(struct process *p, struct function *f, unsigned resets)
{
	assert_int_equal(process_attach(p, f, 0), 0);
	assert_true(can_write(p, f, VA));
	assert_int_equal(process_detach(f), 0);
	assert_int_equal(f->resets, resets);
}

static void only_the_header(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	if (h->what == E_PCI_WRITE && h->where >> 16 == f->sid)
		assert_true((h->where & 0xffff) < 0x40);
}

/* Other bits of the status are set, and at the pointer there is what would be
 * a capability with a reset. */
static void test_capabilities_where_the_status_tells_of_none(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	put_config(b.plain, COMMAND, 0x02080002);
	b.plain->config[0x34] = 0x60;
	put_config(b.plain, 0x60, 0x00020010);
	put_config(b.plain, 0x64, 0x10000000);
	b.m->hook = only_the_header;
	b.m->hook_arg = b.plain;
	p = start(&b);
	had_by(p, b.plain, 0);
	finish(&b, p);
}

/* PCI Local Bus 3.0, 6.7: the lowest two bits of pointers are reserved. */
static void test_pointers_to_capabilities_with_reserved_bits(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.pm->config[0x34] |= 1;
	b.pm->config[b.pm->pcie + 1] |= 2;
	p = start(&b);
	had_by(p, b.pm, 1);
	assert_int_equal(dev(b.pm)->pci.pcie, b.pm->pcie);
	finish(&b, p);
}

static unsigned reads_behind;

static void count_reads_behind(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	if (h->what == E_PCI_READ && h->where >> 16 == f->sid &&
	    (h->where & 0xffff) >= 0x100)
		reads_behind++;
}

/* Once for each capability that is looked for, not 480 times. */
static void test_extended_space_that_is_not_there(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	memset(b.flr->config + 0x100, 0xff, sizeof(b.flr->config) - 0x100);
	reads_behind = 0;
	b.m->hook = count_reads_behind;
	b.m->hook_arg = b.flr;
	p = start(&b);
	assert_int_equal(reads_behind, 2);
	had_by(p, b.flr, 1);
	finish(&b, p);
}

/* All other bits of its capabilities are set; so it is reset by its power. */
static void test_a_function_level_reset_that_it_has_not(void **state)
{
	struct function *af;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	af = model_function(b.m, 0, 0, 16, 0, FN_AF | FN_PM, b.u);
	af->config[af->af + 3] = 0xfd;
	put_config(b.pm, b.pm->pcie + 4u, 0xefffffff);
	p = start(&b);
	had_by(p, b.pm, 1);
	had_by(p, af, 1);
	had_by(p, b.af, 1);
	finish(&b, p);
}

/* PME is enabled: that is not what "no soft reset" says. */
static void test_a_reset_by_power_that_other_bits_hide(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.pm->config[b.pm->pm + 5] = 1;
	p = start(&b);
	had_by(p, b.pm, 1);
	finish(&b, p);
}

/* It comes to D0 and stays there. */
static void test_a_function_that_firmware_left_in_d1(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.pm->config[b.pm->pm + 4] = 1;
	p = start(&b);
	assert_int_equal(process_attach(p, b.pm, 0), 0);
	assert_int_equal(process_detach(b.pm), 0);
	assert_int_equal(b.pm->resets, 1);
	assert_int_equal(b.pm->config[b.pm->pm + 4] & 3, 0);
	had_by(p, b.pm, 2);
	finish(&b, p);
}

/* Bit 7 of the header type says no more than that there are other functions:
 * nobody gets the bridge, and what its scope names is behind it. */
static void test_a_bridge_among_several_functions(void **state)
{
	struct function *bridge, *below;
	struct image image;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bridge = model_bridge(b.m, 0, 0, 9, 0, BRIDGE_PORT, 5, 5);
	bridge->config[0x0e] |= 0x80;
	below = model_function(b.m, 0, 5, 0, 0, FN_FLR, b.u);
	image_start(&image);
	put_drhd(&image, 0, b.u->base);
	put_scope(&image, DMAR_SCOPE_ENDPOINT, 0, 2,
		  (const uint8_t[]){ 9, 0, 0, 0 });
	put_scope(&image, DMAR_SCOPE_ENDPOINT, 0, 1, (const uint8_t[]){ 9, 0 });
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_true(process_attach(p, bridge, 0) < 0);
	assert_string_equal(b.m->error, "is a bridge to another bus");
	had_by(p, below, 1);
	finish(&b, p);
}

/* Just before it is given the bus. */
static void goes_away(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	if (h->what == E_PCI_WRITE && h->where == ((uint64_t)f->sid << 16 |
						   COMMAND) &&
	    h->value & MASTER)
		f->gone = true;
}

static void test_all_ones_that_pass_for_the_bus_taken(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	p = start(&b);
	b.m->hook = goes_away;
	b.m->hook_arg = b.af;
	assert_int_equal(process_attach(p, b.af, 0), 0);
	assert_true(model_logged(b.m, "0:4.0 does not take the bus"));
	finish(&b, p);
}

/* It takes longer than it should. */
static void back_late(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	(void)h;
	if (f->resets == 1 && f->drains) {
		f->drains = 0;
		f->back_at = m->now + 300000000;
	}
}

/* PCI Express 2.3.2: while it says "later" its id reads as 1, its other
 * registers as all ones, and what is written to them is lost. */
static void test_a_function_that_answers_retry_after_its_reset(void **state)
{
	uint8_t bar[4], *control;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	p = start(&b);
	memcpy(bar, &b.flr->config[BAR0], sizeof(bar));
	assert_true(bar[3]);
	control = &b.flr->config[b.flr->pcie + 8];
	*control ^= 0x20;		/* what it may send at once */
	b.flr->retries = true;
	b.flr->drains = 1;
	b.m->hook = back_late;
	b.m->hook_arg = b.flr;
	had_by(p, b.flr, 1);
	assert_memory_equal(&b.flr->config[BAR0], bar, sizeof(bar));
	assert_int_equal(*control, b.flr->after_reset[b.flr->pcie + 8] ^ 0x20);
	finish(&b, p);
}

static void never_given(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	if (h->what == E_PCI_WRITE && h->where == ((uint64_t)f->sid << 16 |
						   COMMAND))
		assert_false(h->value & MASTER);
}

/* Of one that is on the bus whatever it is told, what was saved says so. */
static void test_a_reset_that_gives_the_bus_back(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITH_WIRED, 1);
	p = start(&b);
	assert_int_equal(process_attach(p, b.wired1, 0), 0);
	b.m->hook = never_given;
	b.m->hook_arg = b.wired1;
	assert_int_equal(process_detach(b.wired1), 0);
	assert_int_equal(b.wired1->resets, 1);
	finish(&b, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_capabilities_where_the_status_tells_of_none),
		bench_test(test_pointers_to_capabilities_with_reserved_bits),
		bench_test(test_extended_space_that_is_not_there),
		bench_test(test_a_function_level_reset_that_it_has_not),
		bench_test(test_a_reset_by_power_that_other_bits_hide),
		bench_test(test_a_function_that_firmware_left_in_d1),
		bench_test(test_a_bridge_among_several_functions),
		bench_test(test_all_ones_that_pass_for_the_bus_taken),
		bench_test(test_a_function_that_answers_retry_after_its_reset),
		bench_test(test_a_reset_that_gives_the_bus_back),
	};

	return cmocka_run_group_tests_name("holes, configuration space", tests,
					   NULL, NULL);
}
