/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel memory of any size: zeroed, at least 16 bytes aligned, page aligned
 * from a page on.  NULL: none left. */
#ifndef KMALLOC_H
#define KMALLOC_H

#include <types.h>

void *kmalloc(size_t size);
void kfree(void *p);			/* NULL is all right */
char *kstrdup(const char *s);
size_t kmalloc_in_use(void);		/* bytes handed out */

#endif
