/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same tests on shared tables: obj/host/shared_NAME is test_NAME with the
 * spaces that it makes led through here (--wrap).  Each begins at a processor's
 * table of level 3, which is changed by iommu_store alone, as kern/arch/x86/pt.c
 * does it:
 *
 * Entries have the bits that only the processor reads or sets; a page that is
 * taken away may keep its address.  Pages are as large as fits and as all units
 * can; a larger one is split where a part of it changes.  Neighbours are stored
 * together.  Tables stay until the space ends, and for good if it is lost.
 *
 * The tests of `exceptions` are about tables of the driver's own.  A program
 * that stores nothing has failed.
 */
#include "wrapped.h"

#include <vtd/table_impl.h>

#define USER		(1ull << 2)
#define ACCESSED	(1ull << 5)
#define DIRTY		(1ull << 6)
#define NX		(1ull << 63)
#define TABLE		(SL_R | SL_W | USER | ACCESSED)
#define TOGETHER	64	/* entries of one call */

const struct exception exceptions[] = {
	{ "check", "test_a_spaces_tables", "plants what is wrong in them" },
	{ "large", "test_parts_of_large_pages", "small ones are large again" },
	{ "large", "test_a_gigabyte", "small ones are large again" },
	{ "large", "test_a_map_where_the_same_change_took_tables_out",
	  "these stay until the space ends" },
	{ "see", "test_spaces_of_processes", "counts them" },
	{ "see_walk", "test_a_walk_to_the_frame", "leaves have SNP" },
	{ "several", "test_no_snoop_goes_with_the_first_that_cannot",
	  "leaves have SNP" },
	{ "several", "test_no_memory_to_adapt", "is about leaves with SNP" },
	{ "space", "test_addresses_beyond_the_tables_are_refused",
	  "an owner of tables knows his addresses" },
	{ "trace", "test_trace_of_operations", "compares all events" },
	{ "trace", "test_trace_wraps", "unmaps what is not there" },
	{ "watch", "test_counts_of_a_queue", "counts calls" },
	{ "watch", "test_counts_of_caching_mode", "counts calls" },
	{ "watch", "test_counts_of_registers", "counts calls" },
};
const size_t nexceptions = ARRAY_SIZE(exceptions);

struct owned {
	struct owned *next;
	struct iommu_space *s;
	uint64_t *top;
};
static struct owned *spaces;
static unsigned lost_tables;	/* of the present machine */
static uint64_t stores, entries, splits;

WRAPPED(struct iommu_space *, iommu_space_create, void *owner, int pid,
	uint64_t serial, const struct iommu_dev *first);
WRAPPED(int, iommu_space_destroy, struct iommu_space *s);
WRAPPED(int, iommu_map, struct iommu_gather *g, uintptr_t va, physaddr_t pa,
	size_t len, int prot);
WRAPPED(int, iommu_keep, struct iommu_gather *g, uintptr_t va, size_t len,
	int prot);
WRAPPED(struct machine *, model_start, uint64_t seed);
WRAPPED(struct iommu_losses, iommu_losses, void);

static struct owned *owned(const struct iommu_space *s)
{
	struct owned *o = spaces;

	while (o && o->s != s)
		o = o->next;
	return o;
}

/* Entries */

static uint64_t rights_of(int prot)
{
	return (uint64_t)prot & SL_RIGHTS;
}

struct place {
	uint64_t *e;
	unsigned level;
};

/* The entry of va at that level, or of what stands above it. */
static struct place find(const struct owned *o, uint64_t va, unsigned level)
{
	uint64_t *table = o->top;
	struct place p = { .level = SL_LEVELS };

	for (;; p.level--) {
		p.e = &table[sl_index(va, p.level)];
		table = sl_table_under(*p.e, p.level);
		if (p.level == level || !table)
			return p;
	}
}

static bool is_page(struct place p)
{
	return sl_is_leaf(*p.e, p.level);
}

static void store(struct iommu_gather *g, uint64_t va, struct place p,
		  const uint64_t *list, size_t n)
{
	stores++;
	entries += n;
	iommu_store(g, va, p.e, list, n, p.level);
}

/* What is at p becomes a table that says the same; negative: no memory. */
static int put_table(struct iommu_gather *g, uint64_t va, struct place p)
{
	uint64_t small = *p.e & ~(p.level == 2 ? SL_PS : 0);
	uint64_t *table = os_alloc(PAGE), e;

	if (!table)
		return os_error("no memory for tables");
	splits += is_page(p);
	for (unsigned i = 0; is_page(p) && i < PAGE / sizeof(*table); i++)
		table[i] = small + i * sl_span(p.level - 1);
	e = os_phys(table) | TABLE;
	store(g, va & -sl_span(p.level), p, &e, 1);
	return 0;
}

/* Down to that level. */
static int make_tables(struct iommu_gather *g, uint64_t va, unsigned level)
{
	const struct owned *o = owned(g->space);
	struct place p;
	int err = 0;

	while (!err && (p = find(o, va, level)).level > level)
		err = put_table(g, va, p);
	return err;
}

/* Pages end at `at`. */
static int cut(struct iommu_gather *g, uint64_t at)
{
	const struct owned *o = owned(g->space);
	struct place p;
	int err = 0;

	while (!err && (p = find(o, at, 1), is_page(p)) &&
	       at % sl_span(p.level))
		err = put_table(g, at, p);
	return err;
}

