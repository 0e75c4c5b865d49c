/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invalidation by registers (VT-d 6.5.1): one request at a time, complete when
 * the unit clears the bit that started it.  Ignored while the queue is on, and
 * gone from version 6 on.
 */
#include <vtd/vtd.h>

/* As poll_gsts in unit.c, of 64 bits. */
static bool poll_clear(struct vtd *u, struct reg64 r, uint64_t bit)
{
	struct deadline end = deadline_in(VTD_DEADLINE);
	uint64_t v, ns = 0;

	do {
		v = vtd_get64(u, r);
		if (v == ~0ull)
			return false;
		if (!(v & bit)) {
			inv_waited(u, ns);
			return true;
		}
		ns = time_of(&end);
	} while (!deadline_over(&end));
	count(&u->stats.timeouts);
	return false;
}

static bool context(struct vtd *u, struct qi_desc d)
{
	vtd_set64(u, CCMD, CCMD_ICC |
		  field_make(CCMD_CIRG, field_get(d.lo, QI_GRAN)) |
		  field_make(CCMD_SID, field_get(d.lo, QI_SID)) |
		  field_make(CCMD_DID, field_get(d.lo, QI_DID)));
	return poll_clear(u, CCMD, CCMD_ICC);
}

/* IVA's fields stand as they do in a descriptor (VT-d 11.4.8.2). */
static bool iotlb(struct vtd *u, struct qi_desc d)
{
	uint64_t at = field_get(u->ecap, ECAP_IRO) * 16;
	struct reg64 reg = REG64(at + IOTLB_BEHIND_IRO);
	uint64_t gran = field_get(d.lo, QI_GRAN);

	if (gran == GRAN_PAGES)
		vtd_set64(u, REG64(at + IVA_BEHIND_IRO), d.hi);
	vtd_set64(u, reg, IOTLB_IVT | field_make(IOTLB_IIRG, gran) |
		  (u->cap & CAP_DRD ? IOTLB_DR : 0) |
		  (u->cap & CAP_DWD ? IOTLB_DW : 0) |
		  field_make(IOTLB_DID, field_get(d.lo, QI_DID)));
	return poll_clear(u, reg, IOTLB_IVT);
}

int regs_invalidate(struct vtd *u, const struct qi_desc *list, unsigned n)
{
	bool done;

	os_turn_take(&u->turn);
	done = vtd_alive(u);
	u->stats.asked[QI_WAIT]++;
	unit_event(u, EVENT_FLUSH, 0, 0, n);
	for (unsigned i = 0; i < n && done; i++) {
		u->stats.asked[list[i].lo % ARRAY_SIZE(u->stats.asked)]++;
		done = field_get(list[i].lo, QI_TYPE) == QI_CONTEXT ?
			context(u, list[i]) : iotlb(u, list[i]);
	}
	if (!done)
		vtd_mark_failed(u, "invalidation by register");
	os_turn_give(&u->turn);
	return done ? 0 : vtd_fail(u, vtd_failure(u));
}
