/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: one thread, an address space, a name space, files, notes, devices.
 *
 * Locks: procs.lock (proc.c) guards the tree and the list of all, and a
 * process's as, ns and fds against others, who get them by the functions below;
 * note_lock guards its notes.
 */
#ifndef PROC_H
#define PROC_H

#include <cpu.h>
#include <list.h>
#include <lock.h>
#include <ros/syscall.h>
#include <sched.h>
#include <trap.h>
#include <types.h>

#define NNOTES		5	/* that may wait */
#define PROC_NAME	32
#define ARGS_LEN	128	/* kept for #proc/N/args */
#define MAX_ARGS	64	/* of a program */
#define ARGS_MAX	(64 * KIB)	/* bytes of them */

enum user { EVE, NONE };

struct aspace;
struct chan;
struct fdtab;
struct ns;

struct proc {
	unsigned refs;
	int pid;
	uint64_t serial;	/* never given again */
	struct list link;	/* all */
	struct proc *parent;
	struct list children, sibling;
	struct kthread *kthread;
	struct trapframe *tf;	/* its registers in user mode */
	struct aspace *as;
	struct ns *ns;
	struct fdtab *fds;
	struct chan *dot;	/* where relative names start */
	enum user user;
	int noteg;
	char name[PROC_NAME];
	char args[ARGS_LEN];

	bool zombie;
	uint64_t ran_ns;	/* of a zombie */
	struct waitmsg ended;	/* what wait gives */
	struct waitq child_ended;

	struct spinlock note_lock;
	char notes[NNOTES][NOTEMAX];
	unsigned nnotes;
	bool killed;
	uintptr_t handler;	/* 0: none */
	bool in_handler;
	uintptr_t saved;	/* user address of the interrupted registers */
	char current_note[NOTEMAX];
	uint8_t saved_fpu[512] aligned(16);

	struct list devices;	/* pciown.c's */
	bool exiting;		/* no device can be given to it any more */
};

static inline struct proc *current_proc(void)
{
	return current_kthread()->proc;
}

void proc_init(void);
/* Process 1, running that program; it is started again when it ends. */
void proc_start_init(const char *path);

struct proc *proc_get(struct proc *p);		/* one more hold */
void proc_put(struct proc *p);
/* A living process, held; NULL: an error with text. */
struct proc *proc_find(int pid);
/* The first living process with a pid above that, held; NULL: none. */
struct proc *proc_next(int pid);
const char *user_name(enum user u);
void proc_wake(struct proc *p);		/* any context */
/* Parts of another process, held; NULL: it has ended. */
struct aspace *proc_aspace(struct proc *p);
struct ns *proc_ns(struct proc *p);
struct fdtab *proc_fds(struct proc *p);
/* Gives the old one; loads the new one if the process is the current one. */
struct aspace *proc_set_aspace(struct proc *p, struct aspace *as);

int proc_rfork(int flags) must_check;
int proc_exec(const char *path, char *const *argv) must_check;
noreturn void proc_exit(int status, const char *note);
/* The pid of a child that has ended, or an error. */
int proc_wait(struct waitmsg *m) must_check;

/* notes */
int note_post(struct proc *p, const char *text);	/* any context */
/* To those in the group that `by` may end: eve all, none his own. */
int note_post_group(int group, enum user by, const char *text);
void note_post_self(const char *text);	/* a trap: handled or the end */
bool note_pending(struct proc *p);
void note_deliver(struct trapframe *tf);
int note_return(struct trapframe *tf, int how) must_check;

struct text;
void proc_status_text(struct proc *p, struct text *t);

#endif
