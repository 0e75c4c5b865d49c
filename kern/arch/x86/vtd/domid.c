/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain ids: a bitmap of CAP.ND bits a unit, under the unit's lock. */
#include <vtd/vtd.h>

#define WORD_BITS 64

int did_alloc(struct vtd *u)
{
	int did = -1;

	os_lock(&u->lock);
	for (uint32_t w = 0; w < u->ndids; w += WORD_BITS) {
		uint64_t room = ~u->did_map[w / WORD_BITS];
		unsigned bit;

		if (!room)
			continue;
		bit = (unsigned)__builtin_ctzll(room);
		if (w + bit < u->ndids) {
			u->did_map[w / WORD_BITS] |= BIT64(bit);
			did = (int)(w + bit);
		}
		break;
	}
	os_unlock(&u->lock);
	if (did < 0)
		return os_error("unit 0x%lx has no domain id left of %u",
				u->base, u->ndids);
	return did;
}

void did_free(struct vtd *u, uint16_t did)
{
	os_lock(&u->lock);
	u->did_map[did / WORD_BITS] &= ~BIT64(did % WORD_BITS);
	os_unlock(&u->lock);
}

void did_lose(struct vtd *u, uint16_t did)
{
	(void)did;		/* its bit stays set */
	os_lock(&u->lock);
	WRITE_ONCE(u->lost_dids, u->lost_dids + 1);
	os_unlock(&u->lock);
}

unsigned did_in_use(struct vtd *u)
{
	unsigned n = 0;

	os_lock(&u->lock);
	for (uint32_t w = 0; w < u->ndids; w += WORD_BITS)
		n += (unsigned)__builtin_popcountll(u->did_map[w / WORD_BITS]);
	os_unlock(&u->lock);
	return n;
}

bool did_taken(struct vtd *u, uint16_t did)
{
	bool taken;

	os_lock(&u->lock);
	taken = u->did_map[did / WORD_BITS] & BIT64(did % WORD_BITS);
	os_unlock(&u->lock);
	return taken;
}
