/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that attack (bench.h): between any two steps of the driver each that
 * can masters the bus and goes for every page that anybody has, the pages
 * beside them, and some that nobody has.  And the machines on which that is
 * done: 33 real units, QEMU's, and some that nobody has built.
 */
#include "bench.h"
#include "capabilities.h"

#define QEMU_CAP	0xd2008c222f0606
#define QEMU_ECAP	0xf00f4a
#define CM		(1ull << 7)
#define RWBF		(1ull << 4)

/* fro 0x220, as QEMU's; the last records lie beyond the first page. */
static const struct triple triples[] = {
	{ 0x10, QEMU_CAP, QEMU_ECAP, "qemu without caching mode" },
	{ 0x10, QEMU_CAP & ~(3ull << 54), QEMU_ECAP, "no drain" },
	{ 0x10, 0xd2008c40660460, 0xf050da, "16 domains" },
	{ 0x10, QEMU_CAP | CM | RWBF, QEMU_ECAP, "caching, write buffer" },
	{ 0x10, QEMU_CAP | CM | RWBF, 0xf00f48, "caching, registers" },
	{ 0x10, QEMU_CAP | CM, QEMU_ECAP | 1, "caching, coherent" },
	{ 0x10, QEMU_CAP | RWBF, QEMU_ECAP, "write buffer" },
	{ 0x10, QEMU_CAP | RWBF, QEMU_ECAP | 1, "write buffer, coherent" },
	{ 0x10, 0x8ed008c40780866, 0x60000f050df, "5 levels" },
	{ 0x10, 0x8ed008c40780866, 0x60000f050de, "5 levels, incoherent" },
	{ 0x10, QEMU_CAP | 0xffull << 40, QEMU_ECAP, "256 records" },
	{ 0x10, QEMU_CAP | 7ull << 40, QEMU_ECAP | 1, "8 records" },
};
const unsigned ntriples = ARRAY_SIZE(triples) + ARRAY_SIZE(figures);

const struct triple *triple_at(unsigned n)
{
	static struct triple t;
	static char name[32];
	const struct figures *f;

	if (n < ARRAY_SIZE(triples))
		return &triples[n];
	n -= (unsigned)ARRAY_SIZE(triples);
	f = &figures[n];
	snprintf(name, sizeof(name), "real unit %u", n + 1);
	if (n + 1 == ARRAY_SIZE(figures))
		snprintf(name, sizeof(name), "qemu");
	t = (struct triple){ f->ver, f->cap, f->ecap, name };
	return &t;
}

const struct triple *triple_named(const char *name)
{
	for (unsigned i = 0; i < ntriples; i++)
		if (strcmp(triple_at(i)->name, name) == 0)
			return triple_at(i);
	fail_msg("no triple %s", name);
	return NULL;
}

static void try_one(struct machine *m, const struct function *f, uint64_t va)
{
	uint64_t v = va;

	model_dma(m, f->segment, f->sid, va, &v, sizeof(v), false);
	v = va;
	model_dma(m, f->segment, f->sid, va, &v, sizeof(v), true);
	if (!ats_enabled(f))
		return;
	model_ats_dma(m, f->segment, f->sid, va, true);
	model_ats_dma(m, f->segment, f->sid, va, false);
	model_ats_ask(m, f->segment, f->sid, va);
}

static void try_pages_of(struct machine *m, const struct function *f,
			 const struct owner *o)
{
	for (unsigned i = 0; o && i < o->n; i++) {
		try_one(m, f, o->list[i].va);
		try_one(m, f, o->list[i].va + PAGE);
	}
}

/* Addresses that are nobody's, and one that is memory if untranslated. */
static const uint64_t nobodys[] = {
	0, VA + (1ull << 30), RAM_BASE, 1ull << 50,
};

void attack(struct machine *m)
{
	for (struct function *f = m->functions; f; f = f->next) {
		if (!dma_can_master(f) || f->kind & FN_HOST_BRIDGE ||
		    f->config[0x0e] & 1)
			continue;
		for (struct function *g = m->functions; g; g = g->next)
			if (g->holder)
				try_pages_of(m, f, g->holder);
		for (unsigned i = 0; i < ARRAY_SIZE(nobodys); i++)
			try_one(m, f, nobodys[i]);
		try_one(m, f, VA);
	}
}

