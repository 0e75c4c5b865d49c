/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a lock guards changes only while it is held.  The tests run in one
 * thread, so that nothing goes wrong where a lock is missing; here it does.
 */
#include "bench.h"

#define WATCHES	8

/* The first is that of the devices. */
static struct watch {
	struct os_lock *lock;
	const char *name;
	uint64_t (*of)(const void *arg);
	const void *arg;
	uint64_t last;
} watches[WATCHES];
static unsigned nwatches;

static uint64_t mix(uint64_t sum, uint64_t v)
{
	return (sum ^ v) * 0x9e3779b97f4a7c15ull + (sum >> 29);
}

static uint64_t of_devices(const void *arg)
{
	uint64_t sum = iommu.powered;

	(void)arg;
	for_each_device(d) {
		sum = mix(sum, (uintptr_t)d->space);
		sum = mix(sum, (uintptr_t)d->su);
		sum = mix(sum, d->su ? d->su->ats_used : 0);
		sum = mix(sum, (uintptr_t)d->ats_in);
		sum = mix(sum, d->fenced | (unsigned)d->mute << 1);
		sum = mix(sum, d->faults);
		sum = mix(sum, d->window);
		sum = mix(sum, d->in_window);
	}
	return mix(sum, iommu.lost_pages);
}

/* A space's tables: their lock is who changes them (tree_take), who does not
 * wait for the unit meanwhile. */
static void look_at_tree(struct machine *m, const struct happening *h)
{
	const struct iommu_space *s = m->hook_arg;
	static size_t pages;

	if ((h->what == E_FREE || s->table.pages != pages) && !s->changing)
		model_violation(m, "tables change, and nobody has the tree");
	if (h->what == E_RELAX && s->changing)
		model_violation(m, "waiting with the tree");
	pages = s->table.pages;
}

static uint64_t of_unit(const void *arg)
{
	const struct vtd *u = arg;
	uint64_t sum = u->lost_dids;
	const struct context_entry *e;

	for (unsigned i = 0; i < u->ndids / 64; i++)
		sum = mix(sum, u->did_map[i]);
	sum = mix(sum, u->least_did);
	for (unsigned i = 0; i < ARRAY_SIZE(u->irt_used); i++)
		sum = mix(sum, u->irt_used[i]);
	for (unsigned bus = 0; bus < 2; bus++) {
		sum = mix(sum, u->root[bus].lo);
		if (!(u->root[bus].lo & ROOT_P))
			continue;
		e = os_virt(u->root[bus].lo & field_mask(ROOT_CTP));
		for (unsigned i = 0; i < 256; i++)
			sum = mix(mix(sum, e[i].lo), e[i].hi);
	}
	return sum;
}

static uint64_t of_queue(const void *arg)
{
	const struct vtd_queue *q = arg;
	uint64_t sum = mix(q->tail, q->recovered);

	for (unsigned i = 0; q->ring && i < VTD_QUEUE_SIZE; i++)
		sum = mix(mix(sum, q->ring[i].lo), q->ring[i].hi);
	return mix(sum, q->tries);
}

static void watch(struct os_lock *lock, const char *name,
		  uint64_t (*of)(const void *arg), const void *arg)
{
	assert_true(nwatches < WATCHES);
	watches[nwatches++] = (struct watch){
		lock, name, of, arg, of(arg),
	};
}

/* Since the last step. */
static bool was_held(struct machine *m, const struct watch *w,
		     const struct happening *h)
{
	for (unsigned i = 0; i < m->nheld; i++)
		if (m->held[i] == w->lock)
			return true;
	return h->what == E_UNLOCK && h->where == (uintptr_t)w->lock;
}

/* A fence that comes meanwhile must not be undone. */
static bool gives_the_bus(const struct happening *h)
{
	return h->what == E_PCI_WRITE && (h->where & 0xffff) == 4 &&
		h->value & 4;
}

/* But for what the header gets back after a reset. */
static unsigned unlocked_commands;

static void look_at_command(struct machine *m, const struct happening *h)
{
	unsigned resets = 0;

	if (h->what != E_PCI_WRITE || (h->where & 0xffff) != 4 ||
	    was_held(m, &watches[0], h))
		return;
	for (const struct function *f = m->functions; f; f = f->next)
		resets += f->resets;
	if (++unlocked_commands > resets)
		model_violation(m, "a command is written without the lock");
}

/* Commands are given in the unit's turn. */
static uint32_t last_gcmd;

