/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can happen on a running machine, one of it by chance (chance.h).  A
 * call may fail only for a reason that is there; and then nothing has changed,
 * or, where a unit has stopped working, the process is lost.
 */
#include "chance.h"

#define PLACES		4u	/* of 2 MiB each */
#define SPAN		(2ul << 20)
#define LOW		(VA & ~(SPAN - 1))
#define PAGES		12u	/* that small mappings are of, in a place */

static unsigned chance(struct run *r, unsigned n)
{
	return model_random(r->b.m, n);
}

static struct process *some_process(struct run *r)
{
	unsigned slot = chance(r, PROCESSES);

	if (!r->p[slot]) {
		r->p[slot] = process(&r->b, ++r->pid);
		lazy_init(r, slot);
	}
	return r->p[slot];
}

static struct function *some_function(struct run *r)
{
	return r->f[chance(r, FUNCTIONS)];
}

/* Pages here and there, some beside each other, at the ends of places. */
static uint64_t some_address(struct run *r)
{
	return LOW + SPAN * chance(r, PLACES) +
		(chance(r, 4) ? 0 : SPAN - PAGES * PAGE) +
		chance(r, PAGES) * PAGE;
}

static uint8_t some_rights(struct run *r)
{
	return (uint8_t)(1 + chance(r, 3));
}

void excuse(struct run *r, int err, const char *what)
{
	if (err && !r->troubled && !r->b.m->violations)
		fail_msg("%s: %s", what, r->b.m->error);
}

static struct block *block_of(struct run *r, physaddr_t pa)
{
	for (struct block *b = r->blocks; b < r->blocks + BLOCKS; b++)
		if (pa - b->at < BLOCK_BYTES)
			return b;
	return NULL;
}

void retire(struct run *r, physaddr_t pa)
{
	struct block *b = block_of(r, pa);

	if (!b) {
		frame_free(r->b.m, pa);
		return;
	}
	frame_give(r->b.m, pa, NULL);
	b->used--;
}

/* A change of a space: first planned, then made, then flushed. */
static void plan(struct run *r, struct process *p, uint64_t va, physaddr_t pa,
		 uint8_t rights)
{
	struct mapping *e = owner_find(p->o, va);

	if (e && e->was && (e->was != pa || !rights))
		r->old[r->nold++] = e->was;
	assert_true(r->nold < ARRAY_SIZE(r->old));
	owner_plan(p->o, va, pa, rights);
}

static void plan_keep(struct run *r, struct process *p, uint64_t va,
		      unsigned pages, uint8_t rights)
{
	struct mapping *e;

	for (unsigned i = 0; i < p->o->n; i++) {
		e = &p->o->list[i];
		if (e->va - va < pages * PAGE)
			plan(r, p, e->va, e->was, e->was_rights & rights);
	}
}

static void take_back(struct run *r, struct process *p)
{
	struct mapping *e;

	for (unsigned i = 0; i < p->o->n; i++) {
		e = &p->o->list[i];
		if (e->late)
			continue;
		if (e->is != e->was && e->is)
			retire(r, e->is);
		e->is = e->was;
		e->is_rights = e->was_rights;
	}
	r->nold = 0;
}

/* Where a unit has failed, what was and what was to be may both be there. */
static void finish(struct run *r, struct process *p, struct iommu_gather *g,
		   int err)
{
	int bad;

	if (err)
		take_back(r, p);
	model_call(r->b.m);
	bad = g == &lazy_of(r, p)->q.gather ?
		quarantine_flush(&lazy_of(r, p)->q, QUARANTINE_OTHER) :
		iommu_flush(g);
	excuse(r, bad, "flush");
	p->lost |= bad < 0;
	if (!p->lost) {
		owner_commit(p->o);
		for (unsigned i = 0; i < r->nold; i++)
			retire(r, r->old[i]);
	}
	r->nold = 0;
	r->b.m->mem.fail_at = 0;
}

/* Sometimes memory runs out soon. */
static void maybe_fail(struct run *r)
{
	if (!chance(r, 12))
		r->b.m->mem.fail_at = r->b.m->mem.allocations + 1 +
			chance(r, 3);
}

