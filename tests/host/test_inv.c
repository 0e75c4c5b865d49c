/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages a flush of a range names (kern/arch/x86/vtd/inv.c), against a
 * naive specification: blocks are looked at one by one, by their numbers.
 *
 * A list that is handed to a unit must cover the range, with blocks of 2^am
 * pages that are aligned to their size, am at most CAP.MAMV (VT-d 6.5.2.3,
 * 11.4.2), at most INV_RANGE_MAX of them; and no page more than the rule asks
 * for: of the sizes that the unit can, the smallest that holds the range in one
 * aligned block, or else the largest.
 *
 * RANDOM_INPUTS says how many ranges by chance.
 */
#include "bare.h"

#define MAMV_END	64u		/* a field of 6 bits */
#define PSI		(1ull << 39)

static struct vtd unit_of(bool psi, unsigned mamv)
{
	return (struct vtd){
		.cap = (psi ? PSI : 0) | (uint64_t)mamv << 48,
	};
}

/* The smallest block that holds pages first..last, as a power of two. */
static unsigned naive_mask(uint64_t first, uint64_t last)
{
	unsigned order = 0;

	while (first / (1ull << order) != last / (1ull << order))
		order++;
	return order;
}

static void check_mask(uint64_t first, uint64_t n)
{
	unsigned got = inv_mask(first * PGSIZE, (first + n) * PGSIZE);

	if (got != naive_mask(first, first + n - 1))
		fail_msg("mask of %lx, %lu pages: %u", first, n, got);
}

static void wrong(const char *why, const struct vtd *u, uint64_t first,
		  uint64_t n)
{
	fail_msg("%s: %lx, %lu pages, %s, MAMV %lu", why, first, n,
		 u->cap & PSI ? "PSI" : "no PSI", u->cap >> 48 & 63);
}

/* What a descriptor says (6.5.2.3). */
struct says {
	unsigned what, gran, did, am;
	uint64_t addr;
	bool leaves;
};

static struct says says(const struct qi_desc *d)
{
	return (struct says){
		.what = d->lo & 15, .gran = d->lo >> 4 & 3,
		.did = d->lo >> 16 & 0xffff, .am = d->hi & 63,
		.addr = d->hi & ~0xfffull, .leaves = d->hi >> 6 & 1,
	};
}

static const char *check_domain(const struct qi_desc *d, unsigned n)
{
	struct says i = says(d);

	if (n != 1 || i.what != 2 || i.gran != 2 || i.did != 0x1234)
		return "no flush of one domain";
	return d->hi ? "fields without a meaning" : NULL;
}

static const char *check_blocks(const struct qi_desc *list, unsigned n,
				uint64_t first, uint64_t last, unsigned am,
				bool leaves)
{
	uint64_t block = first >> am;
	struct says got;

	for (unsigned i = 0; i < n; i++, block++) {
		got = says(&list[i]);
		if (got.what != 2 || got.gran != 3 || got.did != 0x1234)
			return "no flush of pages";
		if (got.am != am)
			return "another size of block";
		if (got.addr != block << am << 12)
			return "another block";
		if (got.leaves != leaves)
			return "another hint";
	}
	return block - 1 == last >> am ? NULL : "another number of blocks";
}

static void check_range(const struct vtd *u, uint64_t first, uint64_t n)
{
	unsigned most = u->cap >> 48 & 63, am, got;
	uint64_t last = first + n - 1;
	struct qi_desc list[INV_RANGE_MAX];
	bool leaves = n & 1;
	const char *bad;

	am = MIN(naive_mask(first, last), most);
	got = inv_range(u, 0x1234, first * PGSIZE, (last + 1) * PGSIZE, leaves,
			list);
	if (!(u->cap & PSI) || (last >> am) - (first >> am) >= INV_RANGE_MAX)
		bad = check_domain(list, got);
	else if (got > INV_RANGE_MAX)
		bad = "too many";
	else
		bad = check_blocks(list, got, first, last, am, leaves);
	if (bad)
		wrong(bad, u, first, n);
}

/* Written out for one page after the other: each page of the range is in a
 * block of the list.  Slower, and with no rule that could be wrong. */
static void check_each_page(const struct vtd *u, uint64_t first, uint64_t n)
{
	struct qi_desc list[INV_RANGE_MAX];
	unsigned got = inv_range(u, 1, first * PGSIZE, (first + n) * PGSIZE,
				 true, list);
	struct says is;
	bool covered;

	for (uint64_t page = first; page < first + n; page++) {
		covered = false;
		for (unsigned i = 0; i < got; i++) {
			is = says(&list[i]);
			covered |= is.gran == 2 ||
				(page >= is.addr / PGSIZE && page <
				 is.addr / PGSIZE + (1ull << is.am));
		}
		if (!covered)
			wrong("a page is not covered", u, first, n);
	}
}

