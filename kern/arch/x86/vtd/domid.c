/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain ids: a bitmap of CAP.ND bits a unit, under the unit's lock.  The least
 * free one is given, and looked for from where it may be. */
#include <vtd/vtd.h>

int did_alloc(struct vtd *u)
{
	int did;

	os_hold(&u->lock);
	did = map_take(u->did_map, u->least_did, u->ndids);
	if (did < 0)
		return os_error("unit 0x%lx has no domain id left of %u",
				u->base, u->ndids);
	u->least_did = (uint32_t)did;
	return did;
}

void did_free(struct vtd *u, uint16_t did, bool lost)
{
	os_hold(&u->lock);
	if (lost) {		/* its bit stays set */
		WRITE_ONCE(u->lost_dids, u->lost_dids + 1);
		return;
	}
	map_give(u->did_map, did);
	u->least_did = MIN(u->least_did, did);
}

unsigned did_in_use(struct vtd *u)
{
	unsigned n = 0;

	os_hold(&u->lock);
	for (unsigned i = 0; i < u->ndids; i += 64)
		n += (unsigned)__builtin_popcountll(u->did_map[i / 64]);
	return n;
}

bool did_taken(struct vtd *u, uint16_t did)
{
	os_hold(&u->lock);
	return u->did_map[did / 64] & BIT64(did % 64);
}
