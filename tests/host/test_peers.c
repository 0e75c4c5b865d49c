/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What other drivers of this kind got wrong, a test each, named after it.  The
 * faults were found in the sources of seven of them; this one exists to not
 * have them.  Here those of flushes, waits and faults; the others are in
 * test_peers_more.c.
 */
#include "bench.h"

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

/* 1 */
static void test_detach_without_a_context_cache_flush(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22", WITHOUT_WIRED);
	q = process(&b, 8);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(process_detach(b.flr), 0);
	assert_int_equal(process_attach(q, b.flr, 0), 0);
	assert_false(can_write(p, b.flr, VA));
	process_end(q);
	finish(&b, p);
}

/* 2 */
static void test_unmap_that_never_invalidates(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_false(can_write(p, b.flr, VA));
	finish(&b, p);
}

static void let_go_later(struct machine *m, const struct happening *h)
{
	struct model_unit *u = m->units[0];

	(void)h;
	if (m->now > *(uint64_t *)m->hook_arg)
		u->trouble.slow_queue = false;
}

/* 3: the head says what was fetched. */
static void test_completion_inferred_from_the_queues_head(void **state)
{
	struct process *p;
	struct bench b;
	uint64_t end;

	(void)state;
	p = start(&b, "real unit 22", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	end = b.m->now + 500000000;
	b.u->trouble.slow_queue = true;
	b.m->hook = let_go_later;
	b.m->hook_arg = &end;
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_true(b.m->now > end);
	assert_int_equal(b.u->iqh, b.u->iqt);
	assert_false(can_write(p, b.flr, VA));
	finish(&b, p);
}

/* 3, second half: flags that drain, in every IOTLB descriptor. */
static void test_no_drain_bits_set(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(model_dma_posted(b.m, 0, b.flr->sid, VA, true));
	assert_true(model_dma_posted(b.m, 0, b.flr->sid, VA, false));
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_int_equal(b.u->nposted, 0);
	finish(&b, p);
}

/* 4 */
static void test_errors_checked_and_thrown_away(void **state)
{
	struct iommu_device_info info;
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu", WITHOUT_WIRED);
	b.u->trouble.slow_queue = true;
	assert_true(process_attach(p, b.flr, 0) < 0);
	assert_non_null(strstr(b.m->error, "has failed: invalidation wait"));
	iommu_device_info(dev(b.flr), &info);
	assert_int_equal(info.pid, 0);
	assert_int_equal(attached(&info, 1), 0);
	finish(&b, p);
}

/* 5: neither a unit nor a device that reads as all ones keeps a loop going. */
static void test_waits_that_cannot_end(void **state)
{
	struct process *p;
	struct bench b;
	uint64_t began;

	(void)state;
	p = start(&b, "real unit 1", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.u->trouble.gone = true;
	b.flr->gone = true;
	began = b.m->now;
	assert_true(process_detach(b.flr) < 0);
	assert_true(b.m->now - began < 3000000000);
	assert_true(b.m->steps_in_call < 2000);
	finish(&b, p);
}

/* 5: nor one that never has its transactions done. */
static void test_waits_that_cannot_end_for_a_device(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 1", WITHOUT_WIRED);
	b.flr->drains = ~0u;
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(can_write(p, b.flr, VA));
	assert_int_equal(process_detach(b.flr), 0);
	assert_true(model_logged(b.m, "still has transactions pending"));
	finish(&b, p);
}

/* 5: nor a unit with a queue that is gone while it is waited for. */
static void test_waits_that_cannot_end_for_a_queue(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.u->trouble.gone = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_true(b.m->steps_in_call < 2000);
	finish(&b, p);
}

/* 6: the code that marks the unit failed does run. */
static void test_dead_error_path(void **state)
{
	struct iommu_unit_info info;
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(p, b.plain, 0), 0);
	b.u->trouble.slow_queue = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_true(iommu_unit_info(0, &info));
	assert_string_equal(info.failure, "invalidation wait");
	assert_false(function_mastering(b.flr));
	assert_false(function_mastering(b.plain));
	finish(&b, p);
}

/* 7: what GSTS says was done once must not come back as a command; what lasts
 * must. */
static void test_one_shot_command_bits_replayed(void **state)
{
	unsigned commands = 0, pointers = 0;
	struct process *p;
	struct bench b;
	uint32_t v;

	(void)state;
	p = start(&b, "write buffer", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(iommu_power(true), 0);
	for (uint64_t i = 0; i < b.m->traced; i++) {
		v = (uint32_t)b.m->trace[i % TRACE_ROOM].value;
		if (b.m->trace[i % TRACE_ROOM].what != E_WRITE ||
		    b.m->trace[i % TRACE_ROOM].where != R_GCMD)
			continue;
		commands++;
		pointers += (v & G_SRTP) != 0;
		assert_true(commands == 1 || v & G_QIE);
	}
	assert_true(commands >= 5);
	assert_int_equal(pointers, 1);
	finish(&b, p);
}

/* 8 */
static void test_fault_record_never_cleared(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_false(can_read(p, b.flr, VA + 2 * PAGE));
		assert_false(can_read(p, b.flr, VA + 2 * PAGE));
		while (bench_serve())
			;
		assert_int_equal(dev(b.flr)->faults, i);
		assert_int_equal(fault_fsts(b.u), 0);
	}
	finish(&b, p);
}

/* 9: the tail is never the ring's size. */
static void test_ring_arithmetic(void **state)
{
	struct qi_desc inv = inv_iotlb_domain(5);
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu", WITHOUT_WIRED);
	for (unsigned i = 0; i < 600; i++) {
		model_call(b.m);
		assert_int_equal(vtd_invalidate(vtd_of(b.u), &inv, 1), 0);
		assert_true(b.u->iqt < 4096);
	}
	finish(&b, p);
}

/* 9: the index of faults wraps with the records, 16 bytes each. */
static void test_fault_index_wraps_one_record_late(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "8 records", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	for (unsigned i = 1; i <= 40; i++) {
		assert_false(can_read(p, b.flr, VA + 2 * PAGE));
		while (bench_serve())
			;
		assert_int_equal(dev(b.flr)->faults, i);
	}
	finish(&b, p);
}

/* 9: registers are mapped up to the last record. */
static void test_end_of_the_fault_array_without_the_stride(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "256 records", WITHOUT_WIRED);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	for (unsigned i = 0; i < 256; i++) {
		can_read(p, b.flr, VA + 2 * PAGE);
		while (bench_serve())
			;
		b.m->now += 1000000000;	/* no storm */
	}
	assert_int_equal(dev(b.flr)->faults, 256);
	assert_int_equal(fault_fsts(b.u) & FS_PPF, 0);
	finish(&b, p);
}

