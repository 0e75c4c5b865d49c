/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The statements of a scenario on the model, each a function of its words.
 * What is wrong with one is told by run_fail, and ends the test.
 */
#include "scenario.h"

uint64_t run_value(struct run *r, const char *word)
{
	uint64_t v = 0;

	if (!names_value(&r->names, word, &v))
		run_fail(r, "%s: unknown", word);
	return v;
}

static char *word(struct run *r, unsigned n)
{
	return r->line->word[n];
}

static uint64_t argument(struct run *r, unsigned n)
{
	return run_value(r, word(r, n));
}

/* Registers */

uint64_t run_register(struct run *r, const char *name, unsigned *width)
{
	uint64_t offset = 0, bytes = 4;

	if (!names_find(&r->s->offsets, name, &offset) ||
	    !names_find(&r->s->widths, name, &bytes))
		run_fail(r, "%s: no register", name);
	*width = (unsigned)bytes;
	return offset;
}

uint64_t run_read(struct run *r, const char *name)
{
	unsigned width;
	uint64_t offset = run_register(r, name, &width);

	return unit_read(r->u, (unsigned)offset, width);
}

/* Time enough for whatever was begun, which may not end: a request by register
 * while the queue is on. */
static void settle(struct run *r)
{
	struct model_unit *u = r->u;

	for (unsigned n = 0; n < 32 || (n < 5000 &&
	     !(u->fsts & FS_QUEUE) && (u->nahead || u->iqh != u->iqt)); n++)
		model_tick(r->m);
}

void run_write(struct run *r, const char *name, uint64_t v)
{
	unsigned width;
	uint64_t offset = run_register(r, name, &width);

	unit_write(r->u, (unsigned)offset, width, v);
	settle(r);
}

static void do_write(struct run *r)
{
	run_write(r, word(r, 1), argument(r, 2));
}

static void do_expect(struct run *r)
{
	bool masked = !strcmp(word(r, 2), "&");
	uint64_t mask = masked ? argument(r, 3) : UINT64_MAX;
	char got[RESULT];

	if (strcmp(word(r, masked ? 4 : 2), "="))
		run_fail(r, "%s: not understood", word(r, 2));
	snprintf(got, sizeof(got), "0x%lx", run_read(r, word(r, 1)) & mask);
	run_compare(r, got);
}

/* Memory */

static void add_page(struct run *r, const char *name, physaddr_t at,
		     bool frame)
{
	if (r->npages == PAGES || !names_set(&r->names, name, at))
		run_fail(r, "%s: too many pages", name);
	else
		r->pages[r->npages++] = (struct page_of){ name, at, frame };
}

static void do_table(struct run *r)
{
	void *p;

	for (unsigned i = 1; i < r->line->n; i++) {
		p = memory_alloc(r->m, PGSIZE);
		memory_flushed(r->m, p, PGSIZE);
		add_page(r, word(r, i), memory_pa(r->m, p), false);
	}
}

/* Its dwords all differ from those of other frames, and none is 0. */
static void do_frame(struct run *r)
{
	physaddr_t at;
	uint32_t *p;

	for (unsigned i = 1; i < r->line->n; i++) {
		at = frame_alloc(r->m, r->o);
		add_page(r, word(r, i), at, true);
		p = memory_at(r->m, at);
		for (unsigned n = 0; n < PGSIZE / 4; n++)
			p[n] = 1u << 31 | r->npages << 16 | n * 4;
	}
}

const struct page_of *run_frame(struct run *r, const char *name)
{
	for (unsigned i = 0; i < r->npages; i++)
		if (r->pages[i].frame && !strcmp(r->pages[i].name, name))
			return &r->pages[i];
	return NULL;
}

static void do_let(struct run *r)
{
	if (!names_set(&r->names, word(r, 1), argument(r, 2)))
		run_fail(r, "too many names");
}

static void store(struct run *r, physaddr_t at, uint64_t v)
{
	uint64_t *p = memory_has(at) ? memory_at(r->m, at) : NULL;

	if (!p) {
		run_fail(r, "0x%lx: no memory", at);
		return;
	}
	*p = v;
	memory_stored(r->m, at, v);
	memory_flushed(r->m, p, 8);
}

static void do_set(struct run *r)
{
	store(r, argument(r, 1), argument(r, 2));
}

