/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often threads meet at a lock: 1, 2, 4 and 8 of them, each with a space
 * and a device of its own behind one unit, map and unmap a page again and
 * again.  A line for each: the locks taken per operation, and how many of them
 * another thread had just then (hand-overs).  With threads no two runs are the
 * same, and on few processors few locks are met taken; that the driver holds
 * none while it waits is checked at each wait (threads_os.c).
 */
#include "../threads_os.h"

#include <pthread.h>

#define THREADS_MAX	8u
#define ROUNDS		2000u

static struct worker {
	struct function *f;
	struct iommu_space *s;
	physaddr_t frame;
	pthread_t thread;
} workers[THREADS_MAX];

static struct bench b;

static void good(int err)
{
	if (!err)
		return;
	fprintf(stderr, "handover: %s\n", threads_error());
	exit(1);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct iommu_gather g = { .space = w->s };

		good(iommu_map(&g, VA, w->frame, PAGE, RW));
		good(iommu_flush(&g));
		good(iommu_keep(&g, VA, PAGE, 0));
		good(iommu_flush(&g));
	}
	return NULL;
}

static void boot(void)
{
	struct owner *o = owner_new("all of them");
	struct worker *w;

	bench_open(&b, triple_named("qemu without caching mode"),
		   WITHOUT_WIRED, 1);
	for (w = workers; w < workers + THREADS_MAX; w++)
		w->f = model_function(b.m, 0, 0, 16 + (unsigned)(w - workers),
				      0, FN_PCIE, b.u);
	b.m->limit = UINT64_MAX;
	b.m->threads = true;
	b.m->relax_ns = 2000000;
	b.m->policy.keep = KEEP_NOTHING;
	bench_boot(&b);
	for (w = workers; w < workers + THREADS_MAX; w++) {
		w->f->holder = o;
		w->frame = frame_alloc(b.m, o);
		w->s = iommu_space_create(w, 7, 1, dev(w->f));
		good(w->s ? 0 : -1);
		good(iommu_attach(dev(w->f), w->s, IOMMU_UNSAFE));
	}
}

static void run(unsigned n)
{
	struct threads_locks before = threads_locks(), after;
	double operations = (double)n * ROUNDS;

	for (unsigned i = 0; i < n; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	for (unsigned i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
	after = threads_locks();
	printf("%-10u %12.0f %14.2f %12.3f\n", n, operations,
	       (double)(after.taken - before.taken) / operations,
	       (double)(after.met - before.met) / operations);
}

int main(void)
{
	boot();
	printf("\n%-10s %12s %14s %12s\n", "threads", "unmaps", "locks/unmap",
	       "hand-overs");
	for (unsigned n = 1; n <= THREADS_MAX; n *= 2)
		run(n);
	for (unsigned i = 0; i < THREADS_MAX; i++) {
		good(iommu_detach(dev(workers[i].f)));
		good(iommu_space_destroy(workers[i].s));
	}
	bench_close(&b);
	return 0;
}
