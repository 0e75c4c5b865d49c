/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's memory manager (kern/mm/aspace.c, pages.c, lazy.c, quarantine.c)
 * above the driver on the model: what processes do by chance, strictly and
 * lazily, while their devices attack.
 *
 * What a device may touch is noted where the memory manager tells the driver:
 * iommu_map adds to it, iommu_keep takes from it, once the flush of the same
 * gather has completed.  And a frame that the allocator gets back is a
 * stranger's at once, and may be known to no unit.
 *
 * SEED, OPS and RUNS: as in test_random.c.
 */
#include "bench.h"
#include "mm/mm.h"

#include <quarantine.h>

#define PROCS		3
#define CHILDREN	2
#define DEVICES		3
#define MAPS		12u
#define FRAMES		2200u
#define PENDING		4096u
#define USER		0x100000000ul

struct map {
	uint64_t va;
	unsigned pages;		/* 0: none */
};

struct mm_process {
	struct aspace *as;
	struct mm_proc *proc;
	struct owner *o;
	struct iommu_space *s;	/* while it has devices */
	struct map maps[MAPS];
	unsigned devices;
};

static struct {
	struct bench b;
	struct mm_process p[PROCS];
	struct aspace *child[CHILDREN];
	struct map touched[CHILDREN];	/* a mapping that it has */
	struct function *f[DEVICES];
	struct mm_process *has[DEVICES];
	struct owner *giving;	/* who gets the frames that are given now */
	int pid;
	/* Changes that wait for the flush of their gather. */
	struct {
		const struct iommu_gather *g;
		struct owner *o;
		uint64_t va;
	} pending[PENDING];
	unsigned npending;
	uint64_t waited;	/* operations after which pages waited */
} run;

static unsigned chance(unsigned n)
{
	return model_random(run.b.m, n);
}

void mm_frame_given(uint64_t pa)
{
	frame_give(run.b.m, pa, run.giving);
}

void mm_frame_taken(uint64_t pa)
{
	frame_give(run.b.m, pa, NULL);
}

/* Entries have changed, and perhaps nothing has been flushed. */
void mm_shootdown(void)
{
	const struct happening h = { .what = E_RELAX };

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
int __real_iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa,
		     size_t len, int prot);
int __real_iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len,
		      int prot);
int __real_iommu_flush(struct iommu_gather *g);

static struct owner *owner_of(const struct iommu_gather *g)
{
	for (unsigned i = 0; i < PROCS; i++)
		if (run.p[i].proc == g->space->owner)
			return run.p[i].o;
	fail_msg("nobody's space");
	return NULL;
}

/* Pages that it has unmapped, and whose flush has not been. */
static unsigned waits(const struct owner *o)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->n; i++)
		n += o->list[i].late && !o->list[i].is_rights;
	return n;
}

/* No device can look yet: it is as good as flushed. */
static bool unseen(const struct iommu_gather *g)
{
	return !g->space->devices;
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

int __wrap_iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa,
		     size_t len, int prot)
{
	struct owner *o = g->space ? owner_of(g) : NULL;
	struct mapping *e;
	int err;

	for (size_t at = 0; o && at < len; at += PAGE) {
		e = owner_find(o, va + at);
		if (e && e->late && !e->is_rights)
			fail_msg("0x%lx is mapped, and not flushed", va + at);
		if (e && e->is != pa + at && waits(o))
			fail_msg("a page is replaced, and others wait");
		note(g, o, va + at, pa + at, prot);
	}
	model_call(run.b.m);
	err = __real_iommu_map(g, va, pa, len, prot);
	assert_int_equal(err, 0);
	return err;
}

int __wrap_iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len,
		      int prot)
{
	struct owner *o = g->space ? owner_of(g) : NULL;
	struct mapping *e;
	int err;

	for (unsigned i = 0; o && i < o->n; i++) {
		e = &o->list[i];
		if (e->va - va >= len || !(e->is_rights & ~prot))
			continue;
		if (prot && waits(o))
			fail_msg("a right is taken, and pages wait");
		note(g, o, e->va, e->is, e->is_rights & prot);
	}
	model_call(run.b.m);
	err = __real_iommu_keep(g, va, len, prot);
	assert_int_equal(err, 0);
	return err;
}

