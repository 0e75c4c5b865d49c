/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What units do not say of themselves (vtd/quirks.c, iommu_quirks.c): each row
 * of the table, and on a machine that has it what it changes.
 */
#include "bench.h"

#include <vtd/quirks.h>

#define RWBF_IGFX	(QUIRK_BUFFERS_WRITES | QUIRK_NO_GRAPHICS)

static const struct {
	uint16_t first, last;	/* devices that have it */
	uint32_t class;
	unsigned quirks;
} rows[] = {
	{ 0x2a40, 0x2a40, 0x060000, RWBF_IGFX },
	{ 0x2e00, 0x2e00, 0x060000, RWBF_IGFX },
	{ 0x2e10, 0x2e10, 0x060000, RWBF_IGFX },
	{ 0x2e20, 0x2e20, 0x060000, RWBF_IGFX },
	{ 0x2e30, 0x2e30, 0x060000, RWBF_IGFX },
	{ 0x2e40, 0x2e40, 0x060000, RWBF_IGFX },
	{ 0x2e90, 0x2e90, 0x060000, RWBF_IGFX },
	{ 0x0044, 0x0044, 0x060000, QUIRK_NO_GRAPHICS },
	{ 0x1600, 0x163f, 0x030000, QUIRK_NO_GRAPHICS },
	{ 0x4500, 0x46ff, 0x030000, QUIRK_KEEP_ON },
	{ 0x4c00, 0x4cff, 0x030000, QUIRK_KEEP_ON },
	{ 0x4e00, 0x4eff, 0x030000, QUIRK_KEEP_ON },
	{ 0x7d00, 0x7dff, 0x030000, QUIRK_KEEP_ON },
	{ 0x8a00, 0x8aff, 0x030000, QUIRK_KEEP_ON },
	{ 0x9800, 0x98ff, 0x030000, QUIRK_KEEP_ON },
	{ 0x9a00, 0x9aff, 0x030000, QUIRK_KEEP_ON },
	{ 0xa700, 0xa7ff, 0x030000, QUIRK_KEEP_ON },
	{ 0x4940, 0x4943, 0x0b4000, QUIRK_DEVTLB_TWICE },
	{ 0x342e, 0x342e, 0x080000, QUIRK_ISOCH },
};

/* Of every id that there can be, by this table and by the driver's. */
static unsigned expected(unsigned device, uint32_t class)
{
	unsigned found = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		bool graphics = rows[i].class >> 16 == 3;

		if (device >= rows[i].first && device <= rows[i].last &&
		    (!graphics || class >> 16 == 3))
			found |= rows[i].quirks;
	}
	return found;
}

static void test_every_id(void **state)
{
	static const uint32_t classes[] = { 0x060000, 0x030000, 0x010802 };

	(void)state;
	for (unsigned d = 0; d < 0x10000; d++)
		for (unsigned c = 0; c < ARRAY_SIZE(classes); c++) {
			assert_int_equal(vtd_quirks(0x8086, (uint16_t)d,
						    classes[c]),
					 expected(d, classes[c]));
			assert_int_equal(vtd_quirks(0x1022, (uint16_t)d,
						    classes[c]), 0);
		}
}

static void identify(struct function *f, uint16_t device, uint32_t class)
{
	f->config[0] = 0x86;
	f->config[1] = 0x80;
	f->config[2] = (uint8_t)device;
	f->config[3] = (uint8_t)(device >> 8);
	for (unsigned i = 0; i < 3; i++)
		f->config[9 + i] = (uint8_t)(class >> 8 * i);
}

/* The unit has a write buffer and does not say so. */
static void buffers(uint16_t device)
{
	struct function *host;
	struct process *p;
	struct bench b;

	bench_open(&b, triple_named("qemu without caching mode"),
		   WITHOUT_WIRED, 1);
	host = model_function(b.m, 0, 0, 0, 0, FN_HOST_BRIDGE, b.u);
	identify(host, device, 0x060000);
	b.u->c.rwbf = true;
	memory_add_buffer(b.u);
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(process_map(p, VA + PAGE, 1, RW), 0);
	assert_true(can_write(p, b.flr, VA + PAGE));
	assert_int_equal(process_unmap(p, VA, 1), 0);
	process_end(p);
	bench_close(&b);
}

