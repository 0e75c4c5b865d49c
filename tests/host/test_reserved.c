/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that the firmware reserved for devices (kern/arch/x86/iommu_reserved.c,
 * VT-d 8.4): reached by its device at every step of the start and afterwards, by
 * nobody else, and refused where it cannot be true.
 */
#include "bench.h"

#define USB	0x0c0330
#define DISPLAY	0x030000

/* Firmware's device 0:8.0 and the memory that it uses. */
struct firm {
	struct bench b;
	struct image image;
	struct owner *o;
	struct function *f;
	physaddr_t at;
	unsigned pages;
	unsigned beats;		/* requests that got through */
};

static void set_class(struct function *f, uint32_t class)
{
	for (unsigned i = 0; i < 3; i++)
		f->config[9 + i] = (uint8_t)(class >> 8 * i);
}

/* Contiguous: nothing has been freed yet. */
static void take_memory(struct firm *s, unsigned pages)
{
	physaddr_t pa;

	s->o = owner_new("the firmware");
	s->pages = pages;
	for (unsigned i = 0; i < pages; i++) {
		pa = frame_alloc(s->b.m, s->o);
		if (!i)
			s->at = pa;
		assert_int_equal(pa, s->at + i * PAGE);
		owner_plan(s->o, pa, pa, RW);
	}
	owner_commit(s->o);
}

static void put_region(struct firm *s, const struct function *f, uint64_t base,
		       uint64_t limit)
{
	put_rmrr(&s->image, base, limit);
	put_scope(&s->image, DMAR_SCOPE_ENDPOINT, (uint8_t)(f->sid >> 8), 1,
		  (const uint8_t[]){ f->sid >> 3 & 31, f->sid & 7 });
}

static void open_firm(struct firm *s, const struct triple *t, int wired,
		      uint32_t class)
{
	*s = (struct firm){ 0 };
	bench_upper.gives_out = NULL;
	bench_open(&s->b, t, wired, 1);
	s->f = model_function(s->b.m, 0, 0, 8, 0, FN_FLR | FN_MASTERING,
			      s->b.u);
	set_class(s->f, class);
	take_memory(s, 3);
	s->f->holder = s->o;
	s->f->firmwares = true;
	bench_table(s->b.m, &s->image);
}

static void close_firm(struct firm *s)
{
	bench_close(&s->b);
	owner_free(s->o);
}

static bool beats(struct firm *s)
{
	uint64_t v = 0;

	return model_dma(s->b.m, 0, s->f->sid,
			 s->at + s->pages / 2 * PAGE, &v, 8, true);
}

static bool reaches(struct firm *s, const struct function *f, physaddr_t pa)
{
	uint64_t v = 0;

	return model_dma(s->b.m, 0, f->sid, pa, &v, 8, false);
}

/* Between any two steps the device reaches its memory; from when the unit
 * translates, nothing else does so or is reached. */
static void never_miss(struct machine *m, const struct happening *h)
{
	struct firm *s = m->hook_arg;

	(void)h;
	m->watching = s->b.u->gsts & G_TE;
	if (!beats(s))
		fail_msg("firmware's device misses a beat");
	s->beats++;
	if (!m->watching)
		return;
	assert_false(reaches(s, s->f, s->at + s->pages * PAGE));
	assert_false(reaches(s, s->f, s->at - PAGE));
	for (struct function *f = m->functions; f; f = f->next)
		if (f != s->f && f->unit)
			assert_false(reaches(s, f, s->at));
}

static void boot_watched(struct firm *s, bool on)
{
	s->b.m->hook = never_miss;
	s->b.m->hook_arg = s;
	image_seal(&s->image);
	model_call(s->b.m);
	bench_table_given(s->image.bytes, s->image.len);
	bench_add_devices(s->b.m);
	model_call(s->b.m);
	iommu_start(on);
	s->b.m->watching = true;
	s->b.m->hook = NULL;
	bench_idle(&s->b);
}

static void test_firmwares_device_never_misses_a_beat(void **state)
{
	struct firm s;

	(void)state;
	for (unsigned i = 0; i < ntriples; i++) {
		open_firm(&s, triple_at(i), WITH_WIRED, USB);
		put_region(&s, s.f, s.at, s.at + s.pages * PAGE - 1);
		s.b.m->label = triple_at(i)->name;
		boot_watched(&s, true);
		assert_true(s.beats > 30);
		assert_true(beats(&s));
		assert_true(dev(s.f)->reserved);
		assert_true(model_logged(s.b.m, "iommu: 0:8.0: reserved 0x"));
		close_firm(&s);
	}
}

