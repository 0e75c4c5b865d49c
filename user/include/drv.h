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

/* A function as people write it (B:D.F, B:D:F or S:B:D.F, hexadecimal) as its
 * files and records name it; or why it is none. */
const char *drv_bdf(const char *text, char bdf[BDF_LEN]) must_check;

/* The first function with that vendor and device id, or that class (24 bits),
 * as in #pci.  Whoever finds none is left without a reason in %r. */
int drv_find(uint16_t vendor, uint16_t device, char bdf[BDF_LEN]) must_check;
int drv_find_class(uint32_t class, char bdf[BDF_LEN]) must_check;
/* A field of its configuration space, of 1, 2 or 4 bytes; all ones for what
 * cannot be read, as PCI has it. */
uint32_t drv_config(const char *bdf, unsigned off, unsigned width);
/* The first capability with that id behind `after` (0: of all), or 0. */
unsigned drv_cap(const char *bdf, unsigned id, unsigned after);

/* Gives the function to a process, as eve; words: "" or "unsafe". */
int drv_attach(const char *bdf, int pid, const char *words) must_check;
/* Makes it ours, unless it has been given to us already. */
int drv_take(const char *bdf, const char *words) must_check;
int drv_detach(const char *bdf) must_check;

/* All of a BAR; *len, if not NULL, is its size.  NULL: failed.  Registers,
 * which see each access as it is made; or memory (a BAR that can be
 * prefetched), where writes are combined, and are there after drv_fence. */
volatile void *drv_bar(const char *bdf, unsigned bar, size_t *len) must_check;
volatile void *drv_bar_memory(const char *bdf, unsigned bar,
			      size_t *len) must_check;

/* How many interrupts the function can have, 0: none.  An open interrupt file;
 * and how many interrupts came since the last wait, 0 when none did within that
 * time (milliseconds, -1: for ever).  A note does not end the wait, it may
 * double it; that the device was taken away does. */
unsigned drv_irqs(const char *bdf);
int drv_irq(const char *bdf, unsigned n) must_check;
long drv_wait(int irq, long milliseconds) must_check;
/* Likewise for any of n files, n being at most DRV_MAX_IRQS. */
#define DRV_MAX_IRQS	32
long drv_wait_any(const int *irqs, unsigned n, long milliseconds) must_check;

/* From here on, what the kernel has to say about faults of our devices goes to
 * fd 2 as it comes, and does nothing else. */
void drv_show_faults(void);

/* Zeroed memory that stays present and the process's own, also over fork. */
void *drv_memory(size_t len) must_check;

/* Reads cond until it is true, for so many milliseconds, and then once more, as
 * the processor may have been elsewhere; what it was last. */
#define drv_until(cond, milliseconds) ({				\
	const int64_t end_ = nsec() + (milliseconds) * 1000000l;	\
	bool late_ = false, is_ = (cond);				\
	while (!is_ && !late_) {					\
		late_ = nsec() > end_;					\
		is_ = (cond);						\
	}								\
	is_; })

/* What was stored before is seen before what is stored, and read, after. */
static inline void drv_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The processor's time-stamp counter: much cheaper than nsec(). */
static inline uint64_t drv_ticks(void)
{
	return __builtin_ia32_rdtsc();
}

static inline uint8_t get8(const volatile void *reg)
{
	return *(const volatile uint8_t *)reg;
}

static inline void put8(volatile void *reg, uint8_t v)
{
	*(volatile uint8_t *)reg = v;
}

static inline uint16_t get16(const volatile void *reg)
{
	return *(const volatile uint16_t *)reg;
}

static inline void put16(volatile void *reg, uint16_t v)
{
	*(volatile uint16_t *)reg = v;
}

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
