/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults from the unit to their owners (kern/arch/x86/iommu_fault.c,
 * vtd/fault.c; rule 8): every record once, whatever the size of
 * the log and the moment, told to the owner and in words, limited, and a storm
 * fenced.
 */
#include "bench.h"

static struct {
	unsigned pending;
	unsigned n, nobodys;
	void *owner;
	struct iommu_fault last;
	uint64_t addr[1024];
} told;

static void on_pending(void)
{
	told.pending++;
}

static void on_fault(void *owner, const struct iommu_fault *f)
{
	told.owner = owner;
	told.last = *f;
	if (!owner) {
		told.nobodys++;
		return;
	}
	told.addr[told.n++ % 1024] = f->addr;
}

/* Process 7 with a page at VA and the device; nobody attacks. */
static struct process *start(struct bench *b, const char *name)
{
	struct process *p;

	memset(&told, 0, sizeof(told));
	bench_open(b, triple_named(name), WITHOUT_WIRED, 1);
	bench_upper.pending = on_pending;
	bench_upper.fault = on_fault;
	bench_boot(b);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	return p;
}

static void fault_at(struct bench *b, uint64_t va, bool write)
{
	uint64_t v = 0;

	assert_false(model_dma(b->m, 0, b->flr->sid, va, &v, 8, write));
}

/* As the kernel's thread does it; how often there was something. */
static unsigned service(struct bench *b)
{
	unsigned n = 0;

	model_call(b->m);
	while (bench_serve())
		assert_in_range(n++, 0, 10000);
	return n;
}

static void finish(struct bench *b, struct process *p)
{
	process_end(p);
	bench_close(b);
}

/* A fault comes, an interrupt says so, the thread tells the owner. */
static void one_fault(struct bench *b)
{
	struct process *p;

	memset(&told, 0, sizeof(told));
	b->m->hook = NULL;
	p = process(b, 7);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	for (unsigned i = 0; i < 3; i++) {
		fault_at(b, VA + i * PAGE + 8, i % 2);
		os_relax();
		assert_int_equal(told.pending, i + 1);
		assert_int_equal(told.n, i);
		assert_int_equal(service(b), 1);
		assert_int_equal(told.n, i + 1);
		assert_ptr_equal(told.owner, p);
		assert_int_equal(told.last.addr, VA + i * PAGE);
		assert_int_equal(told.last.sid, b->flr->sid);
		assert_string_equal(told.last.access,
				    i % 2 ? "write" : "read");
		assert_int_equal(told.last.reason, i % 2 ? NO_WRITE : NO_READ);
	}
	assert_int_equal(fault_fsts(b->u) & 3, 0);
	process_end(p);
}

static void test_a_fault_reaches_its_owner_on_all_units(void **state)
{
	(void)state;
	bench_upper.pending = on_pending;
	bench_upper.fault = on_fault;
	on_all_triples(one_fault, WITHOUT_WIRED);
}

static void test_the_line_in_the_log(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	fault_at(&b, VA + PAGE + 0x123, true);
	service(&b);
	assert_true(model_logged(b.m, "iommu: fault: 1:0.0 write 0x123457000: "
				 "no write permission (reason 0x5), pid 7"));
	fault_at(&b, 1ul << 50, false);
	service(&b);
	assert_true(model_logged(b.m, "address beyond the unit's width"));
	assert_int_equal(told.last.reason, BEYOND_WIDTH);
	finish(&b, p);
}

/* VT-d 7.1.3 and 5.1.4. */
static void test_every_reason_has_its_words(void **state)
{
	(void)state;
	for (unsigned r = 0; r < 256; r++) {
		bool known = (r >= 1 && r <= 0xe) || (r >= 0x20 && r <= 0x26);

		assert_int_equal(strcmp(fault_text((uint8_t)r),
					"unknown reason") != 0, known);
	}
	assert_string_equal(fault_text(NO_CONTEXT_ENTRY),
			    "context entry not present");
	assert_string_equal(fault_text(NO_READ), "no read permission");
	assert_string_equal(fault_text(0x22), "interrupt entry not present");
}

/* Peer drivers wrote 0 where 1 clears: after one fault their log was dead. */
static void test_records_and_overflow_are_cleared(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	for (unsigned i = 0; i < 4; i++) {
		fault_at(&b, VA + PAGE, false);
		fault_at(&b, VA + 2 * PAGE, false);
		assert_int_equal(fault_fsts(b.u) & 3, FS_PPF | FS_PFO);
		service(&b);
		assert_int_equal(fault_fsts(b.u) & 3, 0);
		assert_int_equal(told.n, i + 1);
	}
	assert_true(model_logged(b.m, "more faults than it could record"));
	finish(&b, p);
}

