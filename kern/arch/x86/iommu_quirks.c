/* SPDX-License-Identifier: BSD-2-Clause */
/* What quirks (vtd/quirks.h) change; once all devices are known. */
#include "iommu_impl.h"

#include <vtd/quirks.h>

static unsigned quirks_of(const struct iommu_dev *d)
{
	return vtd_quirks(d->pci.vendor, d->pci.device, d->pci.class);
}

static bool is_graphics(const struct iommu_dev *d)
{
	return d->pci.class >> 16 == PCI_BASE_DISPLAY;
}

/* Graphics is for nobody; a unit that serves nothing else is left alone. */
static void no_graphics(void)
{
	for_each_device(d)
		if (is_graphics(d))
			d->refused = "translation for graphics does not work "
				"on this chipset";
	for (unsigned i = 0; i < iommu.nunits; i++) {
		struct iommu_dev *d = iommu.unit_devs[i];

		while (d && is_graphics(d))
			d = d->next_in_unit;
		if (!d && iommu.unit_devs[i])
			iommu.units[i]->unsupported =
				"it serves graphics alone, and does not work "
				"on this chipset";
	}
}

/* Sound is what the isochronous unit is for. */
static void no_sound(const struct iommu_dev *chipset)
{
	uint32_t v = os_pci_read(chipset->pci.segment, chipset->pci.sid,
				 QUIRK_ISOCH_REGISTER, 4);

	if (!QUIRK_ISOCH_ENABLED(v) || QUIRK_ISOCH_ENTRIES(v))
		return;
	for_each_device(d)
		if (d->pci.class >> 8 == PCI_CLASS_AUDIO)
			d->refused = "the firmware has given its unit no TLB "
				"entries";
}

static void buffers_writes(void)
{
	for (unsigned i = 0; i < iommu.nunits; i++)
		iommu.units[i]->cap |= CAP_RWBF;
}

void quirks_apply(void)
{
	for_each_device(d) {
		unsigned q = quirks_of(d);

		if (!q)
			continue;
		os_log(OS_INFO, "iommu: %s has quirks 0x%x", dev_text(d).s, q);
		if (q & QUIRK_BUFFERS_WRITES)
			buffers_writes();
		if (q & QUIRK_NO_GRAPHICS)
			no_graphics();
		if (q & QUIRK_ISOCH)
			no_sound(d);
		if (q & QUIRK_KEEP_ON && d->unit)
			d->unit->keep_on = true;
		if (q & QUIRK_DEVTLB_TWICE && d->unit)
			d->unit->devtlb_twice = true;
	}
}
