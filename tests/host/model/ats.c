/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's device TLBs and what its ports route: what a device keeps and
 * forgets, what the unit lets it do with that, invalidations that nobody
 * answers, and requests that no unit sees.
 */
#include "selftest.h"

#define DT_ECAP		(PLAIN_ECAP | 4)
#define DEVTLB(lo)	(D_DEVTLB | (uint64_t)SID << 32 | (lo))

static void ats_on(struct soft *s, bool on)
{
	os_pci_write(0, SID, s->f->ats + 6u, 2, on ? 0x8000 : 0);
}

static void open_ats(struct soft *s)
{
	soft_open(s, 0x10, PLAIN_CAP, DT_ECAP);
	set(s, context_lo(s), *context_lo(s) | 1 << 2);
	queue_on(s);
	ats_on(s, true);
}

static bool asks(struct soft *s)
{
	return model_ats_ask(s->m, 0, SID, AT);
}

static bool uses(struct soft *s)
{
	return model_ats_dma(s->m, 0, SID, AT + 16, true);
}

static void test_a_device_uses_what_it_keeps(void **state)
{
	struct soft s;

	(void)state;
	open_ats(&s);
	assert_false(uses(&s));
	assert_true(asks(&s));
	assert_true(uses(&s));
	set(&s, entry(&s, 1), 0);
	drop_all(&s);
	assert_false(asks(&s));
	assert_int_equal(fault(&s), OK);	/* an answer, no fault */
	assert_true(uses(&s));
	assert_string_equal(cache_reaches(s.m, s.frame), "a device's own TLB");
	push(&s, DEVTLB(0), AT);
	assert_false(uses(&s));
	assert_null(cache_reaches(s.m, s.frame));
	soft_close(&s);
}

/* Not off the bus, not with ATS off; off it keeps them, on anew it does not. */
static void test_what_ends_a_devices_tlb(void **state)
{
	struct soft s;

	(void)state;
	open_ats(&s);
	assert_true(asks(&s));
	os_pci_write(0, SID, 4, 2, 0);
	assert_false(uses(&s));
	assert_false(asks(&s));
	os_pci_write(0, SID, 4, 2, 4);
	assert_true(uses(&s));
	ats_on(&s, false);
	assert_false(uses(&s));
	assert_int_equal(s.f->nkept, 1);
	ats_on(&s, true);
	assert_int_equal(s.f->nkept, 0);
	assert_true(asks(&s));
	os_pci_write(0, SID, 4, 2, 0);
	os_pci_write(0, SID, s.f->pcie + 8u, 2, 0x8000);
	assert_int_equal(s.f->nkept, 0);
	assert_false(ats_enabled(s.f));
	soft_close(&s);
}

/* 9.3: with TT=00 it may neither ask nor use; nor while the unit is off. */
static void test_the_context_entry_allows_it(void **state)
{
	struct soft s;

	(void)state;
	open_ats(&s);
	assert_true(asks(&s));
	set(&s, context_lo(&s), *context_lo(&s) & ~0xcul);
	drop_all(&s);
	assert_false(uses(&s));
	assert_int_equal(fault(&s), TRANSLATED_BLOCKED);
	assert_false(asks(&s));
	assert_int_equal(fault(&s), TRANSLATED_BLOCKED);
	assert_true(reads(&s));
	set(&s, context_lo(&s), 0);
	drop_all(&s);
	assert_false(uses(&s));
	assert_int_equal(fault(&s), NO_CONTEXT_ENTRY);
	soft_close(&s);
}

static void test_the_sizes_of_an_invalidation(void **state)
{
	static const struct {
		uint64_t hi;
		bool meant;
	} some[] = {
		{ AT, true }, { AT + PGSIZE, false }, { AT - PGSIZE, false },
		{ (AT & ~0x1ffful) | 1, true },
		{ (AT & ~0x3ffful) | 0x1001, true },
		{ ((AT + 0x4000) & ~0x3ffful) | 0x1001, false },
		{ (AT & ~0x1ffffful) | 0xff001, true },
		{ (INT64_MAX & ~0xffful) | 1, true },
		{ 0x7000ul | 1, false },
	};
	struct soft s;

	(void)state;
	open_ats(&s);
	for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
		assert_true(asks(&s));
		push(&s, DEVTLB(0), some[i].hi);
		assert_int_equal(uses(&s), !some[i].meant);
		s.f->nkept = 0;
	}
	soft_close(&s);
}

static uint32_t fsts(struct soft *s)
{
	return (uint32_t)unit_read(s->u, R_FSTS, 4) & FS_QUEUE;
}

/* 6.5.2.10: after a while; the waits under way are dropped, and nothing more is
 * fetched before the error is cleared. */
