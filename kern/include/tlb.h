/* SPDX-License-Identifier: BSD-2-Clause */
/* Shootdown of the processors' own TLBs. */
#ifndef TLB_H
#define TLB_H

#include <types.h>

struct aspace;

/* No processor uses old entries for [va, va + len) of that space any more.
 * Interrupts on. */
void tlb_shootdown(struct aspace *as, uintptr_t va, size_t len);
void tlb_interrupt(void);

#endif
