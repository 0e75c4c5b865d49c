/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same tests with lazy unmapping: obj/host/lazy_NAME is test_NAME with its
 * calls of bench and driver led through here (--wrap), around the kernel's own
 * kern/mm/quarantine.c.  What kern/mm/lazy.c is to the kernel:
 *
 * What a process with devices unmaps goes into the quarantine of its space,
 * where its frames wait with both of their states right, and the test goes on.
 * All that waits is flushed at once when something is mapped there or replaced,
 * a right is taken away, a device is detached, the space or the machine ends,
 * or the test looks: a device is tried at what was unmapped.  Attacks between
 * two steps are no looks.  Frames are freed behind the flush, by let_go().
 *
 * Where the unmapping is the test's own (iommu_keep), so are its frames, and
 * the flush is its own flush.  While something fails on purpose the flush is
 * at once, as its error is what the test is about; and in the tests of
 * `exceptions`, for the reason that stands there; what these unmap themselves is
 * left as it is.
 *
 * A program in which nothing ever waits has failed.
 */
#include "wrapped.h"

#include <quarantine.h>

#define CLOSED 64u

/* Tests that look in a way that nobody sees from here. */
const struct exception exceptions[] = {
	{ "ats", "test_it_falls_silent_at_each_step",
	  "counts the steps of the flush" },
	{ "ats", "test_an_attach_during_a_flush", "comes between its steps" },
	{ "holes_attach", "test_a_new_page_that_is_flushed_for_nothing",
	  "counts waits of the queue" },
	{ "large", "test_a_map_where_the_same_change_took_tables_out",
	  "both in one gather" },
	{ "peers", "test_no_drain_bits_set", "looks at what was drained" },
	{ "peers_more", "test_freed_before_flushed",
	  "looks at the first request of the flush" },
	{ "quirks", "test_device_tlbs_that_are_flushed_twice",
	  "counts what the device was told" },
	{ "space", "test_a_gather_is_empty_after_its_flush",
	  "looks at the gather" },
	{ "space", "test_a_device_goes_while_its_space_is_flushed",
	  "comes between the steps of the flush" },
	{ "trace", "test_trace_of_operations", "compares all events" },
	{ "watch", "test_counts_of_a_queue", "counts descriptors" },
	{ "watch", "test_counts_of_caching_mode", "counts descriptors" },
	{ "watch", "test_counts_of_registers", "counts requests" },
	{ "watch", "test_times_of_waits", "times the waits of each flush" },
};
const size_t nexceptions = ARRAY_SIZE(exceptions);

struct late {
	struct quarantine q;
	struct late *next;
	struct process *p;	/* whose frames they are; NULL: the test's */
	size_t its_own;		/* pages whose frames are the test's */
	struct { uint64_t start, end; } closed[CLOSED];
	unsigned nclosed;
	bool lost;		/* by a flush that nobody has asked for yet */
	bool flushing;		/* it would be locked now */
};
static struct late *lates;	/* one a space */

static bool passing;		/* the calls are the driver's own */
static uint64_t waited, flushes;	/* pages */
static uint64_t others;		/* calls while some waited */

WRAPPED(int, iommu_map, struct iommu_gather *g, uintptr_t va, physaddr_t pa,
	size_t len, int prot);
WRAPPED(int, iommu_keep, struct iommu_gather *g, uintptr_t va, size_t len,
	int prot);
WRAPPED(int, iommu_flush, struct iommu_gather *g);
WRAPPED(int, iommu_attach, struct iommu_dev *d, struct iommu_space *s,
	unsigned words);
WRAPPED(int, iommu_detach, struct iommu_dev *d);
WRAPPED(int, iommu_space_destroy, struct iommu_space *s);
WRAPPED(int, process_map, struct process *p, uint64_t va, unsigned pages,
	int prot);
WRAPPED(int, process_unmap, struct process *p, uint64_t va, unsigned pages);
WRAPPED(int, process_protect, struct process *p, uint64_t va, unsigned pages,
	int prot);
WRAPPED(int, process_replace, struct process *p, uint64_t va, int prot);
WRAPPED(bool, can, struct process *p, struct function *f, uint64_t va,
	bool write);
