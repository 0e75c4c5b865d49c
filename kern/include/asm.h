/* SPDX-License-Identifier: BSD-2-Clause */
/* For assembler sources. */
#ifndef ASM_H
#define ASM_H

#define ENTRY(name) .globl name; name:

#endif
