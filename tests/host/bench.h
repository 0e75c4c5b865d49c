/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver's tests share: a machine with units and functions, the
 * driver booted on it from a DMAR table that says the same, processes with
 * memory and devices, and devices that attack at every step.
 */
#ifndef BENCH_H
#define BENCH_H

#include "model.h"

#include <dmar.h>
#include "dmar/dmar_test.h"
#include "iommu_impl.h"

/* A unit's registers, as in the capability tables of real ones. */
struct triple {
	uint32_t ver;
	uint64_t cap, ecap;
	const char *name;
};
extern const unsigned ntriples;
const struct triple *triple_at(unsigned n);	/* until the next call */
const struct triple *triple_named(const char *name);

/* One unit and, on bus 0 and behind a bridge on bus 1, functions of each kind;
 * more can be added before bench_boot. */
struct bench {
	struct machine *m;
	struct model_unit *u;
	struct function *plain;		/* 0:2.0, no reset */
	struct function *flr;		/* 1:0.0 */
	struct function *af;		/* 0:4.0 */
	struct function *pm;		/* 0:5.0 */
	struct function *wired;		/* 0:6.0, always masters the bus */
	struct function *wired1;	/* 1:1.0, likewise */
	bool x2apic;			/* ids of its processors */
	unsigned objects;		/* of the driver, when it was idle,
					 * but for those that come and go */
};
enum { WITHOUT_WIRED, WITH_WIRED };

/* iommu_check, a whole line at a time. */
void bench_check(void (*to)(void *arg, const char *line), void *arg);
/* The leaf entry and its size in bytes; 0 if there is none. */
uint64_t bench_leaf(const struct sl_table *t, uint64_t va, size_t *size);
/* Attached in a space. */
unsigned bench_devices(const struct iommu_space *s);

void bench_open(struct bench *b, const struct triple *t, int wired,
		uint64_t seed);
/* A machine with no units and functions yet. */
void bench_bare(struct bench *b, uint64_t seed);
/* Firmware's table from the machine's units and functions, then the driver's
 * start. */
void bench_boot(struct bench *b);
/* The same with a table of the test's own, sealed here. */
void bench_boot_image(struct bench *b, struct image *image);
void bench_init(struct bench *b);		/* up to iommu_start */
/* Nothing is attached: what there is now, there is at the end. */
void bench_idle(struct bench *b);
void bench_table(struct machine *m, struct image *image);
/* iommu_init, with what the tests want to hear. */
extern struct iommu_upper bench_upper;
void bench_table_given(const void *dmar, size_t len);
void bench_add_devices(struct machine *m);
/* As the thread that upper->pending wakes: an event under way arrives first. */
bool bench_serve(void);
/* No violations, no locks held, no memory but what there was when idle. */
void bench_close(struct bench *b);

struct iommu_dev *dev(const struct function *f);
/* Those that processes have, by pid and address; how many, of which the first
 * `max` are stored. */
unsigned attached(struct iommu_device_info *list, unsigned max);
struct vtd *vtd_of(const struct model_unit *u);

/* A process with a space, memory in it, and devices. */
struct process {
	struct process *next;
	struct machine *m;
	struct owner *o;
	struct iommu_space *s;
	int pid;
	bool lost;		/* a unit failed: its memory is not reused */
};
struct process *process(struct bench *b, int pid);
int process_map(struct process *p, uint64_t va, unsigned pages, int prot);
int process_unmap(struct process *p, uint64_t va, unsigned pages);
int process_protect(struct process *p, uint64_t va, unsigned pages, int prot);
/* Another frame at once where there is one: what copy-on-write does. */
int process_replace(struct process *p, uint64_t va, int prot);
int process_attach(struct process *p, struct function *f, unsigned words);
int process_detach(struct function *f);
/* Detaches, unmaps and frees all. */
void process_end(struct process *p);

/* Whether a request of the device gets through, and to the right bytes. */
bool can(struct process *p, struct function *f, uint64_t va, bool write);
bool can_read(struct process *p, struct function *f, uint64_t va);
bool can_write(struct process *p, struct function *f, uint64_t va);

/* Every device that can, at every page of every process and around them. */
void attack(struct machine *m);
/* Between any two steps; or a hook that does less: some device at some page. */
void attack_always(struct bench *b);
void attack_a_little(struct machine *m, const struct happening *h);

/* Runs `scenario` on a booted bench, with attacks between any two steps, for
 * each triple, or that one, under each policy. */
void on_all_triples(void (*scenario)(struct bench *b), int wired);
void on_triple(const char *name, void (*scenario)(struct bench *b), int wired);
/* Says which triple and policy a test failed on. */
int bench_teardown(void **state);
#define bench_test(f)	cmocka_unit_test_setup_teardown(f, NULL, bench_teardown)

/* Position in the trace of the first such happening at or behind `from`;
 * UINT64_MAX: none.  `where` and `value`: masked comparisons. */
uint64_t traced(struct machine *m, uint64_t from, enum event what,
		uint64_t where, uint64_t value_mask, uint64_t value);

#define RW	(IOMMU_READ | IOMMU_WRITE)
#define VA	0x123456000ul		/* above 4 GiB, below 2^36 */
#define PAGE	PGSIZE

#endif
