/* SPDX-License-Identifier: BSD-2-Clause */
/* A process's own page tables. */
#ifndef PT_H
#define PT_H

#include <mmu.h>
#include <types.h>

physaddr_t pt_create(void);		/* 0: no memory */
void pt_destroy(physaddr_t root);	/* no leaf is present any more */
/* The leaf entry of va; NULL: no table for it, or no memory to make one. */
pte_t *pt_leaf(physaddr_t root, uintptr_t va, bool create);
/* Bytes from va to the end of its lowest table, at most up to end. */
size_t pt_in_table(uintptr_t va, uintptr_t end);

/* A user leaf: prot is PROT_READ, PROT_WRITE, PROT_EXEC. */
pte_t pte_user(physaddr_t pa, int prot);
pte_t pte_device(physaddr_t pa, int prot, bool combine);

#endif
