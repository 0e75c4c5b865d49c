/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a unit translates a request in legacy mode: root entry (9.1), context
 * entry (9.3), second-level tables (9.8), with its caches in between, and why
 * it refuses (7.1.3).
 */
#include "model.h"

#define READS	1u
#define WRITES	2u

static bool read_pair(struct model_unit *u, physaddr_t pa, uint64_t *lo,
		      uint64_t *hi)
{
	return memory_unit_read(u, pa, lo) && memory_unit_read(u, pa + 8, hi);
}

static enum reason check_root(uint64_t lo, uint64_t hi)
{
	if (!bit(lo, 0))
		return NO_ROOT_ENTRY;
	return bits(lo, 11, 1) || lo >> MODEL_HAW || hi ? ROOT_RESERVED : OK;
}

/* 9.3; bits of a domain id that the unit does not have are reserved, too. */
static enum reason check_context(const struct model_unit *u, uint64_t lo,
				 uint64_t hi)
{
	unsigned type = (unsigned)bits(lo, 3, 2);
	unsigned width = (unsigned)bits(hi, 2, 0);

	if (!bit(lo, 0))
		return NO_CONTEXT_ENTRY;
	if (bits(lo, 11, 4) || lo >> MODEL_HAW || bit(hi, 7) ||
	    bits(hi, 63, 24) || bits(hi, 23, 8) >= u->c.domains)
		return CONTEXT_RESERVED;
	if (width > 4 || !bit(u->c.sagaw, width))
		return BAD_CONTEXT;
	if (type == 3 || (type == 1 && !u->c.dt) || (type == 2 && !u->c.pt))
		return BAD_CONTEXT;
	return OK;
}

struct context_line walk_context(struct model_unit *u, uint16_t sid)
{
	struct context_line c = { .sid = sid };
	uint64_t lo, hi;

	if (!read_pair(u, u->root + (sid >> 8) * 16u, &lo, &hi)) {
		c.reason = NO_ROOT_TABLE;
		return c;
	}
	c.reason = check_root(lo, hi);
	if (c.reason)
		return c;
	if (!read_pair(u, (lo & ~0xfffull) + (sid & 0xff) * 16u, &c.lo,
		       &c.hi)) {
		c.reason = NO_CONTEXT_TABLE;
		return c;
	}
	c.reason = check_context(u, c.lo, c.hi);
	if (c.reason != NO_CONTEXT_ENTRY)
		c.did = (uint16_t)bits(c.hi, 23, 8);
	return c;
}

static struct context_line context_of(struct model_unit *u, uint16_t sid)
{
	struct context_line *known = cache_context(u, sid);
	struct context_line c;

	if (known)
		return *known;
	c = walk_context(u, sid);
	cache_keep_context(u, c);
	return c;
}

/* 9.8.  Bit 11 is SNP and 62 TM, of leaves and where they exist; the address
 * of a large page is aligned to it. */
static bool has_reserved(const struct model_unit *u, uint64_t e,
			 unsigned level, bool leaf)
{
	uint64_t reserved = ones(51, MODEL_HAW);

	if (!leaf || !u->c.sc)
		reserved |= 1ull << 11;
	if (!leaf || !u->c.dt)
		reserved |= 1ull << 62;
	if (leaf && level > 1)
		reserved |= ones(9 * level + 2, 12);
	if (level > 1 && (level > 3 || !bit(u->c.sllps, level - 2)))
		reserved |= 1ull << 7;
	return e & reserved;
}

static enum reason refusal(unsigned need)
{
	return need == WRITES ? NO_WRITE : NO_READ;
}

/* Where a walk stands: at a table of that level, with those rights so far. */
struct walk {
	uint64_t va;
	uint16_t did;
	unsigned level;
	physaddr_t table;
	unsigned rights;
};

static struct walk begin(struct model_unit *u, const struct context_line *c,
			 uint64_t va)
{
	unsigned levels = (unsigned)bits(c->hi, 2, 0) + 2;
	struct table_line *t = cache_table(u, c->did, va, levels);

	if (t)
		return (struct walk){ va, c->did, t->level, t->table,
				      t->rights };
	return (struct walk){ va, c->did, levels, c->lo & ~0xfffull,
			      READS | WRITES };
}

static unsigned index_of(const struct walk *w)
{
	return (unsigned)(w->va >> (12 + 9 * (w->level - 1))) % 512;
}

static void go_down(struct model_unit *u, struct walk *w, uint64_t e)
{
	w->table = e & ones(51, 12);
	w->level--;
	cache_keep_table(u, (struct table_line){
		.did = w->did, .level = w->level, .va = w->va,
		.table = w->table, .rights = (uint8_t)w->rights,
	});
}

static struct tlb_line leaf_line(const struct walk *w, uint64_t e,
				 enum reason reason)
{
	unsigned shift = 12 + 9 * (w->level - 1);

	return (struct tlb_line){
		.did = w->did, .shift = shift, .va = w->va, .reason = reason,
		.pa = e & ones(51, shift), .rights = (uint8_t)w->rights,
	};
}

/* 7.1.3: the first table is the context entry's (reason 3), the others are
 * those of the entries above them (7). */
