/* SPDX-License-Identifier: BSD-2-Clause */
/* lab: what its two halves share. */
#ifndef LAB_H
#define LAB_H

#include <drv.h>

#define LINE_MAX 256

/* A worker: carries out a line a time from fd 0, answers a line on fd 1. */
_Noreturn void worker(void);

/* edudev.c: the edu device that this process owns. */
int edudev_open(void);
/* Starts a transfer between device buffer and memory; then waits for its end:
 * milliseconds, -1: no interrupt came. */
void edudev_start(uint64_t addr, unsigned len, bool write);
int edudev_finish(void);

#endif
