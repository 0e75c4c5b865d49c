/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that show units, devices and spaces, and walk tables
 * (kern/src/units_text.c, kern/src/pciown_text.c, kern/drivers/acpi/
 * dmar_text.c; kern/arch/x86/iommu_info.c, iommu_walk.c): each field on machines
 * with several units, before and after what changes it.
 */
#include "bench.h"

#include <dmar_text.h>
#include <iommu_text.h>
#include <pciown_text.h>

#define THREE_CAP	0xc9008020260202	/* 3 levels, 4 KiB */
#define POOR_ECAP	0xf0101a
#define RICH_CAP	0xd2008c40660462	/* 4 levels, 2 MiB and 1 GiB */
#define RICH_ECAP	0xf050db
#define BIG		(2ul << 20)
#define BIG_VA		(6ul << 30)

static struct image image;	/* the firmware's table */
static char text[65536];
static struct text out;

/* The kernel's. */
size_t pciown_quarantined(int pid)
{
	return pid == 7 ? 3 : 0;
}

static struct text *begin(void)
{
	out = (struct text){ .buf = text, .size = sizeof(text) };
	text[0] = '\0';
	if (model_machine)
		model_call(model_machine);
	return &out;
}

static const char *file(void (*make)(struct text *t))
{
	make(begin());
	assert_false(out.full);
	return text;
}

/* The line that begins with that subject. */
static const char *line(void (*make)(struct text *t), const char *subject)
{
	static char found[1024];
	const char *at = file(make), *end;
	size_t len = strlen(subject);

	for (; *at; at = end + 1) {
		end = strchr(at, '\n');
		assert_non_null(end);
		if (!strncmp(at, subject, len) && at[len] == ' ') {
			memcpy(found, at, (size_t)(end - at));
			found[end - at] = '\0';
			return found;
		}
	}
	fail_msg("no line of %s in:\n%s", subject, text);
	return NULL;
}

/* The file has that field, in the subject's line. */
static void has(void (*make)(struct text *t), const char *subject,
		const char *field)
{
	const char *l = line(make, subject), *at = strstr(l, field);

	if (!at || at[-1] != ' ' ||
	    (at[strlen(field)] != ' ' && at[strlen(field)] != '\0'))
		fail_msg("no \"%s\" in \"%s\"", field, l);
}

static void lacks(void (*make)(struct text *t), const char *subject,
		  const char *part)
{
	const char *l = line(make, subject);

	if (strstr(l, part))
		fail_msg("\"%s\" in \"%s\"", part, l);
}

static const char *way(struct function *f, const char *addr)
{
	struct iommu_command cmd;
	char command[64], subject[256];
	struct text t = { .buf = subject, .size = sizeof(subject) };

	snprintf(command, sizeof(command), "%s %s",
		 bdf_text(f->segment, f->sid).s, addr);
	assert_null(iommu_parse_walk(command, &cmd, &t));
	cmd.dev = dev(f);
	iommu_format_walk(&cmd, begin());
	return text;
}

static void blocked(struct function *f, const char *addr, const char *why)
{
	char want[200];
	const char *got = way(f, addr);
	size_t len;

	snprintf(want, sizeof(want), "blocked reason=\"%s\"\n", why);
	len = strlen(want);
	if (strlen(got) < len || strcmp(got + strlen(got) - len, want))
		fail_msg("not %s at the end of:\n%s", want, got);
}

/* Two units of segment 0, one of segment 2, and a function without one. */
static struct machines {
	struct bench b;
	struct function *three, *rich, *other, *alone, *bridge, *behind;
	struct model_unit *u[3];
} x;

