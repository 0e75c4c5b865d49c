/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space: memory-mapped by segment (PCI Express 4.0, 7.2.2) where
 * the firmware's MCFG table says where, else the ports CF8 and CFC, which reach
 * segment 0 and 256 bytes a function (PCI Local Bus 3.0, 3.2.2.3.2).
 */
#include <acpi.h>
#include <arch.h>
#include <log.h>
#include <pci.h>
#include <x86.h>

#define CONFIG_ADDRESS	0xcf8
#define CONFIG_DATA	0xcfc
#define BUS_SHIFT	20
#define FUNCTION_SHIFT	12

static struct ecam {
	uint8_t *base;		/* of start_bus */
	uint16_t segment;
	uint8_t start_bus, end_bus;
} ecams[ACPI_MAX_ECAMS];
static unsigned necams;

static struct spinlock ports = SPINLOCK("pci ports");

void pci_config_init(void)
{
	const struct acpi_ecam *found;
	struct ecam *e;

	for (unsigned i = 0; i < acpi_mcfg.n; i++) {
		found = &acpi_mcfg.list[i];
		e = &ecams[necams];
		*e = (struct ecam){
			.segment = found->segment,
			.start_bus = found->start_bus,
			.end_bus = found->end_bus,
			.base = mmio_map(found->base + ((physaddr_t)
				found->start_bus << BUS_SHIFT),
				(found->end_bus - found->start_bus + 1ul) <<
				BUS_SHIFT),
		};
		if (e->base)
			necams++;
	}
	if (!necams)
		klog(LOG_INFO, "pci: no MCFG table; configuration by ports");
}

static struct ecam *find_ecam(uint16_t segment, uint16_t sid)
{
	unsigned bus = sid >> 8;

	for (unsigned i = 0; i < necams; i++)
		if (ecams[i].segment == segment && bus >= ecams[i].start_bus &&
		    bus <= ecams[i].end_bus)
			return &ecams[i];
	return NULL;
}

static uint8_t *ecam_register(const struct ecam *e, uint16_t sid, unsigned off)
{
	size_t function = sid - ((size_t)e->start_bus << 8);

	return e->base + (function << FUNCTION_SHIFT) + off;
}

static uint32_t all_ones(unsigned width)
{
	return 0xffffffffu >> (32 - 8 * width);
}

static bool by_ports(uint16_t segment, unsigned off)
{
	return !necams && segment == 0 && off < 256;
}

static void select(uint16_t sid, unsigned off)
{
	outl(CONFIG_ADDRESS, 0x80000000u | (uint32_t)sid << 8 | (off & 0xfc));
}

static uint32_t port_read(uint16_t sid, unsigned off, unsigned width)
{
	uint16_t port = (uint16_t)(CONFIG_DATA + (off & 3));
	uint32_t v;

	spin_lock(&ports);
	select(sid, off);
	v = width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
	spin_unlock(&ports);
	return v;
}

static void port_write(uint16_t sid, unsigned off, unsigned width, uint32_t v)
{
	uint16_t port = (uint16_t)(CONFIG_DATA + (off & 3));

	spin_lock(&ports);
	select(sid, off);
	if (width == 1)
		outb(port, (uint8_t)v);
	else if (width == 2)
		outw(port, (uint16_t)v);
	else
		outl(port, v);
	spin_unlock(&ports);
}

unsigned pci_config_size(uint16_t segment)
{
	return by_ports(segment, 0) ? 256 : 4096;
}

uint32_t pci_config_read(uint16_t segment, uint16_t sid, unsigned off,
			 unsigned width)
{
	struct ecam *e = find_ecam(segment, sid);
	uint8_t *reg;

	if (!e)
		return by_ports(segment, off) ? port_read(sid, off, width) :
			all_ones(width);
	reg = ecam_register(e, sid, off);
	return width == 1 ? mmio_read8(reg) : width == 2 ? mmio_read16(reg) :
		mmio_read32(reg);
}

void pci_config_write(uint16_t segment, uint16_t sid, unsigned off,
		      unsigned width, uint32_t v)
{
	struct ecam *e = find_ecam(segment, sid);
	uint8_t *reg;

	if (!e) {
		if (by_ports(segment, off))
			port_write(sid, off, width, v);
		return;
	}
	reg = ecam_register(e, sid, off);
	if (width == 1)
		mmio_write8(reg, (uint8_t)v);
	else if (width == 2)
		mmio_write16(reg, (uint16_t)v);
	else
		mmio_write32(reg, v);
}
