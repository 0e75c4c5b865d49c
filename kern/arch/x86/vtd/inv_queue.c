/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queued invalidation (VT-d 6.5.2).
 *
 * Positions count descriptors since the queue was started and go on past the
 * ring's size; a descriptor stands at position % size.  Each submission ends
 * with a wait descriptor that makes the unit write that wait's own position to
 * a status word.  As everything before a wait has completed when it writes,
 * the status word alone says which submissions are done and which slots are
 * free; the head register, which only tells what has been fetched, is never
 * looked at.
 *
 * Lock order: queue.lock is taken last and not held while waiting.
 */
#include <vtd/vtd.h>

_Static_assert((VTD_QUEUE_SIZE & (VTD_QUEUE_SIZE - 1)) == 0,
	       "positions wrap at 2^32");
#define MAX_ASKED	16	/* devices with invalidations under way */
#define RECOVERY	(4 + MAX_ASKED * INV_DEVTLB_MAX) /* for recover() */
_Static_assert(VTD_BATCH + 1 + RECOVERY < VTD_QUEUE_SIZE, "room for one");

/* Positions are compared by difference: fewer than 2^31 are ever open. */
static bool reached(uint32_t now, uint32_t position)
{
	return (int32_t)(now - position) >= 0;
}

static uint32_t completed(struct vtd *u)
{
	return __atomic_load_n(u->queue.status, __ATOMIC_ACQUIRE);
}

static struct qi_desc make_wait(struct vtd *u, uint32_t position)
{
	return (struct qi_desc){
		.lo = field_make(QI_TYPE, QI_WAIT) | QI_WAIT_SW |
			field_make(QI_WAIT_DATA, position),
		.hi = os_phys(u->queue.status),
	};
}

static inline void put(struct vtd *u, uint32_t at, struct qi_desc d)
{
	if (field_get(d.lo, QI_TYPE) == QI_IOTLB)
		d.lo |= (u->cap & CAP_DRD ? QI_IOTLB_DR : 0) |
			(u->cap & CAP_DWD ? QI_IOTLB_DW : 0);
	u->stats.asked[d.lo % ARRAY_SIZE(u->stats.asked)]++;
	u->queue.ring[at % VTD_QUEUE_SIZE] = d;
}

static inline void ring_tail(struct vtd *u, uint32_t tail)
{
	u->queue.tail = tail;
	vtd_set64(u, IQT, field_make(IQT_INDEX, tail % VTD_QUEUE_SIZE));
}

int queue_alloc(struct vtd *u)
{
	u->queue.ring = os_alloc(VTD_QUEUE_SIZE * sizeof(struct qi_desc));
	u->queue.status = os_alloc(sizeof(uint64_t));
	if (!u->queue.ring || !u->queue.status)
		return os_error("unit 0x%lx: no memory for its queue", u->base);
	return 0;
}

/* Firmware's goes off first.  Position 0 is never a wait's: 0 completed means
 * none yet. */
int queue_start(struct vtd *u)
{
	int err = 0;

	if (u->gcmd & GCMD_QIE)
		err = vtd_command(u, GCMD_QIE, false, 0, "queue disable");
	if (err || !u->queue.ring)
		return err;
	u->queue.tail = 0;
	vtd_set64(u, IQT, 0);
	vtd_set64(u, IQA, os_phys(u->queue.ring) |
		  field_make(IQA_QS, VTD_QUEUE_ORDER));
	return vtd_command(u, GCMD_QIE, true, GCMD_QIE, "queue enable");
}

static bool has_room(struct vtd *u, uint32_t n)
{
	return u->queue.tail + n - completed(u) < VTD_QUEUE_SIZE;
}

/* false: no room for n more before the deadline.  Gives up the lock while it
 * waits; holds it when it returns. */
static rarely bool wait_for_room(struct vtd *u, uint32_t n)
{
	struct deadline end = deadline_in(VTD_DEADLINE);
	bool over;

	while (!has_room(u, n)) {
		os_unlock(&u->queue.lock);
		over = deadline_over(&end);
		os_lock(&u->queue.lock);
		if (over || !vtd_alive(u))
			return false;
	}
	return true;
}

