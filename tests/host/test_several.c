/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process whose devices are behind several units, of several segments and of
 * very different kinds (kern/arch/x86/iommu_attach.c, iommu_space.c,
 * vtd/table_life.c): its tree fits all of them at every moment, and one bad
 * unit does not stop the others.
 */
#include "bench.h"

#define RICH_CAP	0xd2008c40660462	/* 4 levels, 2 MiB and 1 GiB */
#define RICH_ECAP	0xf050db		/* coherent, queue, snoop control */
#define POOR_CAP	0xc9008020260402	/* 4 levels, 4 KiB, 39 bits */
#define POOR_ECAP	0xf0101a		/* neither */
#define THREE_CAP	0xc9008020260202	/* the same with 3 levels */
#define FIVE_CAP	0x8ed008c40780866	/* 5 levels */

static const struct {
	uint64_t cap, ecap;
	uint16_t segment;
} kinds[] = {
	{ RICH_CAP, RICH_ECAP, 0 },
	{ POOR_CAP, POOR_ECAP, 0 },
	{ RICH_CAP, RICH_ECAP & ~1ul, 1 },
	{ THREE_CAP, POOR_ECAP, 1 },
	{ RICH_CAP & ~(1ul << 35), RICH_ECAP & ~0x80ul, 2 },
	{ FIVE_CAP, RICH_ECAP, 2 },
	{ RICH_CAP | 1 << 7, RICH_ECAP, 3 },
	{ RICH_CAP | 1 << 4, POOR_ECAP, 3 },
};
#define UNITS	ARRAY_SIZE(kinds)

static struct function *fn[UNITS];

static void open_several(struct bench *b, uint64_t seed)
{
	struct model_unit *u;

	bench_bare(b, seed);
	for (unsigned i = 0; i < UNITS; i++) {
		u = model_unit(b->m, 0xfed00000 + i * 0x1000ul,
			       kinds[i].segment, 0x10, kinds[i].cap,
			       kinds[i].ecap);
		if (!i)
			b->u = u;
		fn[i] = model_function(b->m, kinds[i].segment, 0, 2 + i, 0,
				       FN_FLR | FN_MASTERING, u);
	}
	bench_boot(b);
	attack_always(b);
}

static bool no_snoop(const struct function *f)
{
	return f->config[f->pcie + 9] & 0x08;
}

/* What the tree may say at any moment is what all units that walk it know; the
 * model faults on the rest. */
static void all_reach(struct process *p, uint64_t va, bool right)
{
	for (unsigned i = 0; i < UNITS; i++)
		if (fn[i]->holder == p->o)
			assert_int_equal(can_write(p, fn[i], va), right);
}

static void check_snoop(const struct process *p)
{
	for (unsigned i = 0; i < UNITS; i++)
		if (fn[i]->holder == p->o && !p->s->table.format.snoop)
			assert_false(no_snoop(fn[i]));
}

/* They come and go in any order, with changes between. */
static void come_and_go(uint64_t seed)
{
	struct process *p;
	struct bench b;
	unsigned i;

	open_several(&b, seed);
	b.m->policy.keep = seed % 3;
	b.m->policy.leave = seed / 3 % 3;
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 3, RW), 0);
	for (unsigned n = 0; n < 24; n++) {
		i = model_random(b.m, UNITS);
		if (fn[i]->holder)
			assert_int_equal(process_detach(fn[i]), 0);
		else
			assert_int_equal(process_attach(p, fn[i], 0), 0);
		check_snoop(p);
		all_reach(p, VA, true);
		assert_int_equal(process_replace(p, VA + PAGE, RW), 0);
		assert_int_equal(process_unmap(p, VA, 1), 0);
		all_reach(p, VA, false);
		assert_int_equal(process_map(p, VA, 1, RW), 0);
		all_reach(p, VA, true);
		all_reach(p, VA + PAGE, true);
	}
	process_end(p);
	for (i = 0; i < UNITS; i++)
		assert_int_equal(did_in_use(vtd_of(fn[i]->unit)), 2);
	bench_close(&b);
}

static void test_devices_of_all_units_come_and_go(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 19; seed++)
		come_and_go(seed);
}

/* Devices that had their caches' word taken for it lose that when one joins
 * whose unit cannot enforce it. */
static void test_no_snoop_goes_with_the_first_that_cannot(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	open_several(&b, 1);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, fn[0], 0), 0);
	assert_int_equal(process_attach(p, fn[2], 0), 0);
	assert_true(p->s->table.format.snoop);
	assert_true(no_snoop(fn[0]) && no_snoop(fn[2]));
	assert_int_equal(process_attach(p, fn[1], 0), 0);
	assert_false(p->s->table.format.snoop);
	assert_false(no_snoop(fn[0]) || no_snoop(fn[1]) || no_snoop(fn[2]));
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(fn[0])), 0);
	assert_false(no_snoop(fn[0]));
	process_end(p);
	bench_close(&b);
}

