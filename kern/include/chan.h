/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files, Plan 9's way: a chan is a file of some device, on its way to be opened
 * or open; a name space maps names to chans by what has been bound where.
 */
#ifndef CHAN_H
#define CHAN_H

#include <error.h>
#include <list.h>
#include <lock.h>
#include <ros/fs.h>
#include <types.h>

struct aspace;
struct chan;
struct mount;

struct qid {
	uint64_t path;
	uint32_t vers;
	uint8_t type;		/* QT */
};

/*
 * A device: a table of what its files do.  Buffers are kernel memory.  All may
 * sleep.  NULL where a device has nothing to offer.
 */
struct dirtab;
struct dev {
	const char *name;	/* "#name" */
	void (*init)(void);	/* at boot */
	/* c becomes the device's root. */
	int (*attach)(struct chan *c);
	/* c, a fresh copy of the directory, becomes its child. */
	int (*walk)(struct chan *c, const char *name);
	/* to, a copy of from, gets its own hold on what aux points to. */
	void (*clone)(struct chan *to, const struct chan *from);
	int (*stat)(struct chan *c, struct dir *d);
	int (*open)(struct chan *c, int mode);
	/* c, a directory, becomes the new file, opened. */
	int (*create)(struct chan *c, const char *name, int mode,
		      uint32_t perm);
	/* The last hold on c goes; whether or not it was opened. */
	void (*close)(struct chan *c);
	ssize_t (*read)(struct chan *c, void *buf, size_t n, uint64_t off);
	ssize_t (*write)(struct chan *c, const void *buf, size_t n,
			 uint64_t off);
	int (*remove)(struct chan *c);
	long (*mmap)(struct chan *c, struct aspace *as, size_t len, int prot,
		     int flags, uint64_t off);
	/* What is ready of POLLIN and POLLOUT; *q: woken when that changes. */
	short (*poll)(struct chan *c, struct waitq **q);
	/* Of one folder, for table_walk and the like. */
	const struct dirtab *files;
	size_t nfiles;
};

struct chan {
	unsigned refs;
	struct dev *dev;
	struct qid qid;
	int mode;		/* -1: not open; else OREAD ... with OAPPEND */
	bool stream;		/* set at open: has no offset */
	struct qlock lock;	/* offset; sequences on a union */
	uint64_t offset;
	void *aux;		/* the device's own */
	char *path;		/* by which it was reached */
	struct mount *mount;	/* a union, held: its members are walked */
	struct chan **members;	/* an open union: its members, open */
	unsigned nmembers, member;
	uint64_t member_off;
};

extern struct dev *const devtab[];
void dev_init(void);
struct dev *dev_find(const char *name, size_t len);

struct chan *chan_new(struct dev *dev);		/* NULL: no memory */
struct chan *chan_clone(struct chan *c);	/* not open; NULL likewise */
void chan_get(struct chan *c);
void chan_put(struct chan *c);			/* NULL is all right */

ssize_t chan_read(struct chan *c, void *buf, size_t n, uint64_t off);
ssize_t chan_write(struct chan *c, const void *buf, size_t n, uint64_t off);
int chan_stat(struct chan *c, struct dir *d) must_check;
/* Whether the current user may do that (OREAD ...). */
int chan_permitted(struct chan *c, int mode) must_check;
int chan_open(struct chan *c, int mode) must_check;

/* ns.c: names, in the current process's name space. */
struct ns *ns_new(void);
struct ns *ns_copy(struct ns *ns);
void ns_get(struct ns *ns);
void ns_put(struct ns *ns);
/* NULL: an error. */
struct chan *name_walk(const char *path);	/* mounts crossed, not open */
struct chan *name_walk_uncrossed(const char *path);	/* the last one not */
struct chan *name_open(const char *path, int mode);
struct chan *name_create(const char *path, int mode, uint32_t perm);
int name_remove(const char *path) must_check;
int name_bind(const char *new, const char *old, int flags) must_check;
int name_unmount(const char *new, const char *old) must_check;
int name_chdir(const char *path) must_check;
struct text;
void ns_text(struct ns *ns, struct text *t);	/* bind commands */
/* Reads an open union's next records. */
ssize_t union_read(struct chan *c, void *buf, size_t n, uint64_t off);

/* Helpers for devices. */
struct dirtab {
	const char *name;
	uint64_t path;		/* of the qid */
	uint32_t mode;
};
/* A flat device: its root has path 0 and the files of the table. */
int table_attach(struct chan *c);
int table_walk(struct chan *c, const char *name);
int table_stat(struct chan *c, struct dir *d);
ssize_t table_readdir(struct chan *c, void *buf, size_t n, uint64_t off);
void dir_fill(struct dir *d, const struct chan *c, const char *name,
	      struct qid qid, uint32_t mode, uint64_t length);
/* Directory records by a function that makes the i'th: 1, or 0 at the end. */
ssize_t dir_read(struct chan *c, void *buf, size_t n, uint64_t off,
		 int (*gen)(struct chan *c, uint64_t i, struct dir *d));
/* The part of a text that a read asks for. */
ssize_t text_read(const char *text, size_t len, void *buf, size_t n,
		  uint64_t off);
/* Text made at open and kept in aux until close; makes it larger as needed. */
struct text;
int text_open(struct chan *c, void (*make)(struct chan *c, struct text *t));
/* Another one from here on; on an error the old one stays. */
int text_replace(struct chan *c, void (*make)(void *arg, struct text *t),
		 void *arg) must_check;
ssize_t text_open_read(struct chan *c, void *buf, size_t n, uint64_t off);
void text_close(struct chan *c);

#endif
