/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for one line of input: a list of malloc'd blocks. */
#include <stdlib.h>
#include <string.h>
#include "parse.h"

struct arena_block {
	struct arena_block *next;
	max_align_t data[];
};

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = malloc(sizeof(*b) + n);

	if (!b)
		return NULL;
	b->next = a->blocks;
	a->blocks = b;
	return memset(b->data, 0, n);
}

void arena_free(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
}
