/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who goes together (kern/arch/x86/iommu_group.c,
 * kern/drivers/pci/isolation.c): functions that share a
 * requester id are handed over as one; functions that can reach each other past
 * the unit belong to one owner only.  Held against what the model's buses
 * route, on machines by hand and by chance.
 */
#include "bench.h"

#define ACS_ALL	0x1f

/* A booted machine with one unit and what `plant` adds. */
static void boot(struct bench *b, const char *name,
		 void (*plant)(struct bench *b))
{
	const struct triple *t = triple_named(name);

	bench_bare(b, 1);
	b->u = model_unit(b->m, 0xfed90000, 0, t->ver, t->cap, t->ecap);
	plant(b);
	bench_boot(b);
	attack_always(b);
}

/* Behind a bridge from PCI Express to PCI two functions; beside it another. */
static struct function *conv[2];

static void plant_conventional(struct bench *b)
{
	model_bridge(b->m, 0, 0, 1, 0, BRIDGE_PORT, 1, 2);
	model_bridge(b->m, 0, 1, 0, 0, BRIDGE_TO_PCI, 2, 2);
	conv[0] = model_function(b->m, 0, 2, 1, 0, FN_PM, b->u);
	conv[1] = model_function(b->m, 0, 2, 2, 0, FN_AF, b->u);
	b->flr = model_function(b->m, 0, 0, 3, 0, FN_FLR, b->u);
}

static void sharers_change_hands(struct bench *b)
{
	struct process *p = process(b, 7), *q = process(b, 8);

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_map(q, VA, 2, RW), 0);
	for (unsigned i = 0; i < 4; i++) {
		conv[0]->holder = conv[1]->holder = i % 2 ? q->o : p->o;
		assert_int_equal(process_attach(i % 2 ? q : p, conv[i / 2], 0),
				 0);
		assert_true(can_write(i % 2 ? q : p, conv[0], VA));
		assert_true(can_write(i % 2 ? q : p, conv[1], VA + PAGE));
		assert_ptr_equal(dev(conv[0])->space, dev(conv[1])->space);
		assert_int_equal(process_detach(conv[1 - i / 2]), 0);
		conv[0]->holder = conv[1]->holder = NULL;
		assert_false(function_mastering(conv[0]));
		assert_false(function_mastering(conv[1]));
		assert_null(dev(conv[0])->space);
		assert_null(dev(conv[1])->space);
	}
	assert_true(process_detach(conv[0]) < 0);
	process_end(p);
	process_end(q);
}

static void test_sharers_of_an_id_change_hands_together(void **state)
{
	static const char *const some[] = {
		"qemu", "caching, coherent", "real unit 1", "real unit 22",
	};
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
		boot(&b, some[i], plant_conventional);
		sharers_change_hands(&b);
		bench_close(&b);
	}
}

/* Files list both, with the ids under which the unit may see them. */
static void test_what_files_show_of_sharers(void **state)
{
	struct iommu_device_info list[4];
	struct process *p;
	struct bench b;

	(void)state;
	boot(&b, "qemu", plant_conventional);
	p = process(&b, 7);
	conv[1]->holder = p->o;
	assert_int_equal(process_attach(p, conv[0], 0), 0);
	assert_int_equal(attached(list, 4), 2);
	assert_int_equal(list[0].pci->sid, conv[0]->sid);
	assert_int_equal(list[1].pci->sid, conv[1]->sid);
	assert_int_equal(list[0].pci->nrids, 2);
	assert_int_equal(list[0].pci->rids[1].sid, 0x200);
	assert_ptr_equal(iommu_peer(dev(conv[0]), 0), conv[0]);
	assert_ptr_equal(iommu_peer(dev(conv[0]), 1), conv[1]);
	assert_null(iommu_peer(dev(conv[0]), 2));
	assert_null(iommu_peer(dev(b.flr), 1));
	process_end(p);
	bench_close(&b);
}

/* All or none: what forbids it for one forbids it for all. */
static void test_a_sharer_that_may_not(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	boot(&b, "qemu", plant_conventional);
	p = process(&b, 7);
	conv[1]->gone = true;
	assert_true(process_attach(p, conv[0], 0) < 0);
	assert_string_equal(b.m->error, "does not answer");
	assert_null(dev(conv[0])->space);
	process_end(p);
	bench_close(&b);
}

/* Firmware names one of them alone: its entry was set where no unit is, and the
 * other's flushed in a unit that does not have it. */
static void test_sharers_behind_different_units(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	boot(&b, "qemu", plant_conventional);
	p = process(&b, 7);
	dev(conv[1])->unit = NULL;
	assert_true(process_attach(p, conv[0], 0) < 0);
	assert_string_equal(b.m->error, "shares a requester id with 2:2.0, "
			    "which is not behind its unit");
	assert_null(dev(conv[0])->space);
	process_end(p);
	bench_close(&b);
}

