/* SPDX-License-Identifier: BSD-2-Clause */
/* Access to user memory (arch.h): what traps and processor set-up know. */
#ifndef UACCESS_H
#define UACCESS_H

#include <types.h>

extern bool uaccess_has_smap;

/* Whether a fault at rip is user_copy's; then where it goes on. */
bool uaccess_fixup(uint64_t *rip);

#endif