static void no_memory(struct run *r, int err, unsigned allocations)
{
	struct memory *mem = &r->b.m->mem;

	if (err && (!mem->fail_at || mem->allocations < mem->fail_at))
		fail_msg("refused, and there was memory: %s, %u allocations",
			 r->b.m->error, mem->allocations - allocations);
}

static void map_pages(struct run *r, struct process *p, uint64_t va,
		      physaddr_t pa, unsigned pages, uint8_t rights)
{
	struct iommu_gather g = { .space = p->s };
	unsigned before = r->b.m->mem.allocations;
	int err;

	maybe_fail(r);
	model_call(r->b.m);
	err = iommu_map(&g, va, pa, pages * PAGE, rights);
	no_memory(r, err, before);
	finish(r, p, &g, err);
}

static void do_map(struct run *r)
{
	struct process *p = some_process(r);
	uint64_t va = some_address(r);
	uint8_t rights = some_rights(r);
	physaddr_t pa;

	for (unsigned n = 1 + chance(r, 3); n; n--, va += PAGE) {
		if (!lazy_room(r, p, va, 1) || p->lost)
			return;
		pa = frame_alloc(r->b.m, p->o);
		plan(r, p, va, pa, rights);
		map_pages(r, p, va, pa, 1, rights);
	}
}

/* All of a block, so that it can be one leaf, or a part. */
static void do_map_block(struct run *r)
{
	struct process *p = some_process(r);
	struct block *b = &r->blocks[chance(r, BLOCKS)];
	unsigned first = chance(r, 2) ? 0 : chance(r, BLOCK);
	unsigned n = first ? 1 + chance(r, BLOCK - first) : BLOCK;
	uint64_t va = LOW + SPAN * chance(r, PLACES) + first * PAGE;
	physaddr_t pa = b->at + first * PAGE;
	uint8_t rights = some_rights(r);

	if (b->used || p->lost || !lazy_room(r, p, va, n) || p->lost ||
	    b->used)
		return;
	for (unsigned i = 0; i < n; i++) {
		frame_give(r->b.m, pa + i * PAGE, p->o);
		plan(r, p, va + i * PAGE, pa + i * PAGE, rights);
	}
	b->used = n;
	map_pages(r, p, va, pa, n, rights);
}

static void keep(struct run *r, struct process *p, uint64_t va, unsigned pages,
		 uint8_t rights)
{
	struct iommu_gather own = { .space = p->s }, *g = &own;
	unsigned before;
	bool late;
	int err;

	if (p->lost)
		return;
	if (rights)
		lazy_flush(r, p, QUARANTINE_OTHER);
	else
		g = &lazy_of(r, p)->q.gather;
	late = !rights && lazy_may(r, p, va, pages);
	if (p->lost)
		return;
	before = r->b.m->mem.allocations;
	plan_keep(r, p, va, pages, rights);
	maybe_fail(r);
	model_call(r->b.m);
	err = iommu_keep(g, va, pages * PAGE, rights);
	no_memory(r, err, before);
	if (err || !late) {
		finish(r, p, g, err);
		return;
	}
	r->nold = 0;
	r->b.m->mem.fail_at = 0;
	lazy_unmap(r, p, va, pages);
}

static unsigned some_length(struct run *r)
{
	return chance(r, 5) ? 1 + chance(r, 5) : 1 + chance(r, 2 * BLOCK);
}

static void do_unmap(struct run *r)
{
	keep(r, some_process(r), some_address(r), some_length(r), 0);
}

static void do_unmap_place(struct run *r)
{
	keep(r, some_process(r), LOW + SPAN * chance(r, PLACES),
	     BLOCK * (1 + chance(r, 2)), 0);
}

static void do_protect(struct run *r)
{
	keep(r, some_process(r), some_address(r), some_length(r),
	     some_rights(r));
}

