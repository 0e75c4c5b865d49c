/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlocks, wait queues and qlocks (lock.h).
 *
 * Lock order: qlocks, then a wait queue's lock, then the scheduler's.
 */
#include <arch.h>
#include <assert.h>
#include <cpu.h>
#include <error.h>
#include <lock.h>
#include <proc.h>
#include <sched.h>

/* The outermost, which most are, apart: it is not counted, but set.  The
 * processor, of which the thread cannot be moved any more. */
static inline struct cpu *push_off(void)
{
	bool on = irq_disable();
	struct cpu *c = this_cpu();

	if (!c->irq_nest) {
		WRITE_ONCE(c->irq_nest, 1);
		c->irq_were_on = on;
	} else {
		WRITE_ONCE(c->irq_nest, c->irq_nest + 1);
	}
	return c;
}

static inline void pop(struct cpu *c)
{
	if (c->irq_nest == 1) {
		c->irq_nest = 0;
		if (c->irq_were_on)
			irq_enable();
	} else {
		assert(c->irq_nest > 1);
		c->irq_nest--;
	}
}

void irq_push_off(void)
{
	push_off();
}

void irq_pop(void)
{
	pop(this_cpu());
}

void spin_init(struct spinlock *l, const char *name)
{
	*l = (struct spinlock)SPINLOCK(name);
}

bool spin_holding(const struct spinlock *l)
{
	return READ_ONCE(l->holder) == this_cpu();
}

static rarely void spin_on(struct spinlock *l, struct cpu *c)
{
	do {
		if (spin_holding(l))
			panic("spinlock %s: taken twice", l->name);
		while (READ_ONCE(l->held))
			cpu_pause();
	} while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE));
	WRITE_ONCE(l->holder, c);
}

void spin_lock(struct spinlock *l)
{
	struct cpu *c = push_off();

	lock_taken(l, false, CALLER);
	if (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		spin_on(l, c);
	else
		WRITE_ONCE(l->holder, c);
}

void spin_unlock(struct spinlock *l)
{
	struct cpu *c = this_cpu();

	lock_given(l, false, CALLER);
	assert(READ_ONCE(l->holder) == c);
	WRITE_ONCE(l->holder, NULL);
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
	pop(c);
}

void waitq_init(struct waitq *q, const char *name)
{
	spin_init(&q->lock, name);
	list_init(&q->waiters);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	w->kthread = current_kthread();
	spin_lock(&q->lock);
	list_append(&q->waiters, &w->link);
	spin_unlock(&q->lock);
}

void waitq_remove(struct waitq *q, struct waiter *w)
{
	spin_lock(&q->lock);
	list_remove(&w->link);
	spin_unlock(&q->lock);
}

void wake_all(struct waitq *q)
{
	struct waiter *w;

	spin_lock(&q->lock);
	list_for_each(w, &q->waiters, link)
		kthread_ready(w->kthread);
	spin_unlock(&q->lock);
}

void qlock_init(struct qlock *l, const char *name)
{
	l->holder = NULL;
	waitq_init(&l->q, name);
}

bool qlock_holding(const struct qlock *l)
{
	return READ_ONCE(l->holder) == current_kthread();
}

static bool qlock_try(struct qlock *l)
{
	struct kthread *nobody = NULL;

	return __atomic_compare_exchange_n(&l->holder, &nobody,
					   current_kthread(), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void qlock(struct qlock *l)
{
	struct waiter w;

	assert(!qlock_holding(l));
	lock_taken(&l->q.lock, true, CALLER);
	if (qlock_try(l))
		return;
	waitq_add(&l->q, &w);
	for (;;) {
		sleep_begin(NO_DEADLINE);
		if (qlock_try(l))
			break;
		schedule();
	}
	sleep_end();
	waitq_remove(&l->q, &w);
}

void qunlock(struct qlock *l)
{
	lock_given(&l->q.lock, true, CALLER);
	assert(qlock_holding(l));
	__atomic_store_n(&l->holder, NULL, __ATOMIC_SEQ_CST);
	wake_all(&l->q);
}
