/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process's own page tables.  Its devices walk the same ones, below slot 0
 * (iommu_space_share), so each store into them goes through iommu_store, with a
 * gather of the process's I/O space.
 *
 * A page that is there and may not be used keeps its address, with P and W
 * clear.  Tables stay until the process ends.
 */
#ifndef PT_H
#define PT_H

#include <iommu.h>
#include <mmu.h>
#include <types.h>

physaddr_t pt_create(void);		/* 0: no memory */
/* No leaf is present any more.  lost: a failed unit may still walk what devices
 * could; how many tables are lost with that. */
size_t pt_destroy(physaddr_t root, bool lost);
/* The level of the processor's largest pages. */
unsigned pt_largest(void);
/* The table of level 3 that devices begin at. */
pte_t *pt_shared(physaddr_t root);

/* The entry of va at the lowest level there is: of a page, or absent. */
pte_t *pt_find(physaddr_t root, uintptr_t va, unsigned *level);
/* The entry of that level, with what has to be made above it; or of the one that
 * *level says then, where a larger page stands or smaller ones may.  NULL: no
 * memory. */
pte_t *pt_make(struct iommu_gather *g, physaddr_t root, uintptr_t va,
	       unsigned *level);
/* The table of small pages at va, which there is, and none of them is left; it may
 * be freed behind a flush. */
struct page *pt_take_out(struct iommu_gather *g, physaddr_t root, uintptr_t va);
/* The large page at e becomes a table of smaller ones; false: no memory. */
bool pt_split(struct iommu_gather *g, uintptr_t va, pte_t *e,
	      unsigned level) must_check;

/* Bytes under an entry of that level. */
static inline size_t pt_size(unsigned level)
{
	return 1ul << pt_shift(level);
}

/* A user leaf: prot is PROT_READ, PROT_WRITE, PROT_EXEC. */
pte_t pte_user(physaddr_t pa, int prot);
pte_t pte_device(physaddr_t pa, int prot, bool combine);

/* The pages that are in [va, end), one by one:
 *	struct pt_walk w = pt_walk(root, start, end);
 *	while (pt_next(&w))
 *		...
 * Entries may be changed meanwhile, not tables. */
struct pt_walk {
	physaddr_t root;
	uintptr_t va, end;
	pte_t *e;		/* of the page at va; NULL: before the first */
	unsigned level;
	bool any;		/* there were some */
};
static inline struct pt_walk pt_walk(physaddr_t root, uintptr_t va,
				     uintptr_t end)
{
	return (struct pt_walk){ .root = root, .va = va, .end = end };
}
bool pt_next(struct pt_walk *w);

/* Stores of neighbours, gathered: each run of entries that stand together is one
 * call of iommu_store. */
#define PT_EDIT_MAX 64
struct pt_edit {
	struct iommu_gather *g;
	uintptr_t va;
	pte_t *e;
	unsigned n, level;
	pte_t list[PT_EDIT_MAX];
};
static inline void pt_edit_begin(struct pt_edit *ed, struct iommu_gather *g)
{
	ed->g = g;
	ed->n = 0;
}
void pt_edit_end(struct pt_edit *ed);
static inline void pt_edit(struct pt_edit *ed, uintptr_t va, pte_t *e,
			   unsigned level, pte_t new)
{
	if (ed->n && (ed->n == PT_EDIT_MAX || e != ed->e + ed->n ||
		      level != ed->level))
		pt_edit_end(ed);
	if (!ed->n) {
		ed->va = va;
		ed->e = e;
		ed->level = level;
	}
	ed->list[ed->n++] = new;
}

#endif
