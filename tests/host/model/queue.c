/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both invalidation interfaces of the model: every reserved bit of every
 * descriptor and command, all orders that may be and none that may not, and
 * what goes wrong on request (VT-d 6.5).
 */
#include "selftest.h"

static uint32_t *status_word(struct soft *s)
{
	return memory_alloc(s->m, 8);
}

static uint64_t wait_lo(uint32_t data)
{
	return D_WAIT | 1 << 5 | (uint64_t)data << 32;
}

static void test_a_wait_writes_its_status(void **state)
{
	uint32_t *status;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	status = status_word(&s);
	push(&s, wait_lo(0xcafe), memory_pa(s.m, status));
	assert_int_equal(*status, 0xcafe);
	assert_int_equal(status[1], 0);
	soft_close(&s);
}

/* Peers took it for completion: it is not. */
static void test_the_head_moves_before_anything_completes(void **state)
{
	uint32_t *status;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	status = status_word(&s);
	assert_true(reads(&s));
	set(&s, entry(&s, 1), 0);
	s.u->trouble.slow_queue = true;
	push(&s, D_IOTLB | BY_ALL << 4, 0);
	push(&s, wait_lo(1), memory_pa(s.m, status));
	for (unsigned i = 0; i < 100; i++)
		model_tick(s.m);
	assert_int_equal(unit_read(s.u, R_IQH, 8), unit_read(s.u, R_IQT, 8));
	assert_int_equal(*status, 0);
	assert_true(reads(&s));
	s.u->trouble.slow_queue = false;
	model_settle(s.m);
	assert_int_equal(*status, 1);
	assert_false(reads(&s));
	soft_close(&s);
}

struct bad {
	uint64_t lo, hi;
};

/* Each bit where a descriptor must have 0: an error, and the head stays. */
static void bad_descriptor(struct bad good, bool high, unsigned n)
{
	struct bad d = good;
	struct soft s;

	*(high ? &d.hi : &d.lo) ^= 1ul << n;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	push(&s, D_CONTEXT | BY_ALL << 4, 0);
	push(&s, d.lo, d.hi);
	if (!(unit_read(s.u, R_FSTS, 4) & FS_IQE))
		fail_msg("type %u: bit %u of the %s half is let through",
			 (unsigned)good.lo & 15, n, high ? "high" : "low");
	assert_int_equal(unit_read(s.u, R_IQH, 8), 16);
	soft_close(&s);
}

static void all_bad(struct bad good, uint64_t lo, uint64_t hi)
{
	for (unsigned n = 0; n < 64; n++) {
		if (lo >> n & 1)
			bad_descriptor(good, false, n);
		if (hi >> n & 1)
			bad_descriptor(good, true, n);
	}
}

static void test_reserved_bits_of_descriptors(void **state)
{
	(void)state;
	all_bad((struct bad){ D_CONTEXT | BY_ALL << 4, 0 },
		ones(15, 6) | ones(63, 50), UINT64_MAX);
	all_bad((struct bad){ D_IOTLB | BY_ALL << 4, 0 },
		ones(15, 8) | ones(63, 32), ones(11, 7));
	all_bad((struct bad){ D_WAIT, 0 }, ones(31, 7), ones(1, 0));
}

static bool accepted(uint64_t cap, uint64_t ecap, uint64_t lo, uint64_t hi)
{
	struct soft s;
	bool good;

	soft_open(&s, 0x10, cap, ecap);
	queue_on(&s);
	push(&s, lo, hi);
	good = !(unit_read(s.u, R_FSTS, 4) & FS_IQE);
	soft_close(&s);
	return good;
}

