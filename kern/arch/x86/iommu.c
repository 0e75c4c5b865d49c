/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's remapping units: found in the DMAR table, given their devices,
 * started, switched on and off; and what files show of them.
 *
 * Life: iommu_init (table), iommu_add_device (each function), iommu_start
 * (fence all, then translate).  A unit that is bad is left out, its devices
 * stay fenced, and the others go on.
 */
#include "iommu_impl.h"

#include <dmar.h>

struct iommu iommu = { .missing = "this machine has no DMAR table" };

struct bdf_text bdf_text(uint16_t segment, uint16_t sid)
{
	static const char hex[] = "0123456789abcdef";
	unsigned part[] = { segment, sid >> 8, sid >> 3 & 31u, sid & 7u };
	struct bdf_text t = { 0 };
	unsigned at = 0;

	for (unsigned i = segment ? 0 : 1; i < 4; i++) {
		for (int shift = 12; shift >= 0; shift -= 4)
			if (part[i] >> shift || !shift)
				t.s[at++] = hex[part[i] >> shift & 15];
		if (i < 3)
			t.s[at++] = i < 2 ? ':' : '.';
	}
	return t;
}

static unsigned bucket(uint16_t segment, uint16_t sid)
{
	return (sid ^ sid >> 8 ^ segment) % DEV_BUCKETS;
}

struct iommu_dev *find_device(uint16_t segment, uint16_t sid)
{
	struct iommu_dev *d = iommu.devs[bucket(segment, sid)];

	while (d && (d->segment != segment || d->sid != sid))
		d = d->next;
	return d;
}

unsigned unit_index(const struct vtd *u)
{
	unsigned i = 0;

	while (iommu.units[i] != u)
		i++;
	return i;
}

/* A unit has failed (rule 5): nothing behind it may master the bus. */
static void unit_failed(struct vtd *u)
{
	struct iommu_dev *d = iommu.unit_devs[unit_index(u)];

	os_lock(&iommu.lock);
	for (; d; d = d->next_in_unit)
		fence(d, "its unit failed");
	os_unlock(&iommu.lock);
}

static void fault_event(void *unit)
{
	fault_mask(unit, true);
	if (iommu.events.pending)
		iommu.events.pending();
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
		os_log(OS_ERROR, "dmar: offset %u: unit 0x%lx %s; dropped",
		       e->offset, e->base, why ? why : "finds no memory");
		return;
	}
	if (!e->base || vtd_init(u, e->base, e->segment) < 0) {
		os_log(OS_ERROR, "dmar: offset %u: unit 0x%lx does not answer; "
		       "dropped", e->offset, e->base);
		os_free(u, sizeof(*u));
		return;
	}
	if (u->unsupported)
		os_log(OS_ERROR, "iommu: unit 0x%lx is not used: %s", u->base,
		       u->unsupported);
	u->failed = unit_failed;
	iommu.units[iommu.nunits++] = u;
	scopes_add(t, e, u);
	if (e->flags & DMAR_DRHD_INCLUDE_PCI_ALL)
		iommu.all_of_segment[iommu.nall++] = u;
}

static void add_entry(const struct dmar_table *t, const struct dmar_entry *e)
{
	if (e->error)
		os_log(OS_WARN, "dmar: offset %u: %s; dropped", e->offset,
		       dmar_strerror(e->error));
	else if (e->type == DMAR_DRHD)
		add_unit(t, e);
	else if (e->type == DMAR_RMRR)
		scopes_add(t, e, NULL);
}

