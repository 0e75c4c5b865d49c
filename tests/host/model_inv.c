/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invalidation by registers (6.5.1) and by the queue (6.5.2).  The head moves
 * as descriptors are fetched; they complete later, in any order that 6.5.2.11
 * leaves open: an IOTLB invalidation behind earlier ones of the context cache,
 * one of a device TLB behind earlier ones of the IOTLB, a wait behind all, and
 * whatever follows a wait with the fence flag behind that.  A bad descriptor is
 * an error (6.5.2.10) and the driver's fault.
 */
#include "model.h"

struct pages {			/* what an IOTLB invalidation is about */
	unsigned gran;
	uint16_t did;
	uint64_t va;
	unsigned order;
	bool leaves_only, reads, writes;
};

static bool concerns(const struct pages *i, const struct posted *p)
{
	unsigned shift = 12 + i->order;

	if (!(p->write ? i->writes : i->reads))
		return false;
	return i->gran == BY_ALL || (i->did == p->did &&
		(i->gran == BY_DOMAIN || i->va >> shift == p->va >> shift));
}

/* 6.5.5: with the drain flags, requests that were translated before are done
 * before the invalidation is. */
static void drain(struct model_unit *u, const struct pages *i)
{
	for (unsigned n = u->nposted; n > 0; n--)
		if (concerns(i, &u->posted[n - 1]))
			dma_land(u, n - 1);
}

/* 6.8: either kind flushes the write buffer on its way. */
static void do_iotlb(struct model_unit *u, const struct pages *i)
{
	memory_flush_buffer(u);
	drain(u, i);
	u->tlb_clean |= i->gran == BY_ALL && u->context_clean;
	if (i->gran == BY_ALL)
		memset(u->unknown, 0, sizeof(u->unknown));
	else if (i->gran == BY_DOMAIN)
		u->unknown[i->did] = 0;
	cache_drop_tlb(u, i->gran, i->did, i->va, i->order, i->leaves_only);
}

/* 11.4.6: an invalidation of the IOTLB must follow, by domain or of all.  In
 * caching mode, which is there for monitors that keep tables of their own,
 * nothing is known of a domain before that. */
static void forget_domains(struct model_unit *u, unsigned gran, uint16_t did,
			   uint16_t sid)
{
	struct context_line c = { .reason = NO_ROOT_TABLE };

	if (gran == BY_ALL)
		memset(u->unknown, 1, sizeof(u->unknown));
	else if (gran == BY_DOMAIN)
		u->unknown[did] = 1;
	else if (u->gsts & G_TE)
		c = walk_context(u, sid);
	if (!c.reason)
		u->unknown[c.did] = 1;
}

static void do_context(struct model_unit *u, unsigned gran, uint16_t did,
		       uint16_t sid, unsigned mask)
{
	memory_flush_buffer(u);
	u->context_clean |= gran == BY_ALL;
	cache_drop_context(u, gran, did, sid, mask);
	if (u->c.cm)
		forget_domains(u, gran, did, sid);
}

/* What a page-selective request may say (CAP.PSI, CAP.MAMV); NULL: it may. */
static const char *check_pages(const struct model_unit *u,
			       const struct pages *i)
{
	if (i->gran == 0)
		return "no granularity";
	if (i->gran != BY_ALL && i->did >= u->c.domains)
		return "a domain id that the unit does not have";
	if (i->gran != BY_PAGES)
		return NULL;
	if (!u->c.psi)
		return "page-selective without CAP.PSI";
	if (i->order > u->c.mamv)
		return "an address mask beyond CAP.MAMV";
	if (i->order && i->va & ones(11 + i->order, 12))
		return "an address not aligned to its mask";
	return NULL;
}

static void check_request(struct model_unit *u, uint64_t before,
			  const char *bad)
{
	if (u->gsts & G_QIE)
		bad = "while the queue is on";
	if (before >> 63)
		bad = "while an earlier one is under way";
	if (bad)
		model_violation(u->m, "unit 0x%lx: invalidation by register: "
				"%s", u->base, bad);
}

/* 11.4.6 */
void inv_context_command(struct model_unit *u, uint64_t v)
{
	unsigned gran = (unsigned)bits(v, 62, 61);
	const char *bad = NULL;

	if (v & CC_ICC && gran == 0)
		bad = "no granularity";
	else if (bits(v, 60, 34))
		bad = "reserved bits";
	else if (gran > BY_ALL && bits(v, 15, 0) >= u->c.domains)
		bad = "a domain id that the unit does not have";
	check_request(u, u->ccmd, bad);
	u->ccmd = v;
	u->ccmd_delay = unit_delay(u);
}

