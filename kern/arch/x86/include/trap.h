/* SPDX-License-Identifier: BSD-2-Clause */
/* Traps: exceptions, interrupts and system calls, all with one frame. */
#ifndef TRAP_H
#define TRAP_H

#include <types.h>

struct trapframe {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t trapno, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

#define T_DEBUG		1
#define T_NMI		2
#define T_BREAKPOINT	3
#define T_DOUBLE_FAULT	8
#define T_GP		13
#define T_PAGE_FAULT	14
#define T_MACHINE_CHECK	18
#define T_FIRST_IRQ	32
#define T_SYSCALL	256

#define PF_PRESENT	1
#define PF_WRITE	2
#define PF_USER		4
#define PF_FETCH	16

/* Vectors: devices take FIRST_DEVICE_VECTOR to LAST_DEVICE_VECTOR, the rest is
 * fixed.  VECTOR_DRAIN is of a lower class than any device's (SDM 3A 11.8.3.1):
 * when it is served, no device's interrupt waits any more. */
#define VECTOR_DRAIN		0x20
#define FIRST_DEVICE_VECTOR	0x30
#define LAST_DEVICE_VECTOR	0xee
#define VECTOR_TIMER		0xef
#define VECTOR_TLB		0xf0
#define VECTOR_KICK		0xf1
#define VECTOR_SPURIOUS		0xff

void idt_init(void);			/* the table, once */
void idt_load(void);			/* on each processor */
void trap(struct trapframe *tf);	/* from assembler */
void syscall_entry(void);		/* assembler; for LSTAR */
noreturn void trap_return(struct trapframe *tf);

static inline bool from_user(const struct trapframe *tf)
{
	return (tf->cs & 3) != 0;
}

#endif
