/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notes (Plan 9: notify(2)): text posted to a process, seen by it on its way to
 * user mode.  With a handler, the interrupted registers go on the user stack
 * and the handler runs; without, the process ends, but for notes of the iommu,
 * which are then dropped.  "kill" cannot be handled.
 *
 * A note breaks off the system call that sleeps, which then fails.
 */
#include <arch.h>
#include <assert.h>
#include <fmt.h>
#include <log.h>
#include <mmu.h>
#include <proc.h>
#include <string.h>
#include <x86.h>

#define RED_ZONE 128	/* SysV x86-64: leaf functions' own */

int note_post(struct proc *p, const char *text)
{
	bool room = true;

	spin_lock(&p->note_lock);
	if (!strcmp(text, "kill"))
		p->killed = true;
	else if (p->nnotes < NNOTES)
		strlcpy(p->notes[p->nnotes++], text, NOTEMAX);
	else
		room = false;
	spin_unlock(&p->note_lock);
	if (!room)
		return error(EBUSY, "process %d: too many notes", p->pid);
	proc_wake(p);
	return 0;
}

int note_post_group(int group, enum user by, const char *text)
{
	struct proc *p;
	int pid = 0, n = 0;

	while ((p = proc_next(pid))) {
		pid = p->pid;
		if (p->noteg == group && !p->zombie &&
		    (by == EVE || by == p->user) && note_post(p, text) == 0)
			n++;
		proc_put(p);
	}
	return n ? 0 : error(ESRCH, "no process in note group %d", group);
}

/* For a trap: the instruction cannot go on, so the note must be handled. */
void note_post_self(const char *text)
{
	struct proc *p = current_proc();

	if (p->in_handler || !p->handler || note_post(p, text) < 0)
		proc_exit(0, text);
}

bool note_pending(struct proc *p)
{
	return READ_ONCE(p->killed) ||
		(READ_ONCE(p->nnotes) && !p->in_handler);
}

static bool is_ignored(const char *text)
{
	return !strncmp(text, "iommu:", 6);
}

/* The oldest note; "kill" first of all. */
static void take_note(struct proc *p, char *text)
{
	spin_lock(&p->note_lock);
	if (p->killed) {
		strlcpy(text, "kill", NOTEMAX);
	} else {
		strlcpy(text, p->notes[0], NOTEMAX);
		p->nnotes--;
		memmove(p->notes[0], p->notes[1], p->nnotes * NOTEMAX);
	}
	spin_unlock(&p->note_lock);
}

static void to_ureg(struct ureg *u, const struct trapframe *tf)
{
	*u = (struct ureg){
		.r15 = tf->r15, .r14 = tf->r14, .r13 = tf->r13, .r12 = tf->r12,
		.rbp = tf->rbp, .rbx = tf->rbx, .r11 = tf->r11, .r10 = tf->r10,
		.r9 = tf->r9, .r8 = tf->r8, .rax = tf->rax, .rcx = tf->rcx,
		.rdx = tf->rdx, .rsi = tf->rsi, .rdi = tf->rdi, .rip = tf->rip,
		.rflags = tf->rflags, .rsp = tf->rsp, .trapno = tf->trapno,
		.error = tf->error,
	};
}

/* Only what a process may choose: a bad RIP would fault in the kernel's IRETQ,
 * so it must be canonical. */
static int from_ureg(struct trapframe *tf, const struct ureg *u)
{
	if (u->rip >= BAR_END)
		return error(EINVAL, "noted: bad pc 0x%lx", u->rip);
	tf->r15 = u->r15, tf->r14 = u->r14, tf->r13 = u->r13;
	tf->r12 = u->r12, tf->rbp = u->rbp, tf->rbx = u->rbx;
	tf->r11 = u->r11, tf->r10 = u->r10, tf->r9 = u->r9, tf->r8 = u->r8;
	tf->rax = u->rax, tf->rcx = u->rcx, tf->rdx = u->rdx;
	tf->rsi = u->rsi, tf->rdi = u->rdi, tf->rip = u->rip, tf->rsp = u->rsp;
	tf->rflags = (tf->rflags & ~RFLAGS_ARITH) | (u->rflags & RFLAGS_ARITH);
	return 0;
}

static void default_action(const char *text)
{
	if (!is_ignored(text))
		proc_exit(0, text);
}

/* On the user's stack, downwards: red zone, text, registers, return address. */
static int call_handler(struct proc *p, struct trapframe *tf, const char *text)
{
	struct ureg u;
	uintptr_t text_at = tf->rsp - RED_ZONE - NOTEMAX;
	uintptr_t ureg_at = ROUNDDOWN(text_at - sizeof(u), 16);
	uint64_t nowhere = 0;

	to_ureg(&u, tf);
	if (copy_to_user(text_at, text, NOTEMAX) < 0 ||
	    copy_to_user(ureg_at, &u, sizeof(u)) < 0 ||
	    copy_to_user(ureg_at - 8, &nowhere, 8) < 0)
		return -EFAULT;
	p->in_handler = true;
	p->saved = ureg_at;
	strlcpy(p->current_note, text, NOTEMAX);
	fpu_save(p->saved_fpu);
	tf->rdi = ureg_at;
	tf->rsi = text_at;
	tf->rsp = ureg_at - 8;
	tf->rip = p->handler;
	tf->rflags &= ~(RFLAGS_ARITH | RFLAGS_TF);
	return 0;
}

void note_deliver(struct trapframe *tf)
{
	struct proc *p = current_proc();
	char text[NOTEMAX] = "";

	take_note(p, text);
	if (p->killed)
		proc_exit(0, text);
	if (!p->handler)
		default_action(text);
	else if (call_handler(p, tf, text) < 0)
		proc_exit(0, "sys: no stack for a note handler");
}

int note_return(struct trapframe *tf, int how)
{
	struct proc *p = current_proc();
	struct ureg u;
	int err;

	if (!p->in_handler)
		return error(EINVAL, "noted: not in a note handler");
	if (how == NDFLT)
		default_action(p->current_note);
	else if (how != NCONT)
		return error(EINVAL, "noted: %d", how);
	err = copy_from_user(&u, p->saved, sizeof(u));
	if (!err)
		err = from_ureg(tf, &u);
	if (err)
		proc_exit(0, "sys: bad registers from a note handler");
	fpu_restore(p->saved_fpu);
	p->in_handler = false;
	return 0;
}
