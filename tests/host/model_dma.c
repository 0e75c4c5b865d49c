/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of devices, and the oracle.  A device makes requests while it
 * masters the bus, and for a while afterwards those that it has pending; each
 * goes through its unit.  One that gets through must, at that instant, be for a
 * page that its holder has at that address, with that right, and that is still
 * its holder's.
 */
#include "model.h"

#include <iommu.h>

struct owner *owner_new(const char *name)
{
	struct owner *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	o->name = name;
	return o;
}

void owner_free(struct owner *o)
{
	free(o->list);
	free(o);
}

struct mapping *owner_find(struct owner *o, uint64_t va)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->list[i].va == va)
			return &o->list[i];
	return NULL;
}

void owner_plan(struct owner *o, uint64_t va, physaddr_t pa, uint8_t rights)
{
	struct mapping *e = owner_find(o, va);

	if (!e) {
		if (o->n == o->room) {
			o->room = o->room ? o->room * 2 : 16;
			o->list = realloc(o->list, o->room * sizeof(*e));
			assert_non_null(o->list);
		}
		e = &o->list[o->n++];
		*e = (struct mapping){ .va = va };
	}
	e->is = pa;
	e->is_rights = rights;
}

void owner_commit(struct owner *o)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < o->n; i++) {
		if (!o->list[i].late) {
			o->list[i].was = o->list[i].is;
			o->list[i].was_rights = o->list[i].is_rights;
		}
		if (o->list[i].is_rights || o->list[i].late)
			o->list[kept++] = o->list[i];
	}
	o->n = kept;
}

unsigned owner_drop_late(struct owner *o, physaddr_t *frames)
{
	unsigned kept = 0, n = 0;

	for (unsigned i = 0; i < o->n; i++)
		if (o->list[i].late)
			frames[n++] = o->list[i].was;
		else
			o->list[kept++] = o->list[i];
	o->n = kept;
	return n;
}

/* Why `o` may not make that access; NULL: it may. */
static const char *forbidden(struct machine *m, struct owner *o, uint64_t va,
			     physaddr_t pa, bool write)
{
	uint8_t right = write ? IOMMU_WRITE : IOMMU_READ;
	physaddr_t frame = pa & ~(physaddr_t)(PGSIZE - 1);
	struct mapping *e;
	struct page *pg;

	if (!o)
		return "it is nobody's";
	if (!memory_has(pa))
		return "that is no memory";
	pg = &m->mem.page[memory_index(m, pa)];
	if (pg->state != PAGE_FRAME || pg->owner != o)
		return "the frame is not its owner's";
	e = owner_find(o, va & ~(uint64_t)(PGSIZE - 1));
	if (!e)
		return "its owner has nothing there";
	if ((e->was != frame || !(e->was_rights & right)) &&
	    (e->is != frame || !(e->is_rights & right)))
		return "its owner has not that page there, with that right";
	return NULL;
}

static bool hold_against(struct machine *m, const struct function *f,
			 struct owner *o, uint64_t va, physaddr_t pa,
			 bool write)
{
	const char *why = forbidden(m, o, va, pa, write);

	if (why && m->watching)
		model_violation(m, "%x:%x.%x %s 0x%lx at 0x%lx: %s",
				f->sid >> 8, f->sid >> 3 & 31, f->sid & 7,
				write ? "wrote" : "read", pa, va, why);
	return !why;
}

bool dma_hold(struct machine *m, struct function *f, uint64_t va,
	      physaddr_t pa, bool write)
{
	return hold_against(m, f, f->holder, va, pa, write);
}

/* A request made before mastering was taken away carries its maker's name. */
static bool is_late(const struct function *f)
{
	return !function_mastering(f) && f->pending;
}

/* What the ports above a function let pass. */
static bool forwarded(struct machine *m, const struct function *f)
{
	const struct function *b = f;

	while ((b = bridge_to(m, f->segment, b->sid >> 8)))
		if (!function_mastering(b))
			return false;
	return true;
}

bool dma_can_master(const struct function *f)
{
	struct machine *m = model_machine;
	bool awake = !f->pm || !(f->config[f->pm + 4] & 3);

	return !f->gone && m->now >= f->back_at && awake &&
		(function_mastering(f) || f->pending) && forwarded(m, f);
}

