/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler (sched.h): one run queue under one lock, which stays held
 * while a processor changes from one thread's stack to another's, so that no
 * thread is ever picked while it still stands on a processor.
 *
 * Lock order: the scheduler's lock is taken last.
 */
#include <arch.h>
#include <aspace.h>
#include <assert.h>
#include <config.h>
#include <cpu.h>
#include <kmalloc.h>
#include <proc.h>
#include <sched.h>
#include <string.h>

#define SLICE_NS (NSEC_PER_SEC / CONFIG_HZ)

static struct {
	struct spinlock lock;
	struct list ready;
	uint64_t idle_cpus;	/* bit: that processor sleeps in its idle loop */
} sched = {
	.lock = SPINLOCK("sched"),
	.ready = LIST_INIT(sched.ready),
};

struct kthread *kthread_create(const char *name, void (*start)(void *),
			       void *arg)
{
	struct kthread *k = kmalloc(sizeof(*k));

	if (!k)
		return NULL;
	k->stack = kstack_alloc();
	if (!k->stack) {
		kfree(k);
		return NULL;
	}
	k->name = name;
	k->start = start;
	k->arg = arg;
	k->state = KT_SLEEPING;
	list_init(&k->link);
	fpu_init(k->fpu);
	k->rsp = kthread_first_frame(k->stack);
	return k;
}

void kthread_free(struct kthread *k)
{
	kstack_free(k->stack);
	kfree(k);
}

bool kthread_dead(struct kthread *k)
{
	bool dead;

	spin_lock(&sched.lock);
	dead = k->state == KT_DEAD && !k->on_cpu;
	spin_unlock(&sched.lock);
	return dead;
}

/* A sleeping processor is woken for the new work, if there is one; this one,
 * when the interrupt that it takes has ended its sleep, looks by itself. */
static void kick_idle_cpu(void)
{
	unsigned id;

	if (!sched.idle_cpus || this_cpu()->kthread->idle)
		return;
	id = (unsigned)__builtin_ctzll(sched.idle_cpus);
	sched.idle_cpus &= ~(1ull << id);
	cpu_kick(&cpus[id]);
}

void kthread_ready(struct kthread *k)
{
	spin_lock(&sched.lock);
	if (k->state == KT_SLEEPING) {
		if (k->on_cpu) {
			k->state = KT_RUNNING;
		} else {
			k->state = KT_READY;
			list_append(&sched.ready, &k->link);
			kick_idle_cpu();
		}
	}
	spin_unlock(&sched.lock);
}

static struct kthread *pick(struct cpu *c)
{
	struct kthread *k;

	if (list_empty(&sched.ready))
		return c->idle;
	k = list_first(&sched.ready, struct kthread, link);
	list_remove(&k->link);
	return k;
}

static void leave(struct kthread *prev, uint64_t now)
{
	prev->ran_ns += now - prev->on_since;
	prev->on_cpu = false;
	if (prev->proc)
		fpu_save(prev->fpu);
}

static void enter(struct cpu *c, struct kthread *next, uint64_t now)
{
	next->state = KT_RUNNING;
	next->on_cpu = true;
	next->on_since = now;
	c->kthread = next;
	c->kstack = c->tss.rsp[0] = next->stack + KSTACK_SIZE;
	c->slice_end = next->idle ? 0 : now + SLICE_NS;
	c->switches++;
	aspace_load(next->proc ? next->proc->as : NULL);
	if (next->proc)
		fpu_restore(next->fpu);
}

/* Behind each change of stacks, on the new one. */
static void switched(bool irqs_were_on)
{
	this_cpu()->irq_were_on = irqs_were_on;
	spin_unlock(&sched.lock);
	irq_push_off();
	timer_program();
	irq_pop();
}

