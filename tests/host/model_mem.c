/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory, three times over.  `cpu` is what the processor reads and writes.
 * `seen` follows it through os_store and os_alloc: what a unit that snoops the
 * caches (ECAP.C) walks; a table entry that differs in the two was written
 * behind the driver's back.  `dram` follows `seen` a cache line at a time, as
 * os_flush writes it back or as a line leaves the cache by itself: what other
 * units walk.  A unit that needs its write buffer flushed (CAP.RWBF, 6.8) has a
 * fourth, `own`, that lags behind again.
 *
 * What was never written leads, read as a table, to a frame of nobody; what was
 * freed stays as it was until it is written back.  Objects of the driver stand
 * at the end of pages of their own, so that the address sanitizer sees every
 * byte read or written outside them, and after they were freed.
 */
#include "model.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#define LINE 64u

/* Areas of memory come and go with machines, of which the tests make many:
 * those that are not in use are kept.  What is in them means nothing: a page is
 * filled when it comes into use. */
static uint8_t *spare[8];

static uint8_t *area_take(void)
{
	uint8_t *p;

	for (unsigned i = 0; i < ARRAY_SIZE(spare); i++) {
		p = __atomic_exchange_n(&spare[i], NULL, __ATOMIC_ACQ_REL);
		if (p)
			return p;
	}
	p = mmap(NULL, RAM_PAGES * PGSIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true((void *)p != MAP_FAILED);
	ASAN_POISON_MEMORY_REGION(p, RAM_PAGES * PGSIZE);
	return p;
}

static void area_give(uint8_t *p)
{
	for (unsigned i = 0; p && i < ARRAY_SIZE(spare); i++)
		p = __atomic_exchange_n(&spare[i], p, __ATOMIC_ACQ_REL);
	if (!p)
		return;
	ASAN_UNPOISON_MEMORY_REGION(p, RAM_PAGES * PGSIZE);
	munmap(p, RAM_PAGES * PGSIZE);
}

void memory_init(struct machine *m)
{
	struct memory *mem = &m->mem;

	mem->cpu = area_take();
	mem->seen = area_take();
	mem->dram = area_take();
	mem->stranger = owner_new("a stranger");
	mem->trap = frame_alloc(m, NULL);
}

void memory_exit(struct machine *m)
{
	struct memory *mem = &m->mem;
	size_t used = mem->fresh * PGSIZE;

	ASAN_POISON_MEMORY_REGION(mem->cpu, used);
	ASAN_POISON_MEMORY_REGION(mem->seen, used);
	ASAN_POISON_MEMORY_REGION(mem->dram, used);
	area_give(mem->cpu);
	area_give(mem->seen);
	area_give(mem->dram);
	owner_free(mem->stranger);
}

void memory_add_buffer(struct model_unit *u)
{
	size_t used = u->m->mem.fresh * PGSIZE;

	u->own = area_take();
	ASAN_UNPOISON_MEMORY_REGION(u->own, used);
	memcpy(u->own, u->m->mem.dram, used);
}

void memory_drop_buffer(struct model_unit *u)
{
	if (u->own)
		ASAN_POISON_MEMORY_REGION(u->own, u->m->mem.fresh * PGSIZE);
	area_give(u->own);
}

bool memory_has(physaddr_t pa)
{
	return pa >= RAM_BASE && pa < RAM_BASE + RAM_PAGES * PGSIZE;
}

unsigned memory_index(struct machine *m, physaddr_t pa)
{
	if (!memory_has(pa))
		model_violation(m, "0x%lx is no memory", pa);
	return (unsigned)((pa - RAM_BASE) / PGSIZE) % RAM_PAGES;
}

physaddr_t memory_pa(struct machine *m, const volatile void *p)
{
	uintptr_t off = (uintptr_t)p - (uintptr_t)m->mem.cpu;

	if (off < RAM_PAGES * PGSIZE)
		return RAM_BASE + off;
	model_violation(m, "os_phys of %p, which is not from os_alloc",
			(const void *)(uintptr_t)p);
	return 0;
}

void *memory_at(struct machine *m, physaddr_t pa)
{
	if (memory_has(pa))
		return m->mem.cpu + (pa - RAM_BASE);
	model_violation(m, "os_virt of 0x%lx, which is no memory", pa);
	return NULL;
}

static uint64_t *word(uint8_t *view, physaddr_t pa)
{
	return (uint64_t *)(void *)(view + (pa - RAM_BASE) / 8 * 8);
}

/* Page n as a table of entries that let everything through to the trap. */
static void fill_with_traps(struct machine *m, uint8_t *view, unsigned n)
{
	uint64_t *page = (uint64_t *)(void *)(view + n * PGSIZE);

	ASAN_UNPOISON_MEMORY_REGION(page, PGSIZE);
	for (unsigned i = 0; i < PGSIZE / 8; i++)
		page[i] = m->mem.trap | 3;
}

static uint8_t *behind_buffer(struct model_unit *u)
{
	return u->c.coherent ? u->m->mem.seen : u->m->mem.dram;
}

void memory_flush_buffer(struct model_unit *u)
{
	bool *at = u->lingers, *end = at + u->m->mem.fresh;
	size_t off;

	while (u->own && (at = memchr(at, true, (size_t)(end - at)))) {
		off = (size_t)(at - u->lingers) * PGSIZE;
		memcpy(u->own + off, behind_buffer(u) + off, PGSIZE);
		*at++ = false;
	}
}

/* Whether the policy lets it leave by itself. */
static bool leaves(struct machine *m)
{
	return m->policy.leave == LEAVE_AT_ONCE ||
		(m->policy.leave == LEAVE_SOMETIMES && model_random(m, 2));
}

/* Something of page n changed in one of the views that units look at. */
static void changed(struct machine *m, unsigned n)
{
	for (unsigned i = 0; i < m->nunits; i++) {
		m->units[i]->lingers[n] = true;
		if (leaves(m))
			memory_flush_buffer(m->units[i]);
	}
}

static void write_line_back(struct machine *m, physaddr_t pa)
{
	uint64_t off = (pa - RAM_BASE) & ~(uint64_t)(LINE - 1);

	memcpy(m->mem.dram + off, m->mem.seen + off, LINE);
}

/* A table that an entry leads to was written before: os_store is behind all
 * earlier stores. */
static void publish(struct machine *m, uint64_t v)
{
	physaddr_t pa = v & ones(51, 12);
	unsigned n;

	if (!(v & 3) || !memory_has(pa))
		return;
	n = memory_index(m, pa);
	if (m->mem.page[n].state != PAGE_DRIVER ||
	    m->mem.page[n].object != PGSIZE)
		return;
	memcpy(word(m->mem.seen, pa), word(m->mem.cpu, pa), PGSIZE);
	changed(m, n);
}

void memory_stored(struct machine *m, physaddr_t pa, uint64_t v)
{
	publish(m, v);
	*word(m->mem.seen, pa) = v;
	if (leaves(m))
		write_line_back(m, pa);
	changed(m, memory_index(m, pa));
}

void memory_flushed(struct machine *m, const volatile void *p, size_t len)
{
	physaddr_t pa = memory_pa(m, p);
	physaddr_t end = pa + len;

	if (!pa || !memory_has(end - 1))
		return;
	memcpy(word(m->mem.seen, pa), (const void *)(uintptr_t)p, len);
	for (pa &= ~(physaddr_t)(LINE - 1); pa < end; pa += LINE) {
		write_line_back(m, pa);
		changed(m, memory_index(m, pa));
	}
}

/* A page comes into use for the first time. */
static unsigned fresh_page(struct machine *m)
{
	unsigned n = m->mem.fresh++;

	assert_true(n < RAM_PAGES);
	fill_with_traps(m, m->mem.seen, n);
	fill_with_traps(m, m->mem.dram, n);
	for (unsigned i = 0; i < m->nunits; i++)
		if (m->units[i]->own)
			fill_with_traps(m, m->units[i]->own, n);
	return n;
}

/* The one freed last comes first: nothing is reused sooner. */
static unsigned take_page(struct machine *m)
{
	return m->mem.nfreed ? m->mem.freed[--m->mem.nfreed] : fresh_page(m);
}

static void release_page(struct machine *m, unsigned n)
{
	m->mem.page[n] = (struct page){ .state = PAGE_FREE };
	m->mem.freed[m->mem.nfreed++] = n;
	fill_with_traps(m, m->mem.cpu, n);
	fill_with_traps(m, m->mem.seen, n);
	ASAN_POISON_MEMORY_REGION(m->mem.cpu + n * PGSIZE, PGSIZE);
	changed(m, n);
}

static void zero_page(struct machine *m, unsigned n)
{
	uint64_t off = n * PGSIZE;

	memset(m->mem.cpu + off, 0, PGSIZE);
	memset(m->mem.seen + off, 0, PGSIZE);
	for (unsigned at = 0; at < PGSIZE; at += LINE)
		if (leaves(m))
			write_line_back(m, RAM_BASE + off + at);
	changed(m, n);
}

/* Where an object stands in its page: aligned to its size, and no more. */
static size_t place(size_t size)
{
	size_t room = 8;

	while (room < size)
		room *= 2;
	return size < PGSIZE ? PGSIZE - room : 0;
}

void *memory_alloc(struct machine *m, size_t size)
{
	unsigned pages = (unsigned)((size + PGSIZE - 1) / PGSIZE);
	unsigned first = pages == 1 ? take_page(m) : fresh_page(m);
	uint8_t *at = m->mem.cpu + first * PGSIZE;

	for (unsigned i = 1; i < pages; i++)
		assert_int_equal(fresh_page(m), first + i);
	ASAN_UNPOISON_MEMORY_REGION(at, pages * PGSIZE);
	for (unsigned i = 0; i < pages; i++) {
		m->mem.page[first + i] = (struct page){ PAGE_DRIVER, 0, NULL };
		zero_page(m, first + i);
	}
	m->mem.page[first].object = (uint32_t)size;
	ASAN_POISON_MEMORY_REGION(at, pages * PGSIZE);
	ASAN_UNPOISON_MEMORY_REGION(at + place(size), size);
	m->mem.objects++;
	return at + place(size);
}

static void check_unreachable(struct machine *m, unsigned n, const char *what)
{
	const char *how = cache_reaches(m, RAM_BASE + n * PGSIZE);

	if (how)
		model_violation(m, "%s at 0x%lx freed, but a unit reaches it "
				"by %s", what, RAM_BASE + n * PGSIZE, how);
}

void memory_free(struct machine *m, void *p, size_t size)
{
	unsigned first = memory_index(m, memory_pa(m, p));
	unsigned pages = (unsigned)((size + PGSIZE - 1) / PGSIZE);
	struct page *pg = &m->mem.page[first];

	if (pg->state != PAGE_DRIVER || pg->object != size ||
	    p != m->mem.cpu + first * PGSIZE + place(size)) {
		model_violation(m, "os_free of %p, %zu bytes, which was not "
				"allocated so", p, size);
		return;
	}
	m->mem.objects--;
	for (unsigned i = 0; i < pages; i++) {
		check_unreachable(m, first + i, "a table");
		release_page(m, first + i);
	}
}

physaddr_t frame_alloc(struct machine *m, struct owner *o)
{
	unsigned n = take_page(m);

	fill_with_traps(m, m->mem.cpu, n);
	m->mem.page[n] = (struct page){ PAGE_FRAME, 0, o };
	return RAM_BASE + n * PGSIZE;
}

void frame_free(struct machine *m, physaddr_t pa)
{
	struct memory *mem = &m->mem;
	unsigned n = memory_index(m, pa);
	unsigned at = mem->nstrange++ % 64;

	assert_int_equal(mem->page[n].state, PAGE_FRAME);
	check_unreachable(m, n, "a frame");
	memset(mem->cpu + n * PGSIZE, 0xdb, PGSIZE);
	mem->page[n].owner = mem->stranger;
	if (mem->nstrange > 64)
		release_page(m, mem->strange[at]);
	mem->strange[at] = n;
}

void frame_give(struct machine *m, physaddr_t pa, struct owner *o)
{
	unsigned n = memory_index(m, pa);

	assert_int_equal(m->mem.page[n].state, PAGE_FRAME);
	check_unreachable(m, n, "a frame");
	m->mem.page[n].owner = o ? o : m->mem.stranger;
}

/* A frame becomes a table of the kernel's own, that units walk too; and back. */
void frame_to_table(struct machine *m, physaddr_t pa)
{
	unsigned n = memory_index(m, pa);

	assert_int_equal(m->mem.page[n].state, PAGE_FRAME);
	m->mem.page[n] = (struct page){ PAGE_DRIVER, PGSIZE, NULL };
}

void frame_from_table(struct machine *m, physaddr_t pa)
{
	unsigned n = memory_index(m, pa);

	assert_int_equal(m->mem.page[n].state, PAGE_DRIVER);
	check_unreachable(m, n, "a table");
	fill_with_traps(m, m->mem.cpu, n);
	fill_with_traps(m, m->mem.seen, n);
	changed(m, n);
	m->mem.page[n] = (struct page){ PAGE_FRAME, 0, m->mem.stranger };
}

static const char *misused(const struct page *pg)
{
	if (pg->state == PAGE_FREE)
		return "free memory";
	if (pg->state == PAGE_FRAME)
		return "a process's frame";
	return pg->object < PGSIZE ? "no table" : NULL;
}

bool memory_unit_read(struct model_unit *u, physaddr_t pa, uint64_t *v)
{
	struct memory *mem = &u->m->mem;
	const char *bad;

	if (!memory_has(pa))
		return false;
	bad = misused(&mem->page[memory_index(u->m, pa)]);
	if (bad && !u->tolerant)
		model_violation(u->m, "unit 0x%lx walks 0x%lx, which is %s",
				u->base, pa, bad);
	if (!bad && *word(mem->seen, pa) != *word(mem->cpu, pa))
		model_violation(u->m, "the entry at 0x%lx was not written by "
				"os_store", pa);
	*v = *word(u->own ? u->own : behind_buffer(u), pa);
	return true;
}
