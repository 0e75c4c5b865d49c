/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handing a device over: attach and detach check everything that can fail
 * first and then go through one transaction, hand_over(), whose order is rule 2.
 */
#include "iommu_impl.h"

void fence(struct iommu_dev *d, const char *why)
{
	if (!bus_master(d, false))
		os_log(OS_ERROR, "iommu: %s does not let go of the bus",
		       bdf_text(d->segment, d->sid).s);
	if (!d->fenced && d->space)
		os_log(OS_ERROR, "iommu: %s of pid %d is fenced: %s",
		       bdf_text(d->segment, d->sid).s, d->space->pid, why);
	d->fenced = true;
}

/* Off the bus, drained and, where that can be done, reset. */
static void quiesce(struct iommu_dev *d)
{
	os_lock(&iommu.lock);
	if (!bus_master(d, false))
		os_log(OS_WARN, "iommu: %s does not let go of the bus",
		       bdf_text(d->segment, d->sid).s);
	os_unlock(&iommu.lock);
	wait_for_transactions(d);
	if (d->used_by && function_reset(d))
		d->used_by = 0;
}

/* VT-d 6.2.2.1, 6.5: the context cache before the IOTLB, since a stale context
 * entry fills it anew; by the domain id that the old entry had. */
static int forget(struct iommu_dev *d, uint16_t did)
{
	struct inv list[] = {
		inv_context_device(did, d->sid), inv_iotlb_domain(did),
	};

	context_clear(d->unit, d->sid);
	return vtd_invalidate(d->unit, list, ARRAY_SIZE(list));
}

/* A unit in caching mode holds the absent entry too, under domain id 0
 * (VT-d 6.1), and may hold absent translations of the new domain. */
static int install(struct iommu_dev *d, struct iommu_space *s,
		   struct space_unit *su)
{
	struct inv list[] = {
		inv_context_device(DID_NONE, d->sid), inv_iotlb_domain(su->did),
	};

	context_set(d->unit, d->sid, sl_root(&s->table, d->unit->levels),
		    su->did);
	if (d->unit->cap & CAP_CM)
		return vtd_invalidate(d->unit, list, ARRAY_SIZE(list));
	return vtd_flush_write_buffer(d->unit);
}

/*
 * The device goes from its present space to `to` (NULL: to nobody).  Nothing of
 * the old one may be reused before this has returned 0.  Negative: the unit has
 * failed, the device is fenced and belongs to nobody.
 */
static int hand_over(struct iommu_dev *d, struct iommu_space *to,
		     struct space_unit *su)
{
	int err = 0;

	quiesce(d);
	if (d->space)
		err = forget(d, d->su->did);
	os_lock(&iommu.lock);
	d->space = NULL;
	d->su = NULL;
	os_unlock(&iommu.lock);
	if (!err && to)
		err = install(d, to, su);
	if (err || !to)
		return err;
	os_lock(&iommu.lock);
	d->space = to;
	d->su = su;
	d->used_by = to->serial;
	d->fenced = !vtd_alive(d->unit);
	d->in_window = 0;
	if (!bus_master(d, true))
		os_log(OS_WARN, "iommu: %s does not take the bus",
		       bdf_text(d->segment, d->sid).s);
	os_unlock(&iommu.lock);
	return 0;
}

/* The space's presence in a unit, with one more device; NULL: an error. */
static struct space_unit *join_unit(struct iommu_space *s, struct vtd *u)
{
	struct space_unit *su;
	int did;

	for (su = s->units; su; su = su->next)
		if (su->unit == u)
			break;
	if (!su) {
		if (!sl_root(&s->table, u->levels)) {
			os_error("no memory for I/O page tables");
			return NULL;
		}
		did = did_alloc(u);
		if (did < 0)
			return NULL;
		su = os_alloc(sizeof(*su));
		if (!su) {
			did_free(u, (uint16_t)did);
			os_error("no memory");
			return NULL;
		}
		su->unit = u;
		su->did = (uint16_t)did;
	}
	os_lock(&s->lock);
	if (!su->devices++) {
		su->next = s->units;
		s->units = su;
	}
	s->devices++;
	os_unlock(&s->lock);
	return su;
}