static struct pages pages_of_registers(const struct model_unit *u, uint64_t v)
{
	return (struct pages){
		.gran = (unsigned)bits(v, 61, 60),
		.did = (uint16_t)bits(v, 47, 32),
		.va = u->iva & ~0xfffull,
		.order = (unsigned)bits(u->iva, 5, 0),
		.leaves_only = bit(u->iva, 6),
		.reads = u->c.drd && bit(v, 49),
		.writes = u->c.dwd && bit(v, 48),
	};
}

/* 11.4.8 */
void inv_iotlb_command(struct model_unit *u, uint64_t v)
{
	struct pages i = pages_of_registers(u, v);
	const char *bad = check_pages(u, &i);

	if (bit(v, 62) || bits(v, 59, 50) || bits(v, 31, 0))
		bad = "reserved bits";
	check_request(u, u->iotlb, bad);
	u->iotlb = v;
	u->iotlb_delay = unit_delay(u);
}

static void finish_context(struct model_unit *u)
{
	unsigned gran = (unsigned)bits(u->ccmd, 62, 61);

	do_context(u, gran, (uint16_t)bits(u->ccmd, 15, 0),
		   (uint16_t)bits(u->ccmd, 31, 16),
		   (unsigned)bits(u->ccmd, 33, 32));
	u->ccmd = (u->ccmd & ~CC_ICC) | (uint64_t)gran << 59;
}

/* IAIG 0: the request was wrong, and nothing was done. */
static void finish_iotlb(struct model_unit *u)
{
	struct pages i = pages_of_registers(u, u->iotlb);

	u->iotlb &= ~TLB_IVT;
	if (check_pages(u, &i))
		return;
	do_iotlb(u, &i);
	u->iotlb |= (uint64_t)i.gran << 57;
}

/* While the queue is on such requests are ignored: their bit stays set. */
static void registers_tick(struct model_unit *u)
{
	if (u->gsts & G_QIE || u->trouble.slow_registers)
		return;
	if (u->ccmd & CC_ICC && !u->ccmd_delay--)
		finish_context(u);
	if (u->iotlb & TLB_IVT && !u->iotlb_delay--)
		finish_iotlb(u);
}

static unsigned type_of(const struct descriptor *d)
{
	return (unsigned)bits(d->lo, 3, 0);
}

static struct pages pages_of(const struct model_unit *u,
			     const struct descriptor *d)
{
	return (struct pages){
		.gran = (unsigned)bits(d->lo, 5, 4),
		.did = (uint16_t)bits(d->lo, 31, 16),
		.va = d->hi & ~0xfffull,
		.order = (unsigned)bits(d->hi, 5, 0),
		.leaves_only = bit(d->hi, 6),
		.reads = u->c.drd && bit(d->lo, 7),
		.writes = u->c.dwd && bit(d->lo, 6),
	};
}

/* 6.5.2.1 */
static const char *check_context(const struct model_unit *u,
				 const struct descriptor *d)
{
	if (bits(d->lo, 15, 6) || bits(d->lo, 63, 50) || d->hi)
		return "reserved bits";
	if (!bits(d->lo, 5, 4))
		return "no granularity";
	if (bits(d->lo, 5, 4) != BY_ALL &&
	    bits(d->lo, 31, 16) >= u->c.domains)
		return "a domain id that the unit does not have";
	return NULL;
}

/* 6.5.2.3 */
static const char *check_iotlb(const struct model_unit *u,
			       const struct descriptor *d)
{
	struct pages i = pages_of(u, d);

	if (bits(d->lo, 15, 8) || bits(d->lo, 63, 32) || bits(d->hi, 11, 7))
		return "reserved bits";
	return check_pages(u, &i);
}

/* 6.5.2.5 */
static const char *check_devtlb(const struct model_unit *u,
				const struct descriptor *d)
{
	if (!u->c.dt)
		return "a device TLB without ECAP.DT";
	if (bits(d->lo, 11, 4) || bits(d->lo, 31, 21) || bits(d->lo, 51, 48) ||
	    bits(d->hi, 11, 1))
		return "reserved bits";
	return NULL;
}

