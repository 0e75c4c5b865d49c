/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MADT and the MCFG (kern/drivers/acpi/madt.c): what they say, what is
 * dropped and named, and tables cut anywhere or of any bytes, in blocks of
 * exactly their size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "acpi.h"
#include "log.h"

static char logged[256];
static unsigned nlogged;

void klog(enum log_level level, const char *fmt, ...)
{
	va_list args;

	assert_int_equal(level, LOG_WARN);
	va_start(args, fmt);
	vsnprintf(logged, sizeof(logged), fmt, args);
	va_end(args);
	nlogged++;
}

static int setup(void **state)
{
	(void)state;
	logged[0] = '\0';
	nlogged = 0;
	return 0;
}

struct table {
	uint8_t bytes[8192];
	uint32_t len;
};

static void add(struct table *t, uint64_t v, unsigned size)
{
	for (; size; size--, v >>= 8)
		t->bytes[t->len++] = (uint8_t)v;
}

/* 44 bytes before the entries: the header, the APIC's address, flags. */
static void begin(struct table *t)
{
	memset(t, 0, sizeof(*t));
	t->len = 36;
	add(t, 0xfee00000, 4);
	add(t, 1, 4);
}

static void add_cpu(struct table *t, uint8_t apic, uint32_t flags)
{
	add(t, 0x0800, 2);
	add(t, 9, 1);
	add(t, apic, 1);
	add(t, flags, 4);
}

static void add_ioapic(struct table *t, uint8_t id, uint32_t base, uint32_t gsi)
{
	add(t, 0x0c01, 2);
	add(t, id, 2);
	add(t, base, 4);
	add(t, gsi, 4);
}

static void add_override(struct table *t, uint8_t bus, uint8_t irq,
			 uint32_t gsi, uint16_t flags)
{
	add(t, 0x0a02, 2);
	add(t, bus, 1);
	add(t, irq, 1);
	add(t, gsi, 4);
	add(t, flags, 2);
}

/* From a block of just those bytes, so that the sanitizer sees each read
 * outside it. */
static struct acpi_madt madt(const struct table *t, uint32_t len)
{
	uint8_t *block = malloc(len);
	struct acpi_madt m = { 0 };

	memcpy(block, t->bytes, len);
	madt_parse(&m, block, len);
	free(block);
	return m;
}

static struct acpi_mcfg mcfg(const struct table *t, uint32_t len)
{
	uint8_t *block = malloc(len);
	struct acpi_mcfg m = { 0 };

	memcpy(block, t->bytes, len);
	mcfg_parse(&m, block, len);
	free(block);
	return m;
}

static void sample(struct table *t)
{
	begin(t);
	add_cpu(t, 0, 1);
	add_cpu(t, 2, 1);
	add_cpu(t, 4, 0);		/* not there */
	add_cpu(t, 6, 3);
	add_ioapic(t, 8, 0xfec00000, 0);
	add_ioapic(t, 9, 0xfec01000, 24);
	add_override(t, 0, 0, 2, 0);
	add_override(t, 0, 9, 9, 0xd);
	add_override(t, 0, 5, 5, 0xf);
	add(t, 0x0604, 2);		/* an NMI line: skipped */
	add(t, 0x010000ff, 4);
}

static void test_processors_and_ioapics(void **state)
{
	struct acpi_madt m;
	struct table t;

	(void)state;
	sample(&t);
	m = madt(&t, t.len);
	assert_int_equal(m.apic_base, 0xfee00000);
	assert_int_equal(m.ncpus, 3);
	assert_int_equal(m.apic_ids[0], 0);
	assert_int_equal(m.apic_ids[1], 2);
	assert_int_equal(m.apic_ids[2], 6);
	assert_int_equal(m.nioapics, 2);
	assert_int_equal(m.ioapics[0].base, 0xfec00000);
	assert_int_equal(m.ioapics[0].id, 8);
	assert_int_equal(m.ioapics[1].gsi_base, 24);
	assert_int_equal(nlogged, 0);
}