/* Read-only, all of it, in one gather, as at fork. */
static void do_fork(struct run *r)
{
	struct process *p = some_process(r);
	struct iommu_gather g = { .space = p->s };
	int err = 0;

	lazy_flush(r, p, QUARANTINE_OTHER);
	if (p->lost)
		return;
	plan_keep(r, p, LOW, PLACES * BLOCK, IOMMU_READ);
	model_call(r->b.m);
	for (unsigned i = 0; i < PLACES && !err; i++)
		err = iommu_keep(&g, LOW + i * SPAN, SPAN, IOMMU_READ);
	assert_int_equal(err, 0);
	finish(r, p, &g, err);
}

/* What goes with a function has the same owner. */
static void set_holder(struct function *f, struct owner *o)
{
	struct function *peer;

	for (unsigned n = 0; (peer = iommu_peer(dev(f), n)); n++)
		peer->holder = o;
}

static struct process *holder(struct run *r, const struct function *f)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		if (r->p[i] && f->holder == r->p[i]->o)
			return r->p[i];
	return NULL;
}

/* Somebody else has one of those that can reach it. */
static bool in_the_way(struct run *r, const struct function *f,
		       const struct process *p)
{
	for (unsigned i = 0; i < FUNCTIONS; i++)
		if (r->f[i]->holder && r->f[i]->holder != p->o &&
		    dev(r->f[i])->group == dev(f)->group)
			return true;
	return false;
}

static bool peer_gone(const struct function *f)
{
	struct function *peer;

	for (unsigned n = 0; (peer = iommu_peer(dev(f), n)); n++)
		if (peer->gone)
			return true;
	return false;
}

static bool said(struct run *r, const char *text)
{
	return strstr(r->b.m->error, text);
}

static void check_refusal(struct run *r, struct function *f, struct process *p,
			  bool ats)
{
	bool why = f->holder || !iommu_powered() || r->troubled ||
		in_the_way(r, f, p) || peer_gone(f) ||
		said(r, "no domain id left");

	if (!why && r->b.m->mem.fail_at)
		why = said(r, "no memory");
	if (!why && ats)
		why = said(r, "device TLB");
	if (!why)
		fail_msg("attach: %s", r->b.m->error);
}

static void do_attach(struct run *r)
{
	struct function *f = some_function(r);
	struct process *p = some_process(r), *had = holder(r, f);
	bool ats = f->ats && chance(r, 3);
	int err;

	if (p->lost)
		return;
	if (!had)
		set_holder(f, p->o);
	maybe_fail(r);
	model_call(r->b.m);
	err = iommu_attach(dev(f), p->s, IOMMU_UNSAFE |
			   (ats ? IOMMU_ATS : 0));
	if (err && !had)
		set_holder(f, NULL);
	if (err) {
		f->holder = had ? had->o : NULL;
		check_refusal(r, f, p, ats);
		p->lost |= p->s->lost;
	}
	r->b.m->mem.fail_at = 0;
}

static void detach(struct run *r, struct function *f)
{
	struct process *p = holder(r, f);
	int err;

	if (p)
		lazy_flush(r, p, QUARANTINE_OTHER);
	model_call(r->b.m);
	err = iommu_detach(dev(f));
	set_holder(f, NULL);
	if (!p)
		assert_true(err < 0);
	else
		excuse(r, err, "detach");
	if (p)
		p->lost |= err < 0;
}

static void do_detach(struct run *r)
{
	detach(r, some_function(r));
}

static void do_reset(struct run *r)
{
	struct function *f = some_function(r);
	int err;

	model_call(r->b.m);
	err = iommu_reset(dev(f));
	if (!f->gone && !dev(f)->mute)
		excuse(r, err, "reset");
}

static void do_power(struct run *r)
{
	model_call(r->b.m);
	excuse(r, iommu_power(false), "off");
	for (unsigned n = chance(r, 4); n; n--)
		(chance(r, 2) ? do_unmap : do_detach)(r);
	model_call(r->b.m);
	excuse(r, iommu_power(true), "on");
}

