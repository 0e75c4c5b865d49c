/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large pages (vtd/table.c): whatever a process does to a part of one, the
 * device sees the pages before or after, never less and never more, at any
 * moment; and without memory for that, as if nothing had been asked for.
 *
 * The memory of the tests is one stretch of frames, at an address whose low
 * bits are those of the frames: 2 MiB pages where that fits.
 */
#include "bench.h"

#define BIG	(2ul << 20)
#define AT	(5ul << 30)
#define FRAMES	(2 * 512u + 1)

static physaddr_t stretch;	/* of FRAMES frames, on 2 MiB */

/* All pages up to the next 2 MiB are used up, then the frames come in order. */
static void take_stretch(struct bench *b, struct owner *o)
{
	physaddr_t pa;

	do
		pa = frame_alloc(b->m, o);
	while ((pa + PAGE) % BIG);
	stretch = pa + PAGE;
	for (unsigned i = 0; i < FRAMES; i++)
		assert_int_equal(frame_alloc(b->m, o), stretch + i * PAGE);
}

/* Pages that are looked at: at the ends and in the middle of either half. */
static const unsigned probes[] = {
	0, 1, 2, 100, 255, 256, 257, 510, 511, 512, 513, 514, 700, 1022, 1023,
};

static void plan(struct process *p, unsigned first, unsigned n, int rights,
		 int shift)
{
	for (unsigned i = 0; i < ARRAY_SIZE(probes); i++)
		if (probes[i] >= first && probes[i] < first + n)
			owner_plan(p->o, AT + probes[i] * PAGE,
				   stretch + (physaddr_t)((int)probes[i] +
							  shift) * PAGE,
				   (uint8_t)rights);
}

static struct process *looked_at;
static struct function *looker;

/* Between any two steps: each probe is read and written.  What is there both
 * before and after must be there now. */
static void look(struct machine *m, const struct happening *h)
{
	struct mapping *e;
	uint64_t v;

	if (h->what == E_LOCK || h->what == E_UNLOCK)
		return;
	for (unsigned i = 0; i < looked_at->o->n; i++) {
		e = &looked_at->o->list[i];
		for (int write = 0; write < 2; write++) {
			uint8_t right = write ? IOMMU_WRITE : IOMMU_READ;
			bool got = model_dma(m, 0, looker->sid, e->va, &v, 8,
					     write);

			if (!got && e->was_rights & e->is_rights & right)
				fail_msg("page 0x%lx is lost for a moment",
					 e->va);
		}
	}
}

static void open_large(struct bench *b, const char *name, uint64_t seed)
{
	bench_open(b, triple_named(name), WITHOUT_WIRED, seed);
	bench_boot(b);
	looked_at = process(b, 7);
	looker = b->flr;
	take_stretch(b, looked_at->o);
	assert_int_equal(process_attach(looked_at, b->flr, 0), 0);
	b->m->hook = look;
}

static void close_large(struct bench *b)
{
	struct process *p = looked_at;

	b->m->hook = NULL;
	assert_int_equal(process_detach(b->flr), 0);
	assert_int_equal(iommu_space_destroy(p->s), 0);
	bench_close(b);
}

static int commit(struct iommu_gather *g, int err)
{
	int bad = iommu_flush(g);

	assert_int_equal(bad, 0);
	if (!err)
		owner_commit(looked_at->o);
	return err;
}

/* Nothing changed, and nothing is planned any more. */
static int as_before(int err)
{
	for (unsigned i = 0; err && i < looked_at->o->n; i++) {
		struct mapping *e = &looked_at->o->list[i];

		e->is = e->was;
		e->is_rights = e->was_rights;
	}
	if (err)
		owner_commit(looked_at->o);
	return err;
}

static int map_pages(unsigned first, unsigned n, int rights, int shift)
{
	struct iommu_gather g = { .space = looked_at->s };
	int err;

	plan(looked_at, first, n, rights, shift);
	model_call(looked_at->m);
	err = iommu_map(&g, AT + first * PAGE,
			stretch + (physaddr_t)((int)first + shift) * PAGE,
			n * PAGE, rights);
	return as_before(commit(&g, err));
}

static int keep_pages(unsigned first, unsigned n, int rights)
{
	struct iommu_gather g = { .space = looked_at->s };
	struct mapping *e;
	int err;

	for (unsigned i = 0; i < ARRAY_SIZE(probes); i++) {
		e = owner_find(looked_at->o, AT + probes[i] * PAGE);
		if (e && probes[i] >= first && probes[i] < first + n)
			owner_plan(looked_at->o, e->va, e->was,
				   e->was_rights & (uint8_t)rights);
	}
	model_call(looked_at->m);
	err = iommu_keep(&g, AT + first * PAGE, n * PAGE, rights);
	return as_before(commit(&g, err));
}