/* Those that a log of that size holds, each told once, in order; at most as
 * many as are told in a second. */
static void all_records(const char *name, unsigned n)
{
	struct process *p;
	struct bench b;

	p = start(&b, name);
	for (unsigned round = 0; round < 3; round++) {
		told.n = 0;
		b.m->now += 2000000000;
		for (unsigned i = 0; i < n; i++)
			fault_at(&b, VA + (i + 1) * PAGE, false);
		service(&b);
		assert_int_equal(dev(b.flr)->faults, (round + 1) * n);
		assert_int_equal(told.n, MIN(n, IOMMU_TOLD_FAULTS));
		for (unsigned i = 0; i < told.n; i++)
			assert_int_equal(told.addr[i], VA + (i + 1) * PAGE);
		assert_int_equal(fault_fsts(b.u) & 3, 0);
	}
	finish(&b, p);
}

static void test_all_records_are_taken(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 8; n++)
		all_records("8 records", n);
	for (unsigned n = 1; n < 256; n += 25)
		all_records("256 records", n);
}

/* More than are taken at once: the rest stayed in the log for good, and no
 * event came any more. */
static void test_records_beyond_the_first_sixteen(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "256 records");
	for (unsigned i = 0; i < 40; i++)
		fault_at(&b, VA + PAGE, false);
	service(&b);
	assert_int_equal(dev(b.flr)->faults, 40);
	told.pending = 0;
	fault_at(&b, VA + PAGE, false);
	os_relax();
	assert_int_equal(told.pending, 1);
	finish(&b, p);
}

static void more_faults(struct machine *m, const struct happening *h)
{
	uint64_t *left = m->hook_arg, v = 0;

	if (h->what != E_READ || !*left || model_random(m, 3))
		return;
	for (unsigned n = 1 + model_random(m, 3); n && *left; n--, --*left)
		model_dma(m, 0, 0x100, VA + PAGE, &v, 8, false);
}

/* Faults that come while others are read: the log is empty in the end, and the
 * next fault is told of. */
static void while_reading(const char *name, uint64_t seed)
{
	uint64_t left = 100;
	struct process *p;
	struct bench b;

	p = start(&b, name);
	b.m->random += seed * 12345;
	b.m->hook = more_faults;
	b.m->hook_arg = &left;
	fault_at(&b, VA + PAGE, false);
	for (unsigned i = 0; i < 1000 && *(volatile uint64_t *)&left; i++) {
		os_relax();
		service(&b);
		if (!(fault_fsts(b.u) & FS_PPF))
			fault_at(&b, VA + PAGE, false);
	}
	assert_int_equal(left, 0);
	os_relax();
	service(&b);
	assert_int_equal(fault_fsts(b.u) & 3, 0);
	told.pending = 0;
	fault_at(&b, VA + PAGE, false);
	os_relax();
	assert_int_equal(told.pending, 1);
	service(&b);
	finish(&b, p);
}

static void test_faults_while_faults_are_read(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		while_reading("8 records", seed);
		while_reading("qemu", seed);
		while_reading("256 records", seed);
	}
}

/* The event is masked from the interrupt until the log is empty; what comes in
 * between raises it when it is unmasked. */
static void test_the_event_is_masked_while_the_thread_works(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "8 records");
	fault_at(&b, VA + PAGE, false);
	os_relax();
	assert_true(b.u->fectl & FE_IM);
	assert_int_equal(told.pending, 1);
	fault_at(&b, VA + PAGE, false);
	os_relax();
	assert_int_equal(told.pending, 1);
	assert_int_equal(service(&b), 1);
	assert_false(b.u->fectl & FE_IM);
	fault_at(&b, VA + PAGE, false);
	os_relax();
	assert_int_equal(told.pending, 2);
	finish(&b, p);
}

