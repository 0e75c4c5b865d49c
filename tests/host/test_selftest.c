/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The self-test of units (kern/arch/x86/selftest.c): of sound ones, sick ones and
 * such as lie.
 */
#include "watch_bench.h"

static char buf[1 << 16];

/* Self-test */

static const char *selftests(unsigned unit)
{
	struct text t = { .buf = buf, .size = sizeof(buf) };
	struct selftest s;

	buf[0] = '\0';
	for (unsigned n = 0; (s = selftest(unit, n)).name; n++) {
		model_call(model_machine);
		watch_format_selftest(&t, unit, &s);
	}
	return buf;
}

static void check_selftest(const char *want)
{
	if (!strstr(selftests(0), want))
		fail_msg("%snot: %s", buf, want);
}

/* All others are as they are on a sound unit. */
static void check_alone(const char *want)
{
	unsigned n = 0;

	check_selftest(want);
	for (const char *at = buf; (at = strstr(at, "failed")); at++)
		n++;
	if (n != 1)
		fail_msg("%u have failed:\n%s", n, buf);
}

static void check_sound(void)
{
	if (strstr(selftests(0), "failed"))
		fail_msg("%s", buf);
}

/* One of them alone, of a unit that would not stand the others. */
static void check_one(unsigned n, const char *want)
{
	struct text t = { .buf = buf, .size = sizeof(buf) };
	struct selftest s;

	model_call(model_machine);
	s = selftest(0, n);
	watch_format_selftest(&t, 0, &s);
	if (!strstr(buf, want))
		fail_msg("%snot: %s", buf, want);
}

/* At every step, what it may do it can. */
static void device_goes_on(struct machine *m, const struct happening *h)
{
	const struct bench *b = m->hook_arg;
	uint64_t v = 0;

	(void)h;
	if (!model_dma(m, b->flr->segment, b->flr->sid, VA + PAGE, &v,
		       sizeof(v), m->steps % 2))
		model_violation(m, "a device was disturbed");
}

static void sound(struct bench *b)
{
	struct process *p = process(b, 7);
	unsigned lines = 0;

	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_true(can_write(p, b->flr, VA));
	b->m->hook = NULL;
	while (bench_serve())
		;		/* what attacks have left */
	b->m->hook = device_goes_on;
	b->m->hook_arg = b;
	if (b->u->ecap & (ECAP_IR | ECAP_DT) && !(b->u->ecap & ECAP_QI))
		check_alone("registers result=failed text=\"interrupt "
			    "remapping or device TLBs without a queue\"");
	else
		check_sound();
	b->m->hook = NULL;
	for (const char *at = buf; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 7);
	assert_true(can_write(p, b->flr, VA));
	assert_true(vtd_alive(vtd_of(b->u)));
	assert_null(selftest(1, 0).name);
	assert_null(selftest(0, 7).name);
	process_end(p);
}

static void test_selftest_of_all_units(void **state)
{
	(void)state;
	on_all_triples(sound, WITHOUT_WIRED);
}

static void test_selftest_says_all(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22");
	assert_string_equal(selftests(0),
		"unit0 test=registers result=ok\nunit0 test=tables result=ok\n"
		"unit0 test=queue result=ok\nunit0 test=context result=ok\n"
		"unit0 test=iotlb result=ok\nunit0 test=interrupts result=ok\n"
		"unit0 test=faults result=ok\n");
	finish(&b, p);
	p = start(&b, "real unit 1");
	assert_string_equal(selftests(0),
		"unit0 test=registers result=ok\nunit0 test=tables result=ok\n"
		"unit0 test=queue result=skipped "
		"text=\"it is asked by registers\"\n"
		"unit0 test=context result=ok\nunit0 test=iotlb result=ok\n"
		"unit0 test=interrupts result=skipped "
		"text=\"it remaps no interrupts\"\n"
		"unit0 test=faults result=ok\n");
	finish(&b, p);
}

/* While those bits of a register are others. */
#define check_lie(reg, bits, text) do { \
	(reg) ^= (bits); \
	check_alone(text); \
	(reg) ^= (bits); \
} while (0)

#define REGISTERS "test=registers result=failed text="
#define NOT_AS_IT_WAS REGISTERS \
	"\"version or capabilities are not what they were\""
