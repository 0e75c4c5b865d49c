/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways into the kernel and out of it: all build a struct trapframe. */
#include <asm.h>
#include <mmu.h>

#define MSR_GS_BASE 0xc0000101

	.text

/* A stub for each vector pushes error code (0 where the processor pushes
 * none), vector, and goes on in common code. */
	.balign 16
ENTRY(trap_stubs)
	.set vector, 0
	.rept 256
	.balign 16
	.if (vector != 8) && (vector != 17) && (vector != 21) && \
	    ((vector < 10) || (vector > 14))
	push $0
	.endif
	push $vector
	.if (vector == 2) || (vector == 8) || (vector == 18)
	jmp any_state_trap
	.else
	jmp common_trap
	.endif
	.set vector, vector + 1
	.endr

.macro PUSH_REGS
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
.endm

.macro POP_REGS
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $16, %rsp			/* vector, error code */
.endm

/* Flags as the kernel wants them: no DF, no AC (SMAP), interrupts off. */
.macro CLEAN_FLAGS
	push $2
	popfq
.endm

common_trap:
	testb $3, 24(%rsp)		/* CS */
	jz 1f
	swapgs
1:	PUSH_REGS
	CLEAN_FLAGS
	mov %rsp, %rdi
	call trap
	mov %rsp, %rdi
	/* falls through */

/* trap_return(struct trapframe *): interrupts are off. */
ENTRY(trap_return)
	mov %rdi, %rsp
	testb $3, 18 * 8(%rsp)		/* CS */
	jz 1f
	swapgs
1:	POP_REGS
	iretq

/* NMI, double fault, machine check: on stacks of their own, and possibly
 * between a SWAPGS and its frame, so only the register itself tells whose GS
 * is loaded. */
any_state_trap:
	PUSH_REGS
	CLEAN_FLAGS
	xor %ebx, %ebx
	mov $MSR_GS_BASE, %ecx
	rdmsr
	test %edx, %edx
	js 1f
	swapgs
	inc %ebx
1:	mov %rsp, %rdi
	call trap
	test %ebx, %ebx
	jz 2f
	swapgs
2:	POP_REGS
	iretq

/* SYSCALL: RCX = user RIP, R11 = user flags, FMASK has cleaned ours. */
ENTRY(syscall_entry)
	swapgs
	mov %rsp, %gs:16
	mov %gs:8, %rsp
	push $GDT_UDATA
	push %gs:16
	push %r11
	push $GDT_UCODE
	push %rcx
	push $0
	push $256
	PUSH_REGS
	mov %rsp, %rdi
	call trap
	mov %rsp, %rdi
	jmp trap_return

/* kthread_switch(uintptr_t *save_rsp, uintptr_t rsp) */
ENTRY(kthread_switch)
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* user_copy(to, from, n): 0, or 1 when a page is not to be had; trap() sends
 * faults between the labels to user_copy_failed. */
ENTRY(user_copy)
	mov %rdx, %rcx
	shr $3, %rcx
	rep movsq
	mov %edx, %ecx
	and $7, %ecx
	rep movsb
ENTRY(user_copy_end)
	xor %eax, %eax
	ret
ENTRY(user_copy_failed)
	mov $1, %eax
	ret

	.section .note.GNU-stack, "", @progbits
