/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's memory manager above the driver on the model, as in
 * test_aspace.c: single situations, each strictly and lazily.
 */
#include "mm_cases.h"

/* A table of a process that a dead unit may still walk is lost with it. */
static void test_tables_that_a_unit_died_with(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 4, 0);

	run.flush_fails = true;
	(void)!aspace_munmap(as, va, PAGE);
	(void)lazy_reclaim();
	run.flush_fails = false;
	close_run();
	assert_true(run.lost >= 1 + 2);	/* a frame, and tables */
}

/* A page of PROT_NONE beside one that waits is not taken for one. */
static void test_neighbour_without_rights(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 3, 0);

	assert_int_equal(aspace_mprotect(as, va + PAGE, PAGE, 0), 0);
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_waits(1);
	assert_true(aspace_fault(as, va, MM_READ) < 0);
	assert_int_equal(lazy_reclaim(), is_lazy());
	assert_int_equal(aspace_mprotect(as, va + PAGE, PAGE, MM_READ), 0);
	close_run();
}

static void test_broken_copy(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 2, 0), w = mapped(as, 1, MM_PINNED);

	mm_look(as);
	run.child[0] = aspace_fork(as);
	assert_non_null(run.child[0]);
	assert_int_equal(aspace_munmap(as, w, PAGE), 0);
	assert_waits(1);
	mm_look(as);
	assert_int_equal(aspace_fault(as, va, MM_WRITE), 0);
	mm_look(as);
	assert_waits(0);
	w = mapped(as, 1, MM_PINNED);
	assert_int_equal(aspace_munmap(as, w, PAGE), 0);
	assert_int_equal(aspace_munmap(as, va + PAGE, PAGE), 0);
	assert_waits(0);	/* the child has it too */
	close_run();
}

static void child_ends(void)
{
	end_child(0);
}

/* The last other holder of a page goes while it is copied, or before. */
static void test_copy_of_the_last_one(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 2, 0);

	run.child[0] = aspace_fork(as);
	assert_non_null(run.child[0]);
	mm_look(as);
	run.in_shootdown = child_ends;
	assert_int_equal(aspace_fault(as, va, MM_WRITE), 0);
	assert_null(run.child[0]);
	mm_look(as);
	assert_int_equal(aspace_fault(as, va + PAGE, MM_WRITE), 0);
	assert_string_equal(aspace_check(as), "ok");
	for (unsigned i = 0; i < 2; i++)
		assert_true(model_dma(run.b.m, 0, run.f[0]->sid, va + i * PAGE,
				      &va, 8, true));
	close_run();
}

/* The other holder of a page that is unmapped goes before the flush: the device
 * that still reaches it keeps it. */
static void test_unmapped_as_the_last_one_goes(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 2, 0);

	run.child[0] = aspace_fork(as);
	assert_non_null(run.child[0]);
	mm_look(as);
	assert_int_equal(may(va), MM_READ);
	run.in_flush = child_ends;
	assert_int_equal(aspace_munmap(as, va, 2 * PAGE), 0);
	assert_null(run.child[0]);
	assert_waits(0);
	close_run();
}

static void test_unmapped_twice(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 8, MM_PINNED);

	assert_int_equal(aspace_munmap(as, va + 2 * PAGE, 3 * PAGE), 0);
	assert_waits(3);
	assert_int_equal(aspace_munmap(as, va, 4 * PAGE), 0);
	assert_waits(2);
	close_run();
}

/* Not while it waits; but who asks for just that one, gets it. */
static void test_address_that_waits(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 1, MM_PINNED), next;

	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	next = mapped(as, 1, 0);
	assert_waits(1);
	assert_int_equal(next == va, !is_lazy());
	if (next == va)
		assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_int_equal(aspace_mmap(as, va, PAGE, MM_READ | MM_WRITE,
				     MM_FIXED), va);
	assert_waits(0);
	close_run();
}

/* There are only so many regions, and those that wait are the first to go. */
static void test_regions_run_out(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 1, MM_PINNED);
	unsigned n = 0;

	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	while (aspace_mmap(as, 0, PAGE, n % 2 ? MM_READ : 0, 0) > 0)
		n++;
	assert_in_range(n, 8000, 8192);
	assert_waits(0);
	close_run();
}

/* What is kept without any right counts as unmapped. */
static void test_stores_are_counted(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t maps = counter_sum(&iommu.maps), unmaps, va;

	va = mapped(as, 1, MM_PINNED);
	assert_true(counter_sum(&iommu.maps) > maps);
	maps = counter_sum(&iommu.maps);
	unmaps = counter_sum(&iommu.unmaps);
	assert_int_equal(aspace_mprotect(as, va, PAGE, 0), 0);
	assert_int_equal(counter_sum(&iommu.maps), maps);
	assert_int_equal(counter_sum(&iommu.unmaps), unmaps + 1);
	close_run();
}

