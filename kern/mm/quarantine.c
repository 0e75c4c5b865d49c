/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Quarantines (quarantine.h): when they are full, who is the oldest, and the
 * one order that matters, in quarantine_flush.
 */
#include <iommu_os.h>
#include <quarantine.h>

static struct {
	struct os_lock lock;
	struct list held;	/* quarantines with pages, oldest first */
	size_t pages;		/* that they hold */
	struct quarantine_state state;	/* but for .pages */
} all = {
	.held = LIST_INIT(all.held),
	.state.mode = { .pages = 1024, .ms = 10, .share = 256 },
};

bool quarantine_takes(size_t n)
{
	return READ_ONCE(all.state.mode.lazy) &&
		n <= READ_ONCE(all.state.mode.share);
}

/* Its first pages. */
static void enter(struct quarantine *q)
{
	os_lock(&all.lock);
	q->since = os_clock();
	list_append(&all.held, &q->link);
	os_unlock(&all.lock);
}

static void leave(struct quarantine *q, enum quarantine_why why)
{
	os_lock(&all.lock);
	list_remove(&q->link);
	all.state.flushes[why]++;
	os_unlock(&all.lock);
	__atomic_fetch_sub(&all.pages, q->pages, __ATOMIC_RELAXED);
	q->pages = 0;
}

/* The mode is looked at behind enter(): who has made it strict either finds
 * the quarantine in the list, or is seen here. */
int quarantine_add(struct quarantine *q, size_t n)
{
	size_t sum = __atomic_add_fetch(&all.pages, n, __ATOMIC_RELAXED);
	const struct quarantine_mode *mode = &all.state.mode;

	if (!q->pages)
		enter(q);
	q->pages += n;
	if (!READ_ONCE(mode->lazy))
		return quarantine_flush(q, QUARANTINE_OTHER);
	if (sum >= READ_ONCE(mode->pages) ||
	    q->pages >= READ_ONCE(mode->share))
		return quarantine_flush(q, QUARANTINE_FULL);
	return 0;
}

int quarantine_flush(struct quarantine *q, enum quarantine_why why)
{
	int err = iommu_flush(&q->gather);

	if (!q->pages)
		return err;
	q->let_go(q, err < 0);
	leave(q, why);
	return err;
}

static struct quarantine *oldest(void)
{
	return list_empty(&all.held) ? NULL :
		list_first(&all.held, struct quarantine, link);
}

uint64_t quarantine_due(void)
{
	struct quarantine *q;
	uint64_t due = UINT64_MAX;

	os_lock(&all.lock);
	q = oldest();
	if (q)
		due = q->since + all.state.mode.ms * NSEC_PER_MSEC;
	os_unlock(&all.lock);
	return due;
}

uint64_t quarantine_too_old(void)
{
	uint64_t now = os_clock(), ms = READ_ONCE(all.state.mode.ms);

	return now - MIN(now, ms * NSEC_PER_MSEC);
}

struct quarantine *quarantine_pick(uint64_t before,
				   void (*hold)(struct quarantine *q))
{
	struct quarantine *q;

	os_lock(&all.lock);
	q = oldest();
	if (q && q->since <= before)
		hold(q);
	else
		q = NULL;
	os_unlock(&all.lock);
	return q;
}

void quarantine_set(const struct quarantine_mode *mode)
{
	os_lock(&all.lock);
	WRITE_ONCE(all.state.mode.lazy, mode->lazy);
	WRITE_ONCE(all.state.mode.pages, mode->pages);
	WRITE_ONCE(all.state.mode.ms, mode->ms);
	WRITE_ONCE(all.state.mode.share, mode->share);
	os_unlock(&all.lock);
}

struct quarantine_state quarantine_state(void)
{
	struct quarantine_state s;

	os_lock(&all.lock);
	s = all.state;
	s.pages = READ_ONCE(all.pages);
	os_unlock(&all.lock);
	return s;
}