static enum reason no_table(const struct context_line *c, const struct walk *w)
{
	return w->level == bits(c->hi, 2, 0) + 2 ? BAD_CONTEXT : NO_TABLE;
}

/* The translation of va, or why there is none. */
static struct tlb_line walk_tables(struct model_unit *u,
				   const struct context_line *c, uint64_t va,
				   unsigned need)
{
	struct walk w = begin(u, c, va);
	uint64_t e = 0;
	bool leaf;

	for (;;) {
		if (!memory_unit_read(u, w.table + index_of(&w) * 8, &e))
			return leaf_line(&w, e, no_table(c, &w));
		w.rights &= (unsigned)e & (READS | WRITES);
		if (!(e & need))
			return leaf_line(&w, e, refusal(need));
		leaf = w.level == 1 || bit(e, 7);
		if (has_reserved(u, e, w.level, leaf))
			return leaf_line(&w, e, TABLE_RESERVED);
		if (leaf)
			return leaf_line(&w, e, OK);
		go_down(u, &w, e);
	}
}

/* Absent or wrong is remembered in caching mode (6.1), but that one right is
 * missing is not: the line would hide the other. */
static struct tlb_line translation_of(struct model_unit *u,
				      const struct context_line *c,
				      uint16_t sid, uint64_t va, unsigned need)
{
	struct tlb_line *known = cache_tlb(u, c->did, va);
	struct tlb_line t;

	if (u->unknown[c->did])
		return (struct tlb_line){ .shift = 12, .reason = NO_READ };
	if (known)
		return *known;
	t = walk_tables(u, c, va, need);
	t.sid = sid;
	if (t.reason == OK || !t.rights || t.reason == TABLE_RESERVED)
		cache_keep_tlb(u, t);
	return t;
}

static enum reason verdict(const struct tlb_line *t, unsigned need)
{
	if (t->reason == NO_READ || t->reason == NO_WRITE)
		return refusal(need);
	if (t->reason)
		return t->reason;
	return t->rights & need ? OK : refusal(need);
}

static bool in_irq_range(physaddr_t pa)
{
	return pa >= IRQ_FIRST && pa <= IRQ_LAST;
}

static unsigned width_of(const struct model_unit *u,
			 const struct context_line *c)
{
	unsigned depth = 12 + 9 * ((unsigned)bits(c->hi, 2, 0) + 2);

	return depth < u->c.mgaw ? depth : u->c.mgaw;
}

static struct translation translate(struct model_unit *u, uint16_t sid,
				    uint64_t va, unsigned need)
{
	struct context_line c = context_of(u, sid);
	struct translation r = { .reason = c.reason, .did = c.did };
	struct tlb_line t;

	r.fpd = bit(c.lo, 1);
	if (r.reason)
		return r;
	if (va >> width_of(u, &c)) {
		r.reason = BEYOND_WIDTH;
		return r;
	}
	r.pa = va;
	r.untranslated = bits(c.lo, 3, 2) == 2;
	if (r.untranslated)
		return r;
	t = translation_of(u, &c, sid, va, need);
	r.reason = verdict(&t, need);
	r.shift = t.shift;
	r.rights = t.rights;
	r.pa = t.pa | (va & ones(t.shift - 1, 0));
	if (!r.reason && in_irq_range(r.pa))
		r.reason = INTERRUPT_RANGE;
	return r;
}

/* What only a mistake in the tables brings about. */
static bool is_drivers_fault(enum reason r)
{
	return r == BAD_CONTEXT || (r >= NO_TABLE && r <= TABLE_RESERVED);
}

struct translation walk(struct model_unit *u, uint16_t sid, uint64_t va,
			bool write)
{
	struct translation r = { .pa = va, .untranslated = true };

	if (!(u->gsts & G_TE))
		return r;
	r = translate(u, sid, va, write ? WRITES : READS);
	if (is_drivers_fault(r.reason) && !u->tolerant)
		model_violation(u->m, "unit 0x%lx: the tables for %x, address "
				"0x%lx, give fault 0x%x", u->base, sid, va,
				r.reason);
	return r;
}

/* 9.3, TT: neither kind is let through but with type 1. */
static enum reason refuses_ats(struct model_unit *u, uint16_t sid)
{
	struct context_line c = context_of(u, sid);

	if (c.reason)
		return c.reason;
	return bits(c.lo, 3, 2) == 1 ? OK : TRANSLATED_BLOCKED;
}

/* While the unit is off it answers no such request (4.1.1). */
struct translation walk_for_device(struct model_unit *u, uint16_t sid,
				   uint64_t va)
{
	struct translation r = { .reason = NO_READ };

	if (!(u->gsts & G_TE))
		return r;
	r.reason = refuses_ats(u, sid);
	if (!r.reason)
		r = walk(u, sid, va, false);
	if (r.reason == NO_READ)	/* for writing alone, perhaps */
		r = walk(u, sid, va, true);
	return r;
}

struct translation walk_translated(struct model_unit *u, uint16_t sid)
{
	struct translation r = { .reason = TRANSLATED_BLOCKED };

	if (u->gsts & G_TE)
		r.reason = refuses_ats(u, sid);
	return r;
}
