/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH (Xen's docs/misc/pvh) enters start in 32-bit mode without paging, EBX =
 * physical address of its start info.  Goes on in long mode with the first 4
 * GiB mapped one to one by pages of 1 GiB; the last, where device registers
 * are, is uncached (PWT, PCD).
 */
	.section .note.pvh, "a", @note
	.long 4, 4, 18			/* name size, value size, type */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:	cld
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
	mov %eax, %ss
	mov $stack_top, %esp
	call bare_main

	.data
	.balign 4096
pml4:	.quad pdpt + 3
	.fill 511, 8, 0
pdpt:	.quad 0x00000083, 0x40000083, 0x80000083, 0xc000009b
	.fill 508, 8, 0
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_ptr:
	.word gdt_ptr - gdt - 1
	.long gdt

	.bss
	.balign 16
	.space 0x4000
stack_top:
