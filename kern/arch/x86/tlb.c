/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLB shootdown.  A space is loaded on at most the processors whose bit is set
 * in its mask; each of them is asked by an interrupt and answers by counting
 * down.  One request at a time; the qlock that guards it sleeps, so every
 * processor that waits here takes interrupts, and answers others meanwhile.
 */
#include <apic.h>
#include <arch.h>
#include <aspace.h>
#include <assert.h>
#include <cpu.h>
#include <lock.h>
#include <log.h>
#include <mmu.h>
#include <sched.h>
#include <start.h>
#include <timer.h>
#include <tlb.h>
#include <trap.h>
#include <x86.h>

#define FLUSH_ALL_PAGES	32	/* from here on, drop the whole TLB */
#define SLOW_NS		NSEC_PER_SEC

static struct {
	struct qlock lock;
	struct aspace *as;
	uintptr_t va;
	size_t len;
	unsigned waiting;
} request = { .lock = QLOCK(request.lock, "tlb") };

static void flush_local(uintptr_t va, size_t len)
{
	if (len > FLUSH_ALL_PAGES * PGSIZE) {
		lcr3(rcr3());
		return;
	}
	for (size_t at = 0; at < len; at += PGSIZE)
		invlpg(va + at);
}

void tlb_interrupt(void)
{
	if (this_cpu()->aspace == request.as)
		flush_local(request.va, request.len);
	__atomic_fetch_sub(&request.waiting, 1, __ATOMIC_RELEASE);
}

static void ask(uint64_t mask)
{
	for (unsigned i = 0; i < ncpus; i++)
		if (mask & 1ull << i) {
			__atomic_fetch_add(&request.waiting, 1,
					   __ATOMIC_SEQ_CST);
			apic_send(cpus[i].apic_id, VECTOR_TLB);
		}
}

/* A processor that does not answer holds a lock with interrupts off: a fault
 * of ours, but a virtual one may only have slept. */
static void wait_for_answers(void)
{
	uint64_t slow = nsec() + SLOW_NS;

	while (__atomic_load_n(&request.waiting, __ATOMIC_ACQUIRE)) {
		cpu_pause();
		if (nsec() > slow) {
			klog(LOG_WARN, "tlb: %u processors do not answer",
			     request.waiting);
			slow = nsec() + SLOW_NS;
		}
	}
}

void tlb_shootdown(struct aspace *as, uintptr_t va, size_t len)
{
	uint64_t others;

	assert(read_rflags() & RFLAGS_IF);
	/* The caller's table stores come before the look at the mask; whoever
	 * loads the space later sets its bit first and sees the stores. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	irq_push_off();
	if (this_cpu()->aspace == as)
		flush_local(va, len);
	others = __atomic_load_n(&as->cpus, __ATOMIC_SEQ_CST) &
		~(1ull << this_cpu()->id);
	irq_pop();
	if (!others)
		return;
	qlock(&request.lock);
	request.as = as;
	request.va = va;
	request.len = len;
	ask(others);
	wait_for_answers();
	qunlock(&request.lock);
}

/* Scheduler, interrupts off: from here on this processor's user half is as's
 * (NULL: nobody's). */
void aspace_load(struct aspace *as)
{
	struct cpu *c = this_cpu();
	uint64_t bit = 1ull << c->id;

	if (c->aspace == as)
		return;
	if (as)
		__atomic_fetch_or(&as->cpus, bit, __ATOMIC_SEQ_CST);
	if (as)
		lcr3(as->root);
	else
		kpt_load();
	if (c->aspace)
		__atomic_fetch_and(&c->aspace->cpus, ~bit, __ATOMIC_SEQ_CST);
	c->aspace = as;
}
