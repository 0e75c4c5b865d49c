/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For what stands between tests that are there already and the driver (lazily.c,
 * shared.c): functions that calls are led through at link time (--wrap), and the
 * tests that are none of it.
 */
#ifndef WRAPPED_H
#define WRAPPED_H

#include "bench.h"

/* The Makefile reads which. */
#define WRAPPED(type, name, ...) \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

/* Theirs: tests that are as ever, each with the reason; the program's name is that
 * without what stands before the first "_". */
struct exception {
	const char *program, *test, *why;
};
extern const struct exception exceptions[];
extern const size_t nexceptions;
/* Says what was done; false: nothing was, so that the program has failed. */
bool wrapped_report(const char *program);

bool is_listed(void);		/* the present test */

#endif
