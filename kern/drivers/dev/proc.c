/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #proc: a directory a process (Plan 9: proc(3)).
 *
 *	N/status	NAME PID PPID USER STATE NOTEGROUP MILLISECONDS KIB
 *	N/args		how it was started
 *	N/ns		what is bound in its name space
 *	N/fd		its open files
 *	N/maps		its memory
 *	N/pages		each present page: address, frame, rights; eve's
 *	N/note		writing posts the text to it
 *	N/notepg	writing posts the text to its note group
 *	N/ctl		kill
 *
 * A qid's path is the pid and, in the low byte, the file.
 */
#include <aspace.h>
#include <chan.h>
#include <fd.h>
#include <fmt.h>
#include <proc.h>
#include <string.h>

enum {
	Qdir, Qstatus, Qargs, Qns, Qfd, Qmaps, Qpages, Qnote, Qnotepg, Qctl,
};

#define QID(pid, file)	((uint64_t)(pid) << 8 | (file))
#define QPID(c)		((int)((c)->qid.path >> 8))
#define QFILE(c)	((c)->qid.path & 0xff)

static const struct {
	const char *name;
	uint32_t mode;
} files[] = {
	[Qstatus] = { "status", 0444 },
	[Qargs] = { "args", 0444 },
	[Qns] = { "ns", 0444 },
	[Qfd] = { "fd", 0444 },
	[Qmaps] = { "maps", 0444 },
	[Qpages] = { "pages", 0400 },
	[Qnote] = { "note", 0222 },	/* command() says whose */
	[Qnotepg] = { "notepg", 0222 },
	[Qctl] = { "ctl", 0222 },
};

static struct qid make_qid(int pid, unsigned file)
{
	return (struct qid){
		.path = QID(pid, file), .type = file == Qdir ? QTDIR : QTFILE,
	};
}

/* The chan's process, held, though it may be a zombie; NULL: an error. */
static struct proc *proc_of(const struct chan *c)
{
	struct proc *p = proc_next(QPID(c) - 1);

	if (p && p->pid == QPID(c))
		return p;
	proc_put(p);
	error(ESRCH, "no process %d", QPID(c));
	return NULL;
}

static int walk_pid(struct chan *c, const char *name)
{
	const char *s = name;
	struct proc *p;
	uint64_t pid;

	if (!parse_number(&s, 10, INT32_MAX, &pid) || *s || !pid)
		return error(ENOENT, "%s: no such file", name);
	c->qid = make_qid((int)pid, Qdir);
	p = proc_of(c);
	proc_put(p);
	return p ? 0 : -ENOENT;
}

static int proc_walk(struct chan *c, const char *name)
{
	if (!QPID(c))
		return walk_pid(c, name);
	for (unsigned i = Qstatus; i < ARRAY_SIZE(files); i++)
		if (!strcmp(files[i].name, name)) {
			c->qid = make_qid(QPID(c), i);
			return 0;
		}
	return error(ENOENT, "%s: no such file", name);
}

static void fill(const struct chan *c, struct dir *d, const struct proc *p,
		 unsigned file)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", p->pid);
	dir_fill(d, c, file == Qdir ? pid : files[file].name,
		 make_qid(p->pid, file), file == Qdir ? 0555 :
		 files[file].mode, 0);
	if (file != Qpages)
		strlcpy(d->user, user_name(p->user), sizeof(d->user));
}

static int proc_stat(struct chan *c, struct dir *d)
{
	struct proc *p;

	if (!QPID(c)) {
		dir_fill(d, c, "proc", c->qid, 0555, 0);
		return 0;
	}
	p = proc_of(c);
	if (!p)
		return -ESRCH;
	fill(c, d, p, QFILE(c));
	proc_put(p);
	return 0;
}

static int gen_pid(struct chan *c, uint64_t i, struct dir *d)
{
	struct proc *p = proc_next(0);

	while (p && i--) {
		int pid = p->pid;

		proc_put(p);
		p = proc_next(pid);
	}
	if (!p)
		return 0;
	fill(c, d, p, Qdir);
	proc_put(p);
	return 1;
}

static int gen_file(struct chan *c, uint64_t i, struct dir *d)
{
	struct proc *p;

	if (i + 1 >= ARRAY_SIZE(files))
		return 0;
	p = proc_of(c);
	if (!p)
		return -ESRCH;
	fill(c, d, p, (unsigned)i + 1);
	proc_put(p);
	return 1;
}

static void parts_text(struct proc *p, unsigned file, struct text *t)
{
	struct aspace *as = file == Qmaps || file == Qpages ?
		proc_aspace(p) : NULL;
	struct ns *ns = file == Qns ? proc_ns(p) : NULL;
	struct fdtab *fds = file == Qfd ? proc_fds(p) : NULL;

	if (as && file == Qmaps)
		aspace_text(as, t);
	if (as && file == Qpages)
		pages_text(as, t);
	if (ns)
		ns_text(ns, t);
	if (fds)
		fdtab_text(fds, t);
	aspace_put(as);
	ns_put(ns);
	fdtab_put(fds);
}

static void make_text(struct chan *c, struct text *t)
{
	struct proc *p = proc_of(c);

	if (!p)
		return;
	if (QFILE(c) == Qstatus)
		proc_status_text(p, t);
	else if (QFILE(c) == Qargs)
		text_add(t, "%s\n", p->args);
	else
		parts_text(p, QFILE(c), t);
	proc_put(p);
}

static int proc_open(struct chan *c, int mode)
{
	(void)mode;
	return QFILE(c) >= Qstatus && QFILE(c) <= Qpages ?
		text_open(c, make_text) : 0;
}

static ssize_t proc_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	if (QFILE(c) == Qdir)
		return dir_read(c, buf, n, off, QPID(c) ? gen_file : gen_pid);
	return text_open_read(c, buf, n, off);
}

static int command(struct proc *p, unsigned file, const char *text)
{
	enum user user = current_proc()->user;

	if (user != EVE && user != p->user)
		return error(EPERM, "process %d: belongs to %s", p->pid,
			     user_name(p->user));
	if (file == Qnotepg)
		return note_post_group(p->noteg, user, text);
	if (file == Qctl && strcmp(text, "kill"))
		return error(EINVAL, "ctl: kill, not '%s'", text);
	return note_post(p, text);
}

static ssize_t proc_write(struct chan *c, const void *buf, size_t n,
			  uint64_t off)
{
	char text[NOTEMAX];
	struct proc *p;
	int err;

	(void)off;
	if (n >= sizeof(text))
		return error(EINVAL, "note: longer than %lu bytes",
			     sizeof(text) - 1);
	memcpy(text, buf, n);
	if (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	p = proc_find(QPID(c));
	if (!p)
		return -ESRCH;
	err = command(p, QFILE(c), text);
	proc_put(p);
	return err ? err : (ssize_t)n;
}

struct dev proc_dev = {
	.name = "proc",
	.attach = table_attach,
	.walk = proc_walk,
	.stat = proc_stat,
	.open = proc_open,
	.close = text_close,
	.read = proc_read,
	.write = proc_write,
};
