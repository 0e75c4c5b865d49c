/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What other drivers of this kind got wrong, as in test_peers.c: what firmware
 * says, tables, owners, the start.
 */
#include "bench.h"

#include <iommu_text.h>
#include <pci_function.h>

static struct process *start(struct bench *b, const char *name, int wired)
{
	struct process *p;

	bench_open(b, triple_named(name), wired, 1);
	bench_boot(b);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	return p;
}

static void finish(struct bench *b, struct process *p)
{
	process_end(p);
	bench_close(b);
}

/* 10: lengths of 0, unknown types, one bad unit among good ones, which names
 * devices that others serve. */
static void test_firmware_input(void **state)
{
	struct image image;
	struct bench b;
	uint32_t at;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
		bench_table(b.m, &image);
		put_drhd(&image, 0, 0xfed1f000);	/* nothing there */
		put_scope(&image, 1, 0, 1, (const uint8_t[]){ 4, 0 });
		put_entry(&image, 77);
		put_bytes(&image, 0, 4);
		put_drhd(&image, 0, 0xfed90000);
		at = put_scope(&image, 1, 0, 1, (const uint8_t[]){ 2, 0 });
		if (i == 1)
			image.bytes[at + 1] = 0;
		if (i == 2)
			set_len(&image, image.entry, 0);
		image_seal(&image);
		model_call(b.m);
		bench_table_given(image.bytes, image.len);
		bench_add_devices(b.m);
		iommu_start(true);
		assert_int_equal(iommu.nunits, 1);
		assert_null(iommu_missing());
		assert_ptr_equal(dev(b.plain)->unit, iommu.units[0]);
		assert_ptr_equal(dev(b.af)->unit, iommu.units[0]);
		bench_close(&b);
	}
}

/* 10: neither the scopes of a good unit nor its reading come to no end. */
static void test_a_scope_of_length_0(void **state)
{
	struct image image;
	struct bench b;
	uint32_t at;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	image_start(&image);
	put_drhd(&image, 0, 0xfed90000);
	put_scope(&image, 1, 0, 1, (const uint8_t[]){ 2, 0 });
	at = put_scope(&image, 1, 0, 1, (const uint8_t[]){ 4, 0 });
	image.bytes[at + 1] = 0;
	image_seal(&image);
	model_call(b.m);
	bench_table_given(image.bytes, image.len);
	bench_add_devices(b.m);
	assert_non_null(dev(b.plain)->unit);
	assert_null(dev(b.af)->unit);
	assert_true(model_logged(b.m, "scope length less than 6"));
	bench_close(&b);
}

/* 10: a path goes through the buses below its bridges. */
static void test_every_hop_on_the_root_bus(void **state)
{
	struct image image;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	image_start(&image);
	put_drhd(&image, 0, 0xfed90000);
	put_scope(&image, 1, 0, 2, (const uint8_t[]){ 1, 0, 0, 0 });
	image_seal(&image);
	bench_table_given(image.bytes, image.len);
	bench_add_devices(b.m);
	assert_non_null(dev(b.flr)->unit);
	assert_null(dev(b.plain)->unit);
	bench_close(&b);
}

/* 11: a pid is no domain id, and no two spaces share one. */
static void test_domain_ids(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	p = start(&b, "16 domains", WITHOUT_WIRED);
	q = process(&b, 7 + 256 * 65536);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(q, b.plain, 0), 0);
	assert_true(dev(b.flr)->su->did > DID_KERNEL);
	assert_true(dev(b.plain)->su->did > DID_KERNEL);
	assert_int_not_equal(dev(b.flr)->su->did, dev(b.plain)->su->did);
	assert_true(can_write(p, b.flr, VA));
	assert_true(can_write(q, b.plain, VA));
	process_end(q);
	finish(&b, p);
}

/* 12: every table, not all but the root. */
static void test_coherency(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	for (unsigned shift = 12; shift < 48; shift++)
		assert_false(can_read(p, b.flr, (VA + 4 * PAGE) ^
				      1ul << shift));
	finish(&b, p);
}

