/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel takes from the firmware's ACPI tables, at boot: processors
 * and I/O APICs (MADT), configuration space (MCFG), timer and power (FADT),
 * and the raw DMAR table.  Every byte is checked; a table that is wrong is
 * dropped alone, and named.
 */
#ifndef ACPI_H
#define ACPI_H

#include <config.h>
#include <types.h>

#define ACPI_MAX_CPUS	256
#define ACPI_MAX_IOAPICS 8
#define ACPI_MAX_ECAMS	16
#define ISA_IRQS	16

struct acpi_irq {
	uint32_t gsi;
	bool level, low;
};

struct acpi_ioapic {
	physaddr_t base;
	uint32_t gsi_base;
	uint8_t id;
};

struct acpi_madt {
	physaddr_t apic_base;
	uint32_t apic_ids[ACPI_MAX_CPUS];
	unsigned ncpus;
	struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
	unsigned nioapics;
	struct acpi_irq isa[ISA_IRQS];
};
extern struct acpi_madt acpi_madt;

struct acpi_ecam {
	physaddr_t base;	/* of bus 0 */
	uint16_t segment;
	uint8_t start_bus, end_bus;
};
struct acpi_mcfg {
	struct acpi_ecam list[ACPI_MAX_ECAMS];
	unsigned n;
};
extern struct acpi_mcfg acpi_mcfg;

extern uint16_t acpi_pm_timer;		/* port; 0: none */

/* Finds the tables and fills in the above. */
void acpi_init(void);
struct acpi_irq acpi_isa_irq(unsigned irq);

/* A table by its signature, checked, mapped for good; NULL: there is none.
 * len is its length. */
const uint8_t *acpi_table(const char *signature, uint32_t *len);

/* The DMAR table in words, and what of it was dropped. */
struct text;
void acpi_dmar_text(struct text *t);

/* Turns the machine off or resets it; returns where that cannot be done. */
void acpi_power_off(void);
void acpi_reset(void);

/* madt.c, mcfg.c, fadt.c: pure, over checked bytes.  What is dropped is told
 * by offset. */
void madt_parse(struct acpi_madt *m, const uint8_t *table, uint32_t len);
void mcfg_parse(struct acpi_mcfg *m, const uint8_t *table, uint32_t len);
void fadt_init(void);

/* Little-endian numbers anywhere. */
static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

#endif
