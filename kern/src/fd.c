/* SPDX-License-Identifier: BSD-2-Clause */
/* File descriptors (fd.h).  A table's lock is taken last. */
#include <chan.h>
#include <fd.h>
#include <fmt.h>
#include <kmalloc.h>
#include <lock.h>
#include <proc.h>

struct fdtab {
	unsigned refs;
	struct spinlock lock;
	struct chan *chans[NFD];
};

struct fdtab *fdtab_new(void)
{
	struct fdtab *t = kmalloc(sizeof(*t));

	if (!t) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	t->refs = 1;
	spin_init(&t->lock, "fdtab");
	return t;
}

struct fdtab *fdtab_copy(struct fdtab *t)
{
	struct fdtab *new = fdtab_new();

	if (!new)
		return NULL;
	spin_lock(&t->lock);
	for (unsigned i = 0; i < NFD; i++) {
		new->chans[i] = t->chans[i];
		if (new->chans[i])
			chan_get(new->chans[i]);
	}
	spin_unlock(&t->lock);
	return new;
}

void fdtab_get(struct fdtab *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

void fdtab_put(struct fdtab *t)
{
	if (!t || __atomic_fetch_sub(&t->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	for (unsigned i = 0; i < NFD; i++)
		chan_put(t->chans[i]);
	kfree(t);
}

static int bad_fd(int fd)
{
	return error(EBADF, "file descriptor %d is not open", fd);
}

int fd_add(struct chan *c)
{
	struct fdtab *t = current_proc()->fds;
	int fd;

	spin_lock(&t->lock);
	for (fd = 0; fd < NFD && t->chans[fd]; fd++)
		;
	if (fd < NFD)
		t->chans[fd] = c;
	spin_unlock(&t->lock);
	if (fd < NFD)
		return fd;
	chan_put(c);
	return error(ENOSPC, "more than %u open files", NFD);
}

struct chan *fd_chan(int fd)
{
	struct fdtab *t = current_proc()->fds;
	struct chan *c = NULL;

	if (fd >= 0 && fd < NFD) {
		spin_lock(&t->lock);
		c = t->chans[fd];
		if (c)
			chan_get(c);
		spin_unlock(&t->lock);
	}
	if (!c)
		bad_fd(fd);
	return c;
}

/* Puts c (NULL: nothing) at fd; what stood there, for the caller to put. */
static struct chan *swap(int fd, struct chan *c)
{
	struct fdtab *t = current_proc()->fds;
	struct chan *old;

	spin_lock(&t->lock);
	old = t->chans[fd];
	t->chans[fd] = c;
	spin_unlock(&t->lock);
	return old;
}

int fd_close(int fd)
{
	struct chan *c = fd >= 0 && fd < NFD ? swap(fd, NULL) : NULL;

	if (!c)
		return bad_fd(fd);
	chan_put(c);
	return 0;
}

int fd_dup(int old, int new)
{
	struct chan *c = fd_chan(old);

	if (!c)
		return -EBADF;
	if (new < 0)
		return fd_add(c);
	if (new >= NFD) {
		chan_put(c);
		return bad_fd(new);
	}
	chan_put(swap(new, c));
	return new;
}

void fdtab_text(struct fdtab *t, struct text *text)
{
	struct chan *c;

	for (int i = 0; i < NFD; i++) {
		spin_lock(&t->lock);
		c = t->chans[i];
		if (c)
			text_add(text, "%d %c%c %s %lu\n", i,
				 c->mode == OWRITE ? '-' : 'r',
				 (c->mode & OMODE) == OREAD ? '-' : 'w',
				 c->path ? c->path : "?", c->offset);
		spin_unlock(&t->lock);
	}
}
