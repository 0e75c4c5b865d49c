/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a unit does not say of itself, but a PCI function of the same machine
 * gives away.  The layer above applies it; see iommu_quirks.c.
 */
#ifndef VTD_QUIRKS_H
#define VTD_QUIRKS_H

#include <types.h>

enum {
	/* All units of the machine keep table writes in a buffer (CAP.RWBF). */
	QUIRK_BUFFERS_WRITES = 1,
	/* No unit of the machine translates for its graphics. */
	QUIRK_NO_GRAPHICS = 2,
	/* This function hangs when its unit stops translating. */
	QUIRK_KEEP_ON = 4,
	/* This function's own TLB must be flushed twice. */
	QUIRK_DEVTLB_TWICE = 8,
	/* The unit for isochronous devices may have been given no TLB entries;
	 * this function's register at QUIRK_ISOCH_REGISTER tells. */
	QUIRK_ISOCH = 16,
};

#define QUIRK_ISOCH_REGISTER	0x188
#define QUIRK_ISOCH_ENABLED(v)	((v) & 1)
#define QUIRK_ISOCH_ENTRIES(v)	((v) >> 2 & 7)

/* Bits of the above. */
unsigned vtd_quirks(uint16_t vendor, uint16_t device, uint32_t class);

#endif
