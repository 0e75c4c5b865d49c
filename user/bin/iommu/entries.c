/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of the tables that a unit walks, field by field, under the names of
 * the VT-d specification: 9.1 root, 9.3 context, 9.8 second-level entries.  What
 * those have for requests with a PASID alone (X, EMT, IPAT, A, D) is ignored here:
 * in a process's tables these bits are the processor's.
 */
#include "iommu.h"

struct field {
	const char *name;
	uint8_t hi, lo;
	bool address;		/* else a number */
};

/* What no field of a kind covers is reserved, or ignored where that is. */
static const struct kind {
	struct field fields[12];
	uint64_t ignored;
} kinds[] = {
	[ROOT] = {
		{ { "P", 0, 0, false }, { "CTP", 63, 12, true } }, 0,
	},
	[CONTEXT_LOW] = {
		{ { "P", 0, 0, false }, { "FPD", 1, 1, false },
		  { "TT", 3, 2, false }, { "SLPTPTR", 63, 12, true } }, 0,
	},
	[CONTEXT_HIGH] = {
		{ { "AW", 2, 0, false }, { "IGN", 6, 3, false },
		  { "DID", 23, 8, false } }, 0,
	},
	[TABLE] = {
		{ { "R", 0, 0, false }, { "W", 1, 1, false },
		  { "PS", 7, 7, false }, { "ADDR", 51, 12, true } },
		0xfff0000000000f7c,
	},
	[LEAF_4K] = {
		{ { "R", 0, 0, false }, { "W", 1, 1, false },
		  { "SNP", 11, 11, false }, { "ADDR", 51, 12, true },
		  { "TM", 62, 62, false } },
		0xbff00000000007fc,
	},
	[LEAF_2M] = {
		{ { "R", 0, 0, false }, { "W", 1, 1, false },
		  { "PS", 7, 7, false }, { "SNP", 11, 11, false },
		  { "ADDR", 51, 21, true }, { "TM", 62, 62, false } },
		0xbff000000000077c,
	},
	[LEAF_1G] = {
		{ { "R", 0, 0, false }, { "W", 1, 1, false },
		  { "PS", 7, 7, false }, { "SNP", 11, 11, false },
		  { "ADDR", 51, 30, true }, { "TM", 62, 62, false } },
		0xbff000000000077c,
	},
};

static uint64_t mask_of(const struct field *f)
{
	return ((2ull << (f->hi - f->lo)) - 1) << f->lo;
}

static void print_field(const struct field *f, uint64_t value)
{
	value &= mask_of(f);
	if (f->address)
		print(" %s=0x%lx", f->name, value);
	else
		print(" %s=%lu", f->name, value >> f->lo);
}

/* Each with a blank before it. */
void print_entry(enum entry kind, uint64_t value)
{
	const struct kind *k = &kinds[kind];
	uint64_t rest = value;

	for (size_t i = 0; i < ARRAY_SIZE(k->fields); i++) {
		if (!k->fields[i].name)
			break;
		print_field(&k->fields[i], value);
		rest &= ~mask_of(&k->fields[i]);
	}
	if (rest & k->ignored)
		print(" ignored=0x%lx", rest & k->ignored);
	if (rest & ~k->ignored)
		print(" RESERVED=0x%lx", rest & ~k->ignored);
}
