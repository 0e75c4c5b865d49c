/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's memory manager above the driver on the model (mm/mm.h):
 * processes with devices, and what their devices may touch.
 *
 * That is noted where the memory manager tells the driver: what iommu_store adds
 * at once, what it takes away once the flush of the same gather has completed.  And a frame that the allocator gets back is a stranger's at once,
 * and may be known to no unit, nor to a processor.
 */
#ifndef MM_BENCH_H
#define MM_BENCH_H

#include "bench.h"
#include "mm/mm.h"

#include <quarantine.h>

#define PROCS		3
#define CHILDREN	2
#define DEVICES		3
#define MAPS		12u
#define FRAMES		3000u
#define PENDING		4096u
#define USER		0x100000000ul

struct map {
	uint64_t va;
	unsigned pages;		/* 0: none */
};

struct mm_process {
	struct aspace *as;
	struct mm_proc *proc;
	struct owner *o;
	struct iommu_space *s;	/* while it has devices */
	struct map maps[MAPS];
	unsigned devices;
};

struct mm_run {
	struct bench b;
	struct mm_process p[PROCS];
	struct aspace *child[CHILDREN];
	struct map touched[CHILDREN];	/* a mapping that it has */
	struct function *f[DEVICES];
	struct mm_process *has[DEVICES];
	struct owner *giving;	/* who gets the frames that are given now */
	int pid;
	/* Changes that wait for the flush of their gather. */
	struct {
		const struct iommu_gather *g;
		struct owner *o;
		uint64_t va;
	} pending[PENDING];
	unsigned npending;
	bool flush_fails;	/* a unit has failed */
	const struct iommu_space *storing;	/* who is in iommu_store */
	void (*in_shootdown)(void);	/* another thread, once */
	void (*in_flush)(void);		/* likewise, before the units' */
	uint64_t waited;	/* operations after which pages waited */
	struct quarantine_state ended;	/* when it was closed */
	size_t lost;		/* likewise: frames, and tables */
	/* A device has been taken away, and is still there. */
	void (*goes_on)(struct mm_process *p);
};
extern struct mm_run run;

static inline unsigned chance(unsigned n)
{
	return model_random(run.b.m, n);
}

/* The mode as on the command line. */
void open_run(const struct triple *like, uint64_t seed, const char *mode,
	      const char *bounds);
void close_run(void);			/* all is free again */

struct mm_process *process_at(unsigned slot);
void attach_to(struct mm_process *p, unsigned device);
void drop_device(unsigned device);
void end(struct mm_process *p);
void end_child(unsigned i);
/* Pages that it has unmapped, and whose flush has not been. */
unsigned waits(const struct owner *o);

#endif
