/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the path of a DMAR table's scope leads (dmar_path.h): the one place where
 * that table and PCI meet.  Called at boot, once bus numbers are fixed. */
#include <dmar_path.h>
#include <iommu_os.h>
#include <pci_function.h>

bool dmar_follow(const struct dmar_table *t, const struct dmar_scope *s,
		 uint16_t segment, uint16_t *sid)
{
	uint8_t bus = s->bus, last;
	struct dmar_hop hop;

	for (unsigned i = 0; i < s->path_len; i++) {
		hop = dmar_hop(t, s, i);
		*sid = pci_sid(bus, hop.dev, hop.fn);
		if (i + 1u < s->path_len &&
		    !pci_is_bridge(segment, *sid, &bus, &last))
			return false;
	}
	/* An I/O APIC need not be there as a PCI function. */
	return s->path_len && (s->type == DMAR_SCOPE_IOAPIC ||
		os_pci_read(segment, *sid, 0, 4) != 0xffffffff);
}

