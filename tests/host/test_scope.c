/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which unit a device is behind (kern/arch/x86/iommu_scope.c, iommu.c): by the
 * scopes of a DMAR table built for the occasion, on buses behind bridges of
 * several depths, with several units and segments, and what a broken table
 * costs.
 */
#include "bench.h"

#define UNIT(n)	(0xfed00000ul + (n) * 0x1000ul)

struct site {
	struct bench b;
	struct image image;
	unsigned units;
};

static void open_site(struct site *s)
{
	bench_bare(&s->b, 1);
	image_start(&s->image);
	s->units = 0;
}

/* One more unit: its registers, and its DRHD. */
static unsigned drhd(struct site *s, uint16_t segment, bool all)
{
	const struct triple *t = triple_named("qemu");
	uint64_t base = UNIT(s->units);

	model_unit(s->b.m, base, segment, t->ver, t->cap, t->ecap);
	put_entry(&s->image, DMAR_DRHD);
	put_bytes(&s->image, all, 1);
	put_bytes(&s->image, 0, 1);
	put_bytes(&s->image, segment, 2);
	put_bytes(&s->image, base, 8);
	return s->units++;
}

#define scope(s, type, bus, ...) put_scope(&(s)->image, type, bus, \
	(unsigned)sizeof((const uint8_t[]){ __VA_ARGS__ }) / 2, \
	(const uint8_t[]){ __VA_ARGS__ })

static struct function *fn(struct site *s, uint16_t segment, unsigned bus,
			   unsigned device)
{
	return model_function(s->b.m, segment, bus, device, 0, 0, NULL);
}

static struct function *bridge(struct site *s, unsigned bus, unsigned device,
			       unsigned secondary, unsigned subordinate)
{
	return model_bridge(s->b.m, 0, bus, device, 0, BRIDGE_PORT, secondary,
			    subordinate);
}

static void init(struct site *s)
{
	image_seal(&s->image);
	bench_table_given(s->image.bytes, s->image.len);
	bench_add_devices(s->b.m);
}

static void close_site(struct site *s)
{
	bench_close(&s->b);
}

static void behind(struct function *f, unsigned unit)
{
	assert_non_null(dev(f)->unit);
	assert_int_equal(dev(f)->unit->base, UNIT(unit));
}

static void behind_none(struct function *f)
{
	assert_null(dev(f)->unit);
}

/* QEMU 7.2: every function on the root bus by name, and nothing else. */
static void test_only_what_is_named_without_include_pci_all(void **state)
{
	struct function *named, *other, *elsewhere;
	struct site s;

	(void)state;
	open_site(&s);
	named = fn(&s, 0, 0, 2);
	other = fn(&s, 0, 0, 3);
	elsewhere = fn(&s, 1, 0, 2);
	drhd(&s, 0, false);
	scope(&s, DMAR_SCOPE_IOAPIC, 0, 3, 0);
	scope(&s, DMAR_SCOPE_HPET, 0, 3, 0);
	scope(&s, DMAR_SCOPE_ENDPOINT, 0, 2, 0);
	init(&s);
	behind(named, 0);
	behind_none(other);
	behind_none(elsewhere);
	close_site(&s);
}

/* A bridge's scope covers all that is below, however deep. */
static void test_bridges_cover_what_is_behind_them(void **state)
{
	struct function *deep[6], *beside;
	struct site s;

	(void)state;
	open_site(&s);
	bridge(&s, 0, 1, 1, 5);
	for (unsigned bus = 1; bus < 5; bus++)
		bridge(&s, bus, 0, bus + 1, 5);
	for (unsigned bus = 1; bus <= 5; bus++)
		deep[bus] = fn(&s, 0, bus, 4);
	bridge(&s, 0, 2, 6, 6);
	beside = fn(&s, 0, 6, 0);
	drhd(&s, 0, false);
	scope(&s, DMAR_SCOPE_BRIDGE, 0, 1, 0);
	init(&s);
	for (unsigned bus = 1; bus <= 5; bus++)
		behind(deep[bus], 0);
	behind_none(beside);
	close_site(&s);
}

/* Peers looked for each step of a path on the root bus. */
static void test_paths_are_followed_through_secondary_buses(void **state)
{
	struct function *right, *wrong;
	struct site s;

	(void)state;
	open_site(&s);
	bridge(&s, 0, 0x1c, 7, 9);
	bridge(&s, 7, 3, 9, 9);
	right = model_function(s.b.m, 0, 9, 5, 2, 0, NULL);
	wrong = model_function(s.b.m, 0, 0, 5, 2, 0, NULL);
	drhd(&s, 0, false);
	scope(&s, DMAR_SCOPE_ENDPOINT, 0, 0x1c, 0, 3, 0, 5, 2);
	init(&s);
	behind(right, 0);
	behind_none(wrong);
	close_site(&s);
}

