/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: walked from the root, a device or the current directory, through what
 * the current process's name space has bound (Plan 9: intro(2)).  ".." is
 * taken back in the text of the name, before walking.
 */
#include <chan.h>
#include <kmalloc.h>
#include <ns.h>
#include <proc.h>
#include <string.h>

/* What is bound over c, in its place; c itself where nothing is.  Consumes the
 * caller's hold on c; NULL: an error. */
static struct chan *cross(struct chan *c)
{
	struct mount *m = mount_over(current_proc()->ns, c);
	struct chan *new;

	if (!m)
		return c;
	new = chan_clone(m->members[0].c);
	if (new) {
		kfree(new->path);
		new->path = c->path;
		c->path = NULL;
		if (new->mount)
			mount_put(new->mount);
		new->mount = m;
	} else {
		mount_put(m);
	}
	chan_put(c);
	return new;
}

/* path + "/" + name, of n bytes; NULL: no memory. */
static char *join(const char *path, const char *name, size_t n)
{
	size_t len = strlen(path);
	size_t slash = len && path[len - 1] != '/';
	char *new = kmalloc(len + slash + n + 1);

	if (!new) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	memcpy(new, path, len);
	if (slash)
		new[len] = '/';
	memcpy(new + len + slash, name, n);
	return new;
}

/* The child of one directory, not crossed; NULL: an error. */
static struct chan *walk_dir(struct chan *dir, const char *name)
{
	struct chan *c;

	if (!(dir->qid.type & QTDIR)) {
		error(ENOTDIR, "%s: not a directory", dir->path);
		return NULL;
	}
	c = chan_clone(dir);
	if (!c)
		return NULL;
	if (c->mount)
		mount_put(c->mount);
	c->mount = NULL;
	if (!c->dev->walk || c->dev->walk(c, name) < 0) {
		if (!c->dev->walk)
			error(ENOENT, "%s: no such file", name);
		chan_put(c);
		return NULL;
	}
	return c;
}

/* The child of a directory or of the first member of a union that has it. */
static struct chan *walk_union(struct chan *dir, const char *name)
{
	struct chan *c = NULL;

	if (!dir->mount)
		return walk_dir(dir, name);
	for (unsigned i = 0; i < dir->mount->n && !c; i++)
		c = walk_dir(dir->mount->members[i].c, name);
	return c;
}

/* One element on from c, consumed; NULL: an error. */
static struct chan *step(struct chan *c, const char *name, size_t len)
{
	char element[NAMELEN];
	struct chan *next;
	char *path;

	if (len >= NAMELEN) {
		error(ENOENT, "%.*s: name too long", 32, name);
		chan_put(c);
		return NULL;
	}
	strlcpy(element, name, len + 1);
	next = walk_union(c, element);
	path = next ? join(c->path, name, len) : NULL;
	chan_put(c);
	if (!path) {
		chan_put(next);
		return NULL;
	}
	kfree(next->path);
	next->path = path;
	return next;
}

/* "#" + name; NULL: no memory. */
static char *device_path(const char *name, size_t len)
{
	char *path = kmalloc(len + 2);

	if (!path) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	path[0] = '#';
	memcpy(path + 1, name, len);
	return path;
}

/* The root of a device whose name has len bytes; NULL: an error. */
static struct chan *attach(const char *name, size_t len)
{
	struct dev *dev = dev_find(name, len);
	struct chan *c;

	if (!dev || !dev->attach) {
		error(ENOENT, "#%.*s: no such device", 32, name);
		return NULL;
	}
	c = chan_new(dev);
	if (!c)
		return NULL;
	c->path = device_path(name, len);
	if (!c->path || dev->attach(c) < 0) {
		chan_put(c);
		return NULL;
	}
	return c;
}

static struct chan *root(void)
{
	struct chan *c = attach("root", 4);

	if (!c)
		return NULL;
	strlcpy(c->path, "/", 2);
	return cross(c);
}

/* Elements without ".", "..", and doubled slashes, each behind one slash; in
 * place.  What would go above the start stays there. */
static void clean(char *path)
{
	char *to = path, *from = path;
	size_t len;

	for (; *from; from += len) {
		while (*from == '/')
			from++;
		for (len = 0; from[len] && from[len] != '/';)
			len++;
		if (len == 0 || (len == 1 && from[0] == '.'))
			continue;
		if (len == 2 && from[0] == '.' && from[1] == '.') {
			while (to > path && *--to != '/')
				;
			continue;
		}
		*to++ = '/';
		memmove(to, from, len);
		to += len;
	}
	*to = '\0';
}

static bool has_dotdot(const char *p)
{
	while (*p) {
		if (p[0] == '.' && p[1] == '.' && (!p[2] || p[2] == '/'))
			return true;
		while (*p && *p != '/')
			p++;
		while (*p == '/')
			p++;
	}
	return false;
}

/* Where the name starts; *rest, to be freed, is how it goes on.  NULL: an
 * error, nothing to be freed. */
static struct chan *start(const char *path, char **rest)
{
	struct chan *c;
	size_t skip = 0;

	if (!*path || strnlen(path, PATHLEN) >= PATHLEN) {
		error(ENOENT, *path ? "name too long" : "empty name");
		return NULL;
	}
	if (*path == '#') {
		while (path[skip] && path[skip] != '/')
			skip++;
		c = attach(path + 1, skip - 1);
	} else {
		c = *path == '/' ? root() : chan_clone(current_proc()->dot);
	}
	*rest = c ? join("/", path + skip, strlen(path + skip)) : NULL;
	if (c && !*rest) {
		chan_put(c);
		return NULL;
	}
	if (c)
		clean(*rest);
	return c;
}

