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

int vtd_submit(struct vtd *u, const struct inv *list, unsigned n,
	       struct vtd_ticket *t)
{
	if (!vtd_alive(u))
		return vtd_fail(u, u->failure);
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
