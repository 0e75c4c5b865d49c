/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the port share beside the services of iommu_os.h. */
#ifndef BARE_H
#define BARE_H

#include <iommu_os.h>

#define REGISTERS	0xc0000000ul	/* mapped uncached from here on */
#define MAPPED		0x100000000ul	/* and all up to here */

#define PORT(bits, suffix)						\
static inline uint##bits##_t in##bits(uint16_t port)			\
{									\
	uint##bits##_t v;						\
									\
	__asm__ volatile("in" suffix " %1, %0" : "=a"(v) : "Nd"(port));	\
	return v;							\
}									\
static inline void out##bits(uint16_t port, uint##bits##_t v)		\
{									\
	__asm__ volatile("out" suffix " %0, %1" : : "a"(v), "Nd"(port)); \
}
PORT(8, "b")
PORT(16, "w")
PORT(32, "l")

void os_init(void);			/* clock and interrupts */
/* A line on the serial port. */
void print(const char *before, const char *fmt, va_list args);
/* The compiler calls them, too. */
void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);

#endif
