/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of devices, and what becomes of them: a frame was reached, a fault
 * was recorded, neither or, which is always wrong, both.
 */
#include "scenario.h"

#include <iommu.h>

struct request {
	uint16_t sid;
	uint64_t addr;
	bool write;
	uint32_t data;
};

/* The oracle (model_dma.c) is for drivers; here it is told to agree with the
 * unit, whose caches the question leaves as the request will. */
static void tell_oracle(struct run *r, const struct request *q)
{
	struct translation t = walk(r->u, q->sid, q->addr, q->write);

	if (t.reason || !memory_has(t.pa))
		return;
	owner_plan(r->o, q->addr & ~0xfffull, t.pa & ~0xfffull,
		   IOMMU_READ | IOMMU_WRITE);
}

static uint32_t *dword(struct run *r, const struct page_of *p, uint64_t addr)
{
	return (uint32_t *)memory_at(r->m, p->at) + addr % PGSIZE / 4;
}

static const char *holding(struct run *r, const struct request *q)
{
	for (unsigned i = 0; i < r->npages; i++)
		if (r->pages[i].frame &&
		    *dword(r, &r->pages[i], q->addr) == q->data)
			return r->pages[i].name;
	return NULL;
}

/* The fault that was recorded since, if it was the first, as it should be:
 * 7.2.  It is taken out of the log. */
static void find_fault(struct run *r, const struct request *q, uint64_t before,
		       char *text, size_t room)
{
	uint64_t low = run_read(r, "FRCDL"), high = run_read(r, "FRCDH");
	uint64_t want = FR_F | (q->write ? 0 : FR_READ) | q->sid;

	*text = 0;
	if (before & FS_PPF || !(run_read(r, "FSTS") & FS_PPF) ||
	    !strcmp(r->line->word[5], "refused"))
		return;
	snprintf(text, room, "fault 0x%lx", bits(high, 39, 32));
	if (low != (q->addr & ~0xfffull) ||
	    (high & (FR_F | FR_READ | 0xffff)) != want)
		snprintf(text, room, "a fault recorded as 0x%lx 0x%lx", high,
			 low);
	run_write(r, "FRCDH", FR_F);
}

static void carry_out(struct run *r, struct request *q)
{
	uint64_t before = run_read(r, "FSTS");
	const char *where = NULL;
	char fault[60], got[RESULT];

	tell_oracle(r, q);
	if (q->write)
		q->data = ++r->written;
	if (model_dma(r->m, 0, q->sid, q->addr, &q->data, 4, q->write))
		where = holding(r, q);
	find_fault(r, q, before, fault, sizeof(fault));
	snprintf(got, sizeof(got), "%s%s%s", where ? where : "",
		 where && *fault ? " and " : "",
		 *fault ? fault : where ? "" : "refused");
	run_compare(r, got);
}

void request(struct run *r)
{
	char *const *word = r->line->word;
	struct request q = { .write = !strcmp(word[1], "write") };

	q.addr = run_value(r, word[3]);
	if (!q.write && strcmp(word[1], "read"))
		run_fail(r, "%s: neither read nor write", word[1]);
	else if (!parse_function(word[2], &q.sid) ||
		 !function_find(r->m, 0, q.sid))
		run_fail(r, "%s: no device", word[2]);
	else if (!r->why[0])
		carry_out(r, &q);
}
