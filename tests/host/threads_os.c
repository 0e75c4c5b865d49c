/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Services for several threads (threads_os.h).  The linker puts them in the
 * place of the model's (--wrap), which they call.  Compiled without the thread
 * sanitizer: what it is to know it is told.
 */
#include "threads_os.h"

#include <sched.h>
#include <time.h>

#define PATIENCE_S	60	/* for a lock: then it is a deadlock */

/* Of libtsan. */
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
uint64_t __tsan_atomic64_fetch_or(volatile uint64_t *at, uint64_t v, int order);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
void AnnotateIgnoreSyncBegin(const char *file, int line);
void AnnotateIgnoreSyncEnd(const char *file, int line);

#define REAL(type, name, ...) type __real_##name(__VA_ARGS__);	\
	type __wrap_##name(__VA_ARGS__)
REAL(void *, os_alloc, size_t size);
REAL(void, os_free, void *p, size_t size);
REAL(void *, os_map_regs, physaddr_t pa, size_t len);
REAL(uint32_t, os_read32, const volatile void *reg);
REAL(uint64_t, os_read64, const volatile void *reg);
REAL(void, os_write32, volatile void *reg, uint32_t v);
REAL(void, os_write64, volatile void *reg, uint64_t v);
REAL(void, os_store, uint64_t *entry, uint64_t v);
REAL(void, os_flush, const volatile void *p, size_t len);
REAL(uint64_t, os_clock, void);
REAL(void, os_relax, void);
REAL(void, os_lock, struct os_lock *l);
REAL(void, os_unlock, struct os_lock *l);
REAL(void, os_log, enum os_log_level level, const char *fmt, ...);
REAL(int, os_error, const char *fmt, ...);
REAL(uint32_t, os_pci_read, uint16_t segment, uint16_t sid, unsigned off,
     unsigned width);
REAL(void, os_pci_write, uint16_t segment, uint16_t sid, unsigned off,
     unsigned width, uint32_t v);
REAL(int, os_irq, void (*fn)(void *arg), void *arg, const char *name,
     uint64_t *addr, uint32_t *data);

static unsigned gate;

/* Whether it had to wait. */
static bool pass(unsigned *l)
{
	bool waited = false;
	time_t end = time(NULL) + PATIENCE_S;

	for (unsigned n = 1; __atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE); n++) {
		waited = true;
		sched_yield();
		if (n % 1024 == 0 && time(NULL) > end) {
			fprintf(stderr, "a lock is never released\n");
			abort();
		}
	}
	return waited;
}

/* Not seldom another thread goes first. */
void model_enter(void)
{
	static unsigned entries;

	if (__atomic_add_fetch(&entries, 1, __ATOMIC_RELAXED) % 5 == 0)
		sched_yield();
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
	pass(&gate);
}