static void test_what_descriptors_may_say(void **state)
{
	uint64_t no_psi = PLAIN_CAP & ~(1ul << 39);
	uint64_t page = D_IOTLB | BY_PAGES << 4 | DID << 16;

	(void)state;
	for (unsigned type = 0; type < 16; type++)
		assert_int_equal(accepted(PLAIN_CAP, PLAIN_ECAP,
					  type | BY_ALL << 4, 0),
				 type == D_CONTEXT || type == D_IOTLB ||
				 type == D_IEC);
	assert_true(accepted(PLAIN_CAP, PLAIN_ECAP | 4, D_DEVTLB, 0));
	assert_false(accepted(PLAIN_CAP, PLAIN_ECAP, D_CONTEXT, 0));
	assert_false(accepted(PLAIN_CAP, PLAIN_ECAP, D_IOTLB, 0));
	assert_true(accepted(PLAIN_CAP, PLAIN_ECAP, page, AT));
	assert_false(accepted(no_psi, PLAIN_ECAP, page, AT));
	assert_true(accepted(PLAIN_CAP, PLAIN_ECAP, page, 18));
	assert_false(accepted(PLAIN_CAP, PLAIN_ECAP, page, 19));
	assert_true(accepted(PLAIN_CAP, PLAIN_ECAP, page, 0x2000 | 1));
	assert_false(accepted(PLAIN_CAP, PLAIN_ECAP, page, 0x1000 | 1));
	assert_false(accepted(PLAIN_CAP & ~7ul, PLAIN_ECAP,
			      D_IOTLB | BY_DOMAIN << 4 | 16 << 16, 0));
	assert_false(accepted(PLAIN_CAP & ~7ul, PLAIN_ECAP,
			      D_CONTEXT | BY_DEVICE << 4 | 16 << 16, 0));
	assert_false(accepted(PLAIN_CAP, PLAIN_ECAP, wait_lo(1), 0x1000));
}

/* 6.5.2.11: of an IOTLB and a context invalidation behind it, either may be
 * first; the other way round the context cache always is. */
static void order_of(uint64_t first, uint64_t second, unsigned *ahead,
		     unsigned *behind)
{
	struct soft s;

	for (unsigned i = 0; i < 200; i++) {
		soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
		s.m->random += 7 * i;
		queue_on(&s);
		assert_true(reads(&s));
		s.u->trouble.slow_queue = true;
		push(&s, first, 0);
		push(&s, second, 0);
		for (unsigned n = 0; n < 100; n++)
			model_tick(s.m);
		s.u->trouble.slow_queue = false;
		while (s.u->nahead == 2)
			model_tick(s.m);
		if (s.u->nahead == 1) {
			*ahead += s.u->ahead[0].lo == second;
			*behind += s.u->ahead[0].lo == first;
		}
		soft_close(&s);
	}
}

static void test_completion_in_any_order_that_may_be(void **state)
{
	uint64_t context = D_CONTEXT | BY_ALL << 4;
	uint64_t iotlb = D_IOTLB | BY_ALL << 4;
	unsigned ahead = 0, behind = 0;

	(void)state;
	order_of(iotlb, context, &ahead, &behind);
	assert_true(ahead > 20 && behind > 20);
	ahead = behind = 0;
	order_of(context, iotlb, &ahead, &behind);
	assert_true(ahead > 20 && behind == 0);
	ahead = behind = 0;
	order_of(iotlb, D_WAIT, &ahead, &behind);
	assert_true(ahead > 20 && behind == 0);
	ahead = behind = 0;
	order_of(D_WAIT | 1 << 6, iotlb, &ahead, &behind);
	assert_true(ahead > 20 && behind == 0);
	ahead = behind = 0;
	order_of(D_WAIT, iotlb, &ahead, &behind);
	assert_true(ahead > 20 && behind > 20);
}

static void test_the_ring_wraps(void **state)
{
	uint32_t *status;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	status = status_word(&s);
	for (uint32_t i = 1; i < 1000; i++) {
		push(&s, wait_lo(i), memory_pa(s.m, status));
		assert_int_equal(*status, i);
		assert_int_equal(unit_read(s.u, R_IQH, 8), i % 256 * 16);
	}
	soft_close(&s);
}