/* One device less; with the last one the domain id is free, or lost when what
 * it tags could not be flushed. */
static void leave_unit(struct iommu_space *s, struct space_unit *su, bool lost)
{
	struct space_unit **at;
	bool last;

	os_lock(&s->lock);
	s->devices--;
	s->lost |= lost;
	last = !--su->devices;
	for (at = &s->units; last && *at != su; at = &(*at)->next)
		;
	if (last)
		*at = su->next;
	os_unlock(&s->lock);
	if (!last)
		return;
	if (lost)
		did_lose(su->unit, su->did);
	else
		did_free(su->unit, su->did);
	os_free(su, sizeof(*su));
}

static int check_free(const struct iommu_dev *d, const struct iommu_space *s)
{
	if (d->space == s)
		return os_error("attached to pid %d already", s->pid);
	if (d->space)
		return os_error("owned by pid %d", d->space->pid);
	return 0;
}

static int check_unit(const struct iommu_dev *d)
{
	if (iommu.missing)
		return os_error("%s", iommu.missing);
	if (!d->unit)
		return os_error("no remapping unit covers it");
	if (d->unit->unsupported)
		return os_error("its unit 0x%lx cannot be used: %s",
				d->unit->base, d->unit->unsupported);
	if (d->unit->broken)
		return os_error("its unit 0x%lx has failed: %s", d->unit->base,
				d->unit->failure);
	if (!iommu.powered)
		return os_error("the iommu is off");
	return 0;
}

static int check_device(struct iommu_dev *d, const struct iommu_space *s,
			unsigned words)
{
	struct iommu_dev *bridge;
	uint16_t alias;

	if (d->refused)
		return os_error("%s", d->refused);
	if (function_gone(d))
		return os_error("does not answer");
	bridge = scope_alias(d, &alias);
	if (bridge)
		return os_error("shares the requester id %s of bridge %s",
				bdf_text(d->segment, alias).s,
				bdf_text(d->segment, bridge->sid).s);
	if (d->used_by && d->used_by != s->serial && d->reset == RESET_NONE &&
	    !d->bridge && !(words & IOMMU_UNSAFE))
		return os_error("cannot be reset since its last owner had it; "
				"say unsafe to give it away all the same");
	return 0;
}

int iommu_attach(struct iommu_dev *d, struct iommu_space *s, unsigned words)
{
	struct space_unit *su;
	int err = check_free(d, s);

	if (!err)
		err = check_unit(d);
	if (!err)
		err = check_device(d, s, words);
	if (!err)
		err = context_prepare(d->unit, d->sid);
	if (err)
		return err;
	su = join_unit(s, d->unit);
	if (!su)
		return -1;
	err = hand_over(d, s, su);
	if (err)
		leave_unit(s, su, true);
	return err;
}

int iommu_detach(struct iommu_dev *d)
{
	struct iommu_space *s = d->space;
	struct space_unit *su = d->su;
	int err;

	if (!s)
		return os_error("not attached");
	err = hand_over(d, NULL, NULL);
	leave_unit(s, su, err < 0);
	return err;
}

int iommu_reset(struct iommu_dev *d)
{
	if (d->unit && d->unit->broken)
		return os_error("its unit 0x%lx has failed", d->unit->base);
	os_lock(&iommu.lock);
	bus_master(d, false);
	os_unlock(&iommu.lock);
	wait_for_transactions(d);
	function_reset(d);
	os_lock(&iommu.lock);
	d->fenced = false;
	d->in_window = 0;
	bus_master(d, d->space);
	os_unlock(&iommu.lock);
	return 0;
}