/* 9: whoever had the unit before left its index where it was. */
static void test_index_that_survives_a_reset(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("8 records"), WITHOUT_WIRED, 1);
	b.u->next_record = b.u->first_record = 5;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_false(can_read(p, b.flr, VA));
	while (bench_serve())
		;
	assert_int_equal(dev(b.flr)->faults, 1);
	finish(&b, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_detach_without_a_context_cache_flush),
		bench_test(test_unmap_that_never_invalidates),
		bench_test(test_completion_inferred_from_the_queues_head),
		bench_test(test_no_drain_bits_set),
		bench_test(test_errors_checked_and_thrown_away),
		bench_test(test_waits_that_cannot_end),
		bench_test(test_waits_that_cannot_end_for_a_device),
		bench_test(test_waits_that_cannot_end_for_a_queue),
		bench_test(test_dead_error_path),
		bench_test(test_one_shot_command_bits_replayed),
		bench_test(test_fault_record_never_cleared),
		bench_test(test_ring_arithmetic),
		bench_test(test_fault_index_wraps_one_record_late),
		bench_test(test_end_of_the_fault_array_without_the_stride),
		bench_test(test_index_that_survives_a_reset),
	};

	return cmocka_run_group_tests_name("what peers got wrong", tests, NULL,
					   NULL);
}
