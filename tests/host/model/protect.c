/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's protected memory regions and its side of interrupt remapping:
 * registers, commands and descriptors.
 */
#include "selftest.h"

#define PMR_CAP	(PLAIN_CAP | 3 << 5)

/* Not yet translating, and the device goes for a physical address. */
static void open_off(struct soft *s, uint64_t cap)
{
	soft_open(s, 0x10, cap, PLAIN_ECAP);
	command(s, G_TE, false);
	s->m->watching = false;
	s->f->holder = NULL;
}

static bool reaches(struct soft *s)
{
	uint64_t v;

	return model_dma(s->m, 0, SID, s->frame, &v, sizeof(v), false);
}

static void enable(struct soft *s, bool on)
{
	unit_write(s->u, R_PMEN, 4, on ? 1u << 31 : 0);
	model_settle(s->m);
	assert_int_equal(unit_read(s->u, R_PMEN, 4) & 1, on);
}

static void high_region(struct soft *s, uint64_t base, uint64_t limit)
{
	unit_write(s->u, R_PHMBASE, 8, base);
	unit_write(s->u, R_PHMLIMIT, 8, limit);
}

static void test_a_region_drops_what_is_in_it(void **state)
{
	uint64_t faults;
	struct soft s;

	(void)state;
	open_off(&s, PMR_CAP);
	faults = s.u->faults;
	assert_true(reaches(&s));
	high_region(&s, 1ul << 32, ~0ul);
	assert_true(reaches(&s));
	enable(&s, true);
	assert_false(reaches(&s));
	assert_int_equal(s.u->faults, faults);
	enable(&s, false);
	high_region(&s, 1ul << 32, RAM_BASE - 1);
	enable(&s, true);
	assert_true(reaches(&s));
	enable(&s, false);
	high_region(&s, RAM_BASE, RAM_BASE);	/* the limit's low bits count */
	enable(&s, true);
	assert_false(reaches(&s));
	soft_close(&s);
}

static void test_regions_do_not_move_while_on(void **state)
{
	struct soft s;

	(void)state;
	open_off(&s, PMR_CAP);
	enable(&s, true);
	unit_write(s.u, R_PLMBASE, 4, 0);
	model_expect(s.m, "moved while it is on");
	unit_write(s.u, R_PMEN, 4, 3);
	model_expect(s.m, "PMEN written");
	soft_close(&s);
}

static void test_the_status_comes_late(void **state)
{
	struct soft s;

	(void)state;
	open_off(&s, PMR_CAP);
	s.u->trouble.deaf_protect = true;
	high_region(&s, 1ul << 32, ~0ul);
	unit_write(s.u, R_PMEN, 4, 1u << 31);
	for (unsigned i = 0; i < 100; i++)
		model_tick(s.m);
	assert_int_equal(unit_read(s.u, R_PMEN, 4), 1u << 31);
	assert_true(reaches(&s));
	soft_close(&s);
}

static void test_units_without_regions(void **state)
{
	struct soft s;

	(void)state;
	open_off(&s, PLAIN_CAP);
	unit_read(s.u, R_PMEN, 4);
	model_expect(s.m, "no such register");
	soft_close(&s);
	open_off(&s, PLAIN_CAP | 1 << 5);
	unit_read(s.u, R_PLMLIMIT, 4);
	assert_int_equal(s.m->violations, 0);
	unit_read(s.u, R_PHMLIMIT, 8);
	model_expect(s.m, "no such register");
	soft_close(&s);
}

static void test_interrupt_remapping_needs_a_table(void **state)
{
	uint64_t *table;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.u->tolerant = false;
	table = memory_alloc(s.m, PGSIZE);
	unit_write(s.u, R_GCMD, 4, (s.u->gsts & G_LASTING) | G_IRE);
	model_expect(s.m, "interrupt remapping without a table");
	command(&s, G_SIRTP, true);
	model_expect(s.m, "IRTA is");
	unit_write(s.u, R_IRTA, 8, memory_pa(s.m, table) | 7);
	command(&s, G_SIRTP, true);
	assert_true(s.u->gsts & G_SIRTP);
	command(&s, G_IRE, true);
	model_expect(s.m, "without a global invalidation");
	command(&s, G_IRE, false);
	queue_on(&s);
	push(&s, D_IEC, 0);
	command(&s, G_IRE, true);
	assert_true(s.u->gsts & G_IRE);
	for (unsigned n = 4; n < 12; n++) {
		unit_write(s.u, R_IRTA, 8, 1ul << n);
		model_expect(s.m, "IRTA written");
	}
	soft_close(&s);
}

static bool takes(uint64_t lo, uint64_t hi)
{
	struct soft s;
	bool good;

	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	push(&s, D_IEC | lo, hi);
	good = !(unit_read(s.u, R_FSTS, 4) & FS_IQE) && s.u->iecs == 1;
	soft_close(&s);
	return good;
}

/* 6.5.2.7: of all, or of 2^IM entries from an index on. */
static void test_interrupt_entry_cache_descriptors(void **state)
{
	(void)state;
	assert_true(takes(0, 0));
	assert_true(takes(1 << 4 | 5ul << 32, 0));
	assert_true(takes(1 << 4 | 15ul << 27, 0));
	assert_true(takes(1 << 4 | 2ul << 27 | 8ul << 32, 0));
	assert_false(takes(1 << 4 | 2ul << 27 | 2ul << 32, 0));
	assert_false(takes(1 << 4 | 16ul << 27, 0));
	assert_false(takes(0, 1));
	for (unsigned n = 5; n < 27; n++)
		assert_false(takes(1ul << n, 0));
	for (unsigned n = 48; n < 64; n++)
		assert_false(takes(1ul << n, 0));
}

int model_protect_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_region_drops_what_is_in_it),
		cmocka_unit_test(test_regions_do_not_move_while_on),
		cmocka_unit_test(test_the_status_comes_late),
		cmocka_unit_test(test_units_without_regions),
		cmocka_unit_test(test_interrupt_remapping_needs_a_table),
		cmocka_unit_test(test_interrupt_entry_cache_descriptors),
	};

	return cmocka_run_group_tests_name("model: protected memory", tests,
					   NULL, NULL);
}
