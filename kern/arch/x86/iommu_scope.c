/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device scopes (VT-d 8.3): which unit a device is behind: the one whose scopes
 * name it; else the one whose scopes name the nearest bridge above it; else the
 * one of its segment that says INCLUDE_PCI_ALL.  Also which devices have
 * reserved regions, and which ones may use a device TLB.
 */
#include "iommu_impl.h"

#include <dmar.h>
#include <dmar_path.h>

/* What a scope of that type is for, in a structure that is for like->use;
 * false: nothing that we know. */
static bool means(const struct dmar_scope *s, struct scope *like)
{
	if (s->type == DMAR_SCOPE_IOAPIC && like->use == SCOPE_UNIT) {
		like->use = SCOPE_IOAPIC;
		like->enum_id = s->enum_id;
		return true;
	}
	return s->type == DMAR_SCOPE_ENDPOINT || s->type == DMAR_SCOPE_BRIDGE;
}

static void add(const struct scope *like, uint16_t sid)
{
	struct scope *s = os_alloc(sizeof(*s));

	if (!s) {
		os_log(OS_ERROR, "iommu: no memory for a scope; %s is not "
		       "looked after", bdf_text(like->segment, sid).s);
		return;
	}
	*s = *like;
	s->next = iommu.scopes;
	s->sid = sid;
	(void)pci_is_bridge(s->segment, sid, &s->secondary, &s->subordinate);
	iommu.scopes = s;
}

void scopes_add(const struct dmar_table *t, const struct dmar_entry *e,
		enum scope_use use, struct vtd *unit)
{
	struct dmar_scope s = { 0 };
	struct scope what;
	uint16_t sid;

	while (dmar_next_scope(t, e, &s)) {
		if (s.error) {
			drop(s.offset, e->type, dmar_strerror(s.error));
			continue;
		}
		what = (struct scope){
			.use = use, .segment = e->segment, .unit = unit,
			.base = e->base, .limit = e->limit,
			.offset = e->offset,
		};
		if (!means(&s, &what))
			continue;
		if (dmar_follow(t, &s, e->segment, &sid))
			add(&what, sid);
		else
			drop(s.offset, e->type, "its path leads to no device");
	}
}

bool scope_is(const struct scope *s, enum scope_use use, uint16_t segment,
	      uint16_t sid)
{
	return s->use == use && s->segment == segment && s->sid == sid;
}

/* A bridge that firmware gave no buses has nothing below it; what is none has
 * bus 0 for its secondary. */
static bool is_above(const struct scope *s, enum scope_use use,
		     uint16_t segment, uint16_t sid)
{
	unsigned bus = sid >> 8;

	return s->use == use && s->segment == segment &&
		s->secondary > s->sid >> 8 && bus >= s->secondary &&
		bus <= s->subordinate;
}

/* That of the nearest bridge above: the one with the highest bus. */
static struct vtd *unit_above(uint16_t segment, uint16_t sid)
{
	struct scope *s, *nearest = NULL;

	for (s = iommu.scopes; s; s = s->next)
		if (is_above(s, SCOPE_UNIT, segment, sid) &&
		    (!nearest || s->secondary > nearest->secondary))
			nearest = s;
	return nearest ? nearest->unit : NULL;
}

struct vtd *scope_unit(uint16_t segment, uint16_t sid)
{
	struct vtd *above;

	for (struct scope *s = iommu.scopes; s; s = s->next)
		if (scope_is(s, SCOPE_UNIT, segment, sid))
			return s->unit;
	above = unit_above(segment, sid);
	if (above)
		return above;
	for (unsigned i = 0; i < iommu.nall; i++)
		if (iommu.all_of_segment[i]->segment == segment)
			return iommu.all_of_segment[i];
	return NULL;
}

bool scope_names(enum scope_use use, const struct iommu_dev *d)
{
	for (struct scope *s = iommu.scopes; s; s = s->next)
		if (scope_is(s, use, d->pci.segment, d->pci.sid))
			return true;
	return false;
}

/* VT-d 8.5 and 8.8: root ports that pass translated requests on, and devices
 * of the root complex itself. */
bool scope_ats(const struct iommu_dev *d)
{
	for (unsigned i = 0; i < iommu.nats_segments; i++)
		if (iommu.ats_segments[i] == d->pci.segment)
			return true;
	for (struct scope *s = iommu.scopes; s; s = s->next)
		if (scope_is(s, SCOPE_ATS, d->pci.segment, d->pci.sid) ||
		    is_above(s, SCOPE_ATS, d->pci.segment, d->pci.sid))
			return true;
	return false;
}
