/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller: its registers (NVMe 1.4, 3.1), how it is started (7.6.1) and
 * stopped (7.6.2).  Its life: taken, disabled if somebody left it enabled,
 * given the admin queues, enabled, asked what it is, given queues for I/O; and
 * told at the end, so that it writes back what it holds.  Who is killed in
 * between leaves it to the kernel, which resets it.
 */
#include "nvme.h"

#define CLASS_NVME	0x010802

#define CAP		0x00		/* 64 bits; CAP_STRIDE is nvme.h's */
#define  CAP_ENTRIES(cap)	((unsigned)((cap) & 0xffff) + 1)
#define  CAP_TIMEOUT(cap)	((long)((cap) >> 24 & 0xff))	/* 500 ms */
#define  CAP_NVM(cap)		((cap) >> 37 & 1)
#define  CAP_MIN_PAGE(cap)	(PAGE << ((cap) >> 48 & 0xf))
#define CC		0x14
#define  CC_ENABLE		0x000001u
#define  CC_SHUTDOWN		0x004000u
#define  CC_SQE_64		0x060000u	/* entries of 2^6 bytes */
#define  CC_CQE_16		0x400000u
/* CSTS, which queue.c reads too: */
#define  CSTS_READY		0x1u
#define  CSTS_FAILED		0x2u
#define  CSTS_SHUTDOWN		0xcu
#define  CSTS_SHUTDOWN_DONE	0x8u
#define AQA		0x24
#define ASQ		0x28		/* 64 bits */
#define ACQ		0x30		/* 64 bits */

static uint32_t status(const struct nvme *c)
{
	return get32(c->regs + CSTS);
}

/* A controller that is gone reads as all ones, and is ready and failed. */
static void wait_ready(struct nvme *c, bool ready)
{
	const uint32_t want = ready ? CSTS_READY : 0;

	if (!drv_until((status(c) & CSTS_READY) == want ||
		       (ready && status(c) & CSTS_FAILED), c->patience))
		fatal("%s: not %s within %ld ms", c->bdf,
		      ready ? "ready" : "disabled", c->patience);
	if (ready && status(c) & CSTS_FAILED)
		fatal("%s: has failed (status 0x%x)", c->bdf, status(c));
}

/* Whoever had it before may have been stopped while it was getting ready. */
static void disable(struct nvme *c)
{
	uint32_t cc = get32(c->regs + CC);

	if (cc & CC_ENABLE && !(status(c) & CSTS_FAILED))
		wait_ready(c, true);
	put32(c->regs + CC, cc & ~CC_ENABLE);
	wait_ready(c, false);
}

static void enable(struct nvme *c)
{
	put32(c->regs + AQA, (QUEUE_SIZE - 1) << 16 | (QUEUE_SIZE - 1));
	put64(c->regs + ASQ, (uintptr_t)c->admin.sq);
	put64(c->regs + ACQ, (uintptr_t)c->admin.cq);
	put32(c->regs + CC, CC_ENABLE | CC_SQE_64 | CC_CQE_16);
	wait_ready(c, true);
}

static void take(struct nvme *c, const struct options *o)
{
	size_t len;

	if (o->bdf)
		strlcpy(c->bdf, o->bdf, sizeof(c->bdf));
	else if (drv_find_class(CLASS_NVME, c->bdf) < 0)
		fatal("this machine has no NVMe controller");
	if (drv_config(c->bdf, 8, 4) >> 8 != CLASS_NVME)
		fatal("%s: no NVMe controller", c->bdf);
	if (drv_take(c->bdf, "") < 0)
		fatal("%r");
	c->regs = drv_bar(c->bdf, 0, &len);
	if (!c->regs)
		fatal("%r");
	c->cap = get64(c->regs + CAP);
	c->patience = (CAP_TIMEOUT(c->cap) + 1) * 500;
	if (len < DOORBELLS + 2 * (MAX_QUEUES + 1) * CAP_STRIDE(c->cap))
		fatal("%s: its registers have only %lu bytes", c->bdf, len);
}

static void check(const struct nvme *c)
{
	if (!CAP_NVM(c->cap))
		fatal("%s: does not know the NVM commands", c->bdf);
	if (CAP_MIN_PAGE(c->cap) > PAGE)
		fatal("%s: takes no pages of %u bytes", c->bdf, PAGE);
	if (CAP_ENTRIES(c->cap) < QUEUE_SIZE)
		fatal("%s: takes no queues of %u entries", c->bdf, QUEUE_SIZE);
}

static void poll_all(struct nvme *c)
{
	for (unsigned i = 0; i < c->nqueues; i++) {
		if (c->queues[i].irq >= 0)
			close(c->queues[i].irq);
		c->queues[i].irq = -1;
	}
}

/* Vector 0 is the admin queues', which are polled.  All or none of the others
 * have one. */
static void open_irqs(struct nvme *c)
{
	for (unsigned i = 0; i < c->nqueues; i++) {
		c->queues[i].irq = drv_irq(c->bdf, i + 1);
		if (c->queues[i].irq >= 0)
			continue;
		warn("%r; polling instead");
		poll_all(c);
		return;
	}
}

void nvme_start(struct nvme *c, const struct options *o)
{
	take(c, o);
	check(c);
	disable(c);
	queue_init(&c->admin, c, 0);
	enable(c);
	c->page = drv_memory(PAGE);
	if (!c->page)
		fatal("%r");
	cmd_identify(c);
	c->nqueues = cmd_queues_allowed(c, o->queues);
	for (unsigned i = 0; i < c->nqueues; i++)
		queue_init(&c->queues[i], c, i + 1);
	if (!o->polled)
		open_irqs(c);
	for (unsigned i = 0; i < c->nqueues; i++)
		cmd_create_queues(c, i + 1);
}

void nvme_stop(struct nvme *c)
{
	put32(c->regs + CC, get32(c->regs + CC) | CC_SHUTDOWN);
	if (!drv_until((status(c) & CSTS_SHUTDOWN) == CSTS_SHUTDOWN_DONE,
		       c->patience))
		fatal("%s: not shut down within %ld ms", c->bdf, c->patience);
}
