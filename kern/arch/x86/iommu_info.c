/* SPDX-License-Identifier: BSD-2-Clause */
/* What files show of units and devices (iommu.h). */
#include "iommu_impl.h"

bool iommu_unit_info(unsigned n, struct iommu_unit_info *info)
{
	struct vtd *u;

	if (n >= iommu.nunits)
		return false;
	u = iommu.units[n];
	*info = (struct iommu_unit_info){
		.unit = u, .base = u->base, .regs = u->regs,
		.dmar_width = iommu.dmar_width,
		.version = vtd_get32(u, VER), .gsts = vtd_get32(u, GSTS),
		.cap = vtd_get64(u, CAP), .ecap = vtd_get64(u, ECAP),
		.root = u->root ? vtd_get64(u, RTADDR) &
			field_mask(RTADDR_ADDR) : 0,
		.root_va = u->root,
		.devices = iommu_unit_devices(n, NULL, 0),
		.unsupported = u->unsupported,
		.failure = vtd_failure(u),
	};
	return true;
}

static void device_info(struct iommu_dev *d, struct iommu_device_info *info)
{
	*info = (struct iommu_device_info){
		.segment = d->pci.segment, .sid = d->pci.sid,
		.nrids = d->pci.nrids,
		.pid = d->space ? d->space->pid : 0,
		.did = d->su ? d->su->did : 0,
		.unit = d->unit ? d->unit->base : 0,
		.fenced = d->fenced, .reserved = d->reserved,
		.reset = pci_reset_text(d->pci.reset), .faults = d->faults,
		.ats = d->ats_in,
	};
	for (unsigned i = 0; i < d->pci.nrids; i++)
		info->rids[i] = d->pci.rids[i].sid;
	if (d->group)
		info->group = d->group->pci.sid;
}

void iommu_device_info(struct iommu_dev *d, struct iommu_device_info *info)
{
	os_hold(&iommu.lock);
	device_info(d, info);
}

/* All behind one unit are of one segment. */
static bool listed_before(const struct iommu_dev *d,
			  const struct iommu_device_info *info)
{
	return d->space->pid != info->pid ? d->space->pid < info->pid :
		d->pci.sid < info->sid;
}

unsigned iommu_unit_devices(unsigned n, struct iommu_device_info *list,
			    unsigned max)
{
	struct iommu_dev *d;
	unsigned count = 0, at;

	os_hold(&iommu.lock);
	for (d = iommu.unit_devs[n]; d; d = d->next_in_unit) {
		if (!d->space || !d->space->owner || count++ >= max)
			continue;
		at = count - 1;
		for (; at && listed_before(d, &list[at - 1]); at--)
			list[at] = list[at - 1];
		device_info(d, &list[at]);
	}
	return count;
}

void *iommu_peer(struct iommu_dev *d, unsigned n)
{
	struct iommu_dev *p = d;

	for (; n && p->peers != d; n--)
		p = p->peers;
	return n ? NULL : p->up;
}

struct iommu_losses iommu_losses(void)
{
	struct iommu_losses lost = { 0 };

	for (unsigned i = 0; i < iommu.nunits; i++) {
		lost.domain_ids += READ_ONCE(iommu.units[i]->lost_dids);
		if (iommu.units[i]->unsupported)
			continue;
		lost.ids_in_use += did_in_use(iommu.units[i]);
		lost.entries_in_use += irt_in_use(iommu.units[i]);
	}
	os_hold(&iommu.lock);
	lost.table_pages = iommu.lost_pages;
	return lost;
}

struct vtd *iommu_unit(unsigned n)
{
	return n < iommu.nunits ? iommu.units[n] : NULL;
}

const struct iommu_unit_stats *iommu_unit_stats(unsigned n)
{
	return n < iommu.nunits ? &iommu.units[n]->stats : NULL;
}

void iommu_counts(uint64_t counts[EVENT_KINDS])
{
	for (unsigned i = 0; i < EVENT_KINDS; i++)
		counts[i] = __atomic_load_n(&iommu.counts[i],
					    __ATOMIC_RELAXED);
	counts[EVENT_MAP] = counter_sum(&iommu.maps);
	counts[EVENT_UNMAP] = counter_sum(&iommu.unmaps);
}