static void do_fill(struct run *r)
{
	physaddr_t at = argument(r, 1);

	for (unsigned i = 0; i < PGSIZE; i += 16) {
		store(r, at + i, argument(r, 2));
		store(r, at + i + 8, argument(r, 3));
	}
}

static void store_pair(struct run *r, physaddr_t at)
{
	store(r, at + 8, argument(r, 4));
	store(r, at, argument(r, 3));
}

static void do_root(struct run *r)
{
	store_pair(r, argument(r, 1) + 16 * argument(r, 2));
}

bool parse_function(const char *text, uint16_t *sid)
{
	unsigned bus = 0, dev, fn;
	char rest;

	if (strchr(text, ':') ?
	    sscanf(text, "%x:%x.%x%c", &bus, &dev, &fn, &rest) != 3 :
	    sscanf(text, "%x.%x%c", &dev, &fn, &rest) != 2)
		return false;
	*sid = (uint16_t)(bus << 8 | dev << 3 | fn);
	return bus < 256 && dev < 32 && fn < 8;
}

static void do_context(struct run *r)
{
	uint16_t function = 0;

	if (!parse_function(word(r, 2), &function))
		run_fail(r, "%s: no function", word(r, 2));
	else
		store_pair(r, argument(r, 1) + function * 16u);
}

static void do_entry(struct run *r)
{
	unsigned shift = 12 + 9 * ((unsigned)argument(r, 2) - 1);

	if (!r->why[0])
		store(r, argument(r, 1) + 8 * (argument(r, 3) >> shift & 511),
		      argument(r, 4));
}

static void do_memory(struct run *r)
{
	physaddr_t at = argument(r, 1);
	char got[RESULT];

	if (r->why[0] || !memory_has(at))
		run_fail(r, "%s: no memory", word(r, 1));
	else {
		snprintf(got, sizeof(got), "0x%x",
			 *(uint32_t *)memory_at(r->m, at));
		run_compare(r, got);
	}
}

static void store_descriptor(struct run *r, uint64_t base, uint64_t at)
{
	store(r, (base & ~0xfffull) + at, argument(r, 1));
	store(r, (base & ~0xfffull) + at + 8, argument(r, 2));
}

static uint64_t queue_bytes(uint64_t base)
{
	return PGSIZE << bits(base, 2, 0);
}

/* 6.5.2: at the tail, which moves on, and around. */
static void do_push(struct run *r)
{
	uint64_t base = run_read(r, "IQA"), tail = run_read(r, "IQT");

	store_descriptor(r, base, tail);
	run_write(r, "IQT", (tail + 16) % queue_bytes(base));
}

/* Another descriptor in place of the last. */
static void do_mend(struct run *r)
{
	uint64_t base = run_read(r, "IQA"), tail = run_read(r, "IQT");

	store_descriptor(r, base, (tail - 16) % queue_bytes(base));
	run_write(r, "FSTS", run_read(r, "FSTS") & FS_IQE);
	run_write(r, "IQT", tail);
}

/* What came since, one vector at most. */
static void do_interrupts(struct run *r)
{
	char got[RESULT] = "none";
	unsigned n = 0;

	for (unsigned i = 0; i < r->m->nvectors; i++) {
		if (!r->m->vectors[i].pending)
			continue;
		r->m->vectors[i].pending = false;
		snprintf(got, sizeof(got), n++ ? "several" : "0x%x", i);
	}
	run_compare(r, got);
}

static const struct {
	const char *word;
	void (*fn)(struct run *r);
	unsigned words;		/* at least */
} steps[] = {
	{ "table", do_table, 2 }, { "frame", do_frame, 2 },
	{ "let", do_let, 3 }, { "set", do_set, 3 }, { "fill", do_fill, 4 },
	{ "root", do_root, 5 }, { "context", do_context, 5 },
	{ "entry", do_entry, 5 }, { "write", do_write, 3 },
	{ "push", do_push, 3 }, { "mend", do_mend, 3 },
	{ "expect", do_expect, 4 },
	{ "memory", do_memory, 4 }, { "interrupts", do_interrupts, 3 },
	{ "dma", request, 6 },
};

bool step(struct run *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
		if (!strcmp(r->line->word[0], steps[i].word) &&
		    r->line->n >= steps[i].words) {
			steps[i].fn(r);
			return true;
		}
	return false;
}
