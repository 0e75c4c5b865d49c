/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the loader to C.
 *
 * PVH (Xen's docs/misc/pvh: "x86/HVM direct boot ABI") enters pvh_start, and
 * multiboot2 (its specification, 3.3) multiboot2_start, both in 32-bit mode
 * without paging, EBX = physical address of their information.  From firmware
 * that is UEFI, GRUB goes back to 32 bits, so that the same entry does.  Other processors enter ap_boot_start in real mode, copied to AP_BOOT.
 * Both go to long mode on boot_pml4, which maps the first 4 GiB at 0, at
 * DIRECT_BASE and (1 GiB of it) at KERNEL_BASE; C code builds better tables.
 */
#include <asm.h>
#include <mmu.h>
#include <multiboot2.h>

#define PA(sym) ((sym) - KERNEL_BASE)

	.section .note.pvh, "a", @note
	.long 4, 4, 18			/* name size, value size, type */
	.asciz "Xen"
	.long PA(pvh_start)

/*
 * Multiboot2's header (3.1): in the first 32 KiB of the file, tags on 8 bytes.
 * The ELF entry point is PVH's, hence an entry of its own; all its tags but the
 * framebuffer's must be understood.
 */
	.section .text.boot, "ax"
	.balign 8
mb2_header:
	.long MB2_HEADER_MAGIC, 0, mb2_header_end - mb2_header
	.long -(MB2_HEADER_MAGIC + (mb2_header_end - mb2_header))
	.word MB2_WANT_INFO, 0
	.long 12, MB2_MEMORY_MAP
	.balign 8
	.word MB2_WANT_ENTRY, 0
	.long 12, PA(multiboot2_start)
	.balign 8
	.word MB2_WANT_FRAMEBUFFER, MB2_OPTIONAL
	.long 20, SCREEN_WIDTH, SCREEN_HEIGHT, 32
	.balign 8
	.word MB2_END, 0
	.long 8
mb2_header_end:

	.code32
ENTRY(multiboot2_start)
	mov %eax, %edi
	jmp 1f
ENTRY(pvh_start)
	xor %edi, %edi
1:	cli
	cld
	mov %ebx, %esi
	mov $PA(boot_stack_top), %esp
	mov $PA(boot_gdt_ptr), %eax
	lgdt (%eax)
	call to_long_mode
	ljmp $GDT_KCODE, $PA(1f)
	.code64
1:	movabs $start_high, %rax
	jmp *%rax
start_high:
	lea boot_stack_top(%rip), %rsp
	xor %ebp, %ebp
	mov %edi, %edi			/* the upper halves are undefined */
	mov %esi, %esi
	call start_kernel

/* Turns on PAE, long mode with NX, and paging with WP; keeps ESI and EDI. */
	.code32
to_long_mode:
	mov $0xa0, %eax			/* CR4: PAE, PGE */
	mov %eax, %cr4
	mov $PA(boot_pml4), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov $0x80010033, %eax		/* CR0: PG WP NE ET MP PE */
	mov %eax, %cr0
	ret

/* Copied to AP_BOOT by smp_boot; only what lies between the two labels. */
	.code16
ENTRY(ap_boot_start)
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	lgdtl AP_BOOT + ap_gdt_ptr - ap_boot_start
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $0x30, $(AP_BOOT + 1f - ap_boot_start)
	.code32
1:	mov $GDT_KDATA, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $(AP_BOOT + 0x1000), %esp
	mov $PA(to_long_mode), %eax
	call *%eax
	ljmp $GDT_KCODE, $PA(ap_long)
	.balign 8
ap_gdt_ptr:
	.word boot_gdt_end - boot_gdt - 1
	.long PA(boot_gdt)
ENTRY(ap_boot_end)

	.code64
ap_long:
	movabs $ap_high, %rax
	jmp *%rax
ap_high:
	mov ap_cr3(%rip), %rax
	mov %rax, %cr3
	mov ap_stack_top(%rip), %rsp
	xor %ebp, %ebp
	call ap_start

	.section .rodata
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 08: 64-bit code */
	.quad 0x00cf93000000ffff	/* 10: data */
	.quad 0, 0, 0
	.quad 0x00cf9b000000ffff	/* 30: 32-bit code */
boot_gdt_end:
boot_gdt_ptr:
	.word boot_gdt_end - boot_gdt - 1
	.long PA(boot_gdt)

	.data
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.quad PA(boot_pdpt_low) + 3
	.fill 255, 8, 0
	.quad PA(boot_pdpt_low) + 3
	.fill 254, 8, 0
	.quad PA(boot_pdpt_high) + 3
boot_pdpt_low:
	.quad PA(boot_pd) + 0x0003, PA(boot_pd) + 0x1003
	.quad PA(boot_pd) + 0x2003, PA(boot_pd) + 0x3003
	.fill 508, 8, 0
boot_pdpt_high:
	.fill 510, 8, 0
	.quad PA(boot_pd) + 3, 0
boot_pd:
	.set frame, 0
	.rept 2048
	.quad frame + 0x83		/* present, writable, 2 MiB */
	.set frame, frame + 0x200000
	.endr

	.globl ap_stack_top, ap_cr3
ap_stack_top:
	.quad 0
ap_cr3:
	.quad 0

	.bss
	.balign 16
	.space 0x4000
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
