/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory: one struct page a frame, and a buddy allocator that gives
 * aligned blocks of 2^order frames up to 1 GiB.
 */
#ifndef PAGE_H
#define PAGE_H

#include <types.h>

#define ORDER_2M	9
#define ORDER_1G	18
#define MAX_ORDER	ORDER_1G

#define PG_RAM		0x01	/* the allocator's, or the kernel's for good */
#define PG_FREE		0x02	/* first frame of a free block */
#define PG_SLAB		0x04	/* kmalloc's */
#define PG_USER		0x08	/* process memory: may enter an I/O space */

struct page {
	uint32_t refs;
	uint8_t flags;
	uint8_t order;		/* of the block that begins here */
	uint16_t in_use;	/* kmalloc: objects given out */
	union {
		struct {	/* in a free list, by frame number */
			uint32_t next, prev;
		};
		struct page *next_lost;
	};
};
_Static_assert(sizeof(struct page) == 16, "16 bytes a frame");

extern struct page *pages;	/* by frame number */
extern size_t npages;

static inline physaddr_t page_pa(const struct page *pg)
{
	return (physaddr_t)(pg - pages) << PGSHIFT;
}

static inline struct page *pa_page(physaddr_t pa)
{
	return &pages[pa >> PGSHIFT];
}

/* A block of 2^order frames with one reference, contents undefined; NULL:
 * none left.  Any context. */
struct page *page_alloc(unsigned order);
/* 2^order zeroed frames for process memory, each with a reference of its own
 * and freed by itself. */
struct page *page_alloc_user(unsigned order);
void page_get(struct page *pg);
/* Drops a reference; the last one frees the block. */
void page_put(struct page *pg);
/* Single frames whose one reference is the caller's, linked by `next`, with 0
 * at the end. */
void page_put_list(uint32_t pfn);
bool page_is_ram(physaddr_t pa);

size_t pages_total(void);
size_t pages_free(void);

/* At boot: gives a range of RAM that was never given before. */
void page_add_range(physaddr_t start, physaddr_t end);
/* One that is never given, being in use for good. */
void page_keep_range(physaddr_t start, physaddr_t end);

#endif
