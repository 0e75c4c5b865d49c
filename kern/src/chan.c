/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chans (chan.h): their life, permission, and what is the same for all
 * devices.  A chan's lock guards its offset; it is held across reads and writes
 * that use it, and is taken before any device's lock.
 */
#include <assert.h>
#include <chan.h>
#include <fmt.h>
#include <kmalloc.h>
#include <ns.h>
#include <proc.h>
#include <string.h>

#define TEXT_FIRST	(4 * KIB)
#define TEXT_MAX	(1 * MIB)

extern struct dev cons_dev, iommu_dev, pci_dev, pipe_dev, proc_dev, root_dev;

struct dev *const devtab[] = {
	&root_dev, &cons_dev, &proc_dev, &pci_dev, &iommu_dev, &pipe_dev, NULL,
};

void dev_init(void)
{
	for (unsigned i = 0; devtab[i]; i++)
		if (devtab[i]->init)
			devtab[i]->init();
}

struct dev *dev_find(const char *name, size_t len)
{
	for (unsigned i = 0; devtab[i]; i++)
		if (strlen(devtab[i]->name) == len &&
		    !strncmp(devtab[i]->name, name, len))
			return devtab[i];
	return NULL;
}

struct chan *chan_new(struct dev *dev)
{
	struct chan *c = kmalloc(sizeof(*c));

	if (!c) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	c->refs = 1;
	c->dev = dev;
	c->mode = -1;
	qlock_init(&c->lock, "chan");
	return c;
}

struct chan *chan_clone(struct chan *c)
{
	struct chan *new = chan_new(c->dev);

	if (!new)
		return NULL;
	new->qid = c->qid;
	if (c->path) {
		new->path = kstrdup(c->path);
		if (!new->path) {
			kfree(new);
			error(ENOMEM, "no memory");
			return NULL;
		}
	}
	new->mount = c->mount;
	if (new->mount)
		mount_get(new->mount);
	if (c->dev->clone)
		c->dev->clone(new, c);
	return new;
}

void chan_get(struct chan *c)
{
	__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
}