static void open_machine(void)
{
	bench_bare(&x.b, 1);
	x.u[0] = model_unit(x.b.m, 0xfed00000, 0, 0x10, THREE_CAP, POOR_ECAP);
	x.u[1] = model_unit(x.b.m, 0xfed01000, 0, 0x21, RICH_CAP, RICH_ECAP);
	x.u[2] = model_unit(x.b.m, 0xfed02000, 2, 0x10, RICH_CAP | 1 << 7,
			    RICH_ECAP & ~2ul);
	x.b.u = x.u[0];
	x.three = model_function(x.b.m, 0, 0, 2, 0, FN_FLR, x.u[0]);
	x.rich = model_function(x.b.m, 0, 0, 3, 0, FN_AF, x.u[1]);
	x.other = model_function(x.b.m, 2, 0, 4, 0, FN_PM | FN_PCIE, x.u[2]);
	x.alone = model_function(x.b.m, 3, 0, 1, 0, FN_FLR, NULL);
	bench_boot(&x.b);
}

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

/* Each line of a walk, of units of 3 and of 4 levels, for small and for large
 * pages. */
static void test_a_walk_to_the_frame(void **state)
{
	struct iommu_gather g;
	struct process *p;
	unsigned long root, low, high, table, e[5], frame;
	unsigned i;

	(void)state;
	open_machine();
	p = process(&x.b, 7);
	assert_int_equal(process_map(p, VA, 1, IOMMU_READ), 0);
	assert_int_equal(process_attach(p, x.three, 0), 0);
	assert_int_equal(process_attach(p, x.rich, 0), 0);
	way(x.three, "0x123456789");
	assert_int_equal(sscanf(text, "root index=0 entry=0x%lx table=0x%lx\n",
				&root, &table), 2);
	assert_int_equal(root, table | 1);
	assert_int_equal(sscanf(strchr(text, '\n') + 1,
		"context index=%u low=0x%lx high=0x%lx domain=2 levels=3 "
		"table=0x%lx\nlevel3 index=4 entry=0x%lx table=0x%lx\n"
		"level2 index=282 entry=0x%lx table=0x%lx\n"
		"level1 index=86 entry=0x%lx leaf=4k rights=r\n"
		"frame addr=0x%lx rights=r size=4k\n", &i, &low, &high, &table,
		&e[3], &e[4], &e[2], &e[1], &e[0], &frame), 10);
	assert_int_equal(i, x.three->sid);
	assert_int_equal(frame & 0xfff, 0x789);
	assert_int_equal(frame & ~0xffful, e[0] & ~0xffful);
	way(x.rich, "123456000");
	assert_non_null(strstr(text, "levels=4 "));
	assert_non_null(strstr(text, "\nlevel4 index=0 entry="));
	blocked(x.rich, "8000000000", "beyond the width of its unit");
	process_end(p);

	p = process(&x.b, 8);
	assert_int_equal(process_attach(p, x.rich, IOMMU_UNSAFE), 0);
	g = (struct iommu_gather){ .space = p->s };
	assert_int_equal(iommu_map(&g, BIG_VA, 3 * BIG, BIG, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	way(x.rich, "180012345");
	assert_non_null(strstr(text, " leaf=2m rights=rw\nframe "
			       "addr=0x612345 rights=rw size=2m\n"));
	assert_int_equal(iommu_keep(&g, BIG_VA, BIG, 0), 0);
	assert_int_equal(iommu_flush(&g), 0);
	process_end(p);
	bench_close(&x.b);
}

static void test_a_walk_that_is_blocked(void **state)
{
	struct context_entry *entry;
	struct process *p;

	(void)state;
	open_machine();
	p = process(&x.b, 7);
	blocked(x.alone, "1000", "no remapping unit covers it");
	assert_string_equal(way(x.alone, ""), "");
	blocked(x.three, "1000", "its bus has no context table: nobody has it");
	assert_null(strstr(text, "\ncontext"));
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, x.three, 0), 0);
	blocked(x.three, "1000", "level 3 is absent");
	blocked(x.three, "123600000", "level 2 is absent");
	blocked(x.three, "123457000", "level 1 is absent");
	blocked(x.three, "fee01000", "an interrupt, and no memory");
	blocked(x.three, "ffffffffffffffff", "beyond the width of its unit");
	assert_non_null(strstr(way(x.three, "123456000"), "\nframe "));
	for (unsigned i = 0; i < IOMMU_STORM_FAULTS; i++) {
		assert_false(model_dma(x.b.m, 0, x.three->sid, 0x1000,
				       &(uint64_t){ 0 }, 8, true));
		while (bench_serve())
			;
	}
	has(pciown_devices_text, "0:2.0", "state=fenced");
	blocked(x.three, "123456000", "too many faults in a second");
	model_call(x.b.m);
	assert_int_equal(iommu_reset(dev(x.three)), 0);
	assert_non_null(strstr(way(x.three, "123456000"), "\nframe "));
	has(pciown_devices_text, "0:2.0", "state=attached");
	entry = os_virt(vtd_of(x.u[0])->root[0].lo & ~0xffful);
	entry[x.three->sid].lo ^= 0x40000000;	/* not ours */
	blocked(x.three, "123456000", "its context entry is not its owner's");
	assert_null(strstr(text, "\nlevel"));
	entry[x.three->sid].lo ^= 0x40000000;
	process_end(p);
	blocked(x.three, "123456000",
		"its context entry is absent: nobody has it");
	bench_close(&x.b);
}

