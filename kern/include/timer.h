/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: a clock in nanoseconds since boot, and timers, which call a function
 * in the interrupt of the processor where they were set.
 */
#ifndef TIMER_H
#define TIMER_H

#include <list.h>
#include <types.h>

struct cpu;

uint64_t nsec(void);
void delay_ns(uint64_t ns);		/* spins */

struct timer {
	uint64_t deadline;		/* nanoseconds since boot */
	void (*fn)(void *arg);
	void *arg;
	struct cpu *cpu;		/* where it is set; NULL: it is not */
	struct list link;
};

/* Sets an unset timer on this processor. */
void timer_set(struct timer *t, uint64_t deadline, void (*fn)(void *),
	       void *arg);
/* When this returns, fn neither runs nor will. */
void timer_cancel(struct timer *t);

/* Architecture: */
void clock_init(void);			/* finds the clock's rates */
void timer_interrupt(void);
/* Interrupts off; the next interrupt no later than the first timer and, when
 * not 0, slice_end of this processor. */
void timer_program(void);

#endif
