/* SPDX-License-Identifier: BSD-2-Clause */
/* The MADT (ACPI 6.4, 5.2.12): processors, I/O APICs, ISA overrides; and the
 * MCFG (PCI Firmware 3.2, 4.1.2): where configuration space is. */
#include <acpi.h>
#include <log.h>

#define MADT_LAPIC_ADDR	36
#define MADT_FIRST	44
#define MADT_LAPIC	0
#define MADT_IOAPIC	1
#define MADT_OVERRIDE	2
#define MADT_LAPIC_64	5
#define LAPIC_ENABLED	1u
#define DEFAULT_APIC	0xfee00000u
#define ACTIVE_LOW	0x3u
#define LEVEL		0xcu
#define ISA_BUS		0

#define MCFG_FIRST	44
#define MCFG_ENTRY	16

struct acpi_madt acpi_madt;
struct acpi_mcfg acpi_mcfg;

static void add_cpu(struct acpi_madt *m, uint32_t apic_id)
{
	if (m->ncpus < ACPI_MAX_CPUS)
		m->apic_ids[m->ncpus++] = apic_id;
}

static void add_ioapic(struct acpi_madt *m, const uint8_t *e)
{
	if (m->nioapics == ACPI_MAX_IOAPICS)
		return;
	m->ioapics[m->nioapics++] = (struct acpi_ioapic){
		.id = e[2], .base = get32(e + 4), .gsi_base = get32(e + 8),
	};
}

/* 5.2.12.5: polarity and trigger 0 conform to ISA, high and edge. */
static void add_override(struct acpi_madt *m, const uint8_t *e)
{
	uint16_t flags = get16(e + 8);

	if (e[2] != ISA_BUS || e[3] >= ISA_IRQS)
		return;
	m->isa[e[3]] = (struct acpi_irq){
		.gsi = get32(e + 4),
		.low = (flags & ACTIVE_LOW) == ACTIVE_LOW,
		.level = (flags & LEVEL) == LEVEL,
	};
}

static void add_entry(struct acpi_madt *m, const uint8_t *e, unsigned len)
{
	if (e[0] == MADT_LAPIC && len >= 8 && get32(e + 4) & LAPIC_ENABLED)
		add_cpu(m, e[3]);
	else if (e[0] == MADT_IOAPIC && len >= 12)
		add_ioapic(m, e);
	else if (e[0] == MADT_OVERRIDE && len >= 10)
		add_override(m, e);
	else if (e[0] == MADT_LAPIC_64 && len >= 12)
		m->apic_base = get64(e + 4);
}

void madt_parse(struct acpi_madt *m, const uint8_t *table, uint32_t len)
{
	unsigned entry;

	m->apic_base = DEFAULT_APIC;
	for (unsigned i = 0; i < ISA_IRQS; i++)
		m->isa[i].gsi = i;
	if (len < MADT_FIRST)
		return;
	m->apic_base = get32(table + MADT_LAPIC_ADDR);
	for (uint32_t at = MADT_FIRST; at + 2 <= len; at += entry) {
		entry = table[at + 1];
		if (entry < 2 || entry > len - at) {
			klog(LOG_WARN, "madt: offset %u: bad length %u; the "
			     "rest is dropped", at, entry);
			return;
		}
		add_entry(m, table + at, entry);
	}
}

void mcfg_parse(struct acpi_mcfg *m, const uint8_t *table, uint32_t len)
{
	const uint8_t *e;

	for (uint32_t at = MCFG_FIRST; at + MCFG_ENTRY <= len;
	     at += MCFG_ENTRY) {
		e = table + at;
		if (m->n == ACPI_MAX_ECAMS || !get64(e) || e[10] > e[11]) {
			klog(LOG_WARN, "mcfg: offset %u: dropped", at);
			continue;
		}
		m->list[m->n++] = (struct acpi_ecam){
			.base = get64(e), .segment = get16(e + 8),
			.start_bus = e[10], .end_bus = e[11],
		};
	}
}