void iommu_init(const void *dmar, size_t len)
{
	struct dmar_table t;
	struct dmar_entry e = { 0 };
	enum dmar_error bad;

	if (!dmar)
		return;
	bad = dmar_open(&t, dmar, len);
	if (bad) {
		iommu.missing = "the DMAR table is broken";
		os_log(OS_ERROR, "dmar: %s", dmar_strerror(bad));
		return;
	}
	iommu.dmar_width = t.host_address_width;
	while (dmar_next(&t, &e))
		add_entry(&t, &e);
	iommu.missing = "no remapping unit can be used";
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (!iommu.units[i]->unsupported)
			iommu.missing = NULL;
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

struct iommu_dev *iommu_add_device(uint16_t segment, uint16_t sid)
{
	struct iommu_dev *d = os_alloc(sizeof(*d));
	struct iommu_dev **head = &iommu.devs[bucket(segment, sid)];

	if (!d)
		return NULL;
	d->segment = segment;
	d->sid = sid;
	d->unit = scope_unit(segment, sid);
	pci_function_init(d);
	if (scope_reserved(segment, sid))
		d->refused = "has a memory region reserved by the firmware";
	d->next = *head;
	*head = d;
	if (d->unit) {
		head = &iommu.unit_devs[unit_index(d->unit)];
		d->next_in_unit = *head;
		*head = d;
	}
	return d;
}

void iommu_set_events(const struct iommu_events *events)
{
	iommu.events = *events;
}

/* Rule 1: nobody's device masters the bus. */
static void fence_all(void)
{
	struct iommu_dev *d;
	bool obeyed;

	for (unsigned b = 0; b < DEV_BUCKETS; b++)
		for (d = iommu.devs[b]; d; d = d->next) {
			os_lock(&iommu.lock);
			obeyed = bus_master(d, false);
			os_unlock(&iommu.lock);
			if (!obeyed)
				os_log(OS_WARN, "iommu: %s cannot be kept from "
				       "mastering the bus",
				       bdf_text(d->segment, d->sid).s);
			wait_for_transactions(d);
		}
}

static int start_unit(struct vtd *u, bool on)
{
	int err = vtd_start(u);

	if (!err && fault_start(u, fault_event, u) == 0)
		fault_mask(u, false);
	if (!err && on)
		err = vtd_translation(u, true);
	return err;
}

void iommu_start(bool on)
{
	struct vtd *u;

	fence_all();
	for (unsigned i = 0; i < iommu.nunits; i++) {
		u = iommu.units[i];
		if (u->unsupported)
			continue;
		if (start_unit(u, on) < 0) {
			os_log(OS_ERROR, "iommu: unit 0x%lx cannot be started",
			       u->base);
			vtd_fail(u, "start");
			continue;
		}
		os_log(OS_INFO, "iommu: unit 0x%lx: version %u.%u, %u levels, "
		       "%u bits, %u domains, by %s%s%s%s", u->base,
		       u->version >> 4 & 15, u->version & 15, u->levels,
		       u->address_bits, u->ndids,
		       u->queue.ring ? "queue" : "registers",
		       vtd_coherent(u) ? "" : ", not coherent",
		       u->cap & CAP_CM ? ", caching mode" : "",
		       on ? "" : ", off");
	}
	iommu.powered = on && !iommu.missing;
	if (iommu.missing)
		os_log(OS_WARN, "iommu: %s", iommu.missing);
}

bool iommu_powered(void)
{
	return __atomic_load_n(&iommu.powered, __ATOMIC_ACQUIRE);
}

static bool can_run(const struct vtd *u)
{
	return !u->unsupported && !u->broken;
}

static void master_all_attached(bool on)
{
	struct iommu_dev *d;

	os_lock(&iommu.lock);
	iommu.powered = on;
	for (unsigned b = 0; b < DEV_BUCKETS; b++)
		for (d = iommu.devs[b]; d; d = d->next)
			if (d->space || !on)
				bus_master(d, on && d->space);
	os_unlock(&iommu.lock);
}

/* The first device that masters the bus although it should not. */
static struct iommu_dev *still_mastering(void)
{
	struct iommu_dev *d, *found = NULL;

	os_lock(&iommu.lock);
	for (unsigned b = 0; b < DEV_BUCKETS && !found; b++)
		for (d = iommu.devs[b]; d && !found; d = d->next)
			if (!function_gone(d) && !bus_master(d, false))
				found = d;
	os_unlock(&iommu.lock);
	return found;
}

static int power_off(void)
{
	struct iommu_dev *d;
	int err = 0;

	master_all_attached(false);
	d = still_mastering();
	if (d) {
		master_all_attached(true);
		return os_error("%s cannot be kept from mastering the bus",
				bdf_text(d->segment, d->sid).s);
	}
	for (unsigned b = 0; b < DEV_BUCKETS; b++)
		for (d = iommu.devs[b]; d; d = d->next)
			if (d->space)
				wait_for_transactions(d);
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (can_run(iommu.units[i]) &&
		    vtd_translation(iommu.units[i], false) < 0)
			err = -1;
	return err;
}

static int power_on(void)
{
	int err = 0;

	for (unsigned i = 0; i < iommu.nunits; i++)
		if (can_run(iommu.units[i]) &&
		    vtd_translation(iommu.units[i], true) < 0)
			err = -1;
	master_all_attached(true);
	return err;
}

int iommu_power(bool on)
{
	if (iommu.missing)
		return os_error("%s", iommu.missing);
	if (on == iommu_powered())
		return 0;
	return on ? power_on() : power_off();
}

bool iommu_unit_info(unsigned n, struct iommu_unit_info *info)
{
	struct vtd *u;

	if (n >= iommu.nunits)
		return false;
	u = iommu.units[n];
	*info = (struct iommu_unit_info){
		.unit = u,
		.base = u->base,
		.regs = u->regs,
		.dmar_width = iommu.dmar_width,
		.version = vtd_get32(u, VER),
		.gsts = vtd_get32(u, GSTS),
		.cap = vtd_get64(u, CAP),
		.ecap = vtd_get64(u, ECAP),
		.root = u->root ? vtd_get64(u, RTADDR) &
			field_mask(RTADDR_ADDR) : 0,
		.root_va = u->root,
		.devices = iommu_unit_devices(n, NULL, 0),
		.unsupported = u->unsupported,
		.failure = u->broken ? u->failure : NULL,
	};
	return true;
}

static void device_info(struct iommu_dev *d, struct iommu_device_info *info)
{
	static const char *const how[] = {
		NULL, "function level", "advanced features", "power state",
	};

	*info = (struct iommu_device_info){
		.segment = d->segment,
		.sid = d->sid,
		.pid = d->space ? d->space->pid : 0,
		.did = d->su ? d->su->did : 0,
		.covered = d->unit,
		.fenced = d->fenced,
		.reset = how[d->reset],
		.faults = d->faults,
	};
}

void iommu_device_info(struct iommu_dev *d, struct iommu_device_info *info)
{
	os_lock(&iommu.lock);
	device_info(d, info);
	os_unlock(&iommu.lock);
}

static bool listed_before(const struct iommu_device_info *a,
			  const struct iommu_device_info *b)
{
	if (a->pid != b->pid)
		return a->pid < b->pid;
	if (a->segment != b->segment)
		return a->segment < b->segment;
	return a->sid < b->sid;
}

static void sort(struct iommu_device_info *list, unsigned n)
{
	struct iommu_device_info info;
	unsigned at;

	for (unsigned i = 1; i < n; i++) {
		info = list[i];
		for (at = i; at && listed_before(&info, &list[at - 1]); at--)
			list[at] = list[at - 1];
		list[at] = info;
	}
}

unsigned iommu_unit_devices(unsigned n, struct iommu_device_info *list,
			    unsigned max)
{
	struct iommu_dev *d;
	unsigned count = 0;

	os_lock(&iommu.lock);
	for (d = iommu.unit_devs[n]; d; d = d->next_in_unit)
		if (d->space && count++ < max)
			device_info(d, &list[count - 1]);
	os_unlock(&iommu.lock);
	sort(list, MIN(count, max));
	return count;
}

struct iommu_losses iommu_losses(void)
{
	struct iommu_losses lost = { 0 };

	for (unsigned i = 0; i < iommu.nunits; i++)
		lost.domain_ids += iommu.units[i]->lost_dids;
	os_lock(&iommu.lock);
	lost.table_pages = iommu.lost_pages;
	os_unlock(&iommu.lock);
	return lost;
}
