/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of devices: vectors and their handlers.  Every message that a
 * device may be told to send, and every I/O APIC entry, is made here.
 */
#ifndef IRQ_H
#define IRQ_H

#include <error.h>
#include <types.h>

/* A handler runs with interrupts off and may not sleep. */
typedef void (*irq_handler)(void *arg);

/* What a message-signalled interrupt writes, and where. */
struct msi_message {
	uint64_t addr;
	uint32_t data;
};

/* A vector of its own for that handler; negative: an error. */
int irq_alloc(irq_handler fn, void *arg, const char *name) must_check;
/* The message by which that device (NULL: a remapping unit itself) raises it:
 * always the same one until the vector is freed. */
struct iommu_dev;
int irq_message(int vector, struct iommu_dev *source,
		struct msi_message *m) must_check;
/* No handler of that vector runs any more, nor will; then the vector is free,
 * unless its unit has failed and might still raise it.  The caller has silenced
 * the source and can sleep. */
void irq_free(int vector);

/* An ISA interrupt through the I/O APIC, to that vector. */
int irq_route_isa(unsigned isa_irq, int vector) must_check;

/* From the trap. */
void irq_dispatch(unsigned vector);
void irq_drained(void);
/* Sources and counts as text, for a file. */
struct text;
void irq_text(struct text *t);

#endif
