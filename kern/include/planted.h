/* SPDX-License-Identifier: BSD-2-Clause */
/* A fault on purpose, chosen by plant=NAME on the command line, for the tests
 * of what CONFIG_UBSAN and CONFIG_LOCK_ORDER find; other kernels have none. */
#ifndef PLANTED_H
#define PLANTED_H

#include <config.h>

#if defined(CONFIG_UBSAN) || defined(CONFIG_LOCK_ORDER)
#define PLANTED_WORD	{ "plant", 0 },
void plant_fault(void);
#else
#define PLANTED_WORD
static inline void plant_fault(void)
{
}
#endif

#endif
