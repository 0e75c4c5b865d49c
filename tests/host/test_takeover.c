/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units that firmware, or a kernel before us, left on (vtd/unit.c, iommu.c):
 * taken over without a moment in which a device reaches what it did not reach
 * before, by translation that stays on or by protected memory.
 */
#include "bench.h"

/* Firmware's own tables, which let one device at one frame. */
struct old {
	struct bench b;
	struct owner *o;
	physaddr_t frame;
	uint64_t *root, *context, *table[6], *ring;
	uint64_t through;	/* requests that got to memory */
};

#define OLD_VA	0x40001000ul

static uint64_t *new_page(struct machine *m)
{
	uint64_t *p = memory_alloc(m, PGSIZE);

	memory_flushed(m, p, PGSIZE);
	return p;
}

static void set(struct machine *m, uint64_t *e, uint64_t v)
{
	*e = v;
	memory_stored(m, memory_pa(m, e), v);
	memory_flushed(m, e, 8);
}

static unsigned levels_of(const struct caps *c)
{
	return bit(c->sagaw, 2) ? 4 : bit(c->sagaw, 1) ? 3 : 5;
}

static void make_tables(struct old *s)
{
	struct machine *m = s->b.m;
	unsigned levels = levels_of(&s->b.u->c), i;
	uint16_t sid = s->b.wired->sid;

	s->root = new_page(m);
	s->context = new_page(m);
	for (unsigned l = 1; l <= levels; l++)
		s->table[l] = new_page(m);
	set(m, s->root, memory_pa(m, s->context) | 1);
	set(m, &s->context[2 * sid + 1], 5 << 8 | (levels - 2));
	set(m, &s->context[2 * sid], memory_pa(m, s->table[levels]) | 1);
	for (unsigned l = levels; l > 0; l--) {
		i = (unsigned)(OLD_VA >> (12 + 9 * (l - 1))) % 512;
		set(m, &s->table[l][i], l > 1 ?
		    memory_pa(m, s->table[l - 1]) | 3 : s->frame | 3);
	}
	memory_flush_buffer(s->b.u);
}

static void open_old(struct old *s, const struct triple *t, uint32_t gsts)
{
	*s = (struct old){ 0 };
	bench_open(&s->b, t, WITH_WIRED, 1);
	s->o = owner_new("the firmware");
	s->frame = frame_alloc(s->b.m, s->o);
	owner_plan(s->o, OLD_VA, s->frame, RW);
	owner_commit(s->o);
	make_tables(s);
	s->b.wired->holder = s->o;
	s->b.u->gsts = gsts;
	s->b.u->rtaddr = s->b.u->root = memory_pa(s->b.m, s->root);
	if (gsts & G_QIE) {
		s->ring = new_page(s->b.m);
		s->b.u->iqa = memory_pa(s->b.m, s->ring);
		s->b.u->iqh = s->b.u->iqt = 0x40;
	}
}

static void close_old(struct old *s)
{
	bench_close(&s->b);
	owner_free(s->o);
}

static bool tries(struct old *s, const struct function *f, uint64_t va)
{
	uint64_t v = 0;

	return model_dma(s->b.m, 0, f->sid, va, &v, 8, true);
}

/* Every device, at firmware's page, at physical memory, at nothing. */
static void try_all(struct machine *m, const struct happening *h)
{
	struct old *s = m->hook_arg;
	uint64_t before = m->accesses;

	(void)h;
	for (struct function *f = m->functions; f; f = f->next) {
		if (!f->unit)
			continue;
		tries(s, f, OLD_VA);
		tries(s, f, RAM_BASE);
		tries(s, f, s->frame);
	}
	s->through += m->accesses - before;
}

static void boot(struct old *s, bool on)
{
	s->b.m->hook = try_all;
	s->b.m->hook_arg = s;
	bench_init(&s->b);
	model_call(s->b.m);
	iommu_start(on);
	s->b.m->watching = true;
	bench_idle(&s->b);
}

/* What was on stays on, each with the next command. */
static void check_commands(struct machine *m, uint32_t kept)
{
	assert_true(m->traced < TRACE_ROOM);
	for (uint64_t i = 0; i < m->traced; i++)
		if (m->trace[i].what == E_WRITE &&
		    m->trace[i].where == R_GCMD)
			assert_int_equal(m->trace[i].value & kept, kept);
}

/* The oracle watches from the first step on: only firmware's device, only at
 * its page, never untranslated; in the end nobody, nowhere. */
static void take_over(const struct triple *t, uint32_t gsts, bool on)
{
	struct process *p;
	struct old s;

	open_old(&s, t, gsts);
	s.b.m->label = t->name;
	s.b.m->watching = true;
	boot(&s, on);
	check_commands(s.b.m, gsts & (G_TE | G_IRE));
	assert_true(s.through > 0);
	assert_int_equal(s.b.m->logged[OS_ERROR], 0);
	assert_true(model_logged(s.b.m, "taken over"));
	s.b.wired->holder = NULL;
	s.through = 0;
	try_all(s.b.m, NULL);
	assert_int_equal(s.through, 0);
	assert_int_equal(iommu_power(true), 0);
	p = process(&s.b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, s.b.flr, 0), 0);
	assert_true(can_write(p, s.b.flr, VA));
	process_end(p);
	close_old(&s);
}

