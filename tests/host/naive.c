/* SPDX-License-Identifier: BSD-2-Clause */
/* The naive specification of second-level tables (naive.h). */
#include "naive.h"

struct naive naive;

struct place places[PLACES] = {
	{ 0, 3 * 512, NULL },
	{ (1ul << 30) - (4ul << 20), 2 * 262144 + 2 * 1024, NULL },
	{ VA - (3ul << 20), 6 * 512, NULL },
	{ (1ul << 39) - (1ul << 30) - (4ul << 20), 262144 + 1024, NULL },
};
#define PLACES_END (places + PLACES)

static uint64_t *page_at(uint64_t va)
{
	for (struct place *w = places; w < PLACES_END; w++)
		if (va >= w->base && va - w->base < w->pages * PAGE)
			return &w->is[(va - w->base) / PAGE];
	return NULL;
}

/* Nothing is ever mapped outside of the places. */
uint64_t wanted(uint64_t va)
{
	uint64_t *p = page_at(va & ~(PAGE - 1));

	return p ? *p : 0;
}

uint64_t span(unsigned level)
{
	return PAGE << (9 * (level - 1));
}

static bool is_leaf(uint64_t e, unsigned level)
{
	return level == 1 || e & P_PS;
}

/* What an entry of that level makes of va. */
uint64_t page_of(uint64_t e, unsigned level, uint64_t va)
{
	if (!(e & 3))
		return 0;
	return (e & P_ADDR & ~(span(level) - 1)) |
		(va & (span(level) - 1) & ~(PAGE - 1)) | (e & 3);
}

/* 9.8: what is reserved is 0; SNP is for leaves alone, and bit 11 else. */
static void check_entry(const struct naive *n, uint64_t e, unsigned level)
{
	uint64_t may = P_ADDR | 3;

	if (!(e & 3))
		return;
	if (is_leaf(e, level)) {
		may |= P_SNP | (level > 1 ? P_PS : 0);
		assert_int_equal(e & P_ADDR & (span(level) - 1), 0);
		assert_true(level <= n->t.format.leaf_levels || n->m->in_hook);
		assert_true(!(e & P_SNP) || n->t.format.snoop ||
			    n->m->in_hook);
	}
	assert_int_equal(e & ~may, 0);
}

/* Walks from a table of that level down to the entry that ends it; *level is
 * where that is. */
static uint64_t descend(struct naive *n, physaddr_t table, unsigned *level,
			uint64_t va, bool remember)
{
	uint64_t e = 0;

	for (;; (*level)--) {
		assert_true(memory_unit_read(n->u, table + (va / span(*level) %
							    512) * 8, &e));
		check_entry(n, e, *level);
		if (remember && n->nknown < KNOWN && (e & 3 || n->caching))
			n->known[n->nknown++] = (struct known){ va, e, *level };
		if (!(e & 3) || is_leaf(e, *level))
			return e;
		table = e & P_ADDR;
	}
}

uint64_t found(struct naive *n, unsigned levels, uint64_t va)
{
	unsigned level = levels;
	uint64_t e = descend(n, sl_root(&n->t, levels), &level, va, false);

	return page_of(e, level, va);
}

static bool covers(const struct known *k, uint64_t va)
{
	return k->va / span(k->level) == va / span(k->level);
}

/* A request: by the lowest that is known, and all that is met is known then. */
static void use_cache(struct naive *n, uint64_t va)
{
	physaddr_t table = memory_pa(n->m, n->t.top[0]);
	const struct known *best = NULL;
	unsigned level = 3;

	for (unsigned i = 0; i < n->nknown; i++)
		if (covers(&n->known[i], va) &&
		    (!best || n->known[i].level < best->level))
			best = &n->known[i];
	if (best && (!(best->entry & 3) || is_leaf(best->entry, best->level)))
		return;
	if (best) {
		table = best->entry & P_ADDR;
		level = best->level - 1;
	}
	descend(n, table, &level, va, true);
}

/* The entry of k's place now, 0 if no table leads there. */
static uint64_t entry_now(struct naive *n, const struct known *k)
{
	physaddr_t table = memory_pa(n->m, n->t.top[0]);
	uint64_t e = 0;

	for (unsigned l = 3; l >= k->level; l--) {
		assert_true(memory_unit_read(n->u, table + (k->va / span(l) %
							    512) * 8, &e));
		if (l > k->level && (!(e & 3) || is_leaf(e, l)))
			return 0;
		table = e & P_ADDR;
	}
	return e;
}

static bool points(uint64_t e, unsigned level)
{
	return e & 3 && !is_leaf(e, level);
}

