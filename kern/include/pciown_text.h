/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of #iommu about owners: who has which function, and what it reaches. */
#ifndef PCIOWN_TEXT_H
#define PCIOWN_TEXT_H

#include <fmt.h>
#include <iommu.h>

void pciown_mappings_text(struct text *t);
void pciown_devices_text(struct text *t);
void pciown_spaces_text(struct text *t);
/* pciown.c: pages of that process that wait for a flush. */
size_t pciown_quarantined(int pid);

#endif