/* What one unit calls a device another calls another: same bus, device and
 * function in two segments. */
static void test_one_process_in_several_segments(void **state)
{
	struct function *twin;
	struct process *p, *q;
	struct bench b;

	(void)state;
	bench_bare(&b, 1);
	for (unsigned i = 0; i < 2; i++)
		fn[i] = model_function(b.m, (uint16_t)i, 0, 2, 0, FN_FLR,
			model_unit(b.m, 0xfed00000 + i * 0x1000ul, (uint16_t)i,
				   0x10, RICH_CAP, RICH_ECAP));
	for (unsigned i = 2; i < UNITS; i++)
		fn[i] = fn[0];
	twin = model_function(b.m, 1, 0, 3, 0, FN_FLR, fn[1]->unit);
	b.u = fn[0]->unit;
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	q = process(&b, 8);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, fn[0], 0), 0);
	assert_int_equal(process_attach(q, fn[1], 0), 0);
	assert_int_equal(process_attach(p, twin, 0), 0);
	assert_true(can_write(p, fn[0], VA));
	assert_true(can_write(q, fn[1], VA));
	assert_true(can_write(p, twin, VA));
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_true(can_write(q, fn[1], VA));
	process_end(p);
	assert_true(can_write(q, fn[1], VA));
	process_end(q);
	bench_close(&b);
}

/* A unit that fails: its device is fenced, all others go on. */
static void test_one_bad_unit(void **state)
{
	struct process *p, *q;
	struct bench b;
	int err;

	(void)state;
	for (unsigned bad = 0; bad < UNITS; bad++) {
		open_several(&b, bad + 1);
		p = process(&b, 7);
		q = process(&b, 8);
		assert_int_equal(process_map(p, VA, 2, RW), 0);
		assert_int_equal(process_map(q, VA, 2, RW), 0);
		for (unsigned i = 0; i < UNITS; i++)
			assert_int_equal(process_attach(p, fn[i], 0), 0);
		fn[bad]->unit->trouble.gone = bad % 2;
		fn[bad]->unit->trouble.slow_queue = !(bad % 2);
		fn[bad]->unit->trouble.slow_registers = true;
		err = process_unmap(p, VA, 1);
		assert_true(err < 0);
		for (unsigned i = 0; i < UNITS; i++) {
			assert_int_equal(function_mastering(fn[i]), i != bad);
			assert_int_equal(vtd_alive(vtd_of(fn[i]->unit)),
					 i != bad);
			if (i != bad)
				assert_true(can_write(p, fn[i], VA + PAGE));
		}
		for (unsigned i = 0; i < UNITS; i++)
			if (i != bad)
				assert_int_equal(process_detach(fn[i]), 0);
		for (unsigned i = 0; i < UNITS; i++)
			if (i != bad)
				assert_int_equal(process_attach(q, fn[i], 0),
						 0);
		assert_true(can_write(q, fn[!bad], VA));
		p->lost = true;
		process_end(p);
		process_end(q);
		bench_close(&b);
	}
}

/* Each allocation of the attach that adapts a tree with large pages: an error,
 * and the process's other device sees what it saw. */