/* Whether a table has been freed before the unit was asked to forget it. */
static void freed_or_asked(struct machine *m, const struct happening *h)
{
	const char **first = m->hook_arg;

	if (!*first && h->what == E_FREE)
		*first = "freed";
	if (!*first && h->what == E_WRITE && h->where == R_IQT)
		*first = "asked";
}

/* 13: tables go back to the allocator after the flush. */
static void test_freed_before_flushed(void **state)
{
	const char *first = NULL;
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "caching, coherent", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_true(b.u->ntables > 0);
	b.m->hook = freed_or_asked;
	b.m->hook_arg = &first;
	assert_int_equal(process_unmap(p, VA & -(2ul << 20), 512), 0);
	assert_string_equal(first, "asked");
	b.m->hook = NULL;
	process_end(p);
	assert_int_equal(b.u->ntables, 0);
	bench_close(&b);
}

/* 14: at no step is an entry present and half of another. */
static void test_torn_entries(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	p = start(&b, "caching, coherent", WITH_WIRED);
	q = process(&b, 8);
	b.m->policy.keep = KEEP_NOTHING;
	attack_always(&b);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(process_attach(p, b.wired1, 0), 0);
		assert_true(can_read(p, b.wired1, VA));
		assert_int_equal(process_detach(b.wired1), 0);
		assert_int_equal(process_attach(q, b.wired1, 0), 0);
		assert_int_equal(process_detach(b.wired1), 0);
	}
	process_end(q);
	finish(&b, p);
}

/* 15: nothing that is passed through untranslated, and no device TLB either. */
static void test_bypass_through_the_interface(void **state)
{
	struct context_entry e;
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 29", WITHOUT_WIRED);
	assert_true(process_attach(p, b.flr, ~0u) < 0);
	assert_int_equal(process_attach(p, b.flr, IOMMU_UNSAFE), 0);
	e = context_get(vtd_of(b.u), b.flr->sid);
	assert_int_equal(bits(e.lo, 3, 2), 0);
	finish(&b, p);
}

/* 15: what is no number is not 0, and what is too large is not cut. */
static void test_bypass_through_what_is_written(void **state)
{
	char buf[2 * IOMMU_COMMAND_MAX];
	struct text subject = { .buf = buf, .size = sizeof(buf) };
	struct iommu_command cmd;
	uint16_t segment, sid;

	(void)state;
	assert_null(iommu_parse_attach("0:3.0 7", &cmd, &subject));
	assert_int_equal(cmd.pid, 7);
	assert_non_null(iommu_parse_attach("0:3.0 foo", &cmd, &subject));
	assert_non_null(bdf_parse("100:23.8", &segment, &sid));
	assert_non_null(bdf_parse("100:3.0", &segment, &sid));
	assert_non_null(bdf_parse("0:23.0", &segment, &sid));
	assert_non_null(bdf_parse("0:3.8", &segment, &sid));
}

/* 16 */
static void test_a_reserved_region_with_an_impossible_range(void **state)
{
	struct image image;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_table(b.m, &image);
	put_rmrr(&image, 0x7d000000, 0x7c000fff);
	put_scope(&image, 1, 0, 1, (const uint8_t[]){ 2, 0 });
	image_seal(&image);
	bench_table_given(image.bytes, image.len);
	bench_add_devices(b.m);
	assert_null(dev(b.plain)->refused);
	assert_true(model_logged(b.m, "reserved region ends before"));
	iommu_start(true);
	assert_null(dev(b.plain)->space);
	assert_false(function_mastering(b.plain));
	bench_close(&b);
}

static void nobody_masters(struct machine *m, const struct happening *h)
{
	if (h->what != E_WRITE || h->where != R_GCMD || !(h->value & G_TE))
		return;
	for (struct function *f = m->functions; f; f = f->next)
		assert_false(f->unit && function_mastering(f));
}

/* 17: devices that firmware left running are off the bus before. */
static void test_the_unprotected_window(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	assert_true(function_mastering(b.flr));
	b.m->hook = nobody_masters;
	bench_boot(&b);
	assert_true(b.u->gsts & G_TE);
	bench_close(&b);
}

