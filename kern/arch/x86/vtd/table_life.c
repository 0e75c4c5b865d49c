/* SPDX-License-Identifier: BSD-2-Clause */
/* Second-level tables (table.h): pages of tables made, split, freed; a tree
 * made to fit a lesser unit. */
#include <vtd/table_impl.h>

/* An empty table, in memory before anything points at it. */
uint64_t *sl_new_table(struct sl_table *t)
{
	uint64_t *table = os_alloc(PGSIZE);

	if (!table)
		return NULL;
	if (t->format.flush_lines)
		os_flush(table, PGSIZE);
	t->pages++;
	return table;
}

int sl_init(struct sl_table *t, struct sl_format f)
{
	*t = (struct sl_table){ .format = f };
	t->top[0] = sl_new_table(t);
	return t->top[0] ? 0 : os_error("no memory for an I/O space");
}

void sl_share(struct sl_table *t, uint64_t *table, struct sl_format f)
{
	*t = (struct sl_table){ .top[0] = table, .format = f, .shared = true };
}

void sl_free_under(struct sl_table *t, uint64_t *table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < SL_ENTRIES; i++)
		if (table[i] & SL_TOMB || sl_table_under(table[i], level))
			sl_free_under(t, os_virt(sl_addr(table[i])), level - 1);
	os_free(table, PGSIZE);
	t->pages--;
}

void sl_free(struct sl_table *t)
{
	for (unsigned i = ARRAY_SIZE(t->top) - 1; i > 0; i--)
		if (t->top[i])
			sl_free_under(t, t->top[i], 1);
	if (!t->shared)
		sl_free_under(t, t->top[0], SL_LEVELS);
}

physaddr_t sl_root(struct sl_table *t, unsigned levels)
{
	for (unsigned i = 1; i <= levels - SL_LEVELS; i++) {
		if (t->top[i])
			continue;
		t->top[i] = sl_new_table(t);
		if (!t->top[i])
			return 0;
		sl_store(t, t->top[i], sl_make_pointer(t->top[i - 1]));
	}
	return os_phys(t->top[levels - SL_LEVELS]);
}

uint64_t *sl_split(struct sl_table *t, uint64_t *e, uint64_t va, unsigned level,
		   struct iommu_change *change)
{
	uint64_t *table = os_alloc(PGSIZE);
	uint64_t leaf = *e & ~(level == 2 ? SL_PS : 0);

	if (!table)
		return NULL;
	for (unsigned i = 0; i < SL_ENTRIES; i++)
		table[i] = leaf + i * sl_span(level - 1);
	if (t->format.flush_lines)
		os_flush(table, PGSIZE);
	t->pages++;
	sl_store(t, e, sl_make_pointer(table));
	/* The large page may be cached as a whole: what covers it must go when
	 * a part of it changes. */
	va = ROUNDDOWN(va, sl_span(level));
	sl_note(change, va, va + sl_span(level));
	change->removed = change->upper = true;
	return table;
}

struct sl_format sl_lesser(struct sl_format a, struct sl_format b)
{
	return (struct sl_format){
		.leaf_levels = MIN(a.leaf_levels, b.leaf_levels),
		.snoop = a.snoop && b.snoop,
		.flush_lines = a.flush_lines || b.flush_lines,
	};
}

/* Splits leaves that are too large, or clears SNP.  false: no memory. */
static bool adapt_table(struct sl_table *t, uint64_t *table, unsigned level,
			uint64_t va, unsigned largest,
			struct iommu_change *change)
{
	uint64_t *under;
	uint64_t at;

	for (unsigned i = 0; i < SL_ENTRIES; i++) {
		at = va + i * sl_span(level);
		if (sl_is_leaf(table[i], level) && level > largest &&
		    !sl_split(t, &table[i], at, level, change))
			return false;
		if (sl_is_leaf(table[i], level) && !t->format.snoop &&
		    table[i] & SL_SNP)
			sl_store(t, &table[i], table[i] & ~SL_SNP);
		under = sl_table_under(table[i], level);
		if (under && !adapt_table(t, under, level - 1, at, largest,
					  change))
			return false;
	}
	return true;
}

/* Whole tables, for a unit that does not snoop; nearly all are of pages. */
static void write_back(const uint64_t *table, unsigned level)
{
	uint64_t e;

	os_flush(table, PGSIZE);
	for (unsigned i = 0; i < SL_ENTRIES; i++) {
		e = table[i];
		if (!sl_present(e) || sl_is_leaf(e, level))
			continue;
		if (level > 2)
			write_back(os_virt(sl_addr(e)), level - 1);
		else
			os_flush(os_virt(sl_addr(e)), PGSIZE);
	}
}

