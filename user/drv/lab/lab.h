/* SPDX-License-Identifier: BSD-2-Clause */
/* lab: what its two halves share. */
#ifndef LAB_H
#define LAB_H

#include <drv.h>
#include <edu.h>

#define LINE_MAX 256

/* memory.c: the frame under a page, or the page over a frame, of a process;
 * 0: none. */
uint64_t frame_of(int pid, uint64_t addr);
uint64_t page_over(int pid, uint64_t frame);

/* A worker: carries out a line a time from fd 0, answers a line on fd 1. */
_Noreturn void worker(void);

/* edudev.c: the edu device that this process owns. */
int edudev_open(void);
/* Starts a transfer between device buffer and memory; looks whether it goes on;
 * waits for its end: -1: no interrupt came. */
void edudev_start(uint64_t addr, unsigned len, bool write);
bool edudev_busy(void);
int edudev_finish(void);
/* A transfer to memory with a fork between its start and its end; fork's. */
int edudev_fork(uint64_t addr);

#endif