int __wrap_iommu_flush(struct iommu_gather *g)
{
	struct mapping *e;
	unsigned kept = 0;
	int err;

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

static struct mm_process *process_at(unsigned slot)
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

static struct mm_process *some_process(void)
{
	return process_at(chance(PROCS));
}

static struct map *some_map(struct mm_process *p)
{
	return &p->maps[chance(MAPS)];
}

static void do_map(void)
{
	struct mm_process *p = some_process();
	struct map *m = some_map(p);
	unsigned pages = 1 + chance(chance(6) ? 12 : 600);
	int flags = chance(4) ? MM_PINNED : 0;
	uint64_t at = 0;
	long va;

	if (m->pages)
		return;
	if (!chance(3)) {
		flags |= MM_FIXED;	/* perhaps where something waits */
		at = USER + chance(600) * PAGE;
		pages = 1 + chance(4);
	}
	va = aspace_mmap(p->as, at, pages * PAGE, chance(8) ? MM_READ | MM_WRITE :
			 0, flags);
	if (va > 0)
		*m = (struct map){ (uint64_t)va, pages };
}

static void do_touch(void)
{
	struct mm_process *p = some_process();
	struct map *m = some_map(p);

	for (unsigned n = 4; m->pages && n; n--)
		(void)aspace_fault(p->as, m->va + chance(m->pages) * PAGE,
				   chance(3) ? MM_WRITE : MM_READ);
}

/* An address that waits is to be had, if somebody insists. */
static void do_map_again(void)
{
	struct mm_process *p = some_process();
	struct map *m = some_map(p);
	uint64_t va = 0;

	for (unsigned i = 0; i < p->o->n; i++)
		if (p->o->list[i].late && !p->o->list[i].is_rights &&
		    (!va || chance(2)))
			va = p->o->list[i].va;
	if (!va || m->pages)
		return;
	assert_int_equal(aspace_mmap(p->as, va, PAGE, MM_READ | MM_WRITE,
				     MM_FIXED | MM_PINNED), va);
	assert_int_equal(waits(p->o), 0);
	*m = (struct map){ va, 1 };
}

/* Over mappings, what waits, and nothing; around whole tables, too. */
static void do_unmap_anything(void)
{
	struct mm_process *p = some_process();
	uint64_t va = USER + (chance(2) ? chance(300) : chance(3) * 512) * PAGE;
	unsigned n = chance(2) ? 1 + chance(40) : 512 * (1 + chance(2));

	assert_int_equal(aspace_munmap(p->as, va, n * PAGE), 0);
	for (struct map *m = p->maps; m < p->maps + MAPS; m++)
		if (m->va < va + n * PAGE && m->va + m->pages * PAGE > va)
			m->pages = 0;	/* what is left of it, stays */
	assert_true(aspace_fault(p->as, va + chance(n) * PAGE, MM_READ) < 0);
}

/* Whole mappings, and parts of them from either end or in the middle. */
static void unmap_some(struct mm_process *p)
{
	struct map *m = some_map(p);
	unsigned first, n;

	if (!m->pages)
		return;
	first = chance(2) ? 0 : chance(m->pages);
	n = chance(3) ? 1 : 1 + chance(m->pages - first);
	assert_int_equal(aspace_munmap(p->as, m->va + first * PAGE, n * PAGE),
			 0);
	assert_true(aspace_fault(p->as, m->va + first * PAGE, MM_READ) < 0);
	if (!first) {
		m->va += n * PAGE;
		m->pages -= n;
	} else {
		(void)!aspace_munmap(p->as, m->va + first * PAGE,
				     (m->pages - first) * PAGE);
		m->pages = first;
	}
}

static void do_unmap(void)
{
	unmap_some(some_process());
}

/* A page a call, from the front of a mapping. */
static void do_unmap_singly(void)
{
	struct mm_process *p = some_process();
	struct map *m = some_map(p);

	for (unsigned n = chance(12); n && m->pages; n--) {
		assert_int_equal(aspace_munmap(p->as, m->va, PAGE), 0);
		m->va += PAGE;
		m->pages--;
	}
}

static void do_protect(void)
{
	static const int prots[] = { 0, MM_READ, MM_READ | MM_WRITE };
	struct mm_process *p = some_process();
	struct map *m = some_map(p);
	unsigned first;

	if (!m->pages)
		return;
	first = chance(m->pages);
	assert_int_equal(aspace_mprotect(p->as, m->va + first * PAGE,
					 (1 + chance(m->pages - first)) * PAGE,
					 prots[chance(3)]), 0);
	assert_int_equal(waits(p->o), 0);
}

/* The child writes to what it shares, and ends later. */
static void do_fork(void)
{
	struct mm_process *p = some_process();
	unsigned i = chance(CHILDREN);

	if (run.child[i]) {
		for (unsigned n = 0; n < run.touched[i].pages; n++)
			(void)aspace_fault(run.child[i], run.touched[i].va +
					   n * PAGE, MM_WRITE);
		aspace_put(run.child[i]);
		run.child[i] = NULL;
		return;
	}
	run.child[i] = aspace_fork(p->as);
	if (run.child[i])
		assert_int_equal(waits(p->o), 0);
	run.touched[i] = *some_map(p);
	unmap_some(p);
	do_touch();		/* perhaps what is shared now */
}

static void attach_to(struct mm_process *p, unsigned i)
{
	if (run.has[i])
		return;
	p->s = mm_io_get(p->as, p->proc);
	if (!p->s)
		return;
	run.f[i]->holder = p->o;
	model_call(run.b.m);
	assert_int_equal(iommu_attach(dev(run.f[i]), p->s, IOMMU_UNSAFE), 0);
	run.has[i] = p;
	p->devices++;
}

static void do_attach(void)
{
	attach_to(some_process(), chance(DEVICES));
}

static void drop_device(unsigned i)
{
	struct mm_process *p = run.has[i];

	aspace_revoke_device(p->as, run.f[i]);
	assert_int_equal(waits(p->o), 0);
	if (chance(2))		/* the process goes on */
		unmap_some(p);
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

static void do_detach(void)
{
	unsigned i = chance(DEVICES);

	if (run.has[i] && !chance(4))
		drop_device(i);
}

static void end(struct mm_process *p)
{
	for (unsigned i = 0; i < DEVICES; i++)
		if (run.has[i] == p)
			drop_device(i);
	aspace_put(p->as);
	mm_proc_free(p->proc);
	owner_free(p->o);
	*p = (struct mm_process){ 0 };
}

static void do_end(void)
{
	struct mm_process *p = &run.p[chance(PROCS)];

	if (p->as && !chance(6))
		end(p);
}

static void do_reclaim(void)
{
	if (chance(4))
		return;
	(void)lazy_reclaim();
	assert_int_equal(quarantine_state().pages, 0);
}

static void (*const operations[])(void) = {
	do_map, do_map, do_map, do_map, do_touch, do_touch, do_unmap, do_unmap,
	do_unmap_singly, do_unmap_singly, do_unmap_singly, do_unmap_singly,
	do_protect, do_fork, do_attach, do_attach, do_detach, do_end, do_reclaim, do_map_again, do_map_again,
	do_unmap_anything,
};

/* One device at some pages of its process: what it may, no more. */
static void check_device(struct function *f)
{
	struct mapping *e;
	uint64_t v;

	for (unsigned n = 0; n < 3 && f->holder && f->holder->n; n++) {
		e = &f->holder->list[chance(f->holder->n)];
		for (unsigned w = 0; w < 2 && !e->late; w++)
			if (model_dma(run.b.m, f->segment, f->sid, e->va, &v, 8,
				      w) != (e->is_rights >> w & 1))
				fail_msg("0x%lx: not what it may", e->va);
	}
}

static void check_all(bool lazy)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROCS; i++) {
		if (!run.p[i].s)
			continue;
		if (!chance(16))
			assert_string_equal(aspace_check(run.p[i].as), "ok");
		n += waits(run.p[i].o);
	}
	for (unsigned i = 0; i < DEVICES; i++)
		check_device(run.f[i]);
	/* Some wait that no device could reach: of PROT_NONE. */
	assert_true(quarantine_state().pages >= n);
	assert_true(lazy || !run.npending);
	run.waited += n > 0;
}

