/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buddy allocator (page.h).  A free list an order, linked by frame number
 * through the pages' own structs; frame 0 is never given and ends the lists.
 *
 * Lock order: the allocator's lock is taken last.
 */
#include <arch.h>
#include <assert.h>
#include <lock.h>
#include <mmu.h>
#include <page.h>
#include <string.h>

struct page *pages;
size_t npages;

static struct {
	struct spinlock lock;
	uint32_t head[MAX_ORDER + 1];
	size_t total, free;
} mem = { .lock = SPINLOCK("pages") };

static void push(uint32_t pfn, unsigned order)
{
	struct page *pg = &pages[pfn];

	pg->flags = PG_RAM | PG_FREE;
	pg->order = (uint8_t)order;
	pg->prev = 0;
	pg->next = mem.head[order];
	if (pg->next)
		pages[pg->next].prev = pfn;
	mem.head[order] = pfn;
}

static void unlink(uint32_t pfn)
{
	struct page *pg = &pages[pfn];

	if (pg->prev)
		pages[pg->prev].next = pg->next;
	else
		mem.head[pg->order] = pg->next;
	if (pg->next)
		pages[pg->next].prev = pg->prev;
	pg->flags = PG_RAM;
}

/* Joins the block with its free neighbour as long as there is one. */
static void release(uint32_t pfn, unsigned order)
{
	uint32_t buddy;

	mem.free += 1ul << order;
	for (; order < MAX_ORDER; order++) {
		buddy = pfn ^ (1u << order);
		if (buddy >= npages || !(pages[buddy].flags & PG_FREE) ||
		    pages[buddy].order != order)
			break;
		unlink(buddy);
		pfn &= buddy;
	}
	push(pfn, order);
}

/* The first block of at least that order, cut down to it; 0: none. */
static uint32_t take(unsigned order)
{
	unsigned o = order;
	uint32_t pfn;

	while (o <= MAX_ORDER && !mem.head[o])
		o++;
	if (o > MAX_ORDER)
		return 0;
	pfn = mem.head[o];
	unlink(pfn);
	while (o > order) {
		o--;
		push(pfn + (1u << o), o);
	}
	mem.free -= 1ul << order;
	return pfn;
}

struct page *page_alloc(unsigned order)
{
	struct page *pg = NULL;
	uint32_t pfn;

	assert(order <= MAX_ORDER);
	spin_lock(&mem.lock);
	pfn = take(order);
	if (pfn) {
		pg = &pages[pfn];
		*pg = (struct page){
			.refs = 1, .flags = PG_RAM, .order = (uint8_t)order,
		};
	}
	spin_unlock(&mem.lock);
	return pg;
}

struct page *page_alloc_user(unsigned order)
{
	struct page *pg = page_alloc(order);

	if (!pg)
		return NULL;
	for (size_t i = 0; i < 1ul << order; i++)
		pg[i] = (struct page){ .refs = 1, .flags = PG_RAM | PG_USER };
	memset(kva(page_pa(pg)), 0, PGSIZE << order);
	return pg;
}

void page_get(struct page *pg)
{
	uint32_t before = __atomic_fetch_add(&pg->refs, 1, __ATOMIC_RELAXED);

	assert(before > 0 && before < UINT32_MAX);
}

void page_put(struct page *pg)
{
	uint32_t before = __atomic_fetch_sub(&pg->refs, 1, __ATOMIC_ACQ_REL);

	assert(before > 0);
	if (before > 1)
		return;
	spin_lock(&mem.lock);
	assert(!(pg->flags & PG_FREE));
	pg->flags = PG_RAM;
	release((uint32_t)(pg - pages), pg->order);
	spin_unlock(&mem.lock);
}

/* Some at a time, since interrupts are off. */
void page_put_list(uint32_t pfn)
{
	uint32_t next;

	while (pfn) {
		spin_lock(&mem.lock);
		for (unsigned n = 0; pfn && n < 32; n++, pfn = next) {
			assert(pages[pfn].refs == 1 && !pages[pfn].order);
			next = pages[pfn].next;
			pages[pfn].refs = 0;
			pages[pfn].flags = PG_RAM;
			release(pfn, 0);
		}
		spin_unlock(&mem.lock);
	}
}

bool page_is_ram(physaddr_t pa)
{
	return pa >> PGSHIFT < npages && (pa_page(pa)->flags & PG_RAM);
}

size_t pages_total(void)
{
	return mem.total;
}

size_t pages_free(void)
{
	return mem.free;
}

void page_keep_range(physaddr_t start, physaddr_t end)
{
	physaddr_t last = MIN(end, npages << PGSHIFT);

	for (physaddr_t pa = ROUNDDOWN(start, PGSIZE); pa < last; pa += PGSIZE)
		*pa_page(pa) = (struct page){ .refs = 1, .flags = PG_RAM };
}

void page_add_range(physaddr_t start, physaddr_t end)
{
	uint32_t pfn = (uint32_t)(ROUNDUP(start, PGSIZE) >> PGSHIFT);
	uint32_t last = (uint32_t)MIN(end >> PGSHIFT, npages);
	unsigned order;

	for (uint32_t i = MAX(pfn, 1u); i < last; i++)
		pages[i].flags = PG_RAM;
	spin_lock(&mem.lock);
	for (pfn = MAX(pfn, 1u); pfn < last; pfn += 1u << order) {
		order = MIN((unsigned)__builtin_ctz(pfn), MAX_ORDER);
		while (pfn + (1u << order) > last)
			order--;
		mem.total += 1ul << order;
		release(pfn, order);
	}
	spin_unlock(&mem.lock);
}
