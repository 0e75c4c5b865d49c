/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls about files. */
#include <arch.h>
#include <chan.h>
#include <fd.h>
#include <kmalloc.h>
#include <pipe.h>
#include <proc.h>
#include <string.h>
#include <syscall.h>
#include <timer.h>

#define MAX_POLL NFD

static long open_at(struct sysargs *s, bool create)
{
	char *path = user_path(s->a[0]);
	int mode = (int)s->a[1];
	struct chan *c = NULL;
	long fd = -EINVAL;

	if (!path)
		return -EFAULT;
	if (mode & ~(OMODE | OTRUNC | OAPPEND))
		error(EINVAL, "%s: open mode 0x%x", path, mode);
	else
		c = create ? name_create(path, mode, (uint32_t)s->a[2]) :
			name_open(path, mode);
	kfree(path);
	if (c)
		fd = fd_add(c);
	return fd;
}

long sys_open(struct sysargs *s)
{
	return open_at(s, false);
}

long sys_create(struct sysargs *s)
{
	return open_at(s, true);
}

long sys_close(struct sysargs *s)
{
	return fd_close((int)s->a[0]);
}

/* The chan's own offset moves under its lock, so that two who share it do not
 * read the same bytes; a stream has none, and its readers wait for input. */
static ssize_t do_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	ssize_t got;

	if (off != ~0ull || c->stream)
		return chan_read(c, buf, n, c->stream ? 0 : off);
	qlock(&c->lock);
	got = chan_read(c, buf, n, c->offset);
	if (got > 0)
		c->offset += (uint64_t)got;
	qunlock(&c->lock);
	return got;
}

static ssize_t do_write(struct chan *c, const void *buf, size_t n,
			uint64_t off)
{
	ssize_t put;

	if (off != ~0ull || c->stream)
		return chan_write(c, buf, n, c->stream ? 0 : off);
	qlock(&c->lock);
	put = chan_write(c, buf, n, c->offset);
	if (put > 0)
		c->offset += (uint64_t)put;
	qunlock(&c->lock);
	return put;
}

static bool may(const struct chan *c, int how)
{
	int mode = c->mode & OMODE;

	return mode == ORDWR || mode == how ||
		(how == OREAD && mode == OEXEC);
}

long sys_pread(struct sysargs *s)
{
	size_t n = MIN(s->a[2], MAX_IO);
	struct chan *c = fd_chan((int)s->a[0]);
	void *buf;
	long got;

	if (!c)
		return -EBADF;
	buf = kmalloc(MAX(n, 1ul));
	if (!buf)
		got = error(ENOMEM, "no memory");
	else if (!may(c, OREAD))
		got = error(EBADF, "%s: not open for reading", c->path);
	else
		got = do_read(c, buf, n, s->a[3]);
	if (got > 0 && copy_to_user(s->a[1], buf, (size_t)got) < 0)
		got = -EFAULT;
	kfree(buf);
	chan_put(c);
	return got;
}

long sys_pwrite(struct sysargs *s)
{
	size_t n = MIN(s->a[2], MAX_IO);
	struct chan *c = fd_chan((int)s->a[0]);
	void *buf;
	long put;

	if (!c)
		return -EBADF;
	buf = kmalloc(MAX(n, 1ul));
	if (!buf)
		put = error(ENOMEM, "no memory");
	else if (!may(c, OWRITE))
		put = error(EBADF, "%s: not open for writing", c->path);
	else
		put = copy_from_user(buf, s->a[1], n);
	if (!put)
		put = do_write(c, buf, n, s->a[3]);
	kfree(buf);
	chan_put(c);
	return put;
}

static long new_offset(struct chan *c, int64_t off, int whence)
{
	struct dir d;
	int64_t base = 0, at;
	int err = 0;

	if (whence == 1)
		base = (int64_t)c->offset;
	else if (whence == 2)
		err = chan_stat(c, &d);
	else if (whence != 0)
		err = error(EINVAL, "seek: whence %d", whence);
	if (err)
		return err;
	if (whence == 2)
		base = (int64_t)d.length;
	if (__builtin_add_overflow(base, off, &at))
		return error(EINVAL, "seek: beyond the largest offset");
	if (at < 0)
		return error(EINVAL, "seek: before the start");
	c->offset = (uint64_t)at;
	return at;
}

long sys_seek(struct sysargs *s)
{
	struct chan *c = fd_chan((int)s->a[0]);
	long off;

	if (!c)
		return -EBADF;
	qlock(&c->lock);
	off = new_offset(c, (int64_t)s->a[1], (int)s->a[2]);
	qunlock(&c->lock);
	chan_put(c);
	return off;
}

long sys_dup(struct sysargs *s)
{
	return fd_dup((int)s->a[0], (int)s->a[1]);
}

long sys_pipe(struct sysargs *s)
{
	struct chan *ends[2];
	int fd[2] = { -1, -1 };
	int err = pipe_new(ends);

	if (err)
		return err;
	fd[0] = fd_add(ends[0]);
	fd[1] = fd_add(ends[1]);
	err = MIN(MIN(fd[0], fd[1]), 0);
	if (!err)
		err = copy_to_user(s->a[0], fd, sizeof(fd));
	for (unsigned i = 0; i < 2 && err; i++)
		if (fd[i] >= 0)
			(void)!fd_close(fd[i]);
	return err;
}