/* 6.5.2.8.  No completion interrupts here yet. */
static const char *check_wait(struct model_unit *u, const struct descriptor *d)
{
	uint64_t at = d->hi;

	if (bits(d->lo, 31, 7) || bits(d->hi, 1, 0))
		return "reserved bits";
	if (bit(d->lo, 4))
		return "a completion interrupt, which is not modelled";
	if (bit(d->lo, 5) && (!memory_has(at) ||
	    u->m->mem.page[memory_index(u->m, at)].state != PAGE_DRIVER))
		return "a status address that is not the driver's";
	return NULL;
}

/* 6.5.2.7 */
static const char *check_iec(const struct model_unit *u,
			     const struct descriptor *d)
{
	unsigned order = (unsigned)bits(d->lo, 31, 27);

	if (!u->c.ir)
		return "an interrupt entry cache without ECAP.IR";
	if (bits(d->lo, 26, 5) || bits(d->lo, 63, 48) || d->hi)
		return "reserved bits";
	if (bit(d->lo, 4) && (order > u->c.mhmv ||
	    (order && bits(d->lo, 47, 32) & ones(order - 1, 0))))
		return "a mask beyond ECAP.MHMV, or an index not aligned to it";
	return NULL;
}

static const char *check(struct model_unit *u, const struct descriptor *d)
{
	switch (type_of(d)) {
	case D_CONTEXT:
		return check_context(u, d);
	case D_IOTLB:
		return check_iotlb(u, d);
	case D_DEVTLB:
		return check_devtlb(u, d);
	case D_IEC:
		return check_iec(u, d);
	case D_WAIT:
		return check_wait(u, d);
	default:
		return "an unknown type";
	}
}

static uint64_t queue_bytes(const struct model_unit *u)
{
	return PGSIZE << bits(u->iqa, 2, 0);
}

/* 6.5.2.10: the head stays on what was bad, and nothing more is fetched until
 * software has cleared the error.  A timeout aborts every wait under way. */
static void queue_error(struct model_unit *u, uint32_t error)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < u->nahead; i++)
		if (error != FS_ITE || type_of(&u->ahead[i]) != D_WAIT) {
			u->patience[kept] = u->patience[i];
			u->ahead[kept++] = u->ahead[i];
		}
	u->nahead = kept;
	fault_status(u, error);
}

static void bad_descriptor(struct model_unit *u, const char *bad)
{
	if (!u->tolerant)
		model_violation(u->m, "unit 0x%lx: descriptor at 0x%lx: %s",
				u->base, u->iqh, bad);
	queue_error(u, FS_IQE);
}

static bool queue_stopped(const struct model_unit *u)
{
	return !(u->gsts & G_QIE) || u->fsts & (FS_IQE | FS_ITE);
}

/* One that is not the driver's fault. */
static void trouble(struct model_unit *u)
{
	uint32_t error = u->trouble.queue_error;

	if (u->trouble.times && !--u->trouble.times)
		u->trouble.queue_error = 0;
	u->iqercd = 0;
	queue_error(u, error);
}

/* The ring and the status words are read coherently, whatever ECAP.C says. */
static bool fetch(struct model_unit *u)
{
	physaddr_t at = (u->iqa & ~0xfffull) + u->iqh;
	const char *bad = "the queue is in no memory of the driver";
	struct descriptor d = { 0 };

	if (queue_stopped(u) || u->iqh == u->iqt ||
	    u->nahead == QUEUE_AHEAD || u->trouble.stopped_queue)
		return false;
	if (u->trouble.queue_error) {
		trouble(u);
		return false;
	}
	if (memory_has(at) &&
	    u->m->mem.page[memory_index(u->m, at)].state == PAGE_DRIVER) {
		memcpy(&d, memory_at(u->m, at), sizeof(d));
		bad = check(u, &d);
	}
	if (bad) {
		bad_descriptor(u, bad);
		return false;
	}
	u->patience[u->nahead] = ats_patience(u);
	u->ahead[u->nahead++] = d;
	u->iqh = (u->iqh + sizeof(d)) % queue_bytes(u);
	u->fetched++;
	return true;
}

/* Whether the i'th of those under way must wait for the earlier j'th. */
static bool waits_for(const struct model_unit *u, unsigned i, unsigned j)
{
	unsigned later = type_of(&u->ahead[i]), earlier = type_of(&u->ahead[j]);

	if (later == D_WAIT || (earlier == D_WAIT && bit(u->ahead[j].lo, 6)))
		return true;
	return (later == D_IOTLB && earlier == D_CONTEXT) ||
		(later == D_DEVTLB && (earlier == D_IOTLB ||
				       earlier == D_IEC));
}

