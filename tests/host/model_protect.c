/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protected memory regions (3.14, 11.4.16 to 11.4.20): a low one below 4 GiB
 * and a high one, each with base and limit, both switched by PMEN, whose status
 * follows late.  A request for what is in one of them is dropped and recorded
 * nowhere.  Once the unit translates it may still be dropped, or not: software
 * can rely on neither.
 */
#include "model.h"

#define GRAIN	21		/* bits that base and limit do not have */
#define EPM	(1u << 31)
#define PRS	1u

unsigned protect_width(const struct model_unit *u, unsigned off)
{
	switch (off) {
	case R_PMEN:
		return u->c.plmr || u->c.phmr ? 4 : 0;
	case R_PLMBASE: case R_PLMLIMIT:
		return u->c.plmr ? 4 : 0;
	case R_PHMBASE: case R_PHMLIMIT:
		return u->c.phmr ? 8 : 0;
	}
	return 0;
}

uint64_t protect_read(const struct model_unit *u, unsigned off)
{
	switch (off) {
	case R_PMEN:
		return u->pmen;
	case R_PLMBASE:
		return u->low.base;
	case R_PLMLIMIT:
		return u->low.limit;
	case R_PHMBASE:
		return u->high.base;
	default:
		return u->high.limit;
	}
}

static void write_enable(struct model_unit *u, uint32_t v)
{
	if (v & ~EPM)
		model_violation(u->m, "PMEN written with 0x%x", v);
	u->pmen = (u->pmen & ~EPM) | (v & EPM);
	u->pmen_delay = unit_delay(u);
}

/* 11.4.17: not while the regions are on, or going on or off. */
void protect_write(struct model_unit *u, unsigned off, uint64_t v)
{
	uint64_t kept = v & ones(off < R_PHMBASE ? 31 : MODEL_HAW - 1, GRAIN);

	if (off == R_PMEN) {
		write_enable(u, (uint32_t)v);
		return;
	}
	if (u->pmen & (EPM | PRS))
		model_violation(u->m, "a protected region is moved while it "
				"is on");
	if (off == R_PLMBASE)
		u->low.base = kept;
	else if (off == R_PLMLIMIT)
		u->low.limit = kept;
	else if (off == R_PHMBASE)
		u->high.base = kept;
	else
		u->high.limit = kept;
}

bool protect_busy(const struct model_unit *u)
{
	return !(u->pmen & EPM) != !(u->pmen & PRS);
}

void protect_tick(struct model_unit *u)
{
	if (protect_busy(u) && !u->trouble.deaf_protect && !u->pmen_delay--)
		u->pmen ^= PRS;
}

/* The limit's lower bits count as ones; a limit below the base: no region. */
static bool in_region(const struct region *r, physaddr_t pa)
{
	return pa >= r->base && pa <= (r->limit | ones(GRAIN - 1, 0));
}

bool protect_drops(struct model_unit *u, physaddr_t pa)
{
	if (!(u->pmen & PRS) || (u->gsts & G_TE && model_random(u->m, 2)))
		return false;
	return (u->c.plmr && in_region(&u->low, pa)) ||
		(u->c.phmr && in_region(&u->high, pa));
}