static void test_units_that_buffer_writes_and_do_not_say_so(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].quirks & QUIRK_BUFFERS_WRITES)
			buffers(rows[i].first);
}

/* Graphics is nobody's; the unit that serves nothing else is not used, that
 * which serves others is. */
static void no_graphics(uint16_t device, uint32_t class)
{
	const struct triple *t = triple_named("qemu");
	struct function *gpu, *gpu2;
	struct model_unit *only;
	struct process *p;
	struct bench b;

	bench_bare(&b, 1);
	only = model_unit(b.m, 0xfed80000, 0, t->ver, t->cap, t->ecap);
	b.u = model_unit(b.m, 0xfed90000, 0, t->ver, t->cap, t->ecap);
	b.flr = model_function(b.m, 0, 0, 3, 0, FN_FLR, b.u);
	gpu = model_function(b.m, 0, 0, 2, 0, FN_MASTERING, only);
	gpu2 = model_function(b.m, 0, 0, 4, 0, FN_MASTERING, b.u);
	identify(gpu, class >> 16 == 3 ? device : 0x1234, 0x030000);
	identify(gpu2, 0x1234, 0x038000);
	if (class >> 16 != 3)
		identify(model_function(b.m, 0, 0, 0, 0, FN_HOST_BRIDGE, b.u),
			 device, class);
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_true(process_attach(p, gpu, 0) < 0);
	assert_string_equal(b.m->error, "translation for graphics does not "
			    "work on this chipset");
	assert_true(process_attach(p, gpu2, 0) < 0);
	assert_string_equal(vtd_of(only)->unsupported, "it serves graphics "
			    "alone, and does not work on this chipset");
	assert_null(vtd_of(only)->root);	/* no memory for it either */
	assert_false(only->gsts & G_TE);
	assert_false(function_mastering(gpu) || function_mastering(gpu2));
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	process_end(p);
	bench_close(&b);
}

static void test_graphics_that_cannot_be_translated(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].quirks & QUIRK_NO_GRAPHICS)
			no_graphics(rows[i].last, rows[i].class);
}

/* Off, its unit goes on translating; everything is off the bus all the same. */
static void keeps_on(uint16_t device)
{
	const struct triple *t = triple_named("qemu");
	struct function *gpu, *other;
	struct process *p;
	struct bench b;

	bench_open(&b, t, WITHOUT_WIRED, 1);
	gpu = model_function(b.m, 0, 0, 12, 0, FN_FLR, b.u);
	identify(gpu, device, 0x030000);
	other = model_function(b.m, 0, 0, 10, 0, FN_FLR,
			       model_unit(b.m, 0xfed80000, 0, t->ver, t->cap,
					  t->ecap));
	bench_boot(&b);
	attack_always(&b);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, gpu, 0), 0);
	assert_int_equal(process_attach(p, other, 0), 0);
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	assert_true(b.u->gsts & G_TE);
	assert_false(other->unit->gsts & G_TE);
	assert_false(function_mastering(gpu) || function_mastering(other));
	assert_int_equal(process_unmap(p, VA, 1), 0);
	model_call(b.m);
	assert_int_equal(iommu_power(true), 0);
	assert_true(other->unit->gsts & G_TE);
	assert_true(can_write(p, gpu, VA + PAGE));
	assert_true(can_write(p, other, VA + PAGE));
	process_end(p);
	bench_close(&b);
}

static void test_units_that_must_not_go_off(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].quirks & QUIRK_KEEP_ON)
			keeps_on(rows[i].last);
}

