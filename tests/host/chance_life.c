/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations by chance (chance.h): the machine, and what must be so after each.
 */
#include "chance.h"

static unsigned chance(struct run *r, unsigned n)
{
	return model_random(r->b.m, n);
}

static struct process *holder(struct run *r, const struct function *f)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		if (r->p[i] && f->holder == r->p[i]->o)
			return r->p[i];
	return NULL;
}

static struct process *checked;

static bool right(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	struct mapping *e = owner_find(checked->o, va);

	(*(unsigned *)arg)++;
	return e && e->is == pa && e->is_rights == prot;
}

static void check_space(struct run *r, struct process *p)
{
	unsigned pages = 0;
	const char *wrong;

	if (lazy_of(r, p)->q.gather.change.tombs)
		lazy_flush(r, p, QUARANTINE_OTHER);
	checked = p;
	wrong = p->lost ? NULL : iommu_check_space(p->s, right, &pages);
	if (wrong)
		fail_msg("pid %d: %s", p->pid, wrong);
	for (unsigned i = 0; i < p->o->n; i++)
		pages += p->o->list[i].late;
	assert_true(p->lost || pages == p->o->n);
}

/* What is no mistake: devices that are gone or refuse the bus, and an error of
 * a queue that the next to wait will meet. */
static bool excused(const struct run *r, const char *what)
{
	return r->troubled || strncmp(what, "ok", 2) == 0 ||
		strstr(what, "gone") || strstr(what, "kept from the bus") ||
		strstr(what, "its queue is in error");
}

static void say(void *arg, const char *line)
{
	const char *what = strstr(line, ": ") + 2;
	struct run *r = arg;

	if (!excused(r, what))
		fail_msg("check: %s", line);
}

/* Flushes that were asked for twice may still go on; while they do, a unit in
 * caching mode may know nothing. */
static bool at_rest(const struct model_unit *u)
{
	return u->iqh == u->iqt && !u->nahead;
}

/* One device that can, at some pages of its process: what it may, no more. */
static void check_device(struct run *r, struct function *f)
{
	struct process *p = holder(r, f);
	struct mapping *e;

	if (!p || p->lost || !dma_can_master(f) || !function_mastering(f) ||
	    !at_rest(f->unit))
		return;
	for (unsigned i = 0; i < 3 && p->o->n; i++) {
		e = &p->o->list[chance(r, p->o->n)];
		for (unsigned w = 0; w < 2 && !e->late; w++)
			if (can(p, f, e->va, w) != (e->is_rights >> w & 1))
				fail_msg("%x at 0x%lx: not what it may",
					 f->sid, e->va);
	}
}

/* A device with an owner, a way to it and no fence masters the bus. */
static void check_mastering(struct run *r, struct function *f)
{
	bool should = f->holder && iommu_powered() && !dev(f)->fenced;

	if (f->gone || f->stubborn || r->troubled)
		return;
	if (function_mastering(f) != should)
		fail_msg("%x %s", f->sid, should ? "is kept from the bus" :
			 "masters the bus");
}

void run_check(struct run *r)
{
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		check_device(r, r->f[i]);
		check_mastering(r, r->f[i]);
	}
	lazy_check(r);
	if (chance(r, 64))
		return;
	for (unsigned i = 0; i < PROCESSES; i++)
		if (r->p[i])
			check_space(r, r->p[i]);
	model_call(r->b.m);
	bench_check(say, r);
}

/* Pages one behind the other, aligned to all of them, a stranger's. */
static void make_blocks(struct run *r)
{
	struct machine *m = r->b.m;
	physaddr_t pa;

	for (unsigned i = 0; i < BLOCKS; i++) {
		do
			pa = frame_alloc(m, NULL);
		while (pa % BLOCK_BYTES);
		r->blocks[i].at = pa;
		for (unsigned n = 1; n < BLOCK; n++)
			assert_int_equal(frame_alloc(m, NULL), pa + n * PAGE);
		for (unsigned n = 0; n < BLOCK; n++)
			frame_give(m, pa + n * PAGE, NULL);
	}
}

/* Endpoints of each kind, on three buses behind bridges of three kinds, each
 * behind a unit by chance. */
static void make_functions(struct run *r)
{
	static const struct {
		unsigned bus, kind;
	} fs[] = {
		{ 0, FN_FLR }, { 0, FN_AF }, { 0, FN_PM | FN_PCIE },
		{ 0, FN_FLR | FN_PM }, { 0, FN_PCIE | FN_ATS },
		{ 0, FN_FLR | FN_ATS }, { 0, FN_FLR | FN_ATS },
		{ 2, FN_FLR | FN_ATS }, { 3, 0 }, { 3, FN_AF },
	};
	struct machine *m = r->b.m;
	struct model_unit *u;

	model_bridge(m, 0, 0, 28, 0, BRIDGE_PORT, 2, 2);
	model_bridge(m, 0, 0, 30, 0, BRIDGE_TO_PCI, 3, 3);
	for (unsigned i = 0; i < ARRAY_SIZE(fs); i++) {
		u = r->units[fs[i].bus == 3 ? 0 : chance(r, UNITS)];
		r->f[i] = model_function(m, 0, fs[i].bus, 10 + i, 0,
					 fs[i].kind, u);
		if (fs[i].kind)		/* else nobody could tell */
			r->f[i]->drains = chance(r, 4);
	}
	r->f[10] = r->b.plain;
	r->f[11] = r->b.flr;
	r->f[12] = r->b.af;
	r->f[13] = r->b.pm;
}

/* As firmware may have left it: translating, by tables of its own. */
static void leave_on(struct model_unit *u)
{
	u->gsts = G_TE | G_SRTP;
	u->root = u->rtaddr = u->m->mem.trap;
	u->tolerant = true;
}

void run_open(struct run *r, uint64_t seed)
{
	static const unsigned far[UNITS] = { 1, 31, 17 };
	struct image image;
	struct machine *m;
	struct triple t;

	memset(r, 0, sizeof(*r));
	r->pid = 10;
	for (unsigned i = 0; i < UNITS; i++)
		r->kinds[i] = (unsigned)(seed * far[i] + 7 * i) % ntriples;
	t = *triple_at(r->kinds[0]);
	bench_open(&r->b, &t, WITHOUT_WIRED, seed);
	m = r->b.m;
	r->units[0] = r->b.u;
	for (unsigned i = 1; i < UNITS; i++) {
		t = *triple_at(r->kinds[i]);
		r->units[i] = model_unit(m, 0xfed90000 - i * 0x10000, 0, t.ver,
					 t.cap, t.ecap);
	}
	make_functions(r);
	m->policy.latency = chance(r, 6);
	m->policy.keep = chance(r, 3);
	m->policy.leave = chance(r, 3);
	r->may_trouble = chance(r, 2);
	for (unsigned i = 0; i < UNITS; i++) {
		r->units[i]->collapse = chance(r, 2);
		r->units[i]->tells = chance(r, 2);
		if (!chance(r, 4))
			leave_on(r->units[i]);
	}
	bench_table(m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&r->b, &image);
	for (unsigned i = 0; i < UNITS; i++)
		r->units[i]->tolerant = false;
	make_blocks(r);
	lazy_open(r);
	m->hook = attack_a_little;
}

void run_close(struct run *r)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		if (r->p[i])
			run_end(r, r->p[i]);
	bench_close(&r->b);
}
