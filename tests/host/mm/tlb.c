/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processors may know of processes' pages (mm.h): every page that was
 * present when the test looked, with its rights, until a shootdown finds it
 * changed.  By then its frame may be no stranger's; and after an operation they
 * may know no more than what is there.
 */
#include <aspace.h>
#include <assert.h>
#include <page.h>
#include <pt.h>
#include <string.h>

#include "mm.h"

#define SPACES	8
#define PAGES	16384ul		/* from USER_BASE on */
#define FRAMES	65536		/* that the test gives follow each other */

static struct seen {
	struct aspace *as;
	size_t end;		/* those before it may be known */
	pte_t known[PAGES];
} seen[SPACES];
static unsigned times_known[FRAMES];

static struct seen *seen_of(struct aspace *as, bool make)
{
	struct seen *s;

	for (s = seen; s < seen + SPACES && s->as != as; s++)
		;
	if (s < seen + SPACES || !make)
		return s < seen + SPACES ? s : NULL;
	for (s = seen; s->as; s++)
		if (s == seen + SPACES - 1)
			panic("more spaces than the test knows");
	s->as = as;
	return s;
}

/* Of a 4 KiB page, whatever it is part of: frame, P and W; 0: absent. */
static pte_t part(pte_t pte, size_t at)
{
	return pte & PTE_P ? (pte & (PTE_ADDR | PTE_P | PTE_W)) + at : 0;
}

static pte_t entry(struct aspace *as, uintptr_t va)
{
	unsigned level;
	pte_t *e = pt_find(as->root, va, &level);

	return part(*e, va % pt_size(level));
}

void mm_each(struct aspace *as, void (*fn)(void *arg, uint64_t va, uint64_t e),
	     void *arg)
{
	struct pt_walk w = pt_walk(as->root, USER_BASE, USER_END);

	while (pt_next(&w))
		for (size_t at = 0; at < pt_size(w.level); at += PGSIZE)
			if (*w.e & PTE_P)
				fn(arg, w.va + at, part(*w.e, at));
}

static unsigned *times(physaddr_t pa)
{
	return &times_known[(pa >> PGSHIFT) % FRAMES];
}

static void set(struct seen *s, size_t page, pte_t pte)
{
	if (s->known[page])
		--*times(s->known[page] & PTE_ADDR);
	if (pte)
		++*times(pte & PTE_ADDR);
	s->known[page] = pte;
	s->end = MAX(s->end, page + 1);
}

static uintptr_t address(size_t page)
{
	return USER_BASE + page * PGSIZE;
}

/* They say so in the entry itself, at any time. */
static void look_at(struct seen *s, const struct pt_walk *w)
{
	pte_t used = *w->e | PTE_A | (*w->e & PTE_W ? PTE_D : 0);
	struct iommu_gather nobody = { 0 };

	for (size_t at = 0; at < pt_size(w->level); at += PGSIZE)
		set(s, (w->va + at - USER_BASE) / PGSIZE, part(*w->e, at));
	if (*w->e & PTE_P)
		iommu_store(&nobody, w->va, w->e, &used, 1, w->level);
}

void mm_look(struct aspace *as)
{
	struct seen *s = seen_of(as, true);
	struct pt_walk w = pt_walk(as->root, USER_BASE, address(PAGES));
	pte_t now;

	for (size_t i = 0; i < s->end; i++) {
		now = s->known[i] ? entry(as, address(i)) : 0;
		if ((s->known[i] ^ now) & ~PTE_W || s->known[i] & ~now)
			panic("0x%lx: a processor has 0x%lx", address(i),
			      s->known[i]);
	}
	while (pt_next(&w))
		look_at(s, &w);
}

/* Processors read again what is still there. */
void mm_shot(struct aspace *as, uint64_t va, size_t len)
{
	struct seen *s = seen_of(as, false);
	size_t first = (va - USER_BASE) / PGSIZE;

	for (size_t i = first; s && i < s->end && i < first + len / PGSIZE; i++)
		set(s, i, s->known[i] ? entry(as, address(i)) : 0);
}

bool mm_is_known(uint64_t pa)
{
	return *times(pa);
}

void mm_forget(struct aspace *as)
{
	struct seen *s = seen_of(as, false);

	for (size_t i = 0; s && i < s->end; i++)
		if (s->known[i])
			panic("0x%lx: a processor has it", address(i));
	if (s)
		s->as = NULL;
}