/* Each flush of its TLB comes twice, that of the end, too. */
static void test_device_tlbs_that_are_flushed_twice(void **state)
{
	struct function *f;
	struct image image;
	struct process *p;
	struct bench b;

	(void)state;
	for (uint16_t id = 0x4940; id <= 0x4944; id++) {
		unsigned n = id < 0x4944 ? 2 : 1;

		bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
		f = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_PCIE, b.u);
		identify(f, id, 0x0b4000);
		bench_table(b.m, &image);
		put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
		bench_boot_image(&b, &image);
		p = process(&b, 7);
		assert_int_equal(process_map(p, VA, 3, RW), 0);
		assert_int_equal(process_attach(p, f, IOMMU_ATS), 0);
		assert_int_equal(process_unmap(p, VA, 1), 0);
		assert_int_equal(f->forgets, n);
		assert_int_equal(process_unmap(p, VA + PAGE, 1), 0);
		assert_int_equal(f->forgets, 2 * n);
		assert_int_equal(process_detach(f), 0);
		assert_int_equal(f->forgets, 3 * n);
		process_end(p);
		bench_close(&b);
	}
}

/* Enabled and without an entry of its TLB: sound is refused. */
static void test_the_isochronous_unit(void **state)
{
	static const uint8_t some[] = { 0x00, 0x01, 0x41, 0x1d, 0x05, 0xe1 };
	struct function *chip, *sound;
	struct process *p;
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
		bench_open(&b, triple_named("real unit 22"), WITHOUT_WIRED, 1);
		chip = model_function(b.m, 0, 0, 20, 0, FN_PCIE, b.u);
		sound = model_function(b.m, 0, 0, 27, 0, FN_FLR, b.u);
		identify(chip, 0x342e, 0x080000);
		identify(sound, 0x3a3e, 0x040300);
		chip->config[QUIRK_ISOCH_REGISTER] = some[i];
		bench_boot(&b);
		p = process(&b, 7);
		if (bits(some[i], 4, 2) == 0 && some[i] & 1) {
			assert_true(process_attach(p, sound, 0) < 0);
			assert_string_equal(b.m->error, "the firmware has "
					    "given its unit no TLB entries");
		} else {
			assert_int_equal(process_attach(p, sound, 0), 0);
		}
		assert_int_equal(process_attach(p, b.flr, 0), 0);
		process_end(p);
		bench_close(&b);
	}
}

static void no_buffer(struct machine *m, const struct happening *h)
{
	(void)m;
	if (h->what == E_WRITE && h->where == R_GCMD)
		assert_false(h->value & G_WBF);
}

/* A machine with one quirk, on which all others could show. */
static void alone(uint16_t device, uint32_t class, unsigned quirk)
{
	struct function *odd, *sound, *tlb;
	struct image image;
	struct process *p;
	struct bench b;

	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	odd = model_function(b.m, 0, 0, 12, 0, FN_PCIE, b.u);
	identify(odd, device, class);
	odd->config[QUIRK_ISOCH_REGISTER] = quirk & QUIRK_ISOCH ? 0x1d : 1;
	sound = model_function(b.m, 0, 0, 27, 0, FN_FLR, b.u);
	identify(sound, 0x3a3e, 0x040300);
	tlb = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_PCIE, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	b.m->hook = no_buffer;
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, sound, 0), 0);
	assert_int_equal(process_attach(p, tlb, IOMMU_ATS), 0);
	assert_int_equal(process_detach(tlb), 0);
	assert_int_equal(tlb->forgets, quirk & QUIRK_DEVTLB_TWICE ? 2 : 1);
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(!(b.u->gsts & G_TE), !(quirk & QUIRK_KEEP_ON));
	process_end(p);
	bench_close(&b);
}

static void test_quirks_that_bring_others(void **state)
{
	(void)state;
	alone(0x4500, 0x030000, QUIRK_KEEP_ON);
	alone(0x4940, 0x0b4000, QUIRK_DEVTLB_TWICE);
	alone(0x342e, 0x080000, QUIRK_ISOCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_every_id),
		bench_test(test_units_that_buffer_writes_and_do_not_say_so),
		bench_test(test_graphics_that_cannot_be_translated),
		bench_test(test_units_that_must_not_go_off),
		bench_test(test_device_tlbs_that_are_flushed_twice),
		bench_test(test_the_isochronous_unit),
		bench_test(test_quirks_that_bring_others),
	};

	return cmocka_run_group_tests_name("quirks", tests, NULL, NULL);
}