static void one_operation(bool lazy)
{
	uint64_t now;

	operations[chance(ARRAY_SIZE(operations))]();
	now = run.b.m->now;
	mm_turn(now);
	assert_true(quarantine_due() > now);
	if (!run.b.m->violations)
		check_all(lazy);
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

static struct quarantine_state ended;

static void open_run(const struct triple *like, uint64_t seed,
		     const char *mode, const char *bounds)
{
	struct triple t = *like;
	physaddr_t first;

	memset(&run, 0, sizeof(run));
	bench_open(&run.b, &t, WITHOUT_WIRED, seed);
	run.b.m->policy.keep = chance(3);
	run.b.m->policy.leave = chance(3);
	bench_boot(&run.b);
	run.f[0] = run.b.flr;
	run.f[1] = run.b.af;
	run.f[2] = run.b.pm;
	first = take_frames();
	mm_open(first, first + FRAMES * PAGE, mode, bounds);
	run.b.m->hook = attack_a_little;
}

static void close_run(void)
{
	for (unsigned i = 0; i < CHILDREN; i++)
		if (run.child[i])
			aspace_put(run.child[i]);
	for (unsigned i = 0; i < PROCS; i++)
		if (run.p[i].as)
			end(&run.p[i]);
	mm_close();
	ended = quarantine_state();
	run.b.m->hook = NULL;
	bench_close(&run.b);
}

static void one_run(uint64_t seed, unsigned ops)
{
	static const char *const bounds[] = {
		"4096,1000,4096", "4096,2,4096", "20,50,9", "1024,1000,256",
	};
	static char label[60];

	open_run(triple_at((unsigned)seed % ntriples), seed,
		 seed % 4 ? "lazy" : "strict", bounds[seed / 4 % 4]);
	snprintf(label, sizeof(label), "SEED=%lu OPS=%u", seed, ops);
	run.b.m->label = label;
	for (unsigned i = 0; i < 2 * DEVICES; i++)
		do_attach();
	while (ops-- && !run.b.m->violations)
		one_operation(seed % 4);
	close_run();
}

static struct aspace *begin(void)
{
	open_run(triple_named("qemu"), 1, "lazy", "4096,1000,4096");
	attach_to(process_at(0), 0);
	return run.p[0].as;
}

static uint64_t mapped(struct aspace *as, unsigned pages, int flags)
{
	long va = aspace_mmap(as, 0, pages * PAGE, MM_READ | MM_WRITE, flags);

	assert_true(va > 0);
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(aspace_fault(as, (uint64_t)va + i * PAGE,
					      MM_WRITE), 0);
	return (uint64_t)va;
}

/* A page of PROT_NONE beside one that waits is not taken for one. */
static void test_neighbour_without_rights(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 3, 0);

	(void)state;
	assert_int_equal(aspace_mprotect(as, va + PAGE, PAGE, 0), 0);
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 1);
	assert_true(aspace_fault(as, va, MM_READ) < 0);
	assert_true(lazy_reclaim());
	assert_int_equal(aspace_mprotect(as, va + PAGE, PAGE, MM_READ), 0);
	close_run();
}

