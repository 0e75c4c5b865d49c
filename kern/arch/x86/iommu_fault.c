/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults to their owners (rule 8): the interrupt only masks the unit's fault
 * event and wakes a thread; that thread comes here, so a storm of faults costs
 * no more than the thread is willing to give.
 */
#include "iommu_impl.h"

#define AT_ONCE	16
#define SECOND	1000000000ull

/* Faults of this device in the present second, this one included. */
static unsigned count_fault(struct iommu_dev *d)
{
	uint64_t now = os_clock();

	d->faults++;
	if (now - d->window >= SECOND) {
		d->window = now;
		d->in_window = 0;
	}
	return ++d->in_window;
}

static void tell(const struct vtd *u, const struct iommu_dev *d,
		 const struct vtd_fault *rec)
{
	struct iommu_fault f = {
		.segment = u->segment, .sid = rec->sid, .addr = rec->addr,
		.access = rec->reason >= REASON_INTERRUPT ? "interrupt" :
			rec->read ? "read" : "write",
		.reason = rec->reason,
		.text = fault_text(rec->reason),
		.pid = d->space ? d->space->pid : 0,
	};

	os_log(OS_WARN, "iommu: fault: %s %s 0x%lx: %s (reason 0x%x), pid %d",
	       bdf_text(f.segment, f.sid).s, f.access, f.addr,
	       f.text, f.reason, f.pid);
	if (iommu.upper.fault)
		iommu.upper.fault(d->space ? d->space->owner : NULL, &f);
}

/* Whose it is: behind a bridge that puts its own id on requests, those that go
 * by that id too; NULL: nobody known. */
static struct iommu_dev *source(uint16_t segment, uint16_t sid)
{
	struct iommu_dev *d = find_device(segment, sid);

	pci_for_each_rid(r, &iommu.pci, segment, sid)
		if (d->refused && !dev_of(r->fn)->refused)
			d = dev_of(r->fn);
	return d;
}

static void handle(struct vtd *u, const struct vtd_fault *rec)
{
	static struct iommu_dev unknown;
	struct iommu_dev *d;
	unsigned n;

	os_hold(&iommu.lock);
	d = source(u->segment, rec->sid);
	if (!d)
		d = &unknown;
	n = count_fault(d);
	count(&iommu.counts[EVENT_FAULT]);
	trace_event(EVENT_FAULT, .segment = u->segment, .sid = rec->sid,
		    .pid = pid_of(d), .a = rec->addr,
		    .n = rec->reason >= REASON_INTERRUPT ? 2 : rec->read,
		    .b = (uintptr_t)fault_text(rec->reason));
	if (n <= IOMMU_TOLD_FAULTS)
		tell(u, d, rec);
	if (n == IOMMU_STORM_FAULTS && d != &unknown)
		for_each_peer(p, d)
			fence(p, "too many faults in a second");
}

static bool service(struct vtd *u)
{
	struct vtd_fault list[AT_ONCE];
	unsigned n;
	bool lost;

	if (!vtd_alive(u))
		return false;
	n = fault_take(u, list, AT_ONCE, &lost);
	__atomic_fetch_add(&iommu.unit_faults[u->index], n, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < n; i++)
		handle(u, &list[i]);
	if (lost)
		os_log(OS_WARN, "iommu: unit 0x%lx: more faults than it could "
		       "record", u->base);
	return n || lost;
}

/* Those whose event has come, and no others.  They are masked until nothing is
 * left in any; what comes while they are looked at is for the next call. */
bool iommu_service_faults(void)
{
	uint32_t due = __atomic_exchange_n(&iommu.due, 0, __ATOMIC_SEQ_CST);
	bool some = false;

	for (uint32_t left = due; left; left &= left - 1)
		some |= service(iommu.units[__builtin_ctz(left)]);
	if (some) {
		__atomic_fetch_or(&iommu.due, due, __ATOMIC_RELAXED);
		return true;
	}
	for (; due; due &= due - 1)
		fault_mask(iommu.units[__builtin_ctz(due)], false);
	return false;
}
