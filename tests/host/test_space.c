/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devices see of a process's memory (kern/arch/x86/iommu_space.c): mapped,
 * widened, narrowed, replaced and unmapped under attack on all units; each
 * flush of that; several units; memory that runs out.
 */
#include "bench.h"

static void start(struct bench *b, const char *name, int wired)
{
	bench_open(b, triple_named(name), wired, 1);
	bench_boot(b);
	attack_always(b);
}

/* Every change that a process makes, each seen at once. */
static void changes(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_false(can_read(p, b->flr, VA));
	assert_int_equal(process_map(p, VA, 4, RW), 0);
	assert_true(can_write(p, b->flr, VA));
	assert_true(can_read(p, b->flr, VA + 3 * PAGE));
	assert_int_equal(process_protect(p, VA, 2, IOMMU_READ), 0);
	assert_false(can_write(p, b->flr, VA));
	assert_true(can_read(p, b->flr, VA + PAGE));
	assert_true(can_write(p, b->flr, VA + 2 * PAGE));
	assert_int_equal(process_replace(p, VA, RW), 0);
	assert_true(can_write(p, b->flr, VA));
	assert_int_equal(process_replace(p, VA + PAGE, IOMMU_READ), 0);
	assert_false(can_write(p, b->flr, VA + PAGE));
	assert_true(can_read(p, b->flr, VA + PAGE));
	assert_int_equal(process_unmap(p, VA, 3), 0);
	assert_false(can_read(p, b->flr, VA));
	assert_false(can_read(p, b->flr, VA + 2 * PAGE));
	assert_true(can_read(p, b->flr, VA + 3 * PAGE));
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_true(can_write(p, b->flr, VA));
	assert_int_equal(process_unmap(p, VA - PAGE, 8), 0);
	assert_false(can_read(p, b->flr, VA));
	process_end(p);
}

static void test_changes_on_all_units(void **state)
{
	(void)state;
	on_all_triples(changes, WITHOUT_WIRED);
}

/* With no device that takes part in the attack but the one that has been there
 * before each change: nothing is refilled, and nothing dropped by chance. */
