/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that show units, devices and spaces (kern/src/units_text.c,
 * kern/src/pciown_text.c; kern/arch/x86/iommu_info.c): each field on machines
 * with several units, before and after what changes it.
 */
#include "see_bench.h"

static struct image image;	/* the firmware's table */

static void test_units(void **state)
{
	static const char want[] =
		"unit0 base=0xfed00000 segment=0 state=on version=1.0 "
		"cap=0xc9008020260202 ecap=0xf0101a levels=3 pages=4k "
		"width=39 can=queue,interrupts,x2apic,page-flush,drain-read,"
		"drain-write domains=256 used=2 entries=256 used_entries=0 "
		"queue=256 queued=0 devices=0 faults=0\n"
		"unit1 base=0xfed01000 segment=0 state=on version=2.1 "
		"cap=0xd2008c40660462 ecap=0xf050db levels=4 pages=4k,2m,1g "
		"width=39 can=coherent,queue,interrupts,x2apic,pass-through,"
		"snoop,page-flush,drain-read,drain-write,zero-length-read,"
		"protected-low,protected-high domains=256 used=2 entries=256 "
		"used_entries=0 queue=256 queued=0 devices=0 faults=0\n";

	(void)state;
	open_machine();
	file(iommu_format_units);
	if (strncmp(text, want, strlen(want)))
		fail_msg("%s", text);
	has(iommu_format_units, "unit2", "segment=2");
	has(iommu_format_units, "unit2", "queue=0");	/* by registers */
	has(iommu_format_units, "unit2", "entries=0");
	lacks(iommu_format_units, "unit2", ",queue");
	has(iommu_format_units, "unit2",
	    "can=coherent,caching,interrupts,x2apic,pass-through,snoop,"
	    "page-flush,drain-read,drain-write,zero-length-read,"
	    "protected-low,protected-high");
	bench_close(&x.b);
}

static void test_units_count(void **state)
{
	struct process *p;
	struct iommu_irq irq;
	uint64_t addr, value = 0;
	uint32_t data;

	(void)state;
	open_machine();
	p = process(&x.b, 7);
	assert_int_equal(process_attach(p, x.three, 0), 0);
	has(iommu_format_units, "unit0", "devices=1");
	has(iommu_format_units, "unit0", "used=3");
	has(iommu_format_units, "unit1", "devices=0");
	assert_int_equal(iommu_irq_open(dev(x.three), 0x50, 0, &irq, &addr,
					&data), 0);
	has(iommu_format_units, "unit0", "used_entries=1");
	assert_int_equal(iommu_irq_close(&irq), 0);
	has(iommu_format_units, "unit0", "used_entries=0");
	assert_false(model_dma(x.b.m, 0, x.three->sid, 0x1000, &value, 8,
			       true));
	while (bench_serve())
		;
	has(iommu_format_units, "unit0", "faults=1");
	has(pciown_devices_text, "0:2.0", "faults=1");
	assert_int_equal(iommu_power(false), 0);
	has(iommu_format_units, "unit0", "state=off");
	assert_int_equal(iommu_power(true), 0);
	has(iommu_format_units, "unit0", "state=on");
	process_end(p);
	has(iommu_format_units, "unit0", "devices=0");
	has(iommu_format_units, "unit0", "used=2");
	bench_close(&x.b);
}

/* Given, and not yet done, while the unit takes its time. */
static unsigned most_queued;

static void look_at_queue(struct machine *m, const struct happening *h)
{
	struct iommu_unit_info info;

	(void)m;
	if (h->what != E_RELAX)
		return;
	assert_true(iommu_unit_info(1, &info));
	if (info.queued > most_queued)
		most_queued = info.queued;
}

static void test_descriptors_that_are_queued(void **state)
{
	struct process *p;

	(void)state;
	open_machine();
	p = process(&x.b, 7);
	x.b.m->policy.latency = 40;
	x.b.m->hook = look_at_queue;
	most_queued = 0;
	assert_int_equal(process_attach(p, x.rich, 0), 0);
	assert_int_equal(process_detach(x.rich), 0);
	x.b.m->hook = NULL;
	/* A context entry, a domain, the wait. */
	assert_in_range(most_queued, 2, 3);
	has(iommu_format_units, "unit1", "queued=0");
	process_end(p);
	bench_close(&x.b);
}

