/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #pipe: two ends, two streams of bytes (Plan 9: pipe(3)).  A read gives what
 * is there, 0 when the other end is closed; a write waits for room, and fails,
 * with a note to the writer, when nobody can read it.
 *
 * The pipe's lock is taken last, but for wait queues'.
 */
#include <chan.h>
#include <kmalloc.h>
#include <lock.h>
#include <pipe.h>
#include <proc.h>
#include <string.h>

#define BUF_SIZE 8192

struct stream {
	char buf[BUF_SIZE];
	unsigned head, tail;	/* count on */
};

struct pipe {
	struct spinlock lock;
	struct waitq q;
	unsigned open[2];	/* chans of each end */
	struct stream to[2];	/* what that end reads */
};

struct dev pipe_dev;

static unsigned end_of(const struct chan *c)
{
	return (unsigned)c->qid.path & 1;
}

static int make_end(struct chan **end, struct pipe *p, unsigned n)
{
	struct chan *c = chan_new(&pipe_dev);

	if (!c)
		return -ENOMEM;
	c->path = kstrdup("#pipe");
	c->qid.path = (uintptr_t)p + n;
	c->mode = ORDWR;
	c->stream = true;
	c->aux = p;
	p->open[n] = 1;
	*end = c;
	return 0;
}

int pipe_new(struct chan *ends[2])
{
	struct pipe *p = kmalloc(sizeof(*p));

	if (!p)
		return error(ENOMEM, "no memory");
	spin_init(&p->lock, "pipe");
	waitq_init(&p->q, "pipe users");
	if (make_end(&ends[0], p, 0) < 0) {
		kfree(p);
		return -ENOMEM;
	}
	if (make_end(&ends[1], p, 1) < 0) {
		chan_put(ends[0]);
		return -ENOMEM;
	}
	return 0;
}

static void pipe_clone(struct chan *to, const struct chan *from)
{
	struct pipe *p = from->aux;

	to->aux = p;
	spin_lock(&p->lock);
	p->open[end_of(from)]++;
	spin_unlock(&p->lock);
}

static void pipe_close(struct chan *c)
{
	struct pipe *p = c->aux;
	bool last;

	spin_lock(&p->lock);
	p->open[end_of(c)]--;
	last = !p->open[0] && !p->open[1];
	spin_unlock(&p->lock);
	if (last)
		kfree(p);
	else
		wake_all(&p->q);
}

/* true: something was moved, or the stream has ended. */
static bool take(struct pipe *p, unsigned end, char *to, size_t n, size_t *got)
{
	struct stream *s = &p->to[end];
	bool ended;

	*got = 0;
	spin_lock(&p->lock);
	while (*got < n && s->tail != s->head)
		to[(*got)++] = s->buf[s->tail++ % BUF_SIZE];
	ended = !p->open[!end];
	spin_unlock(&p->lock);
	return *got || ended || !n;
}

static ssize_t pipe_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	struct pipe *p = c->aux;
	size_t got;
	int err;

	(void)off;
	err = wait_until(&p->q, take(p, end_of(c), buf, n, &got), NO_DEADLINE);
	if (err)
		return err;
	wake_all(&p->q);
	return (ssize_t)got;
}

/* true: something was moved, or nobody is there to read. */
static bool give(struct pipe *p, unsigned end, const char *from, size_t n,
		 size_t *put, bool *broken)
{
	struct stream *s = &p->to[!end];
	size_t before = *put;

	spin_lock(&p->lock);
	*broken = !p->open[!end];
	while (!*broken && *put < n && s->head - s->tail < BUF_SIZE)
		s->buf[s->head++ % BUF_SIZE] = from[(*put)++];
	spin_unlock(&p->lock);
	return *put != before || *broken || before == n;
}

static ssize_t pipe_write(struct chan *c, const void *buf, size_t n,
			  uint64_t off)
{
	struct pipe *p = c->aux;
	bool broken = false;
	size_t put = 0;
	int err = 0;

	(void)off;
	do {
		err = wait_until(&p->q, give(p, end_of(c), buf, n, &put,
					     &broken), NO_DEADLINE);
		wake_all(&p->q);
	} while (!err && !broken && put < n);
	if (broken) {
		(void)note_post(current_proc(), "sys: write on closed pipe");
		return error(EPIPE, "write on closed pipe");
	}
	return err && !put ? err : (ssize_t)put;
}

static short pipe_poll(struct chan *c, struct waitq **q)
{
	struct pipe *p = c->aux;
	unsigned end = end_of(c);
	short events = 0;

	*q = &p->q;
	spin_lock(&p->lock);
	if (p->to[end].head != p->to[end].tail || !p->open[!end])
		events |= POLLIN;
	if (p->to[!end].head - p->to[!end].tail < BUF_SIZE || !p->open[!end])
		events |= POLLOUT;
	spin_unlock(&p->lock);
	return events;
}

static int pipe_stat(struct chan *c, struct dir *d)
{
	struct pipe *p = c->aux;
	struct stream *s = &p->to[end_of(c)];

	dir_fill(d, c, "pipe", c->qid, 0600, s->head - s->tail);
	return 0;
}

struct dev pipe_dev = {
	.name = "pipe",
	.clone = pipe_clone,
	.close = pipe_close,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.stat = pipe_stat,
};
