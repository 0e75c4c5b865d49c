/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the ACPI tables: RSDP, then RSDT or XSDT (ACPI 6.4, 5.2.5 to 5.2.8). */
#include <acpi.h>
#include <dmar_text.h>
#include <arch.h>
#include <loader.h>
#include <log.h>
#include <string.h>

#define RSDP_V1_LEN	20
#define RSDP_V2_LEN	36
#define RSDP_REVISION	15
#define RSDP_RSDT	16
#define RSDP_XSDT	24
#define BIOS_START	0xe0000		/* 5.2.5.1 */
#define BIOS_LEN	0x20000
#define EBDA_SEGMENT	0x40e
#define EBDA_LEN	1024

#define HEADER_LEN	36
#define TABLE_LENGTH	4
#define MAX_TABLE_LEN	(1u << 20)
#define MAX_TABLES	64

static struct {
	const uint8_t *bytes;
	uint32_t len;
} tables[MAX_TABLES];
static unsigned ntables;

static bool sums_to_zero(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

static bool is_rsdp(const uint8_t *p)
{
	return !memcmp(p, "RSD PTR ", 8) && sums_to_zero(p, RSDP_V1_LEN);
}

static const uint8_t *search(physaddr_t start, size_t len)
{
	const uint8_t *p = firmware_map(start, len);

	for (size_t at = 0; p && at + RSDP_V2_LEN <= len; at += 16)
		if (is_rsdp(p + at))
			return p + at;
	return NULL;
}

static const uint8_t *find_rsdp(void)
{
	const uint8_t *p;

	if (loader.rsdp) {
		p = firmware_map(loader.rsdp, RSDP_V2_LEN);
		if (p && is_rsdp(p))
			return p;
		klog(LOG_WARN, "acpi: the loader's RSDP at 0x%lx is none",
		     loader.rsdp);
	}
	p = search(BIOS_START, BIOS_LEN);
	if (p)
		return p;
	p = firmware_map(EBDA_SEGMENT, 2);
	return p && get16(p) ? search((physaddr_t)get16(p) << 4, EBDA_LEN) :
		NULL;
}

/* Maps a whole table after a look at its length; NULL: not to be trusted. */
static const uint8_t *map_table(physaddr_t pa, uint32_t *len)
{
	const uint8_t *p = pa ? firmware_map(pa, HEADER_LEN) : NULL;

	if (!p)
		return NULL;
	*len = get32(p + TABLE_LENGTH);
	if (*len < HEADER_LEN || *len > MAX_TABLE_LEN) {
		klog(LOG_WARN, "acpi: table at 0x%lx: length %u; dropped", pa,
		     *len);
		return NULL;
	}
	p = firmware_map(pa, *len);
	if (p && !sums_to_zero(p, *len)) {
		klog(LOG_WARN, "acpi: %.4s at 0x%lx: bad checksum; dropped",
		     (const char *)p, pa);
		return NULL;
	}
	return p;
}

static void add_table(physaddr_t pa)
{
	uint32_t len;
	const uint8_t *p = map_table(pa, &len);

	if (!p)
		return;
	if (ntables == MAX_TABLES) {
		klog(LOG_WARN, "acpi: more than %u tables, %.4s is not used",
		     MAX_TABLES, (const char *)p);
		return;
	}
	tables[ntables].bytes = p;
	tables[ntables++].len = len;
}

static bool walk_root(physaddr_t pa, const char *signature, unsigned width)
{
	uint32_t len;
	const uint8_t *root = map_table(pa, &len);

	if (!root || memcmp(root, signature, 4))
		return false;
	for (uint32_t at = HEADER_LEN; at + width <= len; at += width)
		add_table(width == 8 ? get64(root + at) : get32(root + at));
	return true;
}

static void find_tables(void)
{
	const uint8_t *rsdp = find_rsdp();

	if (!rsdp) {
		klog(LOG_ERROR, "acpi: no RSDP found");
		return;
	}
	if (rsdp[RSDP_REVISION] >= 2 && sums_to_zero(rsdp, RSDP_V2_LEN) &&
	    walk_root(get64(rsdp + RSDP_XSDT), "XSDT", 8))
		return;
	if (!walk_root(get32(rsdp + RSDP_RSDT), "RSDT", 4))
		klog(LOG_ERROR, "acpi: no root table");
}

const uint8_t *acpi_table(const char *signature, uint32_t *len)
{
	for (unsigned i = 0; i < ntables; i++)
		if (!memcmp(tables[i].bytes, signature, 4)) {
			*len = tables[i].len;
			return tables[i].bytes;
		}
	return NULL;
}

static void log_tables(void)
{
	char names[MAX_TABLES * 5 + 1] = "";

	for (unsigned i = 0; i < ntables; i++) {
		names[i * 5] = ' ';
		memcpy(names + i * 5 + 1, tables[i].bytes, 4);
	}
	klog(LOG_INFO, "acpi:%s", names);
}

void acpi_init(void)
{
	const uint8_t *p;
	uint32_t len;

	find_tables();
	log_tables();
	p = acpi_table("APIC", &len);
	madt_parse(&acpi_madt, p, p ? len : 0);
	p = acpi_table("MCFG", &len);
	if (p)
		mcfg_parse(&acpi_mcfg, p, len);
	fadt_init();
}

struct acpi_irq acpi_isa_irq(unsigned irq)
{
	return acpi_madt.isa[irq % ISA_IRQS];
}

void acpi_dmar_text(struct text *t)
{
	const struct iommu_dropped *dropped;
	unsigned n = iommu_dropped(&dropped);
	uint32_t len = 0;
	const uint8_t *table = acpi_table("DMAR", &len);

	dmar_format(t, table, len, dropped, n);
}
