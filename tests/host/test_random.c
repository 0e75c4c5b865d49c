/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations by chance: processes come and go, map, narrow, replace and unmap,
 * devices are attached, detached, reset and moved, power goes off and on,
 * faults are served, and at every step every device attacks.  After each, what
 * should get through does, and what should not has been watched all the time.
 * On two units of different kinds.  SEED and OPS say where to begin and how
 * long; a seed that fails is printed and gives the same run again.
 */
#include "bench.h"

#define PROCESSES	4
#define FUNCTIONS	9
#define PAGES		12u

struct run {
	struct bench b;
	struct process *p[PROCESSES];
	struct function *f[FUNCTIONS];
	int pid;
};

static unsigned chance(struct run *r, unsigned n)
{
	return model_random(r->b.m, n);
}

static struct process *some_process(struct run *r)
{
	struct process **p = &r->p[chance(r, PROCESSES)];

	if (!*p)
		*p = process(&r->b, ++r->pid);
	return *p;
}

static struct function *some_function(struct run *r)
{
	return r->f[chance(r, FUNCTIONS)];
}

/* Pages here and there, some beside each other, over two tables. */
static uint64_t some_address(struct run *r)
{
	return VA + (1ul << 21) * chance(r, 2) + chance(r, PAGES) * PAGE;
}

static int some_rights(struct run *r)
{
	return 1 + (int)chance(r, 3);
}

static bool has(struct process *p, uint64_t va)
{
	return owner_find(p->o, va) != NULL;
}

static void do_map(struct run *r)
{
	struct process *p = some_process(r);
	uint64_t va = some_address(r);
	unsigned n = 1;

	while (n < 4 && !has(p, va + n * PAGE) && chance(r, 2))
		n++;
	if (has(p, va))
		assert_int_equal(process_replace(p, va, some_rights(r)), 0);
	else
		assert_int_equal(process_map(p, va, n, some_rights(r)), 0);
}

static void do_unmap(struct run *r)
{
	struct process *p = some_process(r);

	assert_int_equal(process_unmap(p, some_address(r), 1 + chance(r, 5)),
			 0);
}

static void do_protect(struct run *r)
{
	struct process *p = some_process(r);

	assert_int_equal(process_protect(p, some_address(r), 1 + chance(r, 5),
					 some_rights(r)), 0);
}

static void do_attach(struct run *r)
{
	struct function *f = some_function(r);
	int err = process_attach(some_process(r), f, IOMMU_UNSAFE);

	if (err)
		assert_true(f->holder || !iommu_powered());
}

static void do_detach(struct run *r)
{
	struct function *f = some_function(r);
	bool attached = f->holder;

	assert_int_equal(process_detach(f), attached ? 0 : -1);
}

static void do_reset(struct run *r)
{
	model_call(r->b.m);
	assert_int_equal(iommu_reset(dev(some_function(r))), 0);
}

static void do_power(struct run *r)
{
	model_call(r->b.m);
	assert_int_equal(iommu_power(false), 0);
	if (chance(r, 2))
		do_unmap(r);
	if (chance(r, 2))
		do_detach(r);
	model_call(r->b.m);
	assert_int_equal(iommu_power(true), 0);
}

static void do_end(struct run *r)
{
	unsigned i = chance(r, PROCESSES);

	if (r->p[i])
		process_end(r->p[i]);
	r->p[i] = NULL;
}

/* There are always more of them: devices attack meanwhile. */
static void do_faults(struct run *r)
{
	model_call(r->b.m);
	for (unsigned i = 0; i < 10 && iommu_service_faults(); i++)
		;
}

static void do_post(struct run *r)
{
	struct function *f = some_function(r);

	if (f->holder && f->holder->n)
		model_dma_posted(r->b.m, f->segment, f->sid,
				 f->holder->list[0].va, chance(r, 2));
}

static void (*const operations[])(struct run *r) = {
	do_map, do_map, do_map, do_unmap, do_unmap, do_protect, do_attach,
	do_attach, do_attach, do_detach, do_post, do_post, do_end, do_reset,
	do_power, do_faults, do_faults,
};

/* Each device of each process gets at each page what it may, no more. */
static void check_all(struct run *r)
{
	struct mapping *e;
	struct process *p;

	for (unsigned i = 0; i < FUNCTIONS * PROCESSES; i++) {
		p = r->p[i % PROCESSES];
		if (!p || r->f[i / PROCESSES]->holder != p->o ||
		    dev(r->f[i / PROCESSES])->fenced)
			continue;
		for (unsigned k = 0; k < p->o->n; k++) {
			e = &p->o->list[k];
			assert_int_equal(can_read(p, r->f[i / PROCESSES],
						  e->va), e->is_rights & 1);
			assert_int_equal(can_write(p, r->f[i / PROCESSES],
						   e->va), e->is_rights >> 1);
		}
	}
}

static void open_run(struct run *r, uint64_t seed)
{
	static const unsigned kinds[] = {
		FN_FLR, FN_AF, FN_PM | FN_PCIE, FN_FLR | FN_PM, FN_PCIE,
	};
	const struct triple *t = triple_at((unsigned)seed % ntriples);
	struct triple first = *t, second;
	struct model_unit *other;

	*r = (struct run){ .pid = 10 };
	second = *triple_at((unsigned)(seed * 31 + 7) % ntriples);
	bench_open(&r->b, &first, WITHOUT_WIRED, seed);
	other = model_unit(r->b.m, 0xfed80000, 0, second.ver, second.cap,
			   second.ecap);
	r->f[0] = r->b.flr, r->f[1] = r->b.af;
	r->f[2] = r->b.pm, r->f[3] = r->b.plain;
	for (unsigned i = 4; i < FUNCTIONS; i++) {
		r->f[i] = model_function(r->b.m, 0, 0, 10 + i, 0,
					 kinds[i - 4], i % 2 ? other : r->b.u);
		r->f[i]->drains = chance(r, 4);
	}
	r->b.m->policy.latency = chance(r, 6);
	r->b.m->policy.keep = chance(r, 3);
	r->b.m->policy.leave = chance(r, 3);
	r->b.u->collapse = chance(r, 2);
	bench_boot(&r->b);
	r->b.m->hook = attack_a_little;
}

static void one_run(uint64_t seed, unsigned ops)
{
	static char label[60];
	struct run r;

	open_run(&r, seed);
	snprintf(label, sizeof(label), "SEED=%lu OPS=%u", seed, ops);
	r.b.m->label = label;
	for (unsigned i = 0; i < ops; i++) {
		operations[chance(&r, ARRAY_SIZE(operations))](&r);
		if (r.b.m->violations)
			break;
		check_all(&r);
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		if (r.p[i])
			process_end(r.p[i]);
	assert_true(r.b.m->accesses > ops);
	bench_close(&r.b);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

static void test_operations_by_chance(void **state)
{
	uint64_t seed = setting("SEED", 1);
	uint64_t ops = setting("OPS", 0);

	(void)state;
	if (ops)
		one_run(seed, (unsigned)ops);
	for (unsigned i = 0; i < 2 * ntriples && !ops; i++)
		one_run(seed + i, 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_operations_by_chance),
	};

	return cmocka_run_group_tests_name("chance", tests, NULL, NULL);
}