/* 6.5.2.3: with IH (no `upper`) entries that are or were no leaves stay.  So do
 * large pages of which only a part is named: who knows. */
static bool forgotten(struct naive *n, const struct iommu_change *c,
		      const struct known *k)
{
	uint64_t lo = k->va & ~(span(k->level) - 1);

	if (!c->removed && !(n->caching && c->added))
		return false;
	if (c->lo >= lo + span(k->level) || c->hi <= lo)
		return false;
	if (k->entry & 3 && is_leaf(k->entry, k->level) &&
	    (c->lo > lo || c->hi < lo + span(k->level)))
		return false;
	return c->upper || (!points(k->entry, k->level) &&
			    !points(entry_now(n, k), k->level));
}

/* What is still known is so. */
static void check_known(struct naive *n)
{
	const struct known *k;
	uint64_t lo, va;

	for (k = n->known; k < n->known + n->nknown; k++) {
		if (points(k->entry, k->level) || !(k->entry & 3)) {
			assert_int_equal(entry_now(n, k), k->entry);
			continue;
		}
		lo = k->va & ~(span(k->level) - 1);
		for (unsigned i = 0; i < 5; i++) {
			va = i < 3 ? lo + i * (span(k->level) - PAGE) / 2 :
				lo + model_random(n->m, UINT32_MAX) %
				span(k->level);
			assert_int_equal(page_of(k->entry, k->level, va),
					 wanted(va));
		}
	}
}

static void forget(struct naive *n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n->nknown; i++)
		if (!forgotten(n, &n->change, &n->known[i]))
			n->known[kept++] = n->known[i];
	n->nknown = kept;
	check_known(n);
	if (n->nknown > KNOWN / 2)
		n->nknown = model_random(n->m, n->nknown);
}

/* Between any two steps: each page is what it was or what it will be. */
static void between(struct machine *m, const struct happening *h)
{
	struct naive *n = &naive;
	uint64_t got;

	(void)h;
	if (n->events++ % n->skip)
		return;
	for (struct sample *s = n->sample; s < n->sample + SAMPLES; s++) {
		got = found(n, 3, s->va);
		if (got != s->was && got != s->is)
			model_violation(m, "0x%lx is neither 0x%lx nor 0x%lx, "
					"but 0x%lx", s->va, s->was, s->is, got);
		use_cache(n, s->va);
	}
}

/* Ends of the range, what is beside them, boundaries in it, and some pages. */
static void pick_samples(struct naive *n, uint64_t va, size_t len)
{
	uint64_t at[SAMPLES] = {
		va, va + len - PAGE, va ? va - PAGE : 0, va + len,
		ROUNDUP(va, span(2)), ROUNDUP(va, span(3)),
		ROUNDDOWN(va + len, span(2)), ROUNDDOWN(va, span(2)),
		ROUNDDOWN(va, span(3)),
	};

	for (unsigned i = 0; i < SAMPLES; i++) {
		if (i > 8)
			at[i] = va + model_random(n->m, (unsigned)(len / PAGE))
				* PAGE;
		if (at[i] >= 1ul << 39)
			at[i] = va;
		n->sample[i] = (struct sample){ at[i], wanted(at[i]),
						wanted(at[i]) };
	}
	n->skip = len > 1024 * PAGE ? 401 : len > 16 * PAGE ? 17 : 1;
}

static uint64_t after(const struct op *o, uint64_t va, uint64_t was)
{
	if (o->map)
		return (o->pa + (va - o->va)) | o->rights;
	return was & 3 & o->rights ? was & (o->rights | ~3ul) : 0;
}

static bool goes_the_short_way(struct naive *n, const struct op *o)
{
	unsigned level = 1;

	while (level < 3 && span(level) < o->len)
		level++;
	return o->len == span(level) &&
		sl_put_leaf(&n->t, o->va, o->map ? o->pa : 0, level, o->rights,
			    &n->change);
}

static int perform(struct naive *n, const struct op *o)
{
	if ((o->map || !o->rights) && goes_the_short_way(n, o))
		return 0;
	if (o->map)
		return sl_map(&n->t, o->va, o->pa, o->len, o->rights,
			      &n->change);
	return sl_keep(&n->t, o->va, o->len, o->rights, &n->change);
}

/* What a page's change must have been noted as. */
static void check_noted(const struct iommu_change *c, uint64_t va, uint64_t was,
			uint64_t is)
{
	if (was == is)
		return;
	assert_true(c->lo <= va && va < c->hi);
	assert_true(c->added || c->removed);
	if (was && ((was ^ is) & P_ADDR || was & 3 & ~is))
		assert_true(c->removed);
}

