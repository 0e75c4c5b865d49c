/* SPDX-License-Identifier: BSD-2-Clause */
/* How present pages get into the I/O space: show.c, for pages.c alone. */
#ifndef SHOW_H
#define SHOW_H

#include <aspace.h>

/* The registers of devices lie where no device sees anything. */
static inline bool for_devices(uintptr_t va)
{
	return va < USER_END;
}

/* The page at va, present or not, as its entry has it. */
int show_page(struct aspace *as, struct iommu_gather *g, uintptr_t va,
	      pte_t pte) must_check;

/* Pages that follow each other here and in memory are shown together, so that
 * they can be large ones to the devices. */
struct run {
	struct aspace *as;
	struct iommu_gather g;
	uintptr_t va;
	pte_t pte;
	size_t len;
};

int run_add(struct run *run, uintptr_t va, pte_t pte, size_t len) must_check;
int run_end(struct run *run) must_check;

/* Makes new rights known.  Where that fails the unit has failed, has said so,
 * and its devices are fenced; nothing old can be reached by it. */
void flush_added(struct iommu_gather *g);

#endif
