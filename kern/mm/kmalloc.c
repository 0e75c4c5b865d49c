/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmalloc: objects of 2^5 to 2^11 bytes from pages of one size each; a page
 * whose objects are all free goes back.  Larger ones are blocks of pages.
 * The page's struct says what it holds: PG_SLAB and order = log2 of the size,
 * in_use = objects given out; a free object's first word points to the next.
 */
#include <assert.h>
#include <kmalloc.h>
#include <lock.h>
#include <mmu.h>
#include <page.h>
#include <string.h>

#define MIN_SHIFT 5
#define MAX_SHIFT 11

struct object {
	struct object *next, **link;	/* link: what points here */
};

static struct {
	struct spinlock lock;
	struct object *free[MAX_SHIFT + 1];
	size_t in_use;
} heap = { .lock = SPINLOCK("kmalloc") };

static void push(struct object *o, unsigned shift)
{
	o->next = heap.free[shift];
	o->link = &heap.free[shift];
	if (o->next)
		o->next->link = &o->next;
	heap.free[shift] = o;
}

static void unlink(struct object *o)
{
	*o->link = o->next;
	if (o->next)
		o->next->link = o->link;
}

static bool grow(unsigned shift)
{
	struct page *pg = page_alloc(0);
	uint8_t *start;

	if (!pg)
		return false;
	pg->flags |= PG_SLAB;
	pg->order = (uint8_t)shift;
	start = kva(page_pa(pg));
	for (size_t at = 0; at < PGSIZE; at += 1ul << shift)
		push((struct object *)(start + at), shift);
	return true;
}

static void shrink(struct page *pg, unsigned shift)
{
	uint8_t *start = kva(page_pa(pg));

	for (size_t at = 0; at < PGSIZE; at += 1ul << shift)
		unlink((struct object *)(start + at));
	pg->flags &= (uint8_t)~PG_SLAB;
	pg->order = 0;
	page_put(pg);
}

static void *alloc_small(unsigned shift)
{
	struct object *o = NULL;

	spin_lock(&heap.lock);
	if (heap.free[shift] || grow(shift)) {
		o = heap.free[shift];
		unlink(o);
		pa_page(kpa(o))->in_use++;
		heap.in_use += 1ul << shift;
	}
	spin_unlock(&heap.lock);
	return o ? memset(o, 0, 1ul << shift) : NULL;
}

static void *alloc_pages(size_t size)
{
	unsigned order = 0;
	struct page *pg;

	while (PGSIZE << order < size)
		if (++order > MAX_ORDER)
			return NULL;
	pg = page_alloc(order);
	if (!pg)
		return NULL;
	__atomic_fetch_add(&heap.in_use, PGSIZE << order, __ATOMIC_RELAXED);
	return memset(kva(page_pa(pg)), 0, PGSIZE << order);
}

void *kmalloc(size_t size)
{
	unsigned shift = MIN_SHIFT;

	if (size > 1ul << MAX_SHIFT)
		return alloc_pages(size);
	while (1ul << shift < size)
		shift++;
	return alloc_small(shift);
}

void kfree(void *p)
{
	struct page *pg;
	unsigned shift;

	if (!p)
		return;
	pg = pa_page(kpa(p));
	if (!(pg->flags & PG_SLAB)) {
		__atomic_fetch_sub(&heap.in_use, PGSIZE << pg->order,
				   __ATOMIC_RELAXED);
		page_put(pg);
		return;
	}
	spin_lock(&heap.lock);
	shift = pg->order;
	heap.in_use -= 1ul << shift;
	push(p, shift);
	assert(pg->in_use > 0);
	if (--pg->in_use == 0)
		shrink(pg, shift);
	spin_unlock(&heap.lock);
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = kmalloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}

size_t kmalloc_in_use(void)
{
	return READ_ONCE(heap.in_use);
}
