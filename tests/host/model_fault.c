/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fault recording (7.2) and the fault event (7.3): records in a ring, a status
 * register whose bits are cleared by writing ones, and one interrupt each time
 * that the first of those bits comes up.
 */
#include "model.h"

static bool some_record(const struct model_unit *u)
{
	for (unsigned i = 0; i < u->c.records; i++)
		if (u->record[i].hi & FR_F)
			return true;
	return false;
}

/* 11.4.9: PPF is what the records say; FRI stands where the first was
 * recorded when PPF came up, and does not move until it does so again. */
uint32_t fault_fsts(struct model_unit *u)
{
	return u->fsts | (some_record(u) ? FS_PPF : 0) | u->first_record << 8;
}

static bool any_status(struct model_unit *u)
{
	return fault_fsts(u) & (FS_PPF | FS_PFO | FS_QUEUE);
}

static void send_event(struct model_unit *u)
{
	if (u->fectl & FE_IM) {
		u->fectl |= FE_IP;
		return;
	}
	model_interrupt(u->m, u->feaddr | (uint64_t)u->feuaddr << 32,
			u->fedata);
}

void fault_status(struct model_unit *u, uint32_t set)
{
	bool quiet = !any_status(u);

	u->fsts |= set;
	if (quiet)
		send_event(u);
}

void fault_write_fsts(struct model_unit *u, uint32_t v)
{
	if (v & ~(uint32_t)(FS_PFO | FS_QUEUE))
		model_violation(u->m, "FSTS written with 0x%x: reserved or "
				"read-only bits", v);
	u->fsts &= ~(v & (FS_PFO | FS_QUEUE));
	if (!any_status(u))
		u->fectl &= ~FE_IP;
}

void fault_write_fectl(struct model_unit *u, uint32_t v)
{
	if (v & ~FE_IM)
		model_violation(u->m, "FECTL written with 0x%x", v);
	u->fectl = (u->fectl & FE_IP) | (v & FE_IM);
	if (u->fectl == FE_IP) {
		u->fectl = 0;
		send_event(u);
	}
}

void fault_clear_record(struct model_unit *u, unsigned n)
{
	if (!n && u->trouble.stuck_record)
		return;
	u->record[n].hi &= ~FR_F;
	if (!any_status(u))
		u->fectl &= ~FE_IP;
}

static bool pending_of(const struct model_unit *u, uint16_t sid)
{
	for (unsigned i = 0; i < u->c.records; i++)
		if (u->record[i].hi & FR_F && bits(u->record[i].hi, 15, 0) ==
		    sid)
			return true;
	return false;
}

/* 7.2.1: nothing is recorded while PFO is set or the next record is taken;
 * a unit may leave out further faults of a source that has one pending. */
void fault_report(struct model_unit *u, enum reason reason, uint16_t sid,
		  uint64_t va, bool write)
{
	struct descriptor *r = &u->record[u->next_record];
	bool quiet = !any_status(u);

	u->faults++;
	if (u->fsts & FS_PFO || (u->collapse && pending_of(u, sid)))
		return;
	if (r->hi & FR_F) {
		fault_status(u, FS_PFO);
		return;
	}
	if (!some_record(u))
		u->first_record = u->next_record;
	r->lo = va & ~0xfffull;
	r->hi = FR_F | (write ? 0 : FR_READ) | (uint64_t)reason << 32 | sid;
	u->next_record = (u->next_record + 1) % u->c.records;
	if (quiet)
		send_event(u);
}
