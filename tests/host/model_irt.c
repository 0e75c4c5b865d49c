/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt remapping (5.1, 9.10): what becomes of a device's write to the
 * interrupt range.  Entries are cached, absent ones only in caching mode, and
 * forgotten when they are invalidated and not before.
 */
#include "model.h"

#define RANGE		0xfee00000u
#define FORMAT		4
#define SUBHANDLE	3

static bool may_keep(struct model_unit *u)
{
	struct policy *p = &u->m->policy;

	return p->keep == KEEP_ALL ||
		(p->keep == KEEP_SOME && model_random(u->m, 2));
}

/* 9.10: with EIME (bit 11 of IRTA) the destination has 32 bits, else 8. */
static bool wide(const struct model_unit *u)
{
	return bit(u->irta, 11);
}

static enum reason check_entry(const struct model_unit *u,
			       const struct irt_line *e, uint16_t sid)
{
	unsigned first = (unsigned)bits(e->hi, 15, 8);
	unsigned last = (unsigned)bits(e->hi, 7, 0);

	if (!bit(e->lo, 0))
		return IR_ABSENT;
	if (bits(e->lo, 14, 12) || bits(e->lo, 31, 24) || bits(e->hi, 63, 20) ||
	    (!wide(u) && (bits(e->lo, 39, 32) || bits(e->lo, 63, 48))))
		return IR_RESERVED;
	switch (bits(e->hi, 19, 18)) {
	case 0:
		return OK;
	case 1:
		return bits(e->hi, 15, 0) == sid ? OK : IR_SOURCE;
	case 2:
		return sid >> 8 >= first && sid >> 8 <= last ? OK : IR_SOURCE;
	default:
		return IR_RESERVED;
	}
}

/* The entry as the unit knows it, else as it is in memory. */
static enum reason find_entry(struct model_unit *u, unsigned index,
			      struct irt_line *e)
{
	physaddr_t at = (u->irta & ~0xfffull) + index * 16;

	if (index >= 2u << bits(u->irta, 3, 0))
		return IR_INDEX;
	*e = u->irt[index % IRT_LINES];
	if (e->known)
		return OK;
	if (!memory_unit_read(u, at, &e->lo) ||
	    !memory_unit_read(u, at + 8, &e->hi))
		return IR_TABLE;
	e->known = may_keep(u) && (bit(e->lo, 0) || u->c.cm);
	u->irt[index % IRT_LINES] = *e;
	return OK;
}

static enum reason remap(struct model_unit *u, uint16_t sid, uint64_t addr,
			 uint32_t data, unsigned *index, struct irt_line *e)
{
	enum reason why;

	*index = (unsigned)bits(addr, 19, 5) | (unsigned)bit(addr, 2) << 15;
	if (!bit(addr, FORMAT))	/* 5.1.4: never with EIME */
		return u->gsts & G_CFI && !wide(u) ? OK : IR_BLOCKED;
	if (bit(addr, SUBHANDLE) && data >> 16)
		return IR_REQUEST;
	if (bit(addr, SUBHANDLE))
		*index += data & 0xffff;
	why = find_entry(u, *index, e);
	return why ? why : check_entry(u, e, sid);
}

struct arrival model_message(struct machine *m, struct function *f,
			     uint64_t addr, uint32_t data)
{
	struct model_unit *u = f->unit;
	uint16_t sid = function_requester(m, f);
	struct arrival a = { .vector = data & 0xff,
			     .apic = (uint32_t)bits(addr, 19, 12) };
	struct irt_line e = { .known = false };
	unsigned index;

	assert_int_equal(addr >> 20 << 20, RANGE);
	if (!u || !(u->gsts & G_IRE))
		return a;
	a.reason = remap(u, sid, addr, data, &index, &e);
	if (a.reason)
		fault_report(u, a.reason, sid, (uint64_t)index << 48, true);
	else if (bit(addr, FORMAT))
		a = (struct arrival){ .vector = (uint8_t)bits(e.lo, 23, 16),
				      .apic = (uint32_t)(wide(u) ?
						bits(e.lo, 63, 32) :
						bits(e.lo, 47, 40)) };
	return a;
}

/* 6.5.2.7: all, or 2^IM from IIDX on. */
void irt_forget(struct model_unit *u, uint64_t lo)
{
	unsigned first = (unsigned)bits(lo, 47, 32);
	unsigned n = 1u << bits(lo, 31, 27);

	for (unsigned i = 0; i < IRT_LINES; i++)
		if (!bit(lo, 4) || i - first < n)
			u->irt[i].known = false;
}
