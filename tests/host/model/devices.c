/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's devices, and its oracle: who may master the bus and when, what a
 * reset clears, and that each kind of access that must not be is seen.
 */
#include "selftest.h"

#define MSEC	1000000ul

static void test_no_master_no_dma(void **state)
{
	uint64_t v = 0;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	assert_true(reads(&s));
	function_write(s.m, s.f, 4, 2, 0);
	assert_false(reads(&s));
	assert_int_equal(s.u->faults, 0);
	function_write(s.m, s.f, 4, 2, 4);
	assert_true(reads(&s));
	s.f->gone = true;
	assert_false(reads(&s));
	assert_int_equal(function_read(s.m, s.f, 0, 4), UINT32_MAX);
	assert_false(model_dma(s.m, 0, SID + 1, AT, &v, 8, false));
	assert_false(model_dma(s.m, 1, SID, AT, &v, 8, false));
	soft_close(&s);
}

static void test_hardwired_mastering(void **state)
{
	struct machine *m = model_start(1);
	struct function *f = model_function(m, 0, 0, 3, 0, FN_HARDWIRED, NULL);

	(void)state;
	function_write(m, f, 4, 2, 0);
	assert_true(function_read(m, f, 4, 2) & 4);
	assert_true(dma_can_master(f));
	model_stop(m);
}

static void test_requests_pending_after_mastering(void **state)
{
	unsigned polls = 0;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.f->drains = 3;
	function_write(s.m, s.f, 4, 2, 0);
	assert_true(reads(&s));
	while (function_read(s.m, s.f, s.f->pcie + 10u, 2) & 0x20)
		polls++;
	assert_int_equal(polls, 3);
	assert_false(reads(&s));
	soft_close(&s);
}

static void test_late_requests_belong_to_who_made_them(void **state)
{
	struct owner *next = owner_new("the next owner");
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.f->drains = 3;
	function_write(s.m, s.f, 4, 2, 0);
	s.f->holder = next;
	assert_true(reads(&s));
	model_expect(s.m, "for its former owner");
	soft_close(&s);
	owner_free(next);
}

static void test_function_level_reset(void **state)
{
	unsigned at;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	at = s.f->pcie;
	assert_int_equal(function_read(s.m, s.f, 0x10, 4), 0xfe010000);
	function_write(s.m, s.f, at + 8, 2, 0x8000);
	model_expect(s.m, "is reset while it masters");
	s.m->now += 50 * MSEC;
	assert_int_equal(function_read(s.m, s.f, 0, 2), 0xffff);
	model_expect(s.m, "is accessed during its reset");
	s.m->now += 50 * MSEC;
	assert_int_equal(function_read(s.m, s.f, 0, 2), 0x1234);
	assert_int_equal(function_read(s.m, s.f, 0x10, 4), 0);
	assert_int_equal(function_read(s.m, s.f, 4, 2), 0);
	assert_int_equal(s.f->resets, 1);
	soft_close(&s);
}

static void test_other_resets(void **state)
{
	struct machine *m = model_start(1);
	struct function *af = model_function(m, 0, 0, 3, 0, FN_AF, NULL);
	struct function *pm = model_function(m, 0, 0, 4, 0, FN_PM, NULL);
	struct function *no = model_function(m, 0, 0, 5, 0, FN_PM_NO_RESET,
					     NULL);

	(void)state;
	function_write(m, af, af->af + 4u, 1, 1);
	assert_int_equal(af->resets, 1);
	function_write(m, pm, pm->pm + 4u, 2, 3);
	m->now += 10 * MSEC;
	assert_int_equal(pm->resets, 0);
	function_write(m, pm, pm->pm + 4u, 2, 0);
	assert_int_equal(pm->resets, 1);
	function_write(m, no, no->pm + 4u, 2, 3);
	m->now += 10 * MSEC;
	function_write(m, no, no->pm + 4u, 2, 0);
	assert_int_equal(no->resets, 0);
	model_stop(m);
}

static void test_config_access_is_well_formed(void **state)
{
	struct machine *m = model_start(1);
	struct function *f = model_function(m, 0, 0, 3, 0, 0, NULL);

	(void)state;
	function_read(m, f, 5, 2);
	model_expect(m, "PCI access");
	function_write(m, f, 6, 4, 0);
	model_expect(m, "PCI access");
	function_read(m, f, 4096, 4);
	model_expect(m, "PCI access");
	assert_int_equal(function_read(m, f, 256, 4), UINT32_MAX);
	assert_int_equal(os_pci_read(3, 0, 0, 4), UINT32_MAX);
	model_stop(m);
}

static void test_oracle_the_device_is_nobodys(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.f->holder = NULL;
	assert_true(reads(&s));
	model_expect(s.m, "it is nobody's");
	soft_close(&s);
}

static void test_oracle_the_frame_is_anothers(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.m->mem.page[memory_index(s.m, s.frame)].owner = s.m->mem.stranger;
	assert_true(writes(&s));
	model_expect(s.m, "the frame is not its owner's");
	soft_close(&s);
}

