/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's register file: which registers there are, their widths, and the
 * rules of GCMD (VT-d 11.4).
 */
#include "selftest.h"

static const struct {
	unsigned off, width;
} registers[] = {
	{ R_VER, 4 }, { R_CAP, 8 }, { R_ECAP, 8 }, { R_GCMD, 4 },
	{ R_GSTS, 4 }, { R_RTADDR, 8 }, { R_CCMD, 8 }, { R_FSTS, 4 },
	{ R_FECTL, 4 }, { R_FEDATA, 4 }, { R_FEADDR, 4 }, { R_FEUADDR, 4 },
	{ R_IQH, 8 }, { R_IQT, 8 }, { R_IQA, 8 }, { R_IQERCD, 8 },
	{ R_IRTA, 8 },
	{ 0xf0, 8 }, { 0xf8, 8 },		/* at ECAP.IRO */
	{ 0x220, 8 }, { 0x228, 8 }, { 0x22c, 4 },	/* at CAP.FRO */
};

static bool is_register(unsigned off, unsigned width)
{
	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++)
		if (registers[i].off == off && registers[i].width == width)
			return true;
	return false;
}

static void test_registers_have_one_width(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	for (unsigned width = 4; width <= 8; width += 4)
		for (unsigned off = 0; off < 0x1000; off += width) {
			unit_read(s.u, off, width);
			assert_int_equal(!s.m->violations,
					 is_register(off, width));
			s.m->violations = 0;
		}
	soft_close(&s);
}

static void test_access_is_aligned(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	os_read32(s.window + R_GSTS);
	assert_int_equal(s.m->violations, 0);
	os_read32(s.window + R_GSTS + 2);
	model_expect(s.m, "not aligned");
	os_read64(s.window + R_CAP + 4);
	model_expect(s.m, "not aligned");
	os_read32(s.window + 0x2000);
	model_expect(s.m, "outside what was mapped");
	soft_close(&s);
}

static bool has(uint32_t ver, uint64_t cap, uint64_t ecap, unsigned off)
{
	struct soft s;
	bool good;

	soft_open(&s, ver, cap, ecap);
	unit_read(s.u, off, 8);
	good = !s.m->violations;
	s.m->violations = 0;
	soft_close(&s);
	return good;
}

static void test_registers_that_only_some_units_have(void **state)
{
	(void)state;
	assert_true(has(0x10, PLAIN_CAP, PLAIN_ECAP, R_IQT));
	assert_false(has(0x10, PLAIN_CAP, PLAIN_ECAP & ~2ul, R_IQT));
	assert_true(has(0x50, PLAIN_CAP, PLAIN_ECAP, R_CCMD));
	assert_false(has(0x60, PLAIN_CAP, PLAIN_ECAP, R_CCMD));
	assert_true(has(0x50, PLAIN_CAP, PLAIN_ECAP, 0xf8));
	assert_false(has(0x60, PLAIN_CAP, PLAIN_ECAP, 0xf8));
	assert_false(has(0x10, PLAIN_CAP, PLAIN_ECAP, 0x230));
	assert_true(has(0x10, PLAIN_CAP | 7ul << 40, PLAIN_ECAP, 0x290));
	assert_false(has(0x10, PLAIN_CAP | 7ul << 40, PLAIN_ECAP, 0x2a0));
}

static void refused(uint32_t v, const char *text)
{
	struct soft s;

	soft_open(&s, 0x10, PLAIN_CAP, 0xf00f43);
	unit_write(s.u, R_GCMD, 4, v);
	model_expect(s.m, text);
	model_settle(s.m);
	assert_int_equal(s.u->gsts, G_TE | G_SRTP);
	soft_close(&s);
}

static void test_gcmd_changes_one_bit_at_a_time(void **state)
{
	(void)state;
	refused(0x1000 | G_TE, "reserved");
	refused(G_SRTP, "more than one bit");		/* TE goes off, too */
	refused(G_TE | G_SRTP | G_WBF, "more than one bit");
	refused(G_QIE, "more than one bit");
	refused(G_TE | G_QIE | G_SRTP, "more than one bit");
	refused(G_TE | G_IRE, "no such feature");
	refused(G_TE | G_CFI, "no such feature");
	refused(G_TE | G_SIRTP, "no such feature");
	refused(G_TE | G_SFL, "no such feature");
	for (unsigned n = 0; n < 23; n++)
		refused(G_TE | 1u << n, "reserved");
}

static void test_gcmd_needs_a_root_table_first(void **state)
{
	struct machine *m = model_start(1);
	struct model_unit *u = model_unit(m, 0xfed90000, 0, 0x10, PLAIN_CAP,
					  PLAIN_ECAP);

	(void)state;
	unit_write(u, R_GCMD, 4, G_TE);
	model_expect(m, "without a root table");
	model_stop(m);
}