static void check_devtlb(uint64_t first, uint64_t n, bool twice)
{
	struct vtd u = { .devtlb_twice = twice };
	unsigned am = naive_mask(first, first + n - 1), got;
	struct qi_desc list[INV_DEVTLB_MAX];

	got = inv_devtlb_range(&u, 0x4321, first * PGSIZE, (first + n) * PGSIZE,
			       list);
	assert_int_equal(got, twice ? 2 : 1);
	for (unsigned i = 0; i < got; i++) {
		assert_int_equal(list[i].lo, 0x432100000003);
		assert_int_equal(list[i].hi & 1, am > 0);
		if (am)		/* 6.5.2.5: the lowest 0 tells the size */
			assert_int_equal(__builtin_ctzll(~(list[i].hi >> 12)),
					 am - 1);
		assert_int_equal(list[i].hi >> 12 >> am, first >> am);
	}
}

/* Every start and length up to 2,048 pages. */
#define PAGES 2048u

static void test_every_mask(void **state)
{
	(void)state;
	for (uint64_t first = 0; first < PAGES; first++)
		for (uint64_t n = 1; n <= PAGES; n++)
			check_mask(first, n);
}

static void test_every_range_of_every_unit(void **state)
{
	uint64_t step = bare_setting("RANDOM_INPUTS", 0) ? 1 : 13;
	struct vtd u;

	(void)state;
	for (unsigned mamv = 0; mamv < MAMV_END; mamv++)
		for (uint64_t first = 0; first < PAGES; first++) {
			u = unit_of(true, mamv);
			for (uint64_t n = 1 + first % step; n <= PAGES;
			     n += step)
				check_range(&u, first, n);
			u = unit_of(false, mamv);
			check_range(&u, first, 1 + first);
		}
}

/* In every position to every power of two that addresses go by. */
static void test_every_range_at_every_boundary(void **state)
{
	static const unsigned mamv[] = { 0, 9, 18, 30, 45, 63 };
	struct vtd u;
	uint64_t first;

	(void)state;
	for (unsigned bit = 1; bit < 45; bit++)
		for (unsigned i = 0; i < ARRAY_SIZE(mamv); i++)
			for (uint64_t n = 1; n <= PAGES; n += 1 + n / 40) {
				u = unit_of(true, mamv[i]);
				first = 1ull << bit;
				check_range(&u, first, n);
				first -= MIN(n / 2 + 1, first);
				check_range(&u, first, n);
				check_devtlb(first, n, n & 1);
			}
}

static void test_each_page_is_covered(void **state)
{
	struct vtd u;

	(void)state;
	for (unsigned mamv = 0; mamv < MAMV_END; mamv++)
		for (uint64_t first = 0; first < 40; first++)
			for (uint64_t n = 1; n <= 40; n++) {
				u = unit_of(true, mamv);
				check_each_page(&u, first, n);
			}
	for (unsigned n = 0; n < 3000; n++) {
		u = unit_of(bare_random() % 8, bare_random() % MAMV_END);
		check_each_page(&u, bare_random() >> (20 + bare_random() % 40),
				1 + bare_random() % PAGES);
	}
}

/* Of any length, at any address of 57 bits. */
static void test_ranges_by_chance(void **state)
{
	uint64_t count = bare_setting("RANDOM_INPUTS", 500000);
	uint64_t first, n, r;
	struct vtd u;

	(void)state;
	for (uint64_t i = 0; i < count; i++) {
		r = bare_random();
		u = unit_of(r & 15, r >> 4 & 63);
		first = bare_random() >> (20 + (r >> 10) % 44);
		n = 1 + (bare_random() >> (20 + (r >> 20) % 44));
		if (first + n > 1ull << 45)
			n = 1;
		check_mask(first, n);
		check_range(&u, first, n);
		check_devtlb(first, n, r & 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_mask),
		cmocka_unit_test(test_every_range_of_every_unit),
		cmocka_unit_test(test_every_range_at_every_boundary),
		cmocka_unit_test(test_each_page_is_covered),
		cmocka_unit_test(test_ranges_by_chance),
	};

	return cmocka_run_group_tests_name("ranges of flushes", tests, NULL,
					   NULL);
}