/* A visible number in a second; the owner hears of some, all are counted. */
static void test_a_storm_is_fenced(void **state)
{
	struct iommu_device_info info;
	struct process *p;
	struct bench b;
	unsigned warned;

	(void)state;
	p = start(&b, "8 records");
	assert_int_equal(process_attach(p, b.af, 0), 0);
	b.m->relax_ns = 0;
	warned = b.m->logged[OS_WARN];
	for (unsigned i = 0; i < IOMMU_STORM_FAULTS; i++) {
		assert_true(function_mastering(b.flr));
		fault_at(&b, VA + PAGE, false);
		service(&b);
	}
	assert_false(function_mastering(b.flr));
	assert_true(function_mastering(b.af));
	assert_true(can_write(p, b.af, VA));
	assert_int_equal(told.n, IOMMU_TOLD_FAULTS);
	assert_int_equal(b.m->logged[OS_WARN] - warned, IOMMU_TOLD_FAULTS);
	assert_true(model_logged(b.m, "1:0.0 of pid 7 is fenced: too many"));
	iommu_device_info(dev(b.flr), &info);
	assert_true(info.fenced);
	assert_int_equal(info.faults, IOMMU_STORM_FAULTS);
	assert_int_equal(info.pid, 7);
	model_call(b.m);
	assert_int_equal(iommu_reset(dev(b.flr)), 0);
	assert_true(can_write(p, b.flr, VA));
	finish(&b, p);
}

static void test_faults_over_many_seconds_are_no_storm(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "8 records");
	for (unsigned i = 0; i < 2000; i++) {
		b.m->now += 10000000;
		fault_at(&b, VA + PAGE, false);
		service(&b);
	}
	assert_true(function_mastering(b.flr));
	assert_int_equal(dev(b.flr)->faults, 2000);
	assert_in_range(told.n, 19 * IOMMU_TOLD_FAULTS,
			22 * IOMMU_TOLD_FAULTS);
	finish(&b, p);
}

/* Power and other devices do not lift it; the next attach does. */
static void test_a_fence_stays_until_reset_or_attach(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "8 records");
	os_lock(&iommu.lock);
	fence(dev(b.flr), "a test");
	os_unlock(&iommu.lock);
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(iommu_power(true), 0);
	assert_false(function_mastering(b.flr));
	assert_int_equal(process_detach(b.flr), 0);
	assert_false(function_mastering(b.flr));
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_true(function_mastering(b.flr));
	finish(&b, p);
}

/* Nobody's, and no device at all: logged, counted, no owner is told. */
static void test_faults_of_nobodys_devices(void **state)
{
	struct process *p;
	struct bench b;
	uint64_t v = 0;

	(void)state;
	memset(&told, 0, sizeof(told));
	bench_open(&b, triple_named("qemu"), WITH_WIRED, 1);
	bench_upper.pending = on_pending;
	bench_upper.fault = on_fault;
	bench_boot(&b);
	p = process(&b, 7);
	for (unsigned i = 0; i < IOMMU_STORM_FAULTS + 5; i++) {
		assert_false(model_dma(b.m, 0, b.wired->sid, VA, &v, 8, true));
		service(&b);
	}
	assert_int_equal(told.n, 0);
	assert_int_equal(told.nobodys, IOMMU_TOLD_FAULTS);
	assert_true(model_logged(b.m, "0:6.0 write 0x123456000: root entry "
				 "not present (reason 0x1), pid 0"));
	assert_true(dev(b.wired)->fenced);
	for (unsigned i = 0; i < IOMMU_STORM_FAULTS + 5; i++) {
		fault_report(b.u, NO_ROOT_ENTRY, 0x7777, VA, true);
		service(&b);
	}
	assert_true(model_logged(b.m, "77:e.7 write"));
	finish(&b, p);
}

static void test_the_former_owner_is_not_told(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "8 records");
	fault_at(&b, VA + PAGE, false);
	assert_int_equal(process_detach(b.flr), 0);
	service(&b);
	assert_int_equal(told.n, 0);
	finish(&b, p);
}

/* Each unit's log is read, and none is missed for another's sake. */
static void test_faults_of_two_units(void **state)
{
	const struct triple *t = triple_named("8 records");
	struct process *p;
	struct function *f;
	struct bench b;
	uint64_t v = 0;

	(void)state;
	memset(&told, 0, sizeof(told));
	bench_open(&b, t, WITHOUT_WIRED, 1);
	f = model_function(b.m, 0, 0, 12, 0, 0,
			   model_unit(b.m, 0xfed80000, 0, t->ver, t->cap,
				      t->ecap));
	bench_upper.pending = on_pending;
	bench_upper.fault = on_fault;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(p, f, 0), 0);
	fault_at(&b, VA, false);
	assert_false(model_dma(b.m, 0, f->sid, VA, &v, 8, true));
	service(&b);
	assert_int_equal(told.n, 2);
	assert_int_equal(dev(f)->faults, 1);
	assert_int_equal(dev(b.flr)->faults, 1);
	finish(&b, p);
}

