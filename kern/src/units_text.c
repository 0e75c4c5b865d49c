/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files `units` and `walk` of #iommu: a snapshot is taken, of one unit or of
 * a few entries, and put into words with nothing held.  Also compiled for the
 * host.
 */
#include <iommu_text.h>

static const char *rights(int prot)
{
	return prot == IOMMU_READ ? "r" : prot == IOMMU_WRITE ? "w" : "rw";
}

static const char *const sizes[] = { "", "4k", "2m", "1g" };

/* VT-d 11.4.2 and 11.4.3: bits of CAP, and of ECAP from 64 on. */
static void format_can(struct text *t, const struct iommu_unit_info *u)
{
	static const struct { const char *word; unsigned bit; } can[] = {
		{ "coherent", 64 }, { "caching", 7 }, { "write-buffer", 4 },
		{ "queue", 65 }, { "device-tlb", 66 }, { "interrupts", 67 },
		{ "x2apic", 68 }, { "posted", 59 }, { "pass-through", 70 },
		{ "snoop", 71 }, { "page-flush", 39 }, { "drain-read", 55 },
		{ "drain-write", 54 }, { "zero-length-read", 22 },
		{ "protected-low", 5 }, { "protected-high", 6 },
	};
	bool some = false;

	text_add(t, " can=");
	for (unsigned i = 0; i < ARRAY_SIZE(can); i++)
		if ((can[i].bit < 64 ? u->cap : u->ecap) >> can[i].bit % 64 & 1)
			text_item(t, &some, "%s", can[i].word);
	text_list_end(t, some);
}

static void format_levels(struct text *t, const struct iommu_unit_info *u)
{
	bool some = false;

	text_add(t, " levels=");
	for (unsigned l = 3; l <= 5; l++)
		if (u->cap >> (6 + l) & 1)
			text_item(t, &some, "%u", l);
	text_list_end(t, some);
	text_add(t, " pages=4k%s%s width=%u", u->cap >> 34 & 1 ? ",2m" : "",
		 u->cap >> 35 & 1 ? ",1g" : "", u->address_bits);
}

void iommu_format_units(struct text *t)
{
	struct iommu_unit_info u;

	for (unsigned n = 0; iommu_unit_info(n, &u); n++) {
		text_add(t, "unit%u base=0x%lx segment=%u state=%s "
			 "version=%u.%u cap=0x%lx ecap=0x%lx", n, u.base,
			 u.segment, u.unsupported ? "unsupported" :
			 u.failure ? "failed" : u.gsts >> 31 ? "on" : "off",
			 u.version >> 4 & 15, u.version & 15, u.cap, u.ecap);
		format_levels(t, &u);
		format_can(t, &u);
		text_add(t, " domains=%u used=%u entries=%u used_entries=%u "
			 "queue=%u queued=%u devices=%u faults=%lu", u.domains,
			 u.domains_used, u.entries, u.entries_used, u.queue,
			 u.queued, u.devices, u.faults);
		text_reason(t, "failure", u.unsupported ? NULL : u.failure);
		text_reason(t, "reason", u.unsupported);
		text_add(t, "\n");
	}
}

static void format_entry(struct text *t, const struct iommu_walk *w,
			 unsigned level)
{
	uint64_t e = w->entry[level - 1];

	text_add(t, "level%u index=%lu entry=0x%lx", level,
		 w->addr >> (3 + 9 * level) & 511, e);
	if (!(e & 3))
		text_add(t, " absent\n");
	else if (level == w->last)
		text_add(t, " leaf=%s rights=%s\n", sizes[level],
			 rights(e & 3));
	else
		text_add(t, " table=0x%lx\n", e & 0xffffffffff000);
}

static void format_walk(struct text *t, const struct iommu_walk *w)
{
	if (w->looked > 0)
		text_add(t, "root index=%u entry=0x%lx table=0x%lx\n",
			 w->sid >> 8, w->root, w->root & ~0xffful);
	if (w->looked > 1)
		text_add(t, "context index=%u low=0x%lx high=0x%lx domain=%lu "
			 "levels=%lu table=0x%lx\n", w->sid & 0xff,
			 w->context_lo, w->context_hi,
			 w->context_hi >> 8 & 0xffff, (w->context_hi & 7) + 2,
			 w->context_lo & ~0xffful);
	for (unsigned l = w->levels; l && l >= w->last; l--)
		format_entry(t, w, l);
	if (w->last && !(w->entry[w->last - 1] & 3))
		text_add(t, "blocked reason=\"level %u is absent\"\n",
			 w->last);
	else if (w->blocked)
		text_add(t, "blocked reason=\"%s\"\n", w->blocked);
	else
		text_add(t, "frame addr=0x%lx rights=%s size=%s\n", w->frame,
			 rights(w->entry[w->last - 1] & 3), sizes[w->last]);
}

void iommu_format_walk(void *command, struct text *t)
{
	const struct iommu_command *cmd = command;
	struct iommu_range r = { 0 };
	struct iommu_walk w;

	if (cmd->has_addr) {
		iommu_walk(cmd->dev, cmd->addr, &w);
		format_walk(t, &w);
		return;
	}
	for (uint64_t at = 0; iommu_range(cmd->dev, at, &r); at = r.to + 1)
		text_add(t, "range from=0x%lx to=0x%lx rights=%s size=%s\n",
			 r.from, r.to, rights(r.prot), sizes[r.level]);
}