static void test_a_unit_that_failed_or_cannot_be_used(void **state)
{
	struct process *p;

	(void)state;
	open_machine();
	p = process(&x.b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, x.rich, 0), 0);
	x.u[1]->trouble.gone = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	has(iommu_format_units, "unit1", "state=failed");
	has(iommu_format_units, "unit1", "failure=\"reads as all ones\"");
	has(iommu_format_units, "unit0", "state=on");
	has(pciown_devices_text, "0:3.0", "state=fenced");
	has(pciown_devices_text, "0:3.0", "fenced=yes");
	has(pciown_devices_text, "0:3.0", "master=off");
	has(pciown_devices_text, "0:3.0", "owner=7");
	has(pciown_devices_text, "0:3.0", "reason=\"its unit failed\"");
	blocked(x.rich, "123457000", "level 1 is absent");
	process_end(p);
	bench_close(&x.b);

	bench_bare(&x.b, 1);
	x.b.u = model_unit(x.b.m, 0xfed00000, 0, 0x10, THREE_CAP & ~0x1f00ul,
			   POOR_ECAP);
	x.three = model_function(x.b.m, 0, 0, 2, 0, FN_FLR, x.b.u);
	bench_boot(&x.b);
	has(iommu_format_units, "unit0", "state=unsupported");
	has(iommu_format_units, "unit0", "levels=-");
	has(iommu_format_units, "unit0",
	    "reason=\"it offers no second-level translation\"");
	assert_true(model_logged(x.b.m, "0xfed00000 is not used: it offers no "
				 "second-level translation"));
	has(pciown_devices_text, "0:2.0", "state=refused");
	blocked(x.three, "123456000", "it offers no second-level translation");
	bench_close(&x.b);
}

static void test_devices(void **state)
{
	struct process *p;

	(void)state;
	open_machine();
	assert_string_equal(line(pciown_devices_text, "0:2.0"),
		"0:2.0 id=1234:11e8 class=0x020000 ids=0:2.0 unit=unit0 "
		"group=0:2.0 above=- owner=- domain=- master=off fenced=no "
		"ats=off reset=function-level reserved=- faults=0 "
		"reachable=0 state=free");
	has(pciown_devices_text, "0:3.0", "reset=advanced-features");
	has(pciown_devices_text, "2:0:4.0", "unit=unit2");
	has(pciown_devices_text, "2:0:4.0", "reset=power-state");
	has(pciown_devices_text, "3:0:1.0", "unit=-");
	has(pciown_devices_text, "3:0:1.0", "state=refused");
	has(pciown_devices_text, "3:0:1.0",
	    "reason=\"no remapping unit covers it\"");
	file(pciown_devices_text);	/* by address */
	assert_true(strstr(text, "0:2.0 ") < strstr(text, "0:3.0 ") &&
		    strstr(text, "0:3.0 ") < strstr(text, "2:0:4.0 ") &&
		    strstr(text, "2:0:4.0 ") < strstr(text, "3:0:1.0 "));
	p = process(&x.b, 7);
	assert_int_equal(process_map(p, VA, 5, RW), 0);
	assert_int_equal(process_attach(p, x.three, 0), 0);
	has(pciown_devices_text, "0:2.0", "owner=7");
	has(pciown_devices_text, "0:2.0", "domain=2");
	has(pciown_devices_text, "0:2.0", "master=on");
	has(pciown_devices_text, "0:2.0", "reachable=20480");
	has(pciown_devices_text, "0:2.0", "state=attached");
	assert_int_equal(process_unmap(p, VA, 2), 0);
	has(pciown_devices_text, "0:2.0", "reachable=12288");
	assert_int_equal(iommu_power(false), 0);
	has(pciown_devices_text, "0:2.0", "master=off");
	has(pciown_devices_text, "0:2.0", "state=attached");
	blocked(x.three, "123458000", "translation is off");
	assert_int_equal(iommu_power(true), 0);
	x.three->gone = true;
	has(pciown_devices_text, "0:2.0", "master=off");
	has(pciown_devices_text, "0:2.0", "reason=\"does not answer\"");
	x.three->gone = false;
	process_end(p);
	has(pciown_devices_text, "0:2.0", "state=free");
	bench_close(&x.b);
}

static void test_bridges_and_who_goes_together(void **state)
{
	struct function *a, *c;
	struct process *p;

	(void)state;
	bench_bare(&x.b, 1);
	x.b.u = model_unit(x.b.m, 0xfed00000, 0, 0x10, RICH_CAP, RICH_ECAP);
	model_bridge(x.b.m, 0, 0, 7, 0, 0, 2, 2);
	a = model_function(x.b.m, 0, 2, 1, 0, 0, x.b.u);
	c = model_function(x.b.m, 0, 2, 2, 0, 0, x.b.u);
	bench_boot(&x.b);
	has(pciown_devices_text, "0:7.0", "state=refused");
	has(pciown_devices_text, "0:7.0",
	    "reason=\"is a bridge to another bus\"");
	has(pciown_devices_text, "2:1.0", "above=0:7.0");
	has(pciown_devices_text, "2:1.0", "ids=2:1.0,0:7.0");
	has(pciown_devices_text, "2:2.0", "group=0:7.0");
	p = process(&x.b, 9);
	c->holder = p->o;
	assert_int_equal(process_attach(p, a, 0), 0);
	has(pciown_devices_text, "2:2.0", "owner=9");
	has(pciown_spaces_text, "pid9", "devices=2:1.0,2:2.0");
	has(pciown_spaces_text, "pid9", "domains=unit0:2");
	assert_non_null(strstr(file(pciown_mappings_text),
			       "\tpid = 9\n\t\tdevice = 2:1.0\n"
			       "\t\tdevice = 2:2.0\n"));
	process_end(p);
	bench_close(&x.b);
}