static void check_id(struct vtd *u, unsigned did, const char *where)
{
	if (did >= u->ndids || !(u->did_map[did / 64] >> did % 64 & 1))
		model_violation(model_machine, "the unit knows domain %u by "
				"its %s, and the driver has freed it", did,
				where);
}

/* Nothing that a unit remembers bears an id that could be given anew. */
static void check_domain_ids(struct model_unit *mu)
{
	struct vtd *u = vtd_of(mu);

	if (!u || !u->did_map || !(mu->gsts & G_TE))
		return;
	for (unsigned i = 0; i < mu->ncontext; i++)
		check_id(u, mu->context[i].did, "context cache");
	for (unsigned i = 0; i < mu->ntlb; i++)
		check_id(u, mu->tlb[i].did, "IOTLB");
	for (unsigned i = 0; i < mu->ntables; i++)
		check_id(u, mu->tables[i].did, "paging-structure cache");
}

static void at_every_step(struct machine *m, const struct happening *h)
{
	if (h->what == E_LOCK || h->what == E_UNLOCK)
		return;
	attack(m);
	for (unsigned i = 0; i < m->nunits; i++)
		check_domain_ids(m->units[i]);
}

static const struct function *next_master(const struct function *f)
{
	while (f && (f->config[0x0e] & 1 || !dma_can_master(f)))
		f = f->next;
	return f;
}

/* Of those that can, the next behind some place in the list. */
static const struct function *some_master(struct machine *m)
{
	const struct function *f = m->functions;

	for (unsigned skip = model_random(m, 16); f && skip; skip--)
		f = f->next;
	f = next_master(f);
	return f ? f : next_master(m->functions);
}

/* One request in one way. */
static void try_some(struct machine *m, const struct function *f, uint64_t va)
{
	uint64_t v = va;
	unsigned how = model_random(m, ats_enabled(f) ? 5 : 2);

	if (how < 2)
		model_dma(m, f->segment, f->sid, va, &v, sizeof(v), how);
	else if (how < 4)
		model_ats_dma(m, f->segment, f->sid, va, how & 1);
	else
		model_ats_ask(m, f->segment, f->sid, va);
}

void attack_a_little(struct machine *m, const struct happening *h)
{
	const struct function *f = some_master(m), *g = some_master(m);

	if (!f || h->what == E_LOCK || h->what == E_UNLOCK)
		return;
	if (g->holder && g->holder->n)
		try_some(m, f, g->holder->list[model_random(m, g->holder->n)].va
			 + PAGE * model_random(m, 2));
	else
		try_some(m, f, nobodys[model_random(m, ARRAY_SIZE(nobodys))]);
	if (!model_random(m, 4))
		check_domain_ids(m->units[model_random(m, m->nunits)]);
}

void attack_always(struct bench *b)
{
	b->m->hook = at_every_step;
}

static void run(const struct triple *t, unsigned policy,
		void (*scenario)(struct bench *b), int wired)
{
	static const char *const keep[] = { "all", "nothing", "some" };
	static const char *const leave[] = { "never", "sometimes", "at once" };
	static char label[100];
	struct bench b;

	snprintf(label, sizeof(label), "%s, keeping %s, leaving %s", t->name,
		 keep[policy / 3], leave[policy % 3]);
	bench_open(&b, t, wired, policy + 1);
	b.m->label = label;
	b.m->policy.keep = policy / 3;
	b.m->policy.leave = policy % 3;
	bench_boot(&b);
	attack_always(&b);
	scenario(&b);
	bench_close(&b);
}

void on_triple(const char *name, void (*scenario)(struct bench *b), int wired)
{
	for (unsigned policy = 0; policy < 9; policy++)
		run(triple_named(name), policy, scenario, wired);
}

void on_all_triples(void (*scenario)(struct bench *b), int wired)
{
	for (unsigned i = 0; i < ntriples; i++)
		for (unsigned policy = 0; policy < 9; policy++)
			run(triple_at(i), policy, scenario, wired);
}

uint64_t traced(struct machine *m, uint64_t from, enum event what,
		uint64_t where, uint64_t value_mask, uint64_t value)
{
	struct happening *h;

	assert_true(m->traced - from < TRACE_ROOM);
	for (; from < m->traced; from++) {
		h = &m->trace[from % TRACE_ROOM];
		if (h->what == what && h->where == where &&
		    (h->value & value_mask) == value)
			return from;
	}
	return UINT64_MAX;
}
