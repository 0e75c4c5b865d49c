/* SPDX-License-Identifier: BSD-2-Clause */
/* Invalidations, by the unit's queue or, where it has none, its registers. */
#include <vtd/vtd.h>

static struct qi_desc make(unsigned type, unsigned gran, uint16_t did)
{
	return (struct qi_desc){
		.lo = field_make(QI_TYPE, type) | field_make(QI_GRAN, gran) |
			field_make(QI_DID, did),
	};
}

struct qi_desc inv_context_global(void)
{
	return make(QI_CONTEXT, GRAN_GLOBAL, 0);
}

struct qi_desc inv_context_device(uint16_t did, uint16_t sid)
{
	struct qi_desc d = make(QI_CONTEXT, GRAN_DEVICE, did);

	d.lo |= field_make(QI_SID, sid);
	return d;
}

struct qi_desc inv_iotlb_global(void)
{
	return make(QI_IOTLB, GRAN_GLOBAL, 0);
}

struct qi_desc inv_iotlb_domain(uint16_t did)
{
	return make(QI_IOTLB, GRAN_DOMAIN, did);
}

struct qi_desc inv_iotlb_pages(uint16_t did, uint64_t addr, uint8_t am,
			       bool leaves)
{
	struct qi_desc d = make(QI_IOTLB, GRAN_PAGES, did);

	d.hi = addr | field_make(QI_IOTLB_AM, am) | (leaves ? QI_IOTLB_IH : 0);
	return d;
}

struct qi_desc inv_iec_global(void)
{
	return make(QI_IEC, 0, 0);
}

struct qi_desc inv_iec_index(uint16_t index)
{
	return (struct qi_desc){
		.lo = field_make(QI_TYPE, QI_IEC) | QI_IEC_ONE |
			field_make(QI_IEC_INDEX, index),
	};
}

/* VT-d 6.5.2.5: with S, the lowest clear bit from 12 on tells the size. */
struct qi_desc inv_devtlb(uint16_t sid, uint64_t addr, uint8_t am)
{
	uint64_t ones = am < 52 ? (PGSIZE << am >> 1) - PGSIZE :
		INT64_MAX - (PGSIZE - 1);

	return (struct qi_desc){
		.lo = field_make(QI_TYPE, QI_DEVTLB) |
			field_make(QI_SID, sid),
		.hi = (am < 52 ? addr : 0) | (am ? ones | QI_DEVTLB_S : 0),
	};
}

uint8_t inv_mask(uint64_t lo, uint64_t hi)
{
	uint64_t differ = (lo ^ (hi - 1)) >> PGSHIFT;

	return (uint8_t)(differ ? 64 - __builtin_clzll(differ) : 0);
}

unsigned inv_range(const struct vtd *u, uint16_t did, uint64_t lo, uint64_t hi,
		   bool leaves, struct qi_desc list[INV_RANGE_MAX])
{
	unsigned n = 0;
	uint64_t block;
	uint8_t am;

	if (hi - lo == PGSIZE && u->cap & CAP_PSI) {	/* as most are */
		list[0] = inv_iotlb_pages(did, lo, 0, leaves);
		return 1;
	}
	am = MIN(inv_mask(lo, hi), (uint8_t)field_get(u->cap, CAP_MAMV));
	block = PGSIZE << am;
	lo = ROUNDDOWN(lo, block);
	if (!(u->cap & CAP_PSI) || (hi - lo - 1) >> (PGSHIFT + am) >= INV_RANGE_MAX) {
		list[0] = inv_iotlb_domain(did);
		return 1;
	}
	for (; lo < hi; lo += block)
		list[n++] = inv_iotlb_pages(did, lo, am, leaves);
	return n;
}

unsigned inv_devtlb_range(const struct vtd *u, uint16_t sid, uint64_t lo,
			  uint64_t hi, struct qi_desc list[INV_DEVTLB_MAX])
{
	uint8_t am = inv_mask(lo, hi);

	list[0] = inv_devtlb(sid, ROUNDDOWN(lo, PGSIZE << am), am);
	list[1] = list[0];
	return u->devtlb_twice ? 2 : 1;
}

unsigned inv_devtlb_all(const struct vtd *u, uint16_t sid,
			struct qi_desc list[INV_DEVTLB_MAX])
{
	list[0] = inv_devtlb(sid, 0, 52);
	list[1] = list[0];
	return u->devtlb_twice ? 2 : 1;
}

int vtd_invalidate(struct vtd *u, const struct qi_desc *list, unsigned n)
{
	struct vtd_ticket t;
	int err = vtd_submit(u, list, n, &t);

	return err ? err : vtd_wait(u, &t);
}
