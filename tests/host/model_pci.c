/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of PCI functions, as far as handing them over goes: bus
 * mastering, pending transactions, four kinds of reset, bridges (PCI Local Bus
 * 3.0, 6.2; PCI Express 4.0, 6.6.2 and 7.5.3; PCI Power Management 1.2, 5.4;
 * Advanced Capabilities ECN).
 */
#include "model.h"

#define COMMAND		0x04
#define MASTER		0x04u
#define BAR0		0x10
#define CAP_PM		0x40
#define CAP_MSI		0x50
#define CAP_PCIE	0x60
#define CAP_AF		0xa0
#define BRIDGE_CTRL	0x3e
#define BRIDGE_RESET	0x40u
#define MSEC		1000000ull

static void put(struct function *f, unsigned off, unsigned width, uint32_t v)
{
	for (unsigned i = 0; i < width; i++)
		f->config[off + i] = (uint8_t)(v >> 8 * i);
}

static void allow(struct function *f, unsigned off, unsigned width, uint32_t v)
{
	for (unsigned i = 0; i < width; i++)
		f->writable[off + i] = (uint8_t)(v >> 8 * i);
}

static void add_cap(struct function *f, unsigned at, unsigned id)
{
	f->config[at] = (uint8_t)id;
	f->config[at + 1] = f->config[0x34];
	f->config[0x34] = (uint8_t)at;
	f->config[0x06] |= 0x10;
}

uint16_t function_add_ext(struct function *f, unsigned id, unsigned len)
{
	unsigned at = 0x100;

	while (f->config[at] && f->config[at + 3])
		at = (unsigned)f->config[at + 3] << 4 | f->config[at + 2] >> 4;
	if (f->config[at]) {	/* the last one: this comes behind it */
		f->config[at + 2] |= (uint8_t)((at + 0x40) << 4 & 0xf0);
		f->config[at + 3] = (uint8_t)((at + 0x40) >> 4);
		at += 0x40;
	}
	assert_true(len <= 0x40 && f->pcie);
	put(f, at, 2, id);
	f->config[at + 2] |= 1;
	return (uint16_t)at;
}

static void add_ats(struct function *f)
{
	f->ats = function_add_ext(f, 0x0f, 8);
	put(f, f->ats + 4u, 2, 0x0020);		/* page-aligned */
	allow(f, f->ats + 6u, 2, 0x801f);
}

static void add_caps(struct function *f)
{
	add_cap(f, CAP_MSI, 0x05);
	allow(f, CAP_MSI + 2, 2, 0x0001);
	if (f->kind & (FN_PM | FN_PM_NO_RESET)) {
		add_cap(f, f->pm = CAP_PM, 0x01);
		put(f, CAP_PM + 4, 2, f->kind & FN_PM_NO_RESET ? 8 : 0);
		allow(f, CAP_PM + 4, 2, 0x0003);
	}
	if (f->kind & (FN_PCIE | FN_FLR)) {
		add_cap(f, f->pcie = CAP_PCIE, 0x10);
		put(f, CAP_PCIE + 4, 4, f->kind & FN_FLR ? 1u << 28 : 0);
		put(f, CAP_PCIE + 8, 2, 0x2810);
		allow(f, CAP_PCIE + 8, 2, 0x7fff);
	}
	if (f->kind & FN_ATS)
		add_ats(f);
	if (f->kind & FN_AF) {
		add_cap(f, f->af = CAP_AF, 0x13);
		f->config[CAP_AF + 3] = 3;
	}
}

static struct function *function_new(struct machine *m, uint16_t segment,
				     unsigned bus, unsigned dev, unsigned fn,
				     unsigned kind)
{
	struct function *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->next = m->functions;
	m->functions = f;
	f->segment = segment;
	f->sid = (uint16_t)(bus << 8 | dev << 3 | fn);
	f->kind = kind;
	put(f, 0x00, 4, 0x11e81234);
	f->config[0x0b] = kind & FN_HOST_BRIDGE ? 0x06 : 0x02;
	allow(f, COMMAND, 2, 0x0547);
	allow(f, 0x0c, 2, 0xffff);
	allow(f, 0x3c, 1, 0xff);
	return f;
}

struct function *model_function(struct machine *m, uint16_t segment,
				unsigned bus, unsigned dev, unsigned fn,
				unsigned kind, struct model_unit *u)
{
	struct function *f = function_new(m, segment, bus, dev, fn, kind);

	f->unit = u;
	allow(f, BAR0, 4, 0xfffff000);
	add_caps(f);
	if (kind & (FN_HARDWIRED | FN_HOST_BRIDGE)) {
		f->config[COMMAND] |= MASTER;
		f->writable[COMMAND] &= (uint8_t)~MASTER;
	}
	memcpy(f->after_reset, f->config, sizeof(f->config));
	put(f, BAR0, 4, 0xfe000000u | (unsigned)f->sid << 12);
	f->config[COMMAND] |= kind & FN_MASTERING ? MASTER | 2 : 2;
	return f;
}