/* In the middle of a reader's look at a space, at the turn-th lock that it takes:
 * its pages go, and then the device and the space itself. */
static struct {
	struct process *p;
	unsigned locks, turn;
	bool end;
} middle;

static void in_the_middle(struct machine *m, const struct happening *h)
{
	if (h->what != E_LOCK || ++middle.locks != middle.turn)
		return;
	m->hook = NULL;
	m->in_hook = false;
	if (middle.end)
		process_end(middle.p);
	else
		assert_int_equal(process_unmap(middle.p, VA + (1ul << 30), 1),
				 0);
	m->in_hook = true;
}

/* Nothing is held from one table to the next: what changes the space does not
 * wait for the reader, who sees what was or what is. */
static void look_meanwhile(bool end, unsigned turn)
{
	struct iommu_space_info s;

	open_machine();
	middle.p = process(&x.b, 7);
	middle.locks = 0;
	middle.turn = turn;
	middle.end = end;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(process_map(middle.p, VA + i * (1ul << 30), 1,
					     RW), 0);
	assert_int_equal(process_attach(middle.p, x.three, 0), 0);
	model_call(x.b.m);
	x.b.m->hook = in_the_middle;
	iommu_space_info(dev(x.three), &s);
	x.b.m->hook = NULL;
	assert_in_range(s.leaves[0], end ? 0 : 1, 2);
	assert_int_equal(s.bytes, s.leaves[0] * PAGE);
	assert_int_equal(turn < 20, middle.locks >= turn);
	if (turn > 20)		/* it never came */
		assert_int_equal(s.leaves[0], 2);
	if (!end || turn > 20)
		process_end(middle.p);
	bench_close(&x.b);
}

static void test_nobody_waits_for_a_reader(void **state)
{
	(void)state;
	for (unsigned turn = 1; turn <= 5; turn++) {
		look_meanwhile(false, turn);
		look_meanwhile(true, turn);
	}
	look_meanwhile(false, 1000);
}

static void acpi(struct text *t)
{
	const struct iommu_dropped *list;
	unsigned n = iommu_dropped(&list);

	dmar_format(t, image.bytes, image.len, list, n);
}

