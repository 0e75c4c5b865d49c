/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's edu device (its docs/specs/edu.txt) for programs that try what a
 * device can reach: it copies between memory and a buffer of its own.  To learn
 * from, there is user/drv/edu.c.
 */
#ifndef EDU_H
#define EDU_H

#include <drv.h>

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_MOST	4095		/* bytes at once */
#define EDU_DMA_CMD	0x98		/* register; bit 0: busy */
#define EDU_TO_MEMORY	2u		/* else from there */
#define EDU_INTERRUPT	4u		/* when it is done */

/* Begins a copy; how: of the two above. */
void edu_copy(volatile uint8_t *regs, uint64_t addr, uint64_t len,
	      unsigned how);
bool edu_is_copying(volatile uint8_t *regs);
/* Its interrupt has come. */
void edu_acknowledge(volatile uint8_t *regs);

#endif
