/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions, interrupts and system calls, all by trap().  What a process did
 * wrong becomes a note to it; what the kernel did wrong is shown with all
 * registers and ends the run.
 */
#include <apic.h>
#include <arch.h>
#include <aspace.h>
#include <assert.h>
#include <cpu.h>
#include <fmt.h>
#include <irq.h>
#include <log.h>
#include <mmu.h>
#include <proc.h>
#include <sched.h>
#include <syscall.h>
#include <timer.h>
#include <tlb.h>
#include <trap.h>
#include <uaccess.h>
#include <x86.h>

extern char trap_stubs[];
#define STUB_SIZE 16

struct gate {
	uint16_t offset_lo, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_hi, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM 3A 6.14.1");

static struct gate idt[256];
static bool panicking;

static const char *const trap_names[] = {
	"divide error", "debug", "nmi", "breakpoint", "overflow",
	"bound range", "invalid opcode", "no coprocessor", "double fault",
	"coprocessor overrun", "invalid tss", "segment not present",
	"stack fault", "general protection", "page fault", "reserved",
	"floating point", "alignment check", "machine check", "simd",
};

static const char *trap_name(uint64_t n)
{
	return n < ARRAY_SIZE(trap_names) ? trap_names[n] : "trap";
}

void idt_init(void)
{
	uintptr_t stub = (uintptr_t)trap_stubs;

	for (unsigned i = 0; i < 256; i++, stub += STUB_SIZE)
		idt[i] = (struct gate){
			.offset_lo = (uint16_t)stub,
			.selector = GDT_KCODE,
			.ist = i == T_NMI ? 1 : i == T_DOUBLE_FAULT ? 2 :
				i == T_MACHINE_CHECK ? 3 : 0,
			.type = i == T_BREAKPOINT ? 0xee : 0x8e,
			.offset_mid = (uint16_t)(stub >> 16),
			.offset_hi = (uint32_t)(stub >> 32),
		};
}

void idt_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} packed ptr = { sizeof(idt) - 1, (uintptr_t)idt };

	asm volatile("lidt %0" : : "m"(ptr));
}

static void dump_frame(const struct trapframe *tf)
{
	klog(LOG_ERROR, "rip %016lx cs %lx rflags %lx rsp %016lx ss %lx",
	     tf->rip, tf->cs, tf->rflags, tf->rsp, tf->ss);
	klog(LOG_ERROR, "rax %016lx rbx %016lx rcx %016lx rdx %016lx",
	     tf->rax, tf->rbx, tf->rcx, tf->rdx);
	klog(LOG_ERROR, "rsi %016lx rdi %016lx rbp %016lx r8  %016lx",
	     tf->rsi, tf->rdi, tf->rbp, tf->r8);
	klog(LOG_ERROR, "r9  %016lx r10 %016lx r11 %016lx r12 %016lx",
	     tf->r9, tf->r10, tf->r11, tf->r12);
	klog(LOG_ERROR, "r13 %016lx r14 %016lx r15 %016lx cr2 %016lx",
	     tf->r13, tf->r14, tf->r15, rcr2());
	klog(LOG_ERROR, "cr0 %lx cr3 %lx cr4 %lx cpu %u", rcr0(), rcr3(),
	     rcr4(), this_cpu()->id);
}

void panic(const char *fmt, ...)
{
	static char text[256];
	va_list args;

	irq_off();
	if (__atomic_exchange_n(&panicking, true, __ATOMIC_SEQ_CST))
		for (;;)
			asm volatile("hlt");
	log_unlock_for_panic();
	cpu_halt_others();
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	klog(LOG_ERROR, "panic: %s", text);
	klog(LOG_ERROR, "processor %u, called from %p", this_cpu()->id,
	     __builtin_return_address(0));
	iommu_stop();
	for (;;)
		asm volatile("hlt");
}