static size_t page_size(unsigned page)
{
	size_t size;

	bench_leaf(&looked_at->s->table, AT + page * PAGE, &size);
	return size;
}

static bool anything(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	(void)arg;
	return va >= AT && pa >= stretch && prot;
}

/* Holes, narrower rights, other frames, and large pages again. */
static void parts(struct bench *b)
{
	bool large = field_get(vtd_of(b->u)->cap, CAP_SLLPS) & 1;

	assert_int_equal(map_pages(0, 1024, RW, 0), 0);
	assert_int_equal(page_size(5), large ? BIG : PAGE);
	assert_int_equal(keep_pages(1, 1, 0), 0);
	assert_int_equal(page_size(2), PAGE);
	assert_int_equal(page_size(600), large ? BIG : PAGE);
	assert_int_equal(keep_pages(255, 300, IOMMU_READ), 0);
	assert_int_equal(map_pages(511, 2, RW, 1), 0);
	assert_int_equal(map_pages(0, 512, RW, 0), 0);
	assert_int_equal(page_size(1), large ? BIG : PAGE);
	assert_int_equal(map_pages(512, 512, IOMMU_READ, 0), 0);
	assert_int_equal(map_pages(512, 512, RW, 0), 0);
	assert_int_equal(keep_pages(0, 512, IOMMU_READ), 0);
	assert_int_equal(keep_pages(0, 512, IOMMU_WRITE), 0);
	assert_int_equal(map_pages(0, 512, RW, 512), 0);
	assert_int_equal(map_pages(256, 512, RW, 0), 0);
	assert_int_equal(keep_pages(0, 1024, 0), 0);
	assert_int_equal(map_pages(0, 1024, RW, 0), 0);
	assert_null(sl_check(&looked_at->s->table, anything, NULL));
	assert_int_equal(keep_pages(100, 800, 0), 0);
	assert_null(sl_check(&looked_at->s->table, anything, NULL));
	assert_int_equal(keep_pages(0, 1024, 0), 0);
}

static void test_parts_of_large_pages(void **state)
{
	static const char *const some[] = {
		"qemu", "real unit 22", "caching, coherent", "real unit 1",
		"16 domains", "5 levels, incoherent", "real unit 33",
		"caching, write buffer",
	};
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(some); i++)
		for (unsigned keep = 0; keep < 3; keep++) {
			open_large(&b, some[i], i + 1);
			b.m->label = some[i];
			b.m->policy.keep = keep;
			parts(&b);
			close_large(&b);
		}
}

/* By chance, against the plan. */
static void test_changes_by_chance(void **state)
{
	unsigned first, n;
	struct bench b;

	(void)state;
	for (unsigned seed = 1; seed < 7; seed++) {
		open_large(&b, seed % 2 ? "real unit 22" : "caching, coherent",
			   seed);
		b.m->policy.keep = seed % 3;
		for (unsigned i = 0; i < 60; i++) {
			first = probes[model_random(b.m, ARRAY_SIZE(probes))];
			n = 1 + model_random(b.m, 1024 - first);
			if (model_random(b.m, 4) == 0)
				n = 1024 - (first &= ~511u);
			if (model_random(b.m, 2))
				assert_int_equal(map_pages(first, n, 1 +
					(int)model_random(b.m, 3), 0), 0);
			else
				assert_int_equal(keep_pages(first, n,
					(int)model_random(b.m, 4)), 0);
			assert_null(sl_check(&looked_at->s->table, anything,
					     NULL));
		}
		close_large(&b);
	}
}

/* Taken away and mapped anew: not before the first is flushed. */
static void test_a_map_where_the_same_change_took_tables_out(void **state)
{
	struct iommu_gather g = { 0 };
	struct bench b;

	(void)state;
	for (unsigned large = 0; large < 2; large++) {
		open_large(&b, "real unit 22", 1);
		assert_int_equal(map_pages(0, 1024, RW, 0), 0);
		assert_int_equal(keep_pages(3, 1, IOMMU_READ), 0);
		b.m->hook = NULL;
		g = (struct iommu_gather){ .space = looked_at->s };
		assert_int_equal(iommu_keep(&g, AT, BIG, 0), 0);
		assert_true(iommu_map(&g, AT, stretch, large ? BIG : PAGE,
				      RW) < 0);
		assert_non_null(strstr(b.m->error, "is not flushed yet"));
		assert_int_equal(iommu_flush(&g), 0);
		assert_int_equal(iommu_map(&g, AT, stretch, large ? BIG : PAGE,
					   RW), 0);
		assert_int_equal(iommu_flush(&g), 0);
		assert_int_equal(page_size(0), large ? BIG : PAGE);
		assert_null(sl_check(&looked_at->s->table, anything, NULL));
		looked_at->o->n = 0;
		close_large(&b);
	}
}