static void test_misuse_of_the_queues_registers(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	unit_write(s.u, R_IQT, 8, 16);
	unit_write(s.u, R_IQA, 8, memory_pa(s.m, s.root));
	command(&s, G_QIE, true);
	model_expect(s.m, "with IQT");
	unit_write(s.u, R_IQA, 8, memory_pa(s.m, s.root));
	model_expect(s.m, "IQA");
	unit_write(s.u, R_IQT, 8, 4096);
	assert_true(unit_read(s.u, R_FSTS, 4) & FS_IQE);
	unit_write(s.u, R_IQT, 8, 8);
	model_expect(s.m, "IQT written with 0x8");
	soft_close(&s);
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	s.u->trouble.slow_queue = true;
	push(&s, D_WAIT, 0);
	command(&s, G_QIE, false);
	model_expect(s.m, "while it is busy");
	soft_close(&s);
}

/* 6.5.2.10 */
static void test_a_timeout_aborts_every_wait(void **state)
{
	uint32_t *status;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	status = status_word(&s);
	s.u->trouble.slow_queue = true;
	push(&s, wait_lo(1), memory_pa(s.m, status));
	push(&s, wait_lo(2), memory_pa(s.m, status));
	for (unsigned i = 0; i < 100; i++)
		model_tick(s.m);
	s.u->trouble.queue_error = FS_ITE;
	push(&s, wait_lo(3), memory_pa(s.m, status));
	for (unsigned i = 0; i < 100; i++)
		model_tick(s.m);
	assert_true(unit_read(s.u, R_FSTS, 4) & FS_ITE);
	assert_int_equal(*status, 0);
	s.u->trouble = (struct trouble){ 0 };
	unit_write(s.u, R_FSTS, 4, FS_ITE);
	model_settle(s.m);
	assert_int_equal(*status, 3);
	soft_close(&s);
}

static void test_registers_invalidate(void **state)
{
	unsigned iotlb = (unsigned)bits(PLAIN_ECAP, 17, 8) * 16 + 8;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	assert_true(reads(&s));
	set(&s, entry(&s, 1), 0);
	unit_write(s.u, iotlb, 8, TLB_IVT | (uint64_t)BY_DOMAIN << 60 |
		   (uint64_t)DID << 32);
	model_settle(s.m);
	assert_int_equal(bits(unit_read(s.u, iotlb, 8), 58, 57), BY_DOMAIN);
	assert_false(reads(&s));
	set(&s, entry(&s, 1), s.frame | 3);
	assert_true(reads(&s));
	set(&s, context_lo(&s), 0);
	unit_write(s.u, R_CCMD, 8, CC_ICC | (uint64_t)BY_DEVICE << 61 |
		   (uint64_t)SID << 16 | DID);
	model_settle(s.m);
	assert_int_equal(bits(unit_read(s.u, R_CCMD, 8), 60, 59), BY_DEVICE);
	assert_false(reads(&s));
	soft_close(&s);
}

static void test_registers_are_ignored_with_a_queue(void **state)
{
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	queue_on(&s);
	assert_true(reads(&s));
	set(&s, context_lo(&s), 0);
	unit_write(s.u, R_CCMD, 8, CC_ICC | (uint64_t)BY_ALL << 61);
	model_expect(s.m, "while the queue is on");
	for (unsigned i = 0; i < 1000; i++)
		model_tick(s.m);
	assert_true(unit_read(s.u, R_CCMD, 8) & CC_ICC);
	assert_true(reads(&s));
	soft_close(&s);
}

/* 11.4.8: a mask beyond CAP.MAMV is told by IAIG, and nothing is dropped. */
static void test_registers_refuse_masks_that_are_too_wide(void **state)
{
	unsigned iva = (unsigned)bits(PLAIN_ECAP, 17, 8) * 16;
	struct soft s;

	(void)state;
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	assert_true(reads(&s));
	set(&s, entry(&s, 1), 0);
	unit_write(s.u, iva, 8, 19);
	unit_write(s.u, iva + 8, 8, TLB_IVT | (uint64_t)BY_PAGES << 60 |
		   (uint64_t)DID << 32);
	model_expect(s.m, "beyond CAP.MAMV");
	model_settle(s.m);
	assert_int_equal(bits(unit_read(s.u, iva + 8, 8), 58, 57), 0);
	assert_true(reads(&s));
	soft_close(&s);
}

