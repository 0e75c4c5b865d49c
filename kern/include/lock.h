/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks.  A spinlock is held with interrupts off and never across anything
 * that sleeps.  A qlock (Plan 9's name) sleeps, is held by a thread, and is
 * always taken before any spinlock.  A waitq is where threads wait until
 * something is so; a thread may stand in several at once.
 */
#ifndef LOCK_H
#define LOCK_H

#include <list.h>
#include <lockorder.h>
#include <types.h>

struct cpu;
struct kthread;

struct spinlock {
	uint32_t held;
	uint32_t kind;		/* lockorder.c's; 0: not known yet */
	const char *name;
	struct cpu *holder;
};
#define SPINLOCK(text)	{ .name = (text) }

void spin_init(struct spinlock *l, const char *name);
void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
bool spin_holding(const struct spinlock *l);

/* Interrupts off, nesting; spin_lock does it by itself. */
void irq_push_off(void);
void irq_pop(void);

struct waitq {
	struct spinlock lock;
	struct list waiters;
};
struct waiter {
	struct list link;
	struct kthread *kthread;
};
#define WAITQ(q, text)	{ SPINLOCK(text), LIST_INIT((q).waiters) }

void waitq_init(struct waitq *q, const char *name);
void waitq_add(struct waitq *q, struct waiter *w);	/* the current thread */
void waitq_remove(struct waitq *q, struct waiter *w);
void wake_all(struct waitq *q);		/* any context */

/*
 * Sleeps until cond is so: it is looked at after the thread has joined the
 * queue, so whoever makes it so and then wakes is never missed.  Gives 0,
 * -EINTR when a note came in (never for a kernel thread), or -ETIMEDOUT after
 * the deadline (nanoseconds since boot, NO_DEADLINE for none).
 */
#define NO_DEADLINE	(~0ul)
#define wait_until(q, cond, deadline) ({				\
	const uint64_t deadline_ = (deadline);				\
	struct waiter waiter_;						\
	int result_ = 0;						\
	waitq_add(q, &waiter_);						\
	for (;;) {							\
		sleep_begin(deadline_);					\
		if (cond)						\
			break;						\
		result_ = sleep_status(deadline_);			\
		if (result_)						\
			break;						\
		schedule();						\
	}								\
	sleep_end();							\
	waitq_remove(q, &waiter_);					\
	result_; })

void sleep_begin(uint64_t deadline);
int sleep_status(uint64_t deadline);
void sleep_end(void);
void schedule(void);

struct qlock {
	struct kthread *holder;
	struct waitq q;
};
#define QLOCK(l, text)	{ .q = WAITQ((l).q, text) }

void qlock_init(struct qlock *l, const char *name);
void qlock(struct qlock *l);		/* not broken off by a note */
void qunlock(struct qlock *l);
bool qlock_holding(const struct qlock *l);

#endif
