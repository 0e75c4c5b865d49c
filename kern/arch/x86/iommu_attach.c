/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handing a device over: attach and detach check everything that can fail
 * first and then go through one transaction, hand_over(), ordered as in rule 2.
 * All functions that share a requester id go together.
 */
#include "iommu_impl.h"

void fence(struct iommu_dev *d, const char *why)
{
	if (!pci_function_gone(&d->pci) && !bus_master(d, false))
		os_log(OS_ERROR, "iommu: %s does not let go of the bus",
		       dev_text(d).s);
	if (!d->fenced && d->space)
		os_log(OS_ERROR, "iommu: %s of pid %d is fenced: %s",
		       dev_text(d).s, d->space->pid, why);
	if (!d->fenced) {
		happened(EVENT_FENCE, d, .b = (uintptr_t)why);
		d->why_fenced = why;
	}
	d->fenced = true;
}

/* From here on the space's flushes reach the device's TLB; room for it has been
 * checked. */
static void join_ats(struct iommu_dev *d, struct space_unit *su)
{
	unsigned i = (unsigned)__builtin_ctz(~su->ats_used);

	os_hold(&iommu.lock);
	WRITE_ONCE(su->ats[i], d->pci.sid);
	__atomic_fetch_or(&su->ats_used, 1u << i, __ATOMIC_SEQ_CST);
	d->ats_in = su;
}

/* iommu.lock held.  It may not use its TLB any more: nothing needs to be
 * flushed there.  Where it was in use. */
static struct space_unit *leave_ats(struct iommu_dev *d)
{
	struct space_unit *su = d->ats_in;
	unsigned i = 0;

	if (!su)
		return NULL;
	while (!(su->ats_used & 1u << i) || su->ats[i] != d->pci.sid)
		i++;
	__atomic_fetch_and(&su->ats_used, ~(1u << i), __ATOMIC_RELEASE);
	d->ats_in = NULL;
	pci_ats_enable(&d->pci, false);
	return su;
}

static struct space_unit *stop_ats(struct iommu_dev *d)
{
	os_hold(&iommu.lock);
	return leave_ats(d);
}

static bool uses_ats(const struct iommu_dev *d)
{
	os_hold(&iommu.lock);
	return d->ats_in;
}

/* A device that does not answer invalidations is fenced alone.  What it still
 * keeps it must not come to use when a reset lifts the fence. */
void devtlb_timeout(struct vtd *u, uint16_t sid)
{
	struct iommu_dev *d;

	os_hold(&iommu.lock);
	d = find_device(u->segment, sid);
	if (!d)
		return;
	fence(d, "its device TLB does not answer");
	d->mute |= leave_ats(d) != NULL;
}

/* Off the bus and drained; a device that is gone is cut off above. */
static void silence(struct iommu_dev *d)
{
	const struct pci_function *port = d->pci.above;

	if (!pci_function_gone(&d->pci)) {
		if (!leaves_bus(d))
			os_log(OS_WARN, "iommu: %s does not let go of the bus",
			       dev_text(d).s);
		wait_for_transactions(d);
		return;
	}
	if (port) {
		os_hold(&iommu.lock);
		pci_cut_off(port);
	}
	os_log(OS_ERROR, "iommu: %s is gone%s", dev_text(d).s,
	       port ? "; the port above it is closed" : "");
}

/* A reset takes the device's own TLB with it (PCI Express 10.3.2). */
static void quiesce(struct iommu_dev *d)
{
	for_each_peer(p, d)
		silence(p);
	for_each_peer(p, d) {
		if (!p->used_by || p->pci.reset == PCI_RESET_NONE)
			continue;
		stop_ats(p);
		if (pci_function_reset(&p->pci))
			p->used_by = 0;
	}
}

/* Submits and waits whenever the list is full, and at the end. */
struct batch {
	struct vtd *unit;
	struct qi_desc *list;	/* of VTD_BATCH */
	unsigned n;
	int err;
};

static void batch_run(struct batch *b)
{
	if (b->n && !b->err)
		b->err = vtd_invalidate(b->unit, b->list, b->n);
	b->n = 0;
}

static void batch_add(struct batch *b, struct qi_desc i)
{
	if (b->n == VTD_BATCH)
		batch_run(b);
	b->list[b->n++] = i;
}

/* VT-d 6.2.2.1, 6.5: the context cache, by the domain id that the old entry had,
 * before the IOTLB, since a stale context entry fills it anew; device TLBs last,
 * since a stale IOTLB fills them. */
