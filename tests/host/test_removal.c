/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that are pulled out at any moment (iommu_attach.c): nothing waits for
 * them for long, nobody else notices, what they had is given back, and what is
 * plugged in in their place comes no further than the port above.
 */
#include "bench.h"

static struct function *port, *out, *other;

static void open_removal(struct bench *b, unsigned kind)
{
	struct image image;

	bench_bare(b, 1);
	b->u = model_unit(b->m, 0xfed90000, 0, 0x10, triple_named("qemu")->cap,
			  triple_named("qemu")->ecap);
	port = model_bridge(b->m, 0, 0, 1, 0, BRIDGE_PORT, 1, 1);
	out = model_function(b->m, 0, 1, 0, 0, kind | FN_MASTERING, b->u);
	model_bridge(b->m, 0, 0, 2, 0, BRIDGE_PORT, 2, 2);
	other = model_function(b->m, 0, 2, 0, 0, kind, b->u);
	bench_table(b->m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(b, &image);
}

static unsigned pulled_in;

static void pull(struct machine *m, const struct happening *h)
{
	if (h->what == E_LOCK || h->what == E_UNLOCK)
		return;
	if (pulled_in && !--pulled_in)
		out->gone = true;
	attack(m);
}

/* Something else is in the slot, which masters the bus by itself. */
static void plug_in(void)
{
	out->gone = false;
	out->config[4] |= 4;
	out->holder = NULL;
	out->nkept = 0;
}

static int run(unsigned op, struct process *p, unsigned words)
{
	switch (op) {
	case 0:
		return process_unmap(p, VA, 1);
	case 1:
		return process_replace(p, VA, RW);
	case 2:
		return process_map(p, VA + 4 * PAGE, 1, RW);
	case 3:
		return process_detach(out);
	case 4:
		assert_int_equal(process_detach(other), 0);
		return process_attach(p, other, words);
	default:
		model_call(p->m);
		(void)!iommu_reset(dev(out));
		return 0;
	}
}

#define OPS 6

/* true: it was pulled before the operation was over. */
static bool pulled_at(unsigned op, unsigned kind, unsigned words,
		      unsigned step)
{
	struct process *p;
	struct bench b;
	bool pulled;

	open_removal(&b, kind);
	p = process(&b, 7);
	assert_int_equal(process_map(p, VA, 3, RW), 0);
	assert_int_equal(process_attach(p, out, words), 0);
	assert_int_equal(process_attach(p, other, words), 0);
	b.u->tells = true;
	pulled_in = step;
	b.m->hook = pull;
	assert_int_equal(run(op, p, words), 0);
	pulled = !pulled_in;
	pulled_in = 0;
	out->gone = true;
	assert_true(vtd_alive(vtd_of(b.u)));
	assert_int_equal(process_unmap(p, VA + PAGE, 1), 0);
	assert_true(can_write(p, other, VA + 2 * PAGE));
	process_end(p);
	assert_int_equal(did_in_use(vtd_of(b.u)), 2);
	plug_in();
	attack(b.m);
	assert_true(vtd_alive(vtd_of(b.u)));
	bench_close(&b);
	return pulled;
}

static void pulled_at_each_step(unsigned kind, unsigned words)
{
	for (unsigned op = 0; op < OPS; op++) {
		unsigned step = 1;

		while (pulled_at(op, kind, words, step))
			step++;
		assert_true(step > 3);
	}
}

static void test_pulled_out_at_each_step(void **state)
{
	(void)state;
	pulled_at_each_step(FN_FLR, 0);
	pulled_at_each_step(FN_PCIE, 0);
}

static void test_with_a_tlb_of_its_own(void **state)
{
	(void)state;
	pulled_at_each_step(FN_FLR | FN_ATS, IOMMU_ATS);
}

/* Pulled before the detach: the port is closed, and it says so. */
static void test_the_port_above_is_closed(void **state)
{
	struct process *p;
	struct bench b;

	(void)state;
	open_removal(&b, FN_FLR);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, out, 0), 0);
	out->gone = true;
	assert_int_equal(process_detach(out), 0);
	assert_false(function_mastering(port));
	assert_true(model_logged(b.m, "1:0.0 is gone; the port above it is "
				 "closed"));
	plug_in();
	assert_false(dma_can_master(out));
	assert_true(process_attach(p, other, 0) == 0);
	process_end(p);
	bench_close(&b);
}

/* Files can still be written about it. */
static void test_what_is_asked_of_one_that_is_gone(void **state)
{
	struct iommu_device_info info;
	struct process *p;
	struct bench b;

	(void)state;
	open_removal(&b, FN_FLR);
	p = process(&b, 7);
	assert_int_equal(process_attach(p, out, 0), 0);
	out->gone = true;
	model_call(b.m);
	assert_true(iommu_reset(dev(out)) < 0);
	assert_string_equal(b.m->error, "does not answer");
	iommu_device_info(dev(out), &info);
	assert_int_equal(info.pid, 7);
	assert_int_equal(iommu_power(false), 0);
	assert_int_equal(iommu_power(true), 0);
	assert_int_equal(process_detach(out), 0);
	assert_true(process_attach(p, out, 0) < 0);
	assert_string_equal(b.m->error, "does not answer");
	process_end(p);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_pulled_out_at_each_step),
		bench_test(test_with_a_tlb_of_its_own),
		bench_test(test_the_port_above_is_closed),
		bench_test(test_what_is_asked_of_one_that_is_gone),
	};

	return cmocka_run_group_tests_name("removal", tests, NULL, NULL);
}
