/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level tables (kern/arch/x86/vtd/table.c) against a naive array: after
 * each of many random changes, what a unit of 3, 4 and 5 levels finds by
 * walking memory as it sees it is what the array says.
 */
#include "bench.h"

#define WINDOW	1024u		/* pages that the array knows, in a place */

/* Where tables and their parents begin and end. */
static const uint64_t places[] = {
	0, (1ul << 21) * 7 - 512 * PAGE, (1ul << 30) - 512 * PAGE, VA,
	(1ul << 39) - WINDOW * PAGE,
};
#define PLACES	ARRAY_SIZE(places)

struct naive {
	struct machine *m;
	struct model_unit *u;
	struct sl_table t;
	uint64_t entry[PLACES][WINDOW];
	struct iommu_change change;
};

static uint64_t looked_up(struct naive *n, uint64_t va)
{
	size_t size;
	uint64_t e = sl_lookup(&n->t, va, &size);

	if (!e)
		return 0;
	return ((e & ~0x80ul) | (va & (size - 1) & ~0xffful));
}

static void open_naive(struct naive *n, uint64_t ecap, uint64_t seed)
{
	memset(n, 0, sizeof(*n));
	n->m = model_start(seed);
	n->m->limit = UINT64_MAX;
	n->u = model_unit(n->m, 0xfed90000, 0, 0x10, triple_named("qemu")->cap,
			  ecap);
	assert_int_equal(sl_init(&n->t), 0);
	assert_int_equal(sl_adapt(&n->t, (struct sl_format){
		.leaf_levels = 3, .flush_lines = !(ecap & 1),
	}, &n->change), 0);
}

static void close_naive(struct naive *n)
{
	assert_int_equal(n->m->mem.objects, n->t.pages);
	sl_free(&n->t);
	assert_int_equal(n->t.pages, 0);
	assert_int_equal(n->m->mem.objects, 0);
	model_check(n->m);
	model_stop(n->m);
}

/* As the unit does it (VT-d 9.8), and nothing but rights and address is set. */
static uint64_t found(struct naive *n, unsigned levels, uint64_t va)
{
	physaddr_t at = sl_root(&n->t, levels);
	uint64_t e = 0;

	for (unsigned level = levels; level > 0; level--) {
		at += (va >> (12 + 9 * (level - 1)) & 511) * 8;
		assert_true(memory_unit_read(n->u, at, &e));
		assert_int_equal(e & ~(ones(51, 12) | 3), 0);
		if (!(e & 3))
			return 0;
		at = e & ones(51, 12);
	}
	return e;
}

static void compare(struct naive *n, unsigned place, unsigned page)
{
	uint64_t va = places[place] + page * PAGE;
	uint64_t want = n->entry[place][page];

	assert_int_equal(looked_up(n, va), want);
	for (unsigned levels = 3; levels <= 5; levels++)
		assert_int_equal(found(n, levels, va), want);
}

static void compare_all(struct naive *n)
{
	for (unsigned place = 0; place < PLACES; place++)
		for (unsigned page = 0; page < WINDOW; page++)
			compare(n, place, page);
}

static void map(struct naive *n, unsigned place, unsigned first, unsigned len)
{
	uint64_t rights = 1 + model_random(n->m, 3);
	physaddr_t pa = (uint64_t)model_random(n->m, 1u << 24) << 12;
	bool some = false;

	for (unsigned i = 0; i < len; i++) {
		some |= n->entry[place][first + i] != 0;
		n->entry[place][first + i] = (pa + i * PAGE) | rights;
	}
	assert_int_equal(sl_map(&n->t, places[place] + first * PAGE, pa,
				len * PAGE, rights, &n->change), 0);
	assert_int_equal(n->change.removed, some);
	sl_reap(&n->t, &n->change);
}

static void keep(struct naive *n, unsigned place, unsigned first, unsigned len)
{
	uint64_t rights = model_random(n->m, 4), *e;

	assert_int_equal(sl_keep(&n->t, places[place] + first * PAGE,
				 len * PAGE, rights, &n->change), 0);
	sl_reap(&n->t, &n->change);
	for (unsigned i = 0; i < len; i++) {
		e = &n->entry[place][first + i];
		*e = *e & 3 & rights ? *e & (rights | ~3ul) : 0;
	}
}

static void random_changes(uint64_t ecap, uint64_t seed)
{
	unsigned place, first, len;
	static struct naive n;

	open_naive(&n, ecap, seed);
	for (unsigned i = 0; i < 1000; i++) {
		place = model_random(n.m, PLACES);
		first = model_random(n.m, WINDOW);
		len = 1 + model_random(n.m, model_random(n.m, 8) ? 9 : 600);
		len = MIN(len, WINDOW - first);
		if (model_random(n.m, 2))
			map(&n, place, first, len);
		else
			keep(&n, place, first, len);
		for (unsigned k = 0; k < len; k++)
			compare(&n, place, first + k);
	}
	compare_all(&n);
	close_naive(&n);
}

static void test_random_changes_seen_by_a_coherent_unit(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		random_changes(triple_named("qemu")->ecap | 1, seed);
}

static void test_random_changes_seen_by_an_incoherent_unit(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		random_changes(triple_named("qemu")->ecap & ~1ul, seed);
}

