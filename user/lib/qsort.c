/* SPDX-License-Identifier: BSD-2-Clause */
/* qsort, done as heapsort: no recursion, no memory, no bad case. */
#include <stdlib.h>

typedef int compare_fn(const void *, const void *);

static void swap(char *a, char *b, size_t size)
{
	for (; size > 0; size--, a++, b++) {
		char c = *a;

		*a = *b;
		*b = c;
	}
}

/* Lets the element at i sink until both below it are not larger. */
static void sink(char *base, size_t i, size_t n, size_t size, compare_fn *cmp)
{
	size_t child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && cmp(base + child * size,
					 base + (child + 1) * size) < 0)
			child++;
		if (cmp(base + i * size, base + child * size) >= 0)
			return;
		swap(base + i * size, base + child * size, size);
		i = child;
	}
}

void qsort(void *base, size_t n, size_t size, compare_fn *cmp)
{
	char *at = base;

	for (size_t i = n / 2; i > 0; i--)
		sink(at, i - 1, n, size, cmp);
	for (; n > 1; n--) {
		swap(at, at + (n - 1) * size, size);
		sink(at, 0, n - 1, size, cmp);
	}
}
