/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory at boot: the frames' structs, the kernel's page tables and
 * the page allocator, out of the loader's memory map.
 *
 * Until the allocator runs, pages come from the largest piece of RAM that the
 * boot page tables reach: often that behind the image, but UEFI leaves some MiB
 * there.  The first MiB is never given out: firmware writes there, and
 * processors start there.
 */
#include <assert.h>
#include <kpt.h>
#include <loader.h>
#include <log.h>
#include <mmu.h>
#include <page.h>
#include <start.h>
#include <string.h>

#define LOW_MEMORY	MIB

extern char kernel_start[], kernel_text_end[], kernel_rodata_end[];
extern char kernel_end[];

static struct mem_range early;	/* what early_alloc has left */
static physaddr_t early_start;	/* and where it began */

static void use_early(physaddr_t start, physaddr_t end)
{
	end = MIN(end, BOOT_MAPPED);
	if (start < end && end - start > early.end - early.start)
		early = (struct mem_range){ start, end };
}

static void early_init(void)
{
	const struct mem_range *r;

	for (unsigned i = 0; i < loader.nram; i++) {
		r = &loader.ram[i];
		use_early(MAX(r->start, LOW_MEMORY),
			  MIN(r->end, kpa(kernel_start)));
		use_early(MAX(r->start, kpa(kernel_end)), r->end);
	}
	early_start = early.start;
}

static void *early_alloc(size_t size)
{
	void *p = kva(early.start);

	size = ROUNDUP(size, PGSIZE);
	if (early.end - early.start < size)
		panic("boot: %lu KiB of memory are too few",
		      (early.end - early_start) / KIB);
	early.start += size;
	return memset(p, 0, size);
}

pte_t *early_table(void)
{
	return early_alloc(PGSIZE);
}

/* A struct for each frame up to the end of RAM, as far as there is room. */
static void make_page_structs(void)
{
	physaddr_t end = 0;
	size_t room = (early.end - early.start) / 2;

	for (unsigned i = 0; i < loader.nram; i++)
		end = MAX(end, loader.ram[i].end);
	npages = end >> PGSHIFT;
	if (npages > room / sizeof(struct page)) {
		npages = room / sizeof(struct page);
		klog(LOG_WARN, "memory: what lies above 0x%lx is not used",
		     npages << PGSHIFT);
	}
	pages = early_alloc(npages * sizeof(struct page));
}

/* The image where it was linked, and no second, writable way to its code and
 * constants through the direct map. */
static void map_kernel(void)
{
	physaddr_t text = kpa(kernel_start), rodata = kpa(kernel_text_end);
	physaddr_t data = kpa(kernel_rodata_end), end = kpa(kernel_end);
	physaddr_t stop;

	kpt_map(KERNEL_BASE + text, text, rodata - text, KPT_EXEC);
	kpt_map(KERNEL_BASE + rodata, rodata, data - rodata, KPT_READ);
	kpt_map(KERNEL_BASE + data, data, end - data, KPT_WRITE);
	for (unsigned i = 0; i < loader.nram; i++) {
		stop = MIN(loader.ram[i].end, npages << PGSHIFT);
		for (physaddr_t pa = loader.ram[i].start; pa < stop;) {
			physaddr_t next = pa < text ? MIN(stop, text) :
				pa < data ? MIN(stop, data) : stop;

			kpt_map(DIRECT_BASE + pa, pa, next - pa,
				pa >= text && pa < data ? KPT_READ : KPT_WRITE);
			pa = next;
		}
	}
}

/* All of [start, end) that lies in none of those n ranges. */
static void give_around(physaddr_t start, physaddr_t end,
			const struct mem_range *not, unsigned n)
{
	if (start >= end)
		return;
	if (!n) {
		page_add_range(start, end);
		return;
	}
	give_around(start, MIN(end, MAX(start, not->start)), not + 1, n - 1);
	give_around(MIN(end, MAX(start, not->end)), end, not + 1, n - 1);
}

static void give_pages(void)
{
	const struct mem_range not[] = {
		{ 0, LOW_MEMORY },
		{ kpa(kernel_start), kpa(kernel_end) },
		{ early_start, early.start },
	};

	/* Firmware cannot reserve it for a device either. */
	for (unsigned i = 1; i < ARRAY_SIZE(not); i++)
		page_keep_range(not[i].start, not[i].end);
	for (unsigned i = 0; i < loader.nram; i++)
		give_around(loader.ram[i].start, loader.ram[i].end, not,
			    ARRAY_SIZE(not));
	if (loader.ram_cut)
		klog(LOG_WARN, "memory: more than %u ranges, the others are "
		     "not used", MAX_MEM_RANGES);
}

void memory_init(void)
{
	early_init();
	make_page_structs();
	kpt_init();
	map_kernel();
	kpt_load();
	screen_map();	/* before anything is logged */
	give_pages();
	klog(LOG_INFO, "memory: %lu MiB, %lu MiB free",
	     pages_total() * PGSIZE / MIB, pages_free() * PGSIZE / MIB);
}
