/* SPDX-License-Identifier: BSD-2-Clause */
/* What each processor has of its own, reached through GS. */
#ifndef CPU_H
#define CPU_H

#include <config.h>
#include <list.h>
#include <lock.h>
#include <types.h>

struct aspace;
struct kthread;

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap;
} packed;
_Static_assert(sizeof(struct tss) == 104, "SDM 3A 8.7");

struct cpu {
	struct cpu *self;		/* assembler: at 0 */
	uintptr_t kstack;		/* assembler: at 8; top of the stack */
	uintptr_t user_rsp;		/* assembler: at 16 */
	struct kthread *kthread;	/* running now */
	struct kthread *idle;
	struct aspace *aspace;		/* loaded now; NULL: the kernel's */
	unsigned id;
	uint32_t apic_id;
	bool online;
	bool resched;			/* schedule() before going to the user */
	unsigned irq_nest;		/* irq_push_off's that are open */
	bool irq_were_on;
	struct spinlock timer_lock;
	struct list timers;		/* by deadline */
	uint64_t slice_end;
	uint64_t switches;		/* counts schedule()'s hand-overs */
	uint64_t halted_at;		/* 0: it does not sleep */
	uint64_t idle_ns;		/* how long it has slept */
	struct tss tss;
	uint64_t gdt[7];
};

extern struct cpu cpus[CONFIG_MAX_CPUS];
extern unsigned ncpus;			/* that run */

/* The caller has interrupts off, or does not mind to be moved. */
static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	asm volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

/* The same on every processor that the thread moves to. */
static inline struct kthread *current_kthread(void)
{
	struct kthread *k;

	asm volatile("mov %%gs:%c1, %0" : "=r"(k)
		     : "i"(__builtin_offsetof(struct cpu, kthread)));
	return k;
}

void cpu_init(struct cpu *c);		/* on that processor */
void cpu_features_log(void);
void smp_boot(void);			/* starts all the others */

/* Inter-processor interrupts. */
void cpu_kick(struct cpu *c);		/* looks at its run queue */
void cpu_halt_others(void);		/* panic, halt: for good, by NMI */
bool cpu_halting(void);			/* such an NMI is on its way */

#endif
