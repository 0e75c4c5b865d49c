/* SPDX-License-Identifier: BSD-2-Clause */
/* A unit driven by hand (selftest.h). */
#include "selftest.h"

static uint64_t *new_table(struct soft *s)
{
	uint64_t *t = memory_alloc(s->m, PGSIZE);

	memory_flushed(s->m, t, PGSIZE);
	return t;
}

void set(struct soft *s, uint64_t *e, uint64_t v)
{
	*e = v;
	memory_stored(s->m, memory_pa(s->m, e), v);
	memory_flushed(s->m, e, 8);
	memory_flush_buffer(s->u);
}

uint64_t *entry(struct soft *s, unsigned level)
{
	return &s->table[level][AT >> (12 + 9 * (level - 1)) & 511];
}

uint64_t *context_lo(struct soft *s)
{
	return &s->context[2 * SID];
}

uint64_t *context_hi(struct soft *s)
{
	return &s->context[2 * SID + 1];
}

/* 11.4.4, step by step. */
void command(struct soft *s, uint32_t bit, bool on)
{
	uint32_t v = s->u->gsts & G_LASTING;

	unit_write(s->u, R_GCMD, 4, on ? v | bit : v & ~bit);
	model_settle(s->m);
}

static void make_tables(struct soft *s)
{
	s->root = new_table(s);
	s->context = new_table(s);
	for (unsigned level = 1; level <= s->levels; level++)
		s->table[level] = new_table(s);
	set(s, s->root, memory_pa(s->m, s->context) | 1);
	set(s, context_hi(s), DID << 8 | (s->levels - 2));
	set(s, context_lo(s), memory_pa(s->m, s->table[s->levels]) | 1);
	for (unsigned level = s->levels; level > 1; level--)
		set(s, entry(s, level),
		    memory_pa(s->m, s->table[level - 1]) | 3);
	set(s, entry(s, 1), s->frame | 3);
}

void soft_open_levels(struct soft *s, unsigned levels, uint32_t ver,
		      uint64_t cap, uint64_t ecap)
{
	*s = (struct soft){ .m = model_start(1), .levels = levels };
	s->u = model_unit(s->m, 0xfed90000, 0, ver, cap, ecap);
	s->u->tolerant = true;
	s->f = model_function(s->m, 0, 0, 2, 0, FN_MASTERING | FN_FLR |
			      FN_ATS, s->u);
	s->o = owner_new("the owner");
	s->f->holder = s->o;
	s->frame = frame_alloc(s->m, s->o);
	owner_plan(s->o, AT, s->frame, IOMMU_READ | IOMMU_WRITE);
	owner_commit(s->o);
	make_tables(s);
	s->window = os_map_regs(0xfed90000, 0x2000);
	unit_write(s->u, R_RTADDR, 8, memory_pa(s->m, s->root));
	command(s, G_SRTP, true);
	command(s, G_TE, true);
	s->m->watching = true;
}

void soft_open(struct soft *s, uint32_t ver, uint64_t cap, uint64_t ecap)
{
	soft_open_levels(s, 4, ver, cap, ecap);
}

void soft_close(struct soft *s)
{
	model_check(s->m);
	model_stop(s->m);
	owner_free(s->o);
}

void queue_on(struct soft *s)
{
	uint64_t *ring = memory_alloc(s->m, PGSIZE);

	unit_write(s->u, R_IQT, 8, 0);
	unit_write(s->u, R_IQA, 8, memory_pa(s->m, ring));
	command(s, G_QIE, true);
	assert_true(s->u->gsts & G_QIE);
}

void push(struct soft *s, uint64_t lo, uint64_t hi)
{
	struct descriptor *ring = memory_at(s->m, s->u->iqa & ~0xffful);
	uint64_t at = s->u->iqt / 16;

	ring[at] = (struct descriptor){ lo, hi };
	unit_write(s->u, R_IQT, 8, (at + 1) % 256 * 16);
	if (!s->u->trouble.slow_queue && !s->u->trouble.queue_error)
		for (unsigned i = 0; i < 100; i++)
			model_tick(s->m);
}

void drop_all(struct soft *s)
{
	if (!(s->u->gsts & G_QIE))
		queue_on(s);
	push(s, D_CONTEXT | BY_ALL << 4, 0);
	push(s, D_IOTLB | BY_ALL << 4, 0);
}

static bool access(struct soft *s, bool write)
{
	uint64_t v = 0x1122334455667788;

	return model_dma(s->m, 0, SID, AT + 16, &v, sizeof(v), write);
}

bool reads(struct soft *s)
{
	return access(s, false);
}

bool writes(struct soft *s)
{
	return access(s, true);
}

enum reason fault(struct soft *s)
{
	struct model_unit *u = s->u;
	unsigned n = (u->next_record + u->c.records - 1) % u->c.records;
	enum reason r = OK;

	if (u->record[n].hi & FR_F)
		r = (enum reason)bits(u->record[n].hi, 39, 32);
	for (n = 0; n < u->c.records; n++)
		fault_clear_record(u, n);
	fault_write_fsts(u, FS_PFO);
	return r;
}
