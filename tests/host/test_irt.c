/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts (vtd/irt.c, iommu_irq.c): each comes through an entry of its own,
 * from its device alone, and not after it was closed; nothing else does.
 */
#include "bench.h"

#define VECTOR	0x51
#define APIC	3u

struct line {
	struct iommu_irq irq;
	uint64_t addr;
	uint32_t data;
};

static struct line open_line(struct bench *b, struct function *f, int vector)
{
	struct line l = { .addr = 0xfee00000, .data = (uint32_t)vector };

	model_call(b->m);
	assert_int_equal(iommu_irq_open(dev(f), (uint8_t)vector, APIC, &l.irq,
					&l.addr, &l.data), 0);
	return l;
}

static void close_line(struct bench *b, struct line *l)
{
	model_call(b->m);
	assert_int_equal(iommu_irq_close(&l->irq), 0);
}

static enum reason comes_to(struct bench *b, struct function *f,
			    const struct line *l, uint8_t vector)
{
	struct arrival a = model_message(b->m, f, l->addr, l->data);

	if (!a.reason) {
		assert_int_equal(a.vector, vector);
		assert_int_equal(a.apic, APIC);
	}
	return a.reason;
}

static bool remaps(const struct bench *b)
{
	return b->u->c.ir && b->u->c.qi;
}

static void from_its_device_alone(struct bench *b)
{
	struct line l = open_line(b, b->flr, VECTOR);
	struct line compat = { .addr = 0xfee00000 | APIC << 12, .data = 0x61 };

	if (!remaps(b)) {
		assert_null(l.irq.unit);
		assert_int_equal(l.addr, 0xfee00000);
		assert_int_equal(l.data, VECTOR);
		return;
	}
	assert_int_equal(comes_to(b, b->flr, &l, VECTOR), OK);
	assert_int_equal(comes_to(b, b->af, &l, VECTOR), IR_SOURCE);
	assert_int_equal(comes_to(b, b->flr, &compat, 0x61), IR_BLOCKED);
	for (unsigned i = 1; i < 300; i++) {
		struct line other = l;

		other.data = i;
		assert_int_equal(comes_to(b, b->flr, &other, 0),
				 i < 256 ? IR_ABSENT : IR_INDEX);
	}
	close_line(b, &l);
	assert_int_equal(comes_to(b, b->flr, &l, VECTOR), IR_ABSENT);
	model_call(b->m);
	for (unsigned i = 0; i < 100 && bench_serve(); i++)
		;
}

static void test_each_comes_from_its_device_alone(void **state)
{
	(void)state;
	on_all_triples(from_its_device_alone, WITHOUT_WIRED);
}

/* The next one has the same index, and the unit has the last one cached. */
static void next_at_the_same_index(struct bench *b)
{
	struct line l, next;

	if (!remaps(b))
		return;
	l = open_line(b, b->flr, VECTOR);
	assert_int_equal(comes_to(b, b->flr, &l, VECTOR), OK);
	close_line(b, &l);
	next = open_line(b, b->af, VECTOR + 1);
	assert_int_equal(next.addr, l.addr);
	assert_int_equal(comes_to(b, b->af, &next, VECTOR + 1), OK);
	assert_int_equal(comes_to(b, b->flr, &next, VECTOR), IR_SOURCE);
	close_line(b, &next);
}

static void test_the_next_owner_has_the_entry_alone(void **state)
{
	(void)state;
	on_all_triples(next_at_the_same_index, WITHOUT_WIRED);
}

/* Between any two steps: the old one, the new one or nothing, never a mix. */
static struct {
	struct bench *b;
	struct line l;
	unsigned came, refused;
	bool ended;		/* nothing of the old one may come any more */
} watch;

