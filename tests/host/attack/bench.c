/* SPDX-License-Identifier: BSD-2-Clause */
/* An attacker, a victim, and the machine they are on. */
#include "attack.h"

struct bench b;
struct process *me, *victim;
uint64_t heard;

static void hear(void *owner, const struct iommu_fault *f)
{
	(void)owner;
	heard |= 1ull << f->reason;
}

void open_bench(const char *triple, int wired)
{
	heard = 0;
	bench_upper.fault = hear;
	bench_open(&b, triple_named(triple), wired, 1);
}

/* Both have memory at VA, and the victim at another address, too. */
void processes(void)
{
	me = process(&b, 7);
	victim = process(&b, 8);
	assert_int_equal(process_map(me, VA, 2, RW), 0);
	assert_int_equal(process_map(victim, VA, 1, RW), 0);
	assert_int_equal(process_map(victim, THEIRS, 1, RW), 0);
}

void start(const char *triple, int wired)
{
	open_bench(triple, wired);
	bench_boot(&b);
	processes();
}

bool reaches(struct function *f, uint64_t va, bool write)
{
	uint64_t v = 0x6666666666666666;

	return model_dma(b.m, f->segment, f->sid, va, &v, sizeof(v), write);
}

/* The attacker owns the device, and its unit has the pages cached. */
void own(struct function *f, unsigned words)
{
	assert_int_equal(process_attach(me, f, words), 0);
	assert_true(can_write(me, f, VA));
	assert_true(can_write(me, f, VA + PAGE));
}

void start_with_device(void)
{
	start("qemu without caching mode", WITHOUT_WIRED);
	own(b.flr, 0);
}

/* Between any two steps of the driver, that device at that address. */
static struct {
	struct function *f;
	uint64_t va;
} busy;

static void go_on(struct machine *m, const struct happening *h)
{
	uint64_t v = 0;

	if (h->what != E_LOCK && h->what != E_UNLOCK)
		model_dma(m, busy.f->segment, busy.f->sid, busy.va, &v,
			  sizeof(v), true);
}

void writes_always(struct function *f, uint64_t va)
{
	busy.f = f;
	busy.va = va;
	b.m->hook = go_on;
}

void serve(void)
{
	model_call(b.m);
	for (unsigned i = 0; i < 1000 && bench_serve(); i++)
		;
}
