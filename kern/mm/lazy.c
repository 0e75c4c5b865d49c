/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lazy unmapping of processes' memory: what their quarantines hold, and who
 * flushes them (quarantine.h, #iommu/quarantine).
 *
 * In lazy mode munmap takes a page from the processors at once, and its entry
 * from the devices' tables, but leaves the flush of their caches to a later
 * time.  Until that flush the frame stays in the address space's list and keeps
 * its last reference, and its address stays in a region that nobody can map
 * over nor reach.  All else that takes rights away flushes at once, and what
 * waits with it.
 *
 * A thread flushes those that have become too old; a timer wakes it, set by
 * whoever finds none set.  Who wants for memory flushes them all itself.
 *
 * Lock order: an address space's lock, alarm.lock, a timer's; the lock of the
 * quarantines is inside all.
 */
#include <aspace.h>
#include <assert.h>
#include <error.h>
#include <lock.h>
#include <log.h>
#include <page.h>
#include <pt.h>
#include <sched.h>
#include <string.h>
#include <timer.h>
#include <tlb.h>

static struct {
	struct spinlock lock;
	struct timer timer;
	bool set;		/* it will wake the thread, or has */
	bool rung;		/* it has */
	struct waitq thread;
} alarm = {
	.lock = SPINLOCK("quarantine alarm"),
	.thread = WAITQ(alarm.thread, "quarantine"),
};

static void ring(void *unused)
{
	(void)unused;
	WRITE_ONCE(alarm.rung, true);
	wake_all(&alarm.thread);
}

static void set_alarm(void)
{
	uint64_t due = quarantine_due();

	spin_lock(&alarm.lock);
	if (!alarm.set && due != UINT64_MAX) {
		alarm.set = true;
		timer_cancel(&alarm.timer);	/* its function may still run */
		timer_set(&alarm.timer, due, ring, NULL);
	}
	spin_unlock(&alarm.lock);
}

static void clear_alarm(void)
{
	spin_lock(&alarm.lock);
	alarm.set = false;
	WRITE_ONCE(alarm.rung, false);
	spin_unlock(&alarm.lock);
}

static struct aspace *holder(struct quarantine *q)
{
	return container_of(q, struct aspace, quarantine);
}

/* A quarantine that holds something has an I/O space, and so a process. */
static void hold(struct quarantine *q)
{
	aspace_get(holder(q));
}

/* All that came before that time; whether there were any. */
static bool flush_before(uint64_t before, enum quarantine_why why)
{
	struct quarantine *q;
	struct aspace *as;
	bool any = false;

	while ((q = quarantine_pick(before, hold))) {
		as = holder(q);
		qlock(&as->lock);
		if (q->pages && q->since <= before)
			lazy_flush(as, why);
		qunlock(&as->lock);
		aspace_put(as);
		any = true;
	}
	return any;
}

static void old_thread(void *unused)
{
	(void)unused;
	for (;;) {
		(void)wait_until(&alarm.thread, READ_ONCE(alarm.rung),
				 NO_DEADLINE);
		clear_alarm();
		(void)flush_before(quarantine_too_old(), QUARANTINE_OLD);
		set_alarm();
	}
}

bool lazy_reclaim(void)
{
	return flush_before(nsec(), QUARANTINE_SHORT);
}

/* Behind the flush: to the allocator, and out of the list of regions. */
static void let_go(struct quarantine *q, bool lost)
{
	struct aspace *as = holder(q);
	struct region *r, *tmp;

	as->lost |= lost;
	as->resident -= q->pages;
	if (as->lost)
		frames_lost += q->pages;
	else
		page_put_list(as->waiting);
	as->waiting = 0;
	list_for_each_safe(r, tmp, &as->regions, link)
		if (r->quarantined)
			region_free(as, r);
}

void lazy_setup(struct aspace *as)
{
	list_init(&as->quarantine.link);
	as->quarantine.let_go = let_go;
}

void lazy_flush(struct aspace *as, enum quarantine_why why)
{
	if (as->io && quarantine_flush(&as->quarantine, why) < 0)
		as->lost = true;
}

static bool all_sole(struct aspace *as, uintptr_t start, uintptr_t end)
{
	struct pt_walk w = pt_walk(as->root, start, end);
	bool some = false;

	for (; pt_next(&w); some = true)
		if (!pages_sole(*w.e, w.level))
			return false;
	return some;
}

static size_t take_page(struct aspace *as, struct pt_edit *ed, uintptr_t va,
			pte_t *e, unsigned level)
{
	size_t n = pages_link(&as->waiting, *e, level);

	pt_edit(ed, va, e, level, 0);
	return n;
}

static size_t take_frames(struct aspace *as, struct pt_edit *ed,
			  uintptr_t start, uintptr_t end)
{
	struct pt_walk w = pt_walk(as->root, start, end);
	size_t n = 0;

	while (pt_next(&w))
		n += take_page(as, ed, w.va, w.e, w.level);
	return n;
}

/* The whole range: nothing may be mapped in it, also where there was no region.
 * It begins and ends regions. */
static void close_range(struct aspace *as, uintptr_t start, uintptr_t end)
{
	struct region *first = region_above(as, start), *r;

	assert(first && first->end <= end);
	while ((r = region_after(as, first)) && r->end <= end)
		region_free(as, r);
	*first = (struct region){
		.link = first->link, .start = start, .end = end,
		.quarantined = true,
	};
	region_join(as, first);
}

/* The region that begins with the range, behind a quarantined one, which then
 * only has to grow; NULL: it is not like that. */
static struct region *behind_closed(struct aspace *as, uintptr_t start,
				    uintptr_t end)
{
	struct region *r = region_above(as, start), *low;

	if (!r || r->start != start || r->end < end || r->quarantined ||
	    r->link.prev == &as->regions)
		return NULL;
	low = list_entry(r->link.prev, struct region, link);
	return low->quarantined && low->end == start ? r : NULL;
}

static void grow_closed(struct aspace *as, struct region *r, uintptr_t end)
{
	struct region *low = list_entry(r->link.prev, struct region, link);

	low->end = end;
	if (r->end > end) {
		r->start = end;
		return;
	}
	region_free(as, r);
	region_join(as, low);
}

/* From the tables, and from the processors. */
static int take_away(struct aspace *as, uintptr_t start, uintptr_t end,
		     pte_t *one)
{
	struct quarantine *q = &as->quarantine;
	bool first = !q->pages;
	struct pt_edit ed;
	size_t n;
	int err;

	pt_edit_begin(&ed, &q->gather);
	n = one ? take_page(as, &ed, start, one, 1) :
		take_frames(as, &ed, start, end);
	pt_edit_end(&ed);
	tlb_shootdown(as, start, end - start);
	err = quarantine_add(q, n);
	as->lost |= err < 0;
	if (first && q->pages)
		set_alarm();
	return err;
}

static int unmap_late(struct aspace *as, uintptr_t start, uintptr_t end,
		      pte_t *one)
{
	struct region *r = behind_closed(as, start, end);
	int err = r ? 0 : region_cut(as, start, end);

	if (err)
		return err;
	if (r)
		grow_closed(as, r, end);
	else
		close_range(as, start, end);
	return take_away(as, start, end, one);
}

static bool touches_closed(struct aspace *as, uintptr_t start, uintptr_t end)
{
	struct region *r = region_above(as, start);

	for (; r && r->start < end; r = region_after(as, r))
		if (r->quarantined)
			return true;
	return false;
}

/* One page is looked up once. */
bool lazy_unmap(struct aspace *as, uintptr_t start, uintptr_t end, int *err)
{
	size_t n = (end - start) / PGSIZE;
	unsigned level = 1;
	pte_t *one = NULL;

	if (as->quarantine.pages && touches_closed(as, start, end))
		lazy_flush(as, QUARANTINE_OTHER);
	if (!as->io || as->lost || end > USER_END || !quarantine_takes(n))
		return false;
	if (n == 1)
		one = pt_find(as->root, start, &level);
	if (level > 1)
		one = NULL;
	if (one ? !pages_sole(*one, 1) : !all_sole(as, start, end))
		return false;
	*err = unmap_late(as, start, end, one);
	return true;
}

/* That the frames are as many as are counted, and still its own. */
const char *lazy_check(struct aspace *as)
{
	size_t n = 0;

	for (uint32_t at = as->waiting; at; at = pages[at].next, n++)
		if (pages[at].refs != 1 || !(pages[at].flags & PG_USER))
			return "a frame in quarantine is not its own";
	return n == as->quarantine.pages ? NULL :
		"its quarantine is not what was counted";
}

void lazy_text(struct text *t)
{
	struct quarantine_state s = quarantine_state();

	quarantine_format(t, &s);
}

/* What is held came under the old bounds, and so did the alarm. */
static void set_mode(const struct quarantine_mode *mode)
{
	quarantine_set(mode);
	(void)flush_before(nsec(), QUARANTINE_OTHER);
	ring(NULL);
}

int lazy_write(const char *s, struct text *subject)
{
	struct quarantine_mode mode = quarantine_state().mode;
	const char *why = quarantine_parse(s, &mode, subject);

	if (why)
		return error(EINVAL, "%s", why);
	set_mode(&mode);
	return 0;
}

void lazy_init(const char *mode, const char *bounds)
{
	struct kthread *k = kthread_create("iommu quarantine", old_thread,
					   NULL);
	struct quarantine_mode m = quarantine_state().mode;
	const char *why = bounds ? quarantine_parse_bounds(bounds, &m) : NULL;

	if (!k)
		panic("iommu: no memory for the quarantine's thread");
	kthread_ready(k);
	if (why) {
		klog(LOG_WARN, "command line: iommu.quarantine=%s: %s", bounds,
		     why);
		m = quarantine_state().mode;
	}
	m.lazy = mode && !strcmp(mode, "lazy");
	quarantine_set(&m);
}
