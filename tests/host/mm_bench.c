/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory manager's bench (mm_bench.h). */
#include "mm_bench.h"

struct mm_run run;

void mm_frame_given(uint64_t pa)
{
	frame_give(run.b.m, pa, run.giving);
}

void mm_frame_taken(uint64_t pa)
{
	if (mm_is_known(pa))
		fail_msg("frame 0x%lx is free, and a processor knows it", pa);
	frame_give(run.b.m, pa, NULL);
}

void mm_table_given(uint64_t pa)
{
	frame_to_table(run.b.m, pa);
}

void mm_table_taken(uint64_t pa)
{
	frame_from_table(run.b.m, pa);
}

/* Entries have changed, and perhaps nothing has been flushed. */
void mm_shootdown(void)
{
	const struct happening h = { .what = E_RELAX };
	void (*other)(void) = run.in_shootdown;

	run.in_shootdown = NULL;
	if (other)
		other();

	for (unsigned i = 0; i < 6; i++)
		attack_a_little(run.b.m, &h);
}

uint64_t mm_now(void)
{
	return run.b.m->now;
}

void *mm_at(uint64_t pa)
{
	return memory_at(run.b.m, pa);
}

uint64_t mm_pa(const volatile void *p)
{
	return memory_pa(run.b.m, p);
}

/* Between the memory manager and the driver. */
void __real_iommu_store(struct iommu_gather *g, uintptr_t va, uint64_t *e,
			const uint64_t *list, size_t n, unsigned level);
int __real_iommu_flush(struct iommu_gather *g);

static struct mm_process *process_of(const struct iommu_gather *g)
{
	for (unsigned i = 0; i < PROCS; i++)
		if (run.p[i].proc == g->space->owner)
			return &run.p[i];
	fail_msg("nobody's space");
	return NULL;
}

/* Whose gather it is, who must have taken his lock. */
static struct owner *owner_of(const struct iommu_gather *g)
{
	struct mm_process *p = process_of(g);

	if (!mm_is_locked(p->as))
		fail_msg("pages change without the lock");
	return p->o;
}

unsigned waits(const struct owner *o)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->n; i++)
		n += o->list[i].late && !o->list[i].is_rights;
	return n;
}

/* No device can look yet: it is as good as flushed. */
static bool unseen(const struct iommu_gather *g)
{
	return !bench_devices(g->space);
}

static void note(const struct iommu_gather *g, struct owner *o, uint64_t va,
		 physaddr_t pa, int prot)
{
	owner_plan(o, va, pa, (uint8_t)prot);
	if (unseen(g)) {
		owner_commit(o);
		return;
	}
	owner_find(o, va)->late = true;
	assert_true(run.npending < PENDING);
	run.pending[run.npending].g = g;
	run.pending[run.npending].o = o;
	run.pending[run.npending++].va = va;
}

static void note_page(const struct iommu_gather *g, uint64_t va, uint64_t new)
{
	physaddr_t pa = new & 0xffffffffff000;
	int prot = (int)(new & (IOMMU_READ | IOMMU_WRITE));
	struct owner *o = owner_of(g);
	struct mapping *e = owner_find(o, va);

	if (!prot) {
		if (e && e->is_rights)
			note(g, o, va, e->is, 0);
		return;
	}
	if (e && e->late && !e->is_rights)
		fail_msg("0x%lx is mapped, and not flushed", va);
	if (e && e->is_rights && (e->is != pa || e->is_rights & ~prot) &&
	    waits(o))
		fail_msg("a page is replaced or loses a right, and others wait");
	note(g, o, va, pa, prot);
}

#define PAGE_SIZE_BIT	0x80
static bool leads_to_table(uint64_t e, unsigned level)
{
	return level > 1 && e & 3 && !(e & PAGE_SIZE_BIT);
}

/* What is in a table that comes was there before, one that goes is empty. */
void __wrap_iommu_store(struct iommu_gather *g, uintptr_t va, uint64_t *e,
			const uint64_t *list, size_t n, unsigned level)
{
	uint64_t span = PAGE << 9 * (level - 1);

	for (size_t i = 0; g->space && i < n; i++)
		for (uint64_t at = 0; at < span &&
		     !leads_to_table(e[i], level) &&
		     !leads_to_table(list[i], level); at += PAGE)
			note_page(g, va + i * span + at, list[i] + at);
	model_call(run.b.m);
	run.storing = g->space;
	__real_iommu_store(g, va, e, list, n, level);
	run.storing = NULL;
}

/* Between the store of an entry and the flush of its line no unit joins that
 * would need it. */
static void watch(struct machine *m, const struct happening *h)
{
	if (h->what == E_STORE && run.storing && !run.storing->changing)
		fail_msg("an entry is stored, and the tree is not taken");
	attack_a_little(m, h);
}