static void bad_command(unsigned off, uint64_t v, const char *text)
{
	struct soft s;

	soft_open(&s, 0x10, PLAIN_CAP & ~7ul, PLAIN_ECAP);
	unit_write(s.u, off, 8, v);
	model_expect(s.m, text);
	soft_close(&s);
}

static void test_what_register_requests_may_say(void **state)
{
	unsigned iotlb = (unsigned)bits(PLAIN_ECAP, 17, 8) * 16 + 8;
	struct soft s;

	(void)state;
	for (unsigned n = 34; n < 59; n++)
		bad_command(R_CCMD, CC_ICC | 1ul << 61 | 1ul << n, "reserved");
	bad_command(R_CCMD, CC_ICC, "granularity");
	bad_command(R_CCMD, CC_ICC | 2ul << 61 | 16, "domain id");
	for (unsigned n = 0; n < 32; n++)
		bad_command(iotlb, TLB_IVT | 1ul << 60 | 1ul << n, "reserved");
	for (unsigned n = 50; n < 57; n++)
		bad_command(iotlb, TLB_IVT | 1ul << 60 | 1ul << n, "reserved");
	bad_command(iotlb, TLB_IVT, "granularity");
	bad_command(iotlb, TLB_IVT | 2ul << 60 | 16ul << 32, "domain id");
	soft_open(&s, 0x10, PLAIN_CAP, PLAIN_ECAP);
	s.u->trouble.slow_registers = true;
	unit_write(s.u, R_CCMD, 8, CC_ICC | 1ul << 61);
	unit_write(s.u, R_CCMD, 8, CC_ICC | 1ul << 61);
	model_expect(s.m, "under way");
	soft_close(&s);
}

/* 6.5.5 */
static void drained_by(uint64_t cap, uint64_t lo, bool write, bool drained)
{
	struct soft s;

	soft_open(&s, 0x10, cap, PLAIN_ECAP);
	queue_on(&s);
	assert_true(model_dma_posted(s.m, 0, SID, AT, write));
	assert_int_equal(s.u->nposted, 1);
	push(&s, lo, 0);
	assert_int_equal(s.u->nposted, !drained);
	soft_close(&s);
}

static void test_invalidations_drain_if_asked(void **state)
{
	uint64_t iotlb = D_IOTLB | BY_DOMAIN << 4 | DID << 16;
	uint64_t other = D_IOTLB | BY_DOMAIN << 4 | (DID + 1) << 16;
	uint64_t dw = 1 << 6, dr = 1 << 7;

	(void)state;
	drained_by(PLAIN_CAP, iotlb | dw, true, true);
	drained_by(PLAIN_CAP, iotlb | dr, false, true);
	drained_by(PLAIN_CAP, iotlb | dr, true, false);
	drained_by(PLAIN_CAP, iotlb | dw, false, false);
	drained_by(PLAIN_CAP, iotlb, true, false);
	drained_by(PLAIN_CAP, other | dw | dr, true, false);
	drained_by(PLAIN_CAP, D_IOTLB | BY_ALL << 4 | dw, true, true);
}

int model_queue_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wait_writes_its_status),
		cmocka_unit_test(test_the_head_moves_before_anything_completes),
		cmocka_unit_test(test_reserved_bits_of_descriptors),
		cmocka_unit_test(test_what_descriptors_may_say),
		cmocka_unit_test(test_completion_in_any_order_that_may_be),
		cmocka_unit_test(test_the_ring_wraps),
		cmocka_unit_test(test_misuse_of_the_queues_registers),
		cmocka_unit_test(test_a_timeout_aborts_every_wait),
		cmocka_unit_test(test_registers_invalidate),
		cmocka_unit_test(test_registers_are_ignored_with_a_queue),
		cmocka_unit_test(
			test_registers_refuse_masks_that_are_too_wide),
		cmocka_unit_test(test_what_register_requests_may_say),
		cmocka_unit_test(test_invalidations_drain_if_asked),
	};

	return cmocka_run_group_tests_name("model: invalidation", tests, NULL,
					   NULL);
}