static long give_stat(struct chan *c, uint64_t to)
{
	struct dir d;
	int err = c ? chan_stat(c, &d) : -ENOENT;

	if (!err)
		err = copy_to_user(to, &d, sizeof(d));
	chan_put(c);
	return err;
}

long sys_stat(struct sysargs *s)
{
	char *path = user_path(s->a[0]);
	struct chan *c = path ? name_walk(path) : NULL;

	kfree(path);
	return give_stat(c, s->a[1]);
}

long sys_fstat(struct sysargs *s)
{
	return give_stat(fd_chan((int)s->a[0]), s->a[1]);
}

static long with_path(uint64_t ptr, int (*fn)(const char *path))
{
	char *path = user_path(ptr);
	int err = path ? fn(path) : -EFAULT;

	kfree(path);
	return err;
}

long sys_remove(struct sysargs *s)
{
	return with_path(s->a[0], name_remove);
}

long sys_chdir(struct sysargs *s)
{
	return with_path(s->a[0], name_chdir);
}

long sys_fd2path(struct sysargs *s)
{
	struct chan *c = fd_chan((int)s->a[0]);
	size_t n;
	int err;

	if (!c)
		return -EBADF;
	n = strlen(c->path ? c->path : "") + 1;
	if (n > s->a[2])
		err = error(ERANGE, "fd2path: %lu bytes needed", n);
	else
		err = copy_to_user(s->a[1], c->path ? c->path : "", n);
	chan_put(c);
	return err;
}

long sys_bind(struct sysargs *s)
{
	char *new = user_path(s->a[0]);
	char *old = new ? user_path(s->a[1]) : NULL;
	int err = old ? name_bind(new, old, (int)s->a[2]) : -EFAULT;

	kfree(new);
	kfree(old);
	return err;
}

long sys_unmount(struct sysargs *s)
{
	char *new = s->a[0] ? user_path(s->a[0]) : NULL;
	char *old = new || !s->a[0] ? user_path(s->a[1]) : NULL;
	int err = old ? name_unmount(new, old) : -EFAULT;

	kfree(new);
	kfree(old);
	return err;
}

struct polled {
	struct chan *chan;
	struct waiter waiter;
	struct waitq *q;
};

/* What is ready of what was asked for; files without poll always are. */
static short ready(struct polled *p, short events)
{
	short now = POLLIN | POLLOUT;

	if (!p->chan)
		return POLLERR;
	if (p->chan->dev->poll)
		now = p->chan->dev->poll(p->chan, &p->q);
	return now & (short)(events | POLLERR);
}

static int look(struct polled *p, struct pollfd *fds, unsigned n)
{
	int count = 0;

	for (unsigned i = 0; i < n; i++) {
		fds[i].revents = ready(&p[i], fds[i].events);
		count += fds[i].revents != 0;
	}
	return count;
}

/* Stands in every file's queue from before the first look until the last. */
static int poll_all(struct polled *p, struct pollfd *fds, unsigned n,
		    uint64_t deadline)
{
	static struct waitq nobody = WAITQ(nobody, "poll");
	int count = 0, err;

	look(p, fds, n);
	for (unsigned i = 0; i < n; i++)
		if (p[i].q)
			waitq_add(p[i].q, &p[i].waiter);
	err = wait_until(&nobody, (count = look(p, fds, n)) != 0, deadline);
	for (unsigned i = 0; i < n; i++)
		if (p[i].q)
			waitq_remove(p[i].q, &p[i].waiter);
	return err && err != -ETIMEDOUT ? err : count;
}

long sys_poll(struct sysargs *s)
{
	unsigned n = (unsigned)MIN(s->a[1], MAX_POLL + 1ul);
	int64_t ms = (int64_t)s->a[2];
	uint64_t deadline = ms < 0 ? NO_DEADLINE :
		nsec() + MIN((uint64_t)ms, 1ull << 40) * NSEC_PER_MSEC;
	struct pollfd *fds;
	struct polled *p;
	int count;

	if (n > MAX_POLL)
		return error(EINVAL, "poll: more than %u files", MAX_POLL);
	fds = kmalloc(n * sizeof(*fds) + 1);
	p = kmalloc(n * sizeof(*p) + 1);
	if (!fds || !p)
		count = error(ENOMEM, "no memory");
	else
		count = copy_from_user(fds, s->a[0], n * sizeof(*fds));
	for (unsigned i = 0; i < n && !count; i++)
		p[i].chan = fd_chan(fds[i].fd);
	if (!count) {
		count = poll_all(p, fds, n, deadline);
		if (copy_to_user(s->a[0], fds, n * sizeof(*fds)) < 0)
			count = -EFAULT;
		for (unsigned i = 0; i < n; i++)
			chan_put(p[i].chan);
	}
	kfree(fds);
	kfree(p);
	return count;
}
