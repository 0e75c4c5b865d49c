/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's remapping units: found in the DMAR table, given their devices,
 * started, switched on and off, and left when the kernel stops.
 *
 * Life: iommu_init (table), iommu_add_device (each function), iommu_start
 * (fence all, then translate), iommu_stop.  A unit that is bad is left out, its
 * devices stay fenced, and the others go on.
 */
#include "iommu_impl.h"

#include <dmar.h>

struct iommu iommu = { .missing = "this machine has no DMAR table" };

struct bdf_text dev_text(const struct iommu_dev *d)
{
	return bdf_text(d->pci.segment, d->pci.sid);
}

struct iommu_dev *find_device(uint16_t segment, uint16_t sid)
{
	return dev_of(pci_find_function(&iommu.pci, segment, sid));
}

/* A unit has failed (rule 5): nothing behind it may master the bus. */
static void unit_failed(struct vtd *u)
{
	struct iommu_dev *d = iommu.unit_devs[u->index];

	os_hold(&iommu.lock);
	for (; d; d = d->next_in_unit)
		fence(d, "its unit failed");
}

static void fault_event(void *unit)
{
	struct vtd *u = unit;

	fault_mask(u, true);
	__atomic_fetch_or(&iommu.due, 1u << u->index, __ATOMIC_SEQ_CST);
	if (iommu.upper.pending)
		iommu.upper.pending();
}

void note_drop(uint32_t offset, uint16_t type, const char *why)
{
	if (iommu.ndrops < MAX_DROPS)
		iommu.drops[iommu.ndrops++] = (struct iommu_dropped){
			offset, type, why };
}

void drop(uint32_t offset, uint16_t type, const char *why)
{
	os_log(OS_WARN, "dmar: offset %u: %s; dropped", offset, why);
	note_drop(offset, type, why);
}

static void drop_unit(const struct dmar_entry *e, const char *why)
{
	os_log(OS_ERROR, "dmar: offset %u: unit 0x%lx %s; dropped", e->offset,
	       e->base, why);
	note_drop(e->offset, e->type, why);
}

/* Why that entry cannot be a unit; NULL: it can. */
static const char *unit_refused(const struct dmar_entry *e)
{
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (iommu.units[i]->base == e->base)
			return "is listed already";
	return iommu.nunits == MAX_UNITS ? "is one too many" : NULL;
}

static void add_unit(const struct dmar_table *t, const struct dmar_entry *e)
{
	const char *why = unit_refused(e);
	struct vtd *u = why ? NULL : os_alloc(sizeof(*u));

	if (!u) {
		drop_unit(e, why ? why : "finds no memory");
		return;
	}
	if (!e->base || vtd_init(u, e->base, e->segment) < 0) {
		drop_unit(e, "does not answer");
		os_free(u, sizeof(*u));
		return;
	}
	u->failed = unit_failed;
	u->devtlb_timeout = devtlb_timeout;
	u->index = iommu.nunits;
	iommu.units[iommu.nunits++] = u;
	scopes_add(t, e, SCOPE_UNIT, u);
	if (e->flags & DMAR_DRHD_INCLUDE_PCI_ALL)
		iommu.all_of_segment[iommu.nall++] = u;
}

static void add_ats(const struct dmar_table *t, const struct dmar_entry *e)
{
	if (e->type != DMAR_ATSR || !(e->flags & DMAR_ATSR_ALL_PORTS))
		scopes_add(t, e, SCOPE_ATS, NULL);
	else if (iommu.nats_segments < MAX_UNITS)
		iommu.ats_segments[iommu.nats_segments++] = e->segment;
	else
		drop(e->offset, e->type, "one segment too many");
}

/* A reserved region that is wrong still says whose it is; iommu_reserved.c
 * names and refuses it. */
static void add_entry(const struct dmar_table *t, const struct dmar_entry *e)
{
	if (e->error)
		drop(e->offset, e->type, dmar_strerror(e->error));
	else if (e->type > DMAR_SIDP)
		drop(e->offset, e->type, "structure of an unknown type");
	if (e->type == DMAR_RMRR)
		scopes_add(t, e, SCOPE_RESERVED, NULL);
	if (e->error)
		return;
	if (e->type == DMAR_DRHD)
		add_unit(t, e);
	else if (e->type == DMAR_ATSR || e->type == DMAR_SATC)
		add_ats(t, e);
}