/* What is dropped stands there as the log says it. */
static void test_the_table_and_what_was_dropped(void **state)
{
	static const uint8_t path[] = { 0x1c, 0, 3, 1 };
	struct function *f;

	(void)state;
	bench_bare(&x.b, 1);
	x.b.u = model_unit(x.b.m, 0xfed00000, 0, 0x10, RICH_CAP, RICH_ECAP);
	f = model_function(x.b.m, 0, 0, 2, 0, FN_FLR, x.b.u);
	bench_table(x.b.m, &image);
	put_drhd(&image, 0, 0xfed00000);		/* twice */
	put_drhd(&image, 1, 0xfedf0000);		/* nothing there */
	put_scope(&image, DMAR_SCOPE_IOAPIC, 0, 1, path);
	put_rmrr(&image, 0x5000, 0x5fff);
	put_scope(&image, DMAR_SCOPE_ENDPOINT, 0, 2, path);
	put_scope(&image, DMAR_SCOPE_BRIDGE, 1, 1, path);
	put_rmrr(&image, 0x9000, 0x8fff);
	put_rhsa(&image, 0xfed00000, 1);
	put_ports(&image, DMAR_ATSR, 1, 0);
	put_ports(&image, DMAR_SATC, 1, 2);
	put_andd(&image, 3, "\\_SB.\"X", 8);
	put_entry(&image, 9);
	bench_boot_image(&x.b, &image);
	has(acpi, "dmar", "checksum=ok");
	assert_non_null(strstr(text, "unit base=0xfedf0000 segment=0 all=yes "
			       "size=4096 scopes=ioapic:0:1c.0 at=0x"));
	assert_non_null(strstr(text, "reserved base=0x5000 limit=0x5fff "
		"segment=0 scopes=0:1c.0/3.1,bridge:1:1c.0 at=0x"));
	assert_null(strstr(text, "0x9000"));
	assert_non_null(strstr(text, "affinity base=0xfed00000 node=1 at=0x"));
	assert_non_null(strstr(text, "ats segment=0 all=yes scopes=- at=0x"));
	assert_non_null(strstr(text, "satc segment=2 required=yes scopes=-"));
	assert_non_null(strstr(text, " text=\"\\_SB..X\"\n"));
	assert_non_null(strstr(text, " type=0 text=\"is listed already\"\n"));
	assert_non_null(strstr(text, " type=0 text=\"does not answer\"\n"));
	assert_non_null(strstr(text, " type=1 text=\"its path leads to no "
			       "device\"\n"));
	assert_non_null(strstr(text, " type=1 text=\"reserved region ends "
			       "before it begins\"\n"));
	assert_non_null(strstr(text, " type=9 text=\"structure of an unknown "
			       "type\"\n"));
	assert_non_null(strstr(text, "\nbytes at=0x0 hex=444d4152"));
	assert_true(model_logged(x.b.m, "0xfed00000 is listed already"));
	assert_true(model_logged(x.b.m, "structure of an unknown type; drop"));
	(void)f;
	bench_close(&x.b);
}

static void test_no_table(void **state)
{
	uint8_t bad[18] = "DMAR";

	(void)state;
	dmar_format(begin(), NULL, 0, NULL, 0);
	assert_string_equal(text, "dmar missing=\"this machine has no DMAR "
			    "table\"\n");
	dmar_format(begin(), bad, sizeof(bad), NULL, 0);
	assert_string_equal(text, "dmar missing=\"table shorter than its "
			    "header\"\n"
			    "bytes at=0x0 hex=444d4152000000000000000000000000\n"
			    "bytes at=0x10 hex=0000\n");
}

static void test_what_may_be_written_to_walk(void **state)
{
	static const struct { const char *s, *why; } bad[] = {
		{ "", "nothing written; the form is BUS:DEV.FN [ADDRESS]" },
		{ "0:3.0 x", "not an address, which is a hexadecimal number" },
		{ "0:3.0 0x", "not an address, which is a hexadecimal number" },
		{ "0:3.0 1 2", "nothing may follow the address" },
		{ "0:3.9", "no function beyond 7" },
		{ "0:3.0 10000000000000000",
		  "not an address, which is a hexadecimal number" },
	};
	struct iommu_command cmd;
	char subject[64];
	struct text t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		t = (struct text){ .buf = subject, .size = sizeof(subject) };
		assert_string_equal(iommu_parse_walk(bad[i].s, &cmd, &t),
				    bad[i].why);
	}
	assert_null(iommu_parse_walk("1:2.3 0xffffffffffffffff", &cmd, &t));
	assert_true(cmd.has_addr && cmd.addr == UINT64_MAX && cmd.sid == 0x113);
	assert_null(iommu_parse_walk(" 0:3.0 ", &cmd, &t));
	assert_false(cmd.has_addr || cmd.words);
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
		bench_test(test_a_walk_to_the_frame),
		bench_test(test_a_walk_that_is_blocked),
		bench_test(test_nobody_waits_for_a_reader),
		bench_test(test_the_table_and_what_was_dropped),
		cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_what_may_be_written_to_walk),
	};

	return cmocka_run_group_tests_name("what files show", tests, NULL,
					   NULL);
}