static void test_translation_that_stays_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ntriples; i++) {
		const struct triple *t = triple_at(i);
		struct caps c = decode_caps(t->ver, t->cap, t->ecap);

		take_over(t, G_TE | G_SRTP, true);
		take_over(t, G_TE | G_SRTP, false);
		if (c.qi)
			take_over(t, G_TE | G_SRTP | G_QIE, true);
		if (c.qi && c.ir)
			take_over(t, G_TE | G_SRTP | G_QIE | G_IRE | G_SIRTP |
				  G_CFI, true);
	}
}

/* Errors, faults and a fault event that whoever was before has left. */
static void test_what_else_was_left(void **state)
{
	static const uint32_t left[] = {
		FS_IQE, FS_ITE, FS_ICE, FS_PFO, FS_IQE | FS_PFO,
	};
	struct old s;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(left); i++) {
		open_old(&s, triple_named("qemu"), G_TE | G_SRTP | G_QIE);
		s.b.m->watching = true;
		s.b.u->fsts = left[i];
		s.b.u->fectl = FE_IM;
		s.b.u->record[0].hi = FR_F | 2ul << 32 | 0x77;
		boot(&s, true);
		assert_int_equal(s.b.m->logged[OS_ERROR], 0);
		assert_true(s.b.u->gsts & G_TE);
		s.b.m->hook = NULL;
		for (unsigned n = 0; bench_serve(); n++)
			assert_true(n < 100);
		assert_int_equal(fault_fsts(s.b.u) & 0xff, 0);
		close_old(&s);
	}
}

/* Scalable mode: its tables are of another kind, and the mode cannot change
 * while it translates (11.4.5).  The unit stays as it is, and nobody's. */
static void test_a_unit_in_another_mode(void **state)
{
	struct process *p;
	struct old s;

	(void)state;
	open_old(&s, triple_named("real unit 29"), G_TE | G_SRTP);
	s.b.u->rtaddr |= 1 << 10;
	bench_init(&s.b);
	iommu_start(true);
	s.b.m->watching = true;
	assert_true(s.b.u->gsts & G_TE);
	assert_int_equal(bits(s.b.u->rtaddr, 11, 10), 1);
	p = process(&s.b, 7);
	assert_true(process_attach(p, s.b.flr, 0) < 0);
	assert_non_null(strstr(iommu_missing(), "no remapping unit can be "
			       "used"));
	assert_true(model_logged(s.b.m, "left it on in another mode"));
	process_end(p);
	s.b.objects = 0;
	close_old(&s);
}

/*
 * Units that were off: from when their protected memory is closed until they
 * translate nothing reaches memory, not even a device that cannot be kept from
 * the bus; and if firmware has closed it, nothing does at any step.
 */
static bool closed_once;

static void never_when_closed(struct machine *m, const struct happening *h)
{
	struct old *s = m->hook_arg;
	uint64_t before = s->through;

	try_all(m, h);
	if (s->b.u->pmen & 1)
		closed_once = true;
	if (closed_once && s->through != before)
		fail_msg("a device reaches memory, with protection or "
			 "translation on");
}

static void protect(const struct triple *t, bool by_firmware)
{
	struct old s;

	open_old(&s, t, 0);
	s.b.m->label = t->name;
	s.b.wired->holder = NULL;
	closed_once = false;
	if (by_firmware) {
		s.b.u->low = (struct region){ 0, ones(31, 21) };
		s.b.u->high = (struct region){ 1ul << 32, ones(38, 21) };
		s.b.u->pmen = 1u << 31 | 1;
	}
	s.b.m->hook_arg = &s;
	bench_init(&s.b);
	s.b.m->hook = never_when_closed;
	model_call(s.b.m);
	iommu_start(true);
	assert_true(closed_once);
	assert_int_equal(s.b.u->pmen, 0);
	s.b.m->watching = true;
	bench_idle(&s.b);
	close_old(&s);
}

static void test_protected_memory_as_the_bridge(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < ntriples; i++) {
		const struct triple *t = triple_at(i);

		struct caps c = decode_caps(t->ver, t->cap, t->ecap);

		if (!c.plmr || !c.phmr)
			continue;
		n++;
		protect(t, false);
		protect(t, true);
	}
	assert_true(n > 5);
}

/* Protected memory that cannot be switched: the unit has failed, alone. */
static void test_protected_memory_that_does_not_obey(void **state)
{
	const struct triple *qemu = triple_named("qemu");
	struct function *other;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("real unit 22"), WITHOUT_WIRED, 1);
	other = model_function(b.m, 0, 0, 10, 0, FN_FLR,
			       model_unit(b.m, 0xfed80000, 0, qemu->ver,
					  qemu->cap, qemu->ecap));
	b.u->trouble.deaf_protect = true;
	bench_boot(&b);
	if (b.u->c.phmr)
		assert_string_equal(vtd_of(b.u)->failure, "protected memory");
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	assert_int_equal(process_attach(p, other, 0), 0);
	assert_true(can_write(p, other, VA));
	assert_true(process_attach(p, b.flr, 0) < 0);
	process_end(p);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_translation_that_stays_on),
		bench_test(test_what_else_was_left),
		bench_test(test_a_unit_in_another_mode),
		bench_test(test_protected_memory_as_the_bridge),
		bench_test(test_protected_memory_that_does_not_obey),
	};

	return cmocka_run_group_tests_name("take-over", tests, NULL, NULL);
}
