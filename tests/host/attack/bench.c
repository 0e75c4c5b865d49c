/* SPDX-License-Identifier: BSD-2-Clause */
/* An attacker, a victim, and the machine they are on. */
#include "attack.h"

struct bench b;
struct process *me, *victim;
uint64_t heard;
bool lazily;

static void hear(void *owner, const struct iommu_fault *f)
{
	(void)owner;
	heard |= 1ull << f->reason;
}

/* What the memory manager keeps for the attacker. */
static struct quarantine waiting;

static void let_go(struct quarantine *q, bool lost)
{
	physaddr_t frames[8];
	unsigned n;

	me->lost |= lost;
	if (lost || !q->pages)
		return;
	n = owner_drop_late(me->o, frames);
	assert_in_range(n, 1, ARRAY_SIZE(frames));
	while (n)
		frame_free(b.m, frames[--n]);
}

static int give_up_lazily(uint64_t va, unsigned pages)
{
	struct mapping *e;
	unsigned n = 0;

	waiting.gather.space = me->s;
	for (unsigned i = 0; i < me->o->n; i++) {
		e = &me->o->list[i];
		if (e->va - va >= pages * PAGE)
			continue;
		owner_plan(me->o, e->va, 0, 0);
		e->late = true;
		n++;
	}
	model_call(b.m);
	assert_int_equal(iommu_keep(&waiting.gather, va, pages * PAGE, 0), 0);
	return quarantine_add(&waiting, n);
}

int give_up(uint64_t va, unsigned pages)
{
	return lazily ? give_up_lazily(va, pages) :
		process_unmap(me, va, pages);
}

int end_of_waiting(void)
{
	model_call(b.m);
	return quarantine_flush(&waiting, QUARANTINE_OTHER);
}

void open_bench(const char *triple, int wired)
{
	const struct quarantine_mode mode = {
		.lazy = lazily, .pages = 100, .ms = 10, .share = 100,
	};

	heard = 0;
	waiting = (struct quarantine){ .let_go = let_go };
	list_init(&waiting.link);
	bench_upper.fault = hear;
	bench_open(&b, triple_named(triple), wired, 1);
	quarantine_set(&mode);
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