WRAPPED(bool, can_read, struct process *p, struct function *f, uint64_t va);
WRAPPED(bool, can_write, struct process *p, struct function *f, uint64_t va);
WRAPPED(bool, model_dma, struct machine *m, uint16_t segment, uint16_t sid,
	uint64_t addr, void *buf, size_t len, bool write);
WRAPPED(bool, model_dma_posted, struct machine *m, uint16_t segment,
	uint16_t sid, uint64_t addr, bool write);
WRAPPED(bool, model_ats_ask, struct machine *m, uint16_t segment, uint16_t sid,
	uint64_t va);
WRAPPED(bool, model_ats_dma, struct machine *m, uint16_t segment, uint16_t sid,
	uint64_t va, bool write);
WRAPPED(struct machine *, model_start, uint64_t seed);
WRAPPED(void, bench_close, struct bench *b);

/* Behind the flush. */
static void let_go(struct quarantine *q, bool lost)
{
	struct late *l = container_of(q, struct late, q);
	physaddr_t *frames;
	unsigned n = 0;

	l->lost |= lost;
	l->nclosed = 0;
	flushes++;
	if (l->p && !lost && !l->p->lost) {
		frames = calloc(l->p->o->n + 1, sizeof(*frames));
		assert_non_null(frames);
		n = owner_drop_late(l->p->o, frames);
		assert_int_equal(n + l->its_own, q->pages);
		while (n)
			frame_free(l->p->m, frames[--n]);
		free(frames);
	}
	if (l->p)
		l->p->lost |= lost;
	l->its_own = 0;
}

static struct late *late_of(const struct iommu_space *s)
{
	struct late *l = lates;

	while (l && l->q.gather.space != s)
		l = l->next;
	return l;
}

static struct late *late_for(struct iommu_space *s)
{
	struct late *l = late_of(s);

	if (l)
		return l;
	l = calloc(1, sizeof(*l));
	assert_non_null(l);
	*l = (struct late){ .q.let_go = let_go, .next = lates };
	iommu_gather_init(&l->q.gather, s);
	list_init(&l->q.link);
	lates = l;
	return l;
}

static bool is_in_trouble(const struct machine *m)
{
	static const struct trouble none;

	for (unsigned i = 0; i < m->nunits; i++)
		if (memcmp(&m->units[i]->trouble, &none, sizeof(none)))
			return true;
	for (const struct function *f = m->functions; f; f = f->next)
		if (f->mute || f->gone)
			return true;
	return m->mem.fail_at > m->mem.allocations;
}

/* Time passes, and devices are at work. */
static void go_on(struct machine *m)
{
	for (unsigned i = 0; i < 3 && !m->in_hook && !m->nheld; i++)
		model_step(m, E_CLOCK, NULL, 0, 0);
}

static int settle(struct late *l)
{
	int err;

	if (!l || !l->q.pages || l->flushing)
		return 0;
	l->flushing = true;
	model_call(model_machine);
	if (!is_listed() && !is_in_trouble(model_machine))
		go_on(model_machine);
	err = quarantine_flush(&l->q, QUARANTINE_OTHER);
	l->flushing = false;
	return err;
}

static bool is_closed(const struct late *l, uint64_t va, size_t len)
{
	for (unsigned i = 0; i < l->nclosed; i++)
		if (va < l->closed[i].end && va + len > l->closed[i].start)
			return true;
	return false;
}

static void looked_at(uint64_t va, size_t len)
{
	if (passing || model_machine->in_hook)
		return;
	for (struct late *l = lates; l; l = l->next) {
		if (is_closed(l, va, len))
			(void)!settle(l);
		else
			others += !!l->q.pages;
	}
}

static void settle_all(void)
{
	for (struct late *l = lates; l; l = l->next)
		(void)!settle(l);
}

/* Spaces that no device sees are changed as ever. */
static bool takes(struct iommu_space *s, unsigned long pages)
{
	return !passing && s && bench_devices(s) && !s->lost &&
		quarantine_takes(pages);
}