static noreturn void kernel_trap(struct trapframe *tf)
{
	irq_off();
	log_unlock_for_panic();
	dump_frame(tf);
	panic("%s in the kernel, error code 0x%lx", trap_name(tf->trapno),
	      tf->error);
}

static void user_trap(struct trapframe *tf)
{
	char text[NOTEMAX];

	snprintf(text, sizeof(text), "sys: trap: %s pc=0x%lx",
		 trap_name(tf->trapno), tf->rip);
	irq_enable();		/* it may be the process's end */
	note_post_self(text);
	irq_disable();
}

/* The page is made, or the process hears of it, or a copy ends early. */
static void page_fault(struct trapframe *tf)
{
	uintptr_t va = rcr2();
	struct proc *p = current_kthread()->proc;
	int how = tf->error & PF_FETCH ? PROT_EXEC :
		tf->error & PF_WRITE ? PROT_WRITE : PROT_READ;
	char text[NOTEMAX];
	uint64_t rip = tf->rip;

	if (!from_user(tf) && (!p || va >= BAR_END || !uaccess_fixup(&rip) ||
			       this_cpu()->irq_nest))
		kernel_trap(tf);
	irq_enable();
	if (aspace_fault(p->as, va, how) == 0)
		goto out;
	if (!from_user(tf)) {
		tf->rip = rip;
		goto out;
	}
	snprintf(text, sizeof(text), "sys: trap: fault %s addr=0x%lx pc=0x%lx",
		 how == PROT_EXEC ? "fetch" : how == PROT_WRITE ? "write" :
		 "read", va, tf->rip);
	note_post_self(text);
out:
	irq_disable();
}

static void nmi(struct trapframe *tf)
{
	bool watched;

	if (cpu_halting())
		for (;;)
			asm volatile("hlt");
	watched = lock_watched(false);
	klog(LOG_WARN, "nmi on processor %u at %016lx", this_cpu()->id,
	     tf->rip);
	lock_watched(watched);
}

static void interrupt(unsigned vector)
{
	sched_awake();
	lock_in_irq(true);
	switch (vector) {
	case VECTOR_TIMER:
		apic_eoi();
		sched_tick();
		timer_interrupt();
		break;
	case VECTOR_TLB:
		apic_eoi();
		tlb_interrupt();
		break;
	case VECTOR_KICK:
		apic_eoi();
		break;
	case VECTOR_DRAIN:
		apic_eoi();
		irq_drained();
		break;
	case VECTOR_SPURIOUS:
		break;
	default:
		irq_dispatch(vector);
	}
	lock_in_irq(false);
}

static void exception(struct trapframe *tf)
{
	if (tf->trapno == T_NMI)
		nmi(tf);
	else if (tf->trapno == T_PAGE_FAULT)
		page_fault(tf);
	else if (from_user(tf) && tf->trapno != T_DOUBLE_FAULT &&
		 tf->trapno != T_MACHINE_CHECK)
		user_trap(tf);
	else
		kernel_trap(tf);
}

/* Before user code goes on: its time may be over, notes may be waiting. */
static void before_user(struct trapframe *tf)
{
	lock_none("goes to user mode at", CALLER);
	while (this_cpu()->resched || note_pending(current_kthread()->proc)) {
		irq_enable();
		if (this_cpu()->resched)
			schedule();
		else
			note_deliver(tf);
		irq_disable();
	}
}

void trap(struct trapframe *tf)
{
	if (tf->trapno == T_SYSCALL) {
		irq_enable();
		syscall(tf);
		irq_disable();
	} else if (tf->trapno < T_FIRST_IRQ) {
		exception(tf);
	} else {
		interrupt((unsigned)tf->trapno);
	}
	if (from_user(tf) && tf->trapno != T_NMI)
		before_user(tf);
}

void user_enter(void)
{
	irq_disable();
	before_user(current_kthread()->proc->tf);
	trap_return(current_kthread()->proc->tf);
}