/* Its requests and faults bear the bridge's id: both sharers are the owner's,
 * and both are fenced, since nobody can tell which it was. */
static void *told_owner;

static void on_fault(void *owner, const struct iommu_fault *f)
{
	(void)f;
	told_owner = owner;
}

static void storm(struct bench *b, struct function *f)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < IOMMU_STORM_FAULTS + 2; i++) {
		model_dma(b->m, 0, f->sid, VA + PAGE, &v, 8, true);
		model_call(b->m);
		while (bench_serve())
			;
	}
}

static void plant_old_bridge(struct bench *b)
{
	model_bridge(b->m, 0, 0, 1, 0, BRIDGE_CONVENTIONAL, 1, 1);
	conv[0] = model_function(b->m, 0, 1, 1, 0, FN_PM, b->u);
	conv[1] = model_function(b->m, 0, 1, 2, 0, FN_AF, b->u);
}

static void test_a_storm_behind_a_bridge(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bench_upper.fault = on_fault;
		told_owner = NULL;
		boot(&b, "8 records", i ? plant_old_bridge :
		     plant_conventional);
		b.m->hook = NULL;
		p = process(&b, 7);
		conv[1]->holder = p->o;
		assert_int_equal(process_map(p, VA, 1, RW), 0);
		assert_int_equal(process_attach(p, conv[0], 0), 0);
		storm(&b, conv[1]);
		assert_ptr_equal(told_owner, p);
		assert_false(function_mastering(conv[0]));
		assert_false(function_mastering(conv[1]));
		process_end(p);
		bench_close(&b);
	}
}

/* Two functions of one device without ACS. */
static void plant_slot(struct bench *b)
{
	conv[0] = model_function(b->m, 0, 0, 5, 0, FN_FLR, b->u);
	conv[1] = model_function(b->m, 0, 0, 5, 1, FN_FLR, b->u);
}

static void plant_slot_with_acs(struct bench *b)
{
	plant_slot(b);
	model_acs(conv[0], ACS_ALL);
	model_acs(conv[1], ACS_ALL);
}

static void test_members_of_a_group_have_one_owner(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	boot(&b, "qemu", plant_slot);
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, conv[0], 0), 0);
	assert_true(process_attach(q, conv[1], 0) < 0);
	assert_string_equal(b.m->error,
			    "in one group with 0:5.0, which pid 7 owns");
	assert_int_equal(process_attach(p, conv[1], 0), 0);
	assert_int_equal(process_detach(conv[0]), 0);
	assert_true(process_attach(q, conv[0], 0) < 0);
	assert_int_equal(process_detach(conv[1]), 0);
	assert_int_equal(process_attach(q, conv[0], 0), 0);
	process_end(p);
	process_end(q);
	bench_close(&b);
}

static void test_acs_is_enabled_and_separates(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	boot(&b, "qemu", plant_slot_with_acs);
	assert_false(model_peer_reaches(b.m, conv[0], conv[1]));
	assert_false(model_peer_reaches(b.m, conv[1], conv[0]));
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, conv[0], 0), 0);
	assert_int_equal(process_attach(q, conv[1], 0), 0);
	process_end(p);
	process_end(q);
	bench_close(&b);
}

/* A function's reset must not take its ACS away. */
static void test_acs_survives_a_reset(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	boot(&b, "qemu", plant_slot_with_acs);
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, conv[0], 0), 0);
	assert_int_equal(process_attach(q, conv[1], 0), 0);
	assert_int_equal(process_detach(conv[0]), 0);
	assert_int_equal(process_attach(p, conv[0], 0), 0);
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(conv[1])), 0);
	assert_true(conv[0]->resets && conv[1]->resets);
	assert_false(model_peer_reaches(b.m, conv[0], conv[1]));
	assert_false(model_peer_reaches(b.m, conv[1], conv[0]));
	process_end(p);
	process_end(q);
	bench_close(&b);
}

/* What firmware left on in the control register may undo the redirection. */
static void plant_slot_with_odd_acs(struct bench *b)
{
	for (unsigned i = 0; i < 2; i++) {
		conv[i] = model_function(b->m, 0, 0, 5, i, FN_FLR, b->u);
		model_acs(conv[i], 0x7f);
		function_write(b->m, conv[i], conv[i]->acs + 6u, 2, 0x60);
	}
}

static void test_what_firmware_left_on_in_acs(void **state)
{
	struct bench b;

	(void)state;
	boot(&b, "qemu", plant_slot_with_odd_acs);
	assert_false(model_peer_reaches(b.m, conv[0], conv[1]));
	bench_close(&b);
}