/* Nothing of what lies above 2^39 is let through by the deeper tables. */
static void test_the_tables_end_at_2_to_the_39(void **state)
{
	static struct naive n;

	(void)state;
	open_naive(&n, triple_named("qemu")->ecap, 1);
	assert_int_equal(sl_map(&n.t, 0, RAM_BASE, PAGE, 3, &n.change), 0);
	assert_int_equal(found(&n, 4, 0), RAM_BASE | 3);
	for (unsigned shift = 39; shift < 57; shift++)
		assert_int_equal(found(&n, 5, 1ul << shift), 0);
	for (unsigned shift = 39; shift < 48; shift++)
		assert_int_equal(found(&n, 4, 1ul << shift), 0);
	for (unsigned shift = 39; shift < 64; shift++) {
		assert_int_equal(looked_up(&n, 1ul << shift), 0);
		assert_true(sl_map(&n.t, 1ul << shift, RAM_BASE, PAGE, 3,
				   &n.change) < 0);
	}
	close_naive(&n);
}

/* Index arithmetic must not fold it onto what lies below. */
static void test_keep_beyond_the_end_takes_nothing_away(void **state)
{
	static struct naive n;

	(void)state;
	open_naive(&n, triple_named("qemu")->ecap, 1);
	assert_int_equal(sl_map(&n.t, 0, RAM_BASE, PAGE, 3, &n.change), 0);
	for (unsigned shift = 39; shift < 64; shift++)
		assert_int_equal(sl_keep(&n.t, 1ul << shift, PAGE, 0, &n.change), 0);
	assert_int_equal(sl_keep(&n.t, (1ul << 39) - PAGE, 2 * PAGE, 0, &n.change), 0);
	assert_int_equal(looked_up(&n, 0), RAM_BASE | 3);
	close_naive(&n);
}

static void test_roots_are_made_once(void **state)
{
	static struct naive n;
	physaddr_t root[6];

	(void)state;
	open_naive(&n, triple_named("qemu")->ecap, 1);
	assert_int_equal(n.t.pages, 1);
	for (unsigned levels = 3; levels <= 5; levels++) {
		root[levels] = sl_root(&n.t, levels);
		assert_int_not_equal(root[levels], 0);
		assert_int_equal(n.t.pages, levels - 2);
	}
	for (unsigned levels = 3; levels <= 5; levels++)
		assert_int_equal(sl_root(&n.t, levels), root[levels]);
	assert_int_equal(n.t.pages, 3);
	close_naive(&n);
}

static void test_no_memory_for_a_root(void **state)
{
	static struct naive n;

	(void)state;
	for (unsigned at = 1; at <= 2; at++) {
		open_naive(&n, triple_named("qemu")->ecap, 1);
		n.m->mem.fail_at = n.m->mem.allocations + at;
		assert_int_equal(sl_root(&n.t, 5), 0);
		assert_int_not_equal(sl_root(&n.t, 5), 0);
		assert_int_equal(n.t.pages, 3);
		close_naive(&n);
	}
}

/* All or nothing: where it ends without memory, no page of it is mapped. */
static void test_no_memory_in_the_middle_of_a_range(void **state)
{
	static struct naive n;
	unsigned at;

	(void)state;
	for (at = 1; at <= 4; at++) {
		open_naive(&n, triple_named("qemu")->ecap, 1);
		n.m->mem.fail_at = n.m->mem.allocations + at;
		assert_true(sl_map(&n.t, (1ul << 30) - PAGE, RAM_BASE,
				   2 * PAGE, 3, &n.change) < 0);
		assert_int_equal(looked_up(&n, (1ul << 30) - PAGE), 0);
		assert_int_equal(looked_up(&n, 1ul << 30), 0);
		assert_false(n.change.removed);
		close_naive(&n);
	}
}

/* A table is in memory, empty, before anything points at it; an entry is one
 * store, and a right that stays is never away for a moment. */
static uint64_t *watched;
static uint64_t least;

static void watch(struct machine *m, const struct happening *h)
{
	uint64_t e = 0;

	(void)h;
	assert_true(memory_unit_read(m->units[0],
				     memory_pa(m, watched), &e));
	least &= e;
}

static void test_a_right_that_stays_is_never_away(void **state)
{
	static struct naive n;

	(void)state;
	open_naive(&n, triple_named("qemu")->ecap | 1, 1);
	assert_int_equal(sl_map(&n.t, 0, RAM_BASE, PAGE, 3, &n.change), 0);
	watched = os_virt(sl_root(&n.t, 3));
	for (unsigned i = 0; i < 2; i++)
		watched = os_virt(*watched & ones(51, 12));
	least = ~0ul;
	n.m->hook = watch;
	assert_int_equal(sl_keep(&n.t, 0, PAGE, 1, &n.change), 0);
	assert_int_equal(sl_map(&n.t, 0, RAM_BASE, PAGE, 3, &n.change), 0);
	assert_int_equal(sl_keep(&n.t, 0, PAGE, 3, &n.change), 0);
	assert_int_equal(least, RAM_BASE | 1);
	n.m->hook = NULL;
	close_naive(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_random_changes_seen_by_a_coherent_unit),
		bench_test(test_random_changes_seen_by_an_incoherent_unit),
		bench_test(test_the_tables_end_at_2_to_the_39),
		bench_test(test_keep_beyond_the_end_takes_nothing_away),
		bench_test(test_roots_are_made_once),
		bench_test(test_no_memory_for_a_root),
		bench_test(test_no_memory_in_the_middle_of_a_range),
		bench_test(test_a_right_that_stays_is_never_away),
	};

	return cmocka_run_group_tests_name("second-level tables", tests, NULL,
					   NULL);
}
