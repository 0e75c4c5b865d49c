/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: their tree, birth and end (proc.h).
 *
 * A process ends in this order: its devices are detached, its files closed, its
 * address space left, its children given to process 1; then it is a zombie
 * until its parent waits for it.
 *
 * Lock order: procs.lock, then a process's note_lock, then the scheduler's.
 */
#include <arch.h>
#include <aspace.h>
#include <assert.h>
#include <chan.h>
#include <fd.h>
#include <fmt.h>
#include <kmalloc.h>
#include <log.h>
#include <pciown.h>
#include <proc.h>
#include <string.h>
#include <timer.h>

#define PID_MAX		99999
#define STATUS_NOTE	128	/* of a process that a note has ended */

static struct {
	struct spinlock lock;
	struct list all;
	int last_pid;
	uint64_t last_serial;
	struct proc *init;
	const char *init_path;
} procs = { .lock = SPINLOCK("procs"), .all = LIST_INIT(procs.all) };

const char *user_name(enum user u)
{
	return u == EVE ? "eve" : "none";
}

struct proc *proc_get(struct proc *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void proc_put(struct proc *p)
{
	if (!p || __atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	kfree(p);
}

static struct proc *find_locked(int pid)
{
	struct proc *p;

	list_for_each(p, &procs.all, link)
		if (p->pid == pid)
			return p;
	return NULL;
}

struct proc *proc_find(int pid)
{
	struct proc *p;

	spin_lock(&procs.lock);
	p = find_locked(pid);
	if (p && !p->zombie)
		proc_get(p);
	else
		p = NULL;
	spin_unlock(&procs.lock);
	if (!p)
		error(ESRCH, "no process %d", pid);
	return p;
}

struct proc *proc_next(int pid)
{
	struct proc *p, *best = NULL;

	spin_lock(&procs.lock);
	list_for_each(p, &procs.all, link)
		if (p->pid > pid && (!best || p->pid < best->pid))
			best = p;
	if (best)
		proc_get(best);
	spin_unlock(&procs.lock);
	return best;
}

/* procs.lock held.  Pids are not given again before they wrap. */
static int new_pid(void)
{
	for (int tries = 0; tries < PID_MAX; tries++) {
		procs.last_pid = procs.last_pid % PID_MAX + 1;
		if (!find_locked(procs.last_pid))
			return procs.last_pid;
	}
	return 0;
}

static struct proc *proc_new(void)
{
	struct proc *p = kmalloc(sizeof(*p));

	if (!p) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	p->refs = 1;
	list_init(&p->link);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->devices);
	waitq_init(&p->child_ended, "child ended");
	spin_init(&p->note_lock, "notes");
	return p;
}

void proc_wake(struct proc *p)
{
	spin_lock(&procs.lock);
	if (!p->zombie)
		kthread_ready(p->kthread);
	spin_unlock(&procs.lock);
}

struct aspace *proc_aspace(struct proc *p)
{
	struct aspace *as;

	spin_lock(&procs.lock);
	as = p->as;
	if (as)
		aspace_get(as);
	spin_unlock(&procs.lock);
	return as;
}

struct aspace *proc_set_aspace(struct proc *p, struct aspace *as)
{
	struct aspace *old;

	spin_lock(&procs.lock);
	old = p->as;
	p->as = as;
	if (p == current_proc())
		aspace_load(as);
	spin_unlock(&procs.lock);
	return old;
}

struct ns *proc_ns(struct proc *p)
{
	struct ns *ns;

	spin_lock(&procs.lock);
	ns = p->ns;
	if (ns)
		ns_get(ns);
	spin_unlock(&procs.lock);
	return ns;
}

struct fdtab *proc_fds(struct proc *p)
{
	struct fdtab *fds;

	spin_lock(&procs.lock);
	fds = p->fds;
	if (fds)
		fdtab_get(fds);
	spin_unlock(&procs.lock);
	return fds;
}

/* What it has of files, whatever it has of them. */
static void drop_files(struct proc *p)
{
	struct fdtab *fds;
	struct chan *dot;
	struct ns *ns;

	spin_lock(&procs.lock);
	fds = p->fds;
	ns = p->ns;
	dot = p->dot;
	p->fds = NULL;
	p->ns = NULL;
	p->dot = NULL;
	spin_unlock(&procs.lock);
	fdtab_put(fds);
	ns_put(ns);
	chan_put(dot);
}

/* Becomes known; its thread may run from here on.  Not the child of a process
 * that a note has come for: whoever posted it to the note group, by pid, may
 * have been past the child already.  The parent sees to the note first. */
static int proc_publish(struct proc *p, struct proc *parent)
{
	bool noted;

	spin_lock(&procs.lock);
	noted = parent && note_pending(parent);
	p->pid = noted ? 0 : new_pid();
	p->serial = ++procs.last_serial;
	if (p->pid) {
		list_append(&procs.all, &p->link);
		p->parent = parent;
		if (parent)
			list_append(&parent->children, &p->sibling);
	}
	spin_unlock(&procs.lock);
	if (noted)
		return -EAGAIN;
	return p->pid ? p->pid : error(ENOSPC, "no process id left");
}

static void proc_thread(void *arg)
{
	(void)arg;
	user_enter();
}

static int give_thread(struct proc *p, const struct trapframe *tf)
{
	struct kthread *k = kthread_create(p->name, proc_thread, NULL);

	if (!k)
		return error(ENOMEM, "no memory");
	p->kthread = k;
	k->proc = p;
	p->tf = kthread_user_frame(k->stack);
	*p->tf = *tf;
	return 0;
}

static void copy_notes_state(struct proc *child, const struct proc *parent)
{
	child->handler = parent->handler;
	child->in_handler = parent->in_handler;
	child->saved = parent->saved;
	memcpy(child->saved_fpu, parent->saved_fpu, sizeof(child->saved_fpu));
}

/* Each part, shared or copied as the flags say; an error leaves what there is
 * for the caller to drop. */
static int give_parts(struct proc *child, struct proc *parent, int flags)
{
	if (flags & RFFDG)
		child->fds = fdtab_copy(parent->fds);
	else
		fdtab_get(child->fds = parent->fds);
	if (flags & RFNAMEG)
		child->ns = ns_copy(parent->ns);
	else
		ns_get(child->ns = parent->ns);
	chan_get(child->dot = parent->dot);
	if (!child->fds || !child->ns)
		return -ENOMEM;
	child->as = aspace_fork(parent->as);
	return child->as ? 0 : -ENOMEM;
}

static int fork_child(int flags)
{
	struct proc *parent = current_proc(), *child = proc_new();
	struct trapframe tf = *parent->tf;
	int err, pid;

	if (!child)
		return -ENOMEM;
	strlcpy(child->name, parent->name, sizeof(child->name));
	strlcpy(child->args, parent->args, sizeof(child->args));
	child->user = parent->user;
	child->noteg = parent->noteg;
	copy_notes_state(child, parent);
	err = give_parts(child, parent, flags);
	tf.rax = 0;
	if (!err)
		err = give_thread(child, &tf);
	if (!err) {
		fpu_save(child->kthread->fpu);
		err = proc_publish(child, parent);
	}
	if (err < 0) {
		if (child->kthread)
			kthread_free(child->kthread);
		drop_files(child);
		aspace_put(child->as);
		proc_put(child);
		return err;
	}
	pid = child->pid;
	if (flags & RFNOTEG)
		child->noteg = pid;
	kthread_ready(child->kthread);
	return pid;
}

static int change_self(int flags)
{
	struct proc *p = current_proc();
	struct fdtab *fds = NULL, *old_fds = NULL;
	struct ns *ns = NULL, *old_ns = NULL;

	if (flags & RFFDG && !(fds = fdtab_copy(p->fds)))
		return -ENOMEM;
	if (flags & RFNAMEG && !(ns = ns_copy(p->ns))) {
		fdtab_put(fds);
		return -ENOMEM;
	}
	spin_lock(&procs.lock);		/* others may be looking */
	if (fds) {
		old_fds = p->fds;
		p->fds = fds;
	}
	if (ns) {
		old_ns = p->ns;
		p->ns = ns;
	}
	spin_unlock(&procs.lock);
	fdtab_put(old_fds);
	ns_put(old_ns);
	if (flags & RFNOTEG)
		p->noteg = p->pid;
	return 0;
}

int proc_rfork(int flags)
{
	if (flags & ~(RFPROC | RFFDG | RFNAMEG | RFNOTEG))
		return error(EINVAL, "rfork: flags 0x%x", flags);
	return flags & RFPROC ? fork_child(flags) : change_self(flags);
}

static void orphan_children(struct proc *p)
{
	struct proc *child, *tmp;

	spin_lock(&procs.lock);
	list_for_each_safe(child, tmp, &p->children, sibling) {
		list_remove(&child->sibling);
		child->parent = procs.init;
		list_append(&procs.init->children, &child->sibling);
	}
	spin_unlock(&procs.lock);
	wake_all(&procs.init->child_ended);
}

/* Files 0 to 2 of process 1, where it has none: the console. */
static void give_console(void)
{
	struct chan *c;
	int fd;

	do {
		c = name_open("#cons/cons", ORDWR);
		fd = c ? fd_add(c) : -ENOENT;
	} while (fd >= 0 && fd < 2);
	if (fd > 2)
		(void)!fd_close(fd);
}

/* Process 1 does not end: it starts anew, after a while, in case that it can
 * do nothing else than end. */
static noreturn void restart_init(struct proc *p)
{
	char *argv[] = { (char *)(uintptr_t)procs.init_path, NULL };

	klog(LOG_ERROR, "%s (process 1) has ended, status %d%s%s; starting it "
	     "anew", p->name, p->ended.status, *p->ended.msg ? ": " : "",
	     p->ended.msg);
	spin_lock(&p->note_lock);
	p->killed = p->in_handler = false;
	p->handler = 0;
	p->nnotes = 0;
	spin_unlock(&p->note_lock);
	kthread_sleep_ns(NSEC_PER_SEC);
	give_console();
	while (proc_exec(procs.init_path, argv) < 0) {
		klog(LOG_ERROR, "init: %s", current_kthread()->errstr);
		kthread_sleep_ns(NSEC_PER_SEC);
	}
	user_enter();
}

void proc_exit(int status, const char *note)
{
	struct proc *p = current_proc();
	struct proc *parent;

	p->ended.pid = p->pid;
	p->ended.status = note ? STATUS_NOTE : status;
	strlcpy(p->ended.msg, note ? note : "", sizeof(p->ended.msg));
	if (p == procs.init)
		restart_init(p);
	pciown_exit(p);
	drop_files(p);
	aspace_put(proc_set_aspace(p, NULL));
	orphan_children(p);
	spin_lock(&procs.lock);
	p->ran_ns = p->kthread->ran_ns;
	p->zombie = true;
	parent = p->parent;
	wake_all(&parent->child_ended);
	spin_unlock(&procs.lock);
	kthread_exit();
}

/* A child that has ended and left its processor, out of the tree; NULL: none
 * yet.  *any: there are children at all. */
static struct proc *reap(struct proc *p, bool *any)
{
	struct proc *child, *found = NULL;

	spin_lock(&procs.lock);
	*any = !list_empty(&p->children);
	list_for_each(child, &p->children, sibling)
		if (child->zombie) {
			found = child;
			list_remove(&found->sibling);
			list_remove(&found->link);
			break;
		}
	spin_unlock(&procs.lock);
	return found;
}

int proc_wait(struct waitmsg *m)
{
	struct proc *p = current_proc();
	struct proc *child = NULL;
	bool any;
	int err;

	err = wait_until(&p->child_ended, (child = reap(p, &any)) || !any,
			 NO_DEADLINE);
	if (err)
		return err;
	if (!child)
		return error(ECHILD, "no children");
	while (!kthread_dead(child->kthread))
		cpu_pause();
	*m = child->ended;
	kthread_free(child->kthread);
	proc_put(child);
	return m->pid;
}

/* Process 1: the current thread's, with nothing of its own yet. */
void proc_start_init(const char *path)
{
	static const struct trapframe nothing;
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	struct proc *p = proc_new();

	procs.init_path = path;
	procs.init = p;
	if (!p)
		panic("init: no memory");
	p->ns = ns_new();
	p->fds = fdtab_new();
	current_kthread()->proc = p;
	p->kthread = current_kthread();
	p->tf = kthread_user_frame(p->kthread->stack);
	*p->tf = nothing;
	p->dot = p->ns && p->fds ? name_walk("/") : NULL;
	if (!p->dot || proc_publish(p, NULL) < 0)
		panic("init: %s", current_kthread()->errstr);
	p->noteg = p->pid;
	give_console();
	while (proc_exec(path, argv) < 0) {
		klog(LOG_ERROR, "init: %s", current_kthread()->errstr);
		kthread_sleep_ns(NSEC_PER_SEC);
	}
	user_enter();
}

void proc_status_text(struct proc *p, struct text *t)
{
	static const char *const states[] = {
		"ready", "running", "sleeping", "zombie",
	};
	size_t kib = 0;
	int ppid;
	uint64_t ran;
	enum kthread_state state;

	spin_lock(&procs.lock);
	ppid = p->parent ? p->parent->pid : 0;
	state = p->zombie ? KT_DEAD : p->kthread->state;
	ran = p->zombie ? p->ran_ns : p->kthread->ran_ns;
	if (p->as)
		kib = p->as->resident * (PGSIZE / KIB);
	spin_unlock(&procs.lock);
	text_add(t, "%s %d %d %s %s %d %lu %lu\n", p->name, p->pid, ppid,
		 user_name(p->user), states[state], p->noteg,
		 ran / NSEC_PER_MSEC, kib);
}
