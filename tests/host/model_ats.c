/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device TLBs (4.1, PCI Express 4.0, 10): a device asks its unit for a
 * translation and keeps it; its later requests say that they are translated,
 * and the unit lets them through as they are, if the context entry allows that
 * (TT, 9.3).  What the device keeps it forgets when an invalidation says so, at
 * a reset, and when ATS is switched on anew (PCI Express 10.3.7); not when it
 * is switched off, only that it may not use it then.
 *
 * It answers invalidations late.  One that is off, asleep, in reset, gone, or
 * `mute` never does, and the unit gives up after a while (6.5.2.10, ITE).
 */
#include "model.h"

#include <iommu.h>

#define ATS_CTRL	6
#define PATIENT_TICKS	60u

bool ats_enabled(const struct function *f)
{
	return f->ats && f->config[f->ats + ATS_CTRL + 1u] & 0x80;
}

void ats_changed(struct function *f, bool was)
{
	if (ats_enabled(f) && !was)
		f->nkept = 0;
}

bool ats_answers(const struct function *f)
{
	const struct machine *m = model_machine;

	return !f->gone && !f->mute && m->now >= f->back_at && ats_enabled(f);
}

unsigned ats_patience(struct model_unit *u)
{
	return PATIENT_TICKS + model_random(u->m, 16);
}

/* 6.5.2.5: with S, the lowest clear bit from 12 on tells the size. */
static unsigned size_of(uint64_t hi)
{
	unsigned order = 1;

	if (!(hi & 1))
		return 0;
	while (order < 52 && bit(hi, 11 + order))
		order++;
	return order;
}

void ats_forget(struct function *f, uint64_t hi)
{
	unsigned shift = 12 + size_of(hi), wider, kept = 0;
	struct tlb_line *t;

	for (unsigned i = 0; i < f->nkept; i++) {
		t = &f->kept[i];
		wider = MAX(shift, t->shift);
		if (wider < 64 && t->va >> wider != hi >> wider)
			f->kept[kept++] = *t;
	}
	f->nkept = kept;
	f->forgets++;
}

static void keep(struct function *f, uint64_t va, const struct translation *t)
{
	if (f->nkept == ARRAY_SIZE(f->kept))
		memmove(f->kept, f->kept + 1, --f->nkept * sizeof(f->kept[0]));
	f->kept[f->nkept++] = (struct tlb_line){
		.sid = f->sid, .did = t->did, .shift = t->shift, .va = va,
		.pa = t->pa & ~ones(t->shift - 1, 0), .rights = t->rights,
	};
}

/* 4.1.2: a page that is absent is an answer, not a fault. */
bool model_ats_ask(struct machine *m, uint16_t segment, uint16_t sid,
		   uint64_t va)
{
	struct function *f = function_find(m, segment, sid);
	struct translation t;

	if (!f || !f->unit || !dma_can_master(f) || !ats_enabled(f))
		return false;
	t = walk_for_device(f->unit, sid, va);
	if (t.reason && t.reason != NO_READ && t.reason != NO_WRITE)
		fault_report(f->unit, t.reason, sid, va, false);
	if (t.reason)
		return false;
	keep(f, va, &t);
	return true;
}

/* The first that it kept for that address: nothing newer is asked for. */
static const struct tlb_line *find_kept(const struct function *f, uint64_t va,
					bool write)
{
	const struct tlb_line *t;

	for (unsigned i = 0; i < f->nkept; i++) {
		t = &f->kept[i];
		if (va >> t->shift == t->va >> t->shift &&
		    t->rights & (write ? IOMMU_WRITE : IOMMU_READ))
			return t;
	}
	return NULL;
}

bool model_ats_dma(struct machine *m, uint16_t segment, uint16_t sid,
		   uint64_t va, bool write)
{
	struct function *f = function_find(m, segment, sid);
	const struct tlb_line *t = f ? find_kept(f, va, write) : NULL;
	struct translation r = { 0 };
	physaddr_t pa;

	if (!t || !f->unit || !dma_can_master(f) || !ats_enabled(f))
		return false;
	pa = t->pa | (va & ones(t->shift - 1, 0));
	r = walk_translated(f->unit, sid);
	if (r.reason) {
		fault_report(f->unit, r.reason, sid, pa, write);
		return false;
	}
	m->accesses++;
	dma_hold(m, f, va, pa, write);
	return true;
}
