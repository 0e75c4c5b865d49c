/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An NVM Express controller and one namespace of it (NVM Express 1.4), driven
 * from user level: what the files here know of each other.
 *
 *	ctrl.c	registers, the admin queue, starting and stopping
 *	queue.c	a pair of queues: commands in, completions out, waiting
 *	prp.c	where a command's data are
 *	cmd.c	the commands, and what their status means
 *	io.c	reading and writing blocks through several pairs at once
 *	bench.c	how fast that is
 *	main.c	what the user typed
 *
 * Below main.c nothing returns an error: what goes wrong is said, with subject
 * and reason, and ends the program; the kernel then takes the device back.
 */
#ifndef NVME_H
#define NVME_H

#include <drv.h>

#define PAGE		4096u
#define MAX_QUEUES	8u		/* pairs, beside the admin queues */
#define QUEUE_SIZE	64u		/* entries of each queue: a page of
					 * commands */
#define MAX_DEPTH	(QUEUE_SIZE - 1)	/* a full ring looks empty */
#define MAX_TRANSFER	(1024u * 1024)
#define CSTS		0x1c		/* the controller's status */
#define DOORBELLS	0x1000u		/* behind the registers: two a pair */
#define CAP_STRIDE(cap)	(4u << ((cap) >> 32 & 0xf))
#define PRPS		(PAGE / 8)	/* in a list of one page */

/* An entry of a submission queue (NVMe 1.4, 4.2). */
struct sqe {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid;
	uint64_t unused, metadata;
	uint64_t prp1, prp2;
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};
_Static_assert(sizeof(struct sqe) == 64, "NVMe 1.4, 4.2");
_Static_assert(QUEUE_SIZE * sizeof(struct sqe) == PAGE, "a page of them");

/* An entry of a completion queue (NVMe 1.4, 4.6). */
struct cqe {
	uint32_t result, unused;
	uint16_t sq_head, sq_id;
	uint16_t id;
	uint16_t status;	/* CQE_PHASE, and CQE_STATUS above it */
};
_Static_assert(sizeof(struct cqe) == 16, "NVMe 1.4, 4.6");
#define CQE_PHASE	0x0001u
#define CQE_STATUS(s)	((unsigned)(s) >> 1 & 0x7ffu)	/* type, code */

/* A command that has ended. */
struct done {
	unsigned id, status;
	uint32_t result;
};

/* A pair of queues.  The ids of commands are 0 to MAX_DEPTH - 1: each has a
 * page of its own for a PRP list. */
struct queue {
	const char *bdf;
	const volatile uint8_t *status;	/* CSTS */
	struct sqe *sq;
	volatile struct cqe *cq;
	volatile uint8_t *sq_bell, *cq_bell;
	uint64_t *lists;
	int irq;		/* -1: it is polled */
	unsigned tail, head;	/* the next command, the next completion */
	unsigned rung_tail, rung_head;	/* of which the device was told */
	unsigned busy;		/* commands that have not ended */
	uint16_t phase;		/* that a new completion has */
	uint64_t empty;		/* ticks spent polling in vain */
};

struct nvme {
	char bdf[BDF_LEN];
	volatile uint8_t *regs;
	uint64_t cap;
	long patience;		/* milliseconds, for enabling and disabling */
	struct queue admin;
	struct queue queues[MAX_QUEUES];
	unsigned nqueues;
	uint8_t *page;		/* for identify's answer */
	char model[41], serial[21], firmware[9];
	uint32_t nsid;
	uint64_t blocks;
	size_t block;		/* bytes of one */
	size_t max_transfer;	/* bytes of one command's data */
	bool write_cache;
};

/* What the user asks for. */
struct options {
	const char *bdf;	/* NULL: the first one */
	bool polled, interrupts;	/* neither: interrupts; bench: both */
	bool writing;
	unsigned queues;
	size_t transfer;	/* bytes; 0: as much as goes */
	size_t offset;		/* of the data in a page */
	unsigned commands;	/* of each of bench's measurements */
	unsigned depth;		/* under way in each queue; 0: 1, then many */
};

/* ctrl.c: takes the device, starts it, makes the queues; and lets it go. */
void nvme_start(struct nvme *c, const struct options *o);
void nvme_stop(struct nvme *c);

/* queue.c */
void queue_init(struct queue *q, struct nvme *c, unsigned n);
/* Puts one more command in, the device being told by queues_wait.  Its id is
 * one that is not under way; its list is q->lists + id * PRPS. */
void queue_put(struct queue *q, const struct sqe *cmd, unsigned id);
/* A command that has ended; false: there is none. */
bool queue_take(struct queue *q, struct done *d);
/* Tells the device of new commands, and comes back as soon as one of these
 * queues, of which there are n, has a completion. */
void queues_wait(struct queue *q, unsigned n);

/* prp.c: cmd's data are len bytes at p, a multiple of 4; at most MAX_TRANSFER
 * of them.  list has PRPS entries. */
void prp_set(struct sqe *cmd, uint64_t *list, const void *p, size_t len);

/* cmd.c */
enum { READ, WRITE, FLUSH };
struct sqe cmd_io(const struct nvme *c, int what, uint64_t lba,
		  unsigned blocks);
void cmd_identify(struct nvme *c);
void cmd_create_queues(struct nvme *c, unsigned n);
unsigned cmd_queues_allowed(struct nvme *c, unsigned wanted);
void cmd_flush(struct nvme *c);
/* The status of an I/O command: nothing, or the end with a message. */
void cmd_check(const struct nvme *c, const struct sqe *cmd, unsigned status);

/* io.c: between the namespace and fd 0 or 1. */
void io_read(struct nvme *c, const struct options *o, uint64_t lba,
	     uint64_t blocks);
void io_write(struct nvme *c, const struct options *o, uint64_t lba);

/* bench.c */
void bench(struct nvme *c, const struct options *o);

#endif