void iommu_init(const void *dmar, size_t len, const struct iommu_upper *upper)
{
	struct dmar_table t;
	struct dmar_entry e = { 0 };
	enum dmar_error bad;

	iommu.upper = *upper;
	if (!dmar)
		return;
	bad = dmar_open(&t, dmar, len);
	if (bad) {
		iommu.missing = "the DMAR table is broken";
		os_log(OS_ERROR, "dmar: %s", dmar_strerror(bad));
		return;
	}
	iommu.dmar_width = t.host_address_width;
	iommu.x2apic_opt_out = t.flags & DMAR_X2APIC_OPT_OUT;
	while (dmar_next(&t, &e))
		add_entry(&t, &e);
	iommu.missing = "no remapping unit can be used";
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (!iommu.units[i]->unsupported)
			iommu.missing = NULL;
}

int iommu_x2apic(void)
{
	if (iommu.x2apic_opt_out)
		return os_error("the firmware opts out of x2APIC");
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (!(iommu.units[i]->ecap & ECAP_EIM))
			return os_error("unit 0x%lx knows no x2APIC ids",
					iommu.units[i]->base);
	for (unsigned i = 0; i < iommu.nunits; i++)
		iommu.units[i]->x2apic = true;
	return 0;
}

const char *iommu_missing(void)
{
	return iommu.missing;
}

unsigned iommu_address_bits(void)
{
	unsigned bits = 64;

	for (unsigned i = 0; i < iommu.nunits; i++)
		if (!iommu.units[i]->unsupported)
			bits = MIN(bits, iommu.units[i]->address_bits);
	return bits;
}

unsigned iommu_leaf_levels(void)
{
	unsigned levels = SL_LEVELS;

	for (unsigned i = 0; i < iommu.nunits; i++)
		if (!iommu.units[i]->unsupported)
			levels = MIN(levels,
				     unit_format(iommu.units[i]).leaf_levels);
	return levels;
}

struct iommu_dev *iommu_add_device(uint16_t segment, uint16_t sid, void *up)
{
	struct iommu_dev *d = os_alloc(sizeof(*d)), **head;

	if (!d)
		return NULL;
	pci_function_init(&d->pci, segment, sid);
	if (!pci_function_add(&iommu.pci, &d->pci)) {
		os_free(d, sizeof(*d));
		return NULL;
	}
	d->up = up;
	d->unit = scope_unit(segment, sid);
	d->reserved = scope_names(SCOPE_RESERVED, d);
	if (d->pci.header == PCI_HEADER_BRIDGE)
		d->refused = "is a bridge to another bus";
	if (d->unit) {
		head = &iommu.unit_devs[d->unit->index];
		d->next_in_unit = *head;
		*head = d;
	}
	return d;
}

bool bus_master(struct iommu_dev *d, bool on)
{
	if (d->pci.bridge)
		return true;
	return pci_set_master(&d->pci, on && iommu.powered && !d->fenced &&
			      vtd_alive(d->unit));
}

bool leaves_bus(struct iommu_dev *d)
{
	os_hold(&iommu.lock);
	return bus_master(d, false);
}

void wait_for_transactions(const struct iommu_dev *d)
{
	if (!pci_wait_for_transactions(&d->pci))
		os_log(OS_WARN, "iommu: %s still has transactions pending",
		       dev_text(d).s);
}

/* Rule 1: nobody's device masters the bus, but one whose reserved memory has
 * been installed and is about to be translated. */
static void fence_all(bool on)
{
	for_each_device(d) {
		if (on && d->space)
			continue;
		if (!leaves_bus(d))
			os_log(OS_WARN, "iommu: %s cannot be kept from "
			       "mastering the bus", dev_text(d).s);
		wait_for_transactions(d);
	}
}

static bool can_run(struct vtd *u)
{
	return !u->unsupported && vtd_alive(u);
}

/* Protected memory would stop firmware's devices, too; where there are some,
 * the others are kept from memory by being fenced alone. */
static void protect_unit(struct vtd *u)
{
	struct iommu_dev *d = iommu.unit_devs[u->index];

	while (d && !d->space)
		d = d->next_in_unit;
	if (!d)
		(void)!vtd_protect(u);	/* or it has failed, and said so */
}

