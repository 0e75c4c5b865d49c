/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pair of queues (NVMe 1.4, 4.1): a ring of commands that we fill, and one of
 * completions that the device fills.  A completion is new if its phase bit is
 * not that of the ring's last round.  A doorbell is a register write, dear in a
 * virtual machine: so the device is told of all that has changed at once,
 * before we wait.
 */
#include "nvme.h"

#define PATIENCE	10000		/* milliseconds for any command */
#define MSEC		1000000l
#define SPINS		1024		/* between two looks at the clock */

static void *memory(size_t len)
{
	void *p = drv_memory(len);

	if (!p)
		fatal("%r");
	return p;
}

/* Pair n, 0 being the admin's.  The rings have a page each, made once. */
void queue_init(struct queue *q, struct nvme *c, unsigned n)
{
	unsigned stride = CAP_STRIDE(c->cap);

	q->bdf = c->bdf;
	q->status = c->regs + CSTS;
	q->sq = memory(PAGE);
	q->cq = memory(PAGE);
	q->lists = memory(MAX_DEPTH * PAGE);
	q->sq_bell = c->regs + DOORBELLS + 2 * n * stride;
	q->cq_bell = q->sq_bell + stride;
	q->irq = -1;
	q->phase = CQE_PHASE;
}

void queue_put(struct queue *q, const struct sqe *cmd, unsigned id)
{
	q->sq[q->tail] = *cmd;
	q->sq[q->tail].id = (uint16_t)id;
	q->tail = (q->tail + 1) % QUEUE_SIZE;
	q->busy++;
}

static bool has_new(const struct queue *q)
{
	return (q->cq[q->head].status & CQE_PHASE) == q->phase;
}

bool queue_take(struct queue *q, struct done *d)
{
	volatile struct cqe *e = &q->cq[q->head];

	if (!has_new(q))
		return false;
	drv_fence();		/* the rest of the entry is read behind */
	d->id = e->id;
	d->status = CQE_STATUS(e->status);
	d->result = e->result;
	if (d->id >= MAX_DEPTH || !q->busy)
		fatal("%s: it ends command %u, which was not under way",
		      q->bdf, d->id);
	q->busy--;
	q->head = (q->head + 1) % QUEUE_SIZE;
	if (!q->head)
		q->phase ^= CQE_PHASE;
	return true;
}

/* The completions first: with them goes room for those that are to come. */
static void ring(struct queue *q)
{
	if (q->head != q->rung_head)
		put32(q->cq_bell, q->head);
	q->rung_head = q->head;
	drv_fence();		/* the commands stand before the device looks */
	if (q->tail != q->rung_tail)
		put32(q->sq_bell, q->tail);
	q->rung_tail = q->tail;
}

static bool any_new(const struct queue *q, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (has_new(&q[i]))
			return true;
	return false;
}

static bool spin(const struct queue *q, unsigned n)
{
	for (unsigned i = 0; i < SPINS; i++) {
		if (any_new(q, n))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

static _Noreturn void no_answer(const struct queue *q)
{
	fatal("%s: no answer to a command for %u s (its status is 0x%x)",
	      q->bdf, PATIENCE / 1000, get32(q->status));
}

/* Interrupts that came; 0: none in time. */
static long sleep_for_one(const struct queue *q, unsigned n)
{
	int irqs[MAX_QUEUES];
	long came;

	for (unsigned i = 0; i < n; i++)
		irqs[i] = q[i].irq;
	came = drv_wait_any(irqs, n, PATIENCE);
	if (came < 0)
		fatal("%r");
	return came;
}

/* The clock, which is a system call, is not read but after an interrupt in vain:
 * it may have been for completions that were taken without it. */
static void wait_for_one(const struct queue *q, unsigned n)
{
	int64_t now, end = 0;

	while (sleep_for_one(q, n) && !any_new(q, n)) {
		now = nsec();
		if (!end)
			end = now + PATIENCE * MSEC;
		if (now >= end)
			break;
	}
	if (!any_new(q, n))
		no_answer(q);
}

/* Likewise: mostly the answer is there at once. */
static void poll_until(const struct queue *q, unsigned n, int64_t end)
{
	bool late = false;

	while (!spin(q, n)) {
		if (late)
			no_answer(q);
		late = nsec() >= end;
	}
}

static void poll_for_one(struct queue *q, unsigned n)
{
	uint64_t start = drv_ticks();

	if (!spin(q, n))
		poll_until(q, n, nsec() + PATIENCE * MSEC);
	q[0].empty += drv_ticks() - start;
}

void queues_wait(struct queue *q, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ring(&q[i]);
	if (any_new(q, n))
		return;
	if (q[0].irq < 0)
		poll_for_one(q, n);
	else
		wait_for_one(q, n);
}
