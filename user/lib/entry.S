/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a program begins.  The kernel leaves argc, argv[] and a NULL on the
 * stack; start (start.c) gets their address, that of the dynamic section and
 * the address that the program was loaded at, all found relative to RIP.
 */
	.section .text._start, "ax", @progbits
	.globl _start
	.type _start, @function
_start:
	xorl	%ebp, %ebp
	movq	%rsp, %rdi
	leaq	_DYNAMIC(%rip), %rsi
	leaq	__ehdr_start(%rip), %rdx
	andq	$-16, %rsp
	call	start
	ud2
	.hidden	_DYNAMIC
	.hidden	__ehdr_start
	.size _start, . - _start
	.section .note.GNU-stack, "", @progbits