static void test_a_command_takes_its_time(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.m->policy.latency = 1000;
	unit_write(s.u, R_GCMD, 4, G_TE | G_SRTP);
	assert_false(unit_read(s.u, R_GSTS, 4) & G_SRTP);
	unit_write(s.u, R_GCMD, 4, G_TE | G_QIE);
	model_expect(s.m, "under way");
	model_settle(s.m);
	assert_true(unit_read(s.u, R_GSTS, 4) & G_SRTP);
	s.u->trouble.deaf = true;
	unit_write(s.u, R_GCMD, 4, 0);
	for (unsigned i = 0; i < 2000; i++)
		model_tick(s.m);
	assert_true(unit_read(s.u, R_GSTS, 4) & G_TE);
	soft_close(&s);
}

static void test_the_root_pointer_is_latched(void **state)
{
	struct soft s;
	uint64_t *other;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	other = memory_alloc(s.m, PGSIZE);
	unit_write(s.u, R_RTADDR, 8, memory_pa(s.m, other));
	assert_int_equal(s.u->root, memory_pa(s.m, s.root));
	assert_true(reads(&s));
	command(&s, G_SRTP, true);
	assert_int_equal(s.u->root, memory_pa(s.m, other));
	unit_write(s.u, R_RTADDR, 8, memory_pa(s.m, other) | 0x400);
	command(&s, G_SRTP, true);
	model_expect(s.m, "RTADDR");
	soft_close(&s);
}

static void test_read_only_registers(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	unit_write(s.u, R_CAP, 8, 0);
	model_expect(s.m, "read-only");
	unit_write(s.u, R_GSTS, 4, 0);
	model_expect(s.m, "read-only");
	unit_write(s.u, R_IQH, 8, 0);
	model_expect(s.m, "read-only");
	assert_int_equal(unit_read(s.u, R_CAP, 8), PLAIN_CAP);
	assert_int_equal(unit_read(s.u, R_GCMD, 4), 0);
	soft_close(&s);
}

static void test_a_unit_that_is_gone(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.u->trouble.gone = true;
	assert_int_equal(unit_read(s.u, R_GSTS, 4), UINT32_MAX);
	assert_int_equal(unit_read(s.u, R_CAP, 8), UINT64_MAX);
	unit_write(s.u, R_GCMD, 4, 0);
	model_settle(s.m);
	s.u->trouble.gone = false;
	assert_true(unit_read(s.u, R_GSTS, 4) & G_TE);
	soft_close(&s);
}

/* Rules 1 and 7. */
static void test_translation_and_masters(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.u->tolerant = false;
	command(&s, G_TE, false);
	model_expect(s.m, "masters the bus");
	function_write(s.m, s.f, 4, 2, 0);
	drop_all(&s);
	command(&s, G_TE, true);
	assert_int_equal(s.m->violations, 0);
	function_write(s.m, s.f, 4, 2, 4);
	command(&s, G_TE, false);
	model_expect(s.m, "goes off while 10 masters");
	soft_close(&s);
}

static void caches_before_te(bool context, bool tlb, bool again, bool good)
{
	struct soft s;

	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	function_write(s.m, s.f, 4, 2, 0);
	command(&s, G_TE, false);
	s.u->tolerant = false;
	if (tlb && again)
		push(&s, D_IOTLB | BY_ALL << 4, 0);
	if (context)
		push(&s, D_CONTEXT | BY_ALL << 4, 0);
	if (tlb && !again)
		push(&s, D_IOTLB | BY_ALL << 4, 0);
	command(&s, G_TE, true);
	if (!good)
		model_expect(s.m, "without global invalidations");
	soft_close(&s);
}

/* 11.4.4 */
static void test_translation_needs_clean_caches(void **state)
{
	(void)state;
	caches_before_te(true, true, false, true);
	caches_before_te(true, true, true, false);
	caches_before_te(true, false, false, false);
	caches_before_te(false, true, false, false);
}

int model_register_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers_have_one_width),
		cmocka_unit_test(test_access_is_aligned),
		cmocka_unit_test(test_registers_that_only_some_units_have),
		cmocka_unit_test(test_gcmd_changes_one_bit_at_a_time),
		cmocka_unit_test(test_gcmd_needs_a_root_table_first),
		cmocka_unit_test(test_a_command_takes_its_time),
		cmocka_unit_test(test_the_root_pointer_is_latched),
		cmocka_unit_test(test_read_only_registers),
		cmocka_unit_test(test_a_unit_that_is_gone),
		cmocka_unit_test(test_translation_and_masters),
		cmocka_unit_test(test_translation_needs_clean_caches),
	};

	return cmocka_run_group_tests_name("model: registers", tests, NULL,
					   NULL);
}
