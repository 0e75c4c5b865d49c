/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loader tells by multiboot2: tags as they should be, tags that are
 * not, and an information that ends anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "loader.h"

struct loader_info loader;

bool loader_copy_info(uint32_t magic, physaddr_t info);
bool multiboot2_copy_info(const void *info, size_t limit);
bool pvh_copy_info(physaddr_t pa);

/* Not this loader's. */
bool pvh_copy_info(physaddr_t pa)
{
	(void)pa;
	return false;
}

enum { CMDLINE = 1, MEMORY_MAP = 6, FRAMEBUFFER = 8, RSDP_V1 = 14, RSDP_V2 };

static struct {
	_Alignas(8) uint8_t bytes[8192];
	uint32_t len;
} made;

static void put(const void *p, size_t n)
{
	assert_true(made.len + n <= sizeof(made.bytes));
	memcpy(made.bytes + made.len, p, n);
	made.len += (uint32_t)n;
}

static void put8(unsigned v)
{
	put(&(uint8_t){ (uint8_t)v }, 1);
}

static void put32(uint32_t v)
{
	put(&v, 4);
}

static void put64(uint64_t v)
{
	put(&v, 8);
}

static int begin(void **state)
{
	(void)state;
	memset(&loader, 0, sizeof(loader));
	made.len = 0;
	put64(0);
	return 0;
}

static void tag(uint32_t type, uint32_t size)
{
	while (made.len % 8)
		put8(0);
	put32(type);
	put32(size);
}

static void ram(uint64_t start, uint64_t len, uint32_t type)
{
	put64(start);
	put64(len);
	put32(type);
	put32(0);
}

/* Of two ranges that can be used, with one between that cannot. */
static void memory_map(void)
{
	tag(MEMORY_MAP, 16 + 3 * 24);
	put32(24);
	put32(0);
	ram(0, 0x9fc00, 1);
	ram(0xf0000, 0x10000, 2);
	ram(0x100000, 0x7f00000, 1);
}

static void framebuffer(unsigned bits, uint32_t pitch, unsigned type)
{
	tag(FRAMEBUFFER, 38);
	put64(0xfd000000);
	put32(pitch);
	put32(1024);
	put32(768);
	put8(bits);
	put8(type);
	put8(0);
	put8(0);
	for (unsigned i = 0; i < 3; i++) {
		put8(16 - 8 * i);
		put8(8);
	}
}

static void text(uint32_t type, const char *s, size_t n)
{
	tag(type, (uint32_t)(8 + n));
	put(s, n);
}

/* In memory of just that size, so that reading on is a finding. */
static bool read_it(uint32_t says, size_t len)
{
	uint8_t *copy = malloc(len);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, made.bytes, len);
	memcpy(copy, &says, 4);
	ok = multiboot2_copy_info(copy, len);
	free(copy);
	return ok;
}

static bool end(void)
{
	tag(0, 8);
	return read_it(made.len, made.len);
}

static void all_of_it(void **state)
{
	(void)state;
	text(CMDLINE, "loglevel=3", 11);
	text(RSDP_V2, "RSD PTR version 2 with 36 bytes", 36 - 4);
	text(RSDP_V1, "RSD PTR version 1", 20 - 2);
	framebuffer(32, 4096, 1);
	memory_map();
	assert_true(end());
	assert_string_equal(loader.cmdline, "loglevel=3");
	assert_false(loader.cmdline_cut);
	assert_true(loader.has_rsdp_copy);
	assert_memory_equal(loader.rsdp_copy, "RSD PTR version 2", 17);
	assert_int_equal(loader.nram, 2);
	assert_int_equal(loader.ram[0].end, 0x9f000);
	assert_int_equal(loader.ram[1].start, 0x100000);
	assert_int_equal(loader.ram[1].end, 0x8000000);
	assert_int_equal(loader.screen.pa, 0xfd000000);
	assert_int_equal(loader.screen.width, 1024);
	assert_int_equal(loader.screen.height, 768);
	assert_int_equal(loader.screen.pitch, 4096);
	assert_int_equal(loader.screen.bytes, 4);
	assert_int_equal(loader.screen.white, 0xffffff);
}

static void old_rsdp(void **state)
{
	(void)state;
	text(RSDP_V1, "RSD PTR version 1", 18);
	memory_map();
	assert_true(end());
	assert_memory_equal(loader.rsdp_copy, "RSD PTR version 1", 18);
}

static void long_rsdp(void **state)
{
	char much[300];

	(void)state;
	memset(much, 'x', sizeof(much));
	text(RSDP_V2, much, sizeof(much));
	memory_map();
	assert_true(end());
	assert_int_equal(loader.rsdp_copy[RSDP_LEN - 1], 'x');
	assert_true(loader.has_rsdp_copy);
}

static void no_memory(void **state)
{
	(void)state;
	framebuffer(32, 4096, 1);
	assert_false(end());
}

