/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access Control Services (PCI Express 4.0, 6.12 and 7.7.8), and which requests
 * between functions never come up to a remapping unit because something on the
 * way routes them: a conventional bus, a switch, a device with several
 * functions.  Root ports of different slots and endpoints of the root complex
 * itself count as kept apart, as they are on every chipset known.
 */
#include "model.h"

#define ACS_CAPS	4
#define ACS_CTRL	6
#define SOURCE		0x01	/* source validation */
#define REDIRECT	0x04	/* of requests between peers */
#define EGRESS		0x20	/* a vector decides instead */
#define DIRECT		0x40	/* translated requests go straight */

void model_acs(struct function *f, uint16_t caps)
{
	f->acs = function_add_ext(f, 0x0d, 12);
	f->config[f->acs + ACS_CAPS] = (uint8_t)caps;
	f->writable[f->acs + ACS_CTRL] = (uint8_t)(caps & 0x7f);
	f->after_reset[f->acs] = f->config[f->acs];
	memcpy(f->after_reset + 0x100, f->config + 0x100, 0x100);
}

/* 6.12.3: with egress control, a clear bit of the vector lets it pass; here all
 * are clear.  Direct translated requests are for devices with TLBs. */
static bool redirects(const struct function *f)
{
	unsigned ctrl = f->acs ? f->config[f->acs + ACS_CTRL] : 0;

	return ctrl & REDIRECT && !(ctrl & EGRESS) && !(ctrl & DIRECT) &&
		(ctrl & SOURCE || !(f->config[0x0e] & 1));
}

static bool same_slot(const struct function *a, const struct function *b)
{
	return a->segment == b->segment && a->sid >> 3 == b->sid >> 3;
}

/* Of f and the bridges above it, the one on that bus; NULL: none is. */
static const struct function *on_bus(struct machine *m,
				     const struct function *f, unsigned bus)
{
	while (f && f->sid >> 8 != bus)
		f = bridge_to(m, f->segment, f->sid >> 8);
	return f;
}

static bool conventional(const struct function *bridge)
{
	unsigned type = bridge->pcie ? bridge->config[bridge->pcie + 2] >> 4 :
		BRIDGE_CONVENTIONAL;

	return type == BRIDGE_CONVENTIONAL || type == BRIDGE_TO_PCI;
}

/* On the bus where their ways meet, a's side against b's side. */
static bool meets(struct machine *m, const struct function *a,
		  const struct function *b, unsigned bus)
{
	const struct function *above = bridge_to(m, a->segment, bus);

	if (same_slot(a, b))
		return !redirects(a);
	if (!above)
		return false;
	return conventional(above) || !redirects(a);
}

bool model_peer_reaches(struct machine *m, const struct function *a,
			const struct function *b)
{
	const struct function *up, *side;

	if (a->segment != b->segment || a == b)
		return false;
	for (up = a; up; up = bridge_to(m, up->segment, up->sid >> 8)) {
		side = on_bus(m, b, up->sid >> 8);
		if (side && side != up)
			return meets(m, up, side, up->sid >> 8);
		if (side)
			return false;	/* below each other */
	}
	return false;
}