/* Relative names with ".." go by the current directory's name. */
static struct chan *start_anywhere(const char *path, char **rest)
{
	struct chan *c;
	char *full;

	if (*path == '/' || *path == '#' || !has_dotdot(path))
		return start(path, rest);
	full = join(current_proc()->dot->path, path, strlen(path));
	c = full ? start(full, rest) : NULL;
	kfree(full);
	return c;
}

/* Walks all elements, or all but the last, which is then left in `last`.
 * NULL: an error. */
static struct chan *walk(const char *path, bool cross_last, char *last)
{
	char *rest;
	struct chan *c = start_anywhere(path, &rest);
	const char *p;
	size_t len;

	if (!c)
		return NULL;
	for (p = rest; c && *p; p += len) {
		p++;
		for (len = 0; p[len] && p[len] != '/';)
			len++;
		if (last && !p[len] && len < NAMELEN) {
			strlcpy(last, p, NAMELEN);
			break;
		}
		c = step(c, p, len);
		if (c && (p[len] || cross_last))
			c = cross(c);
	}
	kfree(rest);
	return c;
}

struct chan *name_walk(const char *path)
{
	return walk(path, true, NULL);
}

struct chan *name_walk_uncrossed(const char *path)
{
	return walk(path, false, NULL);
}

/* All members of a union are opened, to be read one after the other. */
static int open_members(struct chan *c)
{
	struct chan *m;

	c->members = kmalloc(c->mount->n * sizeof(*c->members));
	if (!c->members)
		return error(ENOMEM, "no memory");
	for (unsigned i = 0; i < c->mount->n; i++) {
		m = chan_clone(c->mount->members[i].c);
		if (!m)
			return -ENOMEM;
		if (chan_open(m, OREAD) < 0) {
			chan_put(m);
			continue;
		}
		c->members[c->nmembers++] = m;
	}
	return 0;
}

struct chan *name_open(const char *path, int mode)
{
	struct chan *c = name_walk(path);
	int err;

	if (!c)
		return NULL;
	err = chan_open(c, mode);
	if (!err && c->mount && c->mount->n > 1)
		err = open_members(c);
	if (err) {
		chan_put(c);
		return NULL;
	}
	return c;
}

ssize_t union_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	struct chan *m;
	ssize_t got = 0;

	if (off == 0)
		c->member = 0, c->member_off = 0;
	for (; c->member < c->nmembers; c->member++, c->member_off = 0) {
		m = c->members[c->member];
		if (!m->dev->read)
			continue;
		got = m->dev->read(m, buf, n, c->member_off);
		if (got < 0)
			return got;
		c->member_off += (uint64_t)got;
		if (got > 0)
			break;
	}
	return got;
}

/* Where a new file of that directory goes; consumes dir. */
static struct chan *create_place(struct chan *dir)
{
	struct chan *place = NULL;

	if (!dir->mount)
		return dir;
	for (unsigned i = 0; i < dir->mount->n && !place; i++)
		if (dir->mount->members[i].create || dir->mount->n == 1)
			place = chan_clone(dir->mount->members[i].c);
	if (!place)
		error(EPERM, "%s: no member takes new files", dir->path);
	chan_put(dir);
	return place;
}

static int create_file(struct chan *dir, const char *name, int mode,
		       uint32_t perm)
{
	int err;

	if (!(dir->qid.type & QTDIR))
		return error(ENOTDIR, "%s: not a directory", dir->path);
	if (!dir->dev->create)
		return error(EPERM, "%s: no new files here", dir->path);
	err = chan_permitted(dir, OWRITE);
	if (!err)
		err = dir->dev->create(dir, name, mode, perm);
	if (!err)
		dir->mode = mode & (OMODE | OAPPEND);
	return err;
}

/* Consumes dir, which has been reached by its own name. */
static struct chan *create_in(struct chan *dir, const char *name, int mode,
			      uint32_t perm)
{
	char *path = join(dir->path, name, strlen(name));
	struct chan *c = create_place(dir);

	if (!path || !c || create_file(c, name, mode, perm) < 0) {
		chan_put(c);
		kfree(path);
		return NULL;
	}
	kfree(c->path);
	c->path = path;
	return c;
}

static struct chan *open_empty(struct chan *c, const char *path, int mode,
			       uint32_t perm)
{
	int err;

	if (perm & DMDIR)
		err = error(EEXIST, "%s: exists already", path);
	else
		err = chan_open(c, mode | OTRUNC);
	if (!err)
		return c;
	chan_put(c);
	return NULL;
}

/* A file that is there already is emptied, not made anew. */
struct chan *name_create(const char *path, int mode, uint32_t perm)
{
	char last[NAMELEN] = "";
	struct chan *c = name_walk(path);

	if (c)
		return open_empty(c, path, mode, perm);
	c = walk(path, true, last);
	return c ? create_in(c, last, mode, perm) : NULL;
}

int name_remove(const char *path)
{
	struct chan *c = name_walk_uncrossed(path);
	int err;

	if (!c)
		return -ENOENT;
	if (!c->dev->remove)
		err = error(EPERM, "%s: cannot be removed", path);
	else
		err = c->dev->remove(c);
	chan_put(c);
	return err;
}

int name_chdir(const char *path)
{
	struct chan *c = name_walk(path);
	int err;

	if (!c)
		return -ENOENT;
	if (!(c->qid.type & QTDIR))
		err = error(ENOTDIR, "%s: not a directory", path);
	else
		err = chan_permitted(c, OEXEC);
	if (err) {
		chan_put(c);
		return err;
	}
	chan_put(current_proc()->dot);
	current_proc()->dot = c;
	return 0;
}