static void look_at_turn(struct machine *m)
{
	const struct vtd *u = vtd_of(m->units[0]);

	if (u->gcmd != last_gcmd && !u->turn.taken)
		model_violation(m, "a command is noted out of turn");
	last_gcmd = u->gcmd;
}

static void look(struct machine *m, const struct happening *h)
{
	struct watch *w;
	uint64_t now;

	if (gives_the_bus(h) && !was_held(m, &watches[0], h))
		model_violation(m, "the bus is given without the lock");
	look_at_command(m, h);
	look_at_turn(m);
	for (w = watches; w < watches + nwatches; w++) {
		now = w->of(w->arg);
		if (now != w->last && !was_held(m, w, h))
			model_violation(m, "%s changes without its lock",
					w->name);
		w->last = now;
	}
}

static void watch_all(struct bench *b)
{
	struct vtd *u = vtd_of(b->u);

	nwatches = unlocked_commands = 0;
	last_gcmd = u->gcmd;
	watch(&iommu.lock, "a device", of_devices, NULL);
	watch(&u->lock, "the unit", of_unit, u);
	watch(&u->queue.lock, "the queue", of_queue, &u->queue);
	b->m->hook = look;
}

static void many_faults(struct process *p, struct function *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		can_read(p, f, VA + 64 * PAGE);
		while (bench_serve())
			;
	}
}

static void an_interrupt(struct function *f)
{
	struct iommu_irq irq;
	uint64_t addr;
	uint32_t data;

	assert_int_equal(iommu_irq_open(dev(f), 0x51, 3, &irq, &addr, &data),
			 0);
	assert_int_equal(iommu_irq_close(&irq), 0);
}

/* What changes, in each way that it can. */
static void changes(struct bench *b, struct process *p, struct process *q)
{
	an_interrupt(b->flr);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b->flr, 0), 0);
	assert_int_equal(process_attach(p, b->af, 0), 0);
	assert_int_equal(process_attach(q, b->plain, 0), 0);
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(iommu_power(true), 0);
	many_faults(p, b->flr, IOMMU_STORM_FAULTS);
	assert_false(function_mastering(b->flr));
	assert_int_equal(iommu_reset(dev(b->flr)), 0);
	assert_int_equal(process_detach(b->flr), 0);
	assert_int_equal(process_attach(q, b->flr, 0), 0);
	assert_int_equal(process_detach(b->af), 0);
	assert_int_equal(process_detach(b->flr), 0);
	assert_int_equal(process_detach(b->plain), 0);
}

static void locked(struct bench *b)
{
	struct process *p = process(b, 7), *q = process(b, 8);

	watch_all(b);
	changes(b, p, q);
	b->m->hook = NULL;
	process_end(q);
	process_end(p);
}

static void run_on(const char *name)
{
	struct bench b;

	bench_open(&b, triple_named(name), WITHOUT_WIRED, 1);
	bench_boot(&b);
	locked(&b);
	bench_close(&b);
}

static void test_nothing_changes_without_its_lock(void **state)
{
	(void)state;
	run_on("qemu");
	run_on("write buffer");
	run_on("caching, registers");
}

static void test_nor_when_the_unit_fails(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	q = process(&b, 8);
	watch_all(&b);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_attach(q, b.plain, 0), 0);
	b.u->trouble.slow_queue = true;
	assert_true(process_unmap(p, VA, 1) < 0);
	assert_true(process_detach(b.flr) < 0);
	assert_true(process_detach(b.plain) < 0);
	nwatches = 1;			/* spaces come to their end */
	process_end(q);
	process_end(p);
	b.m->hook = NULL;
	bench_close(&b);
}