/* ACPI 5.2.12.5: what is not said conforms to ISA, edge and high. */
static void test_overrides_of_isa_interrupts(void **state)
{
	struct acpi_madt m;
	struct table t;

	(void)state;
	sample(&t);
	add_override(&t, 1, 3, 77, 0);	/* of no ISA bus */
	add_override(&t, 0, 16, 77, 0);	/* there are 16 */
	m = madt(&t, t.len);
	for (unsigned i = 0; i < ISA_IRQS; i++)
		assert_int_equal(m.isa[i].gsi, i == 0 ? 2 : i);
	assert_false(m.isa[0].level || m.isa[0].low);
	assert_true(m.isa[9].level);
	assert_false(m.isa[9].low);
	assert_true(m.isa[5].level && m.isa[5].low);
	assert_false(m.isa[3].level || m.isa[3].low);
}

static void test_the_apic_beyond_4_gib(void **state)
{
	struct table t;

	(void)state;
	begin(&t);
	add(&t, 0x0c05, 2);
	add(&t, 0, 2);
	add(&t, 0x1234567000, 8);
	assert_int_equal(madt(&t, t.len).apic_base, 0x1234567000);
}

static void test_a_table_without_entries(void **state)
{
	struct acpi_madt m;
	struct table t;

	(void)state;
	begin(&t);
	for (uint32_t len = 0; len <= 44; len++) {
		m = madt(&t, len);
		assert_int_equal(m.apic_base, 0xfee00000);
		assert_int_equal(m.ncpus, 0);
		assert_int_equal(m.isa[7].gsi, 7);
	}
}

/* Length 0 or 1 would never end, a longer one lies; what came before stands. */
static void test_lengths_that_cannot_be(void **state)
{
	static const uint8_t lengths[] = { 0, 1, 9, 255 };
	struct acpi_madt m;
	struct table t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		begin(&t);
		add_cpu(&t, 1, 1);
		add_cpu(&t, 2, 1);
		t.bytes[53] = lengths[i];
		logged[0] = '\0';
		m = madt(&t, t.len);
		assert_int_equal(m.ncpus, 1);
		assert_non_null(strstr(logged, "madt: offset 52: bad length"));
	}
}

/* An entry too short for its kind is skipped by its length. */
static void test_entries_too_short_for_their_kind(void **state)
{
	static const uint8_t kinds[] = { 0, 1, 2, 5 };
	struct acpi_madt m;
	struct table t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		begin(&t);
		add(&t, 0x0400u | kinds[i], 2);
		add(&t, 0xffff, 2);
		add_cpu(&t, 3, 1);
		m = madt(&t, t.len);
		assert_int_equal(m.ncpus, 1);
		assert_int_equal(m.apic_ids[0], 3);
		assert_int_equal(m.nioapics, 0);
		assert_int_equal(m.apic_base, 0xfee00000);
	}
}

static void test_more_than_there_is_room_for(void **state)
{
	struct acpi_madt m;
	struct table t;

	(void)state;
	begin(&t);
	for (unsigned i = 0; i < ACPI_MAX_CPUS + 20; i++)
		add_cpu(&t, (uint8_t)i, 1);
	for (unsigned i = 0; i < ACPI_MAX_IOAPICS + 5; i++)
		add_ioapic(&t, (uint8_t)i, 0xfec00000 + i * 0x1000, i * 24);
	m = madt(&t, t.len);
	assert_int_equal(m.ncpus, ACPI_MAX_CPUS);
	assert_int_equal(m.nioapics, ACPI_MAX_IOAPICS);
}

