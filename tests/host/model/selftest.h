/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the model's own tests share: a unit driven by hand, with one function
 * 0:2.0 behind it, a root table, a context table and a page mapped.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "../model.h"

#include <iommu.h>

struct soft {
	struct machine *m;
	struct model_unit *u;
	struct function *f;
	struct owner *o;
	uint64_t *root, *context;
	uint64_t *table[6];	/* by level; [levels] is the top */
	unsigned levels;
	uint8_t *window;	/* its registers, for the services */
	physaddr_t frame;
};

#define DID	5
#define SID	0x10		/* 0:2.0 */
#define AT	0x123456000ul	/* where the frame is mapped */

/* Behaves like a table of all reals: coherent, 4 levels, queue, registers. */
#define PLAIN_CAP	0xd2008c222f0606
#define PLAIN_ECAP	0xf00f4b

/* Translation on, the frame mapped at AT for domain DID, its owner 0:2.0's. */
void soft_open(struct soft *s, uint32_t ver, uint64_t cap, uint64_t ecap);
void soft_open_levels(struct soft *s, unsigned levels, uint32_t ver,
		      uint64_t cap, uint64_t ecap);
void soft_close(struct soft *s);

/* The entry for AT in the table of that level. */
uint64_t *entry(struct soft *s, unsigned level);
uint64_t *context_lo(struct soft *s);
uint64_t *context_hi(struct soft *s);
void set(struct soft *s, uint64_t *e, uint64_t v);	/* and flushed */

void command(struct soft *s, uint32_t bit, bool on);
void queue_on(struct soft *s);
void push(struct soft *s, uint64_t lo, uint64_t hi);	/* and waits */
void drop_all(struct soft *s);		/* global invalidations, by queue */

bool reads(struct soft *s);		/* the device can, at AT */
bool writes(struct soft *s);
/* What was recorded last, taken out of the log; OK: nothing. */
enum reason fault(struct soft *s);

int model_table_tests(void);
int model_cache_tests(void);
int model_queue_tests(void);
int model_register_tests(void);
int model_fault_tests(void);
int model_memory_tests(void);
int model_device_tests(void);
int model_ats_tests(void);
int model_protect_tests(void);

#endif
