/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver says of itself (kern/arch/x86/iommu_check.c, sl_check): each
 * inconsistency that is planted is named, and a sound system says "ok"; and how
 * everything stops.
 */
#include "bench.h"

static struct {
	char line[200];		/* the last that was not ok */
	unsigned ok, wrong;
} said;

static void say(void *arg, const char *line)
{
	assert_ptr_equal(arg, &said);
	if (strstr(line, ": ok")) {
		said.ok++;
		return;
	}
	said.wrong++;
	snprintf(said.line, sizeof(said.line), "%s", line);
}

static void check(void)
{
	memset(&said, 0, sizeof(said));
	model_call(model_machine);
	bench_check(say, &said);
}

static void check_is(const char *line)
{
	check();
	if (said.wrong != 1 || strcmp(said.line, line) != 0)
		fail_msg("%u wrong, the last: %s", said.wrong, said.line);
}

static void check_ok(void)
{
	check();
	if (said.wrong)
		fail_msg("%s", said.line);
	assert_true(said.ok > 4);
}

static struct process *start(struct bench *b, const char *name)
{
	struct process *p;

	bench_open(b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(b);
	p = process(b, 7);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	check_ok();
	return p;
}

static void finish(struct bench *b, struct process *p)
{
	check_ok();
	process_end(p);
	check_ok();
	bench_close(b);
}

#define UNIT "unit 0x00000000fed90000: "

static void test_units(void **state)
{
	struct process *p;
	struct bench b;
	uint64_t root;

	(void)state;
	p = start(&b, "qemu");
	b.u->gsts ^= G_TE;
	check_is(UNIT "translation is not what it was set to");
	b.u->gsts ^= G_TE | G_QIE;
	check_is(UNIT "its queue is off");
	b.u->gsts ^= G_QIE;
	root = b.u->rtaddr;
	b.u->rtaddr += PAGE;
	check_is(UNIT "its root table is not ours");
	b.u->rtaddr = root;
	b.u->fsts = FS_IQE;
	check_is(UNIT "its queue is in error");
	b.u->fsts = 0;
	finish(&b, p);
}

/* A fault that nobody has looked at yet, and reserved bits of registers. */
static void test_a_sound_unit_that_is_called_broken(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	assert_false(can_read(p, b.flr, VA + 2 * PAGE));
	assert_true(fault_fsts(b.u) & FS_PPF);
	check_ok();
	b.u->rtaddr |= 0x3ff;
	check_ok();
	finish(&b, p);
}

/* The bridge's own id is that of whoever has what is behind it. */
static void test_a_device_behind_a_bridge_that_renames(void **state)
{
	static const unsigned types[] = {
		BRIDGE_CONVENTIONAL, BRIDGE_TO_PCI,
	};
	struct function *behind;
	struct process *p;
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
		model_bridge(b.m, 0, 0, 7, 0, types[i], 2, 2);
		behind = model_function(b.m, 0, 2, 1, 0, 0, b.u);
		bench_boot(&b);
		p = process(&b, 7);
		assert_int_equal(process_map(p, VA, 2, RW), 0);
		assert_int_equal(process_attach(p, behind, 0), 0);
		finish(&b, p);
	}
}

static void test_a_unit_that_failed(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	b.u->trouble.slow_queue = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	check();
	assert_true(said.wrong >= 1);
	assert_string_equal(said.line, UNIT "failed");
	process_end(p);
	bench_close(&b);
}

static void test_domain_ids(void **state)
{
	struct process *p;
	struct vtd *u;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	u = vtd_of(b.u);
	u->did_map[0] ^= 1ul << dev(b.flr)->su->did;
	check_is(UNIT "a domain id in use is marked free");
	u->did_map[0] ^= 1ul << dev(b.flr)->su->did;
	u->did_map[3] ^= 1;
	check_is(UNIT "domain ids are not what spaces have");
	u->did_map[3] ^= 1;
	finish(&b, p);
}

/* Each field of an entry; of one that should be there, and of one not. */
static void test_context_entries(void **state)
{
	static const struct {
		uint64_t lo, hi;
	} flips[] = {
		{ 1, 0 }, { 1 << 2, 0 }, { 1 << 12, 0 }, { 1ul << 35, 0 },
		{ 0, 1 << 8 }, { 0, 1 << 20 },
	};
	struct context_entry *e;
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	e = os_virt(vtd_of(b.u)->root[1].lo - 1);
	for (unsigned i = 0; i < ARRAY_SIZE(flips); i++) {
		e[0].lo ^= flips[i].lo;
		e[0].hi ^= flips[i].hi;
		check_is("1:0.0: its context entry is not its owner's");
		e[0].lo ^= flips[i].lo;
		e[0].hi ^= flips[i].hi;
	}
	assert_int_equal(process_attach(p, b.plain, 0), 0);
	e = os_virt(vtd_of(b.u)->root[0].lo - 1);
	for (unsigned bit = 0; bit < 2; bit++) {
		e[b.af->sid].lo = 1 << bit;
		check_is("0:4.0: its context entry is not its owner's");
	}
	e[b.af->sid].lo = 0;
	finish(&b, p);
}

