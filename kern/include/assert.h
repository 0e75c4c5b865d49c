/* SPDX-License-Identifier: BSD-2-Clause */
/* For our own invariants alone; never for what hardware, firmware or users
 * can cause. */
#ifndef ASSERT_H
#define ASSERT_H

#include <types.h>

noreturn void panic(const char *fmt, ...) printf_like(1, 2);

#define assert(cond) \
	((cond) ? (void)0 : panic("%s:%d: not so: %s", __FILE__, __LINE__, #cond))

#endif