static bool adapt_without_memory(unsigned n)
{
	struct iommu_gather g = { 0 };
	struct process *p;
	struct bench b;
	unsigned before;
	bool enough;
	int err;

	open_several(&b, n);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, fn[0], 0), 0);
	b.m->hook = NULL;
	g.space = p->s;
	assert_int_equal(iommu_map(&g, 1ul << 32, RAM_BASE, 1ul << 22, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	before = b.m->mem.allocations;
	b.m->mem.fail_at = before + n;
	err = process_attach(p, fn[1], 0);
	enough = b.m->mem.allocations < before + n;
	assert_int_equal(err < 0, !enough);
	assert_int_equal(did_in_use(vtd_of(fn[1]->unit)), 2 + enough);
	b.m->mem.fail_at = 0;
	if (!enough)
		assert_int_equal(process_attach(p, fn[1], 0), 0);
	process_end(p);
	bench_close(&b);
	return enough;
}

static void test_no_memory_to_adapt(void **state)
{
	unsigned n = 1;

	(void)state;
	while (!adapt_without_memory(n))
		n++;
	assert_true(n > 4);
}

/* One device's unit has a large page cached when another joins for whom it is
 * split; afterwards pages go one by one. */
static void test_a_large_page_that_is_cached_and_split(void **state)
{
	struct iommu_gather g = { 0 };
	struct process *p;
	struct bench b;
	physaddr_t pa, first = 0;

	(void)state;
	open_several(&b, 1);
	b.m->hook = NULL;
	p = process(&b, 7);
	for (unsigned n = 0; n < 511; n += first != 0) {
		pa = frame_alloc(b.m, p->o);
		if (!first && pa % (2 << 20) == 0)
			first = pa;
	}
	owner_plan(p->o, 5ul << 30, first, RW);
	owner_plan(p->o, (5ul << 30) + PAGE, first + PAGE, RW);
	owner_commit(p->o);
	assert_int_equal(process_attach(p, fn[0], 0), 0);
	g.space = p->s;
	assert_int_equal(iommu_map(&g, 5ul << 30, first, 2 << 20, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	assert_true(can_write(p, fn[0], 5ul << 30));
	assert_int_equal(process_attach(p, fn[1], 0), 0);
	assert_true(can_write(p, fn[1], 5ul << 30));
	assert_int_equal(process_unmap(p, 5ul << 30, 1), 0);
	assert_false(can_write(p, fn[0], 5ul << 30));
	assert_true(can_write(p, fn[0], (5ul << 30) + PAGE));
	process_end(p);
	bench_close(&b);
}

/* The 257th space on a unit with 256 ids; those that go make room. */
static void test_the_257th_space(void **state)
{
	static struct process *p[260];
	struct function *f[256];
	const struct triple *t = triple_named("real unit 22");
	struct bench b;
	unsigned n = 0;

	(void)state;
	bench_bare(&b, 1);
	b.u = model_unit(b.m, 0xfed90000, 0, t->ver, t->cap & ~7ul, t->ecap);
	b.u->cap |= 2;
	b.u->c = decode_caps(t->ver, b.u->cap, t->ecap);
	assert_int_equal(b.u->c.domains, 256);
	for (unsigned i = 0; i < 256; i++)
		f[i] = model_function(b.m, 0, 1 + i / 32, i % 32, 0, FN_PM,
				      b.u);
	bench_boot(&b);
	for (n = 0; n < 255; n++) {
		p[n] = process(&b, 10 + (int)n);
		if (process_attach(p[n], f[n], 0) < 0)
			break;
	}
	assert_int_equal(n, 254);
	assert_non_null(strstr(b.m->error, "has no domain id left of 256"));
	assert_null(dev(f[n])->space);
	process_end(p[0]);
	assert_int_equal(process_attach(p[n], f[n], 0), 0);
	for (unsigned i = 1; i <= n; i++)
		process_end(p[i]);
	assert_int_equal(did_in_use(vtd_of(b.u)), 2);
	bench_close(&b);
}

/* A short form of 100,000. */
static void test_many_attaches_leak_nothing(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	open_several(&b, 1);
	b.m->hook = NULL;
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	for (unsigned i = 0; i < 4000; i++) {
		assert_int_equal(process_attach(p, fn[i % UNITS], 0), 0);
		assert_int_equal(process_detach(fn[i % UNITS]), 0);
	}
	process_end(p);
	bench_close(&b);
}

/* Its entries may be known to the failed unit for as long as it pleases: what is
 * unmapped from then on is not to be used again, though the others have
 * forgotten it. */
static void test_what_a_unit_that_failed_at_a_detach_still_knows(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	open_several(&b, 1);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, fn[0], 0), 0);
	assert_int_equal(process_attach(p, fn[1], 0), 0);
	fn[1]->unit->trouble.gone = true;
	assert_true(process_detach(fn[1]) < 0);
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_int_equal(process_map(p, VA + 4 * PAGE, 1, RW), 0);
	assert_true(function_mastering(fn[0]));
	p->lost = true;
	process_end(p);
	bench_close(&b);
}

static struct model_unit *quiet;

static void leaves_alone(struct machine *m, const struct happening *h)
{
	(void)m;
	assert_true(!h->unit || h->unit != quiet);
}

/* However many units there are, a fault of one costs what it costs. */
static void test_units_without_a_fault_are_left_alone(void **state)
{
	struct process *p;
	uint64_t v = 0, before;
	struct bench b;

	(void)state;
	open_several(&b, 1);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, fn[0], 0), 0);
	for (unsigned i = 1; i < UNITS; i++) {
		b.m->hook = NULL;
		while (bench_serve())
			;
		quiet = fn[i]->unit;
		b.m->hook = leaves_alone;
		before = dev(fn[0])->faults;
		model_dma(b.m, fn[0]->segment, fn[0]->sid, VA, &v, 8, false);
		assert_true(bench_serve());
		assert_int_equal(dev(fn[0])->faults, before + 1);
	}
	b.m->hook = NULL;
	process_end(p);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_devices_of_all_units_come_and_go),
		bench_test(test_no_snoop_goes_with_the_first_that_cannot),
		bench_test(test_one_process_in_several_segments),
		bench_test(test_one_bad_unit),
		bench_test(
			test_what_a_unit_that_failed_at_a_detach_still_knows),
		bench_test(test_no_memory_to_adapt),
		bench_test(test_a_large_page_that_is_cached_and_split),
		bench_test(test_the_257th_space),
		bench_test(test_many_attaches_leak_nothing),
		bench_test(test_units_without_a_fault_are_left_alone),
	};

	return cmocka_run_group_tests_name("several units", tests, NULL, NULL);
}
