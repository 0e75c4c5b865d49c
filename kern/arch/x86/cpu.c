/* SPDX-License-Identifier: BSD-2-Clause */
/* One processor's own registers and tables; its features. */
#include <arch.h>
#include <assert.h>
#include <cpu.h>
#include <log.h>
#include <mmu.h>
#include <sched.h>
#include <start.h>
#include <string.h>
#include <trap.h>
#include <uaccess.h>
#include <x86.h>

#define IST_SIZE 4096

/* By PTE_PCD and PTE_PWT: write-back, write-combining in place of
 * write-through, uncached but for MTRRs, uncached; the upper four as at reset
 * (SDM 3A 11.12.4). */
#define PAT_TYPES	0x0007040600070106ull

struct cpu cpus[CONFIG_MAX_CPUS];
unsigned ncpus = 1;

static uint8_t ist_stacks[CONFIG_MAX_CPUS][3][IST_SIZE] aligned(16);

struct descriptor_ptr {
	uint16_t limit;
	uint64_t base;
} packed;

static void load_gdt(struct cpu *c)
{
	uint64_t tss = (uintptr_t)&c->tss;
	struct descriptor_ptr ptr = { sizeof(c->gdt) - 1, (uintptr_t)c->gdt };

	c->gdt[GDT_KCODE / 8] = 0x00af9b000000ffff;
	c->gdt[GDT_KDATA / 8] = 0x00cf93000000ffff;
	c->gdt[GDT_UDATA / 8] = 0x00cff3000000ffff;
	c->gdt[GDT_UCODE / 8] = 0x00affb000000ffff;
	c->gdt[GDT_TSS / 8] = (sizeof(c->tss) - 1) | (tss & 0xffffff) << 16 |
		0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	c->gdt[GDT_TSS / 8 + 1] = tss >> 32;
	asm volatile("lgdt %0; mov %1, %%ds; mov %1, %%es; mov %1, %%ss;"
		     "mov %2, %%fs; mov %2, %%gs; push %3; lea 1f(%%rip), %%rax;"
		     "push %%rax; lretq; 1: ltr %w4"
		     : : "m"(ptr), "r"(GDT_KDATA), "r"(0),
		     "i"(GDT_KCODE), "r"(GDT_TSS) : "rax", "memory");
}

void cpu_init(struct cpu *c)
{
	c->self = c;
	c->id = (unsigned)(c - cpus);
	spin_init(&c->timer_lock, "timer");
	list_init(&c->timers);
	for (unsigned i = 0; i < 3; i++)
		c->tss.ist[i] = (uintptr_t)ist_stacks[c->id][i] + IST_SIZE;
	c->tss.iomap = sizeof(c->tss);
	load_gdt(c);
	wrmsr(MSR_PAT, PAT_TYPES);
	wrmsr(MSR_GS_BASE, (uintptr_t)c);
	wrmsr(MSR_KERNEL_GS, 0);
	usermode_init_cpu();
}

/* Protections and the floating-point unit; SYSCALL's entry. */
void usermode_init_cpu(void)
{
	struct cpuid f = cpuid(7, 0);
	uint64_t cr4 = rcr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (cpuid(0, 0).eax < 7)
		f = (struct cpuid){ 0 };
	if (f.ebx & 1u << 7)
		cr4 |= CR4_SMEP;
	if (f.ebx & 1u << 20) {
		cr4 |= CR4_SMAP;
		uaccess_has_smap = true;
	}
	if (f.ecx & 1u << 2)
		cr4 |= CR4_UMIP;
	lcr4(cr4);
	lcr0((rcr0() | CR0_MP | CR0_NE | CR0_WP) & ~(CR0_EM | CR0_TS));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
	wrmsr(MSR_STAR, (uint64_t)GDT_KCODE << 32 |
	      (uint64_t)(GDT_UCODE - 16) << 48);
	wrmsr(MSR_LSTAR, (uintptr_t)syscall_entry);
	wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_AC |
	      RFLAGS_NT);
}

void cpu_features_log(void)
{
	struct cpuid f = cpuid(0x80000000, 0);
	uint32_t brand[13] = { 0 };

	if (f.eax >= 0x80000004)
		for (unsigned i = 0; i < 3; i++) {
			f = cpuid(0x80000002 + i, 0);
			memcpy(&brand[i * 4], &f, sizeof(f));
		}
	klog(LOG_INFO, "cpu: %s; nx%s%s%s%s", (const char *)brand,
	     rdmsr(MSR_PAT) == PAT_TYPES ? " pat" : "",
	     rcr4() & CR4_SMEP ? " smep" : "", rcr4() & CR4_SMAP ? " smap" : "",
	     rcr4() & CR4_UMIP ? " umip" : "");
}

void irq_enable_and_halt(void)
{
	lock_irqs_on(CALLER);
	irq_on_halt();
}

/* FXSAVE's area (SDM 1, 10.5.1) as a program finds it: all exceptions masked,
 * round to nearest. */
void fpu_init(void *area)
{
	uint16_t fcw = 0x37f;
	uint32_t mxcsr = 0x1f80;

	memset(area, 0, 512);
	memcpy(area, &fcw, sizeof(fcw));
	memcpy((uint8_t *)area + 24, &mxcsr, sizeof(mxcsr));
}

void fpu_save(void *area)
{
	asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void fpu_restore(const void *area)
{
	asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

struct trapframe *kthread_user_frame(uintptr_t stack)
{
	return (struct trapframe *)(stack + KSTACK_SIZE) - 1;
}

uintptr_t kthread_first_frame(uintptr_t stack)
{
	uint64_t *sp = (uint64_t *)kthread_user_frame(stack);

	*--sp = 0;		/* as if kthread_begin had been called */
	*--sp = (uintptr_t)kthread_begin;
	for (unsigned i = 0; i < 6; i++)
		*--sp = 0;	/* kthread_switch's registers */
	return (uintptr_t)sp;
}
