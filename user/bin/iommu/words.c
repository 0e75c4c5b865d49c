/* SPDX-License-Identifier: BSD-2-Clause */
/* Which words attach wants for a device, which are of no use, and why. */
#include "iommu.h"

#define EXTENDED	0x100		/* where extended capabilities begin */
#define EXTENDED_MAX	960
#define ID_ATS		0x0f
#define CLASS_DISPLAY	0x03
#define CLASS_USB	0x0c03
#define CLASS_AHCI	0x010601

static bool has_ats(const char *bdf)
{
	unsigned at = EXTENDED;
	uint32_t head;

	for (unsigned i = 0; i < EXTENDED_MAX && at >= EXTENDED; i++) {
		head = drv_config(bdf, at, 4);
		if (head == UINT32_MAX)
			return false;
		if ((head & 0xffff) == ID_ATS)
			return true;
		at = head >> 20 & 0xffc;
	}
	return false;
}

static uint64_t class_of(const struct record *d)
{
	return record_count(d, "class");
}

/* What they need of it ends when a driver takes over. */
bool may_drop_reserved(const struct record *d)
{
	return class_of(d) >> 16 == CLASS_DISPLAY ||
	       class_of(d) >> 8 == CLASS_USB;
}

bool needs_unsafe(const struct record *d)
{
	return class_of(d) == CLASS_AHCI && record_is(d, "reset", "none");
}

static void print_unsafe(const struct record *d)
{
	const char *reset = record_text(d, "reset");

	if (strcmp(reset, "none"))
		print("not needed: it is reset between owners (%s)\n", reset);
	else if (needs_unsafe(d))
		print("needed: it keeps memory while it runs, and cannot be "
		      "reset\n");
	else
		print("needed once a process has had it: it cannot be reset, "
		      "and keeps\n\t\twhat its last owner left in it\n");
}

static void print_rmrr(const struct record *d)
{
	const char *reserved = record_text(d, "reserved");

	if (!strcmp(reserved, "-"))
		print("refused: the firmware has no memory reserved for it\n");
	else if (!may_drop_reserved(d))
		print("of no use: it may go on using %s,\n\t\tand is neither a "
		      "USB controller nor a display\n", reserved);
	else
		print("needed: drops %s\n\t\tfor good, which the firmware "
		      "reserved for it\n", reserved);
}

static void print_ats(const struct record *d, const struct record *unit)
{
	if (record_is(d, "ats", "on"))
		print("was said: its own TLB is used, and believed\n");
	else if (!unit || !list_has(record_text(unit, "can"), "device-tlb"))
		print("refused: its unit knows no device TLB\n");
	else if (!has_ats(d->subject))
		print("refused: it has no device TLB\n");
	else
		print("if wanted: its own TLB is then used, and believed; the "
		      "platform\n\t\tmust allow it (ats in '%s/acpi')\n",
		      folder);
}

void print_words(const struct record *d, const struct record *unit)
{
	print("unsafe\t\t");
	print_unsafe(d);
	print("rmrr\t\t");
	print_rmrr(d);
	print("ats\t\t");
	print_ats(d, unit);
}