/* Larger entries of a later version; then ones that are too small. */
static void map_entries(void **state)
{
	(void)state;
	tag(MEMORY_MAP, 16 + 2 * 32);
	put32(32);
	put32(1);
	ram(0x100000, 0x100000, 1);
	put64(~0ull);
	ram(0x300000, 0x100000, 1);
	put64(~0ull);
	assert_true(end());
	assert_int_equal(loader.nram, 2);
	assert_int_equal(loader.ram[1].start, 0x300000);
	begin(state);
	tag(MEMORY_MAP, 16 + 16);
	put32(0);
	put32(0);
	put64(0x100000);
	put64(0x100000);
	assert_false(end());
}

static void many_ranges(void **state)
{
	(void)state;
	tag(MEMORY_MAP, 16 + 24 * (MAX_MEM_RANGES + 3));
	put32(24);
	put32(0);
	for (uint64_t i = 0; i < MAX_MEM_RANGES + 3; i++)
		ram(i * 0x2000, 0x1000, 1);
	assert_true(end());
	assert_int_equal(loader.nram, MAX_MEM_RANGES);
	assert_true(loader.ram_cut);
}

static void strange_ranges(void **state)
{
	(void)state;
	tag(MEMORY_MAP, 16 + 24 * 4);
	put32(24);
	put32(0);
	ram(0x1001, 0x1ffe, 1);		/* not one whole page */
	ram(~0ull - 0xfff, 0x2000, 1);	/* over the end of all */
	ram(0x5000, 0, 1);
	ram(0x6800, 0x2000, 1);
	assert_true(end());
	assert_int_equal(loader.nram, 1);
	assert_int_equal(loader.ram[0].start, 0x7000);
	assert_int_equal(loader.ram[0].end, 0x8000);
}

static void cmdline_lengths(void **state)
{
	char much[CMDLINE_LEN + 10];

	memset(much, 'x', sizeof(much));
	for (size_t n = CMDLINE_LEN - 2; n < sizeof(much); n++) {
		begin(state);
		text(CMDLINE, much, n);	/* without a NUL */
		memory_map();
		assert_true(end());
		assert_int_equal(strlen(loader.cmdline),
				 n < CMDLINE_LEN ? n : CMDLINE_LEN - 1);
		assert_int_equal(loader.cmdline_cut, n >= CMDLINE_LEN);
	}
}

/* The last colour's place and size are the last bytes of the tag. */
static void no_such_screen(void **state)
{
	static const struct {
		unsigned bits, pitch, type, at, size;
	} bad[] = {
		{ 16, 4096, 1, 0, 5 }, { 32, 4092, 1, 0, 8 },
		{ 32, 4096, 0, 0, 8 }, { 32, 4096, 2, 0, 8 },
		{ 24, 3071, 1, 0, 8 }, { 32, 4096, 1, 25, 8 },
		{ 32, 4096, 1, 0, 33 }, { 32, 4096, 1, 0, 0 },
		{ 24, 4096, 1, 17, 8 }, { 32, 0x40000000, 1, 0, 8 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(state);
		framebuffer(bad[i].bits, bad[i].pitch, bad[i].type);
		made.bytes[made.len - 2] = (uint8_t)bad[i].at;
		made.bytes[made.len - 1] = (uint8_t)bad[i].size;
		memory_map();
		assert_true(end());
		assert_int_equal(loader.screen.width, 0);
	}
	begin(state);
	framebuffer(24, 3072, 1);
	memory_map();
	assert_true(end());
	assert_int_equal(loader.screen.bytes, 3);
}

static void short_tags(void **state)
{
	for (uint32_t type = 0; type < 20; type++)
		for (uint32_t size = 0; size < 40; size++) {
			begin(state);
			tag(type, size);
			for (unsigned i = 0; i < 32; i++)
				put8(0xff);
			memory_map();
			(void)end();
			assert_int_equal(loader.screen.width, 0);
		}
}

/* Whether it says so itself or ends there. */
static void ends_anywhere(void **state)
{
	uint32_t len;
	bool ok;

	text(CMDLINE, "loglevel=3", 11);
	text(RSDP_V2, "RSD PTR version 2", 18);
	framebuffer(32, 4096, 1);
	memory_map();
	tag(0, 8);
	len = made.len;
	for (uint32_t n = 8; n < len; n++) {
		memset(&loader, 0, sizeof(loader));
		ok = read_it(n, n);
		assert_int_equal(ok, loader.nram > 0);
		assert_false(read_it(n + 1, n));
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_of_it, begin),
		cmocka_unit_test_setup(old_rsdp, begin),
		cmocka_unit_test_setup(long_rsdp, begin),
		cmocka_unit_test_setup(no_memory, begin),
		cmocka_unit_test_setup(map_entries, begin),
		cmocka_unit_test_setup(many_ranges, begin),
		cmocka_unit_test_setup(strange_ranges, begin),
		cmocka_unit_test_setup(cmdline_lengths, begin),
		cmocka_unit_test_setup(no_such_screen, begin),
		cmocka_unit_test_setup(short_tags, begin),
		cmocka_unit_test_setup(ends_anywhere, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
