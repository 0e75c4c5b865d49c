/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of boot, and what only boot calls. */
#ifndef START_H
#define START_H

#include <types.h>

/* From assembler: multiboot2's magic number or 0, and the loader's words. */
void start_kernel(uint32_t magic, physaddr_t info);
void ap_start(void);				/* from assembler */

#define BOOT_MAPPED	(4 * GIB)	/* what the boot page tables reach */

/* What the loader tells into struct loader_info; false: not what it should be,
 * or no memory. */
bool loader_copy_info(uint32_t magic, physaddr_t info);
bool pvh_copy_info(physaddr_t pa);
bool multiboot2_copy_info(const void *info, size_t limit);
/* For the two: a range of memory; a string in at most size bytes. */
void loader_add_ram(uint64_t start, uint64_t size);
void loader_set_cmdline(const char *s, size_t size);

/* Kernel page tables and the page allocator, from the loader's memory map. */
void memory_init(void);
void kpt_load(void);			/* on this processor */

void serial_init(void);			/* output; before memory_init */
void serial_start_input(void);		/* once interrupts work */
void screen_init(void);			/* the same, on the framebuffer */
void screen_map(void);			/* in the kernel's page tables */
bool screen_used(void);			/* as a console */
void keyboard_start(void);		/* once interrupts work */
void apic_init(void);			/* once the MADT is known */
void apic_init_cpu(void);
void ioapic_init(void);
void tlb_init(void);
void usermode_init_cpu(void);		/* system calls, this processor's */

/* Above the architecture: the rest of boot, in a thread. */
void kernel_main(void *unused);

#endif
