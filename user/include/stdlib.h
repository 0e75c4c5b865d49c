/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and sorting, as in standard C. */
#ifndef STDLIB_H
#define STDLIB_H

#include <stddef.h>

void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void free(void *p);

void qsort(void *base, size_t n, size_t size,
	   int (*compare)(const void *, const void *));
_Noreturn void exit(int status);

#endif
