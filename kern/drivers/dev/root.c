/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #root: a tree of files in memory, which begins with the programs that came
 * with the kernel in /bin and some empty directories.
 *
 * One lock for the whole tree.  A node lives as long as it is in the tree or a
 * chan holds it.
 */
#include <aspace.h>
#include <assert.h>
#include <chan.h>
#include <kmalloc.h>
#include <page.h>
#include <proc.h>
#include <string.h>
#include <timer.h>

#define FILE_MAX	(64 * MIB)
#define GROW_FROM	512ul
#define RESERVE		(8 * MIB)	/* files do not take the last of it */

struct node {
	unsigned refs;		/* chans, and one for being in the tree */
	char name[NAMELEN];
	struct node *parent;	/* NULL: the root, or removed */
	struct list sibling, children;
	bool is_dir;
	uint64_t path;
	uint32_t mode, vers;
	enum user user;
	uint64_t mtime;
	const uint8_t *image;	/* contents in the kernel image; never changed */
	uint8_t *data;
	size_t len, room;
};

struct rootfile {
	const char *name;
	const uint8_t *data;
	size_t len;
};
extern const struct rootfile rootfiles[];

static struct {
	struct qlock lock;
	struct node *top;
	uint64_t last_path;
} root = { .lock = QLOCK(root.lock, "root") };

struct dev root_dev;

static struct node *node_new(struct node *parent, const char *name,
			     uint32_t perm)
{
	struct node *n = kmalloc(sizeof(*n));

	if (!n) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	n->refs = 1;
	n->path = ++root.last_path;
	n->is_dir = perm & DMDIR;
	n->mode = perm & 0777;
	n->mtime = nsec();
	strlcpy(n->name, name, sizeof(n->name));
	list_init(&n->children);
	list_init(&n->sibling);
	n->parent = parent;
	if (parent)
		list_append(&parent->children, &n->sibling);
	return n;
}

static void node_put(struct node *n)
{
	if (--n->refs)
		return;
	kfree(n->data);
	kfree(n);
}

static void root_init(void)
{
	static const char *const dirs[] = { "dev", "proc", "sys" };
	struct node *bin, *n;

	root.top = node_new(NULL, "/", DMDIR | 0755);
	bin = root.top ? node_new(root.top, "bin", DMDIR | 0755) : NULL;
	if (!bin)
		panic("root: no memory");
	for (const struct rootfile *f = rootfiles; f->name; f++) {
		n = node_new(bin, f->name, 0555);
		if (!n)
			panic("root: no memory");
		n->image = f->data;
		n->len = f->len;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(dirs); i++)
		(void)node_new(root.top, dirs[i], DMDIR | 0755);
	(void)node_new(root.top, "tmp", DMDIR | 0777);
}

static struct qid node_qid(const struct node *n)
{
	return (struct qid){
		.path = n->path, .vers = n->vers,
		.type = n->is_dir ? QTDIR : QTFILE,
	};
}

static int root_attach(struct chan *c)
{
	qlock(&root.lock);
	root.top->refs++;
	c->aux = root.top;
	c->qid = node_qid(root.top);
	qunlock(&root.lock);
	return 0;
}

static void root_clone(struct chan *to, const struct chan *from)
{
	qlock(&root.lock);
	to->aux = from->aux;
	((struct node *)to->aux)->refs++;
	qunlock(&root.lock);
}

static void root_close(struct chan *c)
{
	if (!c->aux)
		return;
	qlock(&root.lock);
	node_put(c->aux);
	qunlock(&root.lock);
}

static struct node *child(struct node *dir, const char *name)
{
	struct node *n;

	list_for_each(n, &dir->children, sibling)
		if (!strcmp(n->name, name))
			return n;
	return NULL;
}

/* The chan's hold moves from its node to another. */
static void move_to(struct chan *c, struct node *n)
{
	n->refs++;
	node_put(c->aux);
	c->aux = n;
	c->qid = node_qid(n);
}

static int root_walk(struct chan *c, const char *name)
{
	struct node *n;

	qlock(&root.lock);
	n = child(c->aux, name);
	if (n)
		move_to(c, n);
	qunlock(&root.lock);
	return n ? 0 : error(ENOENT, "%s: no such file", name);
}

