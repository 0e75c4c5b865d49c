/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's services for several threads at once, under the thread sanitizer
 * (test_threads.c).  The model itself knows one thread: it is entered by one at
 * a time, unseen by the sanitizer, so that nothing the driver does seems to be
 * ordered by that.  What orders are the locks, the allocator, and nothing else.
 */
#ifndef THREADS_OS_H
#define THREADS_OS_H

#include "bench.h"

void model_enter(void);
void model_leave(void);

/* Interrupts that have come, to be handled by a thread that holds no lock;
 * false: there was none. */
bool threads_interrupt(void);
void threads_forget_interrupts(void);	/* a new machine */

/* By os_lock, so far; met: another thread had it. */
struct threads_locks {
	unsigned long taken, met;
};
struct threads_locks threads_locks(void);

const char *threads_error(void);	/* of os_error, in this thread */

#endif
