/* SPDX-License-Identifier: BSD-2-Clause */
/* Invalidations, by the unit's queue or, where it has none, its registers. */
#include <vtd/vtd.h>

struct inv inv_context_global(void)
{
	return (struct inv){ .what = QI_CONTEXT, .gran = GRAN_GLOBAL };
}

struct inv inv_context_device(uint16_t did, uint16_t sid)
{
	return (struct inv){
		.what = QI_CONTEXT, .gran = GRAN_DEVICE, .did = did, .sid = sid,
	};
}

struct inv inv_iotlb_global(void)
{
	return (struct inv){ .what = QI_IOTLB, .gran = GRAN_GLOBAL };
}

struct inv inv_iotlb_domain(uint16_t did)
{
	return (struct inv){
		.what = QI_IOTLB, .gran = GRAN_DOMAIN, .did = did,
	};
}

struct inv inv_iotlb_pages(uint16_t did, uint64_t addr, uint8_t am, bool leaves)
{
	return (struct inv){
		.what = QI_IOTLB, .gran = GRAN_PAGES, .did = did, .addr = addr,
		.am = am, .leaves = leaves,
	};
}

struct inv inv_iec_global(void)
{
	return (struct inv){ .what = QI_IEC, .gran = GRAN_GLOBAL };
}

struct inv inv_iec_index(uint16_t index)
{
	return (struct inv){ .what = QI_IEC, .index = index };
}

struct inv inv_devtlb(uint16_t sid, uint64_t addr, uint8_t am)
{
	return (struct inv){
		.what = QI_DEVTLB, .sid = sid, .addr = addr, .am = am,
	};
}

uint8_t inv_mask(uint64_t lo, uint64_t hi)
{
	uint64_t differ = (lo ^ (hi - 1)) >> PGSHIFT;

	return (uint8_t)(differ ? 64 - __builtin_clzll(differ) : 0);
}

unsigned inv_range(const struct vtd *u, uint16_t did, uint64_t lo, uint64_t hi,
		   bool leaves, struct inv list[INV_RANGE_MAX])
{
	uint8_t most = (uint8_t)field_get(u->cap, CAP_MAMV);
	uint8_t am = MIN(inv_mask(lo, hi), most);
	uint64_t block = PGSIZE << am;
	unsigned n = 0;

	lo = ROUNDDOWN(lo, block);
	if (!(u->cap & CAP_PSI) || (hi - lo - 1) / block >= INV_RANGE_MAX) {
		list[0] = inv_iotlb_domain(did);
		return 1;
	}
	for (; lo < hi; lo += block)
		list[n++] = inv_iotlb_pages(did, lo, am, leaves);
	return n;
}

unsigned inv_devtlb_range(const struct vtd *u, uint16_t sid, uint64_t lo,
			  uint64_t hi, struct inv list[INV_DEVTLB_MAX])
{
	uint8_t am = inv_mask(lo, hi);

	list[0] = inv_devtlb(sid, ROUNDDOWN(lo, PGSIZE << am), am);
	list[1] = list[0];
	return u->devtlb_twice ? 2 : 1;
}

unsigned inv_devtlb_all(const struct vtd *u, uint16_t sid,
			struct inv list[INV_DEVTLB_MAX])
{
	list[0] = inv_devtlb(sid, 0, 52);
	list[1] = list[0];
	return u->devtlb_twice ? 2 : 1;
}

int vtd_submit(struct vtd *u, const struct inv *list, unsigned n,
	       struct vtd_ticket *t)
{
	if (!vtd_alive(u))
		return vtd_fail(u, vtd_failure(u));
	if (u->queue.ring)
		return queue_submit(u, list, n, t);
	*t = (struct vtd_ticket){ 0 };
	return regs_invalidate(u, list, n);
}

int vtd_wait(struct vtd *u, const struct vtd_ticket *t)
{
	return u->queue.ring ? queue_wait(u, t) : 0;
}

int vtd_invalidate(struct vtd *u, const struct inv *list, unsigned n)
{
	struct vtd_ticket t;
	int err = vtd_submit(u, list, n, &t);

	return err ? err : vtd_wait(u, &t);
}
