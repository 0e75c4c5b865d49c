/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults (VT-d 7): the fault event's message, and the fault recording
 * registers.  The unit fills them as a ring, and they are taken in that order;
 * F and PFO are cleared by writing ones.  FSTS.FRI is not looked at: it stays
 * where the first fault was while any is pending, and so says nothing once some
 * of them have been taken.
 */
#include <vtd/vtd.h>

static const char *const texts[] = {
	[0x1] = "root entry not present",
	[0x2] = "context entry not present",
	[0x3] = "context entry invalid",
	[0x4] = "address beyond the unit's width",
	[0x5] = "no write permission",
	[0x6] = "no read permission",
	[0x7] = "page table not readable",
	[0x8] = "root table not readable",
	[0x9] = "context table not readable",
	[0xa] = "reserved bits in root entry",
	[0xb] = "reserved bits in context entry",
	[0xc] = "reserved bits in page-table entry",
	[0xd] = "translated request not allowed",
	[0xe] = "page lies in the interrupt range",
	[0x20] = "interrupt request with reserved bits",
	[0x21] = "interrupt index beyond the table",
	[0x22] = "interrupt entry not present",
	[0x23] = "interrupt table not readable",
	[0x24] = "reserved bits in interrupt entry",
	[0x25] = "compatibility interrupt blocked",
	[0x26] = "interrupt from another source",
};

const char *fault_text(uint8_t reason)
{
	return reason < ARRAY_SIZE(texts) && texts[reason] ? texts[reason] :
		"unknown reason";
}

int fault_start(struct vtd *u, void (*fn)(void *), void *arg)
{
	if (os_irq(fn, arg, "iommu-fault", &u->event_addr, &u->event_data) < 0)
		return -1;
	vtd_set32(u, FECTL, FECTL_IM);
	vtd_set32(u, FEDATA, u->event_data);
	vtd_set32(u, FEADDR, (uint32_t)u->event_addr);
	vtd_set32(u, FEUADDR, (uint32_t)(u->event_addr >> 32));
	u->has_event = true;
	return 0;
}

void fault_mask(struct vtd *u, bool masked)
{
	if (vtd_alive(u))
		vtd_set32(u, FECTL, masked || !u->has_event ? FECTL_IM : 0);
}

/* false: no fault recorded there. */
static bool take_one(struct vtd *u, unsigned n, struct vtd_fault *f)
{
	uint64_t at = field_get(u->cap, CAP_FRO) * 16 + n * FRCD_STRIDE;
	uint64_t hi = vtd_get64(u, REG64(at + FRCD_HI));
	uint64_t lo;

	if (!(hi & FRCD_F))
		return false;
	lo = vtd_get64(u, REG64(at + FRCD_LO));
	*f = (struct vtd_fault){
		.sid = (uint16_t)field_get(hi, FRCD_SID),
		.reason = (uint8_t)field_get(hi, FRCD_FR),
		.read = hi & FRCD_T,
	};
	f->addr = f->reason < REASON_INTERRUPT ? lo & field_mask(FRCD_FI) :
		field_get(lo, FRCD_INDEX);
	vtd_set32(u, REG32(at + FRCD_F_DWORD), BIT32(31));
	return true;
}

/* From where the last call stopped on; records before the first that holds a
 * fault were taken already, or used by firmware. */
static unsigned take_some(struct vtd *u, struct vtd_fault *list, unsigned n)
{
	unsigned nfr = (unsigned)field_get(u->cap, CAP_NFR) + 1;
	unsigned got = 0;

	for (unsigned looked = 0; looked < nfr && got < n; looked++) {
		if (take_one(u, u->next_fault, &list[got]))
			got++;
		else if (got)
			break;
		u->next_fault = (u->next_fault + 1) % nfr;
	}
	return got;
}

unsigned fault_take(struct vtd *u, struct vtd_fault *list, unsigned n,
		    bool *lost)
{
	uint32_t fsts = vtd_get32(u, FSTS);
	unsigned got = 0;

	*lost = false;
	if (fsts == ~0u) {
		vtd_fail(u, "reads as all ones");
		return 0;
	}
	if (fsts & FSTS_PPF)
		got = take_some(u, list, n);
	if (fsts & FSTS_PFO) {
		*lost = true;
		vtd_set32(u, FSTS, FSTS_PFO);
	}
	return got;
}
