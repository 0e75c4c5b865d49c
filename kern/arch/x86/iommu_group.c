/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which functions a remapping unit cannot tell apart, and which ones can reach
 * each other past it (pci_function.h).
 *
 * Peers share a requester id, as behind a bridge that puts its own on what
 * passes upwards (PCI Express to PCI Bridge 1.0, 2.3): they are handed over
 * together.  A group is wider: between its members requests may be routed that
 * never come up to the unit (PCI Express 6.12: without access control services
 * in the ports above them, or between the functions of one device).  Members
 * may only belong to one owner.
 */
#include "iommu_impl.h"

static void join_group(struct iommu_dev *d)
{
	d->group = dev_of(pci_group_of(&iommu.pci, &d->pci));
	if (d == d->group)
		return;
	d->next_in_group = d->group->next_in_group;
	d->group->next_in_group = d;
}

void groups_make(void)
{
	pci_find_above(&iommu.pci);
	for_each_device(d) {
		if (!pci_find_rids(&iommu.pci, &d->pci))
			d->refused = "has more requester ids than are kept";
		pci_acs_enable(&d->pci);
	}
	for_each_device(d) {
		join_group(d);
		pci_join_sharers(&iommu.pci, &d->pci);
		pci_find_bus_reset(&iommu.pci, &d->pci);
	}
}

struct iommu_dev *group_conflict(const struct iommu_dev *d,
				 const struct iommu_space *s)
{
	for (struct iommu_dev *m = d->group; m; m = m->next_in_group)
		if (m->space && m->space->owner && m->space != s)
			return m;
	return NULL;
}