#define NOT_COMMANDED REGISTERS "\"its status is not what was commanded\""
static void test_selftest_of_registers_that_lie(void **state)
{
	struct process *p;
	struct bench b;
	struct vtd *u;

	(void)state;
	p = start(&b, "real unit 22");
	u = vtd_of(b.u);
	check_lie(b.u->ver, 1, NOT_AS_IT_WAS);
	check_lie(b.u->cap, 1ull << 39, NOT_AS_IT_WAS);
	check_lie(b.u->ecap, 1ull << 6, NOT_AS_IT_WAS);
	check_lie(b.u->gsts, G_TE, NOT_COMMANDED);
	check_lie(b.u->gsts, G_SRTP, NOT_COMMANDED);
	check_sound();
	/* From the start on. */
	b.u->ver |= 0x100;
	u->version |= 0x100;
	check_alone(REGISTERS "\"reserved bits in its version or capabilities\"");
	b.u->ver ^= 0x100;
	u->version ^= 0x100;
	b.u->cap |= 7;
	u->cap |= 7;
	check_alone(REGISTERS "\"reserved bits in its version or capabilities\"");
	finish(&b, p);
}

static void capabilities_are(const char *name, uint64_t cap, uint64_t ecap,
			     const char *text)
{
	struct process *p;
	struct bench b;
	struct vtd *u;

	p = start(&b, name);
	u = vtd_of(b.u);
	u->cap ^= cap;
	u->ecap ^= ecap;
	b.u->cap ^= cap;
	b.u->ecap ^= ecap;
	check_one(0, text);
	u->cap ^= cap;
	u->ecap ^= ecap;
	b.u->cap ^= cap;
	b.u->ecap ^= ecap;
	check_sound();
	finish(&b, p);
}

static void test_selftest_of_capabilities_that_contradict(void **state)
{
	const struct triple *t = triple_named("real unit 1");
	uint64_t fro = field_get(t->cap, CAP_FRO);
	uint64_t iro = field_get(t->ecap, ECAP_IRO);

	(void)state;
	capabilities_are("real unit 1", 0, field_make(ECAP_IRO, iro ^ fro),
		REGISTERS "\"its fault records stand where other registers do\"");
	capabilities_are("real unit 1", 0, ECAP_DT,
		REGISTERS "\"interrupt remapping or device TLBs without a queue\"");
	capabilities_are("real unit 1", 0, ECAP_EIM,
		REGISTERS "\"x2APIC ids without interrupt remapping\"");
}

#define TABLES "test=tables result=failed text="
static void test_selftest_of_tables_and_queue(void **state)
{
	struct process *p;
	struct bench b;
	struct vtd *u;

	(void)state;
	p = start(&b, "real unit 22");
	u = vtd_of(b.u);
	check_lie(b.u->rtaddr, PAGE, TABLES "\"its root table is not ours\"");
	check_lie(b.u->rtaddr, field_make(RTADDR_TTM, 1),
		  TABLES "\"its root table is not ours\"");
	check_lie(u->root[200].hi, 1,
		  TABLES "\"reserved bits in a root entry\"");
	check_lie(u->root[255].lo, 2,
		  TABLES "\"reserved bits in a root entry\"");
	b.u->iqa += PAGE;
	check_one(2, "test=queue result=failed "
		  "text=\"its queue is not ours\"");
	b.u->iqa -= PAGE;
	b.u->trouble.stopped_queue = true;
	b.u->iqh += (uint64_t)VTD_QUEUE_SIZE << 4;
	check_one(2, "test=queue result=failed "
		  "text=\"its head is outside of the queue\"");
	b.u->iqh -= (uint64_t)VTD_QUEUE_SIZE << 4;
	b.u->trouble.stopped_queue = false;
	b.u->irta += PAGE;
	check_alone("test=interrupts result=failed "
		    "text=\"its interrupt table is not ours\"");
	b.u->irta -= PAGE;
	check_sound();
	finish(&b, p);
}