void model_leave(void)
{
	__atomic_store_n(&gate, 0, __ATOMIC_RELEASE);
	AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

/* Whoever gets memory comes behind who gave it back. */
static void *page_of(void *p)
{
	return (void *)((uintptr_t)p & ~(uintptr_t)(PGSIZE - 1));
}

void *__wrap_os_alloc(size_t size)
{
	void *p;

	model_enter();
	p = __real_os_alloc(size);
	model_leave();
	if (p)
		__tsan_acquire(page_of(p));
	return p;
}

void __wrap_os_free(void *p, size_t size)
{
	__tsan_release(page_of(p));
	model_enter();
	__real_os_free(p, size);
	model_leave();
}

void *__wrap_os_map_regs(physaddr_t pa, size_t len)
{
	void *p;

	model_enter();
	p = __real_os_map_regs(pa, len);
	model_leave();
	return p;
}

uint32_t __wrap_os_read32(const volatile void *reg)
{
	uint32_t v;

	model_enter();
	v = __real_os_read32(reg);
	model_leave();
	return v;
}

uint64_t __wrap_os_read64(const volatile void *reg)
{
	uint64_t v;

	model_enter();
	v = __real_os_read64(reg);
	model_leave();
	return v;
}

void __wrap_os_write32(volatile void *reg, uint32_t v)
{
	model_enter();
	__real_os_write32(reg, v);
	model_leave();
}

void __wrap_os_write64(volatile void *reg, uint64_t v)
{
	model_enter();
	__real_os_write64(reg, v);
	model_leave();
}

/* An atomic store, as the sanitizer is told by one that changes nothing. */
void __wrap_os_store(uint64_t *entry, uint64_t v)
{
	model_enter();
	__real_os_store(entry, v);
	model_leave();
	__tsan_atomic64_fetch_or(entry, 0, __ATOMIC_RELEASE);
}

void __wrap_os_flush(const volatile void *p, size_t len)
{
	model_enter();
	__real_os_flush(p, len);
	model_leave();
}

uint64_t __wrap_os_clock(void)
{
	uint64_t now;

	model_enter();
	now = __real_os_clock();
	model_leave();
	return now;
}

static __thread struct os_lock *held[8];
static __thread unsigned nheld;

static bool holds(const struct os_lock *l)
{
	for (unsigned i = 0; i < nheld; i++)
		if (held[i] == l)
			return true;
	return false;
}

void __wrap_os_relax(void)
{
	model_enter();
	if (nheld)
		model_violation(model_machine, "waiting with a lock held");
	__real_os_relax();
	model_leave();
	sched_yield();
}

static struct threads_locks locks;

struct threads_locks threads_locks(void)
{
	return locks;
}

void __wrap_os_lock(struct os_lock *l)
{
	bool met;

	if (holds(l) || nheld == ARRAY_SIZE(held)) {
		fprintf(stderr, "a lock is taken twice\n");
		abort();
	}
	met = pass((unsigned *)l->opaque);
	__atomic_fetch_add(&locks.taken, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&locks.met, met, __ATOMIC_RELAXED);
	held[nheld++] = l;
	__tsan_acquire(l);
}

void __wrap_os_unlock(struct os_lock *l)
{
	__tsan_release(l);
	for (unsigned i = 0; i < nheld; i++)
		if (held[i] == l)
			held[i] = held[--nheld];
	__atomic_store_n((unsigned *)l->opaque, 0, __ATOMIC_RELEASE);
}

void __wrap_os_log(enum os_log_level level, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	model_enter();
	__real_os_log(level, "%s", text);
	model_leave();
}

static __thread char error[200];

int __wrap_os_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, sizeof(error), fmt, args);
	va_end(args);
	return -1;
}

const char *threads_error(void)
{
	return error;
}

uint32_t __wrap_os_pci_read(uint16_t segment, uint16_t sid, unsigned off,
			    unsigned width)
{
	uint32_t v;

	model_enter();
	v = __real_os_pci_read(segment, sid, off, width);
	model_leave();
	return v;
}

void __wrap_os_pci_write(uint16_t segment, uint16_t sid, unsigned off,
			 unsigned width, uint32_t v)
{
	model_enter();
	__real_os_pci_write(segment, sid, off, width, v);
	model_leave();
}

/* A handler runs on another processor than whoever is in the model. */
static struct line {
	void (*fn)(void *arg);
	void *arg;
	unsigned raised;
} lines[VECTORS];
static unsigned nlines;

static void raise(void *arg)
{
	__atomic_store_n(&((struct line *)arg)->raised, 1, __ATOMIC_RELEASE);
}

int __wrap_os_irq(void (*fn)(void *arg), void *arg, const char *name,
		  uint64_t *addr, uint32_t *data)
{
	struct line *l = &lines[nlines++];
	int err;

	*l = (struct line){ .fn = fn, .arg = arg };
	model_enter();
	err = __real_os_irq(raise, l, name, addr, data);
	model_leave();
	return err;
}

bool threads_interrupt(void)
{
	bool some = false;

	for (unsigned i = 0; i < nlines; i++)
		if (__atomic_exchange_n(&lines[i].raised, 0,
					__ATOMIC_ACQUIRE)) {
			lines[i].fn(lines[i].arg);
			some = true;
		}
	return some;
}

void threads_forget_interrupts(void)
{
	nlines = 0;
}