/* Splitting, which can fail, comes first and changes nothing that is seen. */
int sl_adapt(struct sl_table *t, struct sl_format f,
	     struct iommu_change *change)
{
	struct sl_format old = t->format;

	if (f.leaf_levels < old.leaf_levels &&
	    !adapt_table(t, t->top[0], SL_LEVELS, 0, f.leaf_levels, change))
		return os_error("no memory for I/O page tables");
	t->format = f;
	if (old.snoop && !f.snoop)
		(void)adapt_table(t, t->top[0], SL_LEVELS, 0, SL_LEVELS,
				  change);
	if (old.flush_lines || !f.flush_lines)
		return 0;
	write_back(t->top[0], SL_LEVELS);
	for (unsigned i = 1; i < ARRAY_SIZE(t->top); i++)
		if (t->top[i])
			os_flush(t->top[i], PGSIZE);
	return 0;
}

/* false: it is no tomb. */
static bool reap_entry(struct sl_table *t, uint64_t *e, unsigned level)
{
	if (!(*e & SL_TOMB) || sl_present(*e))
		return false;
	sl_free_under(t, os_virt(sl_addr(*e)), level - 1);
	sl_store(t, e, 0);
	return true;
}

/* The tombs of one table, in the part of it that lies in lo..hi. */
static void reap_table(struct sl_table *t, uint64_t *table, unsigned level,
		       uint64_t va, const struct iommu_change *c)
{
	unsigned first = c->lo > va ? sl_index(c->lo, level) : 0;
	uint64_t at, e;

	for (unsigned i = first; i < SL_ENTRIES; i++) {
		at = va + i * sl_span(level);
		e = table[i];
		if (at >= c->hi)
			return;
		if (!reap_entry(t, &table[i], level) && level > 2 &&
		    sl_table_under(e, level))
			reap_table(t, sl_table_under(e, level), level - 1, at,
				   c);
	}
}

void sl_reap(struct sl_table *t, struct iommu_change *c)
{
	uint64_t *e = c->hi - c->lo == sl_span(2) ? sl_find(t, c->lo, 2) : NULL;

	for (unsigned i = 0; i < c->nburied; i++)
		sl_free_under(t, os_virt(sl_addr(c->buried[i])),
			      (unsigned)(c->buried[i] % PGSIZE) - 1);
	if (c->tombs && !(e && reap_entry(t, e, 2)))
		reap_table(t, t->top[0], SL_LEVELS, 0, c);
	iommu_change_clear(c);
}

struct checking {
	const struct sl_table *t;
	bool (*right)(void *arg, uint64_t va, physaddr_t pa, int prot);
	void *arg;
	size_t tables;
	const char *wrong;
};

static void check_leaf(struct checking *c, uint64_t e, unsigned level,
		       uint64_t va)
{
	int prot = (e & SL_R ? 1 : 0) | (e & SL_W ? 2 : 0);

	if (level > c->t->format.leaf_levels)
		c->wrong = "a leaf is larger than a unit can take";
	if (e & SL_SNP && !c->t->format.snoop)
		c->wrong = "a leaf says SNP, which a unit does not know";
	if (sl_addr(e) % sl_span(level))
		c->wrong = "a leaf is not aligned";
	if (e & SL_TM)
		c->wrong = "a leaf says TM, which a unit may not know";
	for (uint64_t at = 0; at < sl_span(level) && !c->wrong; at += PGSIZE)
		if (!c->right(c->arg, va + at, sl_addr(e) + at, prot))
			c->wrong = "a page is there that should not be";
}

static void check_table(struct checking *c, const uint64_t *table,
			unsigned level, uint64_t va)
{
	uint64_t e, at;

	c->tables++;
	for (unsigned i = 0; i < SL_ENTRIES && !c->wrong; i++) {
		e = table[i];
		at = va + i * sl_span(level);
		if (sl_is_leaf(e, level))
			check_leaf(c, e, level, at);
		else if (sl_present(e))
			check_table(c, sl_table_under(e, level), level - 1, at);
		else if (c->t->shared ? e & ~(sl_addr(e) | SL_PS) : e)
			c->wrong = "an absent entry is not 0";
	}
}

const char *sl_check(const struct sl_table *t,
		     bool (*right)(void *arg, uint64_t va, physaddr_t pa,
				   int prot),
		     void *arg)
{
	struct checking c = { .t = t, .right = right, .arg = arg };

	for (unsigned i = 1; i < ARRAY_SIZE(t->top); i++)
		c.tables += t->top[i] != NULL;
	check_table(&c, t->top[0], SL_LEVELS, 0);
	if (!c.wrong && !t->shared && c.tables != t->pages)
		c.wrong = "table pages are not what was counted";
	return c.wrong;
}
