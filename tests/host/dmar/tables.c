/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Twenty tables to damage and to begin fuzzing with: the three samples, more
 * machines, and tables that are wrong in each way that the parser names.
 */
#include "dmar_test.h"

static const uint8_t steps[] = {
	1, 0, 2, 1, 3, 2, 4, 3, 5, 4, 6, 5, 7, 6, 31, 7,
};

static void put_nothing(struct image *m)
{
	(void)m;
}

/* Graphics, the rest, its timers, and devices that only ACPI knows. */
static void put_laptop(struct image *m)
{
	put_drhd(m, 0, 0xfed90000);
	put_scope(m, DMAR_SCOPE_ENDPOINT, 0, 1, (const uint8_t[]){ 2, 0 });
	put_drhd(m, DMAR_DRHD_INCLUDE_PCI_ALL, 0xfed91000);
	put_scope(m, DMAR_SCOPE_IOAPIC, 0, 1, (const uint8_t[]){ 30, 7 });
	put_scope(m, DMAR_SCOPE_HPET, 0, 1, (const uint8_t[]){ 30, 6 });
	put_scope(m, DMAR_SCOPE_NAMESPACE, 0, 1, (const uint8_t[]){ 21, 0 });
	put_rmrr(m, 0x9d000000, 0x9f7fffff);
	put_scope(m, DMAR_SCOPE_ENDPOINT, 0, 1, (const uint8_t[]){ 2, 0 });
	put_andd(m, 1, "\\_SB.PCI0.I2C0", 15);
	put_andd(m, 2, "\\_SB.PCI0.UA00", 15);
}

/* Eight units in four sockets, with their ports and their memory nodes. */
static void put_sockets(struct image *m)
{
	for (unsigned int i = 0; i < 8; i++) {
		put_drhd(m, i == 7, 0xc5ffc000 + 0x1800000ull * i);
		put_scope(m, DMAR_SCOPE_BRIDGE, (uint8_t)(i * 32), 1, steps);
		put_scope(m, DMAR_SCOPE_IOAPIC, (uint8_t)(i * 32), 1, steps);
	}
	for (unsigned int i = 0; i < 4; i++) {
		put_ports(m, DMAR_ATSR, 0, (uint16_t)i);
		put_scope(m, DMAR_SCOPE_BRIDGE, (uint8_t)i, 1, steps);
		put_rhsa(m, 0xc5ffc000 + 0x1800000ull * i, i);
	}
}

static void put_segments(struct image *m)
{
	for (uint8_t i = 0; i < 5; i++) {
		uint32_t at = put_drhd(m, 1, 0xfed90000 + 0x1000ull * i);

		m->bytes[at + 6] = i;
		m->bytes[at + 7] = (uint8_t)(i << 4);
	}
}

static void put_nested_bridges(struct image *m)
{
	put_drhd(m, 0, 0xfed90000);
	for (unsigned int n = 1; n <= 8; n++)
		put_scope(m, n % 2 ? DMAR_SCOPE_ENDPOINT : DMAR_SCOPE_BRIDGE,
			  (uint8_t)n, n, steps);
}

static void put_longest_path(struct image *m)
{
	static const uint8_t path[2 * 124];

	put_rmrr(m, 0x1000, 0x1fff);
	put_scope(m, DMAR_SCOPE_ENDPOINT, 0xff, 124, path);
}

static void put_many_scopes(struct image *m)
{
	put_drhd(m, 0, 0xfed90000);
	for (uint8_t dev = 0; dev < 32; dev++)
		put_scope(m, DMAR_SCOPE_ENDPOINT, 0, 1,
			  (const uint8_t[]){ dev, dev % 8 });
}

static void put_names(struct image *m)
{
	put_andd(m, 1, "\\_SB.A\0\0\0", 9);
	put_andd(m, 2, "", 1);
	put_andd(m, 3, "open", 4);
	put_andd(m, 4, "a\0b\0c", 5);
	put_andd(m, 5, "", 0);
}

static void put_unknown_types(struct image *m)
{
	static const uint16_t types[] = { 7, 8, 255, 256, 0x8000, 0xffff };

	for (unsigned int i = 0; i < cases_of(types); i++) {
		put_entry(m, types[i]);
		put_scope(m, DMAR_SCOPE_ENDPOINT, 0, i, steps);
	}
}

static void put_unknown_scopes(struct image *m)
{
	static const uint8_t types[] = { 0, 6, 7, 127, 128, 255 };

	put_drhd(m, 0, 0xfed90000);
	for (unsigned int i = 0; i < sizeof(types); i++)
		put_scope(m, types[i], 0, i, steps);
}

/* Each type with as many bytes of its own as it must have, less `missing`. */
static void put_least(struct image *m, unsigned int missing)
{
	static const uint8_t least[] = { 16, 24, 8, 20, 8, 8, 8 };

	for (uint16_t type = 0; type < sizeof(least); type++) {
		put_entry(m, type);
		for (unsigned int i = 4; i < least[type] - missing; i++)
			put_bytes(m, 0, 1);
	}
}

static void put_just_enough(struct image *m)
{
	put_least(m, 0);
}

static void put_too_short(struct image *m)
{
	put_least(m, 1);
}

static void put_cut_header(struct image *m)
{
	put_drhd(m, 1, 0xfed90000);
	m->entry = 0;
	put_bytes(m, 0x001801, 3);
}

static void put_length_zero(struct image *m)
{
	put_drhd(m, 1, 0xfed90000);
	set_len(m, put_rmrr(m, 0x1000, 0x1fff), 0);
}

static void put_length_beyond(struct image *m)
{
	put_drhd(m, 1, 0xfed90000);
	set_len(m, put_rmrr(m, 0x1000, 0x1fff), 25);
}

/* A good scope, and then one with this byte for its length. */
static void put_scope_length(struct image *m, uint8_t len)
{
	put_drhd(m, 0, 0xfed90000);
	put_scope(m, DMAR_SCOPE_ENDPOINT, 0, 1, steps);
	m->bytes[put_scope(m, DMAR_SCOPE_BRIDGE, 0, 2, steps) + 1] = len;
}

static void put_broken_scopes(struct image *m)
{
	static const uint8_t lengths[] = { 0, 5, 6, 7, 9, 11, 12, 255 };

	for (unsigned int i = 0; i < sizeof(lengths); i++)
		put_scope_length(m, lengths[i]);
	put_scope(m, DMAR_SCOPE_ENDPOINT, 0, 1, (const uint8_t[]){ 32, 8 });
	put_bytes(m, DMAR_SCOPE_ENDPOINT, 5);
}

static void put_impossible_values(struct image *m)
{
	put_drhd(m, 0, 0xfed90800);
	put_rhsa(m, UINT64_MAX, 0);
	put_rmrr(m, 0x2000, 0x1fff);
	put_rmrr(m, 0x1001, 0x1fff);
	put_rmrr(m, 0, UINT64_MAX);
}

void image_table(struct image *m, unsigned int which)
{
	static void (*const put[table_count - sample_count])(struct image *) = {
		put_nothing, put_laptop, put_sockets, put_segments,
		put_nested_bridges, put_longest_path, put_many_scopes,
		put_names, put_unknown_types, put_unknown_scopes,
		put_just_enough, put_too_short, put_cut_header,
		put_length_zero, put_length_beyond, put_broken_scopes,
		put_impossible_values,
	};

	if (which < sample_count) {
		image_sample(m, which);
		return;
	}
	image_start(m);
	put[which - sample_count](m);
	image_seal(m);
}