static void log_unit(const struct vtd *u, bool on)
{
	os_log(OS_INFO, "iommu: unit 0x%lx: version %u.%u, %u levels, %u bits, "
	       "%u domains, by %s%s%s%s%s", u->base, u->version >> 4 & 15,
	       u->version & 15, u->levels, u->address_bits, u->ndids,
	       u->queue.ring ? "queue" : "registers",
	       vtd_coherent(u) ? "" : ", not coherent",
	       u->cap & CAP_CM ? ", caching mode" : "",
	       u->taken_over ? ", taken over" : "", on ? "" : ", off");
}

/* It is looked at for what faults firmware has left.
 * One that firmware left on stays on even if nothing is to be translated yet:
 * by our empty tables nobody reaches memory, not even a device that cannot be
 * kept from the bus. */
static void start_unit(struct vtd *u, bool on)
{
	int err;

	if (u->unsupported)
		os_log(OS_ERROR, "iommu: unit 0x%lx is not used: %s", u->base,
		       u->unsupported);
	if (!can_run(u))
		return;
	err = vtd_start(u);
	if (!err && fault_start(u, fault_event, u) == 0) {
		__atomic_fetch_or(&iommu.due, 1u << u->index, __ATOMIC_SEQ_CST);
		fault_mask(u, false);
	}
	if (!err)
		err = vtd_translation(u, on || u->taken_over);
	if (!err) {
		log_unit(u, on);
		return;
	}
	os_log(OS_ERROR, "iommu: unit 0x%lx cannot be started", u->base);
	(void)!vtd_fail(u, "start");
}

/* Tables for devices of the firmware's come before anything is fenced or
 * translated, so that these never miss a beat. */
void iommu_start(bool on)
{
	groups_make();
	quirks_apply();
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (can_run(iommu.units[i]) && vtd_prepare(iommu.units[i]) < 0)
			iommu.units[i]->unsupported = "no memory for it";
	reserved_install();
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (can_run(iommu.units[i]))
			protect_unit(iommu.units[i]);
	fence_all(on);
	iommu.powered = on && !iommu.missing;
	for (unsigned i = 0; i < iommu.nunits; i++)
		start_unit(iommu.units[i], on);
	if (iommu.missing)
		os_log(OS_WARN, "iommu: %s", iommu.missing);
}

bool iommu_powered(void)
{
	return __atomic_load_n(&iommu.powered, __ATOMIC_ACQUIRE);
}

static void master_all_attached(bool on)
{
	os_hold(&iommu.lock);
	__atomic_store_n(&iommu.powered, on, __ATOMIC_RELEASE);
	for_each_device(d)
		if (wants_bus(d))
			bus_master(d, on);
}

/* The first device that masters the bus although it should not. */
static struct iommu_dev *still_mastering(void)
{
	os_hold(&iommu.lock);
	for_each_device(d)
		if (!pci_function_gone(&d->pci) && !bus_master(d, false))
			return d;
	return NULL;
}

static void drain_attached(void)
{
	for_each_device(d)
		if (d->space)
			wait_for_transactions(d);
}

static int translate_all(bool on)
{
	int err = 0;

	for (unsigned i = 0; i < iommu.nunits; i++)
		if (can_run(iommu.units[i]) &&
		    vtd_translation(iommu.units[i], on) < 0)
			err = -1;
	return err;
}

/* A unit that must not be switched off (quirks) goes on translating, for
 * devices that are all fenced. */
static int power_off(void)
{
	struct iommu_dev *d;

	master_all_attached(false);
	d = still_mastering();
	if (d) {
		master_all_attached(true);
		return os_error("%s cannot be kept from mastering the bus",
				dev_text(d).s);
	}
	drain_attached();
	return translate_all(false);
}

static int power_on(void)
{
	int err = translate_all(true);

	master_all_attached(true);
	return err;
}

int iommu_power(bool on)
{
	if (iommu.missing)
		return os_error("%s", iommu.missing);
	if (on == iommu_powered())
		return 0;
	trace_event(EVENT_POWER, .n = on);
	return on ? power_on() : power_off();
}

void iommu_stop(void)
{
	iommu.powered = false;
	for_each_device(d)
		bus_master(d, false);
}