/* Started off, nothing translates for it: it is off the bus until then. */
static void test_started_off_it_is_fenced(void **state)
{
	struct firm s;

	(void)state;
	open_firm(&s, triple_named("qemu"), WITHOUT_WIRED, USB);
	put_region(&s, s.f, s.at, s.at + s.pages * PAGE - 1);
	image_seal(&s.image);
	bench_table_given(s.image.bytes, s.image.len);
	bench_add_devices(s.b.m);
	iommu_start(false);
	bench_idle(&s.b);
	s.b.m->watching = true;
	assert_false(beats(&s));
	assert_int_equal(iommu_power(true), 0);
	assert_true(beats(&s));
	attack_always(&s.b);
	model_call(s.b.m);
	assert_int_equal(iommu_power(false), 0);
	assert_false(beats(&s));
	assert_int_equal(iommu_power(true), 0);
	assert_true(beats(&s));
	iommu_stop();
	assert_false(beats(&s));
	close_firm(&s);
}

static void boot_firm(struct firm *s, uint32_t class)
{
	open_firm(s, triple_named("qemu"), WITHOUT_WIRED, class);
	put_region(s, s->f, s->at, s->at + s->pages * PAGE - 1);
	bench_boot_image(&s->b, &s->image);
	attack_always(&s->b);
}

static void refused(struct process *p, struct function *f, unsigned words,
		    const char *why)
{
	assert_true(process_attach(p, f, words) < 0);
	assert_string_equal(p->m->error, why);
}

static void test_it_is_refused_to_processes(void **state)
{
	struct process *p;
	struct firm s;

	(void)state;
	boot_firm(&s, 0x010802);
	p = process(&s.b, 7);
	refused(p, s.f, 0, "has memory reserved by the firmware");
	refused(p, s.f, IOMMU_RMRR, "has memory reserved by the firmware");
	refused(p, s.b.flr, IOMMU_RMRR,
		"has no memory reserved by the firmware");
	assert_true(process_detach(s.f) < 0);
	assert_string_equal(s.b.m->error, "not attached");
	s.f->holder = s.o;
	assert_true(beats(&s));
	process_end(p);
	close_firm(&s);
}

/* The word drops the region, for good. */
static void drop_region(uint32_t class)
{
	struct process *p, *q;
	struct firm s;

	boot_firm(&s, class);
	p = process(&s.b, 7);
	q = process(&s.b, 8);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	refused(p, s.f, 0, "has memory reserved by the firmware; say rmrr to "
		"drop that");
	refused(p, s.f, IOMMU_UNSAFE, "has memory reserved by the firmware; "
		"say rmrr to drop that");
	assert_true(beats(&s));
	s.f->holder = p->o;
	assert_int_equal(process_attach(p, s.f, IOMMU_RMRR), 0);
	assert_true(can_write(p, s.f, VA));
	assert_false(beats(&s));
	refused(q, s.f, IOMMU_RMRR, "owned by pid 7");
	assert_int_equal(process_detach(s.f), 0);
	assert_false(beats(&s));
	assert_int_equal(process_attach(q, s.f, IOMMU_RMRR), 0);
	process_end(q);
	process_end(p);
	assert_int_equal(did_in_use(vtd_of(s.b.u)), 2);
	close_firm(&s);
}

static void test_the_word_drops_it(void **state)
{
	(void)state;
	drop_region(USB);
	drop_region(DISPLAY);
}

static bool gives_all_out(uint64_t lo, uint64_t hi)
{
	return lo <= RAM_BASE + 0x200000 && hi >= RAM_BASE;
}

/* Fenced like all others, and named; a true region beside it counts. */
static void wrong_region(uint64_t base, uint64_t limit, const char *why)
{
	struct firm s;

	open_firm(&s, triple_named("qemu"), WITHOUT_WIRED, USB);
	put_region(&s, s.f, base, limit);
	bench_boot_image(&s.b, &s.image);
	if (!model_logged(s.b.m, why))
		fail_msg("not named: %s", why);
	assert_false(function_mastering(s.f));
	assert_null(dev(s.f)->space);
	assert_false(beats(&s));
	close_firm(&s);
}

static void test_regions_that_cannot_be_true(void **state)
{
	struct firm s;

	(void)state;
	wrong_region(0x7d000000, 0x7c000fff, "its end is before its start");
	wrong_region(0xfedff000, 0xfee00fff, "covers the interrupt range");
	wrong_region(0xfeeff000, 0xfeefffff, "covers the interrupt range");
	wrong_region(1ul << 39, (1ul << 39) + 0xfff, "cannot translate that");
	wrong_region(0, UINT64_MAX, "cannot translate that far");
	wrong_region(0x7c000800, 0x7c000fff, "not whole pages");
	wrong_region(0x7c000000, 0x7c000ffe, "not whole pages");
	open_firm(&s, triple_named("qemu"), WITHOUT_WIRED, USB);
	bench_upper.gives_out = gives_all_out;
	put_region(&s, s.f, s.at, s.at + PAGE - 1);
	bench_boot_image(&s.b, &s.image);
	assert_true(model_logged(s.b.m, "overlaps memory that we give out"));
	assert_false(function_mastering(s.f));
	bench_upper.gives_out = NULL;
	close_firm(&s);
}