static void test_bridges_and_host_bridges(void **state)
{
	struct function *host;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	host = model_function(b.m, 0, 0, 0, 0, FN_HOST_BRIDGE, b.u);
	bench_boot(&b);
	p = process(&b, 7);
	assert_true(process_attach(p, function_find(b.m, 0, 8), 0) < 0);
	assert_string_equal(b.m->error, "is a bridge to another bus");
	assert_int_equal(process_attach(p, host, 0), 0);
	process_end(p);
	bench_close(&b);
}

/*
 * Machines by chance: switches, conventional buses and devices with several
 * functions, each with or without ACS or with half of it.
 */
#define BUSES 10u

static void maybe_acs(struct bench *b, struct function *f)
{
	static const uint8_t caps[] = { 0, ACS_ALL, ACS_ALL, 0x7f, 0x05 };
	uint8_t c = caps[model_random(b->m, ARRAY_SIZE(caps))];

	if (c && f->pcie)
		model_acs(f, c);
}

static void plant_functions(struct bench *b, unsigned bus)
{
	unsigned n = 1 + model_random(b->m, 3);
	struct function *f;

	for (unsigned i = 0; i < n; i++) {
		f = model_function(b->m, 0, bus, 0, i, FN_FLR, b->u);
		maybe_acs(b, f);
	}
}

/* An upstream port at bus:0.0 and two or three ports below it. */
static unsigned plant_switch(struct bench *b, unsigned bus, unsigned next)
{
	unsigned n = 2 + model_random(b->m, 2), inner = next++;
	struct function *f;

	model_bridge(b->m, 0, bus, 0, 0, BRIDGE_UP, inner, inner + n);
	for (unsigned i = 0; i < n; i++) {
		f = model_bridge(b->m, 0, inner, i, 0, BRIDGE_DOWN, next,
				 next);
		maybe_acs(b, f);
		plant_functions(b, next++);
	}
	return next;
}

static unsigned plant_below(struct bench *b, unsigned bus, unsigned next)
{
	switch (model_random(b->m, 3)) {
	case 0:
		return plant_switch(b, bus, next);
	case 1:
		model_bridge(b->m, 0, bus, 0, 0, BRIDGE_TO_PCI, next, next);
		model_function(b->m, 0, next, 1, 0, 0, b->u);
		model_function(b->m, 0, next, 2, 0, 0, b->u);
		return next + 1;
	default:
		plant_functions(b, bus);
		return next;
	}
}

static void plant_by_chance(struct bench *b)
{
	unsigned next = 1, bus;
	struct function *f;

	for (unsigned i = 0; i < 4 && next < BUSES; i++) {
		bus = next++;
		f = model_bridge(b->m, 0, 0, 1 + i / 2, i % 2, BRIDGE_PORT, bus,
				 bus);
		maybe_acs(b, f);
		next = plant_below(b, bus, next);
		f->config[0x1a] = (uint8_t)(next - 1);
	}
	for (unsigned i = 0; i < 3; i++)
		maybe_acs(b, model_function(b->m, 0, 0, 9, i, FN_FLR, b->u));
}

static void check_pair(struct bench *b, const struct function *f,
		       const struct function *g)
{
	bool together = dev(f)->group == dev(g)->group, reach;

	reach = model_peer_reaches(b->m, f, g) ||
		function_requester(b->m, f) == function_requester(b->m, g);
	if (reach && !together)
		fail_msg("%x reaches %x past the unit, and they are in two "
			 "groups", f->sid, g->sid);
}

static void test_groups_by_chance(void **state)
{
	struct bench b;
	unsigned apart = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 200; seed++) {
		bench_bare(&b, seed);
		b.m->limit = UINT64_MAX;
		b.u = model_unit(b.m, 0xfed90000, 0, 0x10,
				 triple_named("qemu")->cap,
				 triple_named("qemu")->ecap);
		plant_by_chance(&b);
		bench_boot(&b);
		for (struct function *f = b.m->functions; f; f = f->next)
			for (struct function *g = b.m->functions; g;
			     g = g->next) {
				if (f == g || f->config[0x0e] ||
				    g->config[0x0e])
					continue;
				check_pair(&b, f, g);
				apart += dev(f)->group != dev(g)->group;
			}
		bench_close(&b);
	}
	assert_true(apart > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_sharers_of_an_id_change_hands_together),
		bench_test(test_what_files_show_of_sharers),
		bench_test(test_a_sharer_that_may_not),
		bench_test(test_sharers_behind_different_units),
		bench_test(test_a_storm_behind_a_bridge),
		bench_test(test_members_of_a_group_have_one_owner),
		bench_test(test_acs_is_enabled_and_separates),
		bench_test(test_acs_survives_a_reset),
		bench_test(test_what_firmware_left_on_in_acs),
		bench_test(test_bridges_and_host_bridges),
		bench_test(test_groups_by_chance),
	};

	return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