/* A unit that is gone has no faults to tell, and is not read for ever. */
static void test_a_unit_that_is_gone_is_noticed(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "256 records");
	b.u->trouble.gone = true;
	assert_int_equal(service(&b), 0);
	assert_false(vtd_alive(vtd_of(b.u)));
	assert_false(function_mastering(b.flr));
	assert_int_equal(told.n, 0);
	assert_int_equal(service(&b), 0);
	finish(&b, p);
}

/* A status bit that never goes away (PFO here) must not keep the thread. */
static void test_a_status_bit_that_is_stuck(void **state)
{
	struct process *p;
	struct bench b;
	unsigned n;

	(void)state;
	p = start(&b, "8 records");
	model_call(b.m);
	for (n = 0; n < 100; n++) {
		b.u->fsts |= FS_PFO;
		if (!bench_serve())
			break;
	}
	assert_int_equal(n, 100);	/* it says "come back", and may sleep */
	assert_true(b.m->steps_in_call < 20000);
	b.u->fsts = 0;
	finish(&b, p);
}

/* A record that cannot be cleared: each call ends, the log says little, the
 * device that it names is off the bus, and the other records are still read. */
static void test_a_record_that_is_stuck(void **state)
{
	struct process *p;
	struct bench b;
	unsigned lines;

	(void)state;
	p = start(&b, "8 records");
	assert_int_equal(process_attach(p, b.af, 0), 0);
	b.u->trouble.stuck_record = true;
	fault_at(&b, VA + PAGE, true);
	lines = b.m->nlog;
	for (unsigned i = 0; i < 1000; i++) {
		model_call(b.m);
		(void)!bench_serve();
		assert_true(b.m->steps_in_call < 200);
	}
	assert_true(b.m->nlog - lines < 40);
	assert_true(dev(b.flr)->fenced);
	assert_false(dev(b.af)->fenced);
	fault_report(b.u, NO_WRITE, b.af->sid, VA + 7 * PAGE, true);
	model_call(b.m);
	for (unsigned i = 0; i < 4; i++)
		(void)!bench_serve();
	assert_true(model_logged(b.m, "0:4.0 write 0x12345d000"));
	b.u->trouble.stuck_record = false;
	service(&b);
	finish(&b, p);
}

/* A storm at each step of a change of somebody else's. */
static struct function *stormy;

static void storms(struct machine *m, const struct happening *h)
{
	uint64_t v = 0;

	(void)h;
	model_dma(m, 0, stormy->sid, VA + 100 * PAGE, &v, 8, true);
}

static void test_a_storm_meanwhile(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	p = start(&b, "256 records");
	q = process(&b, 8);
	assert_int_equal(process_map(q, VA, 2, RW), 0);
	assert_int_equal(process_attach(q, b.af, 0), 0);
	stormy = b.flr;
	b.m->hook = storms;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(process_replace(q, VA, RW), 0);
		assert_true(can_write(q, b.af, VA));
		model_call(b.m);
		for (unsigned n = 0; n < 40 && bench_serve(); n++)
			;
	}
	assert_true(dev(b.flr)->fenced);
	assert_false(function_mastering(b.flr));
	assert_false(dev(b.af)->fenced);
	assert_true(b.m->nlog < 400);
	b.m->hook = NULL;
	service(&b);
	process_end(q);
	finish(&b, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_a_fault_reaches_its_owner_on_all_units),
		bench_test(test_the_line_in_the_log),
		bench_test(test_every_reason_has_its_words),
		bench_test(test_records_and_overflow_are_cleared),
		bench_test(test_all_records_are_taken),
		bench_test(test_records_beyond_the_first_sixteen),
		bench_test(test_faults_while_faults_are_read),
		bench_test(test_the_event_is_masked_while_the_thread_works),
		bench_test(test_a_storm_is_fenced),
		bench_test(test_faults_over_many_seconds_are_no_storm),
		bench_test(test_a_fence_stays_until_reset_or_attach),
		bench_test(test_faults_of_nobodys_devices),
		bench_test(test_the_former_owner_is_not_told),
		bench_test(test_faults_of_two_units),
		bench_test(test_a_unit_that_is_gone_is_noticed),
		bench_test(test_a_status_bit_that_is_stuck),
		bench_test(test_a_record_that_is_stuck),
		bench_test(test_a_storm_meanwhile),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
