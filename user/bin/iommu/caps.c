/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability registers of a unit, in words: CAP (VT-d 11.4.2) and ECAP
 * (11.4.3), each field under its name there.
 */
#include "iommu.h"

struct capability {
	const char *name;
	uint8_t hi, lo;
	const char *text;
};

static const struct capability cap[] = {
	{ "ND", 2, 0, "2^(4 + 2 ND) domain ids" },
	{ "AFL", 3, 3, "advanced fault logging" },
	{ "RWBF", 4, 4, "its write buffer must be flushed" },
	{ "PLMR", 5, 5, "protected low memory" },
	{ "PHMR", 6, 6, "protected high memory" },
	{ "CM", 7, 7, "caching mode: absent entries are cached" },
	{ "SAGAW", 12, 8, "levels: bit 1 three, bit 2 four, bit 3 five" },
	{ "MGAW", 21, 16, "width of addresses, less 1" },
	{ "ZLR", 22, 22, "zero-length reads of write-only pages" },
	{ "FRO", 33, 24, "fault records, in 16 bytes from the base" },
	{ "SLLPS", 37, 34, "large pages: bit 0 2 MiB, bit 1 1 GiB" },
	{ "PSI", 39, 39, "flushes of page ranges" },
	{ "NFR", 47, 40, "fault records, less 1" },
	{ "MAMV", 53, 48, "a flush takes up to 2^MAMV pages" },
	{ "DWD", 54, 54, "writes are drained" },
	{ "DRD", 55, 55, "reads are drained" },
	{ "FL1GP", 56, 56, "first-level pages of 1 GiB" },
	{ "PI", 59, 59, "posted interrupts" },
	{ "FL5LP", 60, 60, "first-level tables of five levels" },
	{ "ECMDS", 61, 61, "enhanced commands" },
	{ "ESIRTPS", 62, 62, "setting the interrupt table flushes" },
	{ "ESRTPS", 63, 63, "setting the root table flushes" },
};

static const struct capability ecap[] = {
	{ "C", 0, 0, "table walks snoop the processors' caches" },
	{ "QI", 1, 1, "queued invalidation" },
	{ "DT", 2, 2, "device TLBs" },
	{ "IR", 3, 3, "interrupt remapping" },
	{ "EIM", 4, 4, "x2APIC ids in interrupts" },
	{ "PT", 6, 6, "pass-through" },
	{ "SC", 7, 7, "snoop control in leaves" },
	{ "IRO", 17, 8, "IOTLB registers, in 16 bytes from the base" },
	{ "MHMV", 23, 20, "an interrupt flush takes up to 2^MHMV entries" },
	{ "MTS", 25, 25, "memory types" },
	{ "NEST", 26, 26, "nested translation" },
	{ "PRS", 29, 29, "page requests" },
	{ "ERS", 30, 30, "requests for execution" },
	{ "SRS", 31, 31, "requests for supervisors" },
	{ "NWFS", 33, 33, "no-write flag" },
	{ "EAFS", 34, 34, "extended accessed flag" },
	{ "PSS", 39, 35, "PASIDs have PSS + 1 bits" },
	{ "PASID", 40, 40, "process address space ids" },
	{ "DIT", 41, 41, "throttling of device-TLB flushes" },
	{ "PDS", 42, 42, "draining of page requests" },
	{ "SMTS", 43, 43, "scalable mode" },
	{ "VCS", 44, 44, "virtual commands" },
	{ "SLADS", 45, 45, "second-level accessed and dirty flags" },
	{ "SLTS", 46, 46, "second level in scalable mode" },
	{ "FLTS", 47, 47, "first level in scalable mode" },
	{ "SMPWCS", 48, 48, "coherent walks in scalable mode" },
	{ "RPS", 49, 49, "PASID of requests without one" },
};

static void print_register(const struct record *unit, const char *key,
			   const struct capability *c, size_t n)
{
	uint64_t value, part;

	print("%s %s = %s\n", unit->subject, key, record_text(unit, key));
	if (record_number(unit, key, &value) < 0)
		return;
	for (; n > 0; n--, c++) {
		part = ((2ull << (c->hi - c->lo)) - 1) << c->lo;
		if (value & part)
			print("\t%-7s %5lu  %s\n", c->name,
			      (value & part) >> c->lo, c->text);
		value &= ~part;
	}
	if (value)
		print("\tothers  0x%lx\n", value);
}

/* Fields that are 0 are left out. */
void print_capabilities(const struct record *unit)
{
	print_register(unit, "cap", cap, ARRAY_SIZE(cap));
	print_register(unit, "ecap", ecap, ARRAY_SIZE(ecap));
}