int queue_submit(struct vtd *u, const struct qi_desc *list, unsigned n,
		 struct vtd_ticket *t)
{
	uint32_t at;
	bool room;

	os_lock(&u->queue.lock);
	room = has_room(u, n + 1 + RECOVERY) ||
		wait_for_room(u, n + 1 + RECOVERY);
	if (room) {
		unit_event(u, EVENT_FLUSH, 0, 0, n);
		at = u->queue.tail;
		for (unsigned i = 0; i < n; i++)
			put(u, at++, list[i]);
		t->position = at;
		put(u, at, make_wait(u, at));
		ring_tail(u, at + 1);
	}
	os_unlock(&u->queue.lock);
	if (room)
		return 0;
	count(&u->stats.timeouts);
	return vtd_fail(u, "queue stays full");
}

/*
 * Errors (VT-d 6.5.2.10).  IQE: the unit has stopped at a descriptor that it
 * does not take.  ITE: a device has not answered, and the unit has dropped all
 * waits that it had fetched, ours and other callers'.  ICE: a device has
 * answered wrongly.  In each case everything that was asked for is asked for
 * again, as global flushes, which cover it, and one wait for all; waits that
 * the unit has not fetched yet, and the bad descriptor, become such flushes
 * themselves, so that none tells anyone that he has what was lost.  What waits
 * on a position notices nothing but the time.  A device that was told on is not
 * asked again: what asked it goes from the ring, too.
 *
 * Devices are asked again, too, but for the one that the unit names (IQERCD);
 * if it names none, for all that were asked and may not have answered.  These
 * are told on, and so off the bus, before anyone's wait can end.
 */
#define MAX_TRIES	(4 + MAX_ASKED)	/* without any progress in between: each
					 * device may be silent */

struct asked {
	uint16_t sids[MAX_ASKED];
	unsigned n;
	unsigned guilty;	/* so many, the first */
};

/* Its place among them; a->n: it is not there. */
static unsigned find_asked(const struct asked *a, uint16_t sid)
{
	unsigned i = 0;

	while (i < a->n && a->sids[i] != sid)
		i++;
	return i;
}

/* false: more than are kept. */
static bool find_all_asked(struct vtd *u, struct asked *a)
{
	struct qi_desc d;
	uint16_t sid;

	for (uint32_t at = completed(u); at != u->queue.tail; at++) {
		d = u->queue.ring[at % VTD_QUEUE_SIZE];
		sid = (uint16_t)field_get(d.lo, QI_SID);
		if (field_get(d.lo, QI_TYPE) != QI_DEVTLB ||
		    find_asked(a, sid) < a->n)
			continue;
		if (a->n == MAX_ASKED)
			return false;
		a->sids[a->n++] = sid;
	}
	return true;
}

static void find_guilty(struct vtd *u, struct asked *a, uint32_t fsts)
{
	uint64_t record = vtd_get64(u, IQERCD);
	uint16_t sid = (uint16_t)field_get(record, fsts & FSTS_ITE ?
					   IQERCD_ITESID : IQERCD_ICESID);
	unsigned i = find_asked(a, sid);

	a->guilty = a->n;
	if (!sid || i == a->n)
		return;
	a->guilty = 1;
	a->sids[i] = a->sids[0];
	a->sids[0] = sid;
}

static bool is_guilty(const struct asked *a, struct qi_desc d)
{
	return field_get(d.lo, QI_TYPE) == QI_DEVTLB &&
		find_asked(a, (uint16_t)field_get(d.lo, QI_SID)) < a->guilty;
}

/* From the head on, where the unit has stopped, it is still going to look. */
static void replace(struct vtd *u, const struct asked *a, uint32_t fsts)
{
	uint32_t head = (uint32_t)field_get(vtd_get64(u, IQH), IQH_INDEX);
	bool fetched = true, bad;
	struct qi_desc *d;

	for (uint32_t at = completed(u); at != u->queue.tail; at++) {
		d = &u->queue.ring[at % VTD_QUEUE_SIZE];
		bad = at % VTD_QUEUE_SIZE == head;
		fetched &= !bad;
		if (!fetched && !(fsts & (FSTS_IQE | FSTS_ITE)))
			return;
		if ((bad && fsts & FSTS_IQE) || is_guilty(a, *d) ||
		    (!fetched && field_get(d->lo, QI_TYPE) == QI_WAIT))
			*d = inv_context_global();
	}
}

