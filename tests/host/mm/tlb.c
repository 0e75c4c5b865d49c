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

static pte_t entry(struct aspace *as, uintptr_t va)
{
	pte_t *e = pt_leaf(as->root, va, false);

	return e && *e & PTE_P ? *e & (PTE_ADDR | PTE_P | PTE_W) : 0;
}

uint64_t mm_entry(struct aspace *as, uint64_t va)
{
	return entry(as, va);
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

void mm_look(struct aspace *as)
{
	struct seen *s = seen_of(as, true);
	uintptr_t va = USER_BASE;
	pte_t now;

	for (size_t i = 0; i < s->end; i++) {
		now = s->known[i] ? entry(as, address(i)) : 0;
		if ((s->known[i] ^ now) & ~PTE_W || s->known[i] & ~now)
			panic("0x%lx: a processor has 0x%lx", address(i),
			      s->known[i]);
	}
	for (; pages_next(as, &va, address(PAGES)); va += PGSIZE)
		set(s, (va - USER_BASE) / PGSIZE, entry(as, va));
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

const struct iommu_gather *mm_waiting(struct aspace *as)
{
	return &as->quarantine.gather;
}