#define FAULTS "test=faults result=failed text="
static void test_selftest_of_faults(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "real unit 22");
	b.u->fedata++;
	check_alone(FAULTS "\"its fault event is not ours\"");
	b.u->fedata--;
	b.u->feaddr += 4;
	check_alone(FAULTS "\"its fault event is not ours\"");
	b.u->feaddr -= 4;
	b.u->feuaddr++;
	check_alone(FAULTS "\"its fault event is not ours\"");
	b.u->feuaddr--;
	b.u->fectl |= FECTL_IM;
	check_alone(FAULTS "\"a fault stays recorded, or its event masked\"");
	b.u->fectl &= ~FECTL_IM;
	check_sound();
	/* One that nobody takes out, and one that cannot be. */
	assert_false(can_read(p, b.flr, VA + 9 * PAGE));
	check_alone(FAULTS "\"a fault stays recorded, or its event masked\"");
	while (bench_serve())
		;
	check_sound();
	finish(&b, p);
	p = start(&b, "qemu");		/* with one record */
	b.u->trouble.stuck_record = true;
	assert_false(can_read(p, b.flr, VA + 9 * PAGE));
	for (unsigned i = 0; i < 20; i++)
		bench_serve();
	check_alone(FAULTS "\"a fault stays recorded, or its event masked\"");
	b.u->trouble.stuck_record = false;
	while (bench_serve())
		;
	check_sound();
	finish(&b, p);
}

static void test_selftest_without_a_fault_event(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.m->no_irqs = true;
	bench_boot(&b);
	check_alone(FAULTS "\"no interrupt tells of its faults\"");
	bench_close(&b);
}

/* Dead units: it ends, says which check found it, and the unit has failed. */
static void dead(const char *name, struct trouble t, const char *first,
		 const char *last)
{
	struct process *p;
	struct bench b;
	uint64_t began;

	p = start(&b, name);
	b.u->trouble = t;
	began = b.m->now;
	check_selftest(first);
	assert_true(b.m->now - began < 6 * VTD_DEADLINE);
	check_selftest(last);
	assert_false(vtd_alive(vtd_of(b.u)));
	assert_true(model_logged(b.m, "1:0.0 of pid 7 is fenced: its unit "
				 "failed"));
	p->lost = true;
	bench_teardown(NULL);
}

static void test_selftest_of_dead_units(void **state)
{
	(void)state;
	dead("qemu", (struct trouble){ .slow_queue = true },
	     "unit0 test=registers result=ok\nunit0 test=tables result=ok\n"
	     "unit0 test=queue result=failed text=\"invalidation wait\"\n"
	     "unit0 test=context result=failed text=\"invalidation wait\"\n",
	     "test=registers result=failed text=\"invalidation wait\"");
	dead("qemu", (struct trouble){ .stopped_queue = true },
	     "test=queue result=failed text=\"invalidation wait\"", "test=faults "
	     "result=failed text=\"invalidation wait\"");
	dead("qemu", (struct trouble){ .queue_error = FS_IQE },
	     "test=queue result=failed text=\"queue errors do not end\"",
	     "test=iotlb result=failed");
	dead("real unit 1", (struct trouble){ .slow_registers = true },
	     "unit0 test=tables result=ok\nunit0 test=queue result=skipped "
	     "text=\"it is asked by registers\"\nunit0 test=context "
	     "result=failed text=\"invalidation by register\"",
	     "test=iotlb result=failed text=\"invalidation by register\"");
	dead("qemu", (struct trouble){ .gone = true },
	     "test=registers result=failed text=\"reads as all ones\"",
	     "test=registers result=failed");
}

static void test_selftest_of_units_not_used(void **state)
{
	struct bench b;

	(void)state;
	bench_bare(&b, 1);
	model_unit(b.m, 0xfed90000, 0, 0x10, 0xc9008020e30272 & ~0x1f00ull,
		   0x1000);
	bench_boot(&b);
	check_sound();
	assert_non_null(strstr(buf, "test=registers result=skipped "
		"text=\"it offers no second-level translation\""));
	assert_non_null(strstr(buf, "test=faults result=skipped"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_selftest_of_all_units),
		bench_test(test_selftest_says_all),
		bench_test(test_selftest_of_registers_that_lie),
		bench_test(test_selftest_of_capabilities_that_contradict),
		bench_test(test_selftest_of_tables_and_queue),
		bench_test(test_selftest_of_faults),
		bench_test(test_selftest_without_a_fault_event),
		bench_test(test_selftest_of_dead_units),
		bench_test(test_selftest_of_units_not_used),
	};

	return cmocka_run_group_tests_name("selftest", tests, NULL, NULL);
}