void chan_put(struct chan *c)
{
	if (!c || __atomic_fetch_sub(&c->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	for (unsigned i = 0; i < c->nmembers; i++)
		chan_put(c->members[i]);
	kfree(c->members);
	if (c->dev->close)
		c->dev->close(c);
	if (c->mount)
		mount_put(c->mount);
	kfree(c->path);
	kfree(c);
}

ssize_t chan_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	if (c->members)
		return union_read(c, buf, n, off);
	if (!c->dev->read)
		return error(EPERM, "%s: cannot be read", c->path);
	return c->dev->read(c, buf, n, off);
}

ssize_t chan_write(struct chan *c, const void *buf, size_t n, uint64_t off)
{
	if (c->qid.type & QTDIR)
		return error(EISDIR, "%s: is a directory", c->path);
	if (!c->dev->write)
		return error(EPERM, "%s: cannot be written", c->path);
	return c->dev->write(c, buf, n, off);
}

int chan_stat(struct chan *c, struct dir *d)
{
	if (!c->dev->stat)
		return error(EPERM, "%s: no status", c->path);
	memset(d, 0, sizeof(*d));
	return c->dev->stat(c, d);
}

/* Owner's bits for the owner, others' for everyone else; there are no groups,
 * and the host owner is not above what modes say. */
int chan_permitted(struct chan *c, int mode)
{
	static const uint32_t need[] = { 4, 2, 6, 1 };
	const char *user = user_name(current_proc()->user);
	struct dir d;
	uint32_t have;
	int err = chan_stat(c, &d);

	if (err)
		return err;
	have = strcmp(d.user, user) ? d.mode : d.mode >> 6;
	if ((have & need[mode & OMODE]) != need[mode & OMODE])
		return error(EPERM, "%s: permission denied", c->path);
	return 0;
}

int chan_open(struct chan *c, int mode)
{
	int how = mode & OMODE;
	int err;

	if (c->qid.type & QTDIR && how != OREAD && how != OEXEC)
		return error(EISDIR, "%s: is a directory", c->path);
	err = chan_permitted(c, mode);
	if (!err && mode & OTRUNC)
		err = chan_permitted(c, OWRITE);
	if (!err && c->dev->open)
		err = c->dev->open(c, mode);
	if (!err)
		c->mode = mode & (OMODE | OAPPEND);
	return err;
}

void dir_fill(struct dir *d, const struct chan *c, const char *name,
	      struct qid qid, uint32_t mode, uint64_t length)
{
	*d = (struct dir){
		.qid_path = qid.path, .qid_vers = qid.vers,
		.mode = mode | (qid.type & QTDIR ? DMDIR : 0),
		.length = length,
	};
	strlcpy(d->name, name, sizeof(d->name));
	strlcpy(d->dev, c->dev->name, sizeof(d->dev));
	strlcpy(d->user, "eve", sizeof(d->user));
}

ssize_t dir_read(struct chan *c, void *buf, size_t n, uint64_t off,
		 int (*gen)(struct chan *c, uint64_t i, struct dir *d))
{
	struct dir *to = buf;
	uint64_t i = off / sizeof(*to);
	size_t done = 0;
	int got;

	if (off % sizeof(*to))
		return error(EINVAL, "%s: directory offset", c->path);
	while (done + sizeof(*to) <= n) {
		memset(to, 0, sizeof(*to));
		got = gen(c, i++, to);
		if (got < 0)
			return got;
		if (got == 0)
			break;
		to++;
		done += sizeof(*to);
	}
	return (ssize_t)done;
}

ssize_t text_read(const char *text, size_t len, void *buf, size_t n,
		  uint64_t off)
{
	if (off >= len)
		return 0;
	n = MIN(n, len - off);
	memcpy(buf, text + off, n);
	return (ssize_t)n;
}

int table_attach(struct chan *c)
{
	c->qid = (struct qid){ .type = QTDIR };
	return 0;
}

int table_walk(struct chan *c, const char *name)
{
	const struct dirtab *tab = c->dev->files;

	for (size_t i = 0; i < c->dev->nfiles; i++)
		if (!strcmp(tab[i].name, name)) {
			c->qid = (struct qid){ .path = tab[i].path };
			return 0;
		}
	return error(ENOENT, "%s: no such file", name);
}

int table_stat(struct chan *c, struct dir *d)
{
	const struct dirtab *tab = c->dev->files;

	for (size_t i = 0; i < c->dev->nfiles; i++)
		if (tab[i].path == c->qid.path) {
			dir_fill(d, c, tab[i].name, c->qid, tab[i].mode, 0);
			return 0;
		}
	dir_fill(d, c, "/", c->qid, 0555, 0);
	return 0;
}

ssize_t table_readdir(struct chan *c, void *buf, size_t n, uint64_t off)
{
	const struct dirtab *tab = c->dev->files;
	struct dir *to = buf;
	size_t done = 0;

	for (uint64_t i = off / sizeof(*to); i < c->dev->nfiles; i++) {
		if (done + sizeof(*to) > n)
			break;
		dir_fill(to++, c, tab[i].name,
			 (struct qid){ .path = tab[i].path }, tab[i].mode, 0);
		done += sizeof(*to);
	}
	return (ssize_t)done;
}

/* Guards aux of chans whose text is replaced while they are open. */
static struct qlock texts = QLOCK(texts, "texts of files");

/* Made again in a larger buffer until it fits. */
int text_replace(struct chan *c, void (*make)(void *arg, struct text *t),
		 void *arg)
{
	struct text *t = kmalloc(sizeof(*t));

	for (size_t size = TEXT_FIRST; t && size <= TEXT_MAX; size *= 4) {
		*t = (struct text){ .buf = kmalloc(size), .size = size };
		if (!t->buf)
			break;
		make(arg, t);
		if (!t->full) {
			qlock(&texts);
			text_close(c);
			c->aux = t;
			qunlock(&texts);
			return 0;
		}
		kfree(t->buf);
	}
	kfree(t);
	return error(ENOMEM, "%s: no memory for its text", c->path);
}

struct maker {
	void (*make)(struct chan *c, struct text *t);
	struct chan *c;
};

static void make_for_chan(void *arg, struct text *t)
{
	struct maker *m = arg;

	m->make(m->c, t);
}

int text_open(struct chan *c, void (*make)(struct chan *c, struct text *t))
{
	struct maker m = { make, c };

	return text_replace(c, make_for_chan, &m);
}

ssize_t text_open_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	ssize_t got = 0;
	struct text *t;

	qlock(&texts);
	t = c->aux;
	if (t)
		got = text_read(t->buf, t->len, buf, n, off);
	qunlock(&texts);
	return got;
}

void text_close(struct chan *c)
{
	struct text *t = c->aux;

	if (!t)
		return;
	kfree(t->buf);
	kfree(t);
	c->aux = NULL;
}