/* The device that a descriptor is about. */
static struct function *asked(const struct model_unit *u,
			      const struct descriptor *d)
{
	return function_find(u->m, u->segment, (uint16_t)bits(d->lo, 47, 32));
}

static bool unanswered(const struct model_unit *u, unsigned i)
{
	struct function *f;

	if (type_of(&u->ahead[i]) != D_DEVTLB)
		return false;
	f = asked(u, &u->ahead[i]);
	return !f || !ats_answers(f);
}

static bool may_complete(const struct model_unit *u, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (waits_for(u, i, j))
			return false;
	return !unanswered(u, i);
}

static void finish_wait(struct model_unit *u, const struct descriptor *d)
{
	u->waits++;
	if (bit(d->lo, 5))
		__atomic_store_n((uint32_t *)memory_at(u->m, d->hi),
				 (uint32_t)bits(d->lo, 63, 32),
				 __ATOMIC_RELEASE);
}

static void finish(struct model_unit *u, const struct descriptor *d)
{
	struct pages i;

	switch (type_of(d)) {
	case D_CONTEXT:
		do_context(u, (unsigned)bits(d->lo, 5, 4),
			   (uint16_t)bits(d->lo, 31, 16),
			   (uint16_t)bits(d->lo, 47, 32),
			   (unsigned)bits(d->lo, 49, 48));
		break;
	case D_IOTLB:
		i = pages_of(u, d);
		do_iotlb(u, &i);
		break;
	case D_DEVTLB:
		ats_forget(asked(u, d), d->hi);
		break;
	case D_IEC:
		u->iec_clean |= !bit(d->lo, 4);
		irt_forget(u, d->lo);
		u->iecs++;
		break;
	case D_WAIT:
		finish_wait(u, d);
		break;
	}
}

static void take_out(struct model_unit *u, unsigned i)
{
	u->nahead--;
	memmove(&u->ahead[i], &u->ahead[i + 1],
		(u->nahead - i) * sizeof(u->ahead[0]));
	memmove(&u->patience[i], &u->patience[i + 1],
		(u->nahead - i) * sizeof(u->patience[0]));
}

/* 6.5.2.10, ITE: a device has not answered for too long. */
static void time_out(struct model_unit *u)
{
	for (unsigned i = 0; i < u->nahead; i++) {
		if (!unanswered(u, i) || u->patience[i]--)
			continue;
		u->iqercd = u->tells ? bits(u->ahead[i].lo, 47, 32) << 32 : 0;
		take_out(u, i);
		queue_error(u, FS_ITE);
		return;
	}
}

/* One of those that may, by chance; false: there is none. */
static bool complete_one(struct model_unit *u)
{
	unsigned may[QUEUE_AHEAD], n = 0, i;
	struct descriptor d;

	for (i = 0; i < u->nahead; i++)
		if (may_complete(u, i))
			may[n++] = i;
	if (!n || u->trouble.slow_queue)
		return false;
	i = may[model_random(u->m, n)];
	d = u->ahead[i];
	take_out(u, i);
	finish(u, &d);
	return true;
}

void inv_tick(struct model_unit *u)
{
	unsigned latency = u->m->policy.latency;

	registers_tick(u);
	time_out(u);
	if (!latency) {
		while (fetch(u) || complete_one(u))
			;
		return;
	}
	if (model_random(u->m, 2))
		fetch(u);
	if (!model_random(u->m, latency))
		complete_one(u);
}

/* 11.4.12: the tail, in bytes.  Some of what is before it may be fetched before
 * the processor does anything else. */
void inv_tail(struct model_unit *u, uint64_t v)
{
	if (v & ~ones(18, 4))
		model_violation(u->m, "IQT written with 0x%lx", v);
	u->iqt = v & ones(18, 4);
	if (u->gsts & G_QIE && u->iqt >= queue_bytes(u))
		bad_descriptor(u, "the tail is beyond the ring");
	else
		while (model_random(u->m, 4) && fetch(u))
			;
}

/* 6.5.2: on with an empty ring, off when all is done. */
void inv_queue_on(struct model_unit *u, bool on)
{
	if (on && u->iqt)
		model_violation(u->m, "queue switched on with IQT 0x%lx",
				u->iqt);
	if (on && (!memory_has(u->iqa) || u->iqa % queue_bytes(u) > 7))
		model_violation(u->m, "queue switched on with IQA 0x%lx",
				u->iqa);
	if (!on && (u->iqh != u->iqt || u->nahead))
		model_violation(u->m, "queue switched off while it is busy");
	u->iqh = 0;
	u->nahead = 0;
}
