/* SPDX-License-Identifier: BSD-2-Clause */
/* What test_mm.c and test_mm_large.c share: a process with a device, and what that
 * may do; each test strictly and lazily. */
#ifndef MM_CASES_H
#define MM_CASES_H

#include "mm_bench.h"

#include <vtd/table_impl.h>

static inline struct aspace *begin(const char *mode)
{
	open_run(triple_named("qemu"), 1, mode, "4096,1000,4096");
	attach_to(process_at(0), 0);
	return run.p[0].as;
}

static inline bool is_lazy(void)
{
	return quarantine_state().mode.lazy;
}

/* So many of the process's pages wait; none does in strict mode. */
static inline void assert_waits(unsigned n)
{
	assert_int_equal(waits(run.p[0].o), is_lazy() ? n : 0);
}

static inline uint64_t mapped(struct aspace *as, unsigned pages, int flags)
{
	long va = aspace_mmap(as, 0, pages * PAGE, MM_READ | MM_WRITE, flags);

	assert_true(va > 0);
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(aspace_fault(as, (uint64_t)va + i * PAGE,
					      MM_WRITE), 0);
	return (uint64_t)va;
}

/* The entry that its devices come to, and what is under it. */
static inline uint64_t *entry_at(uint64_t va, size_t *size)
{
	uint64_t *table = run.p[0].s->table.top[0];
	unsigned level = SL_LEVELS;

	while (sl_table_under(table[sl_index(va, level)], level)) {
		table = sl_table_under(table[sl_index(va, level)], level);
		level--;
	}
	*size = sl_span(level);
	return &table[sl_index(va, level)];
}

#define LARGE	512u

/* One page of 2 MiB. */
static inline uint64_t large(struct aspace *as)
{
	uint64_t va = mapped(as, LARGE, MM_PINNED);
	size_t size;

	assert_true(sl_present(*entry_at(va, &size)));
	assert_int_equal(size, LARGE * PAGE);
	return va;
}

/* What a device may do at a page of the first process's. */
static inline unsigned may(uint64_t va)
{
	uint64_t v = 0;

	return (model_dma(run.b.m, 0, run.f[0]->sid, va, &v, 8, false) ?
		MM_READ : 0) |
		(model_dma(run.b.m, 0, run.f[0]->sid, va, &v, 8, true) ?
		 MM_WRITE : 0);
}

#define IN_MODE(f, mode)	{ \
	.name = #f "_" mode, .test_func = f, \
	.teardown_func = bench_teardown, .initial_state = (void *)mode }
#define IN_BOTH(f)	IN_MODE(f, "strict"), IN_MODE(f, "lazy")

#endif