static void try_always(struct machine *m, const struct happening *h)
{
	enum reason why;

	if (h->what == E_LOCK || h->what == E_UNLOCK || m->nheld)
		return;
	why = comes_to(watch.b, watch.b->flr, &watch.l, VECTOR);
	assert_true(why != IR_RESERVED && why != IR_TABLE);
	assert_false(watch.ended && !why);
	watch.came += !why;
	watch.refused += why != OK;
	why = comes_to(watch.b, watch.b->af, &watch.l, VECTOR + 1);
	assert_true(why != IR_RESERVED && why != IR_TABLE);
}

static void torn(struct bench *b)
{
	struct line next;

	if (!remaps(b))
		return;
	memset(&watch, 0, sizeof(watch));
	watch.b = b;
	watch.l = open_line(b, b->flr, VECTOR);
	b->m->hook = try_always;
	close_line(b, &watch.l);
	watch.ended = true;
	assert_true(watch.came > 0);
	next = open_line(b, b->af, VECTOR + 1);
	close_line(b, &next);
	assert_true(watch.refused > 0);
	b->m->hook = NULL;
}

static void test_no_entry_is_ever_torn(void **state)
{
	(void)state;
	on_triple("qemu", torn, WITHOUT_WIRED);
	on_triple("real unit 22", torn, WITHOUT_WIRED);
}

static void test_the_257th_is_refused(void **state)
{
	static struct line lines[256];
	struct line more = { .addr = 0 };
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		lines[i] = open_line(&b, b.flr, VECTOR);
		assert_int_equal(comes_to(&b, b.flr, &lines[i], VECTOR), OK);
	}
	model_call(b.m);
	assert_true(iommu_irq_open(dev(b.af), VECTOR, APIC, &more.irq,
				   &more.addr, &more.data) < 0);
	assert_string_equal(b.m->error, "unit 0xfed90000 has no interrupt "
			    "entry left of 256");
	close_line(&b, &lines[77]);
	lines[77] = open_line(&b, b.af, VECTOR);
	assert_int_equal(comes_to(&b, b.af, &lines[77], VECTOR), OK);
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		close_line(&b, &lines[i]);
	bench_close(&b);
}

/* One bus's, behind a bridge that keeps or replaces their ids; another's not. */
static void test_behind_bridges(void **state)
{
	struct function *express, *conventional;
	struct line l;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	model_bridge(b.m, 0, 0, 7, 0, BRIDGE_TO_PCI, 4, 4);
	express = model_function(b.m, 0, 4, 1, 0, 0, b.u);
	model_bridge(b.m, 0, 0, 8, 0, BRIDGE_CONVENTIONAL, 5, 5);
	conventional = model_function(b.m, 0, 5, 1, 0, 0, b.u);
	bench_boot(&b);
	l = open_line(&b, express, VECTOR);
	assert_int_equal(comes_to(&b, express, &l, VECTOR), OK);
	assert_int_equal(comes_to(&b, conventional, &l, VECTOR), IR_SOURCE);
	assert_int_equal(comes_to(&b, b.flr, &l, VECTOR), IR_SOURCE);
	close_line(&b, &l);
	l = open_line(&b, conventional, VECTOR);
	assert_int_equal(comes_to(&b, conventional, &l, VECTOR), OK);
	assert_int_equal(comes_to(&b, express, &l, VECTOR), IR_SOURCE);
	close_line(&b, &l);
	bench_close(&b);
}

/* A bridge may also keep the id of what it passes upwards (PCI Express to PCI
 * Bridge 1.0, 2.3): its bus's, whatever the function. */
static void test_behind_a_bridge_that_keeps_ids(void **state)
{
	struct function *bridge, *below;
	struct irt_source from = { .sid = 0x0428, .last = 0x0608 };
	struct line l;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bridge = model_bridge(b.m, 0, 0, 7, 0, BRIDGE_TO_PCI, 4, 4);
	below = model_function(b.m, 0, 4, 1, 0, 0, b.u);
	bench_boot(&b);
	l = open_line(&b, below, VECTOR);
	assert_int_equal(comes_to(&b, below, &l, VECTOR), OK);
	bridge->config[bridge->pcie + 2] = BRIDGE_PORT << 4;
	assert_int_equal(function_requester(b.m, below), below->sid);
	assert_int_equal(comes_to(&b, below, &l, VECTOR), OK);
	assert_int_equal(comes_to(&b, b.flr, &l, VECTOR), IR_SOURCE);
	close_line(&b, &l);
	assert_int_equal(field_get(irt_entry(vtd_of(b.u), &from, VECTOR, APIC,
					     false).hi, IRTE_SID), 0x0406);
	bench_close(&b);
}

