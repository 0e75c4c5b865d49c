/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CONFIG_LOCK_ORDER: whether locks are taken in one order, and held only where
 * they may be.  Locks, scheduler and traps tell lockwatch.c what happens, and
 * that asks lockorder.c what is wrong with it.  Each fault is a line in the
 * log, once.  Without that choice there is no code of this.
 */
#ifndef LOCKORDER_H
#define LOCKORDER_H

#include <config.h>
#include <types.h>

struct spinlock;

#define CALLER		((uintptr_t)__builtin_return_address(0))
#define MAX_HELD	16	/* by a processor, or qlocks by a thread */

struct lock_held {
	const struct spinlock *lock;
	unsigned kind;		/* lockorder.c's */
	uintptr_t at;		/* where it was taken */
};

struct lock_stack {
	unsigned n, lost;	/* lost: taken when there was no room */
	struct lock_held held[MAX_HELD];
};

/* Who does something about locks, and where. */
struct lock_user {
	const char *thread;
	struct lock_stack *spins;	/* its processor's */
	struct lock_stack *qlocks;	/* its own; NULL: no thread does it */
	bool in_irq, irqs_on;
	uintptr_t at;
};

/* lockorder.c; interrupts off.  A qlock goes by its queue's lock. */
void order_take(const struct lock_user *u, struct spinlock *l, bool is_qlock);
void order_give(const struct lock_user *u, struct spinlock *l, bool is_qlock);
void order_sleep(const struct lock_user *u);
void order_irqs_on(const struct lock_user *u);
/* Where no lock may be held: "THREAD what ADDRESS with ... held". */
void order_none(const struct lock_user *u, const char *what);
void order_tell(const char *text);	/* lockwatch.c's: a line */

#ifdef CONFIG_LOCK_ORDER

struct lock_watch {		/* a thread's part of it */
	struct lock_stack qlocks;
};

void lock_taken(struct spinlock *l, bool is_qlock, uintptr_t at);
void lock_given(struct spinlock *l, bool is_qlock, uintptr_t at);
void lock_sleeps(uintptr_t at);
void lock_irqs_on(uintptr_t at);
void lock_none(const char *what, uintptr_t at);
void lock_in_irq(bool in_irq);
/* Whether this processor is watched from now on; whether it was. */
bool lock_watched(bool on);

#else

struct lock_watch {
};

static inline void lock_taken(struct spinlock *l, bool is_qlock, uintptr_t at)
{
	(void)l, (void)is_qlock, (void)at;
}

static inline void lock_given(struct spinlock *l, bool is_qlock, uintptr_t at)
{
	(void)l, (void)is_qlock, (void)at;
}

static inline void lock_sleeps(uintptr_t at)
{
	(void)at;
}

static inline void lock_irqs_on(uintptr_t at)
{
	(void)at;
}

static inline void lock_none(const char *what, uintptr_t at)
{
	(void)what, (void)at;
}

static inline void lock_in_irq(bool in_irq)
{
	(void)in_irq;
}

static inline bool lock_watched(bool on)
{
	return on;
}

#endif

#endif
