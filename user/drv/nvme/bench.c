/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random transfers at a fixed depth: all buffers, lists and commands are made
 * first, then each completion sends its command again, to another place.
 */
#include "nvme.h"

#define DEFAULT_SIZE	4096u
#define DEFAULT_DEPTH	32u

struct load {
	struct nvme *c;
	size_t size;			/* bytes of a command's data */
	unsigned depth;			/* commands under way, of each queue */
	struct sqe cmds[MAX_QUEUES][MAX_DEPTH];
	unsigned to_send, to_come;
	uint64_t random;
};

/* Marsaglia's xorshift: where it goes is the same each time. */
static uint64_t next_random(struct load *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random;
}

static void send(struct load *l, unsigned queue, unsigned id)
{
	struct sqe *cmd = &l->cmds[queue][id];
	uint64_t blocks = l->size / l->c->block;
	uint64_t lba = next_random(l) % (l->c->blocks / blocks) * blocks;

	if (!l->to_send)
		return;
	l->to_send--;
	cmd->dw10 = (uint32_t)lba;
	cmd->dw11 = (uint32_t)(lba >> 32);
	queue_put(&l->c->queues[queue], cmd, id);
}

static void come(struct load *l, unsigned queue)
{
	struct done d;

	while (queue_take(&l->c->queues[queue], &d)) {
		cmd_check(l->c, &l->cmds[queue][d.id], d.status);
		l->to_come--;
		send(l, queue, d.id);
	}
}

/* What a run has cost, in nanoseconds. */
struct cost {
	int64_t all;
	uint64_t empty;			/* polling in vain */
	uint64_t idle;			/* processors asleep, all together */
};

static uint64_t idle_time(void)
{
	char *text = readfile("#cons/idle", NULL);
	uint64_t ns = 0;

	if (text && *text) {
		text[strlen(text) - 1] = '\0';
		if (parse_number(text, 10, UINT64_MAX, &ns) < 0)
			ns = 0;
	}
	free(text);
	return ns;
}

static void carry_out(struct load *l, unsigned queues, unsigned commands)
{
	l->to_send = l->to_come = commands;
	for (unsigned id = 0; id < l->depth; id++)
		for (unsigned i = 0; i < queues; i++)
			send(l, i, id);
	while (l->to_come) {
		queues_wait(l->c->queues, queues);
		for (unsigned i = 0; i < queues; i++)
			come(l, i);
	}
}

/* Ticks are of the same length throughout. */
static struct cost run(struct load *l, unsigned queues, unsigned commands)
{
	uint64_t *empty = &l->c->queues[0].empty, ticks;
	struct cost c = { .idle = idle_time() };

	*empty = 0;
	c.all = nsec();
	ticks = drv_ticks();
	carry_out(l, queues, commands);
	ticks = drv_ticks() - ticks;
	c.all = nsec() - c.all;
	c.empty = *empty * (uint64_t)c.all / MAX(ticks, 1ul);
	c.idle = idle_time() - c.idle;
	return c;
}

static void measure(struct load *l, unsigned depth, unsigned queues,
		    unsigned commands)
{
	struct cost c;

	l->depth = depth;
	c = run(l, queues, commands);
	print("depth %u, %u queue%s, %s: %u commands, %ld ns, "
	      "%lu polling in vain, %lu idle, %ld IOPS\n",
	      depth, queues, queues == 1 ? "" : "s",
	      l->c->queues[0].irq < 0 ? "polled" : "interrupts", commands,
	      c.all, c.empty, c.idle,
	      (int64_t)commands * 1000000000 / MAX(c.all, 1));
}

/* Each command has its part of the memory. */
static void prepare(struct load *l, const struct options *o, unsigned depth)
{
	struct nvme *c = l->c;
	size_t stride = (l->size + o->offset + PAGE - 1) & ~(PAGE - 1ul);
	unsigned n = depth * c->nqueues;
	uint8_t *at = drv_memory(n * stride);

	if (!at)
		fatal("%r");
	at += o->offset;
	for (unsigned i = 0; i < c->nqueues; i++)
		for (unsigned id = 0; id < depth; id++, at += stride) {
			l->cmds[i][id] = cmd_io(c, o->writing ? WRITE : READ, 0,
				(unsigned)(l->size / c->block));
			prp_set(&l->cmds[i][id],
				c->queues[i].lists + id * PRPS, at, l->size);
		}
}

void bench(struct nvme *c, const struct options *o)
{
	const unsigned depth = o->depth ? o->depth : DEFAULT_DEPTH;
	static struct load l;

	l.c = c;
	l.random = 88172645463325252;
	l.size = o->transfer ? o->transfer : MAX(DEFAULT_SIZE, c->block);
	if (l.size > c->max_transfer || l.size % c->block ||
	    l.size / c->block > c->blocks)
		fatal("%s: transfers are of whole blocks of %lu bytes, at most "
		      "%lu bytes", c->bdf, c->block, c->max_transfer);
	prepare(&l, o, depth);
	print("%s: random %s of %lu bytes\n", c->bdf,
	      o->writing ? "writes" : "reads", l.size);
	if (!o->depth)
		measure(&l, 1, 1, o->commands);
	measure(&l, depth, c->nqueues, o->commands);
}