static void test_bus_mastering(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	p = start(&b, "qemu");
	b.af->config[4] |= 4;
	check_is("0:4.0: masters the bus, and should not");
	b.af->config[4] &= 0xfb;
	b.flr->config[4] &= 0xfb;
	check_is("1:0.0: attached, but kept from the bus");
	b.flr->config[4] |= 4;
	b.flr->gone = true;
	check_is("1:0.0: gone, and attached");
	b.flr->gone = false;
	b.af->gone = true;
	check_ok();
	b.af->gone = false;
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	check_ok();
	b.flr->config[4] |= 4;
	check_is("1:0.0: masters the bus, and should not");
	b.flr->config[4] &= 0xfb;
	assert_int_equal(iommu_power(true), 0);
	finish(&b, p);
}

static void test_behind_another_unit(void **state)
{
	const struct triple *t = triple_named("qemu");
	struct iommu_dev *d;
	struct process *p;
	struct vtd *was;
	struct bench b;

	(void)state;
	bench_open(&b, t, WITHOUT_WIRED, 1);
	model_unit(b.m, 0xfed80000, 0, t->ver, t->cap, t->ecap);
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	d = dev(b.flr);
	was = d->su->unit;
	d->su->unit = iommu.units[iommu.units[0] == was];
	check();
	assert_string_equal(said.line, "1:0.0: attached behind another unit");
	d->su->unit = was;
	finish(&b, p);
}

static unsigned asked;
static uint64_t not_right;

static bool right(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	struct process *p = arg;
	struct mapping *e = owner_find(p->o, va);

	asked++;
	return va != not_right && e && e->is == pa &&
		!(prot & ~e->is_rights);
}

static void space_is(struct process *p, const char *why)
{
	const char *got = iommu_check_space(p->s, right, p);

	if (!why != !got || (why && strcmp(got, why) != 0))
		fail_msg("%s instead of %s", got ? got : "nothing",
			 why ? why : "nothing");
}

static uint64_t *entry_at(struct process *p, uint64_t va, unsigned level)
{
	uint64_t *t = p->s->table.top[0];

	for (unsigned l = 3; l > level; l--)
		t = os_virt(t[va >> (3 + 9 * l) & 511] & ones(51, 12));
	return &t[va >> (3 + 9 * level) & 511];
}

static void with(struct process *p, uint64_t *e, uint64_t v, const char *why)
{
	uint64_t was = *e;

	*e = v;
	space_is(p, why);
	*e = was;
	space_is(p, NULL);
}

static void test_a_spaces_tables(void **state)
{
	struct process *p;
	struct bench b;
	uint64_t *e;

	(void)state;
	p = start(&b, "real unit 1");
	asked = 0;
	space_is(p, NULL);
	assert_int_equal(asked, 2);
	not_right = VA + PAGE;
	space_is(p, "a page is there that should not be");
	not_right = 0;
	e = entry_at(p, VA, 1);
	with(p, e, *e ^ 1ul << 20, "a page is there that should not be");
	with(p, e, *e | SL_SNP, "a leaf says SNP, which a unit does not know");
	with(p, e, *e & ~3ul, "an absent entry is not 0");
	with(p, e + 7, 1ul << 52, "an absent entry is not 0");
	with(p, e + 7, *e, "a page is there that should not be");
	with(p, entry_at(p, VA, 2), 0, "table pages are not what was counted");
	with(p, entry_at(p, VA, 2), (RAM_BASE & ~0x1ffffful) | SL_PS | 3,
	     "a leaf is larger than a unit can take");
	p->s->table.format.leaf_levels = 2;
	with(p, entry_at(p, VA + (64ul << 20), 2),
	     ((RAM_BASE & ~0x1ffffful) + PAGE) | SL_PS | 3,
	     "a leaf is not aligned");
	p->s->table.format.leaf_levels = 1;
	p->s->table.pages++;
	space_is(p, "table pages are not what was counted");
	p->s->table.pages--;
	assert_int_equal(process_unmap(p, VA, 2), 0);
	space_is(p, NULL);
	finish(&b, p);
}

/* The kernel stops: no device masters the bus, no lock is taken, translation
 * stays, and nothing more is written to a unit. */
static void no_locks(struct machine *m, const struct happening *h)
{
	assert_false(h->what == E_LOCK || h->what == E_WRITE);
	assert_int_equal(m->nheld, 0);
}

static void test_stop(void **state)
{
	struct process *p;
	struct bench b;
	uint64_t v = 0;

	(void)state;
	p = start(&b, "qemu");
	assert_true(can_write(p, b.flr, VA));
	b.m->hook = no_locks;
	model_call(b.m);
	iommu_stop();
	b.m->hook = NULL;
	for (struct function *f = b.m->functions; f; f = f->next)
		assert_false(f->unit && function_mastering(f));
	assert_false(model_dma(b.m, 0, b.flr->sid, VA, &v, 8, true));
	assert_true(b.u->gsts & G_TE);
	iommu.powered = true;
	process_end(p);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_units),
		bench_test(test_a_sound_unit_that_is_called_broken),
		bench_test(test_a_device_behind_a_bridge_that_renames),
		bench_test(test_a_unit_that_failed),
		bench_test(test_domain_ids),
		bench_test(test_context_entries),
		bench_test(test_bus_mastering),
		bench_test(test_behind_another_unit),
		bench_test(test_a_spaces_tables),
		bench_test(test_stop),
	};

	return cmocka_run_group_tests_name("checks", tests, NULL, NULL);
}
