/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that the firmware has reserved for devices that it goes on using
 * (RMRR, VT-d 8.4): mapped one to one for the device, before translation
 * begins, in a space of its own that belongs to nobody.  A region that cannot
 * be true, or that holds memory which we give out, is refused and named; its
 * device is then fenced like all others.
 */
#include "iommu_impl.h"

#include <dmar.h>

#define INTERRUPTS_LO	0xfee00000u
#define INTERRUPTS_HI	0xfeefffffu

static const char *wrong(const struct iommu_dev *d, const struct scope *r)
{
	if (r->limit < r->base)
		return "its end is before its start";
	if (r->base % PGSIZE || (r->limit + 1) % PGSIZE)
		return "it is not whole pages";
	if (r->limit >= SL_END || r->limit >> d->unit->address_bits)
		return "its unit cannot translate that far";
	if (r->limit >= INTERRUPTS_LO && r->base <= INTERRUPTS_HI)
		return "it covers the interrupt range";
	if (iommu.upper.gives_out &&
	    iommu.upper.gives_out(r->base, r->limit))
		return "it overlaps memory that we give out";
	return NULL;
}

static int map_region(struct iommu_space *s, const struct scope *r)
{
	struct iommu_change change = { 0 };
	int err = sl_map(&s->table, r->base, r->base, r->limit + 1 - r->base,
			 SL_R | SL_W, &change);

	sl_reap(&s->table, &change);	/* nothing walks them yet */
	return err;
}

/* All true regions of the device; how many. */
static unsigned map_regions(struct iommu_space *s, const struct iommu_dev *d)
{
	const char *why;
	unsigned n = 0;

	for (struct scope *r = iommu.scopes; r; r = r->next) {
		if (!scope_is(r, SCOPE_RESERVED, d->pci.segment, d->pci.sid))
			continue;
		why = wrong(d, r);
		if (!why && map_region(s, r) < 0)
			why = "no memory";
		r->in_force = !why;
		n += !why;
		if (why)
			note_drop(r->offset, DMAR_RMRR, why);
		os_log(why ? OS_WARN : OS_INFO,
		       "iommu: %s: reserved 0x%lx-0x%lx%s%s", dev_text(d).s,
		       r->base, r->limit, why ? " refused: " : "",
		       why ? why : "");
	}
	return n;
}

/* Our tables are not in use yet: entries may be stored without flushing
 * caches. */
static void install(struct iommu_dev *d)
{
	struct iommu_space *s = iommu_space_create(NULL, 0, 0, d);
	struct space_unit *su = NULL;

	if (s && map_regions(s, d))
		su = join_unit(s, d->unit);
	if (su && entries_prepare(d) == 0) {
		entries_set(d, s, su, false);
		d->space = s;
		d->su = su;
		d->mastered = pci_masters_bus(&d->pci);
		return;
	}
	if (su)
		leave_unit(s, su, false);
	if (s)
		(void)!iommu_space_destroy(s);
}

void reserved_install(void)
{
	for_each_device(d)
		if (d->reserved && d->unit && !d->unit->unsupported)
			install(d);
}