static bool any(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	(void)arg;
	return va == pa && prot == RW;
}

/* Several, one over the other, of which the larger is of large pages. */
static void test_several_regions_of_one_device(void **state)
{
	struct firm s;

	(void)state;
	open_firm(&s, triple_named("real unit 22"), WITHOUT_WIRED, USB);
	put_region(&s, s.f, s.at, s.at + PAGE - 1);
	put_region(&s, s.f, s.at + PAGE, s.at + 3 * PAGE - 1);
	put_region(&s, s.f, RAM_BASE, RAM_BASE + 0x3fffff);
	put_region(&s, s.f, 0x7d000000, 0x7c000fff);
	put_region(&s, s.b.af, s.at, s.at + PAGE - 1);
	bench_boot_image(&s.b, &s.image);
	assert_true(beats(&s));
	assert_null(iommu_check_space(dev(s.f)->space, any, NULL));
	assert_non_null(dev(s.b.af)->space);
	assert_ptr_not_equal(dev(s.b.af)->space, dev(s.f)->space);
	close_firm(&s);
}

/* Behind a bridge its requests bear another id. */
static void test_a_region_behind_a_bridge(void **state)
{
	struct function *other;
	struct process *p;
	struct firm s;

	(void)state;
	open_firm(&s, triple_named("qemu"), WITHOUT_WIRED, USB);
	model_bridge(s.b.m, 0, 0, 9, 0, BRIDGE_CONVENTIONAL, 3, 3);
	s.f = model_function(s.b.m, 0, 3, 1, 0, FN_MASTERING, s.b.u);
	other = model_function(s.b.m, 0, 3, 2, 0, FN_PM, s.b.u);
	set_class(s.f, USB);
	s.f->holder = s.o;
	s.f->firmwares = true;
	put_rmrr(&s.image, s.at, s.at + s.pages * PAGE - 1);
	put_scope(&s.image, DMAR_SCOPE_ENDPOINT, 0, 2,
		  (const uint8_t[]){ 9, 0, 1, 0 });
	boot_watched(&s, true);
	assert_true(beats(&s));
	p = process(&s.b, 7);
	assert_true(process_attach(p, other, 0) < 0);
	assert_true(process_attach(p, other, IOMMU_RMRR) < 0);
	assert_true(beats(&s));
	process_end(p);
	close_firm(&s);
}

static unsigned wrong_lines;

static void say(void *arg, const char *line)
{
	(void)arg;
	if (!strstr(line, ": ok"))
		print_error("%s\n", line);
	wrong_lines += !strstr(line, ": ok");
}

/* Whether firmware left it on the bus or not is not for us to change. */
static void test_it_keeps_the_bus_as_it_was(void **state)
{
	struct firm s;

	(void)state;
	for (unsigned on = 0; on < 2; on++) {
		open_firm(&s, triple_named("qemu"), WITHOUT_WIRED, USB);
		s.f->config[4] = on ? 6 : 2;
		put_region(&s, s.f, s.at, s.at + s.pages * PAGE - 1);
		bench_boot_image(&s.b, &s.image);
		assert_int_equal(function_mastering(s.f), on);
		wrong_lines = 0;
		bench_check(say, NULL);
		assert_int_equal(wrong_lines, 0);
		close_firm(&s);
	}
}

/* Without memory for its space it is fenced, and nothing else is the worse. */
static void test_no_memory_for_its_space(void **state)
{
	struct firm s;
	unsigned n, before;

	(void)state;
	for (n = 1; n < 100; n++) {
		open_firm(&s, triple_named("qemu"), WITHOUT_WIRED, USB);
		put_region(&s, s.f, s.at, s.at + s.pages * PAGE - 1);
		image_seal(&s.image);
		bench_table_given(s.image.bytes, s.image.len);
		bench_add_devices(s.b.m);
		before = s.b.m->mem.allocations;
		s.b.m->mem.fail_at = before + n;
		model_call(s.b.m);
		iommu_start(true);
		s.b.m->watching = true;
		bench_idle(&s.b);
		assert_int_equal(beats(&s), function_mastering(s.f));
		assert_int_equal(beats(&s), dev(s.f)->space != NULL);
		before += n;
		n = s.b.m->mem.allocations < before ? 1000 : n;
		close_firm(&s);
	}
	assert_int_equal(n, 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_firmwares_device_never_misses_a_beat),
		bench_test(test_started_off_it_is_fenced),
		bench_test(test_it_is_refused_to_processes),
		bench_test(test_the_word_drops_it),
		bench_test(test_regions_that_cannot_be_true),
		bench_test(test_several_regions_of_one_device),
		bench_test(test_a_region_behind_a_bridge),
		bench_test(test_it_keeps_the_bus_as_it_was),
		bench_test(test_no_memory_for_its_space),
	};

	return cmocka_run_group_tests_name("reserved memory", tests, NULL,
					   NULL);
}
