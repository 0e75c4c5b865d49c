/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which unit a device is behind (VT-d 8.3): the one whose scopes name it; else
 * the one whose scopes name the nearest bridge above it; else the one of its
 * segment that says INCLUDE_PCI_ALL.  Also which devices have reserved regions,
 * and which ones the unit sees under an id that is not theirs.
 */
#include "iommu_impl.h"

#include <dmar.h>

#define PCI_SECONDARY	0x19
#define PCI_SUBORDINATE	0x1a
#define PCI_HEADER_TYPE	0x0e
#define HEADER_BRIDGE	1

#define PCIE_CAPS	0x02
#define PCIE_TYPE(caps)	((caps) >> 4 & 15u)
#define PCIE_TO_PCI	7	/* PCI Express 7.5.3.2 */
#define PCI_TO_PCIE	8

static uint16_t make_sid(unsigned bus, struct dmar_hop hop)
{
	return (uint16_t)(bus << 8 | (hop.dev & 31u) << 3 | (hop.fn & 7u));
}

static bool is_bridge(uint16_t segment, uint16_t sid)
{
	uint32_t type = os_pci_read(segment, sid, PCI_HEADER_TYPE, 1);

	return type != 0xff && (type & 0x7f) == HEADER_BRIDGE;
}

/* Follows a path through the bridges' secondary buses; false: it leads to
 * nothing. */
static bool resolve(const struct dmar_table *t, const struct dmar_scope *s,
		    uint16_t segment, uint16_t *sid)
{
	unsigned bus = s->bus;

	for (unsigned i = 0; i < s->path_len; i++) {
		*sid = make_sid(bus, dmar_hop(t, s, i));
		if (i + 1u == s->path_len)
			break;
		if (!is_bridge(segment, *sid))
			return false;
		bus = os_pci_read(segment, *sid, PCI_SECONDARY, 1);
	}
	return s->path_len &&
		os_pci_read(segment, *sid, 0, 4) != 0xffffffff;
}

static void add(uint16_t segment, uint16_t sid, struct vtd *u)
{
	struct scope *s = os_alloc(sizeof(*s));

	if (!s) {
		os_log(OS_ERROR, "iommu: no memory for a scope; %s stays "
		       "without unit", bdf_text(segment, sid).s);
		return;
	}
	*s = (struct scope){
		.next = iommu.scopes, .segment = segment, .sid = sid, .unit = u,
	};
	if (is_bridge(segment, sid)) {
		s->bridge = true;
		s->secondary = (uint8_t)os_pci_read(segment, sid,
						    PCI_SECONDARY, 1);
		s->subordinate = (uint8_t)os_pci_read(segment, sid,
						      PCI_SUBORDINATE, 1);
	}
	iommu.scopes = s;
}

void scopes_add(const struct dmar_table *t, const struct dmar_entry *e,
		struct vtd *u)
{
	struct dmar_scope s = { 0 };
	uint16_t sid;

	while (dmar_next_scope(t, e, &s)) {
		if (s.error) {
			os_log(OS_WARN, "dmar: offset %u: %s; dropped",
			       s.offset, dmar_strerror(s.error));
			continue;
		}
		if (s.type != DMAR_SCOPE_ENDPOINT &&
		    s.type != DMAR_SCOPE_BRIDGE)
			continue;
		if (resolve(t, &s, e->segment, &sid))
			add(e->segment, sid, u);
		else
			os_log(OS_WARN, "dmar: offset %u: its path leads to no "
			       "device; dropped", s.offset);
	}
}

/* A bridge that firmware gave no buses has nothing below it. */
static bool below(const struct scope *s, uint16_t segment, uint16_t sid)
{
	unsigned bus = sid >> 8;

	return s->bridge && s->segment == segment &&
		s->secondary > s->sid >> 8 && bus >= s->secondary &&
		bus <= s->subordinate;
}

/* That of the nearest bridge above: the one with the highest bus. */
static struct vtd *unit_above(uint16_t segment, uint16_t sid)
{
	struct scope *s, *nearest = NULL;

	for (s = iommu.scopes; s; s = s->next)
		if (s->unit && below(s, segment, sid) &&
		    (!nearest || s->secondary > nearest->secondary))
			nearest = s;
	return nearest ? nearest->unit : NULL;
}

struct vtd *scope_unit(uint16_t segment, uint16_t sid)
{
	struct vtd *above;

	for (struct scope *s = iommu.scopes; s; s = s->next)
		if (s->unit && s->segment == segment && s->sid == sid)
			return s->unit;
	above = unit_above(segment, sid);
	if (above)
		return above;
	for (unsigned i = 0; i < iommu.nall; i++)
		if (iommu.all_of_segment[i]->segment == segment)
			return iommu.all_of_segment[i];
	return NULL;
}

bool scope_reserved(uint16_t segment, uint16_t sid)
{
	for (struct scope *s = iommu.scopes; s; s = s->next)
		if (!s->unit && s->segment == segment && s->sid == sid)
			return true;
	return false;
}

/* The bridge to that bus; NULL: it is a root bus. */
static struct iommu_dev *bridge_to(uint16_t segment, unsigned bus)
{
	struct iommu_dev *d;

	for (unsigned b = 0; b < DEV_BUCKETS; b++)
		for (d = iommu.devs[b]; d; d = d->next)
			if (d->segment == segment && d->sid >> 8 < bus &&
			    is_bridge(segment, d->sid) &&
			    os_pci_read(segment, d->sid, PCI_SECONDARY, 1) ==
			    bus)
				return d;
	return NULL;
}

/* Whether a bridge puts an id of its own on what passes it upwards, and which:
 * a conventional one its own, one from PCI Express that of its secondary bus
 * (PCI Express to PCI Bridge 1.0, 2.3). */
static bool renames(const struct iommu_dev *bridge, unsigned bus,
		    uint16_t *alias)
{
	unsigned type = 0;

	if (bridge->pcie)
		type = PCIE_TYPE(os_pci_read(bridge->segment, bridge->sid,
					     bridge->pcie + PCIE_CAPS, 2));
	*alias = type == PCIE_TO_PCI ? (uint16_t)(bus << 8) : bridge->sid;
	return !bridge->pcie || type == PCIE_TO_PCI || type == PCI_TO_PCIE;
}

struct iommu_dev *scope_alias(const struct iommu_dev *d, uint16_t *alias)
{
	unsigned bus = d->sid >> 8;
	struct iommu_dev *bridge, *last = NULL;
	uint16_t id;

	while ((bridge = bridge_to(d->segment, bus))) {
		if (renames(bridge, bus, &id)) {
			last = bridge;
			*alias = id;
		}
		bus = bridge->sid >> 8;
	}
	return last;
}
