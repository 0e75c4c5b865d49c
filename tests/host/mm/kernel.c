/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the memory manager finds around it in the host tests (mm.h): locks that
 * one thread takes, timers and a thread that the test runs, the page allocator
 * itself, and an eye on each frame that it gives and gets.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

/* Whoever asks for a process's frames, and gives them back, is watched. */
#define page_alloc	page_alloc_unwatched
#define page_alloc_user	page_alloc_user_unwatched
#define page_put	page_put_unwatched
#define page_put_list	page_put_list_unwatched
#include "../../../kern/mm/page.c"
#undef page_alloc
#undef page_alloc_user
#undef page_put
#undef page_put_list

#include <aspace.h>
#include <error.h>
#include <kmalloc.h>
#include <kpt.h>
#include <log.h>
#include <proc.h>
#include <sched.h>
#include <timer.h>
#include <tlb.h>

#include "mm.h"

_Static_assert(MM_READ == PROT_READ && MM_WRITE == PROT_WRITE, "ros/syscall.h");
_Static_assert(MM_FIXED == MAP_FIXED && MM_PINNED == MAP_PINNED, "likewise");

struct page *page_alloc(unsigned order);
struct page *page_alloc_user(unsigned order);
void page_put(struct page *pg);
void page_put_list(uint32_t pfn);

bool mm_no_memory;

/* Tables. */
struct page *page_alloc(unsigned order)
{
	struct page *pg = mm_no_memory ? NULL : page_alloc_unwatched(order);

	if (pg)
		mm_table_given(page_pa(pg));
	return pg;
}

struct page *page_alloc_user(unsigned order)
{
	struct page *pg = mm_no_memory ? NULL :
		page_alloc_user_unwatched(order);

	for (size_t i = 0; pg && i < 1ul << order; i++)
		mm_frame_given(page_pa(&pg[i]));
	return pg;
}

void page_put(struct page *pg)
{
	if (pg->refs == 1 && pg->flags & PG_USER)
		mm_frame_taken(page_pa(pg));
	else if (pg->refs == 1)
		mm_table_taken(page_pa(pg));
	page_put_unwatched(pg);
}

void page_put_list(uint32_t pfn)
{
	for (uint32_t at = pfn; at; at = pages[at].next)
		mm_frame_taken(page_pa(&pages[at]));
	page_put_list_unwatched(pfn);
}

void *kva(physaddr_t pa)
{
	return mm_at(pa);
}

physaddr_t kpa(const volatile void *p)
{
	return mm_pa(p);
}

void kpt_copy_top(uint64_t *top)
{
	(void)top;
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	abort();
}

int error(int code, const char *fmt, ...)
{
	(void)fmt;
	return -code;
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void *kmalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

/* Locks: one thread, which must take none twice. */
void spin_lock(struct spinlock *l)
{
	if (l->held++)
		panic("spinlock %s: taken twice", l->name);
}

void spin_unlock(struct spinlock *l)
{
	if (--l->held)
		panic("spinlock %s: not held", l->name);
}

void qlock_init(struct qlock *l, const char *name)
{
	l->q.lock = (struct spinlock)SPINLOCK(name);
}

void (*mm_before_lock)(void), (*mm_after_lock)(void);

static void once(void (**fn)(void))
{
	void (*now)(void) = *fn;

	*fn = NULL;
	if (now)
		now();
}

void qlock(struct qlock *l)
{
	once(&mm_before_lock);
	spin_lock(&l->q.lock);
}

void qunlock(struct qlock *l)
{
	spin_unlock(&l->q.lock);
	once(&mm_after_lock);
}

bool mm_is_locked(struct aspace *as)
{
	return as->lock.q.lock.held;
}

/* The thread runs until it has nothing to do. */
static struct kthread thread;
static jmp_buf back;

struct kthread *kthread_create(const char *name, void (*start)(void *),
			       void *arg)
{
	thread = (struct kthread){ .name = name, .start = start, .arg = arg };
	return &thread;
}

void kthread_ready(struct kthread *k)
{
	(void)k;
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	(void)q;
	(void)w;
}

void waitq_remove(struct waitq *q, struct waiter *w)
{
	(void)q;
	(void)w;
}

void wake_all(struct waitq *q)
{
	(void)q;
}

void sleep_begin(uint64_t deadline)
{
	(void)deadline;
}

int sleep_status(uint64_t deadline)
{
	(void)deadline;
	return 0;
}

void sleep_end(void)
{
}

void schedule(void)
{
	longjmp(back, 1);
}

/* Its timer. */
static struct timer *timer;

void timer_set(struct timer *t, uint64_t deadline, void (*fn)(void *),
	       void *arg)
{
	if (timer)
		panic("a timer is set twice");
	timer = t;
	*t = (struct timer){ .deadline = deadline, .fn = fn, .arg = arg };
}

void timer_cancel(struct timer *t)
{
	if (timer == t)
		timer = NULL;
}

uint64_t nsec(void)
{
	return mm_now();
}

void tlb_shootdown(struct aspace *as, uintptr_t va, size_t len)
{
	mm_shootdown();
	mm_shot(as, va, len);
}

void mm_turn(uint64_t now)
{
	struct timer *t = timer;

	if (t && t->deadline <= now) {
		timer = NULL;
		t->fn(t->arg);
	}
	if (!setjmp(back))
		thread.start(thread.arg);
}

void mm_open(uint64_t start, uint64_t end, const char *mode,
	     const char *bounds)
{
	memset(mem.head, 0, sizeof(mem.head));
	mem.total = mem.free = 0;
	frames_lost = 0;
	npages = end >> PGSHIFT;
	pages = calloc(npages, sizeof(*pages));
	page_add_range(start, end);
	lazy_init(mode, bounds);
}

size_t mm_close(void)
{
	mm_turn(UINT64_MAX);
	if (mem.free + frames_lost != mem.total)
		panic("%lu frames are not free", mem.total - mem.free);
	free(pages);
	return frames_lost;
}

size_t mm_free(void)
{
	return mem.free;
}

struct mm_proc *mm_proc(int pid)
{
	struct proc *p = calloc(1, sizeof(*p));

	p->pid = pid;
	p->serial = (uint64_t)pid;
	return (struct mm_proc *)p;
}

void mm_proc_free(struct mm_proc *p)
{
	free(p);
}

struct iommu_space *mm_io_get(struct aspace *as, struct mm_proc *p)
{
	return aspace_io_get(as, (struct proc *)p);
}

const char *mm_check_wrong(struct aspace *as, enum mm_wrong what)
{
	struct iommu_space *io = as->io;
	const char *said;

	if (what == MM_NO_SPACE)
		as->io = NULL;
	if (what == MM_NOT_ITS_OWN)
		pages[as->waiting].refs++;
	if (what == MM_MISCOUNTED)
		as->quarantine.pages++;
	said = aspace_check(as);
	as->io = io;
	if (what == MM_NOT_ITS_OWN)
		pages[as->waiting].refs--;
	if (what == MM_MISCOUNTED)
		as->quarantine.pages--;
	return said;
}