static int invalidate(struct iommu_dev *d, uint16_t old, uint16_t did)
{
	struct qi_desc devtlb[INV_DEVTLB_MAX];
	struct qi_desc list[VTD_BATCH];
	struct batch b = { .unit = d->unit, .list = list };
	unsigned n;

	for_each_peer(p, d)
		for (unsigned i = 0; i < p->pci.nrids; i++)
			batch_add(&b, inv_context_device(old,
							 p->pci.rids[i].sid));
	batch_add(&b, inv_iotlb_domain(did));
	for_each_peer(p, d) {
		n = uses_ats(p) ?
			inv_devtlb_all(p->unit, p->pci.sid, devtlb) : 0;
		while (n > 0)
			batch_add(&b, devtlb[--n]);
	}
	batch_run(&b);
	return b.err;
}

static int forget(struct iommu_dev *d, uint16_t did)
{
	int err;

	for_each_peer(p, d)
		for (unsigned i = 0; i < p->pci.nrids; i++)
			context_clear(p->unit, p->pci.rids[i].sid);
	err = invalidate(d, did, did);
	for_each_peer(p, d)
		stop_ats(p);
	return err;
}

int entries_prepare(const struct iommu_dev *d)
{
	int err = 0;

	for (unsigned i = 0; i < d->pci.nrids && !err; i++)
		err = context_prepare(d->unit, d->pci.rids[i].sid);
	return err;
}

void entries_set(const struct iommu_dev *d, struct iommu_space *s,
		 const struct space_unit *su, bool ats)
{
	physaddr_t root = sl_root(&s->table, d->unit->levels);

	for (unsigned i = 0; i < d->pci.nrids; i++)
		context_set(d->unit, d->pci.rids[i].sid, root, su->did, ats);
}

/* A unit in caching mode holds the absent entry too, under domain id 0
 * (VT-d 6.1), and may hold absent translations of the new domain. */
static int install(struct iommu_dev *d, struct iommu_space *s,
		   struct space_unit *su, bool ats)
{
	for_each_peer(p, d)
		entries_set(p, s, su, ats);
	return d->unit->cap & CAP_CM ? invalidate(d, DID_NONE, su->did) :
		vtd_flush_write_buffer(d->unit);
}

/* Off the bus still: its TLB is on before a flush can ask it.  A flush that
 * began before it was listed may not have ended: it must not be filled from
 * what that one is about to drop. */
static int start_ats(struct iommu_dev *d, struct space_unit *su)
{
	struct qi_desc flush = inv_iotlb_domain(su->did);
	int err;

	pci_ats_enable(&d->pci, true);
	join_ats(d, su);
	err = vtd_invalidate(d->unit, &flush, 1);
	if (err)
		stop_ats(d);
	return err;
}

static void no_owner(struct iommu_dev *d)
{
	os_hold(&iommu.lock);
	for_each_peer(p, d) {
		p->space = NULL;
		p->su = NULL;
		p->mute = false;
	}
}

/* Bus mastering comes last. */
static void new_owner(struct iommu_dev *d, struct iommu_space *s,
		      struct space_unit *su)
{
	for_each_peer(p, d) {
		if (!s->table.format.snoop)
			pci_no_snoop_off(&p->pci);
		os_hold(&iommu.lock);
		p->space = s;
		p->su = su;
		p->used_by = s->serial;
		p->fenced = !vtd_alive(p->unit) || p->mute;
		p->in_window = 0;
		if (!bus_master(p, true) && !p->fenced)
			os_log(OS_WARN, "iommu: %s does not take the bus",
			       dev_text(p).s);
	}
}

/*
 * The device goes from its present space to `to` (NULL: to nobody).  Nothing of
 * the old one may be reused before this has returned 0.  Negative: the unit has
 * failed, the device is fenced and belongs to nobody.
 */
static int hand_over(struct iommu_dev *d, struct iommu_space *to,
		     struct space_unit *su, bool ats)
{
	int err = 0;

	quiesce(d);
	if (d->space)
		err = forget(d, d->su->did);
	no_owner(d);
	if (err || !to)
		return err;
	err = install(d, to, su, ats);
	for_each_peer(p, d)
		if (!err && ats)
			err = start_ats(p, su);
	if (!err)
		new_owner(d, to, su);
	return err;
}

/* Devices may have the caches passed over only where all units overrule that
 * (SNP in the tree, ECAP.SC). */