static void close_range(struct late *l, uint64_t va, size_t len)
{
	l->closed[l->nclosed].start = va;
	l->closed[l->nclosed++].end = va + len;
}

/* Before more of it is unmapped. */
static void make_room(struct late *l, uint64_t va, size_t len)
{
	if (is_closed(l, va, len) || l->nclosed == CLOSED)
		(void)!settle(l);
	others += !!l->q.pages;
}

/* The test's own unmapping, and flush */

static int keep_late(struct iommu_gather *g, uintptr_t va, size_t len)
{
	struct late *l = late_for(g->space);
	int err;

	make_room(l, va, len);
	err = __real_iommu_keep(&l->q.gather, va, len, 0);
	if (err)
		return err;
	close_range(l, va, len);
	l->its_own += len / PAGE;
	waited += len / PAGE;
	(void)!quarantine_add(&l->q, len / PAGE);
	return 0;
}

static bool is_quarantines(const struct iommu_gather *g)
{
	struct late *l = g->space ? late_of(g->space) : NULL;

	return l && g == &l->q.gather;
}

int __wrap_iommu_keep(struct iommu_gather *g, uintptr_t va, size_t len,
		      int prot)
{
	if (is_quarantines(g))
		return __real_iommu_keep(g, va, len, prot);
	if (!prot && !is_listed() && takes(g->space, len / PAGE))
		return keep_late(g, va, len);
	if (!passing)
		(void)!settle(late_of(g->space));
	return __real_iommu_keep(g, va, len, prot);
}

int __wrap_iommu_flush(struct iommu_gather *g)
{
	struct late *l = passing || is_quarantines(g) ? NULL :
		late_of(g->space);
	int err = 0;

	if (l && l->its_own)
		err = settle(l);
	if (l) {
		err |= -(int)l->lost;
		l->lost = false;
		others += !!l->q.pages;
	}
	return __real_iommu_flush(g) | err;
}

static bool has_leaf(const struct iommu_space *s, uint64_t va, size_t len)
{
	size_t size;

	for (uint64_t at = va; at < va + len; at += PAGE)
		if (bench_leaf(&s->table, at, &size))
			return true;
	return false;
}

/* What replaces a page is flushed with all that waits. */
static void before_map(struct iommu_space *s, uint64_t va, size_t len)
{
	struct late *l = late_of(s);

	if (l && l->q.pages && (is_closed(l, va, len) || has_leaf(s, va, len)))
		(void)!settle(l);
}

int __wrap_iommu_map(struct iommu_gather *g, uintptr_t va, physaddr_t pa,
		     size_t len, int prot)
{
	if (!prot)
		return __wrap_iommu_keep(g, va, len, 0);
	if (!passing)
		before_map(g->space, va, len);
	return __real_iommu_map(g, va, pa, len, prot);
}

/* Devices */

int __wrap_iommu_attach(struct iommu_dev *d, struct iommu_space *s,
			unsigned words)
{
	struct late *l = late_of(s);
	bool before = passing;
	int err;

	others += l && l->q.pages;
	passing = true;
	err = __real_iommu_attach(d, s, words);
	passing = before;
	return err;
}

int __wrap_iommu_detach(struct iommu_dev *d)
{
	if (d->space)
		(void)!settle(late_of(d->space));
	return __real_iommu_detach(d);
}

int __wrap_iommu_space_destroy(struct iommu_space *s)
{
	struct late **at = &lates, *l;

	while (*at && (*at)->q.gather.space != s)
		at = &(*at)->next;
	l = *at;
	if (l) {
		(void)!settle(l);
		*at = l->next;
		free(l);
	}
	return __real_iommu_space_destroy(s);
}

/* The bench's processes */

/* Those that there are are planned to go; how many. */
static unsigned plan_late(struct process *p, uint64_t va, unsigned pages)
{
	struct mapping *e;
	unsigned n = 0;

	for (unsigned i = 0; i < pages; i++) {
		e = owner_find(p->o, va + i * PAGE);
		if (!e)
			continue;
		owner_plan(p->o, e->va, 0, 0);
		e->late = true;
		n++;
	}
	return n;
}

