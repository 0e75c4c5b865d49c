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
	uint8_t *base;		/* of the first */
	uint32_t first, n;	/* functions: segment << 16 | source id */
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
			.first = (uint32_t)found->segment << 16 |
				(uint32_t)found->start_bus << 8,
			.n = (found->end_bus - found->start_bus + 1u) << 8,
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

/* NULL: no window reaches it. */
static uint8_t *ecam_register(uint16_t segment, uint16_t sid, unsigned off)
{
	uint32_t function = (uint32_t)segment << 16 | sid;

	for (unsigned i = 0; i < necams; i++)
		if (function - ecams[i].first < ecams[i].n)
			return ecams[i].base + off +
				((size_t)(function - ecams[i].first) <<
				 FUNCTION_SHIFT);
	return NULL;
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

static rarely uint32_t read_elsewhere(uint16_t segment, uint16_t sid,
				      unsigned off, unsigned width)
{
	return by_ports(segment, off) ? port_read(sid, off, width) :
		all_ones(width);
}

uint32_t pci_config_read(uint16_t segment, uint16_t sid, unsigned off,
			 unsigned width)
{
	uint8_t *reg = ecam_register(segment, sid, off);

	if (!reg)
		return read_elsewhere(segment, sid, off, width);
	return width == 1 ? mmio_read8(reg) : width == 2 ? mmio_read16(reg) :
		mmio_read32(reg);
}

static rarely void write_elsewhere(uint16_t segment, uint16_t sid, unsigned off,
				   unsigned width, uint32_t v)
{
	if (by_ports(segment, off))
		port_write(sid, off, width, v);
}

void pci_config_write(uint16_t segment, uint16_t sid, unsigned off,
		      unsigned width, uint32_t v)
{
	uint8_t *reg = ecam_register(segment, sid, off);

	if (!reg)
		write_elsewhere(segment, sid, off, width, v);
	else if (width == 1)
		mmio_write8(reg, (uint8_t)v);
	else if (width == 2)
		mmio_write16(reg, (uint16_t)v);
	else
		mmio_write32(reg, v);
}
