/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of boot, and what only boot calls. */
#ifndef START_H
#define START_H

#include <types.h>

void start_kernel(physaddr_t start_info);	/* from assembler */
void ap_start(void);				/* from assembler */

bool pvh_copy_info(physaddr_t pa);	/* false: not PVH's, or no memory */

/* Kernel page tables and the page allocator, from the loader's memory map. */
void memory_init(void);
void kpt_load(void);			/* on this processor */

void serial_init(void);			/* output; before memory_init */
void serial_start_input(void);		/* once interrupts work */
void apic_init(void);			/* once the MADT is known */
void apic_init_cpu(void);
void ioapic_init(void);
void tlb_init(void);
void usermode_init_cpu(void);		/* system calls, this processor's */

/* Above the architecture: the rest of boot, in a thread. */
void kernel_main(void *unused);

#endif