static struct triple with_eim(unsigned eim)
{
	struct triple t = *triple_named("qemu");

	t.ecap = (t.ecap & ~(1ul << 4)) | (uint64_t)eim << 4;
	return t;
}

/* 9.10: all 32 bits of a processor's id; 5.1.4: no old formats with it. */
static void test_x2apic_ids(void **state)
{
	struct triple t = with_eim(1);
	struct iommu_irq irq;
	uint64_t addr = 0;
	uint32_t data = 0;
	struct arrival a;
	struct bench b;

	(void)state;
	bench_open(&b, &t, WITHOUT_WIRED, 1);
	b.x2apic = true;
	bench_boot(&b);
	assert_int_equal(iommu_irq_open(dev(b.flr), VECTOR, 0x89abcd01, &irq,
					&addr, &data), 0);
	a = model_message(b.m, b.flr, addr, data);
	assert_int_equal(a.reason, OK);
	assert_int_equal(a.apic, 0x89abcd01);
	assert_int_equal(model_message(b.m, b.flr, 0xfee00000, VECTOR).reason,
			 IR_BLOCKED);
	assert_int_equal(iommu_irq_close(&irq), 0);
	bench_close(&b);
}

/* VT-d 8.1; then processors stay in the mode that all can address. */
static void test_no_x2apic_ids_where_firmware_or_a_unit_forbids(void **state)
{
	struct image image;
	struct bench b;

	(void)state;
	for (unsigned opt_out = 0; opt_out < 2; opt_out++) {
		struct triple t = with_eim(opt_out);

		bench_open(&b, &t, WITHOUT_WIRED, 1);
		bench_table(b.m, &image);
		image.bytes[37] |= (uint8_t)(opt_out << 1);
		bench_boot_image(&b, &image);
		assert_true(iommu_x2apic() < 0);
		assert_false(vtd_of(b.u)->x2apic);
		bench_close(&b);
	}
}

/* A unit that fails meanwhile may go on using the entry: it is lost. */
static void test_a_unit_that_fails_keeps_the_entry(void **state)
{
	struct bench b;
	struct line l;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	l = open_line(&b, b.flr, VECTOR);
	b.u->trouble.slow_queue = true;
	model_call(b.m);
	assert_true(iommu_irq_close(&l.irq) < 0);
	assert_true(vtd_of(b.u)->irt_used[0] & 1);
	model_call(b.m);
	assert_true(iommu_irq_open(dev(b.af), VECTOR, APIC, &l.irq, &l.addr,
				   &l.data) < 0);
	bench_close(&b);
}

static struct iommu_fault told;
static void *told_to;
static unsigned times_told;

static void hear(void *owner, const struct iommu_fault *f)
{
	told = *f;
	told_to = owner;
	times_told++;
}

static void test_a_fault_names_the_entry(void **state)
{
	struct bench b;
	struct line l;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_upper.fault = hear;
	bench_boot(&b);
	l = open_line(&b, b.flr, VECTOR);
	l.data = 7;
	assert_int_equal(comes_to(&b, b.flr, &l, VECTOR), IR_ABSENT);
	model_call(b.m);
	assert_true(bench_serve());
	assert_string_equal(told.access, "interrupt");
	assert_int_equal(told.addr, 7);
	assert_int_equal(told.reason, 0x22);
	assert_int_equal(told.sid, b.flr->sid);
	assert_true(model_logged(b.m, "interrupt 0x7: interrupt entry not "
				 "present (reason 0x22)"));
	bench_upper.fault = NULL;
	l.data = 0;
	close_line(&b, &l);
	bench_close(&b);
}

