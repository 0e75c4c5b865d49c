/* SPDX-License-Identifier: BSD-2-Clause */
/* Second-level tables (table.h). */
#include <vtd/table.h>

#define ENTRIES		512
#define BOTH		(SL_R | SL_W)

static unsigned index_at(uint64_t va, unsigned level)
{
	return (unsigned)(va >> (PGSHIFT + 9 * (level - 1))) % ENTRIES;
}

static uint64_t span(unsigned level)
{
	return PGSIZE << (9 * (level - 1));
}

static uint64_t *table_under(uint64_t entry)
{
	return entry & BOTH ? os_virt(entry & field_mask(SL_ADDR)) : NULL;
}

static void store(const struct sl_table *t, uint64_t *e, uint64_t v)
{
	os_store(e, v);
	if (t->flush_lines)
		os_flush(e, sizeof(*e));
}

/* An empty table, in memory before anything points at it. */
static uint64_t *new_table(struct sl_table *t)
{
	uint64_t *table = os_alloc(PGSIZE);

	if (!table)
		return NULL;
	if (t->flush_lines)
		os_flush(table, PGSIZE);
	t->pages++;
	return table;
}

static uint64_t *descend(struct sl_table *t, uint64_t *e)
{
	uint64_t *under = table_under(*e);

	if (under)
		return under;
	under = new_table(t);
	if (under)
		store(t, e, os_phys(under) | BOTH);
	return under;
}

int sl_init(struct sl_table *t, bool flush_lines)
{
	*t = (struct sl_table){ .flush_lines = flush_lines };
	t->top[0] = new_table(t);
	return t->top[0] ? 0 : os_error("no memory for an I/O space");
}

static void free_under(struct sl_table *t, uint64_t *table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++)
		if (table_under(table[i]))
			free_under(t, table_under(table[i]), level - 1);
	os_free(table, PGSIZE);
	t->pages--;
}

void sl_free(struct sl_table *t)
{
	for (unsigned i = ARRAY_SIZE(t->top) - 1; i > 0; i--)
		if (t->top[i]) {
			os_free(t->top[i], PGSIZE);
			t->pages--;
		}
	free_under(t, t->top[0], SL_LEVELS);
}

physaddr_t sl_root(struct sl_table *t, unsigned levels)
{
	for (unsigned i = 1; i <= levels - SL_LEVELS; i++) {
		if (t->top[i])
			continue;
		t->top[i] = new_table(t);
		if (!t->top[i])
			return 0;
		store(t, t->top[i], os_phys(t->top[i - 1]) | BOTH);
	}
	return os_phys(t->top[levels - SL_LEVELS]);
}

/* The lowest table for va; NULL: there is none, or no memory to make one. */
static uint64_t *lowest(struct sl_table *t, uint64_t va, bool make)
{
	uint64_t *table = va < SL_END ? t->top[0] : NULL;
	uint64_t *e;

	for (unsigned level = SL_LEVELS; level > 1 && table; level--) {
		e = &table[index_at(va, level)];
		table = make ? descend(t, e) : table_under(*e);
	}
	return table;
}

/* Bytes from va to the end of its lowest table, at most len. */
static size_t in_one_table(uint64_t va, size_t len)
{
	return MIN(len, span(2) - va % span(2));
}

/* All tables first, so that nothing is half mapped when memory runs out. */
static bool make_tables(struct sl_table *t, uint64_t va, size_t len)
{
	size_t step;

	for (; len; va += step, len -= step) {
		step = in_one_table(va, len);
		if (!lowest(t, va, true))
			return false;
	}
	return true;
}

int sl_map(struct sl_table *t, uint64_t va, physaddr_t pa, size_t len,
	   uint64_t rights, bool *replaced)
{
	uint64_t *e;

	if (va + len > SL_END || va + len < va)
		return os_error("address 0x%lx cannot be translated", va);
	if (!make_tables(t, va, len))
		return os_error("no memory for I/O page tables");
	for (; len; va += PGSIZE, pa += PGSIZE, len -= PGSIZE) {
		e = &lowest(t, va, false)[index_at(va, 1)];
		*replaced |= *e;
		store(t, e, pa | rights);
	}
	return 0;
}

void sl_keep(struct sl_table *t, uint64_t va, size_t len, uint64_t rights)
{
	uint64_t *table, *e;
	size_t step;
	uint64_t kept;

	for (; len; va += step, len -= step) {
		step = in_one_table(va, len);
		table = lowest(t, va, false);
		for (size_t at = 0; table && at < step; at += PGSIZE) {
			e = &table[index_at(va + at, 1)];
			kept = *e & BOTH & rights ? *e & ~(BOTH & ~rights) : 0;
			if (kept != *e)
				store(t, e, kept);
		}
	}
}

uint64_t sl_lookup(const struct sl_table *t, uint64_t va)
{
	const uint64_t *table = t->top[0];

	if (va >= SL_END)
		return 0;
	for (unsigned level = SL_LEVELS; level > 1 && table; level--)
		table = table_under(table[index_at(va, level)]);
	return table ? table[index_at(va, 1)] : 0;
}