/* Peers took the first unit that said so, or the last, for every device. */
static void test_include_pci_all_takes_the_rest_of_its_segment(void **state)
{
	struct function *named, *rest, *far, *farther;
	struct site s;

	(void)state;
	for (unsigned all_first = 0; all_first < 2; all_first++) {
		unsigned all = 0, by_name;

		open_site(&s);
		named = fn(&s, 0, 0, 2);
		rest = fn(&s, 0, 0, 3);
		far = fn(&s, 1, 0, 2);
		farther = fn(&s, 2, 0, 2);
		if (all_first)
			all = drhd(&s, 0, true);
		by_name = drhd(&s, 0, false);
		scope(&s, DMAR_SCOPE_ENDPOINT, 0, 2, 0);
		drhd(&s, 1, true);
		if (!all_first)
			all = drhd(&s, 0, true);
		init(&s);
		behind(named, by_name);
		behind(rest, all);
		behind(far, all_first ? 2 : 1);
		behind_none(farther);
		close_site(&s);
	}
}

/* Both units name a bridge above the device: the nearer one has it. */
static void test_the_nearest_bridge_wins(void **state)
{
	struct function *near, *outer;
	struct site s;

	(void)state;
	for (unsigned swapped = 0; swapped < 2; swapped++) {
		open_site(&s);
		bridge(&s, 0, 1, 1, 3);
		bridge(&s, 1, 0, 2, 3);
		outer = fn(&s, 0, 1, 4);
		near = fn(&s, 0, 3, 4);
		drhd(&s, 0, false);
		if (swapped)
			scope(&s, DMAR_SCOPE_BRIDGE, 0, 1, 0, 0, 0);
		else
			scope(&s, DMAR_SCOPE_BRIDGE, 0, 1, 0);
		drhd(&s, 0, false);
		if (swapped)
			scope(&s, DMAR_SCOPE_BRIDGE, 0, 1, 0);
		else
			scope(&s, DMAR_SCOPE_BRIDGE, 0, 1, 0, 0, 0);
		init(&s);
		behind(outer, swapped);
		behind(near, !swapped);
		close_site(&s);
	}
}

/* Firmware left it without buses: 0 to 0, which is the root bus. */
static void test_a_bridge_without_buses_covers_nothing(void **state)
{
	struct function *root;
	struct site s;

	(void)state;
	open_site(&s);
	bridge(&s, 0, 1, 0, 0);
	root = fn(&s, 0, 0, 2);
	drhd(&s, 0, false);
	scope(&s, DMAR_SCOPE_BRIDGE, 0, 1, 0);
	drhd(&s, 0, true);
	init(&s);
	behind(root, 1);
	close_site(&s);
}

static void test_paths_that_lead_nowhere_are_named(void **state)
{
	struct function *f;
	char text[60];
	uint32_t at[3];
	struct site s;

	(void)state;
	open_site(&s);
	f = fn(&s, 0, 0, 2);
	fn(&s, 0, 0, 3);
	drhd(&s, 0, false);
	at[0] = scope(&s, DMAR_SCOPE_ENDPOINT, 0, 9, 0);
	at[1] = scope(&s, DMAR_SCOPE_ENDPOINT, 0, 3, 0, 2, 0);
	at[2] = scope(&s, DMAR_SCOPE_ENDPOINT, 0, 9, 0, 2, 0);
	scope(&s, DMAR_SCOPE_ENDPOINT, 0, 2, 0);
	init(&s);
	behind(f, 0);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "dmar: offset %u: its path leads",
			 at[i]);
		assert_true(model_logged(s.b.m, text));
	}
	close_site(&s);
}

