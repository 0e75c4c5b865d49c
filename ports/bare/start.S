/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH (Xen's docs/misc/pvh) enters start in 32-bit mode without paging, EBX =
 * physical address of its start info.  Goes on in long mode with the first 4
 * GiB mapped one to one; from 3 GiB on, where device registers are, uncached.
 */
	.section .note.pvh, "a", @note
	.long 4, 4, 18			/* name size, value size, type */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	cld
	mov %ebx, %edi			/* main's argument */
	mov $0x20, %eax			/* CR4: PAE */
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: LME */
	rdmsr
	or $0x100, %eax
	wrmsr
	mov $0x80010033, %eax		/* CR0: PG WP NE ET MP PE */
	mov %eax, %cr0
	lgdt gdt_ptr
	ljmp $8, $1f
	.code64
1:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $stack_top, %esp
	xor %ebp, %ebp
	call bare_main

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 08: 64-bit code */
	.quad 0x00cf93000000ffff	/* 10: data */
gdt_ptr:
	.word gdt_ptr - gdt - 1
	.long gdt

	.balign 4096
pml4:	.quad pdpt + 3
	.fill 511, 8, 0
pdpt:	.quad pd + 0x0003, pd + 0x1003, pd + 0x2003, pd + 0x3003
	.fill 508, 8, 0
pd:	.set frame, 0
	.rept 1536
	.quad frame + 0x83		/* present, writable, 2 MiB */
	.set frame, frame + 0x200000
	.endr
	.rept 512
	.quad frame + 0x9b		/* and PWT, PCD */
	.set frame, frame + 0x200000
	.endr

	.bss
	.balign 16
	.space 0x4000
stack_top:
	.section .note.GNU-stack, "", @progbits