/* Of a page that begins a range, where no smaller ones may be. */
static unsigned fit(const struct owned *o, uint64_t va, uint64_t pa, size_t len)
{
	unsigned level = iommu_leaf_levels();

	while (level > 1 && ((va | pa) % sl_span(level) ||
			     len < sl_span(level) ||
			     sl_table_under(*find(o, va, level).e, level)))
		level--;
	return level;
}

/* Calls */

/* How many entries from p on are in the range, and in its table. */
static size_t together(struct place p, uint64_t va, size_t len)
{
	size_t n = (size_t)MIN(len / sl_span(p.level),
			       512 - sl_index(va, p.level));

	return MIN(n, TOGETHER);
}

static void put_pages(struct iommu_gather *g, uint64_t va, uint64_t pa,
		      size_t len, uint64_t bits)
{
	const struct owned *o = owned(g->space);
	uint64_t list[TOGETHER];
	struct place p;
	size_t n;

	for (size_t at = 0; at < len; at += n * sl_span(p.level)) {
		p = find(o, va + at, fit(o, va + at, pa + at, len - at));
		n = p.level > 1 ? 1 : together(p, va + at, len - at);
		for (size_t i = 0; i < n; i++)
			list[i] = (pa + at + i * sl_span(p.level)) | bits |
				(p.level > 1 ? SL_PS : 0);
		store(g, va + at, p, list, n);
	}
}

int __wrap_iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa,
		     size_t len, int prot)
{
	const struct owned *o = owned(g->space);
	unsigned level;
	int err;

	if (!o)
		return __real_iommu_map(g, va, pa, len, prot);
	if (!prot)
		return __wrap_iommu_keep(g, va, len, 0);
	err = cut(g, va) || cut(g, va + len) ? -1 : 0;
	for (size_t at = 0; !err && at < len; at += sl_span(level)) {
		level = fit(o, va + at, pa + at, len - at);
		err = make_tables(g, va + at, level);
	}
	if (!err)
		put_pages(g, va, pa, len, rights_of(prot) | USER | NX |
			  ACCESSED | DIRTY);
	return err;
}

/* Every other absent page keeps its address. */
static uint64_t kept(uint64_t e, unsigned level, int prot)
{
	uint64_t rights = e & rights_of(prot);

	if (rights)
		return (e & ~SL_RIGHTS) | rights;
	return sl_addr(e) >> (3 + 9 * level) & 1 ?
		sl_addr(e) | (e & SL_PS) : 0;
}

int __wrap_iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len,
		      int prot)
{
	const struct owned *o = owned(g->space);
	uint64_t list[TOGETHER], end = va + len;
	struct place p;
	size_t n;

	if (!o)
		return __real_iommu_keep(g, va, len, prot);
	if (cut(g, va) || cut(g, end))
		return -1;
	while (va < end) {
		p = find(o, va, 1);
		if (!is_page(p)) {
			va = (va | (sl_span(p.level) - 1)) + 1;
			continue;
		}
		n = p.level > 1 ? 1 : together(p, va, end - va);
		for (size_t i = 0; i < n; i++)
			list[i] = kept(p.e[i], p.level, prot);
		store(g, va, p, list, n);
		va += n * sl_span(p.level);
	}
	return 0;
}

/* Spaces */

struct iommu_space *__wrap_iommu_space_create(void *owner, int pid,
					      uint64_t serial,
					      const struct iommu_dev *first)
{
	struct owned *o;

	if (!owner || is_listed())
		return __real_iommu_space_create(owner, pid, serial, first);
	o = calloc(1, sizeof(*o));
	assert_non_null(o);
	o->top = os_alloc(PAGE);
	o->s = o->top ? iommu_space_share(owner, pid, serial, o->top) : NULL;
	if (!o->top)
		(void)!os_error("no memory for tables");
	if (o->s) {
		o->next = spaces;
		spaces = o;
		return o->s;
	}
	if (o->top)
		os_free(o->top, PAGE);
	free(o);
	return NULL;
}

/* How many. */
static unsigned free_tables(uint64_t *table, unsigned level, bool lost)
{
	uint64_t *under;
	unsigned n = 1;

	for (unsigned i = 0; i < 512; i++) {
		under = sl_table_under(table[i], level);
		n += under ? free_tables(under, level - 1, lost) : 0;
	}
	if (!lost)
		os_free(table, PAGE);
	return n;
}

int __wrap_iommu_space_destroy(struct iommu_space *s)
{
	struct owned **at = &spaces, *o;
	int err = __real_iommu_space_destroy(s);
	unsigned n;

	while (*at && (*at)->s != s)
		at = &(*at)->next;
	o = *at;
	if (!o)
		return err;
	*at = o->next;
	n = free_tables(o->top, SL_LEVELS, err < 0);
	lost_tables += err < 0 ? n : 0;
	free(o);
	return err;
}

struct machine *__wrap_model_start(uint64_t seed)
{
	struct owned *o;

	while ((o = spaces)) {		/* what a failed test has left */
		spaces = o->next;
		free(o);
	}
	lost_tables = 0;
	return __real_model_start(seed);
}

struct iommu_losses __wrap_iommu_losses(void)
{
	struct iommu_losses l = __real_iommu_losses();

	l.table_pages += lost_tables;
	return l;
}

bool wrapped_report(const char *program)
{
	printf("%s: %lu stores of %lu entries, %lu splits\n", program, stores,
	       entries, splits);
	return stores;
}
