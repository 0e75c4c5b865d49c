/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's memory manager (kern/mm/aspace.c, pages.c, lazy.c, quarantine.c)
 * above the driver on the model: what processes do by chance, strictly and
 * lazily, while their devices attack.
 *
 * SEED, OPS and RUNS: as in test_random.c.
 */
#include "mm_bench.h"

#include <vtd/table_impl.h>

static struct mm_process *some_process(void)
{
	return process_at(chance(PROCS));
}

static struct map *some_map(struct mm_process *p)
{
	return &p->maps[chance(MAPS)];
}

static void do_map(void)
{
	struct mm_process *p = some_process();
	struct map *m = some_map(p);
	unsigned pages = 1 + chance(chance(6) ? 12 : 600);
	int flags = chance(4) ? MM_PINNED : 0;
	uint64_t at = 0;
	long va;

	if (m->pages)
		return;
	if (!chance(3)) {
		flags |= MM_FIXED;	/* perhaps where something waits */
		at = USER + chance(600) * PAGE;
		pages = 1 + chance(4);
	}
	va = aspace_mmap(p->as, at, pages * PAGE, chance(8) ? MM_READ | MM_WRITE :
			 0, flags);
	if (va > 0)
		*m = (struct map){ (uint64_t)va, pages };
}

static void do_touch(void)
{
	struct mm_process *p = some_process();
	struct map *m = some_map(p);

	for (unsigned n = 4; m->pages && n; n--)
		(void)aspace_fault(p->as, m->va + chance(m->pages) * PAGE,
				   chance(3) ? MM_WRITE : MM_READ);
}

/* An address that waits is to be had, if somebody insists. */
static void do_map_again(void)
{
	struct mm_process *p = some_process();
	struct map *m = some_map(p);
	uint64_t va = 0;

	for (unsigned i = 0; i < p->o->n; i++)
		if (p->o->list[i].late && !p->o->list[i].is_rights &&
		    (!va || chance(2)))
			va = p->o->list[i].va;
	if (!va || m->pages)
		return;
	assert_int_equal(aspace_mmap(p->as, va, PAGE, MM_READ | MM_WRITE,
				     MM_FIXED | MM_PINNED), va);
	assert_int_equal(waits(p->o), 0);
	*m = (struct map){ va, 1 };
}

/* Over mappings, what waits, and nothing; around whole tables, too. */
static void do_unmap_anything(void)
{
	struct mm_process *p = some_process();
	uint64_t va = USER + (chance(2) ? chance(300) : chance(3) * 512) * PAGE;
	unsigned n = chance(2) ? 1 + chance(40) : 512 * (1 + chance(2));

	assert_int_equal(aspace_munmap(p->as, va, n * PAGE), 0);
	for (struct map *m = p->maps; m < p->maps + MAPS; m++)
		if (m->va < va + n * PAGE && m->va + m->pages * PAGE > va)
			m->pages = 0;	/* what is left of it, stays */
	assert_true(aspace_fault(p->as, va + chance(n) * PAGE, MM_READ) < 0);
}

/* Whole mappings, and parts of them from either end or in the middle. */
static void unmap_some(struct mm_process *p)
{
	struct map *m = some_map(p);
	unsigned first, n;

	if (!m->pages)
		return;
	first = chance(2) ? 0 : chance(m->pages);
	n = chance(3) ? 1 : 1 + chance(m->pages - first);
	assert_int_equal(aspace_munmap(p->as, m->va + first * PAGE, n * PAGE),
			 0);
	assert_true(aspace_fault(p->as, m->va + first * PAGE, MM_READ) < 0);
	if (!first) {
		m->va += n * PAGE;
		m->pages -= n;
	} else {
		(void)!aspace_munmap(p->as, m->va + first * PAGE,
				     (m->pages - first) * PAGE);
		m->pages = first;
	}
}

static void do_unmap(void)
{
	unmap_some(some_process());
}

static void goes_on(struct mm_process *p)
{
	if (chance(2))
		unmap_some(p);
}

/* A page a call, from the front of a mapping. */
static void do_unmap_singly(void)
{
	struct mm_process *p = some_process();
	struct map *m = some_map(p);

	for (unsigned n = chance(12); n && m->pages; n--) {
		assert_int_equal(aspace_munmap(p->as, m->va, PAGE), 0);
		m->va += PAGE;
		m->pages--;
	}
}

static void do_protect(void)
{
	static const int prots[] = { 0, MM_READ, MM_READ | MM_WRITE };
	struct mm_process *p = some_process();
	struct map *m = some_map(p);
	unsigned first;

	if (!m->pages)
		return;
	first = chance(m->pages);
	assert_int_equal(aspace_mprotect(p->as, m->va + first * PAGE,
					 (1 + chance(m->pages - first)) * PAGE,
					 prots[chance(3)]), 0);
	assert_int_equal(waits(p->o), 0);
}

