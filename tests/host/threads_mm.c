/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of processes that several threads change (threads_mm.h). */
#include "threads_mm.h"

struct bench b;
bool troubled;

unsigned chance(uint64_t *seed, unsigned n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (unsigned)(*seed >> 20) % n;
}

void need(bool good, const char *what)
{
	if (good || __atomic_load_n(&troubled, __ATOMIC_RELAXED))
		return;
	fprintf(stderr, "%s: %s\n", what, threads_error());
	exit(1);
}

/* The oracle's books, which the model reads. */
static physaddr_t plan(struct member *p, uint64_t va, uint8_t rights,
		       physaddr_t *old)
{
	struct mapping *e;
	physaddr_t pa;

	model_enter();
	e = owner_find(p->o, va);
	*old = e ? e->was : 0;
	pa = frame_alloc(b.m, p->o);
	owner_plan(p->o, va, pa, rights);
	model_leave();
	return pa;
}

static unsigned plan_keep(struct member *p, uint64_t va, unsigned pages,
			  uint8_t rights, physaddr_t *old)
{
	struct mapping *e;
	unsigned n = 0;

	model_enter();
	for (unsigned i = 0; i < p->o->n; i++) {
		e = &p->o->list[i];
		if (e->va - va >= pages * PAGE)
			continue;
		if (!(e->was_rights & rights))
			old[n++] = e->was;
		owner_plan(p->o, e->va, e->was, e->was_rights & rights);
	}
	model_leave();
	return n;
}

static void commit(struct member *p, const physaddr_t *old, unsigned n)
{
	model_enter();
	owner_commit(p->o);
	for (unsigned i = 0; i < n; i++)
		if (old[i])
			frame_free(b.m, old[i]);
	model_leave();
}

/* Of a process whose lock is held. */
static void flush(struct member *p, struct iommu_gather *g,
		  const physaddr_t *old, unsigned n)
{
	int err = iommu_flush(g);

	need(!err, "flush");
	p->lost |= err < 0;
	if (!p->lost)
		commit(p, old, n);
}

/* As lazy.c's: the frames wait with both of their states right. */
static void let_go(struct quarantine *q, bool lost)
{
	struct member *p = container_of(q, struct member, q);
	physaddr_t frames[PLACES];
	unsigned n;

	p->lost |= lost;
	if (p->lost)
		return;
	model_enter();
	n = owner_drop_late(p->o, frames);
	while (n)
		frame_free(b.m, frames[--n]);
	model_leave();
}

void member_setup(struct member *p, uint64_t seed)
{
	*p = (struct member){ .seed = seed, .q.let_go = let_go };
	pthread_mutex_init(&p->lock, NULL);
	list_init(&p->q.link);
	p->o = owner_new("a process");
}

void end_of_waiting(struct member *p, enum quarantine_why why)
{
	int err = quarantine_flush(&p->q, why);

	need(!err, "flush of a quarantine");
	p->lost |= err < 0;
}

/* How many pages go; -1: some there have gone before, and wait. */
static int plan_late(struct member *p, uint64_t va, unsigned pages)
{
	struct mapping *e;
	int n = 0;

	model_enter();
	for (unsigned i = 0; i < p->o->n && n >= 0; i++) {
		e = &p->o->list[i];
		if (e->va - va < pages * PAGE)
			n = e->late ? -1 : n + 1;
	}
	for (unsigned i = 0; i < p->o->n && n > 0; i++) {
		e = &p->o->list[i];
		if (e->va - va >= pages * PAGE)
			continue;
		owner_plan(p->o, e->va, 0, 0);
		e->late = true;
	}
	model_leave();
	return n;
}

/* false: that must be done at once. */
static bool unmap_late(struct member *p, uint64_t va, unsigned pages)
{
	int n = quarantine_takes(pages) ? plan_late(p, va, pages) : 0;
	int err;

	if (n <= 0)
		return false;
	err = iommu_keep(&p->q.gather, va, pages * PAGE, 0);
	need(!err, "keep");
	err = quarantine_add(&p->q, (size_t)n);
	need(!err, "full quarantine");
	p->lost |= err < 0;
	p->waited += (unsigned)n;
	return true;
}

static bool has_page(struct member *p, uint64_t va)
{
	bool has;

	model_enter();
	has = owner_find(p->o, va);
	model_leave();
	return has;
}

void map_page(struct member *p)
{
	uint64_t va = VA + chance(&p->seed, PLACES) * PAGE;
	uint8_t rights = (uint8_t)(1 + chance(&p->seed, 3));
	struct iommu_gather g = { .space = p->s };
	physaddr_t old, pa;
	int err;

	if (has_page(p, va))	/* or it waits */
		end_of_waiting(p, QUARANTINE_OTHER);
	if (p->lost)
		return;
	pa = plan(p, va, rights, &old);
	err = iommu_map(&g, va, pa, PAGE, rights);
	need(!err, "map");
	flush(p, &g, &old, 1);
}

void keep_pages(struct member *p)
{
	uint64_t va = VA + chance(&p->seed, PLACES) * PAGE;
	unsigned pages = 1 + chance(&p->seed, chance(&p->seed, 3) ? 3 : PLACES);
	uint8_t rights = chance(&p->seed, 2) ? 0 :
		(uint8_t)chance(&p->seed, 3);
	struct iommu_gather g = { .space = p->s };
	physaddr_t old[PLACES + 1];
	unsigned n;
	int err;

	if (!rights && unmap_late(p, va, pages))
		return;
	end_of_waiting(p, QUARANTINE_OTHER);
	if (p->lost)
		return;
	n = plan_keep(p, va, pages, rights, old);
	err = iommu_keep(&g, va, pages * PAGE, rights);
	need(!err, "keep");
	flush(p, &g, old, n);
}

static bool anything(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	struct mapping *e = owner_find(((struct member *)arg)->o, va);

	return e && e->is == pa && e->is_rights == prot;
}

void check_pages(struct member *p)
{
	const char *what = iommu_check_space(p->s, anything, p);

	if (what && !p->lost) {
		fprintf(stderr, "%s\n", what);
		exit(1);
	}
}

/* Members stay. */
static void hold(struct quarantine *q)
{
	(void)q;
}

void flush_before(uint64_t before, enum quarantine_why why)
{
	struct quarantine *q;
	struct member *p;

	while ((q = quarantine_pick(before, hold))) {
		p = container_of(q, struct member, q);
		pthread_mutex_lock(&p->lock);
		if (q->pages && q->since <= before)
			end_of_waiting(p, why);
		pthread_mutex_unlock(&p->lock);
	}
}

/* Mostly lazy, with bounds that are met and some that are not. */
void set_mode(uint64_t *seed)
{
	const struct quarantine_mode mode = {
		.lazy = chance(seed, 4), .pages = 10 + chance(seed, 80),
		.ms = 1 + chance(seed, 1000), .share = 1 + chance(seed, 40),
	};

	quarantine_set(&mode);
	flush_before(os_clock(), QUARANTINE_OTHER);
}

void drop_pages(struct member *p)
{
	physaddr_t old[PLACES];
	unsigned n = plan_keep(p, 0, UINT32_MAX, 0, old);

	if (!p->lost)
		commit(p, old, n);
}