/* There is none for a table. */
static void test_no_table(void **state)
{
	struct aspace *as = begin(*state);
	long va = aspace_mmap(as, 0, 3 * LARGE * PAGE, MM_READ, 0);
	uint64_t at = (uint64_t)va + 2 * LARGE * PAGE;

	mm_no_memory = true;
	assert_true(aspace_fault(as, at, MM_READ) < 0);
	mm_no_memory = false;
	assert_string_equal(aspace_check(as), "ok");
	assert_int_equal(may(at), 0);
	assert_int_equal(aspace_fault(as, at, MM_READ), 0);
	assert_int_equal(may(at), MM_READ);
	close_run();
}

/* A unit in caching mode has cached that there is not even a table. */
static void test_a_page_under_a_new_table(void **state)
{
	struct aspace *as;
	uint64_t va;

	open_run(triple_named("caching, coherent"), 1, *state,
		 "4096,1000,4096");
	attach_to(process_at(0), 0);
	as = run.p[0].as;
	va = (uint64_t)aspace_mmap(as, 0, 3 * LARGE * PAGE, MM_READ, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(may(va + i * LARGE * PAGE), 0);
		assert_int_equal(aspace_fault(as, va + i * LARGE * PAGE,
					      MM_READ), 0);
		assert_int_equal(may(va + i * LARGE * PAGE), MM_READ);
	}
	close_run();
}

/* Units need not forget more than what goes. */
static void test_one_page_is_flushed_alone(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 2, MM_PINNED);
	const struct vtd *u = vtd_of(run.b.u);
	uint64_t pages, domains;

	assert_int_equal(may(va), MM_READ | MM_WRITE);
	pages = u->stats.asked[QI_IOTLB | GRAN_PAGES << 4];
	domains = u->stats.asked[QI_IOTLB | GRAN_DOMAIN << 4];
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	(void)lazy_reclaim();
	assert_int_equal(u->stats.asked[QI_IOTLB | GRAN_PAGES << 4], pages + 1);
	assert_int_equal(u->stats.asked[QI_IOTLB | GRAN_DOMAIN << 4], domains);
	close_run();
}

/* There is no frame for the copy. */
static void test_no_copy(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 1, 0);
	size_t free;

	run.child[0] = aspace_fork(as);
	free = mm_free();
	mm_no_memory = true;
	assert_true(aspace_fault(as, va, MM_WRITE) < 0);
	mm_no_memory = false;
	assert_int_equal(mm_free(), free);
	assert_string_equal(aspace_check(as), "ok");
	assert_int_equal(aspace_fault(as, va, MM_WRITE), 0);
	close_run();
}

/* What it may still reach is used by nobody, ever. */
static void test_a_unit_fails(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 4, 0);
	size_t free = mm_free();

	run.flush_fails = true;
	assert_int_equal(aspace_munmap(as, va, PAGE) < 0, !is_lazy());
	(void)lazy_reclaim();
	run.flush_fails = false;
	assert_int_equal(mm_free(), free);
	assert_true(aspace_fault(as, va, MM_READ) < 0);
	assert_int_equal(aspace_munmap(as, va + PAGE, PAGE), 0);
	assert_int_equal(mm_free(), free);
	close_run();
}

/* Its unit has failed with it, and it has no device any more. */
static void lose(struct aspace *as, uint64_t va, unsigned pages)
{
	run.flush_fails = true;
	(void)!aspace_munmap(as, va, pages * PAGE);
	(void)lazy_reclaim();
	run.flush_fails = false;
	drop_device(0);
}

/* Nor is what it gives up later: the unit may still reach that. */
static void test_a_copy_behind_a_failed_unit(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 4, 0);

	lose(as, va + 3 * PAGE, 1);
	run.child[0] = aspace_fork(as);
	assert_non_null(run.child[0]);
	mm_look(as);
	assert_int_equal(aspace_fault(as, va, MM_WRITE), 0);
	mm_look(as);
	close_run();
	/* What was unmapped, the page before the copy, three that it had at its
	 * end, and three tables. */
	assert_int_equal(run.lost, 1 + 1 + 3 + 3);
}

static void test_a_table_behind_a_failed_unit(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, LARGE, 0);

	lose(as, va, LARGE);
	assert_int_equal(mapped(as, LARGE, MM_PINNED), va);
	close_run();
	/* All pages, the table in the way of the large one, and two above it. */
	assert_int_equal(run.lost, 2 * LARGE + 1 + 2);
}