static void warm_unmap(const char *name, bool protect)
{
	struct process *p;
	struct bench b;

	bench_open(&b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	if (protect)
		assert_int_equal(process_protect(p, VA, 1, IOMMU_READ), 0);
	else
		assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_false(can_write(p, b.flr, VA));
	assert_true(can_write(p, b.flr, VA + PAGE));
	process_end(p);
	bench_close(&b);
}

static void test_unmap_flushes_the_iotlb(void **state)
{
	(void)state;
	warm_unmap("qemu", false);
	warm_unmap("real unit 1", false);
	warm_unmap("real unit 22", false);
}

static void test_write_protection_flushes_the_iotlb(void **state)
{
	(void)state;
	warm_unmap("qemu", true);
	warm_unmap("real unit 1", true);
}

static void test_copy_on_write_flushes_the_iotlb(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("real unit 22"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(process_replace(p, VA, RW), 0);
	assert_true(can_write(p, b.flr, VA));
	process_end(p);
	bench_close(&b);
}

/* Where absence is remembered, a new page needs a flush too. */
static void absent_then_mapped(struct bench *b)
{
	struct process *p = process(b, 7);

	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_false(can_read(p, b->flr, VA));
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_true(can_read(p, b->flr, VA));
	process_end(p);
}

static void test_map_flushes_absent_translations(void **state)
{
	(void)state;
	on_triple("qemu", absent_then_mapped, WITHOUT_WIRED);
	on_triple("caching, registers", absent_then_mapped, WITHOUT_WIRED);
}

static void test_map_flushes_the_write_buffer(void **state)
{
	(void)state;
	on_triple("write buffer", absent_then_mapped, WITHOUT_WIRED);
	on_triple("real unit 1", absent_then_mapped, WITHOUT_WIRED);
}

/* Nothing is flushed where nothing is remembered: a new page in a unit without
 * caching mode and write buffer. */
static void test_map_flushes_nothing_without_need(void **state)
{
	struct process *p;
	struct bench b;
	uint64_t fetched;

	(void)state;
	start(&b, "real unit 22", WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	fetched = b.u->fetched;
	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(b.u->fetched, fetched);
	assert_true(can_read(p, b.flr, VA));
	process_end(p);
	bench_close(&b);
}

/* VT-d 6.5.5: what was on its way lands before the frame is someone else's. */
static void unmapped_with_posted(struct bench *b)
{
	struct process *p = process(b, 7);
	uint16_t sid = b->flr->sid;

	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(model_dma_posted(b->m, 0, sid, VA, true));
	assert_true(model_dma_posted(b->m, 0, sid, VA + PAGE, false));
	assert_int_equal(process_unmap(p, VA, 2), 0);
	assert_true(model_dma_posted(b->m, 0, sid, VA + 2 * PAGE, true));
	assert_int_equal(process_replace(p, VA + 2 * PAGE, RW), 0);
	process_end(p);
}

static void test_unmap_drains_reads_and_writes(void **state)
{
	(void)state;
	on_all_triples(unmapped_with_posted, WITHOUT_WIRED);
}

/* A range of which only a later page was there replaces that page. */
static void test_a_range_replaces_pages_behind_its_first(void **state)
{
	struct iommu_gather g = { 0 };
	physaddr_t old, new;
	struct process *p;
	struct bench b;

	(void)state;
	start(&b, "real unit 22", WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA + PAGE, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA + PAGE));
	old = owner_find(p->o, VA + PAGE)->is;
	new = frame_alloc(b.m, p->o);
	while (frame_alloc(b.m, p->o) != new + PAGE)
		new = RAM_BASE + (b.m->mem.fresh - 1) * PAGE;
	owner_plan(p->o, VA, new, RW);
	owner_plan(p->o, VA + PAGE, new + PAGE, RW);
	g.space = p->s;
	assert_int_equal(iommu_map(&g, VA, new, 2 * PAGE, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	owner_commit(p->o);
	frame_free(b.m, old);
	assert_true(can_write(p, b.flr, VA + PAGE));
	process_end(p);
	bench_close(&b);
}

/* "Replaces what was there", by nothing if there is no right. */
static void test_mapping_without_rights_unmaps(void **state)
{
	struct iommu_gather g = { 0 };
	struct process *p;
	struct bench b;
	physaddr_t pa;

	(void)state;
	start(&b, "real unit 22", WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	pa = owner_find(p->o, VA)->is;
	owner_plan(p->o, VA, pa, 0);
	g.space = p->s;
	assert_int_equal(iommu_map(&g, VA, pa, PAGE, 0), 0);
	assert_int_equal(iommu_flush(&g), 0);
	owner_commit(p->o);
	frame_free(b.m, pa);
	assert_false(can_read(p, b.flr, VA));
	process_end(p);
	bench_close(&b);
}

static void test_gathers_without_a_space_swallow_everything(void **state)
{
	struct iommu_gather g = { 0 };
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	assert_int_equal(iommu_map(&g, VA, RAM_BASE, PAGE, RW), 0);
	assert_int_equal(iommu_keep(&g, VA, PAGE, 0), 0);
	assert_int_equal(iommu_flush(&g), 0);
	assert_false(g.change.added || g.change.removed);
	bench_close(&b);
}

static void test_a_gather_is_empty_after_its_flush(void **state)
{
	struct iommu_gather g = { 0 };
	struct process *p;
	struct bench b;
	uint64_t fetched;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	g.space = p->s;
	assert_int_equal(iommu_keep(&g, VA + PAGE, PAGE, 0), 0);
	assert_false(g.change.removed);	/* there was nothing */
	assert_int_equal(iommu_keep(&g, VA, PAGE, 0), 0);
	assert_true(g.change.removed);
	assert_int_equal(iommu_flush(&g), 0);
	assert_false(g.change.added || g.change.removed);
	fetched = b.u->fetched;
	assert_int_equal(iommu_flush(&g), 0);
	assert_int_equal(b.u->fetched, fetched);
	process_end(p);
	bench_close(&b);
}

static void test_addresses_beyond_the_tables_are_refused(void **state)
{
	static const uint64_t bad[] = {
		1ul << 39, (1ul << 39) - PAGE, 1ul << 48, ~(PAGE - 1),
	};
	struct iommu_gather g = { 0 };
	struct process *p;
	struct bench b;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	p = process(&b, 7);
	g.space = p->s;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(iommu_map(&g, bad[i], RAM_BASE, 2 * PAGE, RW) < 0);
		assert_non_null(strstr(b.m->error, "cannot be translated"));
	}
	assert_int_equal(p->s->table.pages, 1);
	process_end(p);
	bench_close(&b);
}

/* n units, each with one function; all of one process. */
static struct process *many_units(struct bench *b, unsigned n,
				  struct function **f)
{
	static const char *const names[] = {
		"qemu", "real unit 29", "real unit 1", "5 levels",
	};
	struct process *p;

	bench_bare(b, 1);
	for (unsigned i = 0; i < n; i++) {
		const struct triple *t = triple_named(names[i % 4]);

		f[i] = model_function(b->m, 0, 0, i + 1, 0, FN_FLR,
				      model_unit(b->m, 0xfed00000 + i * 0x10000,
						 0, t->ver, t->cap, t->ecap));
	}
	bench_boot(b);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(process_attach(p, f[i], 0), 0);
	return p;
}

/* Of 3, 4 and 5 levels, coherent and not, with queue and without. */
static void test_unmap_flushes_every_unit(void **state)
{
	struct function *f[20];
	struct process *p;
	struct bench b;

	(void)state;
	for (unsigned n = 1; n <= 20; n += n < 8 ? 3 : 1) {
		p = many_units(&b, n, f);
		attack_always(&b);
		for (unsigned i = 0; i < n; i++)
			assert_true(can_write(p, f[i], VA));
		assert_int_equal(process_unmap(p, VA, 1), 0);
		for (unsigned i = 0; i < n; i++) {
			assert_false(can_write(p, f[i], VA));
			assert_true(can_write(p, f[i], VA + PAGE));
		}
		process_end(p);
		bench_close(&b);
	}
}

static bool in_a_turn(void)
{
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (iommu.units[i]->turn.taken)
			return true;
	return false;
}

/* Detaches a device from the hook, as another thread would that need not wait
 * for its turn. */
static void detach_meanwhile(struct machine *m, const struct happening *h)
{
	struct function *f = m->hook_arg;

	if (h->what != E_RELAX || in_a_turn() || !f->holder)
		return;
	m->hook = NULL;
	m->in_hook = false;
	assert_int_equal(iommu_detach(dev(f)), 0);
	f->holder = NULL;
}

/* Units leave a space while a flush waits for others: none is left out. */
static void test_a_device_goes_while_its_space_is_flushed(void **state)
{
	struct function *f[12];
	struct process *p;
	struct bench b;

	(void)state;
	for (unsigned gone = 0; gone < 12; gone++) {
		p = many_units(&b, 12, f);
		for (unsigned i = 0; i < 12; i++)
			assert_true(can_write(p, f[i], VA));
		b.m->hook = detach_meanwhile;
		b.m->hook_arg = f[gone];
		assert_int_equal(process_unmap(p, VA, 1), 0);
		assert_null(f[gone]->holder);
		process_end(p);
		bench_close(&b);
	}
}

/* Each allocation of a map, one at a time: nothing is half mapped. */
static bool map_fails_at(const char *name, unsigned n)
{
	struct process *p;
	struct bench b;
	bool failed;

	start(&b, name, WITHOUT_WIRED);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.m->mem.fail_at = b.m->mem.allocations + n;
	failed = process_map(p, VA + (1ul << 30) - PAGE, 2, RW) < 0;
	b.m->mem.fail_at = 0;
	if (failed) {
		assert_non_null(strstr(b.m->error, "no memory"));
		assert_false(p->lost || p->s->lost);
		assert_false(can_read(p, b.flr, VA + (1ul << 30)));
	}
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(can_read(p, b.flr, VA + (1ul << 30)), !failed);
	process_end(p);
	bench_close(&b);
	return failed;
}

static void test_no_memory_at_each_allocation_of_map(void **state)
{
	unsigned n;

	(void)state;
	for (n = 1; map_fails_at("qemu", n); n++)
		;
	assert_in_range(n, 2, 5);
	for (n = 1; map_fails_at("real unit 1", n); n++)
		;
	assert_in_range(n, 2, 5);
}

static void test_no_memory_at_each_allocation_of_a_space(void **state)
{
	struct process *p = NULL;
	struct bench b;
	unsigned n;

	(void)state;
	start(&b, "qemu", WITHOUT_WIRED);
	for (n = 1; n < 10; n++) {
		b.m->mem.fail_at = b.m->mem.allocations + n;
		p = process(&b, 7);
		if (p->s)
			break;
		assert_non_null(strstr(b.m->error, "no memory"));
		assert_int_equal(b.m->mem.objects, b.objects);
	}
	assert_int_equal(n, 3);
	process_end(p);
	bench_close(&b);
}

/* A process has thousands of pages, and gives them up one by one. */
static void test_many_pages(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.m->policy.latency = 0;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_map(p, VA, 1200, RW), 0);
	for (unsigned i = 0; i < 1200; i += 7)
		assert_true(can_write(p, b.flr, VA + i * PAGE));
	for (unsigned i = 0; i < 1200; i += 2)
		assert_int_equal(process_unmap(p, VA + i * PAGE, 1), 0);
	for (unsigned i = 0; i < 1200; i++)
		assert_int_equal(can_read(p, b.flr, VA + i * PAGE), i % 2);
	process_end(p);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_changes_on_all_units),
		bench_test(test_unmap_flushes_the_iotlb),
		bench_test(test_write_protection_flushes_the_iotlb),
		bench_test(test_copy_on_write_flushes_the_iotlb),
		bench_test(test_map_flushes_absent_translations),
		bench_test(test_map_flushes_the_write_buffer),
		bench_test(test_map_flushes_nothing_without_need),
		bench_test(test_unmap_drains_reads_and_writes),
		bench_test(test_a_range_replaces_pages_behind_its_first),
		bench_test(test_mapping_without_rights_unmaps),
		bench_test(test_gathers_without_a_space_swallow_everything),
		bench_test(test_a_gather_is_empty_after_its_flush),
		bench_test(test_addresses_beyond_the_tables_are_refused),
		bench_test(test_unmap_flushes_every_unit),
		bench_test(test_a_device_goes_while_its_space_is_flushed),
		bench_test(test_no_memory_at_each_allocation_of_map),
		bench_test(test_no_memory_at_each_allocation_of_a_space),
		bench_test(test_many_pages),
	};

	return cmocka_run_group_tests_name("spaces", tests, NULL, NULL);
}
