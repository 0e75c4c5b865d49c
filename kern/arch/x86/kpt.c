/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's page tables: RAM direct, the image, and areas for device
 * registers and kernel stacks, which are given addresses once and for ever.
 * Nothing here is ever unmapped, so no processor ever holds a stale entry.
 *
 * Lock order: kpt.lock, then the page allocator's.
 */
#include <arch.h>
#include <assert.h>
#include <kpt.h>
#include <lock.h>
#include <log.h>
#include <page.h>
#include <pt.h>
#include <start.h>
#include <string.h>
#include <x86.h>

#define TABLE_PROT	(PTE_P | PTE_W)

static struct {
	struct spinlock lock;
	pte_t *top;
	uintptr_t next_mmio, next_kstack;
	uintptr_t free_kstack;	/* a list through the stacks' first words */
	bool gib_pages;
} kpt = {
	.lock = SPINLOCK("kpt"),
	.next_mmio = MMIO_BASE,
	.next_kstack = KSTACK_BASE,
};

static pte_t *new_table(void)
{
	struct page *pg;

	if (!pages_total())
		return early_table();
	pg = page_alloc(0);
	return pg ? memset(kva(page_pa(pg)), 0, PGSIZE) : NULL;
}

static pte_t *next_table(pte_t *table, uintptr_t va, unsigned level)
{
	pte_t *e = &table[pt_index(va, level)];
	pte_t *next;

	if (*e & PTE_P) {
		assert(!(*e & PTE_PS));
		return kva(*e & PTE_ADDR);
	}
	next = new_table();
	if (next)
		*e = kpa(next) | TABLE_PROT;
	return next;
}

/* The level of the largest page that begins at va and pa and fits in len. */
static unsigned leaf_level(uintptr_t va, physaddr_t pa, size_t len)
{
	if (kpt.gib_pages && !((va | pa) % GIB) && len >= GIB)
		return 3;
	if (!((va | pa) % (2 * MIB)) && len >= 2 * MIB)
		return 2;
	return 1;
}

static bool map_leaf(uintptr_t va, physaddr_t pa, unsigned level, pte_t prot)
{
	pte_t *table = kpt.top;
	pte_t *e;

	for (unsigned l = 4; l > level && table; l--)
		table = next_table(table, va, l);
	if (!table)
		return false;
	e = &table[pt_index(va, level)];
	assert(!(*e & PTE_P));
	*e = pa | prot | (level > 1 ? PTE_PS : 0);
	return true;
}

bool kpt_map(uintptr_t va, physaddr_t pa, size_t len, pte_t prot)
{
	bool ok = true;
	unsigned level;
	size_t step;

	assert(!((va | pa | len) % PGSIZE));
	spin_lock(&kpt.lock);
	for (; ok && len; va += step, pa += step, len -= step) {
		level = leaf_level(va, pa, len);
		step = 1ul << pt_shift(level);
		ok = map_leaf(va, pa, level, prot);
	}
	spin_unlock(&kpt.lock);
	return ok;
}

void kpt_init(void)
{
	struct cpuid f = cpuid(0x80000001, 0);

	kpt.gib_pages = f.edx & 1u << 26;
	kpt.top = early_table();
	for (size_t at = 0; at < npages << PGSHIFT; at += 1ul << pt_shift(4))
		next_table(kpt.top, DIRECT_BASE + at, 4);
	next_table(kpt.top, KSTACK_BASE, 4);
	next_table(kpt.top, MMIO_BASE, 4);
}

unsigned pt_largest(void)
{
	return kpt.gib_pages ? 3 : 2;
}

void kpt_load(void)
{
	lcr4(rcr4() | CR4_PGE);
	lcr3(kpa(kpt.top));
}

void kpt_copy_top(pte_t *top)
{
	size_t half = PT_ENTRIES / 2;

	memcpy(top + half, kpt.top + half, half * sizeof(pte_t));
}

static uintptr_t take(uintptr_t *next, size_t len, size_t align, uintptr_t end)
{
	uintptr_t va;

	spin_lock(&kpt.lock);
	va = ROUNDUP(*next, align);
	if (end - va < len)
		va = 0;
	else
		*next = va + len;
	spin_unlock(&kpt.lock);
	return va;
}

static void *map_area(physaddr_t pa, size_t len, pte_t prot)
{
	size_t offset = pa % PGSIZE;
	size_t size = ROUNDUP(offset + len, PGSIZE);
	size_t align = size >= 2 * MIB ? 2 * MIB : PGSIZE;
	uintptr_t va;

	if (pa + len < pa || pa + len > 1ull << 52)
		return NULL;
	/* The same place in a large page, so that large pages fit. */
	va = take(&kpt.next_mmio, size + (pa - offset) % align, align,
		  MMIO_END);
	if (!va)
		return NULL;
	va += (pa - offset) % align;
	if (!kpt_map(va, pa - offset, size, prot))
		return NULL;
	return (void *)(va + offset);
}

void *mmio_map(physaddr_t pa, size_t len)
{
	return map_area(pa, len, KPT_DEVICE);
}

void *mmio_map_combining(physaddr_t pa, size_t len)
{
	return map_area(pa, len, KPT_COMBINE);
}

const void *firmware_map(physaddr_t pa, size_t len)
{
	return map_area(pa, len, KPT_READ);
}

#define KSTACK_PAGES (KSTACK_SIZE / PGSIZE)

static void put_frames(struct page **pg, unsigned n)
{
	while (n)
		page_put(pg[--n]);
}

/* All of a stack's frames, or none. */
static bool get_frames(struct page **pg, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		pg[i] = page_alloc(0);
		if (!pg[i]) {
			put_frames(pg, i);
			return false;
		}
	}
	return true;
}

static uintptr_t new_kstack(void)
{
	struct page *pg[KSTACK_PAGES];
	uintptr_t va;
	unsigned i = 0;

	if (!get_frames(pg, KSTACK_PAGES))
		return 0;
	va = take(&kpt.next_kstack, KSTACK_SIZE + PGSIZE, PGSIZE, KSTACK_END);
	while (va && i < KSTACK_PAGES &&
	       kpt_map(va + (i + 1) * PGSIZE, page_pa(pg[i]), PGSIZE,
		       KPT_WRITE))
		i++;
	if (i == KSTACK_PAGES)
		return va + PGSIZE;
	put_frames(pg + i, KSTACK_PAGES - i);	/* what is mapped stays so */
	return 0;
}

uintptr_t kstack_alloc(void)
{
	uintptr_t va;

	spin_lock(&kpt.lock);
	va = kpt.free_kstack;
	if (va)
		kpt.free_kstack = *(uintptr_t *)va;
	spin_unlock(&kpt.lock);
	return va ? va : new_kstack();
}

void kstack_free(uintptr_t stack)
{
	spin_lock(&kpt.lock);
	*(uintptr_t *)stack = kpt.free_kstack;
	kpt.free_kstack = stack;
	spin_unlock(&kpt.lock);
}