/* The child writes to what it shares, and ends later. */
static void do_fork(void)
{
	struct mm_process *p = some_process();
	unsigned i = chance(CHILDREN);

	if (run.child[i]) {
		for (unsigned n = 0; n < run.touched[i].pages; n++)
			(void)aspace_fault(run.child[i], run.touched[i].va +
					   n * PAGE, MM_WRITE);
		aspace_put(run.child[i]);
		run.child[i] = NULL;
		return;
	}
	run.child[i] = aspace_fork(p->as);
	if (run.child[i])
		assert_int_equal(waits(p->o), 0);
	run.touched[i] = *some_map(p);
	unmap_some(p);
	do_touch();		/* perhaps what is shared now */
}

static void do_attach(void)
{
	attach_to(some_process(), chance(DEVICES));
}

static void do_detach(void)
{
	unsigned i = chance(DEVICES);

	if (run.has[i] && !chance(4))
		drop_device(i);
}

static void do_end(void)
{
	struct mm_process *p = &run.p[chance(PROCS)];

	if (p->as && !chance(6))
		end(p);
}

static void do_reclaim(void)
{
	if (chance(4))
		return;
	(void)lazy_reclaim();
	assert_int_equal(quarantine_state().pages, 0);
}

static void (*const operations[])(void) = {
	do_map, do_map, do_map, do_map, do_touch, do_touch, do_unmap, do_unmap,
	do_unmap_singly, do_unmap_singly, do_unmap_singly, do_unmap_singly,
	do_protect, do_fork, do_attach, do_attach, do_detach, do_end,
	do_reclaim, do_map_again, do_map_again,
	do_unmap_anything,
};

/* One device at some pages of its process: what it may, no more. */
static void check_device(struct function *f)
{
	struct mapping *e;
	uint64_t v;

	for (unsigned n = 0; n < 3 && f->holder && f->holder->n; n++) {
		e = &f->holder->list[chance(f->holder->n)];
		for (unsigned w = 0; w < 2 && !e->late; w++)
			if (model_dma(run.b.m, f->segment, f->sid, e->va, &v, 8,
				      w) != (e->is_rights >> w & 1))
				fail_msg("0x%lx: not what it may", e->va);
	}
}

static void check_all(bool lazy)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROCS; i++) {
		if (!run.p[i].s)
			continue;
		if (!chance(16))
			assert_string_equal(aspace_check(run.p[i].as), "ok");
		n += waits(run.p[i].o);
	}
	for (unsigned i = 0; i < DEVICES; i++)
		check_device(run.f[i]);
	/* Some wait that no device could reach: of PROT_NONE. */
	assert_true(quarantine_state().pages >= n);
	assert_true(lazy || !run.npending);
	run.waited += n > 0;
}

static void one_operation(bool lazy)
{
	uint64_t now;

	operations[chance(ARRAY_SIZE(operations))]();
	now = run.b.m->now;
	mm_turn(now);
	assert_true(quarantine_due() > now);
	if (!run.b.m->violations)
		check_all(lazy);
}

static void one_run(uint64_t seed, unsigned ops)
{
	static const char *const bounds[] = {
		"4096,1000,4096", "4096,2,4096", "20,50,9", "1024,1000,256",
	};
	static char label[60];

	open_run(triple_at((unsigned)seed % ntriples), seed,
		 seed % 4 ? "lazy" : "strict", bounds[seed / 4 % 4]);
	snprintf(label, sizeof(label), "SEED=%lu OPS=%u", seed, ops);
	run.b.m->label = label;
	for (unsigned i = 0; i < 2 * DEVICES; i++)
		do_attach();
	run.goes_on = goes_on;
	while (ops-- && !run.b.m->violations)
		one_operation(seed % 4);
	close_run();
}

static struct aspace *begin(void)
{
	open_run(triple_named("qemu"), 1, "lazy", "4096,1000,4096");
	attach_to(process_at(0), 0);
	return run.p[0].as;
}

static uint64_t mapped(struct aspace *as, unsigned pages, int flags)
{
	long va = aspace_mmap(as, 0, pages * PAGE, MM_READ | MM_WRITE, flags);

	assert_true(va > 0);
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(aspace_fault(as, (uint64_t)va + i * PAGE,
					      MM_WRITE), 0);
	return (uint64_t)va;
}

/* A page of PROT_NONE beside one that waits is not taken for one. */
static void test_neighbour_without_rights(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 3, 0);

	(void)state;
	assert_int_equal(aspace_mprotect(as, va + PAGE, PAGE, 0), 0);
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 1);
	assert_true(aspace_fault(as, va, MM_READ) < 0);
	assert_true(lazy_reclaim());
	assert_int_equal(aspace_mprotect(as, va + PAGE, PAGE, MM_READ), 0);
	close_run();
}

