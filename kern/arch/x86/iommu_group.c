/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which functions a remapping unit cannot tell apart, and which ones can reach
 * each other past it.
 *
 * Peers share a requester id, as behind a bridge that puts its own on what
 * passes upwards (PCI Express to PCI Bridge 1.0, 2.3): they are handed over
 * together.  A group is wider: between its members requests may be routed that
 * never come up to the unit (PCI Express 6.12: without access control services
 * in the ports above them, or between the functions of one device).  Members
 * may only belong to one owner.
 */
#include "iommu_impl.h"

#include <pci_regs.h>

#define NOT_EXPRESS	16u

static unsigned express_type(const struct iommu_dev *d)
{
	if (!d->pcie)
		return NOT_EXPRESS;
	return PCIE_TYPE(os_pci_read(d->segment, d->sid, d->pcie + PCIE_CAPS,
				     2));
}

/* Bridges are found by what stands in them; bus numbers do not change. */
static struct iommu_dev *find_above(const struct iommu_dev *d)
{
	unsigned bus = d->sid >> 8;

	for (struct iommu_dev *b = iommu.devs; b; b = b->next)
		if (b->header == PCI_HEADER_BRIDGE &&
		    b->segment == d->segment && b->sid >> 8 < bus &&
		    b->secondary == bus)
			return b;
	return NULL;
}

void add_rid(struct iommu_dev *d, uint16_t sid)
{
	struct rid **head = *rids_of_bus(d->segment, sid) + (sid & 0xff);
	struct rid *r = &d->rids[d->nrids];

	for (unsigned i = 0; i < d->nrids; i++)
		if (d->rids[i].sid == sid)
			return;
	if (d->nrids == MAX_RIDS) {
		d->refused = "has more requester ids than are kept";
		return;
	}
	d->nrids++;
	*r = (struct rid){ .next = *head, .dev = d, .sid = sid };
	*head = r;
}

/* A conventional bridge uses its own id, one from PCI Express to PCI that of
 * its secondary bus; the uppermost is what the unit sees, but a bridge need not
 * rename everything, so all count. */
static void rids_find(struct iommu_dev *d)
{
	struct iommu_dev *below = d, *b;
	unsigned type;

	while ((b = below->above)) {
		type = express_type(b);
		if (type == PCIE_TO_PCI)
			add_rid(d, (uint16_t)(below->sid & 0xff00));
		else if (type == NOT_EXPRESS || type == PCIE_FROM_PCI)
			add_rid(d, b->sid);
		below = b;
	}
}

static bool same_slot(const struct iommu_dev *a, const struct iommu_dev *b)
{
	return a->segment == b->segment && a->sid >> 3 == b->sid >> 3;
}

/* One function without access control services reaches all of its slot, also
 * those that have them. */
static bool slot_apart(const struct iommu_dev *d)
{
	for (struct iommu_dev *o = iommu.devs; o; o = o->next)
		if (same_slot(o, d) && !acs_enabled(o))
			return false;
	return true;
}

/* Likewise one port of a switch all that is below the others. */
static bool switch_apart(const struct iommu_dev *up)
{
	for (struct iommu_dev *o = iommu.devs; o; o = o->next)
		if (o->segment == up->segment && o->sid >> 8 == up->secondary &&
		    !acs_enabled(o))
			return false;
	return true;
}

/* Whether what is below reaches nothing beside it. */
static bool isolates(const struct iommu_dev *d)
{
	switch (express_type(d)) {
	case PCIE_ROOT_PORT:
	case PCIE_DOWNSTREAM_PORT:
		return slot_apart(d);
	case PCIE_UPSTREAM_PORT:
		return switch_apart(d);
	default:
		return false;
	}
}

static bool path_isolates(const struct iommu_dev *port)
{
	for (; port; port = port->above)
		if (!isolates(port))
			return false;
	return true;
}

/* The first function of a slot whose functions may talk to each other. */
static const struct iommu_dev *slot_first(const struct iommu_dev *d)
{
	const struct iommu_dev *first = d;

	if (slot_apart(d))
		return d;
	for (struct iommu_dev *o = iommu.devs; o; o = o->next)
		if (same_slot(o, d) && o->sid < first->sid)
			first = o;
	return first;
}

/* Up to the lowest bridge from which on everything is kept apart. */
static struct iommu_dev *group_of(struct iommu_dev *d)
{
	const struct iommu_dev *top = d, *b;

	for (b = d->above; b && !path_isolates(b); b = b->above)
		top = b;
	return find_device(d->segment, slot_first(top)->sid);
}

/* Two rings become one. */
static void join_peers(struct iommu_dev *a, struct iommu_dev *b)
{
	struct iommu_dev *after = a->peers;

	for_each_peer(p, a)
		if (p == b)
			return;
	a->peers = b->peers;
	b->peers = after;
}

static void join_group(struct iommu_dev *d)
{
	d->group = group_of(d);
	if (d == d->group)
		return;
	d->next_in_group = d->group->next_in_group;
	d->group->next_in_group = d;
}

/* Joins all that go by the same id; a bridge is no peer of what is behind it,
 * as it is handed to nobody. */
static void join_sharers(struct iommu_dev *d)
{
	for (unsigned i = 0; i < d->nrids; i++)
		for_each_rid(r, d->segment, d->rids[i].sid)
			if (r->dev->header != PCI_HEADER_BRIDGE)
				join_peers(d, r->dev);
}

void groups_make(void)
{
	for (struct iommu_dev *d = iommu.devs; d; d = d->next)
		d->above = find_above(d);
	for (struct iommu_dev *d = iommu.devs; d; d = d->next) {
		rids_find(d);
		acs_enable(d);
	}
	for (struct iommu_dev *d = iommu.devs; d; d = d->next) {
		join_group(d);
		if (d->header != PCI_HEADER_BRIDGE)
			join_sharers(d);
		bus_reset_find(d);
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
