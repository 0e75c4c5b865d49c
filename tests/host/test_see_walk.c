/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that walk tables: a device's, entry by entry
 * (kern/src/units_text.c, kern/arch/x86/iommu_walk.c), and the firmware's
 * (kern/drivers/acpi/dmar_text.c).
 */
#include "see_bench.h"

static struct image image;	/* the firmware's table */

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
		bench_test(test_a_walk_to_the_frame),
		bench_test(test_a_walk_that_is_blocked),
		bench_test(test_nobody_waits_for_a_reader),
		bench_test(test_the_table_and_what_was_dropped),
		cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_what_may_be_written_to_walk),
	};

	return cmocka_run_group_tests_name("what walks show", tests, NULL,
					   NULL);
}