static void test_every_truncation_and_every_changed_byte(void **state)
{
	struct table t, changed;

	(void)state;
	sample(&t);
	for (uint32_t len = 0; len <= t.len; len++)
		madt(&t, len);
	for (uint32_t at = 0; at < t.len; at++)
		for (unsigned v = 0; v < 256; v++) {
			changed = t;
			changed.bytes[at] = (uint8_t)v;
			madt(&changed, t.len);
		}
}

static void test_bytes_by_chance(void **state)
{
	struct table t;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		begin(&t);
		t.len = 44 + (unsigned)rand() % 200;
		for (uint32_t at = 44; at < t.len; at++)
			t.bytes[at] = (uint8_t)(rand() % (i % 2 ? 16 : 256));
		madt(&t, t.len);
		mcfg(&t, t.len);
	}
}

static void add_ecam(struct table *t, uint64_t base, uint16_t segment,
		     uint8_t first, uint8_t last)
{
	add(t, base, 8);
	add(t, segment, 2);
	add(t, first, 1);
	add(t, last, 1);
	add(t, 0, 4);
}

static void test_configuration_space(void **state)
{
	struct acpi_mcfg m;
	struct table t;

	(void)state;
	begin(&t);
	add_ecam(&t, 0xb0000000, 0, 0, 255);
	add_ecam(&t, 0x4000000000, 1, 16, 31);
	m = mcfg(&t, t.len);
	assert_int_equal(m.n, 2);
	assert_int_equal(m.list[0].base, 0xb0000000);
	assert_int_equal(m.list[0].end_bus, 255);
	assert_int_equal(m.list[1].base, 0x4000000000);
	assert_int_equal(m.list[1].segment, 1);
	assert_int_equal(m.list[1].start_bus, 16);
	assert_int_equal(m.list[1].end_bus, 31);
	assert_int_equal(nlogged, 0);
}

static void test_configuration_space_that_cannot_be(void **state)
{
	struct acpi_mcfg m;
	struct table t;

	(void)state;
	begin(&t);
	add_ecam(&t, 0, 0, 0, 255);
	add_ecam(&t, 0xb0000000, 0, 5, 4);
	add_ecam(&t, 0xc0000000, 0, 7, 7);
	m = mcfg(&t, t.len);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.list[0].base, 0xc0000000);
	assert_int_equal(nlogged, 2);
	assert_string_equal(logged, "mcfg: offset 60: dropped");
	for (uint32_t len = 0; len < t.len; len++)
		assert_int_equal(mcfg(&t, len).n, 0);
}

static void test_more_configuration_space_than_there_is_room(void **state)
{
	struct table t;

	(void)state;
	begin(&t);
	for (unsigned i = 0; i < ACPI_MAX_ECAMS + 3; i++)
		add_ecam(&t, 0xb0000000, (uint16_t)i, 0, 255);
	assert_int_equal(mcfg(&t, t.len).n, ACPI_MAX_ECAMS);
	assert_int_equal(nlogged, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_processors_and_ioapics, setup),
		cmocka_unit_test_setup(test_overrides_of_isa_interrupts, setup),
		cmocka_unit_test_setup(test_the_apic_beyond_4_gib, setup),
		cmocka_unit_test_setup(test_a_table_without_entries, setup),
		cmocka_unit_test_setup(test_lengths_that_cannot_be, setup),
		cmocka_unit_test_setup(test_entries_too_short_for_their_kind,
				       setup),
		cmocka_unit_test_setup(test_more_than_there_is_room_for, setup),
		cmocka_unit_test_setup(
			test_every_truncation_and_every_changed_byte, setup),
		cmocka_unit_test_setup(test_bytes_by_chance, setup),
		cmocka_unit_test_setup(test_configuration_space, setup),
		cmocka_unit_test_setup(test_configuration_space_that_cannot_be,
				       setup),
		cmocka_unit_test_setup(
			test_more_configuration_space_than_there_is_room,
			setup),
	};

	return cmocka_run_group_tests_name("MADT and MCFG", tests, NULL, NULL);
}