static bool has_page(struct process *p, uint64_t va, unsigned pages)
{
	for (unsigned i = 0; i < pages; i++)
		if (owner_find(p->o, va + i * PAGE))
			return true;
	return false;
}

static int unmap_late(struct process *p, uint64_t va, unsigned pages)
{
	struct late *l = late_for(p->s);
	unsigned n;
	int err;

	make_room(l, va, pages * PAGE);
	if (!has_page(p, va, pages))	/* it was all waiting */
		return 0;
	l->p = p;
	n = plan_late(p, va, pages);
	close_range(l, va, pages * PAGE);
	model_call(p->m);
	assert_int_equal(iommu_keep(&l->q.gather, va, pages * PAGE, 0), 0);
	waited += n;
	err = quarantine_add(&l->q, n);
	return err || !(is_listed() || is_in_trouble(p->m)) ? err : settle(l);
}

int __wrap_process_unmap(struct process *p, uint64_t va, unsigned pages)
{
	if (takes(p->s, pages) && !p->lost && has_page(p, va, pages))
		return unmap_late(p, va, pages);
	(void)!settle(late_of(p->s));
	return __real_process_unmap(p, va, pages);
}

int __wrap_process_protect(struct process *p, uint64_t va, unsigned pages,
			   int prot)
{
	if (!prot)
		return __wrap_process_unmap(p, va, pages);
	(void)!settle(late_of(p->s));
	return __real_process_protect(p, va, pages, prot);
}

int __wrap_process_map(struct process *p, uint64_t va, unsigned pages, int prot)
{
	before_map(p->s, va, pages * PAGE);
	return __real_process_map(p, va, pages, prot);
}

int __wrap_process_replace(struct process *p, uint64_t va, int prot)
{
	(void)!settle(late_of(p->s));
	return __real_process_replace(p, va, prot);
}

/* Looks */

bool __wrap_can(struct process *p, struct function *f, uint64_t va, bool write)
{
	looked_at(va, 8);
	return __real_can(p, f, va, write);
}

bool __wrap_can_read(struct process *p, struct function *f, uint64_t va)
{
	return __wrap_can(p, f, va, false);
}

bool __wrap_can_write(struct process *p, struct function *f, uint64_t va)
{
	return __wrap_can(p, f, va, true);
}

bool __wrap_model_dma(struct machine *m, uint16_t segment, uint16_t sid,
		      uint64_t addr, void *buf, size_t len, bool write)
{
	looked_at(addr, len);
	return __real_model_dma(m, segment, sid, addr, buf, len, write);
}

bool __wrap_model_dma_posted(struct machine *m, uint16_t segment, uint16_t sid,
			     uint64_t addr, bool write)
{
	looked_at(addr, 1);
	return __real_model_dma_posted(m, segment, sid, addr, write);
}

bool __wrap_model_ats_ask(struct machine *m, uint16_t segment, uint16_t sid,
			  uint64_t va)
{
	looked_at(va, 1);
	return __real_model_ats_ask(m, segment, sid, va);
}

bool __wrap_model_ats_dma(struct machine *m, uint16_t segment, uint16_t sid,
			  uint64_t va, bool write)
{
	looked_at(va, 1);
	return __real_model_ats_dma(m, segment, sid, va, write);
}

/* Machines and tests */

void __wrap_bench_close(struct bench *b)
{
	settle_all();
	__real_bench_close(b);
}

/* What a failed test has left stays where it is. */
struct machine *__wrap_model_start(uint64_t seed)
{
	const struct quarantine_mode mode = {
		.lazy = true, .pages = QUARANTINE_MAX_PAGES, .ms = 10,
		.share = QUARANTINE_MAX_PAGES,
	};
	static struct late *left;
	struct late *l;
	struct machine *m = __real_model_start(seed);

	while ((l = lates)) {
		lates = l->next;
		l->next = left;
		left = l;
	}
	if (!quarantine_takes(1))
		quarantine_set(&mode);
	return m;
}

bool wrapped_report(const char *program)
{
	printf("%s: %lu pages unmapped lazily, %lu flushes, %lu other calls "
	       "while some waited\n", program, waited, flushes, others);
	return waited && flushes;
}