static struct owner *maker(const struct function *f)
{
	return is_late(f) ? f->pending_of : f->holder;
}

/* Through the unit; false: refused.  *did is for what lies in its buffers. */
static bool pass(struct machine *m, struct function *f, uint64_t va,
		 bool write, physaddr_t *pa, uint16_t *did)
{
	struct translation t = { .pa = va, .untranslated = true };
	uint16_t sid = function_requester(m, f);

	if (f->unit)
		t = walk(f->unit, sid, va, write);
	if (t.reason) {
		if (!t.fpd || t.reason == NO_ROOT_ENTRY || (t.reason >=
		    NO_ROOT_TABLE && t.reason <= CONTEXT_RESERVED))
			fault_report(f->unit, t.reason, sid, va, write);
		return false;
	}
	if (f->unit && protect_drops(f->unit, t.pa))
		return false;
	if (t.untranslated && m->watching)
		model_violation(m, "%x reached 0x%lx untranslated", f->sid,
				va);
	if (is_late(f) && f->pending_of != f->holder && m->watching)
		model_violation(m, "a request that %x made for its former "
				"owner reached the present one", f->sid);
	*pa = t.pa;
	*did = t.did;
	return true;
}

static void copy(struct machine *m, physaddr_t pa, void *buf, size_t len,
		 bool write)
{
	uint8_t *at = m->mem.cpu + (pa - RAM_BASE);

	if (write)
		memcpy(at, buf, len);
	else
		memcpy(buf, at, len);
}

static bool one_page(struct machine *m, struct function *f, uint64_t va,
		     void *buf, size_t len, bool write)
{
	physaddr_t pa;
	uint16_t did;

	if (!pass(m, f, va, write, &pa, &did))
		return false;
	m->accesses++;
	if (hold_against(m, f, f->holder, va, pa, write))
		copy(m, pa, buf, len, write);
	return true;
}

/* 3.14: a write there is an interrupt; a read is an error. */
static bool for_interrupts(uint64_t va)
{
	return va >= IRQ_FIRST && va <= IRQ_LAST;
}

bool model_dma(struct machine *m, uint16_t segment, uint16_t sid,
	       uint64_t addr, void *buf, size_t len, bool write)
{
	struct function *f = function_find(m, segment, sid);
	uint8_t *at = buf;
	bool done = true;
	size_t step;

	if (!f || !dma_can_master(f))
		return false;
	if (for_interrupts(addr)) {
		m->messages += write;
		return write;
	}
	for (; len; addr += step, at += step, len -= step) {
		step = MIN(len, PGSIZE - addr % PGSIZE);
		done &= one_page(m, f, addr, at, step, write);
	}
	return done;
}

/* What lies in a unit's buffers arrives, wherever it was translated to. */
void dma_land(struct model_unit *u, unsigned n)
{
	struct posted p = u->posted[n];
	uint8_t byte = 0x5a;

	u->posted[n] = u->posted[--u->nposted];
	if (hold_against(u->m, p.fn, p.owner, p.va, p.pa, p.write))
		copy(u->m, p.pa, &byte, 1, p.write);
}

/* A unit that cannot drain (CAP.DWD, CAP.DRD) holds nothing back. */
bool model_dma_posted(struct machine *m, uint16_t segment, uint16_t sid,
		      uint64_t addr, bool write)
{
	struct function *f = function_find(m, segment, sid);
	struct posted p = { .fn = f, .va = addr, .write = write };
	struct model_unit *u;

	if (!f || !dma_can_master(f) || !f->unit)
		return false;
	u = f->unit;
	if (!pass(m, f, addr, write, &p.pa, &p.did))
		return false;
	p.owner = maker(f);
	if (u->nposted == POSTED_MAX)
		dma_land(u, 0);
	u->posted[u->nposted++] = p;
	if (!(write ? u->c.dwd : u->c.drd) || m->policy.leave == LEAVE_AT_ONCE)
		dma_land(u, u->nposted - 1);
	return true;
}
