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
#define ENTRY_DEST_SHIFT 56
#define MAX_IOAPICS	8

struct ioapic {
	const struct acpi_ioapic *acpi;
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
	io->acpi = found;
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

static struct ioapic *find(uint32_t gsi)
{
	struct ioapic *io;

	for (unsigned i = 0; i < ioapics.n; i++) {
		io = &ioapics.list[i];
		if (gsi - io->gsi_base < io->inputs)
			return io;
	}
	return NULL;
}

const struct acpi_ioapic *ioapic_of(uint32_t gsi)
{
	struct ioapic *io = find(gsi);

	return io ? io->acpi : NULL;
}

uint64_t ioapic_entry(unsigned vector, uint32_t dest_apic)
{
	return (uint64_t)dest_apic << ENTRY_DEST_SHIFT | vector;
}

bool ioapic_route(uint32_t gsi, uint64_t entry, bool level, bool low)
{
	struct ioapic *io = find(gsi);
	unsigned reg;

	if (!io)
		return false;
	reg = REG_ENTRY(gsi - io->gsi_base);
	entry |= (level ? ENTRY_LEVEL : 0) | (low ? ENTRY_LOW : 0);
	spin_lock(&ioapics.lock);
	set(io, reg, ENTRY_MASKED);	/* its halves are two writes */
	set(io, reg + 1, (uint32_t)(entry >> 32));
	set(io, reg, (uint32_t)entry);
	spin_unlock(&ioapics.lock);
	return true;
}
