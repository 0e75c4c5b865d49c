/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that C has no words for, and the bits of control registers. */
#ifndef X86_H
#define X86_H

#include <types.h>

#define CR0_MP		(1ul << 1)
#define CR0_EM		(1ul << 2)
#define CR0_TS		(1ul << 3)
#define CR0_NE		(1ul << 5)
#define CR0_WP		(1ul << 16)
#define CR0_PG		(1ul << 31)
#define CR4_PAE		(1ul << 5)
#define CR4_PGE		(1ul << 7)
#define CR4_OSFXSR	(1ul << 9)
#define CR4_OSXMMEXCPT	(1ul << 10)
#define CR4_UMIP	(1ul << 11)
#define CR4_SMEP	(1ul << 20)
#define CR4_SMAP	(1ul << 21)

#define RFLAGS_CF	(1ul << 0)
#define RFLAGS_FIXED	(1ul << 1)
#define RFLAGS_TF	(1ul << 8)
#define RFLAGS_IF	(1ul << 9)
#define RFLAGS_DF	(1ul << 10)
#define RFLAGS_NT	(1ul << 14)
#define RFLAGS_AC	(1ul << 18)
#define RFLAGS_ARITH	0xcd5ul		/* CF PF AF ZF SF DF OF */

#define MSR_APIC_BASE	0x1b
#define MSR_PAT		0x277
#define MSR_EFER	0xc0000080
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_FMASK	0xc0000084
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS	0xc0000102
#define EFER_SCE	(1ul << 0)
#define EFER_LME	(1ul << 8)
#define EFER_NXE	(1ul << 11)

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v),
		     "d"((uint32_t)(v >> 32)) : "memory");
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx),
		     "=d"(r.edx) : "a"(leaf), "c"(sub));
	return r;
}

#define DEFINE_CR(n)							\
static inline uint64_t rcr##n(void)					\
{									\
	uint64_t v;							\
	asm volatile("mov %%cr" #n ", %0" : "=r"(v));			\
	return v;							\
}									\
static inline void lcr##n(uint64_t v)					\
{									\
	asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory");		\
}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline uint64_t read_rflags(void)
{
	uint64_t v;

	asm volatile("pushfq; pop %0" : "=r"(v));
	return v;
}

static inline void irq_off(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void irq_on(void)
{
	asm volatile("sti" : : : "memory");
}

/* Waits for an interrupt; STI's shadow leaves no gap before the HLT. */
static inline void irq_on_halt(void)
{
	asm volatile("sti; hlt" : : : "memory");
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

static inline void invlpg(uintptr_t va)
{
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void clflush(const volatile void *p)
{
	asm volatile("clflush %0" : : "m"(*(const volatile char *)p) :
		     "memory");
}

/* All 64 lines of a page, in as many instructions. */
static inline void clflush_page(const volatile void *p)
{
	asm volatile(".set line, 0\n"
		     ".rept 64\n"
		     "clflush line(%0)\n"
		     ".set line, line + 64\n"
		     ".endr" : : "r"(p) : "memory");
}

static inline void mfence(void)
{
	asm volatile("mfence" : : : "memory");
}

#define DEFINE_PORT(name, type)						\
static inline type in##name(uint16_t port)				\
{									\
	type v;								\
	asm volatile("in" #name " %1, %0" : "=a"(v) : "Nd"(port));	\
	return v;							\
}									\
static inline void out##name(uint16_t port, type v)			\
{									\
	asm volatile("out" #name " %0, %1" : : "a"(v), "Nd"(port));	\
}
DEFINE_PORT(b, uint8_t)
DEFINE_PORT(w, uint16_t)
DEFINE_PORT(l, uint32_t)

/* Device registers: exactly one access of exactly this width. */
#define DEFINE_MMIO(bits, op, reg)					\
static inline uint##bits##_t mmio_read##bits(const volatile void *p)	\
{									\
	uint##bits##_t v;						\
	asm volatile("mov" op " %1, %0" : reg(v)			\
		     : "m"(*(const volatile uint##bits##_t *)p)		\
		     : "memory");					\
	return v;							\
}									\
static inline void mmio_write##bits(volatile void *p, uint##bits##_t v)	\
{									\
	asm volatile("mov" op " %1, %0"					\
		     : "=m"(*(volatile uint##bits##_t *)p)		\
		     : "r"(v) : "memory");				\
}
DEFINE_MMIO(8, "b", "=q")
DEFINE_MMIO(16, "w", "=r")
DEFINE_MMIO(32, "l", "=r")
DEFINE_MMIO(64, "q", "=r")

#endif