static void test_broken_copy(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 2, 0), w = mapped(as, 1, MM_PINNED);

	(void)state;
	run.child[0] = aspace_fork(as);
	assert_non_null(run.child[0]);
	assert_int_equal(aspace_munmap(as, w, PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 1);
	assert_int_equal(aspace_fault(as, va, MM_WRITE), 0);
	assert_int_equal(waits(run.p[0].o), 0);
	w = mapped(as, 1, MM_PINNED);
	assert_int_equal(aspace_munmap(as, w, PAGE), 0);
	assert_int_equal(aspace_munmap(as, va + PAGE, PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 0);	/* the child has it too */
	close_run();
}

static void test_unmapped_twice(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 8, MM_PINNED);

	(void)state;
	assert_int_equal(aspace_munmap(as, va + 2 * PAGE, 3 * PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 3);
	assert_int_equal(aspace_munmap(as, va, 4 * PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 2);
	close_run();
}

/* Not while it waits; but who asks for just that one, gets it. */
static void test_address_that_waits(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 1, MM_PINNED);

	(void)state;
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_true(mapped(as, 1, MM_PINNED) != va);
	assert_int_equal(waits(run.p[0].o), 1);
	assert_int_equal(aspace_mmap(as, va, PAGE, MM_READ | MM_WRITE,
				     MM_FIXED), va);
	assert_int_equal(waits(run.p[0].o), 0);
	close_run();
}

/* There are only so many regions, and those that wait are the first to go. */
static void test_regions_run_out(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 1, MM_PINNED);
	unsigned n = 0;

	(void)state;
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	while (aspace_mmap(as, 0, PAGE, n % 2 ? MM_READ : 0, 0) > 0)
		n++;
	assert_in_range(n, 8000, 8192);
	assert_int_equal(waits(run.p[0].o), 0);
	close_run();
}

/* What is strict flushes what waits, and lets it go. */
static void test_one_flush_for_both(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 2, MM_PINNED), many;
	struct quarantine_mode mode = quarantine_state().mode;

	(void)state;
	many = mapped(as, 20, MM_PINNED);
	mode.share = 8;
	quarantine_set(&mode);
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_int_equal(quarantine_state().pages, 1);
	assert_int_equal(aspace_munmap(as, many, 20 * PAGE), 0);
	assert_int_equal(quarantine_state().pages, 0);
	close_run();
}

/* Each kind of corruption that aspace_check knows, planted and named. */
static void test_planted_corruptions(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 4, MM_PINNED), was, *table;
	size_t size;

	(void)state;
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_int_equal(quarantine_state().pages, 1);
	assert_string_equal(aspace_check(as), "ok");
	assert_string_equal(mm_check_wrong(as, MM_NOT_ITS_OWN),
			    "a frame in quarantine is not its own");
	assert_string_equal(mm_check_wrong(as, MM_MISCOUNTED),
			    "its quarantine is not what was counted");
	assert_int_equal(aspace_munmap(as, va + PAGE, PAGE), 0);
	(void)lazy_reclaim();
	assert_string_equal(mm_check_wrong(as, MM_NO_SPACE),
			    "it has devices, but no I/O space");
	assert_int_not_equal(bench_leaf(&run.p[0].s->table, va + 2 * PAGE,
					&size), 0);
	table = run.p[0].s->table.top[0];
	for (unsigned level = 3; level > 1; level--)
		table = sl_table_under(table[sl_index(va + 2 * PAGE, level)],
				       level);
	table += sl_index(va + 2 * PAGE, 1);
	was = *table;
	*table = 0;
	assert_string_equal(aspace_check(as),
			    "its devices do not see all of its pages");
	*table = was;
	assert_string_equal(aspace_check(as), "ok");
	close_run();
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

static void test_processes_by_chance(void **state)
{
	uint64_t seed = setting("SEED", 1), ops = setting("OPS", 120);
	uint64_t runs = setting("RUNS", getenv("OPS") ? 1 : 2 * ntriples);
	uint64_t waited = 0;

	(void)state;
	for (; runs; runs--, seed++) {
		one_run(seed, (unsigned)ops);
		waited += run.waited;
	}
	for (unsigned why = 0; why < QUARANTINE_WHYS; why++)
		assert_true(run.ended.flushes[why] || getenv("OPS"));
	print_message("after %lu operations pages waited\n", waited);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_neighbour_without_rights),
		bench_test(test_broken_copy),
		bench_test(test_unmapped_twice),
		bench_test(test_one_flush_for_both),
		bench_test(test_address_that_waits),
		bench_test(test_regions_run_out),
		bench_test(test_planted_corruptions),
		bench_test(test_processes_by_chance),
	};

	return cmocka_run_group_tests_name("aspace", tests, NULL, NULL);
}