/* Frames of blocks stay what they are; the bench frees the others. */
void run_end(struct run *r, struct process *p)
{
	struct owner *o = p->o;
	unsigned kept = 0;

	lazy_flush(r, p, QUARANTINE_OTHER);
	for (unsigned i = 0; i < FUNCTIONS; i++)
		if (r->f[i]->holder == o)
			detach(r, r->f[i]);
	for (unsigned i = 0; i < o->n; i++)
		if (block_of(r, o->list[i].is))
			r->old[r->nold++] = o->list[i].is;
		else
			o->list[kept++] = o->list[i];
	o->n = kept;
	process_end(p);
	for (unsigned i = 0; i < r->nold && !p->lost; i++)
		retire(r, r->old[i]);
	r->nold = 0;
}

static void do_end(struct run *r)
{
	unsigned i = chance(r, PROCESSES);

	if (r->p[i])
		run_end(r, r->p[i]);
	r->p[i] = NULL;
}

/* There are always more of them: devices attack meanwhile. */
static void do_faults(struct run *r)
{
	model_call(r->b.m);
	for (unsigned i = 0; i < 3 && bench_serve(); i++)
		;
}

/* More faults than a unit can record, and than a device may cause. */
static void do_storm(struct run *r)
{
	struct function *f = some_function(r);
	uint64_t v = 0;

	for (unsigned i = 0; i < 8 && !dma_can_master(f); i++)
		f = some_function(r);
	model_call(r->b.m);
	for (unsigned i = 0; i < 2 * IOMMU_STORM_FAULTS; i++) {
		model_dma(r->b.m, f->segment, f->sid, i * PAGE, &v, 8, true);
		if (i % 2)
			(void)bench_serve();
	}
}

static void do_post(struct run *r)
{
	struct function *f = some_function(r);

	if (f->holder && f->holder->n)
		model_dma_posted(r->b.m, f->segment, f->sid,
				 f->holder->list[0].va, chance(r, 2));
}

/* The queue stumbles over something, and goes on after a while. */
static void do_stumble(struct run *r)
{
	static const uint32_t errors[] = { FS_IQE, FS_ICE, FS_ITE };
	struct model_unit *u = r->units[chance(r, UNITS)];

	if (!u->c.qi || u->trouble.queue_error)
		return;
	u->trouble.times = 1 + chance(r, 2);
	u->trouble.queue_error = errors[chance(r, 3)];
}

/* A device vanishes, stops answering its unit, or does not take the bus. */
static void do_break_device(struct run *r)
{
	struct function *f = some_function(r);

	if (chance(r, 30))
		return;
	switch (chance(r, 3)) {
	case 0:
		f->gone = true;
		break;
	case 1:
		f->mute = f->ats;
		break;
	case 2:
		f->stubborn = true;
		break;
	}
}

static void do_break_unit(struct run *r)
{
	struct model_unit *u = r->units[chance(r, UNITS)];

	if (!r->may_trouble || chance(r, 60))
		return;
	switch (chance(r, 5)) {
	case 0:
		u->trouble.gone = true;
		break;
	case 1:
		u->trouble.deaf = true;
		break;
	case 2:
		u->trouble.slow_registers = true;
		break;
	case 3:
		u->trouble.slow_queue = true;
		break;
	case 4:
		u->trouble.stopped_queue = true;
		break;
	}
	r->troubled = true;
}

static void (*const operations[])(struct run *r) = {
	do_map, do_map, do_map, do_map, do_map_block, do_map_block, do_unmap,
	do_unmap, do_unmap_place, do_protect, do_protect, do_fork, do_attach,
	do_attach, do_attach, do_attach, do_attach, do_detach, do_detach,
	do_post, do_post, do_end, do_reset, do_power, do_faults, do_faults,
	do_stumble, do_break_device, do_break_unit, lazy_reclaim,
};

void run_one(struct run *r)
{
	if (!chance(r, 500))
		do_storm(r);
	else
		operations[chance(r, ARRAY_SIZE(operations))](r);
	r->ops++;
	r->turned = r->b.m->now;
	lazy_turn(r);
	if (!r->b.m->violations)
		run_check(r);
}
