/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FADT (ACPI 6.4, 5.2.9): the power-management timer, soft off and reset.
 * Soft off needs the number that the DSDT's \_S5 package names; it is looked
 * for as bytes, since this kernel has no interpreter for the rest.
 */
#include <acpi.h>
#include <arch.h>
#include <log.h>
#include <string.h>
#include <timer.h>
#include <x86.h>

#define FADT_DSDT	40
#define FADT_PM1A_CNT	64
#define FADT_PM_TMR	76
#define FADT_RESET_REG	116	/* generic address: space at 0, address at 4 */
#define FADT_RESET_VALUE 128
#define SPACE_IO	1
#define SLP_TYP_SHIFT	10
#define SLP_EN		(1u << 13)

#define AML_NAME	0x08
#define AML_PACKAGE	0x12
#define AML_BYTE	0x0a
#define HEADER_LEN	36

uint16_t acpi_pm_timer;

static struct {
	uint16_t pm1a_cnt, reset_port;
	uint8_t reset_value;
	int s5;			/* -1: not known */
} power = { .s5 = -1 };

/* "\_S5_" = Name(_S5_, Package(n){ SLP_TYPa, ... }), 19.6.93 and 20.2. */
static int find_s5(const uint8_t *aml, uint32_t len)
{
	for (uint32_t at = HEADER_LEN; at + 9 < len; at++) {
		if (memcmp(aml + at, "_S5_", 4) || aml[at + 4] != AML_PACKAGE)
			continue;
		if (aml[at - 1] != AML_NAME && aml[at - 2] != AML_NAME)
			continue;
		at += 7;	/* package, its one-byte length, count */
		return aml[at] == AML_BYTE ? aml[at + 1] : aml[at];
	}
	return -1;
}

static void init_s5(physaddr_t dsdt)
{
	const uint8_t *p = dsdt ? firmware_map(dsdt, HEADER_LEN) : NULL;
	uint32_t len = p ? get32(p + 4) : 0;

	if (len > HEADER_LEN && len < 1u << 20)
		p = firmware_map(dsdt, len);
	if (p && len > HEADER_LEN && !memcmp(p, "DSDT", 4))
		power.s5 = find_s5(p, len);
}

void fadt_init(void)
{
	uint32_t len;
	const uint8_t *p = acpi_table("FACP", &len);

	if (!p || len < FADT_PM_TMR + 4)
		return;
	acpi_pm_timer = (uint16_t)get32(p + FADT_PM_TMR);
	power.pm1a_cnt = (uint16_t)get32(p + FADT_PM1A_CNT);
	init_s5(get32(p + FADT_DSDT));
	if (len > FADT_RESET_VALUE && p[FADT_RESET_REG] == SPACE_IO) {
		power.reset_port = (uint16_t)get64(p + FADT_RESET_REG + 4);
		power.reset_value = p[FADT_RESET_VALUE];
	}
}

void acpi_power_off(void)
{
	if (!power.pm1a_cnt || power.s5 < 0)
		return;
	outw(power.pm1a_cnt, (uint16_t)((unsigned)power.s5 << SLP_TYP_SHIFT |
					SLP_EN));
	delay_ns(100 * NSEC_PER_MSEC);
}

void acpi_reset(void)
{
	if (power.reset_port)
		outb(power.reset_port, power.reset_value);
	outb(0xcf9, 0x06);	/* the chipset's own */
	delay_ns(100 * NSEC_PER_MSEC);
}
