/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of quirks, keyed by PCI id; pure.  Sources: the makers' errata as
 * far as they are public, else what other drivers have found out; the functions
 * named are in drivers/iommu/intel/iommu.c of Linux 6.1 to 6.12.
 */
#include <pci_regs.h>
#include <vtd/quirks.h>

#define INTEL		0x8086

struct row {
	uint16_t device, mask;	/* of Intel's, under that mask */
	uint8_t class;		/* base class it must have; 0: any */
	uint8_t quirks;
};

static const struct row rows[] = {
	/* 4 Series chipsets, mobile and desktop: host bridges whose units do
	 * not report RWBF and whose graphics translation is broken (Linux:
	 * quirk_iommu_rwbf, quirk_iommu_igfx). */
	{ 0x2a40, 0xffff, 0, QUIRK_BUFFERS_WRITES | QUIRK_NO_GRAPHICS },
	{ 0x2e00, 0xffff, 0, QUIRK_BUFFERS_WRITES | QUIRK_NO_GRAPHICS },
	{ 0x2e10, 0xffff, 0, QUIRK_BUFFERS_WRITES | QUIRK_NO_GRAPHICS },
	{ 0x2e20, 0xffff, 0, QUIRK_BUFFERS_WRITES | QUIRK_NO_GRAPHICS },
	{ 0x2e30, 0xffff, 0, QUIRK_BUFFERS_WRITES | QUIRK_NO_GRAPHICS },
	{ 0x2e40, 0xffff, 0, QUIRK_BUFFERS_WRITES | QUIRK_NO_GRAPHICS },
	{ 0x2e90, 0xffff, 0, QUIRK_BUFFERS_WRITES | QUIRK_NO_GRAPHICS },
	/* QM57 and QS57 with integrated graphics (Linux: quirk_iommu_igfx). */
	{ 0x0044, 0xffff, 0, QUIRK_NO_GRAPHICS },
	/* Broadwell's graphics, all variants (Linux: quirk_iommu_igfx). */
	{ 0x1600, 0xffc0, PCI_BASE_DISPLAY, QUIRK_NO_GRAPHICS },
	/* Graphics from Ice Lake to Meteor Lake hang when their unit is
	 * switched off (Linux: quirk_igfx_skip_te_disable). */
	{ 0x4500, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	{ 0x4600, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	{ 0x4c00, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	{ 0x4e00, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	{ 0x7d00, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	{ 0x8a00, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	{ 0x9800, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	{ 0x9a00, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	{ 0xa700, 0xff00, PCI_BASE_DISPLAY, QUIRK_KEEP_ON },
	/* QuickAssist of Sapphire Rapids: one device-TLB flush may overtake a
	 * translation that is under way (Linux: need_extra_dtlb_flush). */
	{ 0x4940, 0xfffc, 0, QUIRK_DEVTLB_TWICE },
	/* 5500/X58 chipsets: the firmware may leave the isochronous unit
	 * without TLB entries (Linux: check_tylersburg_isoch). */
	{ 0x342e, 0xffff, 0, QUIRK_ISOCH },
};

unsigned vtd_quirks(uint16_t vendor, uint16_t device, uint32_t class)
{
	unsigned found = 0;

	for (unsigned i = 0; vendor == INTEL && i < ARRAY_SIZE(rows); i++)
		if ((device & rows[i].mask) == rows[i].device &&
		    (!rows[i].class || rows[i].class == class >> 16))
			found |= rows[i].quirks;
	return found;
}
