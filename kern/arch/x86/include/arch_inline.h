/* SPDX-License-Identifier: BSD-2-Clause */
/* What arch.h asks of this processor and takes an instruction or two. */
#ifndef ARCH_INLINE_H
#define ARCH_INLINE_H

#include <lockorder.h>
#include <x86.h>

/* Whether they were on. */
static inline bool irq_disable(void)
{
	bool on = read_rflags() & RFLAGS_IF;

	irq_off();
	return on;
}

static inline void irq_enable(void)
{
	lock_irqs_on(CALLER);
	irq_on();
}

/* Inside a spinning loop. */
static inline void cpu_pause(void)
{
	cpu_relax();
}

#endif