static void test_a_device_that_never_answers(void **state)
{
	uint32_t *status;
	struct soft s;

	(void)state;
	open_ats(&s);
	status = memory_alloc(s.m, 8);
	s.f->mute = true;
	s.u->tells = true;
	push(&s, DEVTLB(0), AT);
	push(&s, D_WAIT | 1 << 5 | 7ul << 32, memory_pa(s.m, status));
	for (unsigned i = 0; i < 200; i++)
		model_tick(s.m);
	assert_int_equal(fsts(&s), FS_ITE);
	assert_int_equal(bits(unit_read(s.u, R_IQERCD, 8), 47, 32), SID);
	push(&s, D_WAIT | 1 << 5 | 8ul << 32, memory_pa(s.m, status));
	assert_int_equal(*status, 0);
	unit_write(s.u, R_FSTS, 4, FS_ITE);
	model_settle(s.m);
	assert_int_equal(*status, 8);
	assert_int_equal(unit_read(s.u, R_IQERCD, 8), 0);
	soft_close(&s);
}

/* Gone, in reset, asleep in that its ATS is off, or no device at all. */
static void test_who_cannot_answer(void **state)
{
	struct soft s;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		open_ats(&s);
		s.f->gone = i == 0;
		s.f->back_at = i == 1 ? UINT64_MAX : 0;
		if (i == 2)
			ats_on(&s, false);
		push(&s, i == 3 ? D_DEVTLB | 0x77ul << 32 : DEVTLB(0), AT);
		model_settle(s.m);
		assert_int_equal(fsts(&s), FS_ITE);
		soft_close(&s);
	}
}

static void test_reserved_bits(void **state)
{
	static const uint64_t bad[] = {
		1ul << 4, 1ul << 11, 1ul << 21, 1ul << 31, 1ul << 48,
	};
	struct soft s;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		open_ats(&s);
		push(&s, DEVTLB(bad[i]), AT);
		assert_int_equal(fsts(&s), FS_IQE);
		soft_close(&s);
	}
	open_ats(&s);
	push(&s, DEVTLB(0), AT | 2);
	assert_int_equal(fsts(&s), FS_IQE);
	soft_close(&s);
}

/* A switch: 1:0 up, 2:0 and 2:1 down, 3:0 and 4:0 below; 3:0.1 beside 3:0.0. */
static void test_what_no_unit_sees(void **state)
{
	struct machine *m = model_start(1);
	struct function *down[2], *a, *b, *c;

	(void)state;
	model_bridge(m, 0, 0, 1, 0, BRIDGE_PORT, 1, 4);
	model_bridge(m, 0, 1, 0, 0, BRIDGE_UP, 2, 4);
	down[0] = model_bridge(m, 0, 2, 0, 0, BRIDGE_DOWN, 3, 3);
	down[1] = model_bridge(m, 0, 2, 1, 0, BRIDGE_DOWN, 4, 4);
	a = model_function(m, 0, 3, 0, 0, FN_PCIE, NULL);
	c = model_function(m, 0, 3, 0, 1, FN_PCIE, NULL);
	b = model_function(m, 0, 4, 0, 0, FN_PCIE, NULL);
	assert_true(model_peer_reaches(m, a, b));
	assert_true(model_peer_reaches(m, a, c));
	model_acs(down[0], 0x1f);
	function_write(m, down[0], down[0]->acs + 6u, 2, 0x1d);
	assert_int_equal(function_read(m, down[0], down[0]->acs + 6u, 2), 0x1d);
	assert_false(model_peer_reaches(m, a, b));
	assert_true(model_peer_reaches(m, b, a));
	function_write(m, down[0], down[0]->acs + 6u, 2, 0x7f);
	assert_int_equal(function_read(m, down[0], down[0]->acs + 6u, 2), 0x1f);
	model_acs(a, 0x04);
	function_write(m, a, a->acs + 6u, 2, 4);
	assert_false(model_peer_reaches(m, a, c));
	assert_true(model_peer_reaches(m, c, a));
	model_stop(m);
}

static void test_conventional_buses(void **state)
{
	struct machine *m = model_start(1);
	struct function *a, *b, *c;

	(void)state;
	model_bridge(m, 0, 0, 1, 0, BRIDGE_TO_PCI, 1, 1);
	a = model_function(m, 0, 1, 1, 0, 0, NULL);
	b = model_function(m, 0, 1, 2, 0, 0, NULL);
	c = model_function(m, 0, 0, 2, 0, 0, NULL);
	assert_true(model_peer_reaches(m, a, b));
	assert_false(model_peer_reaches(m, a, c));
	model_stop(m);
}

static void test_a_closed_port_forwards_nothing(void **state)
{
	struct soft s;
	struct function *port;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.f->sid = 0x100;
	port = model_bridge(s.m, 0, 0, 1, 0, BRIDGE_PORT, 1, 1);
	assert_true(dma_can_master(s.f));
	function_write(s.m, port, 4, 2, 3);
	assert_false(dma_can_master(s.f));
	soft_close(&s);
}

int model_ats_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_device_uses_what_it_keeps),
		cmocka_unit_test(test_what_ends_a_devices_tlb),
		cmocka_unit_test(test_the_context_entry_allows_it),
		cmocka_unit_test(test_the_sizes_of_an_invalidation),
		cmocka_unit_test(test_a_device_that_never_answers),
		cmocka_unit_test(test_who_cannot_answer),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_what_no_unit_sees),
		cmocka_unit_test(test_conventional_buses),
		cmocka_unit_test(test_a_closed_port_forwards_nothing),
	};

	return cmocka_run_group_tests_name("model: device TLBs", tests, NULL,
					   NULL);
}