static void ask_again(struct vtd *u, const struct asked *a)
{
	struct qi_desc devtlb[INV_DEVTLB_MAX];
	uint32_t at = u->queue.tail;
	unsigned n;

	put(u, at++, inv_context_global());
	put(u, at++, inv_iotlb_global());
	if (u->irt)
		put(u, at++, inv_iec_global());
	for (unsigned i = a->guilty; i < a->n; i++) {
		n = inv_devtlb_all(u, a->sids[i], devtlb);
		while (n > 0)
			put(u, at++, devtlb[--n]);
	}
	put(u, at, make_wait(u, at));
	u->queue.recovered = at + 1;
	u->stats.retries++;
	ring_tail(u, at + 1);
}

/* Whether it makes sense to try again: some progress, or not yet too often. */
static bool may_try(struct vtd *u, const struct asked *a)
{
	if (u->queue.recovered != u->queue.tail)
		u->queue.tries = 0;
	else if (++u->queue.tries > MAX_TRIES)
		return false;
	return u->queue.tail + 4 + a->n * INV_DEVTLB_MAX - completed(u) <
		VTD_QUEUE_SIZE;
}

enum recovery { RECOVERED, GUILTY, HOPELESS };

/* Under the queue's lock.  GUILTY: the first a->guilty devices are to be told
 * on; `told` are. */
static enum recovery clear_errors(struct vtd *u, struct asked *a,
				  const struct asked *told)
{
	uint32_t fsts = vtd_get32(u, FSTS) & FSTS_QUEUE;

	if (!fsts)
		return RECOVERED;	/* another waiter was here first */
	if (!find_all_asked(u, a))
		return HOPELESS;
	if (fsts & (FSTS_ITE | FSTS_ICE))
		find_guilty(u, a, fsts);
	for (unsigned i = 0; i < a->guilty; i++)
		if (find_asked(told, a->sids[i]) == told->n)
			return GUILTY;
	if (!may_try(u, a))
		return HOPELESS;
	if (fsts & FSTS_ITE)
		count(&u->stats.timeouts);
	replace(u, a, fsts);
	vtd_set32(u, FSTS, fsts);
	ask_again(u, a);
	return RECOVERED;
}

static int recover(struct vtd *u)
{
	struct asked told = { .n = 0 }, a;
	enum recovery r;

	for (unsigned i = 0; i < MAX_TRIES; i++) {
		a = (struct asked){ .n = 0 };
		os_lock(&u->queue.lock);
		r = clear_errors(u, &a, &told);
		os_unlock(&u->queue.lock);
		if (r != GUILTY)
			break;
		told = a;
		told.n = a.guilty;
		for (unsigned n = 0; n < told.n && u->devtlb_timeout; n++)
			u->devtlb_timeout(u, told.sids[n]);
	}
	if (r != RECOVERED)
		return vtd_fail(u, "queue errors do not end");
	os_log(OS_WARN, "iommu: unit 0x%lx: queue error; asked again", u->base);
	return 0;
}

static rarely int wait_on(struct vtd *u, uint32_t position)
{
	struct deadline end = deadline_in(VTD_DEADLINE);
	uint32_t fsts;

	while (!reached(completed(u), position)) {
		if (!vtd_alive(u))
			return vtd_fail(u, vtd_failure(u));
		fsts = vtd_get32(u, FSTS);
		if (fsts == ~0u)
			return vtd_fail(u, "reads as all ones");
		if (fsts & FSTS_QUEUE) {
			if (recover(u) < 0)
				return -1;
		} else if (deadline_over(&end)) {
			count(&u->stats.timeouts);
			return vtd_fail(u, "invalidation wait");
		}
	}
	inv_waited(u, time_of(&end));
	return 0;
}

int queue_wait(struct vtd *u, const struct vtd_ticket *t)
{
	if (!reached(completed(u), t->position))
		return wait_on(u, t->position);
	inv_waited(u, 0);
	return 0;
}