struct function *model_bridge(struct machine *m, uint16_t segment,
			      unsigned bus, unsigned dev, unsigned fn,
			      unsigned type, unsigned secondary,
			      unsigned subordinate)
{
	struct function *f = function_new(m, segment, bus, dev, fn, 0);

	if (type != BRIDGE_CONVENTIONAL) {
		add_cap(f, f->pcie = CAP_PCIE, 0x10);
		put(f, CAP_PCIE + 2, 2, type << 4);
	}
	f->config[0x0a] = 4;
	f->config[0x0b] = 6;
	f->config[0x0e] = 1;
	f->config[0x18] = (uint8_t)bus;
	f->config[0x19] = (uint8_t)secondary;
	f->config[0x1a] = (uint8_t)subordinate;
	f->config[COMMAND] = 7;
	allow(f, BRIDGE_CTRL, 2, BRIDGE_RESET);
	return f;
}

void model_functions_free(struct machine *m)
{
	struct function *f;

	while ((f = m->functions)) {
		m->functions = f->next;
		free(f);
	}
}

struct function *function_find(struct machine *m, uint16_t segment,
			       uint16_t sid)
{
	struct function *f = m->functions;

	while (f && (f->segment != segment || f->sid != sid))
		f = f->next;
	return f;
}

struct function *bridge_to(struct machine *m, uint16_t segment,
				  unsigned bus)
{
	for (struct function *f = bus ? m->functions : NULL; f; f = f->next)
		if (f->segment == segment && (f->config[0x0e] & 0x7f) == 1 &&
		    f->config[0x19] == bus && f->sid >> 8 < bus)
			return f;
	return NULL;
}

/* PCI Express to PCI Bridge 1.0, 2.3: the id of its secondary bus, device 0;
 * conventional bridges put their own. */
uint16_t function_requester(struct machine *m, const struct function *f)
{
	unsigned bus = f->sid >> 8, type;
	uint16_t id = f->sid;
	struct function *b;

	while ((b = bridge_to(m, f->segment, bus))) {
		type = b->pcie ? b->config[b->pcie + 2] >> 4 : 0;
		if (type == BRIDGE_TO_PCI)
			id = (uint16_t)(bus << 8);
		else if (!b->pcie)
			id = b->sid;
		bus = b->sid >> 8;
	}
	return id;
}

bool function_mastering(const struct function *f)
{
	return f->config[COMMAND] & MASTER;
}

/* PCI Express 6.6.2, PCI Power Management 5.4: what it answers then, if it does,
 * says nothing, and what is written may be lost. */
static void check_quiet(struct machine *m, const struct function *f)
{
	if (f && !f->gone && m->now < f->quiet_until && !m->in_hook &&
	    !m->threads)
		model_violation(m, "%x is accessed during its reset", f->sid);
}

static bool answers(const struct machine *m, const struct function *f)
{
	return f && !f->gone && m->now >= f->back_at;
}

static bool well_formed(struct machine *m, unsigned off, unsigned width)
{
	bool good = (width == 1 || width == 2 || width == 4) &&
		off % width == 0 && off + width <= 4096;

	if (!good)
		model_violation(m, "PCI access of %u bytes at 0x%x", width,
				off);
	return good;
}

/* A read of the status that tells of pending transactions brings their end
 * nearer. */
static void show_pending(struct function *f, unsigned off, unsigned width)
{
	unsigned at = f->pcie ? f->pcie + 10u : f->af + 5u;

	if ((!f->pcie && !f->af) || at < off || at >= off + width)
		return;
	f->config[at] &= f->pcie ? (uint8_t)~0x20 : (uint8_t)~0x01;
	if (!f->pending)
		return;
	f->config[at] |= f->pcie ? 0x20 : 0x01;
	f->pending--;
}

/* A root port that shows Configuration Request Retry Status (PCI Express
 * 2.3.2): the vendor's id is then 1 while the function cannot answer yet. */
static uint32_t not_there(const struct function *f, unsigned off)
{
	return f && f->retries && !f->gone && !off ? 0xffff0001 : UINT32_MAX;
}

uint32_t function_read(struct machine *m, struct function *f, unsigned off,
		       unsigned width)
{
	uint32_t v = 0;

	check_quiet(m, f);
	if (!well_formed(m, off, width) || !answers(m, f) ||
	    (off >= 256 && !f->pcie))
		return not_there(f, off) & UINT32_MAX >> (32 - 8 * width);
	show_pending(f, off, width);
	for (unsigned i = width; i > 0; i--)
		v = v << 8 | f->config[off + i - 1];
	return v;
}

