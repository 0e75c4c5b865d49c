/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of devices, remapped where their unit can: each has an entry of
 * its own that lets through one vector to one processor, and only if it comes
 * from that device.
 */
#include "iommu_impl.h"

/* Behind a bridge from PCI Express to PCI a request bears the id of the bus
 * below it, or the device's own; behind conventional ones the bridge's. */
static struct irt_source source_of(const struct iommu_dev *d)
{
	uint16_t top = d->pci.rids[d->pci.nrids - 1].sid;

	if (d->pci.nrids > 1 && !(top & 0xff))
		return (struct irt_source){ .sid = top, .last = d->pci.sid };
	return (struct irt_source){ .sid = top };
}

/* irq->unit stays NULL where the unit remaps nothing. */
static int open_in(struct vtd *u, struct irt_source from, uint8_t vector,
		   uint32_t apic, bool level, struct iommu_irq *irq)
{
	int index;

	*irq = (struct iommu_irq){ 0 };
	if (!u || u->unsupported || !u->irt || !(u->gcmd & GCMD_IRE))
		return 0;
	index = irt_set(u, irt_entry(u, &from, vector, apic, level));
	if (index < 0)
		return -1;
	*irq = (struct iommu_irq){ u, (unsigned)index };
	return 0;
}

int iommu_irq_open(struct iommu_dev *d, uint8_t vector, uint32_t apic,
		   struct iommu_irq *irq, uint64_t *addr, uint32_t *data)
{
	int err = open_in(d->unit, source_of(d), vector, apic, false, irq);

	if (irq->unit) {
		*addr = irt_message(irq->index);
		*data = 0;
	}
	return err;
}

static const struct scope *find_ioapic(uint8_t id)
{
	const struct scope *s = iommu.scopes;

	while (s && (s->use != SCOPE_IOAPIC || s->enum_id != id))
		s = s->next;
	return s;
}

int iommu_irq_open_ioapic(uint8_t id, uint8_t vector, uint32_t apic, bool level,
			  struct iommu_irq *irq, uint64_t *entry)
{
	const struct scope *s = find_ioapic(id);
	struct irt_source from = { .sid = s ? s->sid : 0 };
	int err = open_in(s ? s->unit : NULL, from, vector, apic, level, irq);

	if (irq->unit)
		*entry = irt_ioapic_entry(irq->index, vector);
	return err;
}

int iommu_irq_close(struct iommu_irq *irq)
{
	struct vtd *u = irq->unit;

	irq->unit = NULL;
	return u ? irt_clear(u, irq->index) : 0;
}
