/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers (timer.h): a list by deadline on each processor.  A timer's function
 * runs under its processor's timer lock, so that cancelling waits for it.
 *
 * Lock order: a timer lock before the scheduler's.
 */
#include <arch.h>
#include <assert.h>
#include <cpu.h>
#include <timer.h>

void timer_set(struct timer *t, uint64_t deadline, void (*fn)(void *),
	       void *arg)
{
	struct timer *later;
	struct cpu *c;

	assert(!t->cpu);
	t->deadline = deadline;
	t->fn = fn;
	t->arg = arg;
	irq_push_off();
	c = this_cpu();
	spin_lock(&c->timer_lock);
	list_for_each(later, &c->timers, link)
		if (later->deadline > deadline)
			break;
	list_insert_before(&later->link, &t->link);
	t->cpu = c;
	spin_unlock(&c->timer_lock);
	timer_program();
	irq_pop();
}

void timer_cancel(struct timer *t)
{
	struct cpu *c = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);

	if (!c)
		return;
	spin_lock(&c->timer_lock);
	if (t->cpu) {
		list_remove(&t->link);
		t->cpu = NULL;
	}
	spin_unlock(&c->timer_lock);
}

void timer_interrupt(void)
{
	struct cpu *c = this_cpu();
	struct timer *t;

	spin_lock(&c->timer_lock);
	while (!list_empty(&c->timers)) {
		t = list_first(&c->timers, struct timer, link);
		if (t->deadline > nsec())
			break;
		list_remove(&t->link);
		t->fn(t->arg);
		__atomic_store_n(&t->cpu, NULL, __ATOMIC_RELEASE);
	}
	spin_unlock(&c->timer_lock);
	timer_program();
}

void delay_ns(uint64_t ns)
{
	uint64_t end = nsec() + ns;

	while (nsec() < end)
		cpu_pause();
}
