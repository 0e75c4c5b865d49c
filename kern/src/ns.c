/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name spaces: which directories have been bound over which (Plan 9: bind(2)).
 *
 * A mount says what a walk that arrives at `at` finds instead: its members, in
 * order.  Mounts never change while they are held: bind makes a new one in
 * place of the old.
 *
 * Lock order: a name space's lock, then devices'.
 */
#include <assert.h>
#include <chan.h>
#include <fmt.h>
#include <kmalloc.h>
#include <ns.h>
#include <proc.h>
#include <string.h>

struct ns {
	unsigned refs;
	struct qlock lock;
	struct list mounts;	/* the oldest first */
};

void mount_get(struct mount *m)
{
	__atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
}

void mount_put(struct mount *m)
{
	if (__atomic_fetch_sub(&m->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	chan_put(m->at);
	for (unsigned i = 0; i < m->n; i++)
		chan_put(m->members[i].c);
	kfree(m);
}

struct ns *ns_new(void)
{
	struct ns *ns = kmalloc(sizeof(*ns));

	if (!ns) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	ns->refs = 1;
	qlock_init(&ns->lock, "ns");
	list_init(&ns->mounts);
	return ns;
}

void ns_get(struct ns *ns)
{
	__atomic_fetch_add(&ns->refs, 1, __ATOMIC_RELAXED);
}

void ns_put(struct ns *ns)
{
	struct mount *m, *tmp;

	if (!ns || __atomic_fetch_sub(&ns->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	list_for_each_safe(m, tmp, &ns->mounts, link) {
		list_remove(&m->link);
		mount_put(m);
	}
	kfree(ns);
}

/* A mount with the same members, in no name space. */
static struct mount *mount_copy(const struct mount *m)
{
	struct mount *new = kmalloc(sizeof(*new));

	if (!new) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	*new = *m;
	new->refs = 1;
	list_init(&new->link);
	chan_get(new->at);
	for (unsigned i = 0; i < new->n; i++)
		chan_get(new->members[i].c);
	return new;
}

struct ns *ns_copy(struct ns *ns)
{
	struct ns *new = ns_new();
	struct mount *m, *copy;

	if (!new)
		return NULL;
	qlock(&ns->lock);
	list_for_each(m, &ns->mounts, link) {
		copy = mount_copy(m);
		if (!copy) {
			qunlock(&ns->lock);
			ns_put(new);
			return NULL;
		}
		list_append(&new->mounts, &copy->link);
	}
	qunlock(&ns->lock);
	return new;
}

static bool same_file(const struct chan *a, const struct chan *b)
{
	return a->dev == b->dev && a->qid.path == b->qid.path &&
		a->qid.type == b->qid.type;
}

static struct mount *mount_at(struct ns *ns, const struct chan *c)
{
	struct mount *m;

	list_for_each(m, &ns->mounts, link)
		if (same_file(m->at, c))
			return m;
	return NULL;
}

struct mount *mount_over(struct ns *ns, const struct chan *c)
{
	struct mount *m;

	qlock(&ns->lock);
	m = mount_at(ns, c);
	if (m)
		mount_get(m);
	qunlock(&ns->lock);
	return m;
}

static int add_member(struct mount *m, struct chan *c, bool create)
{
	if (m->n == MAX_MEMBERS)
		return error(ENOSPC, "%s: more than %u directories in a union",
			     m->at->path, MAX_MEMBERS);
	chan_get(c);
	m->members[m->n].c = c;
	m->members[m->n++].create = create;
	return 0;
}

static int add_all(struct mount *m, const struct mount *from)
{
	int err = 0;

	for (unsigned i = 0; i < from->n && !err; i++)
		err = add_member(m, from->members[i].c,
				 from->members[i].create);
	return err;
}

/* What stands at `at` after the bind: `was` is what stood there, NULL for the
 * directory itself; `over` is what stands at the new directory. */
static struct mount *make_mount(struct chan *new, const struct mount *over,
				struct chan *at, const struct mount *was,
				int flags)
{
	struct mount *m = kmalloc(sizeof(*m));
	int order = flags & MORDER;
	int err = 0;

	if (!m) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	m->refs = 1;
	list_init(&m->link);
	chan_get(at);
	m->at = at;
	if (order == MAFTER)
		err = was ? add_all(m, was) : add_member(m, at, true);
	if (!err)
		err = over ? add_all(m, over) :
			add_member(m, new, flags & MCREATE);
	if (!err && order == MBEFORE)
		err = was ? add_all(m, was) : add_member(m, at, true);
	if (err) {
		mount_put(m);
		return NULL;
	}
	return m;
}

static int do_bind(struct ns *ns, struct chan *new, struct chan *at, int flags)
{
	struct mount *was, *m;

	qlock(&ns->lock);
	was = mount_at(ns, at);
	m = make_mount(new, mount_at(ns, new), at, was, flags);
	if (m) {
		if (was) {
			list_remove(&was->link);
			mount_put(was);
		}
		list_append(&ns->mounts, &m->link);
	}
	qunlock(&ns->lock);
	return m ? 0 : -ENOMEM;
}

int name_bind(const char *new, const char *old, int flags)
{
	struct chan *from, *at;
	int err;

	if (flags & ~(MORDER | MCREATE) || (flags & MORDER) == MORDER)
		return error(EINVAL, "bind: flags 0x%x", flags);
	from = name_walk_uncrossed(new);
	if (!from)
		return -ENOENT;
	at = name_walk_uncrossed(old);
	if (!at) {
		chan_put(from);
		return -ENOENT;
	}
	if ((from->qid.type ^ at->qid.type) & QTDIR)
		err = error(ENOTDIR, "bind: a directory and a file");
	else if (!(at->qid.type & QTDIR) && flags & MORDER)
		err = error(ENOTDIR, "bind: %s: no union of files", old);
	else
		err = do_bind(current_proc()->ns, from, at, flags);
	chan_put(from);
	chan_put(at);
	return err;
}

/* The mount without that member; with the last one it goes. */
static int remove_member(struct mount *m, const struct chan *c)
{
	struct mount *new;
	unsigned i = 0;

	while (i < m->n && !same_file(m->members[i].c, c))
		i++;
	if (i == m->n)
		return error(EINVAL, "unmount: it is not bound there");
	if (m->n > 1) {
		new = mount_copy(m);
		if (!new)
			return -ENOMEM;
		chan_put(new->members[i].c);
		for (new->n--; i < new->n; i++)
			new->members[i] = new->members[i + 1];
		list_insert_before(&m->link, &new->link);
	}
	list_remove(&m->link);
	mount_put(m);
	return 0;
}

int name_unmount(const char *new, const char *old)
{
	struct chan *at = name_walk_uncrossed(old);
	struct chan *from = new ? name_walk_uncrossed(new) : NULL;
	struct ns *ns = current_proc()->ns;
	struct mount *m;
	int err = -ENOENT;

	if (at && (from || !new)) {
		qlock(&ns->lock);
		m = mount_at(ns, at);
		if (!m) {
			err = error(EINVAL, "unmount: nothing is bound at %s",
				    old);
		} else if (from) {
			err = remove_member(m, from);
		} else {
			list_remove(&m->link);
			mount_put(m);
			err = 0;
		}
		qunlock(&ns->lock);
	}
	chan_put(at);
	chan_put(from);
	return err;
}

void ns_text(struct ns *ns, struct text *t)
{
	struct mount *m;

	qlock(&ns->lock);
	list_for_each(m, &ns->mounts, link)
		for (unsigned i = 0; i < m->n; i++)
			text_add(t, "bind %s%s%s %s\n", i ? "-a " : "",
				 m->members[i].create && m->n > 1 ? "-c " : "",
				 m->members[i].c->path, m->at->path);
	qunlock(&ns->lock);
}