static uint64_t somewhere;

static void unmaps_meanwhile(void)
{
	assert_int_equal(aspace_munmap(run.p[0].as, somewhere, PAGE), 0);
}

/* Whatever another thread unmaps by then. */
static void test_strict_from_here_on(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 1, MM_PINNED);

	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	somewhere = mapped(as, 1, MM_PINNED);
	mm_after_lock = unmaps_meanwhile;
	assert_int_equal(lazy_write("strict", NULL), 0);
	mm_after_lock = NULL;
	assert_int_equal(quarantine_state().pages, 0);
	close_run();
}

/* Just behind its last device. */
static void test_no_space_any_more(void **state)
{
	begin(*state);
	somewhere = mapped(run.p[0].as, 1, MM_PINNED);
	aspace_revoke_device(run.p[0].as, run.f[0]);
	assert_int_equal(iommu_detach(dev(run.f[0])), 0);
	run.f[0]->holder = NULL;
	run.has[0] = NULL;
	run.p[0].devices = 0;
	mm_after_lock = unmaps_meanwhile;
	aspace_io_drop(run.p[0].as);
	run.p[0].s = NULL;
	run.p[0].o->n = 0;
	close_run();
}

static void ends_meanwhile(void)
{
	mm_before_lock = NULL;
	drop_device(0);
	aspace_put(run.p[0].as);
}

/* Who has found its quarantine still has the space. */
static void test_a_process_ends_while_it_is_looked_at(void **state)
{
	struct mm_process *p = &run.p[0];
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 2, MM_PINNED);

	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	mm_before_lock = ends_meanwhile;
	if (!lazy_reclaim())
		ends_meanwhile();	/* nobody looked */
	mm_forget(as);
	mm_proc_free(p->proc);
	owner_free(p->o);
	*p = (struct mm_process){ 0 };
	close_run();
}

/* What is strict flushes what waits, and lets it go. */
static void test_one_flush_for_both(void **state)
{
	struct aspace *as = begin(*state);
	uint64_t va = mapped(as, 2, MM_PINNED), many;
	struct quarantine_mode mode = quarantine_state().mode;

	many = mapped(as, 20, MM_PINNED);
	mode.share = 8;
	quarantine_set(&mode);
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_waits(1);
	assert_int_equal(aspace_munmap(as, many, 20 * PAGE), 0);
	assert_int_equal(quarantine_state().pages, 0);
	close_run();
}

/* Of an entry: these bits go, those come. */
static const struct {
	uint64_t clear, set;
	const char *what;
} wrong[] = {
	{ SL_RIGHTS, BIT64(9), "an absent entry is not 0" },
	{ 0, SL_SNP, "a leaf says SNP, which a unit does not know" },
	{ 0, SL_TM, "a leaf says TM, which a unit may not know" },
	{ 0xffffffffff000, RAM_BASE,
	  "a page is there that should not be" },
};

/* Each kind of corruption that aspace_check knows, planted and named. */
static void test_planted_corruptions(void **state)
{
	struct aspace *as = begin("lazy");
	uint64_t va = mapped(as, 4, MM_PINNED), was, *e;
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
	e = entry_at(va + 2 * PAGE, &size);
	was = *e;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		*e = (was & ~wrong[i].clear) | wrong[i].set;
		assert_string_equal(aspace_check(as), wrong[i].what);
	}
	*e = was;
	assert_string_equal(aspace_check(as), "ok");
	close_run();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH(test_neighbour_without_rights),
		IN_BOTH(test_broken_copy),
		IN_BOTH(test_tables_that_a_unit_died_with),
		IN_BOTH(test_unmapped_as_the_last_one_goes),
		IN_BOTH(test_unmapped_twice),
		IN_BOTH(test_copy_of_the_last_one),
		IN_BOTH(test_no_copy),
		IN_BOTH(test_stores_are_counted),
		IN_BOTH(test_no_table),
		IN_BOTH(test_a_page_under_a_new_table),
		IN_BOTH(test_one_page_is_flushed_alone),
		IN_BOTH(test_a_unit_fails),
		IN_BOTH(test_a_copy_behind_a_failed_unit),
		IN_BOTH(test_a_table_behind_a_failed_unit),
		IN_BOTH(test_strict_from_here_on),
		IN_BOTH(test_no_space_any_more),
		IN_BOTH(test_a_process_ends_while_it_is_looked_at),
		IN_BOTH(test_one_flush_for_both),
		IN_BOTH(test_address_that_waits),
		IN_BOTH(test_regions_run_out),
		bench_test(test_planted_corruptions),
	};

	return cmocka_run_group_tests_name("mm", tests, NULL, NULL);
}