static void test_broken_copy(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 2, 0), w = mapped(as, 1, MM_PINNED);

	(void)state;
	run.child[0] = aspace_fork(as);
	assert_non_null(run.child[0]);
	assert_int_equal(aspace_munmap(as, w, PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 1);
	assert_int_equal(aspace_fault(as, va, MM_WRITE), 0);
	assert_int_equal(waits(run.p[0].o), 0);
	w = mapped(as, 1, MM_PINNED);
	assert_int_equal(aspace_munmap(as, w, PAGE), 0);
	assert_int_equal(aspace_munmap(as, va + PAGE, PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 0);	/* the child has it too */
	close_run();
}

static void test_unmapped_twice(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 8, MM_PINNED);

	(void)state;
	assert_int_equal(aspace_munmap(as, va + 2 * PAGE, 3 * PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 3);
	assert_int_equal(aspace_munmap(as, va, 4 * PAGE), 0);
	assert_int_equal(waits(run.p[0].o), 2);
	close_run();
}

/* There are only so many regions, and those that wait are the first to go. */
static void test_regions_run_out(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 1, MM_PINNED);
	unsigned n = 0;

	(void)state;
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	while (aspace_mmap(as, 0, PAGE, n % 2 ? MM_READ : 0, 0) > 0)
		n++;
	assert_in_range(n, 8000, 8192);
	assert_int_equal(waits(run.p[0].o), 0);
	close_run();
}

/* What is strict flushes what waits, and lets it go. */
static void test_one_flush_for_both(void **state)
{
	struct aspace *as = begin();
	uint64_t va = mapped(as, 2, MM_PINNED), many;
	struct quarantine_mode mode = quarantine_state().mode;

	(void)state;
	many = mapped(as, 20, MM_PINNED);
	mode.share = 8;
	quarantine_set(&mode);
	assert_int_equal(aspace_munmap(as, va, PAGE), 0);
	assert_int_equal(quarantine_state().pages, 1);
	assert_int_equal(aspace_munmap(as, many, 20 * PAGE), 0);
	assert_int_equal(quarantine_state().pages, 0);
	close_run();
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

static void test_processes_by_chance(void **state)
{
	uint64_t seed = setting("SEED", 1), ops = setting("OPS", 120);
	uint64_t runs = setting("RUNS", getenv("OPS") ? 1 : 2 * ntriples);
	uint64_t waited = 0;

	(void)state;
	for (; runs; runs--, seed++) {
		one_run(seed, (unsigned)ops);
		waited += run.waited;
	}
	for (unsigned why = 0; why < QUARANTINE_WHYS; why++)
		assert_true(ended.flushes[why] || getenv("OPS"));
	print_message("after %lu operations pages waited\n", waited);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_neighbour_without_rights),
		bench_test(test_broken_copy),
		bench_test(test_unmapped_twice),
		bench_test(test_one_flush_for_both),
		bench_test(test_regions_run_out),
		bench_test(test_processes_by_chance),
	};

	return cmocka_run_group_tests_name("aspace", tests, NULL, NULL);
}
