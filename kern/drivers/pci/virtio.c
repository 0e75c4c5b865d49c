/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a virtio function goes through the remapping unit: only one that
 * offers VIRTIO_F_ACCESS_PLATFORM does (Virtio 1.2, 6); all others use physical
 * addresses past it, whatever the unit's tables say.
 */
#include <arch.h>
#include <lock.h>
#include <pci.h>
#include <x86.h>

#define VIRTIO_VENDOR		0x1af4
#define VIRTIO_FIRST		0x1000
#define VIRTIO_LAST		0x107f
#define CAP_CFG_TYPE		3
#define CAP_BAR			4
#define CAP_OFFSET		8
#define CFG_COMMON		1
#define COMMON_FEATURE_SELECT	0
#define COMMON_FEATURE		4
#define ACCESS_PLATFORM_WORD	1		/* bit 33 */
#define ACCESS_PLATFORM_BIT	(1u << 1)

static uint8_t *common_config(struct pci_device *d)
{
	uint8_t cap = 0;
	uint32_t bar, off;

	do {
		cap = pci_find_cap(d, PCI_CAP_VENDOR, cap);
		if (!cap)
			return NULL;
	} while (pci_get(d, cap + CAP_CFG_TYPE, 1) != CFG_COMMON);
	bar = pci_get(d, cap + CAP_BAR, 1);
	off = pci_get(d, cap + CAP_OFFSET, 4);
	if (bar >= PCI_NBARS || d->bars[bar].io ||
	    d->bars[bar].len < (uint64_t)off + 8)
		return NULL;
	return mmio_map(d->bars[bar].pa + off, 8);
}

const char *pci_virtio_bypass(struct pci_device *d)
{
	uint8_t *common;
	uint32_t features;

	if (d->vendor != VIRTIO_VENDOR || d->device < VIRTIO_FIRST ||
	    d->device > VIRTIO_LAST)
		return NULL;
	common = common_config(d);
	if (!common)
		return "a virtio device without modern interface bypasses the "
			"iommu";
	pci_memory_on(d);
	mmio_write32(common + COMMON_FEATURE_SELECT, ACCESS_PLATFORM_WORD);
	features = mmio_read32(common + COMMON_FEATURE);
	if (features & ACCESS_PLATFORM_BIT)
		return NULL;
	return "a virtio device without VIRTIO_F_ACCESS_PLATFORM bypasses the "
		"iommu";
}
