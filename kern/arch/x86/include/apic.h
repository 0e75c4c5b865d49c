/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC in xAPIC mode (SDM 3A, chapter 11) and the I/O APICs. */
#ifndef APIC_H
#define APIC_H

#include <cpu.h>
#include <types.h>

void apic_eoi(void);
uint32_t apic_id(void);
void apic_send(uint32_t apic_id, unsigned vector);
void apic_send_nmi_others(void);
/* To another processor: INIT, and start-up at a page below 1 MiB. */
void apic_init_message(uint32_t apic_id);
void apic_startup_message(uint32_t apic_id, physaddr_t page);

/* The APIC's timer, counting down. */
void apic_timer_set(uint32_t ticks);
uint32_t apic_timer_left(void);

/* The I/O APIC that a global system interrupt comes to; NULL: none. */
struct acpi_ioapic;
const struct acpi_ioapic *ioapic_of(uint32_t gsi);
/* An entry in compatibility format. */
uint64_t ioapic_entry(unsigned vector, uint32_t dest_apic);
/* Writes the entry of a global system interrupt; false: no such input. */
bool ioapic_route(uint32_t gsi, uint64_t entry, bool level, bool low);

#endif
