/* SPDX-License-Identifier: BSD-2-Clause */
/* What files show of units and devices (iommu.h). */
#include "iommu_impl.h"

/* Submitted, and not seen as completed: each submission ends with a wait whose
 * position is what is reported (inv_queue.c). */
static unsigned queued(struct vtd *u)
{
	uint32_t done;

	if (!u->queue.ring)
		return 0;
	os_hold(&u->queue.lock);
	done = __atomic_load_n(u->queue.status, __ATOMIC_ACQUIRE);
	return done ? u->queue.tail - done - 1 : u->queue.tail;
}

static unsigned attached(unsigned n)
{
	unsigned count = 0;

	os_hold(&iommu.lock);
	for (struct iommu_dev *d = iommu.unit_devs[n]; d; d = d->next_in_unit)
		count += d->space && d->space->owner;
	return count;
}

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
		.devices = attached(n),
		.unsupported = u->unsupported,
		.failure = vtd_failure(u), .segment = u->segment,
		.address_bits = u->address_bits, .domains = u->ndids,
		.domains_used = u->did_map ? did_in_use(u) : 0,
		.entries = u->irt ? PGSIZE / sizeof(*u->irt) : 0,
		.entries_used = irt_in_use(u),
		.queue = u->queue.ring ? VTD_QUEUE_SIZE : 0,
		.queued = queued(u),
		.faults = READ_ONCE(iommu.unit_faults[n]),
	};
	return true;
}

static void device_state(struct iommu_device_info *i, const struct iommu_dev *d)
{
	bool gone = pci_function_gone(i->pci);

	i->master = !gone && pci_masters_bus(i->pci);
	i->why = d->refused ? d->refused : !d->unit ?
		"no remapping unit covers it" : d->unit->unsupported;
	i->state = i->why ? "refused" : d->fenced ? "fenced" : !d->space ?
		"free" : d->space->owner ? "attached" : "firmware";
	if (!i->why)
		i->why = d->fenced ? d->why_fenced : gone ? "does not answer" :
			NULL;
}

static void device_info(struct iommu_dev *d, struct iommu_device_info *info)
{
	*info = (struct iommu_device_info){
		.pci = &d->pci, .pid = d->space ? d->space->pid : 0,
		.did = d->su ? d->su->did : 0,
		.unit = d->unit ? d->unit->base : 0,
		.unit_index = d->unit ? (int)d->unit->index : -1,
		.fenced = d->fenced, .reserved = d->reserved,
		.faults = d->faults, .ats = d->ats_in,
		.group = d->group ? &d->group->pci : &d->pci,
	};
	device_state(info, d);
}

void iommu_device_info(struct iommu_dev *d, struct iommu_device_info *info)
{
	os_hold(&iommu.lock);
	device_info(d, info);
}

struct iommu_dev *iommu_next_device(const struct iommu_dev *after)
{
	return dev_of(after ? after->pci.higher : iommu.pci.lowest);
}

void *iommu_peer(struct iommu_dev *d, unsigned n)
{
	struct iommu_dev *p = d;

	for (; n && p->pci.peers != &d->pci; n--)
		p = dev_of(p->pci.peers);
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

bool iommu_reserved(const struct iommu_dev *d, unsigned n, uint64_t *lo,
		    uint64_t *hi)
{
	for (const struct scope *s = iommu.scopes; s; s = s->next)
		if (s->in_force && scope_is(s, SCOPE_RESERVED, d->pci.segment,
					    d->pci.sid) && !n--) {
			*lo = s->base;
			*hi = s->limit;
			return true;
		}
	return false;
}

unsigned iommu_dropped(const struct iommu_dropped **list)
{
	*list = iommu.drops;
	return iommu.ndrops;
}
