/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that the DMAR parser, one unit's driver (arch/x86/vtd/), the unit and
 * space layer (arch/x86/iommu*.c) and what these know of PCI (pci_function.h)
 * ask of the system that they live in: twenty functions.  The kernel's are in arch/x86/os.c, the host tests' in
 * tests/host/model_os.c; the driver's sources are the same in both.  A system
 * may have those that are better not called in an iommu_os_inline.h.
 */
#ifndef IOMMU_OS_H
#define IOMMU_OS_H

#include <types.h>

#if __has_include(<iommu_os_inline.h>)
#include <iommu_os_inline.h>
#else
physaddr_t os_phys(const volatile void *p);	/* of memory from os_alloc */
void *os_virt(physaddr_t pa);			/* and back */
/* One 64-bit store of a table entry that hardware may be reading, behind all
 * earlier stores. */
void os_store(uint64_t *entry, uint64_t v);
/* Writes the cache lines of [p, p + len) back to memory and waits for it. */
void os_flush(const volatile void *p, size_t len);
/* A line of several, the last of which os_flush() gets, and waits for all. */
static inline void os_flush_line(const volatile void *p)
{
	os_flush(p, sizeof(uint64_t));
}
#endif

/* os_fill(): n entries, of which there are some, become v, v + step and so on.
 * With `flush` each line is written back once its last is stored; the last
 * entries, which may lie in two lines, wait for all. */
#define OS_LINE	8		/* entries in a line of the cache */
inlined void os_fill_line(uint64_t *e, uint64_t v, uint64_t step)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < OS_LINE; i++, v += step)
		os_store(&e[i], v);
}

inlined void os_fill_lines(uint64_t *e, size_t lines, uint64_t v, uint64_t step,
			   bool flush)
{
#pragma GCC unroll 4
	for (; lines; lines--, e += OS_LINE, v += OS_LINE * step) {
		os_fill_line(e, v, step);
		if (flush)
			os_flush_line(e);
	}
}

inlined void os_fill(uint64_t *e, size_t n, uint64_t v, uint64_t step,
		     bool flush)
{
	size_t lines = (n - 1) / OS_LINE;

	if (lines && flush)
		os_fill_lines(e, lines, v, step, true);
	else if (lines)
		os_fill_lines(e, lines, v, step, false);
	e += lines * OS_LINE;
	v += lines * OS_LINE * step;
	n -= lines * OS_LINE;
	if (n == OS_LINE)
		os_fill_line(e, v, step);
	else
		for (size_t i = 0; i < n; i++, v += step)
			os_store(&e[i], v);
	if (flush)
		os_flush(e, n * sizeof(*e));
}

/* Memory: zeroed, aligned to its size up to a page; NULL: none left.  Tables
 * that hardware walks come from here too. */
void *os_alloc(size_t size);
void os_free(void *p, size_t size);

/* Device registers, uncached: one access of just that width, in program
 * order with other register accesses and behind earlier stores to memory. */
void *os_map_regs(physaddr_t pa, size_t len);	/* NULL: cannot be had */
uint32_t os_read32(const volatile void *reg);
uint64_t os_read64(const volatile void *reg);
void os_write32(volatile void *reg, uint32_t v);
void os_write64(volatile void *reg, uint64_t v);

uint64_t os_clock(void);	/* nanoseconds, monotonic */
void os_relax(void);		/* inside a polling loop; does not sleep */

/* Mutual exclusion that excludes interrupt handlers too; not recursive. */
struct os_lock {
	uint64_t opaque[4];
};
void os_lock(struct os_lock *l);	/* all zero: open */
void os_unlock(struct os_lock *l);

/* os_hold(&lock): locked from here to the end of the block, however that is
 * left; what a return gives is read before. */
#define os_hold(l)	os_hold_as(l, __COUNTER__)
#define os_hold_as(l, n) os_hold_named(l, n)
#define os_hold_named(l, n)						\
	__attribute__((cleanup(os_held_end), unused))			\
	struct os_lock *held_##n = os_held(l)
static inline struct os_lock *os_held(struct os_lock *l)
{
	os_lock(l);
	return l;
}

static inline void os_held_end(struct os_lock **l)
{
	os_unlock(*l);
}

/* A turn may last as long as a wait for hardware, which a lock must not.  For
 * threads; whoever comes meanwhile waits, too. */
struct os_turn {
	struct os_lock lock;
	bool taken;
};
static inline bool os_turn_try(struct os_turn *t)
{
	bool was;

	os_hold(&t->lock);
	was = t->taken;
	t->taken = true;
	return !was;
}

static inline void os_turn_take(struct os_turn *t)
{
	while (!os_turn_try(t))
		os_relax();
}

static inline void os_turn_give(struct os_turn *t)
{
	os_hold(&t->lock);
	t->taken = false;
}

/* The end of a wait for hardware:
 *	struct deadline end = deadline_in(ns);
 *	while (not yet)
 *		if (deadline_over(&end))
 *			...
 * It is over only at the call after the one that saw the time pass, so that the
 * caller has looked once more: a virtual processor may have slept (rule 5). */
struct deadline {
	uint64_t end;
	bool late;
};
static inline struct deadline deadline_in(uint64_t ns)
{
	return (struct deadline){ .end = os_clock() + ns };
}

static inline bool deadline_over(struct deadline *d)
{
	if (d->late)
		return true;
	d->late = os_clock() > d->end;
	os_relax();
	return false;
}

enum os_log_level { OS_ERROR, OS_WARN, OS_INFO };
void os_log(enum os_log_level level, const char *fmt, ...) printf_like(2, 3);
/* Keeps the reason with the calling thread, for whoever caused it to read;
 * returns a negative number. */
int os_error(const char *fmt, ...) printf_like(1, 2);

/* PCI configuration space: width 1, 2 or 4 bytes; sid = bus << 8 | dev << 3 |
 * function.  What does not exist reads as all ones. */
uint32_t os_pci_read(uint16_t segment, uint16_t sid, unsigned off,
		     unsigned width);
void os_pci_write(uint16_t segment, uint16_t sid, unsigned off, unsigned width,
		  uint32_t v);

/* What a message-signalled interrupt must write, and where, so that fn(arg)
 * is called, in interrupt context; negative: none left. */
int os_irq(void (*fn)(void *arg), void *arg, const char *name,
	   uint64_t *addr, uint32_t *data) must_check;

#endif
