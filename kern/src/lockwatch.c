/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CONFIG_LOCK_ORDER: tells lockorder.c what this processor and its thread do
 * about locks.  A processor is not watched while it tells of a fault, which
 * takes locks itself, nor in an NMI, which may find it anywhere.
 */
#include <arch.h>
#include <cpu.h>
#include <lock.h>
#include <lockorder.h>
#include <log.h>
#include <sched.h>

static struct watch {
	struct lock_stack spins;
	bool in_irq, unwatched;
} watches[CONFIG_MAX_CPUS];

/* With interrupts off. */
static struct watch *mine(void)
{
	return &watches[this_cpu()->id];
}

static struct lock_user user(uintptr_t at)
{
	struct cpu *c = this_cpu();
	struct watch *w = mine();
	struct kthread *k = w->in_irq ? NULL : c->kthread;

	return (struct lock_user){
		.thread = w->in_irq ? "an interrupt" : k ? k->name : "boot",
		.spins = &w->spins,
		.qlocks = k ? &k->watch.qlocks : NULL,
		.in_irq = w->in_irq,
		.irqs_on = c->irq_nest == 1 && c->irq_were_on,
		.at = at,
	};
}

void lock_taken(struct spinlock *l, bool is_qlock, uintptr_t at)
{
	struct lock_user u;

	irq_push_off();
	u = user(at);
	if (!mine()->unwatched)
		order_take(&u, l, is_qlock);
	irq_pop();
}

void lock_given(struct spinlock *l, bool is_qlock, uintptr_t at)
{
	struct lock_user u;

	irq_push_off();
	u = user(at);
	if (!mine()->unwatched)
		order_give(&u, l, is_qlock);
	irq_pop();
}

void lock_sleeps(uintptr_t at)
{
	struct lock_user u;

	irq_push_off();
	u = user(at);
	order_sleep(&u);
	irq_pop();
}

/* They are still off. */
void lock_irqs_on(uintptr_t at)
{
	struct lock_user u = user(at);

	if (!mine()->unwatched)
		order_irqs_on(&u);
}

void lock_none(const char *what, uintptr_t at)
{
	struct lock_user u;

	irq_push_off();
	u = user(at);
	order_none(&u, what);
	irq_pop();
}

void lock_in_irq(bool in_irq)
{
	mine()->in_irq = in_irq;
}

bool lock_watched(bool on)
{
	bool was = !mine()->unwatched;

	mine()->unwatched = !on;
	return was;
}

void order_tell(const char *text)
{
	bool was;

	irq_push_off();
	was = lock_watched(false);
	klog(LOG_ERROR, "lock: %s", text);
	lock_watched(was);
	irq_pop();
}