static void forbid_no_snoop(const struct iommu_space *s)
{
	os_hold(&iommu.lock);
	for_each_device(d)
		if (d->space == s)
			pci_no_snoop_off(&d->pci);
}

/* The space's tree so that this unit can walk it too. */
static int adapt(struct iommu_space *s, struct vtd *u)
{
	struct iommu_gather g = { .space = s };
	struct sl_format f = sl_lesser(s->table.format, unit_format(u));
	int err;

	if (s->table.format.snoop && !f.snoop)
		forbid_no_snoop(s);
	tree_take(s);
	err = sl_adapt(&s->table, f, &g.change);
	if (!err && !sl_root(&s->table, u->levels))
		err = os_error("no memory for I/O page tables");
	tree_give(s);
	if (iommu_flush(&g) < 0)
		err = -1;
	return err;
}

static struct space_unit *new_presence(struct iommu_space *s, struct vtd *u)
{
	struct space_unit *su;
	int did;

	if (adapt(s, u) < 0)
		return NULL;
	did = did_alloc(u);
	if (did < 0)
		return NULL;
	su = os_alloc(sizeof(*su));
	if (!su) {
		did_free(u, (uint16_t)did, false);
		os_error("no memory");
		return NULL;
	}
	su->space = s;
	su->unit = u;
	su->did = (uint16_t)did;
	return su;
}

/* The space's presence in a unit, with one more device; NULL: an error. */
struct space_unit *join_unit(struct iommu_space *s, struct vtd *u)
{
	struct space_unit *su = s->units;

	while (su && su->unit != u)
		su = su->next;
	if (!su)
		su = new_presence(s, u);
	if (!su)
		return NULL;
	if (!su->devices++) {
		if (u->cap & (CAP_CM | CAP_RWBF))
			WRITE_ONCE(s->eager, true);
		su->next = s->units;
		__atomic_store_n(&s->units, su, __ATOMIC_SEQ_CST);
	}
	return su;
}

/* Nobody who flushes sees it any more. */
static void unlink_unit(struct iommu_space *s, struct space_unit *su)
{
	struct space_unit **at = &s->units;

	while (*at != su)
		at = &(*at)->next;
	__atomic_store_n(at, su->next, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&s->flushing, __ATOMIC_SEQ_CST))
		os_relax();
}

/* One device less; with the last one the domain id is free, or lost when what
 * it tags could not be flushed. */
void leave_unit(struct iommu_space *s, struct space_unit *su, bool lost)
{
	if (lost)
		WRITE_ONCE(s->lost, true);
	if (--su->devices)
		return;
	unlink_unit(s, su);
	did_free(su->unit, su->did, lost);
	os_free(su, sizeof(*su));
}

static int check_free(const struct iommu_dev *d, const struct iommu_space *s)
{
	struct iommu_dev *other;

	if (d->refused)
		return os_error("%s", d->refused);
	if (d->space == s)
		return os_error("attached to pid %d already", s->pid);
	if (d->space && d->space->owner)
		return os_error("owned by pid %d", d->space->pid);
	other = group_conflict(d, s);
	if (other)
		return os_error("in one group with %s, which pid %d owns",
				dev_text(other).s, other->space->pid);
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
	if (!vtd_alive(d->unit))
		return os_error("its unit 0x%lx has failed: %s", d->unit->base,
				vtd_failure(d->unit));
	if (!iommu.powered)
		return os_error("the iommu is off");
	return 0;
}

/* Firmware's memory is dropped for devices that it uses only before an
 * operating system does. */
static int check_reserved(const struct iommu_dev *d, unsigned words)
{
	bool dropped = d->pci.class >> 16 == PCI_BASE_DISPLAY ||
		d->pci.class >> 8 == PCI_CLASS_USB;

	if (!d->reserved)
		return words & IOMMU_RMRR ?
			os_error("has no memory reserved by the firmware") : 0;
	if (!dropped)
		return os_error("has memory reserved by the firmware");
	if (!(words & IOMMU_RMRR))
		return os_error("has memory reserved by the firmware; say rmrr "
				"to drop that");
	return 0;
}

static int check_ats(const struct iommu_dev *d, unsigned words)
{
	if (!(words & IOMMU_ATS))
		return 0;
	if (!(d->unit->ecap & ECAP_DT) || !d->unit->queue.ring)
		return os_error("its unit knows no device TLB");
	if (!d->pci.ats)
		return os_error("has no device TLB");
	if (!scope_ats(d))
		return os_error("the platform allows no device TLB there");
	return 0;
}

