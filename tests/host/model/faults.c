/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's fault log and fault event (VT-d 7.2, 7.3): one record and many,
 * overflow, write-1-to-clear, mask and pending.
 */
#include "selftest.h"

#define NFR(n)	((n - 1ul) << 40)

static unsigned events;

static void count(void *arg)
{
	(void)arg;
	events++;
}

/* With the event going to count(). */
static void open_log(struct soft *s, unsigned records, bool masked)
{
	uint64_t addr;
	uint32_t data;

	soft_open(s, 0x10, PLAIN_CAP | NFR(records), PLAIN_ECAP);
	set(s, entry(s, 1), 0);
	assert_int_equal(os_irq(count, NULL, "", &addr, &data), 0);
	unit_write(s->u, R_FEDATA, 4, data);
	unit_write(s->u, R_FEADDR, 4, addr);
	unit_write(s->u, R_FEUADDR, 4, addr >> 32);
	unit_write(s->u, R_FECTL, 4, masked ? FE_IM : 0);
	events = 0;
}

static void clear(struct soft *s, unsigned n)
{
	unit_write(s->u, 0x220 + 16 * n + 12, 4, 1u << 31);
}

/* Interrupts arrive with the driver's next step. */
static unsigned events_now(struct soft *s)
{
	os_relax();
	(void)s;
	return events;
}

static void test_what_a_record_says(void **state)
{
	uint64_t hi;
	struct soft s;

	(void)state;
	open_log(&s, 1, true);
	reads(&s);
	hi = unit_read(s.u, 0x228, 8);
	assert_int_equal(unit_read(s.u, 0x220, 8), AT);
	assert_int_equal(hi, FR_F | FR_READ | (uint64_t)NO_READ << 32 | SID);
	clear(&s, 0);
	writes(&s);
	hi = unit_read(s.u, 0x228, 8);
	assert_int_equal(hi, FR_F | (uint64_t)NO_WRITE << 32 | SID);
	soft_close(&s);
}

static void test_one_record_overflows(void **state)
{
	struct soft s;

	(void)state;
	open_log(&s, 1, true);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), 0);
	reads(&s);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_PPF);
	reads(&s);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_PPF | FS_PFO);
	clear(&s, 0);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_PFO);
	reads(&s);		/* not recorded while PFO stands */
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_PFO);
	unit_write(s.u, R_FSTS, 4, FS_PFO);
	reads(&s);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_PPF);
	soft_close(&s);
}

static void test_writing_zeros_clears_nothing(void **state)
{
	struct soft s;

	(void)state;
	open_log(&s, 1, true);
	reads(&s);
	reads(&s);
	unit_write(s.u, R_FSTS, 4, 0);
	unit_write(s.u, 0x22c, 4, 0);
	unit_write(s.u, 0x228, 8, 0);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_PPF | FS_PFO);
	unit_write(s.u, 0x228, 8, FR_F);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_PFO);
	soft_close(&s);
}

static unsigned fri(struct soft *s)
{
	return (unsigned)bits(unit_read(s->u, R_FSTS, 4), 15, 8);
}

/* FRI stands where the first of the pending ones was recorded, and moves only
 * when PPF comes up anew. */
static void test_the_ring_of_records(void **state)
{
	struct soft s;

	(void)state;
	open_log(&s, 8, true);
	for (unsigned i = 0; i < 6; i++)
		reads(&s);
	assert_int_equal(fri(&s), 0);
	for (unsigned i = 0; i < 6; i++)
		clear(&s, i);
	for (unsigned i = 0; i < 8; i++)
		reads(&s);
	assert_int_equal(fri(&s), 6);
	assert_int_equal(unit_read(s.u, R_FSTS, 4) & 3, FS_PPF);
	clear(&s, 6);
	clear(&s, 7);
	reads(&s);
	assert_int_equal(fri(&s), 6);
	assert_true(s.u->record[6].hi & FR_F);
	for (unsigned i = 0; i < 8; i++)
		clear(&s, i);
	assert_int_equal(unit_read(s.u, R_FSTS, 4) & 3, 0);
	reads(&s);
	assert_int_equal(fri(&s), 7);
	soft_close(&s);
}

