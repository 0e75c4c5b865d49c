/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults on purpose (planted.h), in the first thread, before process 1. */
#include <arch.h>
#include <assert.h>
#include <loader.h>
#include <lock.h>
#include <planted.h>
#include <sched.h>
#include <string.h>
#include <timer.h>

static struct spinlock a = SPINLOCK("plant a"), b = SPINLOCK("plant b");
static struct spinlock c = SPINLOCK("plant c");
static struct qlock q = QLOCK(q, "plant q"), r = QLOCK(r, "plant r");

static void both(struct spinlock *first, struct spinlock *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

static void order(void)
{
	both(&a, &b);
	both(&b, &a);
}

static void circle(void)
{
	both(&a, &b);
	both(&b, &c);
	both(&c, &a);
}

static void qlocks(void)
{
	qlock(&q);
	qlock(&r);
	qunlock(&q);
	qlock(&q);
	qunlock(&q);
	qunlock(&r);
}

static void under(void)
{
	spin_lock(&a);
	qlock(&q);
	qunlock(&q);
	spin_unlock(&a);
}

static void irqs_off(void)
{
	irq_push_off();
	qlock(&q);
	qunlock(&q);
	irq_pop();
}

static void take_a(void *unused)
{
	(void)unused;
	spin_lock(&a);
	spin_unlock(&a);
}

static void irqs_on(void)
{
	struct timer t = { 0 };

	timer_set(&t, nsec(), take_a, NULL);
	kthread_sleep_ns(NSEC_PER_MSEC);
	timer_cancel(&t);
	spin_lock(&a);
	irq_enable();
	irq_disable();
	spin_unlock(&a);
}

static void sleeps(void)
{
	spin_lock(&a);
	sleep_begin(NO_DEADLINE);
	sleep_end();
	spin_unlock(&a);
}

static void not_held(void)
{
	spin_unlock(&a);
}

static void take_q(void *unused)
{
	(void)unused;
	qlock(&q);
}

static void thread_ends(void)
{
	struct kthread *k = kthread_create("planted", take_q, NULL);

	if (!k)
		panic("plant: no memory");
	kthread_ready(k);
	while (!kthread_dead(k))
		kthread_sleep_ns(NSEC_PER_MSEC);
	kthread_free(k);
}

static void to_user_mode(void)
{
	qlock(&q);
}

/* The compiler does not know what it is. */
static int opaque(int n)
{
	asm volatile("" : "+r"(n));
	return n;
}

static void shift(void)
{
	opaque(1 << opaque(40));
}

static void index(void)
{
	static const int ten[10];

	opaque(ten[opaque(10)]);
}

void plant_fault(void)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} faults[] = {
		{ "order", order }, { "circle", circle }, { "qlocks", qlocks },
		{ "under", under }, { "irqs_off", irqs_off },
		{ "irqs_on", irqs_on }, { "sleeps", sleeps },
		{ "not_held", not_held }, { "thread_ends", thread_ends },
		{ "to_user_mode", to_user_mode }, { "shift", shift },
		{ "index", index },
	};
	const char *name = cmdline_get("plant");

	for (unsigned i = 0; name && i < ARRAY_SIZE(faults); i++)
		if (!strcmp(faults[i].name, name))
			faults[i].fn();
}