/* Firmware may put functions that go together behind different units: then the
 * entries of one would be flushed in the other. */
static int check_same_unit(const struct iommu_dev *p, const struct iommu_dev *d)
{
	return p->unit == d->unit ? 0 :
		os_error("shares a requester id with %s, which is not behind "
			 "its unit", dev_text(p).s);
}

static int check_peer(const struct iommu_dev *d, const struct iommu_space *s,
		      unsigned words)
{
	if (pci_function_gone(&d->pci))
		return os_error("does not answer");
	if (d->used_by && d->used_by != s->serial &&
	    d->pci.reset == PCI_RESET_NONE && !d->pci.bridge &&
	    !(words & IOMMU_UNSAFE))
		return os_error("cannot be reset since its last owner had it; "
				"say unsafe to give it away all the same");
	return 0;
}

/* Everything that can fail and needs no undoing; of all peers. */
static int check(struct iommu_dev *d, struct iommu_space *s, unsigned words)
{
	unsigned words_of_others = words & ~IOMMU_RMRR;
	int err = 0;

	for_each_peer(p, d)
		err = err ?: check_free(p, s);
	err = err ?: check_unit(d);
	for_each_peer(p, d)
		err = err ?: check_same_unit(p, d) ?:
			check_reserved(p, p == d ? words : words_of_others) ?:
			check_ats(p, words) ?: check_peer(p, s, words) ?:
			entries_prepare(p);
	return err;
}

/* What the space must have before the transaction; all or nothing. */
static struct space_unit *join(struct iommu_dev *d, struct iommu_space *s,
			       unsigned words)
{
	struct space_unit *su = join_unit(s, d->unit);
	unsigned n = 0;

	for_each_peer(p, d)
		n++;
	if (su && words & IOMMU_ATS &&
	    (unsigned)__builtin_popcount(su->ats_used) + n > MAX_ATS) {
		leave_unit(s, su, false);
		os_error("more than %u device TLBs in one space", MAX_ATS);
		return NULL;
	}
	return su;
}

int iommu_attach(struct iommu_dev *d, struct iommu_space *s, unsigned words)
{
	struct iommu_space *firmware = d->space;
	struct space_unit *old = d->su, *su;
	int err = check(d, s, words);

	if (err)
		return err;
	su = join(d, s, words);
	if (!su)
		return -1;
	err = hand_over(d, s, su, words & IOMMU_ATS);
	if (firmware) {
		leave_unit(firmware, old, err < 0);
		(void)!iommu_space_destroy(firmware);
	}
	if (err)
		leave_unit(s, su, true);
	if (!err)
		happened(EVENT_ATTACH, d);
	return err;
}

int iommu_detach(struct iommu_dev *d)
{
	struct iommu_space *s = d->space;
	struct space_unit *su = d->su;
	int err;

	if (!s || !s->owner)
		return os_error("not attached");
	happened(EVENT_DETACH, d);
	err = hand_over(d, NULL, NULL, false);
	leave_unit(s, su, err < 0);
	return err;
}

/* With its device TLB off for that time: a flush must not wait for an answer
 * that the reset swallows.  On again as in hand_over(). */
static int reset_attached(struct iommu_dev *d)
{
	struct space_unit *su = stop_ats(d);	/* off the bus it cannot use
						 * what it keeps */

	if (!pci_function_reset(&d->pci))
		return os_error("does not come back from its reset");
	return su ? start_ats(d, su) : 0;
}

static bool is_mute(const struct iommu_dev *d)
{
	os_hold(&iommu.lock);
	return d->mute;
}

int iommu_reset(struct iommu_dev *d)
{
	int err;

	if (d->unit && !vtd_alive(d->unit))
		return os_error("its unit 0x%lx has failed", d->unit->base);
	if (pci_function_gone(&d->pci))
		return os_error("does not answer");
	if (is_mute(d))
		return os_error("its device TLB has not answered; detach it");
	silence(d);
	err = d->pci.reset != PCI_RESET_NONE ? reset_attached(d) : 0;
	os_hold(&iommu.lock);
	if (err) {
		fence(d, "its reset has failed");
		return err;
	}
	happened(EVENT_RESET, d);
	d->fenced = d->mute;
	d->in_window = 0;
	bus_master(d, wants_bus(d));
	return 0;
}