static void test_units_that_collapse_faults_of_a_source(void **state)
{
	struct soft s;

	(void)state;
	open_log(&s, 8, true);
	s.u->collapse = true;
	for (unsigned i = 0; i < 20; i++)
		reads(&s);
	assert_int_equal(s.u->next_record, 1);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_PPF);
	soft_close(&s);
}

static void test_one_event_until_all_is_cleared(void **state)
{
	struct soft s;

	(void)state;
	open_log(&s, 1, false);
	for (unsigned i = 0; i < 5; i++)
		reads(&s);
	assert_int_equal(events_now(&s), 1);
	clear(&s, 0);
	reads(&s);
	assert_int_equal(events_now(&s), 1);	/* PFO still stands */
	unit_write(s.u, R_FSTS, 4, FS_PFO);
	reads(&s);
	assert_int_equal(events_now(&s), 2);
	soft_close(&s);
}

static void test_a_masked_event_is_pending(void **state)
{
	struct soft s;

	(void)state;
	open_log(&s, 1, true);
	reads(&s);
	assert_int_equal(events_now(&s), 0);
	assert_int_equal(unit_read(s.u, R_FECTL, 4), FE_IM | FE_IP);
	unit_write(s.u, R_FECTL, 4, 0);
	assert_int_equal(events_now(&s), 1);
	assert_int_equal(unit_read(s.u, R_FECTL, 4), 0);
	clear(&s, 0);
	unit_write(s.u, R_FECTL, 4, FE_IM);
	reads(&s);
	clear(&s, 0);		/* nothing left to tell */
	unit_write(s.u, R_FECTL, 4, 0);
	assert_int_equal(events_now(&s), 1);
	soft_close(&s);
}

static void test_queue_errors_are_events_too(void **state)
{
	struct soft s;

	(void)state;
	open_log(&s, 1, false);
	queue_on(&s);
	push(&s, 0, 0);
	assert_int_equal(events_now(&s), 1);
	reads(&s);
	assert_int_equal(events_now(&s), 1);
	assert_int_equal(unit_read(s.u, R_FSTS, 4), FS_IQE | FS_PPF);
	soft_close(&s);
}

static void test_misuse_of_the_fault_registers(void **state)
{
	struct soft s;

	(void)state;
	open_log(&s, 1, true);
	unit_write(s.u, R_FSTS, 4, FS_PPF);
	model_expect(s.m, "FSTS");
	unit_write(s.u, R_FECTL, 4, FE_IP);
	model_expect(s.m, "FECTL");
	unit_write(s.u, R_FEADDR, 4, 0x1000);
	model_expect(s.m, "FEADDR");
	unit_write(s.u, R_FECTL, 4, 0);
	reads(&s);
	model_expect(s.m, "an interrupt message");
	soft_close(&s);
}

/* Locks exclude handlers. */
static void test_interrupts_wait_for_locks(void **state)
{
	struct os_lock lock = { 0 };
	struct soft s;

	(void)state;
	open_log(&s, 1, false);
	os_lock(&lock);
	reads(&s);
	assert_int_equal(events_now(&s), 0);
	os_unlock(&lock);
	assert_int_equal(events_now(&s), 1);
	model_expect(s.m, "waiting with a lock held");
	soft_close(&s);
}

int model_fault_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_record_says),
		cmocka_unit_test(test_one_record_overflows),
		cmocka_unit_test(test_writing_zeros_clears_nothing),
		cmocka_unit_test(test_the_ring_of_records),
		cmocka_unit_test(test_units_that_collapse_faults_of_a_source),
		cmocka_unit_test(test_one_event_until_all_is_cleared),
		cmocka_unit_test(test_a_masked_event_is_pending),
		cmocka_unit_test(test_queue_errors_are_events_too),
		cmocka_unit_test(test_misuse_of_the_fault_registers),
		cmocka_unit_test(test_interrupts_wait_for_locks),
	};

	return cmocka_run_group_tests_name("model: faults", tests, NULL, NULL);
}
