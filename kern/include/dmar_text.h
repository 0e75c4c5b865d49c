/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's DMAR table in words, a record a line; pure. */
#ifndef DMAR_TEXT_H
#define DMAR_TEXT_H

#include <fmt.h>
#include <iommu.h>

/* table NULL: there is none.  dropped: n that are not used, and why. */
void dmar_format(struct text *t, const uint8_t *table, size_t len,
		 const struct iommu_dropped *dropped, unsigned n);

#endif
