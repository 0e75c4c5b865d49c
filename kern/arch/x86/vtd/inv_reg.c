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
	uint64_t v;

	do {
		v = vtd_get64(u, r);
		if (v == ~0ull)
			return false;
		if (!(v & bit))
			return true;
	} while (!deadline_over(&end));
	return false;
}

static bool context(struct vtd *u, const struct inv *i)
{
	vtd_set64(u, CCMD, CCMD_ICC | field_make(CCMD_CIRG, i->gran) |
		  field_make(CCMD_SID, i->sid) | field_make(CCMD_DID, i->did));
	return poll_clear(u, CCMD, CCMD_ICC);
}

static bool iotlb(struct vtd *u, const struct inv *i)
{
	uint64_t at = field_get(u->ecap, ECAP_IRO) * 16;
	struct reg64 reg = REG64(at + IOTLB_BEHIND_IRO);

	if (i->gran == GRAN_PAGES)
		vtd_set64(u, REG64(at + IVA_BEHIND_IRO),
			  i->addr | field_make(IVA_AM, i->am) |
			  (i->leaves ? IVA_IH : 0));
	vtd_set64(u, reg, IOTLB_IVT | field_make(IOTLB_IIRG, i->gran) |
		  (u->cap & CAP_DRD ? IOTLB_DR : 0) |
		  (u->cap & CAP_DWD ? IOTLB_DW : 0) |
		  field_make(IOTLB_DID, i->did));
	return poll_clear(u, reg, IOTLB_IVT);
}

int regs_invalidate(struct vtd *u, const struct inv *list, unsigned n)
{
	bool done;

	os_lock(&u->queue.lock);
	done = vtd_alive(u);
	for (unsigned i = 0; i < n && done; i++)
		done = list[i].what == QI_CONTEXT ? context(u, &list[i]) :
			iotlb(u, &list[i]);
	if (!done)
		vtd_mark_failed(u, "invalidation by register");
	os_unlock(&u->queue.lock);
	return done ? 0 : vtd_fail(u, vtd_failure(u));
}
