/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APICs (82093AA data sheet): all inputs masked at boot, then opened
 * one by one. */
#include <acpi.h>
#include <apic.h>
#include <arch.h>
#include <lock.h>
#include <log.h>
#include <start.h>
#include <x86.h>

#define IOREGSEL	0x00
#define IOWIN		0x10
#define REG_VERSION	1
#define REG_ENTRY(n)	(0x10 + 2 * (n))
#define ENTRY_LOW	(1u << 13)
#define ENTRY_LEVEL	(1u << 15)
#define ENTRY_MASKED	(1u << 16)
#define ENTRY_DEST_SHIFT 24
#define MAX_IOAPICS	8

struct ioapic {
	uint8_t *regs;
	uint32_t gsi_base, inputs;
};

static struct {
	struct spinlock lock;
	struct ioapic list[MAX_IOAPICS];
	unsigned n;
} ioapics = { .lock = SPINLOCK("ioapic") };

static uint32_t get(struct ioapic *io, unsigned reg)
{
	mmio_write32(io->regs + IOREGSEL, reg);
	return mmio_read32(io->regs + IOWIN);
}

static void set(struct ioapic *io, unsigned reg, uint32_t v)
{
	mmio_write32(io->regs + IOREGSEL, reg);
	mmio_write32(io->regs + IOWIN, v);
}

static void add(const struct acpi_ioapic *found)
{
	struct ioapic *io = &ioapics.list[ioapics.n];

	if (ioapics.n == MAX_IOAPICS)
		return;
	io->regs = mmio_map(found->base, PGSIZE);
	if (!io->regs)
		return;
	io->gsi_base = found->gsi_base;
	io->inputs = (get(io, REG_VERSION) >> 16 & 0xff) + 1;
	for (unsigned i = 0; i < io->inputs; i++)
		set(io, REG_ENTRY(i), ENTRY_MASKED);
	ioapics.n++;
}

void ioapic_init(void)
{
	for (unsigned i = 0; i < acpi_madt.nioapics; i++)
		add(&acpi_madt.ioapics[i]);
	if (!ioapics.n)
		klog(LOG_WARN, "ioapic: none found; no ISA interrupts");
}

bool ioapic_route(uint32_t gsi, unsigned vector, uint32_t dest_apic,
		  bool level, bool low)
{
	struct ioapic *io;
	unsigned input;
	bool found = false;

	spin_lock(&ioapics.lock);
	for (unsigned i = 0; i < ioapics.n && !found; i++) {
		io = &ioapics.list[i];
		input = gsi - io->gsi_base;
		if (input >= io->inputs)
			continue;
		set(io, REG_ENTRY(input) + 1, dest_apic << ENTRY_DEST_SHIFT);
		set(io, REG_ENTRY(input), vector | (level ? ENTRY_LEVEL : 0) |
		    (low ? ENTRY_LOW : 0));
		found = true;
	}
	spin_unlock(&ioapics.lock);
	return found;
}