static void never_off(struct machine *m, const struct happening *h)
{
	(void)m;
	if (h->what == E_WRITE && h->where == R_GCMD)
		assert_true(h->value & G_TE);
}

/* 17: nor is a unit that translates already turned off first. */
static void test_a_second_kernel_first_turns_it_off(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.u->gsts = G_TE | G_SRTP;
	b.u->root = b.u->rtaddr = memory_pa(b.m, memory_alloc(b.m, PAGE));
	b.m->hook = never_off;
	bench_boot(&b);
	assert_true(b.u->gsts & G_TE);
	bench_close(&b);
}

static void protected_until_then(struct machine *m, const struct happening *h)
{
	bool *seen = m->hook_arg;

	if (h->what != E_WRITE || h->where != R_GCMD || h->value & G_TE)
		return;
	assert_true(h->unit->pmen & 1);
	*seen = true;
}

/* 17: nobody reaches memory until translation is on, and then it is open. */
static void test_protected_memory_only_ever_switched_off(void **state)
{
	bool seen = false;
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < ntriples && !seen; i++) {
		if (!(triple_at(i)->cap >> 5 & 3))
			continue;
		bench_open(&b, triple_at(i), WITHOUT_WIRED, 1);
		b.m->hook = protected_until_then;
		b.m->hook_arg = &seen;
		bench_boot(&b);
		assert_false(b.u->pmen & 1);
		bench_close(&b);
	}
	assert_true(seen);
}

/* 18: FPD is in no entry, and a storm does not take the machine down. */
static void test_faults_switched_off(void **state)
{
	struct context_entry e;
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "8 records", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	e = context_get(vtd_of(b.u), b.flr->sid);
	assert_false(bit(e.lo, 1));
	for (unsigned i = 0; i < 1000; i++) {
		can_read(p, b.flr, VA + 2 * PAGE);
		while (bench_serve())
			;
	}
	assert_in_range(dev(b.flr)->faults, IOMMU_STORM_FAULTS, 999);
	assert_false(function_mastering(b.flr));
	assert_true(b.m->logged[OS_WARN] < 64);
	finish(&b, p);
}

/* 19: as QEMU has it, no unit says that it takes all. */
static void test_wrong_unit(void **state)
{
	struct function *uncovered;
	struct image image;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	uncovered = model_function(b.m, 0, 0, 20, 0, FN_FLR, NULL);
	image_start(&image);
	put_drhd(&image, 0, 0xfed90000);
	put_scope(&image, 1, 0, 1, (const uint8_t[]){ 2, 0 });
	image_seal(&image);
	bench_table_given(image.bytes, image.len);
	bench_add_devices(b.m);
	iommu_start(true);
	p = process(&b, 7);
	assert_true(process_attach(p, uncovered, 0) < 0);
	assert_string_equal(b.m->error, "no remapping unit covers it");
	assert_true(process_detach(uncovered) < 0);
	assert_int_equal(process_attach(p, b.plain, 0), 0);
	process_end(p);
	assert_false(function_mastering(uncovered));
	bench_close(&b);
}

/* 20 */
static void test_dead_owner(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22", WITHOUT_WIRED);
	b.flr->drains = 4;
	attack_always(&b);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	process_end(p);
	assert_false(dma_can_master(b.flr));
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_firmware_input),
		bench_test(test_a_scope_of_length_0),
		bench_test(test_every_hop_on_the_root_bus),
		bench_test(test_domain_ids),
		bench_test(test_coherency),
		bench_test(test_freed_before_flushed),
		bench_test(test_torn_entries),
		bench_test(test_bypass_through_the_interface),
		bench_test(test_bypass_through_what_is_written),
		bench_test(test_a_reserved_region_with_an_impossible_range),
		bench_test(test_the_unprotected_window),
		bench_test(test_a_second_kernel_first_turns_it_off),
		bench_test(test_protected_memory_only_ever_switched_off),
		bench_test(test_faults_switched_off),
		bench_test(test_wrong_unit),
		bench_test(test_dead_owner),
	};

	return cmocka_run_group_tests_name("what else peers got wrong", tests, NULL,
					   NULL);
}