int __wrap_iommu_flush(struct iommu_gather *g)
{
	void (*other)(void) = run.in_flush;
	struct mapping *e;
	unsigned kept = 0;
	int err;

	run.in_flush = NULL;
	for (unsigned i = 0; i < run.npending; i++)
		if (run.pending[i].g == g)
			(void)owner_of(g);
	if (other)
		other();
	if (run.flush_fails)
		return -5;
	model_call(run.b.m);
	err = __real_iommu_flush(g);
	assert_int_equal(err, 0);
	for (unsigned i = 0; i < run.npending; i++) {
		if (run.pending[i].g != g) {
			run.pending[kept++] = run.pending[i];
			continue;
		}
		e = owner_find(run.pending[i].o, run.pending[i].va);
		if (e)
			e->late = false;
	}
	run.npending = kept;
	for (unsigned i = 0; i < PROCS; i++)
		if (run.p[i].o)
			owner_commit(run.p[i].o);
	return err;
}

struct mm_process *process_at(unsigned slot)
{
	struct mm_process *p = &run.p[slot];

	if (!p->as) {
		p->as = aspace_create();
		p->proc = mm_proc(++run.pid);
		p->o = owner_new("a process");
	}
	run.giving = p->o;
	return p;
}

static void shows(void *arg, uint64_t va, uint64_t e)
{
	owner_plan(arg, va, e & 0xffffffffff000, (uint8_t)(e & 3));
}

/* From here on its devices will walk what is there. */
static void get_space(struct mm_process *p)
{
	if (p->s)
		return;
	p->s = mm_io_get(p->as, p->proc);
	if (!p->s)
		return;
	mm_each(p->as, shows, p->o);
	owner_commit(p->o);
}

void attach_to(struct mm_process *p, unsigned i)
{
	if (run.has[i])
		return;
	get_space(p);
	if (!p->s)
		return;
	run.f[i]->holder = p->o;
	model_call(run.b.m);
	assert_int_equal(iommu_attach(dev(run.f[i]), p->s, IOMMU_UNSAFE), 0);
	run.has[i] = p;
	p->devices++;
}

void drop_device(unsigned i)
{
	struct mm_process *p = run.has[i];

	aspace_revoke_device(p->as, run.f[i]);
	assert_int_equal(waits(p->o), 0);
	if (run.goes_on)
		run.goes_on(p);
	model_call(run.b.m);
	assert_int_equal(iommu_detach(dev(run.f[i])), 0);
	run.f[i]->holder = NULL;
	run.has[i] = NULL;
	if (--p->devices)
		return;
	aspace_io_drop(p->as);
	p->s = NULL;
	p->o->n = 0;
}

void end(struct mm_process *p)
{
	for (unsigned i = 0; i < DEVICES; i++)
		if (run.has[i] == p)
			drop_device(i);
	aspace_put(p->as);
	mm_forget(p->as);
	mm_proc_free(p->proc);
	owner_free(p->o);
	*p = (struct mm_process){ 0 };
}

void end_child(unsigned i)
{
	aspace_put(run.child[i]);
	mm_forget(run.child[i]);
	run.child[i] = NULL;
}

static physaddr_t take_frames(void)
{
	physaddr_t first = frame_alloc(run.b.m, NULL);

	for (unsigned i = 1; i < FRAMES; i++)
		assert_int_equal(frame_alloc(run.b.m, NULL), first + i * PAGE);
	for (unsigned i = 0; i < FRAMES; i++)
		mm_frame_taken(first + i * PAGE);
	return first;
}

void open_run(const struct triple *like, uint64_t seed,
		     const char *mode, const char *bounds)
{
	struct triple t = *like;
	physaddr_t first;

	memset(&run, 0, sizeof(run));
	mm_before_lock = mm_after_lock = NULL;
	bench_open(&run.b, &t, WITHOUT_WIRED, seed);
	run.b.m->policy.keep = chance(3);
	run.b.m->policy.leave = chance(3);
	bench_boot(&run.b);
	run.f[0] = run.b.flr;
	run.f[1] = run.b.af;
	run.f[2] = run.b.pm;
	first = take_frames();
	mm_open(first, first + FRAMES * PAGE, mode, bounds);
	pages_largest(iommu_leaf_levels());
	run.b.m->hook = watch;
}

void close_run(void)
{
	for (unsigned i = 0; i < CHILDREN; i++)
		if (run.child[i])
			end_child(i);
	for (unsigned i = 0; i < PROCS; i++)
		if (run.p[i].as)
			end(&run.p[i]);
	run.lost = mm_close();
	run.ended = quarantine_state();
	run.b.m->hook = NULL;
	bench_close(&run.b);
}
