/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory at boot: the frames' structs, the kernel's page tables and
 * the page allocator, out of the loader's memory map.
 *
 * Until the allocator runs, pages come from the RAM range that holds the
 * image, behind it.  The first MiB is never given out: firmware writes there,
 * and processors start there.
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
#define BOOT_MAPPED	(4 * GIB)	/* what the boot page tables reach */

extern char kernel_start[], kernel_text_end[], kernel_rodata_end[];
extern char kernel_end[];

static struct mem_range early;	/* what early_alloc has left */

static void early_init(void)
{
	physaddr_t end = kpa(kernel_end);

	for (unsigned i = 0; i < loader.nram; i++)
		if (loader.ram[i].start <= end && end < loader.ram[i].end) {
			early.start = end;
			early.end = MIN(loader.ram[i].end, BOOT_MAPPED);
		}
}

static void *early_alloc(size_t size)
{
	void *p = kva(early.start);

	size = ROUNDUP(size, PGSIZE);
	if (early.end - early.start < size)
		panic("boot: %lu KiB of memory behind the kernel are too few",
		      (early.end - early.start) / KIB);
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

static void give_pages(void)
{
	physaddr_t start;

	for (unsigned i = 0; i < loader.nram; i++) {
		start = MAX(loader.ram[i].start, LOW_MEMORY);
		if (start <= kpa(kernel_start) &&
		    kpa(kernel_start) < loader.ram[i].end)
			start = early.start;
		if (start < loader.ram[i].end)
			page_add_range(start, loader.ram[i].end);
	}
}

void memory_init(void)
{
	early_init();
	make_page_structs();
	kpt_init();
	map_kernel();
	kpt_load();
	give_pages();
	klog(LOG_INFO, "memory: %lu MiB, %lu MiB free",
	     pages_total() * PGSIZE / MIB, pages_free() * PGSIZE / MIB);
}