void schedule(void)
{
	struct kthread *prev, *next;
	struct cpu *c;
	bool irqs_were_on;
	uint64_t now;

	lock_sleeps(CALLER);
	spin_lock(&sched.lock);
	c = this_cpu();
	assert(c->irq_nest == 1);
	irqs_were_on = c->irq_were_on;
	prev = c->kthread;
	c->resched = false;
	sched.idle_cpus &= ~(1ull << c->id);
	if (prev->state == KT_RUNNING && !prev->idle) {
		prev->state = KT_READY;
		list_append(&sched.ready, &prev->link);
	}
	next = pick(c);
	now = nsec();
	leave(prev, now);
	enter(c, next, now);
	if (next != prev)
		kthread_switch(&prev->rsp, next->rsp);
	switched(irqs_were_on);
}

/* A new thread's first step, from kthread_first_frame's code. */
void kthread_begin(void)
{
	struct kthread *k = current_kthread();

	switched(true);
	k->start(k->arg);
	kthread_exit();
}

void kthread_exit(void)
{
	lock_none("ends at", CALLER);
	spin_lock(&sched.lock);
	current_kthread()->state = KT_DEAD;
	spin_unlock(&sched.lock);
	schedule();
	panic("a dead thread ran");
}

void sched_tick(void)
{
	struct cpu *c = this_cpu();

	if (!c->slice_end || nsec() < c->slice_end)
		return;
	c->resched = true;
	c->slice_end = 0;	/* no more ticks until somebody is chosen */
}

static void wake_kthread(void *k)
{
	kthread_ready(k);
}

void sleep_begin(uint64_t deadline)
{
	struct kthread *k = current_kthread();

	lock_sleeps(CALLER);
	spin_lock(&sched.lock);
	k->state = KT_SLEEPING;
	spin_unlock(&sched.lock);
	if (deadline != NO_DEADLINE && !k->timer.cpu)
		timer_set(&k->timer, deadline, wake_kthread, k);
}

int sleep_status(uint64_t deadline)
{
	struct proc *p = current_kthread()->proc;

	if (p && note_pending(p))
		return error(EINTR, "interrupted");
	if (deadline != NO_DEADLINE && nsec() >= deadline)
		return error(ETIMEDOUT, "timed out");
	return 0;
}

void sleep_end(void)
{
	struct kthread *k = current_kthread();

	timer_cancel(&k->timer);
	spin_lock(&sched.lock);
	k->state = KT_RUNNING;
	spin_unlock(&sched.lock);
}

void kthread_sleep_ns(uint64_t ns)
{
	uint64_t deadline = nsec() + ns;

	while (nsec() < deadline) {
		sleep_begin(deadline);
		schedule();
		sleep_end();
	}
}

void sched_start_cpu(struct cpu *c)
{
	struct kthread *k = kmalloc(sizeof(*k));

	if (!k)
		panic("processor %u: no memory for its idle thread", c->id);
	k->name = "idle";
	k->idle = true;
	k->state = KT_RUNNING;
	k->on_cpu = true;
	list_init(&k->link);
	c->idle = k;
	c->kthread = k;
}

/* Says that this processor sleeps, unless there is work. */
static bool nothing_to_do(void)
{
	bool nothing;

	spin_lock(&sched.lock);
	nothing = list_empty(&sched.ready);
	if (nothing)
		sched.idle_cpus |= 1ull << this_cpu()->id;
	spin_unlock(&sched.lock);
	return nothing;
}

void sched_awake(void)
{
	struct cpu *c = this_cpu();

	if (!c->halted_at)
		return;
	c->idle_ns += nsec() - c->halted_at;
	WRITE_ONCE(c->halted_at, 0);
}

/* Not to the nanosecond for one that falls asleep or wakes just now. */
uint64_t sched_idle_ns(void)
{
	uint64_t now = nsec(), sum = 0, since;

	for (unsigned i = 0; i < ncpus; i++) {
		since = READ_ONCE(cpus[i].halted_at);
		sum += READ_ONCE(cpus[i].idle_ns);
		sum += since && since < now ? now - since : 0;
	}
	return sum;
}

void idle_loop(void)
{
	for (;;) {
		irq_disable();
		if (nothing_to_do()) {
			timer_program();
			WRITE_ONCE(this_cpu()->halted_at, nsec());
			irq_enable_and_halt();
		} else {
			irq_enable();
		}
		schedule();
	}
}
