/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations by chance (chance.h): processes whose memory is unmapped lazily.
 * What kern/mm/lazy.c is to the kernel, around the same kern/mm/quarantine.c:
 * pages wait with both of their states right, as in a change under way, until
 * their flush; then their frames are freed, and their addresses may be mapped.
 */
#include "chance.h"

#define SLACK_NS	200000u	/* of its steps, between two looks at a clock */

static unsigned chance(struct run *r, unsigned n)
{
	return model_random(r->b.m, n);
}

struct lazy *lazy_of(struct run *r, const struct process *p)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		if (r->p[i] == p)
			return &r->lazy[i];
	fail_msg("pid %d is nobody", p->pid);
	return NULL;
}

static unsigned count_late(const struct process *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->o->n; i++)
		n += p->o->list[i].late;
	return n;
}

/* The addresses first: a frame that is freed may be reached nowhere. */
static void let_go(struct quarantine *q, bool lost)
{
	struct lazy *l = container_of(q, struct lazy, q);
	struct owner *o = l->p->o;
	physaddr_t *frames;
	unsigned n;

	l->p->lost |= lost;
	l->nclosed = 0;
	if (l->p->lost)
		return;
	frames = calloc(o->n, sizeof(*frames));
	assert_non_null(frames);
	n = owner_drop_late(o, frames);
	while (n)
		retire(l->r, frames[--n]);
	free(frames);
}

void lazy_init(struct run *r, unsigned slot)
{
	struct lazy *l = &r->lazy[slot];

	*l = (struct lazy){
		.q = { .gather.space = r->p[slot]->s, .let_go = let_go },
		.r = r, .p = r->p[slot],
	};
	list_init(&l->q.link);
}

void lazy_open(struct run *r)
{
	struct quarantine_mode mode = {
		.lazy = chance(r, 2),
		.pages = chance(r, 2) ? 1 + chance(r, 40) : 4096,
		.ms = 1 + chance(r, 30),
	};

	mode.share = 1 + chance(r, (unsigned)mode.pages);
	quarantine_set(&mode);
	r->mode = mode;
}

void lazy_flush(struct run *r, struct process *p, enum quarantine_why why)
{
	struct lazy *l = lazy_of(r, p);
	int err;

	model_call(r->b.m);
	err = quarantine_flush(&l->q, why);
	excuse(r, err, "flush of a quarantine");
	p->lost |= err < 0;
}

static bool touches(const struct lazy *l, uint64_t va, unsigned pages)
{
	for (unsigned i = 0; i < l->nclosed; i++)
		if (va < l->closed[i].end &&
		    va + pages * PAGE > l->closed[i].start)
			return true;
	return false;
}

static unsigned present(const struct process *p, uint64_t va, unsigned pages)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->o->n; i++)
		n += !p->o->list[i].late &&
			p->o->list[i].va - va < pages * PAGE;
	return n;
}

/* A quarantined address is given to nobody; what replaces a page is flushed
 * with all that waits. */
bool lazy_room(struct run *r, struct process *p, uint64_t va, unsigned pages)
{
	struct lazy *l = lazy_of(r, p);

	if (touches(l, va, pages) && chance(r, 2))
		return false;
	if (touches(l, va, pages) || present(p, va, pages))
		lazy_flush(r, p, QUARANTINE_OTHER);
	return true;
}

bool lazy_may(struct run *r, struct process *p, uint64_t va, unsigned pages)
{
	struct lazy *l = lazy_of(r, p);

	if (touches(l, va, pages))
		lazy_flush(r, p, QUARANTINE_OTHER);
	return !p->lost && l->nclosed < CLOSED && quarantine_takes(pages) &&
		present(p, va, pages);
}

/* Its pages are planned to go. */
void lazy_unmap(struct run *r, struct process *p, uint64_t va, unsigned pages)
{
	struct lazy *l = lazy_of(r, p);
	unsigned n = present(p, va, pages);
	int err;

	for (unsigned i = 0; i < p->o->n; i++)
		if (p->o->list[i].va - va < pages * PAGE)
			p->o->list[i].late = true;
	l->closed[l->nclosed].start = va;
	l->closed[l->nclosed++].end = va + pages * PAGE;
	r->late += n;
	if (!l->q.pages)
		l->first = r->b.m->now;
	err = quarantine_add(&l->q, n);
	excuse(r, err, "flush of a full quarantine");
	p->lost |= err < 0;
}

static void hold(struct quarantine *q)
{
	assert_true(q->pages);
}

static void flush_before(struct run *r, uint64_t before,
			 enum quarantine_why why)
{
	struct quarantine *q;

	while ((q = quarantine_pick(before, hold)))
		lazy_flush(r, container_of(q, struct lazy, q)->p, why);
}

/* Memory is short. */
void lazy_reclaim(struct run *r)
{
	flush_before(r, r->b.m->now, QUARANTINE_SHORT);
	assert_int_equal(quarantine_state().pages, 0);
	assert_true(quarantine_due() == UINT64_MAX);
}

/* What the kernel's thread does when the first of them is due. */
void lazy_turn(struct run *r)
{
	if (quarantine_due() <= r->b.m->now)
		flush_before(r, quarantine_too_old(), QUARANTINE_OLD);
}

static void check_one(struct run *r, const struct lazy *l, unsigned late)
{
	uint64_t ms = r->mode.ms * NSEC_PER_MSEC;

	assert_int_equal(l->q.pages, late);
	if (late && !r->mode.lazy)
		fail_msg("lazy, though it should be strict");
	if (late >= r->mode.share)
		fail_msg("more than a process's share waits");
	if (late && l->first + ms + SLACK_NS < r->turned)
		fail_msg("a page waits for longer than it may");
}

void lazy_check(struct run *r)
{
	size_t sum = 0;
	unsigned late;

	for (unsigned i = 0; i < PROCESSES; i++) {
		if (!r->p[i] || r->p[i]->lost)
			continue;
		late = count_late(r->p[i]);
		check_one(r, &r->lazy[i], late);
		sum += late;
	}
	if (sum >= r->mode.pages)
		fail_msg("more pages wait than may");
	assert_true(quarantine_state().pages == sum || r->troubled);
}