/* At each allocation of each change: an error, and nothing has changed. */
static int change(unsigned which)
{
	switch (which) {
	case 0:
		return map_pages(0, 1024, RW, 0);
	case 1:
		return keep_pages(1, 1, 0);
	case 2:
		return keep_pages(100, 800, IOMMU_READ);
	case 3:
		return map_pages(511, 2, RW, 1);
	default:
		return keep_pages(255, 2, 0);
	}
}

static bool runs_out(unsigned which, unsigned n)
{
	struct bench b;
	unsigned before;
	size_t pages;
	bool enough;
	int err;

	open_large(&b, "real unit 22", n);
	if (which)
		assert_int_equal(map_pages(0, 1024, RW, 0), 0);
	pages = looked_at->s->table.pages;
	before = b.m->mem.allocations;
	b.m->mem.fail_at = before + n;
	err = change(which);
	enough = b.m->mem.allocations < before + n;
	assert_int_equal(err < 0, !enough);
	b.m->mem.fail_at = 0;
	assert_null(sl_check(&looked_at->s->table, anything, NULL));
	assert_true(looked_at->s->table.pages >= pages);
	look(b.m, &(struct happening){ .what = E_CLOCK });
	if (!enough)
		assert_int_equal(change(which), 0);
	close_large(&b);
	return enough;
}

static void test_no_memory_at_each_allocation_of_a_change(void **state)
{
	unsigned n;

	(void)state;
	for (unsigned which = 0; which < 5; which++) {
		for (n = 1; !runs_out(which, n); n++)
			;
		assert_in_range(n, 2, 10);
	}
}

/* A detach needs none. */
static void test_no_memory_at_detach(void **state)
{
	struct bench b;

	(void)state;
	open_large(&b, "real unit 22", 1);
	assert_int_equal(map_pages(0, 1024, RW, 0), 0);
	assert_int_equal(keep_pages(1, 1, 0), 0);
	b.m->mem.fail_at = b.m->mem.allocations + 1;
	close_large(&b);
}

/* 1 GiB: only what lies in the model's memory can be tried. */
static void test_a_gigabyte(void **state)
{
	struct iommu_gather g = { 0 };
	struct bench b;
	size_t size;

	(void)state;
	open_large(&b, "16 domains", 1);
	b.m->policy.keep = KEEP_NOTHING;	/* it covers the tables, too */
	g.space = looked_at->s;
	assert_int_equal(RAM_BASE % (1ul << 30), 0);
	assert_int_equal(iommu_map(&g, AT, RAM_BASE, 1ul << 30, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	bench_leaf(&looked_at->s->table, AT, &size);
	assert_int_equal(size, 1ul << 30);
	owner_plan(looked_at->o, AT + (stretch - RAM_BASE), stretch, RW);
	owner_commit(looked_at->o);
	look(b.m, &(struct happening){ .what = E_CLOCK });
	g = (struct iommu_gather){ .space = looked_at->s };
	assert_int_equal(iommu_keep(&g, AT + (1ul << 29), PAGE, 0), 0);
	assert_int_equal(iommu_flush(&g), 0);
	bench_leaf(&looked_at->s->table, AT, &size);
	assert_int_equal(size, BIG);
	g = (struct iommu_gather){ .space = looked_at->s };
	assert_int_equal(iommu_map(&g, AT, RAM_BASE, 1ul << 30, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	bench_leaf(&looked_at->s->table, AT, &size);
	assert_int_equal(size, 1ul << 30);
	owner_plan(looked_at->o, AT + (stretch - RAM_BASE), stretch, 0);
	g = (struct iommu_gather){ .space = looked_at->s };
	assert_int_equal(iommu_keep(&g, AT, 1ul << 30, 0), 0);
	assert_int_equal(iommu_flush(&g), 0);
	owner_commit(looked_at->o);
	assert_int_equal(looked_at->s->table.pages, 2);
	close_large(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_parts_of_large_pages),
		bench_test(test_changes_by_chance),
		bench_test(test_a_map_where_the_same_change_took_tables_out),
		bench_test(test_no_memory_at_each_allocation_of_a_change),
		bench_test(test_no_memory_at_detach),
		bench_test(test_a_gigabyte),
	};

	return cmocka_run_group_tests_name("large pages", tests, NULL, NULL);
}