static void report(struct bench *b, unsigned why, unsigned index)
{
	fault_report(b->u, why, b->flr->sid, (uint64_t)index << 48, true);
	model_call(b->m);
	assert_true(bench_serve());
}

/* VT-d 5.1.4.1: they come to the device's owner as those of DMA do, and count
 * towards a storm. */
static void test_faults_reach_the_owner(void **state)
{
	struct iommu_device_info info;
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_upper.fault = hear;
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	times_told = 0;
	for (unsigned why = IR_REQUEST; why <= IR_SOURCE; why++) {
		unsigned index = why == IR_INDEX ? 0xffff : why;

		report(&b, why, index);
		assert_int_equal(times_told, why - IR_REQUEST + 1);
		assert_ptr_equal(told_to, p);
		assert_int_equal(told.pid, 7);
		assert_int_equal(told.sid, b.flr->sid);
		assert_string_equal(told.access, "interrupt");
		assert_int_equal(told.reason, why);
		assert_int_equal(told.addr, index);
	}
	assert_true(model_logged(b.m, "iommu: fault: 1:0.0 interrupt 0x26: "
				 "interrupt from another source (reason 0x26), "
				 "pid 7"));
	for (unsigned i = 0; i < IOMMU_STORM_FAULTS; i++)
		report(&b, IR_ABSENT, 0);
	iommu_device_info(dev(b.flr), &info);
	assert_true(info.fenced && info.faults == 7 + IOMMU_STORM_FAULTS);
	assert_false(function_mastering(b.flr));
	bench_upper.fault = NULL;
	process_end(p);
	bench_close(&b);
}

static void test_an_io_apic_by_its_scope(void **state)
{
	const uint8_t path[] = { 0x1e, 7 };
	struct iommu_irq irq;
	struct image image;
	struct bench b;
	uint64_t entry = 0x31;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	image_start(&image);
	put_drhd(&image, 1, 0xfed90000);
	put_scope(&image, 3, 0xf0, 1, path);
	image_seal(&image);
	model_call(b.m);
	bench_table_given(image.bytes, image.len);
	bench_add_devices(b.m);
	iommu_start(true);
	assert_int_equal(iommu_irq_open_ioapic(8, 0x31, 0, false, &irq, &entry),
			 0);
	assert_null(irq.unit);
	assert_int_equal(entry, 0x31);
	assert_int_equal(iommu_irq_open_ioapic(103, 0x31, 2, true, &irq, &entry),
			 0);
	assert_non_null(irq.unit);
	assert_int_equal(entry, 1ul << 48 | (uint64_t)irq.index << 49 | 0x31);
	assert_int_equal(irq.unit->irt[irq.index].lo,
			 1 | 1 << 4 | 0x31 << 16 | 2ul << 40);
	assert_int_equal(irq.unit->irt[irq.index].hi, 1 << 18 | 0xf0f7);
	assert_int_equal(iommu_irq_close(&irq), 0);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_each_comes_from_its_device_alone),
		bench_test(test_the_next_owner_has_the_entry_alone),
		bench_test(test_no_entry_is_ever_torn),
		bench_test(test_the_257th_is_refused),
		bench_test(test_behind_bridges),
		bench_test(test_behind_a_bridge_that_keeps_ids),
		bench_test(test_x2apic_ids),
		bench_test(test_no_x2apic_ids_where_firmware_or_a_unit_forbids),
		bench_test(test_a_unit_that_fails_keeps_the_entry),
		bench_test(test_a_fault_names_the_entry),
		bench_test(test_faults_reach_the_owner),
		bench_test(test_an_io_apic_by_its_scope),
	};

	return cmocka_run_group_tests_name("interrupts", tests, NULL, NULL);
}