static void test_oracle_another_page_or_right(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	owner_plan(s.o, AT, s.frame, IOMMU_READ);
	assert_true(writes(&s));	/* it is on its way */
	owner_commit(s.o);
	assert_true(reads(&s));
	assert_int_equal(s.m->violations, 0);
	assert_true(writes(&s));
	model_expect(s.m, "with that right");
	owner_plan(s.o, AT, frame_alloc(s.m, s.o), IOMMU_READ);
	assert_true(reads(&s));
	assert_int_equal(s.m->violations, 0);
	owner_commit(s.o);
	assert_true(reads(&s));
	model_expect(s.m, "not that page there");
	owner_plan(s.o, AT, 0, 0);
	owner_commit(s.o);
	assert_true(reads(&s));
	model_expect(s.m, "has nothing there");
	soft_close(&s);
}

static void test_oracle_untranslated(void **state)
{
	uint64_t v = 0;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	command(&s, G_TE, false);
	assert_true(model_dma(s.m, 0, SID, s.frame, &v, 8, true));
	model_expect(s.m, "untranslated");
	soft_close(&s);
}

static void test_oracle_the_bus_before_the_entry(void **state)
{
	uint64_t was;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	function_write(s.m, s.f, 4, 2, 0);
	was = *context_lo(&s);
	set(&s, context_lo(&s), 0);
	function_write(s.m, s.f, 4, 2, 4);
	model_expect(s.m, "before its context entry stands");
	function_write(s.m, s.f, 4, 2, 0);
	set(&s, context_lo(&s), was);
	function_write(s.m, s.f, 4, 2, 4);
	assert_int_equal(s.m->violations, 0);
	function_write(s.m, s.f, 4, 2, 0);
	s.f->holder = NULL;
	function_write(s.m, s.f, 4, 2, 4);
	model_expect(s.m, "is nobody's and given the bus");
	soft_close(&s);
}

static void test_writes_to_the_interrupt_range(void **state)
{
	uint32_t v = 0;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	assert_true(model_dma(s.m, 0, SID, 0xfee00000, &v, 4, true));
	assert_false(model_dma(s.m, 0, SID, 0xfeefffff, &v, 1, false));
	assert_int_equal(s.m->messages, 1);
	assert_int_equal(s.u->faults, 0);
	soft_close(&s);
}

/* PCI Express to PCI Bridge 1.0, 2.3. */
static void test_bridges_put_an_id_of_their_own(void **state)
{
	struct machine *m = model_start(1);
	struct function *port, *pcie, *old, *f;

	(void)state;
	port = model_bridge(m, 0, 0, 1, 0, BRIDGE_PORT, 1, 3);
	pcie = model_bridge(m, 0, 1, 0, 0, BRIDGE_TO_PCI, 2, 3);
	old = model_bridge(m, 0, 0, 5, 0, BRIDGE_CONVENTIONAL, 4, 4);
	f = model_function(m, 0, 1, 1, 0, 0, NULL);
	assert_int_equal(function_requester(m, f), 0x0108);
	f = model_function(m, 0, 2, 7, 1, 0, NULL);
	assert_int_equal(function_requester(m, f), 0x0200);
	f = model_function(m, 0, 4, 7, 1, 0, NULL);
	assert_int_equal(function_requester(m, f), old->sid);
	assert_int_equal(function_requester(m, port), port->sid);
	assert_int_equal(function_requester(m, pcie), pcie->sid);
	model_stop(m);
}

static void test_requests_across_pages(void **state)
{
	uint8_t buf[PGSIZE] = { 1 };
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	assert_true(model_dma(s.m, 0, SID, AT, buf, PGSIZE, true));
	assert_false(model_dma(s.m, 0, SID, AT + 8, buf, PGSIZE, true));
	assert_int_equal(fault(&s), NO_WRITE);
	soft_close(&s);
}

int model_device_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_master_no_dma),
		cmocka_unit_test(test_hardwired_mastering),
		cmocka_unit_test(test_requests_pending_after_mastering),
		cmocka_unit_test(test_late_requests_belong_to_who_made_them),
		cmocka_unit_test(test_function_level_reset),
		cmocka_unit_test(test_other_resets),
		cmocka_unit_test(test_config_access_is_well_formed),
		cmocka_unit_test(test_oracle_the_device_is_nobodys),
		cmocka_unit_test(test_oracle_the_frame_is_anothers),
		cmocka_unit_test(test_oracle_another_page_or_right),
		cmocka_unit_test(test_oracle_untranslated),
		cmocka_unit_test(test_oracle_the_bus_before_the_entry),
		cmocka_unit_test(test_writes_to_the_interrupt_range),
		cmocka_unit_test(test_bridges_put_an_id_of_their_own),
		cmocka_unit_test(test_requests_across_pages),
	};

	return cmocka_run_group_tests_name("model: devices", tests, NULL, NULL);
}
