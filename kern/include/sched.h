/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of the kernel and the scheduler.  A process has one; others work
 * for the kernel alone.  One run queue serves all processors, first come
 * first served; user code is preempted when its time slice ends, kernel code
 * gives the processor away by sleeping.
 */
#ifndef SCHED_H
#define SCHED_H

#include <error.h>
#include <list.h>
#include <lock.h>
#include <timer.h>
#include <types.h>

struct proc;

enum kthread_state { KT_READY, KT_RUNNING, KT_SLEEPING, KT_DEAD };

struct kthread {
	uintptr_t rsp;			/* assembler: at 0; when not running */
	enum kthread_state state;	/* under the scheduler's lock */
	bool on_cpu;			/* likewise */
	bool idle;
	struct list link;		/* in the run queue */
	struct proc *proc;		/* NULL: works for the kernel */
	uintptr_t stack;		/* lowest address */
	void (*start)(void *arg);
	void *arg;
	const char *name;
	struct timer timer;		/* ends a sleep */
	struct lock_watch watch;
	uint64_t ran_ns, on_since;
	char errstr[ERRMAX];
	uint8_t fpu[512] aligned(16);
};

void sched_init(void);

/* A thread that will run start(arg) once kthread_ready says so; NULL: no
 * memory.  A thread that returns from start is gone. */
struct kthread *kthread_create(const char *name, void (*start)(void *),
			       void *arg);
void kthread_ready(struct kthread *k);	/* wakes it; any context */
void kthread_begin(void);		/* a new thread starts there */
noreturn void kthread_exit(void);
void kthread_free(struct kthread *k);	/* one that is dead or never ran */
bool kthread_dead(struct kthread *k);	/* and off its processor */

noreturn void idle_loop(void);		/* each processor ends there */
struct cpu;
void sched_start_cpu(struct cpu *c);	/* makes its idle thread */
void sched_tick(void);			/* timer interrupt */
void sched_awake(void);			/* each interrupt, first of all */
uint64_t sched_idle_ns(void);		/* all processors' sleep, since boot */
void kthread_sleep_ns(uint64_t ns);

#endif
