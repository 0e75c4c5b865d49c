/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks to fd 1, and from fd 0: in rounds of one command a pair of queues,
 * each with a buffer of its own.
 */
#include "nvme.h"

struct round {
	struct nvme *c;
	size_t most;			/* bytes of a command's data */
	uint8_t *data[MAX_QUEUES];
	struct sqe cmd[MAX_QUEUES];
	size_t len[MAX_QUEUES];
	unsigned n;			/* commands in it */
};

static void round_init(struct round *r, struct nvme *c, const struct options *o)
{
	r->c = c;
	r->n = 0;
	r->most = o->transfer ? o->transfer : c->max_transfer;
	if (r->most > c->max_transfer || r->most % c->block)
		fatal("%s: transfers are of whole blocks of %lu bytes, at most "
		      "%lu bytes", c->bdf, c->block, c->max_transfer);
	for (unsigned i = 0; i < c->nqueues; i++) {
		r->data[i] = drv_memory(r->most + PAGE);
		if (!r->data[i])
			fatal("%r");
		r->data[i] += o->offset;
	}
}

/* The next command of the round, on a pair of its own. */
static void round_add(struct round *r, int what, uint64_t lba, size_t len)
{
	struct queue *q = &r->c->queues[r->n];
	struct sqe *cmd = &r->cmd[r->n];

	*cmd = cmd_io(r->c, what, lba, (unsigned)(len / r->c->block));
	prp_set(cmd, q->lists, r->data[r->n], len);
	r->len[r->n++] = len;
	queue_put(q, cmd, 0);
}

static void round_finish(struct round *r)
{
	struct queue *q = r->c->queues;
	unsigned left = r->n;
	struct done d;

	while (left) {
		queues_wait(q, r->n);
		for (unsigned i = 0; i < r->n; i++)
			if (queue_take(&q[i], &d)) {
				cmd_check(r->c, &r->cmd[i], d.status);
				left--;
			}
	}
}

void io_read(struct nvme *c, const struct options *o, uint64_t lba,
	     uint64_t blocks)
{
	struct round r;
	size_t len;

	round_init(&r, c, o);
	while (blocks) {
		for (r.n = 0; r.n < c->nqueues && blocks;) {
			len = MIN(r.most, blocks * c->block);
			round_add(&r, READ, lba, len);
			lba += len / c->block;
			blocks -= len / c->block;
		}
		round_finish(&r);
		for (unsigned i = 0; i < r.n; i++)
			if (writeall(1, r.data[i], r.len[i]) < 0)
				fatal("%r");
	}
}

/* As much as fits, less only at the end; the last block is filled with zeros.
 */
static size_t fill(const struct nvme *c, uint8_t *to, size_t most)
{
	size_t len = 0, rest;
	long n;

	while (len < most && (n = read(0, to + len, most - len)) != 0) {
		if (n < 0)
			fatal("input: %r");
		len += (size_t)n;
	}
	rest = (c->block - len % c->block) % c->block;
	memset(to + len, 0, rest);
	if (rest)
		warn("the last block ends with %lu zeros", rest);
	return len + rest;
}

void io_write(struct nvme *c, const struct options *o, uint64_t lba)
{
	struct round r;
	size_t len;

	round_init(&r, c, o);
	do {
		r.n = 0;
		do {
			len = fill(c, r.data[r.n], r.most);
			if (len)
				round_add(&r, WRITE, lba, len);
			lba += len / c->block;
		} while (len == r.most && r.n < c->nqueues);
		round_finish(&r);
	} while (len == r.most);
	cmd_flush(c);
}