/* What is wrong is dropped alone, and named with its offset. */
static void test_what_is_wrong_is_dropped_alone(void **state)
{
	struct function *f, *g;
	uint32_t bad, bad_scope;
	char text[60];
	struct site s;

	(void)state;
	open_site(&s);
	f = fn(&s, 0, 0, 2);
	g = fn(&s, 0, 0, 3);
	bad = put_entry(&s.image, DMAR_DRHD);
	put_bytes(&s.image, 0, 4);
	put_bytes(&s.image, UNIT(7) + 1, 8);
	put_entry(&s.image, 99);
	put_bytes(&s.image, 0, 12);
	drhd(&s, 0, false);
	bad_scope = scope(&s, DMAR_SCOPE_ENDPOINT, 0, 2, 9);
	scope(&s, DMAR_SCOPE_ENDPOINT, 0, 3, 0);
	put_entry(&s.image, DMAR_DRHD);
	put_bytes(&s.image, 1, 4);
	put_bytes(&s.image, 0, 8);		/* a base of 0 */
	put_entry(&s.image, DMAR_DRHD);
	put_bytes(&s.image, 1, 4);
	put_bytes(&s.image, UNIT(30), 8);	/* where nothing answers */
	init(&s);
	behind_none(f);
	behind(g, 0);
	assert_int_equal(iommu.nunits, 1);
	snprintf(text, sizeof(text), "dmar: offset %u: ", bad);
	assert_true(model_logged(s.b.m, text));
	snprintf(text, sizeof(text), "dmar: offset %u: ", bad_scope);
	assert_true(model_logged(s.b.m, text));
	assert_true(model_logged(s.b.m, "unit 0x0 does not answer"));
	assert_true(model_logged(s.b.m, "unit 0xfed1e000 does not answer"));
	assert_null(iommu_missing());
	close_site(&s);
}

/* Two drivers of the same registers would undo each other's work. */
static void test_a_unit_that_is_listed_twice_is_one_unit(void **state)
{
	struct function *f;
	struct site s;

	(void)state;
	open_site(&s);
	f = fn(&s, 0, 0, 2);
	drhd(&s, 0, false);
	scope(&s, DMAR_SCOPE_ENDPOINT, 0, 2, 0);
	put_drhd(&s.image, 1, UNIT(0));
	init(&s);
	behind(f, 0);
	assert_int_equal(iommu.nunits, 1);
	assert_true(model_logged(s.b.m, "0xfed00000 is listed already"));
	close_site(&s);
}

static void test_the_33rd_unit_is_refused_and_leaks_nothing(void **state)
{
	unsigned objects;
	struct site s;

	(void)state;
	open_site(&s);
	for (unsigned i = 0; i < 34; i++)
		drhd(&s, 0, false);
	objects = s.b.m->mem.objects;
	init(&s);
	assert_int_equal(iommu.nunits, 32);
	assert_int_equal(s.b.m->mem.objects, objects + 32);
	assert_true(model_logged(s.b.m, "0xfed20000 is one too many"));
	close_site(&s);
}

static void test_devices_with_reserved_regions_are_refused(void **state)
{
	struct function *usb, *other;
	struct site s;

	(void)state;
	open_site(&s);
	bridge(&s, 0, 1, 1, 1);
	usb = fn(&s, 0, 1, 0);
	other = fn(&s, 0, 1, 1);
	drhd(&s, 0, true);
	put_rmrr(&s.image, 0x7c000000, 0x7c0fffff);
	scope(&s, DMAR_SCOPE_ENDPOINT, 0, 1, 0, 0, 0);
	put_rmrr(&s.image, 0x7d000000, 0x7c000fff);	/* impossible */
	scope(&s, DMAR_SCOPE_ENDPOINT, 0, 1, 0, 1, 0);
	init(&s);
	assert_true(dev(usb)->reserved);
	assert_true(dev(other)->reserved);	/* and refused: nothing */
	close_site(&s);
}

/*
 * A hundred machines by chance, against the obvious: up from the device, its
 * own name first, then that of each bridge.
 */
#define BUSES	24

struct forest {
	struct function *bridge[BUSES];		/* to that bus; NULL: root */
	unsigned parent[BUSES];
	int named[BUSES];			/* by a unit, the bridge */
	struct function *f[BUSES][4];
	int f_named[BUSES][4];
};

static unsigned last_below(const struct forest *t, unsigned bus)
{
	unsigned last = bus;

	for (unsigned b = bus + 1; b < BUSES; b++)
		for (unsigned up = b; up; up = t->parent[up])
			if (up == bus)
				last = b;
	return last;
}

/* Numbered depth first, as firmware does it. */
static void plant_buses(struct site *s, struct forest *t)
{
	unsigned up = 0;

	for (unsigned bus = 1; bus < BUSES; bus++) {
		while (up && !model_random(s->b.m, 2))
			up = t->parent[up];
		t->parent[bus] = up;
		up = bus;
	}
	for (unsigned bus = 1; bus < BUSES; bus++) {
		static const unsigned kinds[] = {
			BRIDGE_PORT, BRIDGE_PORT, BRIDGE_TO_PCI,
			BRIDGE_CONVENTIONAL,
		};

		t->bridge[bus] = model_bridge(s->b.m, 0, t->parent[bus], bus,
			0, kinds[model_random(s->b.m, 4)], bus,
			last_below(t, bus));
	}
	for (unsigned bus = 0; bus < BUSES; bus++)
		for (unsigned i = 0; i < 4; i++)
			t->f[bus][i] = model_function(s->b.m, 0, bus, 28, i,
						      0, NULL);
}