static void test_nor_with_device_tlbs_and_queue_errors(void **state)
{
	struct function *tlb[2];
	struct process *p, *q;
	struct image image;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	for (unsigned i = 0; i < 2; i++)
		tlb[i] = model_function(b.m, 0, 0, 16 + i, 0, FN_ATS | FN_FLR,
					b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&b, &image);
	p = process(&b, 7);
	q = process(&b, 8);
	watch_all(&b);
	assert_int_equal(process_map(p, VA, 2, RW), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(process_attach(p, tlb[i], IOMMU_ATS), 0);
	b.u->trouble.queue_error = FS_IQE;
	b.u->trouble.times = 1;
	assert_int_equal(process_unmap(p, VA, 1), 0);
	assert_int_equal(iommu_reset(dev(tlb[1])), 0);
	tlb[0]->mute = true;
	assert_int_equal(process_unmap(p, VA + PAGE, 1), 0);
	assert_true(dev(tlb[0])->fenced);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(process_detach(tlb[i]), 0);
	b.m->hook = NULL;
	process_end(q);
	process_end(p);
	bench_close(&b);
}

static void gone_for_good(struct machine *m, const struct happening *h)
{
	for (struct function *f = m->functions; f; f = f->next)
		if (f->resets)
			f->back_at = UINT64_MAX;
	look(m, h);
}

static void test_nor_when_a_reset_fails(void **state)
{
	struct process *p, *q;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	q = process(&b, 8);
	watch_all(&b);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	b.m->hook = gone_for_good;
	model_call(b.m);
	assert_true(iommu_reset(dev(b.flr)) < 0);
	(void)pci_function_gone(&dev(b.flr)->pci);	/* a step more, to be looked at */
	b.m->hook = NULL;
	process_end(q);
	process_end(p);
	bench_close(&b);
}

static void goes_on(struct machine *m, const struct happening *h)
{
	if (h->what == E_RELAX)
		m->units[0]->trouble.slow_queue = false;
	look(m, h);
}

static void test_nor_when_the_queue_is_full(void **state)
{
	struct qi_desc inv = inv_iotlb_global();
	struct process *p, *q;
	struct vtd_ticket t;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	bench_boot(&b);
	p = process(&b, 7);
	q = process(&b, 8);
	watch_all(&b);
	b.m->hook = goes_on;
	b.u->trouble.slow_queue = true;
	for (unsigned i = 0; i < VTD_QUEUE_SIZE; i++)
		assert_int_equal(vtd_submit(vtd_of(b.u), &inv, 1, &t), 0);
	assert_false(b.u->trouble.slow_queue);
	assert_int_equal(vtd_wait(vtd_of(b.u), &t), 0);
	b.m->hook = NULL;
	process_end(q);
	process_end(p);
	bench_close(&b);
}

/* Flushes of the spaces' own: what is freed is tables. */
static void test_nor_tables_without_the_tree(void **state)
{
	const struct triple *t = triple_named("5 levels");
	struct triple less = *triple_named("qemu");
	struct iommu_gather g = { 0 };
	struct function *f[2];
	struct process *p;
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	less.cap &= ~(15ull << 34);
	f[0] = model_function(b.m, 0, 0, 16, 0, FN_FLR,
			      model_unit(b.m, 0xfed80000, 0, less.ver,
					 less.cap, less.ecap));
	f[1] = model_function(b.m, 0, 0, 17, 0, FN_FLR,
			      model_unit(b.m, 0xfed81000, 0, t->ver, t->cap,
					 t->ecap));
	bench_boot(&b);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, b.flr, 0), 0);
	assert_int_equal(process_map(p, VA, 1, RW), 0);
	g.space = p->s;
	assert_int_equal(iommu_map(&g, 5 * GIB, GIB, 2ul << 20, RW), 0);
	assert_int_equal(iommu_flush(&g), 0);
	b.m->hook_arg = p->s;
	p->s->changing = true;
	look_at_tree(b.m, &(struct happening){ .what = E_CLOCK });
	p->s->changing = false;
	b.m->hook = look_at_tree;
	assert_int_equal(process_attach(p, f[0], 0), 0);
	assert_int_equal(process_attach(p, f[1], 0), 0);
	assert_int_equal(process_map(p, VA + GIB, 1, RW), 0);
	assert_int_equal(process_unmap(p, VA & -GIB, GIB / PAGE), 0);
	assert_int_equal(process_unmap(p, (VA & -GIB) + GIB, GIB / PAGE), 0);
	b.m->hook = NULL;
	process_end(p);
	bench_close(&b);
}

static void commands_locked(struct machine *m, const struct happening *h)
{
	bool locked = false;

	for (unsigned i = 0; i < m->nheld; i++)
		locked |= m->held[i] == &iommu.lock;
	if (h->what == E_PCI_WRITE && (h->where & 0xffff) == 4 && !locked)
		model_violation(m, "a command is written without the lock");
}

/* From where interrupts can come, and with them fences. */
static void test_nor_commands_at_the_start(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, triple_named("qemu"), WITHOUT_WIRED, 1);
	b.m->hook = commands_locked;
	bench_boot(&b);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_nothing_changes_without_its_lock),
		bench_test(test_nor_when_the_unit_fails),
		bench_test(test_nor_with_device_tlbs_and_queue_errors),
		bench_test(test_nor_when_a_reset_fails),
		bench_test(test_nor_when_the_queue_is_full),
		bench_test(test_nor_tables_without_the_tree),
		bench_test(test_nor_commands_at_the_start),
	};

	return cmocka_run_group_tests_name("locks", tests, NULL, NULL);
}