static void node_stat(const struct chan *c, const struct node *n,
		      struct dir *d)
{
	dir_fill(d, c, n->name, node_qid(n), n->mode, n->len);
	strlcpy(d->user, user_name(n->user), sizeof(d->user));
	d->mtime = n->mtime;
}

static int root_stat(struct chan *c, struct dir *d)
{
	qlock(&root.lock);
	node_stat(c, c->aux, d);
	qunlock(&root.lock);
	return 0;
}

static int gen(struct chan *c, uint64_t i, struct dir *d)
{
	struct node *dir = c->aux, *n;

	list_for_each(n, &dir->children, sibling)
		if (i-- == 0) {
			node_stat(c, n, d);
			return 1;
		}
	return 0;
}

static void truncate(struct node *n)
{
	kfree(n->data);
	n->data = NULL;
	n->image = NULL;
	n->len = n->room = 0;
	n->vers++;
	n->mtime = nsec();
}

static int root_open(struct chan *c, int mode)
{
	qlock(&root.lock);
	if (mode & OTRUNC)
		truncate(c->aux);
	qunlock(&root.lock);
	return 0;
}

static int root_create(struct chan *c, const char *name, int mode,
		       uint32_t perm)
{
	struct node *n = NULL;
	int err = 0;

	(void)mode;
	qlock(&root.lock);
	if (child(c->aux, name))
		err = error(EEXIST, "%s: exists already", name);
	else if (!(n = node_new(c->aux, name, perm)))
		err = -ENOMEM;
	if (!err) {
		n->user = current_proc()->user;
		move_to(c, n);
	}
	qunlock(&root.lock);
	return err;
}

static ssize_t root_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	struct node *node = c->aux;
	ssize_t got;

	qlock(&root.lock);
	if (node->is_dir)
		got = dir_read(c, buf, n, off, gen);
	else
		got = text_read((const char *)(node->image ? node->image :
					       node->data),
				node->len, buf, n, off);
	qunlock(&root.lock);
	return got;
}

static bool has_room(size_t room)
{
	return pages_free() * PGSIZE > room + RESERVE;
}

static int make_room(struct node *n, size_t len)
{
	size_t room = MAX(n->room, GROW_FROM);
	uint8_t *data;

	if (len > FILE_MAX)
		return error(ENOSPC, "%s: larger than %lu MiB", n->name,
			     FILE_MAX / MIB);
	while (room < len)
		room *= 2;
	if (n->data && room == n->room)
		return 0;
	data = has_room(room) || (lazy_reclaim() && has_room(room)) ?
		kmalloc(room) : NULL;
	if (!data)
		return error(ENOMEM, "%s: no memory", n->name);
	memcpy(data, n->image ? n->image : n->data, n->len);
	kfree(n->data);
	n->image = NULL;
	n->data = data;
	n->room = room;
	return 0;
}

static ssize_t root_write(struct chan *c, const void *buf, size_t n,
			  uint64_t off)
{
	struct node *node = c->aux;
	int err;

	qlock(&root.lock);
	if (c->mode & OAPPEND)
		off = node->len;
	err = off > FILE_MAX ? error(ENOSPC, "%s: offset %lu", node->name,
				     off) : make_room(node, off + n);
	if (!err) {
		if (off > node->len)
			memset(node->data + node->len, 0, off - node->len);
		memcpy(node->data + off, buf, n);
		node->len = MAX(node->len, off + n);
		node->vers++;
		node->mtime = nsec();
	}
	qunlock(&root.lock);
	return err ? err : (ssize_t)n;
}

static int root_remove(struct chan *c)
{
	struct node *n = c->aux;
	enum user user = current_proc()->user;
	int err = 0;

	qlock(&root.lock);
	if (!n->parent)
		err = error(EPERM, "%s: cannot be removed", c->path);
	else if (!list_empty(&n->children))
		err = error(EBUSY, "%s: directory not empty", c->path);
	else if (user != n->user && user != EVE)
		err = error(EPERM, "%s: permission denied", c->path);
	if (!err) {
		list_remove(&n->sibling);
		n->parent = NULL;
		node_put(n);
	}
	qunlock(&root.lock);
	return err;
}

struct dev root_dev = {
	.name = "root",
	.init = root_init,
	.attach = root_attach,
	.clone = root_clone,
	.close = root_close,
	.walk = root_walk,
	.stat = root_stat,
	.open = root_open,
	.create = root_create,
	.read = root_read,
	.write = root_write,
	.remove = root_remove,
};