/* The path from the root bus down to that function. */
static void name_it(struct site *s, const struct forest *t, uint8_t type,
		    unsigned bus, unsigned device, unsigned function)
{
	uint8_t path[2 * BUSES];
	unsigned n = BUSES;

	path[--n * 2] = (uint8_t)device;
	path[n * 2 + 1] = (uint8_t)function;
	for (; bus; bus = t->parent[bus]) {
		path[--n * 2] = (uint8_t)bus;
		path[n * 2 + 1] = 0;
	}
	put_scope(&s->image, type, 0, BUSES - n, path + n * 2);
}

static void name_some(struct site *s, struct forest *t, int unit)
{
	unsigned bus, i;

	for (unsigned n = 0; n < 3; n++) {
		bus = 1 + model_random(s->b.m, BUSES - 1);
		if (t->named[bus] < 0) {
			t->named[bus] = unit;
			name_it(s, t, DMAR_SCOPE_BRIDGE, t->parent[bus], bus,
				0);
		}
		bus = model_random(s->b.m, BUSES);
		i = model_random(s->b.m, 4);
		if (t->f_named[bus][i] < 0) {
			t->f_named[bus][i] = unit;
			name_it(s, t, DMAR_SCOPE_ENDPOINT, bus, 28, i);
		}
	}
}

static int expected(const struct forest *t, unsigned bus, unsigned i, int all)
{
	if (t->f_named[bus][i] >= 0)
		return t->f_named[bus][i];
	for (; bus; bus = t->parent[bus])
		if (t->named[bus] >= 0)
			return t->named[bus];
	return all;
}

/* The id that the unit sees is one of those known, or nobody gets it. */
static void check_requester(struct site *s, const struct function *f)
{
	uint16_t sid = function_requester(s->b.m, f);
	const struct iommu_dev *d = dev(f);
	bool known = d->refused;

	for (unsigned i = 0; i < d->pci.nrids; i++)
		known |= d->pci.rids[i].sid == sid;
	assert_true(known);
}

static void check_forest(struct site *s, const struct forest *t, int all)
{
	struct function *f;
	int unit;

	for (unsigned bus = 0; bus < BUSES; bus++)
		for (unsigned i = 0; i < 4; i++) {
			f = t->f[bus][i];
			unit = expected(t, bus, i, all);
			if (unit < 0)
				behind_none(f);
			else
				behind(f, (unsigned)unit);
			check_requester(s, f);
		}
}

static void test_machines_by_chance_against_the_obvious(void **state)
{
	static struct forest t;
	struct site s;
	int all;

	(void)state;
	for (unsigned seed = 1; seed <= 100; seed++) {
		open_site(&s);
		s.b.m->random += seed;
		s.b.m->limit = UINT64_MAX;
		memset(&t, 0, sizeof(t));
		memset(t.named, -1, sizeof(t.named));
		memset(t.f_named, -1, sizeof(t.f_named));
		plant_buses(&s, &t);
		for (unsigned i = 0; i < 3; i++)
			name_some(&s, &t, (int)drhd(&s, 0, false));
		all = seed % 2 ? (int)drhd(&s, 0, true) : -1;
		init(&s);
		groups_make();
		check_forest(&s, &t, all);
		close_site(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_only_what_is_named_without_include_pci_all),
		bench_test(test_bridges_cover_what_is_behind_them),
		bench_test(test_paths_are_followed_through_secondary_buses),
		bench_test(test_include_pci_all_takes_the_rest_of_its_segment),
		bench_test(test_the_nearest_bridge_wins),
		bench_test(test_a_bridge_without_buses_covers_nothing),
		bench_test(test_paths_that_lead_nowhere_are_named),
		bench_test(test_what_is_wrong_is_dropped_alone),
		bench_test(test_a_unit_that_is_listed_twice_is_one_unit),
		bench_test(test_the_33rd_unit_is_refused_and_leaks_nothing),
		bench_test(test_devices_with_reserved_regions_are_refused),
		bench_test(test_machines_by_chance_against_the_obvious),
	};

	return cmocka_run_group_tests_name("scopes", tests, NULL, NULL);
}