static void applied(struct naive *n, const struct op *o)
{
	uint64_t was, *p;

	for (uint64_t va = o->va; va < o->va + o->len; va += PAGE) {
		p = page_at(va);
		was = *p;
		*p = after(o, va, was);
		check_noted(&n->change, va, was, *p);
	}
}

static void check_samples(struct naive *n)
{
	for (struct sample *s = n->sample; s < n->sample + SAMPLES; s++)
		for (unsigned levels = 3; levels <= 5; levels++)
			assert_int_equal(found(n, levels, s->va),
					 wanted(s->va));
}

void flush(struct naive *n)
{
	size_t before = n->t.pages;
	bool some = n->change.tombs || n->change.nburied;

	forget(n);
	sl_reap(&n->t, &n->change);
	assert_true(some ? n->t.pages < before : n->t.pages == before);
	assert_int_equal(n->change.hi, 0);
}

/* By chance memory runs out: then nothing is changed. */
int change(struct naive *n, const struct op *o, unsigned fail)
{
	int err;

	pick_samples(n, o->va, o->len);
	for (struct sample *s = n->sample; s < n->sample + SAMPLES; s++)
		if (s->va >= o->va && s->va < o->va + o->len)
			s->is = after(o, s->va, s->was);
	n->m->mem.fail_at = fail ? n->m->mem.allocations + fail : 0;
	n->m->hook = between;
	err = perform(n, o);
	n->m->hook = NULL;
	n->m->mem.fail_at = 0;
	if (!err)
		applied(n, o);
	check_samples(n);
	assert_int_equal(n->m->mem.objects, n->t.pages);
	return err;
}

struct counted {
	uint64_t pages;
};

static bool right(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	((struct counted *)arg)->pages++;
	return wanted(va) == (pa | (uint64_t)prot);
}

/* Nothing else is there, and nothing is missing. */
void compare_all(struct naive *n)
{
	struct counted c = { 0 };
	uint64_t present = 0;

	assert_null(sl_check(&n->t, right, &c));
	for (struct place *w = places; w < PLACES_END; w++)
		for (unsigned i = 0; i < w->pages; i++)
			present += w->is[i] != 0;
	assert_int_equal(present, c.pages);
}

void open_naive(struct naive *n, uint64_t seed)
{
	static char label[40];
	uint64_t cap = triple_named("qemu")->cap, ecap = 0xf00f4a;

	memset(n, 0, sizeof(*n));
	for (struct place *w = places; w < PLACES_END; w++) {
		free(w->is);
		w->is = calloc(w->pages, sizeof(*w->is));
		assert_non_null(w->is);
	}
	n->m = model_start(seed);
	snprintf(label, sizeof(label), "SEED=%lu SEEDS=1", seed);
	n->m->label = label;
	n->m->limit = UINT64_MAX;
	n->m->policy.leave = model_random(n->m, 3);
	n->units[0] = model_unit(n->m, 0xfed90000, 0, 0x10, cap, ecap | 1);
	n->units[1] = model_unit(n->m, 0xfed91000, 0, 0x10, cap, ecap & ~1ul);
	n->u = n->units[0];
	n->skip = 1;
	assert_int_equal(sl_init(&n->t, SL_WIDEST), 0);
	for (unsigned levels = 3; levels <= 5; levels++)
		assert_int_not_equal(sl_root(&n->t, levels), 0);
}

void close_naive(struct naive *n)
{
	assert_int_equal(n->m->mem.objects, n->t.pages);
	sl_free(&n->t);
	assert_int_equal(n->t.pages, 0);
	assert_int_equal(n->m->mem.objects, 0);
	model_check(n->m);
	model_stop(n->m);
}

/* A unit joins: what every page is stays the same all the while. */
int adapt(struct naive *n, struct sl_format f, unsigned fail)
{
	struct place *w = &places[model_random(n->m, PLACES)];
	int err;

	pick_samples(n, w->base, w->pages * PAGE);
	n->m->mem.fail_at = fail ? n->m->mem.allocations + fail : 0;
	n->m->hook = between;
	err = sl_adapt(&n->t, f, &n->change);
	n->m->hook = NULL;
	n->m->mem.fail_at = 0;
	if (!err && f.flush_lines)
		n->u = n->units[1];
	flush(n);
	check_samples(n);
	compare_all(n);
	return err;
}

void do_map(uint64_t va, uint64_t pa, size_t len)
{
	struct op o = { va, len, pa, 3, true };

	assert_int_equal(change(&naive, &o, 0), 0);
}

void do_keep(uint64_t va, size_t len, uint64_t rights)
{
	struct op o = { va, len, 0, rights, false };

	assert_int_equal(change(&naive, &o, 0), 0);
}