/* A process with 2 MiB pages behind two units, and one with a page. */
static void test_spaces_of_processes(void **state)
{
	struct iommu_gather g;
	struct process *p, *q;

	(void)state;
	open_machine();
	assert_string_equal(file(pciown_spaces_text), "");
	p = process(&x.b, 7);
	q = process(&x.b, 22);
	assert_int_equal(process_map(q, VA, 1, RW), 0);
	assert_int_equal(process_attach(q, x.other, 0), 0);
	assert_int_equal(process_map(p, VA, 3, IOMMU_READ), 0);
	assert_int_equal(process_attach(p, x.rich, 0), 0);
	g = (struct iommu_gather){ .space = p->s };
	assert_int_equal(iommu_map(&g, BIG_VA, BIG, 2 * BIG, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	assert_string_equal(file(pciown_spaces_text),
		"pid7 levels=4 4k=3 2m=2 1g=0 tables=5 domains=unit1:2 "
		"devices=0:3.0 quarantined=3\n"
		"pid22 levels=4 4k=1 2m=0 1g=0 tables=4 domains=unit2:2 "
		"devices=2:0:4.0 quarantined=0\n");
	has(pciown_devices_text, "0:3.0", "reachable=4206592");
	assert_string_equal(way(x.rich, ""),
		"range from=0x123456000 to=0x123458fff rights=r size=4k\n"
		"range from=0x180000000 to=0x1803fffff rights=rw size=2m\n");
	/* A unit that knows no 2 MiB pages. */
	assert_int_equal(process_attach(p, x.three, 0), 0);
	has(pciown_spaces_text, "pid7", "4k=1027");
	has(pciown_spaces_text, "pid7", "2m=0");
	has(pciown_spaces_text, "pid7", "domains=unit0:2,unit1:2");
	has(pciown_spaces_text, "pid7", "devices=0:2.0,0:3.0");
	assert_string_equal(way(x.rich, ""),
		"range from=0x123456000 to=0x123458fff rights=r size=4k\n"
		"range from=0x180000000 to=0x1803fffff rights=rw size=4k\n");
	assert_non_null(strstr(file(pciown_mappings_text),
			       "\tpid = 7\n\t\tdevice = 0:2.0\n"
			       "Mappings for iommu@"));
	assert_non_null(strstr(text, "\tpid = 22\n\t\tdevice = 2:0:4.0\n"));
	assert_int_equal(iommu_keep(&g, BIG_VA, 2 * BIG, 0), 0);
	assert_int_equal(iommu_flush(&g), 0);
	process_end(p);
	process_end(q);
	assert_string_equal(file(pciown_spaces_text), "");
	bench_close(&x.b);
}

static void test_firmwares_devices(void **state)
{
	struct function *f;

	(void)state;
	bench_upper.gives_out = NULL;
	bench_open(&x.b, triple_named("qemu"), WITHOUT_WIRED, 1);
	f = model_function(x.b.m, 0, 0, 8, 0, FN_FLR, x.b.u);
	bench_table(x.b.m, &image);
	for (unsigned i = 0; i < 2; i++) {
		put_rmrr(&image, 0x3000 + i * 0x10000, 0x6fff + i * 0x10000);
		put_scope(&image, DMAR_SCOPE_ENDPOINT, 0, 1,
			  (const uint8_t[]){ 8, 0 });
	}
	put_rmrr(&image, 0x9000, 0x8fff);	/* cannot be true */
	put_scope(&image, DMAR_SCOPE_ENDPOINT, 0, 1, (const uint8_t[]){ 8, 0 });
	bench_boot_image(&x.b, &image);
	has(pciown_devices_text, "0:8.0", "state=firmware");
	has(pciown_devices_text, "0:8.0", "owner=-");
	has(pciown_devices_text, "0:8.0", "domain=2");
	has(pciown_devices_text, "0:8.0", "reachable=32768");
	assert_true(iommu_reserved(dev(f), 0, &(uint64_t){ 0 },
				   &(uint64_t){ 0 }));
	lacks(pciown_devices_text, "0:8.0", "0x9000");
	lacks(pciown_devices_text, "0:8.0", "reserved=-");
	assert_non_null(strstr(line(pciown_devices_text, "0:8.0"),
			       "0x3000-0x6fff"));
	assert_non_null(strstr(line(pciown_devices_text, "0:8.0"),
			       "0x13000-0x16fff"));
	has(pciown_spaces_text, "firmware-0:8.0", "4k=8");
	has(pciown_spaces_text, "firmware-0:8.0", "domains=unit0:2");
	has(pciown_spaces_text, "firmware-0:8.0", "devices=0:8.0");
	assert_non_null(strstr(way(f, "3000"),
			       " entry=0x3003 leaf=4k rights=rw\n"));
	blocked(f, "3000", "it is off the bus");
	bench_close(&x.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_units),
		bench_test(test_units_count),
		bench_test(test_descriptors_that_are_queued),
		bench_test(test_a_unit_that_failed_or_cannot_be_used),
		bench_test(test_devices),
		bench_test(test_bridges_and_who_goes_together),
		bench_test(test_spaces_of_processes),
		bench_test(test_firmwares_devices),
	};

	return cmocka_run_group_tests_name("what files show", tests, NULL,
					   NULL);
}
