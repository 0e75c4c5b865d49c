/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a user-level driver needs beside lib.h: finding its device, getting it,
 * its registers, its interrupts, and memory for DMA.  A device sees the
 * driver's own memory at the driver's own addresses.
 *
 * Functions that return int give -1 when they failed; %r says why.
 */
#ifndef DRV_H
#define DRV_H

#include <lib.h>

#define BDF_LEN 16

/* The first function with that vendor and device id, as in #pci. */
int drv_find(uint16_t vendor, uint16_t device, char bdf[BDF_LEN]) must_check;
/* Gives the function to a process, as eve; words: "" or "unsafe". */
int drv_attach(const char *bdf, int pid, const char *words) must_check;
int drv_detach(const char *bdf) must_check;

/* All of a BAR; *len, if not NULL, is its size.  NULL: failed. */
volatile void *drv_bar(const char *bdf, unsigned bar, size_t *len) must_check;
/* An open interrupt file; and how many interrupts came since the last wait,
 * 0 when none did within that time (milliseconds, -1: for ever). */
int drv_irq(const char *bdf, unsigned n) must_check;
long drv_wait(int irq, long milliseconds) must_check;

/* Zeroed memory that stays present and the process's own, also over fork. */
void *drv_memory(size_t len) must_check;

static inline uint32_t get32(const volatile void *reg)
{
	return *(const volatile uint32_t *)reg;
}

static inline void put32(volatile void *reg, uint32_t v)
{
	*(volatile uint32_t *)reg = v;
}

static inline uint64_t get64(const volatile void *reg)
{
	return *(const volatile uint64_t *)reg;
}

static inline void put64(volatile void *reg, uint64_t v)
{
	*(volatile uint64_t *)reg = v;
}

#endif