static void reset(struct machine *m, struct function *f, uint64_t time)
{
	if (function_mastering(f) && !(f->kind & FN_HARDWIRED))
		model_violation(m, "%x is reset while it masters the bus",
				f->sid);
	memcpy(f->config, f->after_reset, sizeof(f->config));
	f->nkept = 0;
	f->pending = 0;
	f->resets++;
	f->back_at = f->quiet_until = m->now + time;
}

/* Rule 2: bus mastering comes last. */
static void check_may_master(struct machine *m, struct function *f)
{
	struct context_line *known, c;

	if (!m->watching)
		return;
	if (!f->holder)
		model_violation(m, "%x is nobody's and given the bus", f->sid);
	if (!f->unit || !(f->unit->gsts & G_TE)) {
		model_violation(m, "%x is given the bus untranslated", f->sid);
		return;
	}
	known = cache_context(f->unit, f->sid);
	c = known ? *known : walk_context(f->unit, f->sid);
	if (c.reason)
		model_violation(m, "%x is given the bus before its context "
				"entry stands", f->sid);
}

static void command_changed(struct machine *m, struct function *f, bool was)
{
	if (f->stubborn && !was)
		f->config[COMMAND] &= (uint8_t)~MASTER;
	if (function_mastering(f) && !was)
		check_may_master(m, f);
	if (!function_mastering(f) && was) {
		f->pending = f->drains;
		f->pending_of = f->holder;
	}
}

static bool in(unsigned at, unsigned off, unsigned width)
{
	return at >= off && at < off + width;
}

/* D3hot to D0 is a reset unless the function says otherwise. */
static void power_changed(struct machine *m, struct function *f, unsigned was)
{
	unsigned is = f->config[f->pm + 4] & 3;

	if (was == is)
		return;
	if (was == 3 && is == 0 && f->kind & FN_PM)
		reset(m, f, 0);
	f->back_at = f->quiet_until = m->now + 9 * MSEC;
}

/* All below is held in reset while the bit is set, 1 ms at least, and may be
 * asked after 100 ms; what is not PCI Express after 2^25 clocks (PCI-to-PCI
 * Bridge 1.2, 3.2.5.17; PCI 4.3.2; PCI Express 4.0, 6.6.1). */
static void bus_reset_changed(struct machine *m, struct function *bridge,
			      bool was)
{
	bool is = bridge->config[BRIDGE_CTRL] & BRIDGE_RESET;

	for (struct function *f = m->functions; f && is != was; f = f->next) {
		unsigned bus = f->sid >> 8;

		if (f->gone || f->segment != bridge->segment ||
		    bus < bridge->config[0x19] || bus > bridge->config[0x1a])
			continue;
		if (is)
			reset(m, f, UINT64_MAX / 2);
		else
			f->back_at = f->quiet_until = m->now +
				(f->pcie ? 100 : 1006) * MSEC;
	}
	if (is && !was)
		bridge->reset_at = m->now;
	else if (was && !is && m->now - bridge->reset_at < MSEC)
		model_violation(m, "%x resets its bus for less than 1 ms",
				bridge->sid);
}

static void store(struct function *f, unsigned off, unsigned width, uint32_t v)
{
	uint8_t *c = f->config, *w = f->writable;

	for (unsigned i = off; i < off + width; i++, v >>= 8)
		c[i] = (uint8_t)((c[i] & ~w[i]) | (v & w[i]));
}

void function_write(struct machine *m, struct function *f, unsigned off,
		    unsigned width, uint32_t v)
{
	bool mastering, ats, bus_reset;
	unsigned power;

	check_quiet(m, f);
	if (!well_formed(m, off, width) || !answers(m, f))
		return;
	mastering = function_mastering(f);
	ats = ats_enabled(f);
	bus_reset = f->config[BRIDGE_CTRL] & BRIDGE_RESET;
	power = f->pm ? f->config[f->pm + 4] & 3 : 0;
	store(f, off, width, v);
	if (in(COMMAND, off, width))
		command_changed(m, f, mastering);
	if (f->pm && in(f->pm + 4u, off, width))
		power_changed(m, f, power);
	ats_changed(f, ats);
	if (f->config[0x0e] == 1)
		bus_reset_changed(m, f, bus_reset);
	if (f->kind & FN_FLR && off == f->pcie + 8u && v & 0x8000)
		reset(m, f, 99 * MSEC);
	if (f->kind & FN_AF && f->config[f->af + 3] & 2 &&
	    off == f->af + 4u && v & 1)
		reset(m, f, 99 * MSEC);
}
