/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DMAR table as its parser sees it (dmar_text.h): what is wrong with it is
 * not in these lines, but in those of what was dropped.
 */
#include <dmar_text.h>
#include <dmar.h>
#include <pci_function.h>

#define BYTES_OF_LINE 16

static const char *yes_no(unsigned bit)
{
	return bit ? "yes" : "no";
}

static void format_header(struct text *t, const struct dmar_table *d)
{
	static const struct { const char *word; unsigned bit; } flags[] = {
		{ "interrupts", DMAR_INTR_REMAP },
		{ "x2apic-opt-out", DMAR_X2APIC_OPT_OUT },
		{ "dma-opt-in", DMAR_DMA_CTRL_PLATFORM_OPT_IN },
	};
	bool some = false;

	text_add(t, "dmar length=%u width=%u flags=", d->length,
		 d->host_address_width);
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		if (d->flags & flags[i].bit)
			text_item(t, &some, "%s", flags[i].word);
	text_list_end(t, some);
	text_add(t, " checksum=%s\n", d->checksum_ok ? "ok" : "wrong");
}

/* "ioapic:0:1e.1": the bus, the first step, and behind a "/" further ones,
 * through bridges. */
static void format_scope(struct text *t, const struct dmar_table *d,
			 const struct dmar_scope *s, uint16_t segment,
			 bool *some)
{
	static const char *const types[] = {
		[DMAR_SCOPE_ENDPOINT] = "", [DMAR_SCOPE_BRIDGE] = "bridge:",
		[DMAR_SCOPE_IOAPIC] = "ioapic:", [DMAR_SCOPE_HPET] = "hpet:",
		[DMAR_SCOPE_NAMESPACE] = "namespace:",
	};
	const char *type = s->type && s->type < ARRAY_SIZE(types) ?
		types[s->type] : "unknown:";
	struct dmar_hop hop = dmar_hop(d, s, 0);

	text_item(t, some, "%s%s", type,
		  bdf_text(segment, pci_sid(s->bus, hop.dev, hop.fn)).s);
	for (unsigned i = 1; i < s->path_len; i++) {
		hop = dmar_hop(d, s, i);
		text_add(t, "/%x.%x", hop.dev, hop.fn);
	}
}

static void format_scopes(struct text *t, const struct dmar_table *d,
			  const struct dmar_entry *e)
{
	struct dmar_scope s = { 0 };
	bool some = false;

	text_add(t, " scopes=");
	while (dmar_next_scope(d, e, &s))
		if (!s.error)
			format_scope(t, d, &s, e->segment, &some);
	text_list_end(t, some);
	text_add(t, " at=0x%x\n", e->offset);
}

/* Firmware's bytes: what is no letter becomes a ".". */
static void format_name(struct text *t, const struct dmar_table *d,
			const struct dmar_entry *e)
{
	char c;

	text_add(t, "named number=%u at=0x%x text=\"", e->device_number,
		 e->offset);
	for (unsigned i = 0; i < e->name_len; i++) {
		c = (char)d->bytes[e->name + i];
		text_add(t, "%c", c > ' ' && c <= '~' && c != '"' ? c : '.');
	}
	text_add(t, "\"\n");
}

static void format_entry(struct text *t, const struct dmar_table *d,
			 const struct dmar_entry *e)
{
	switch (e->type) {
	case DMAR_DRHD:
		text_add(t, "unit base=0x%lx segment=%u all=%s size=%lu",
			 e->base, e->segment,
			 yes_no(e->flags & DMAR_DRHD_INCLUDE_PCI_ALL),
			 dmar_register_bytes(e));
		break;
	case DMAR_RMRR:
		text_add(t, "reserved base=0x%lx limit=0x%lx segment=%u",
			 e->base, e->limit, e->segment);
		break;
	case DMAR_ATSR:
		text_add(t, "ats segment=%u all=%s", e->segment,
			 yes_no(e->flags & DMAR_ATSR_ALL_PORTS));
		break;
	case DMAR_RHSA:
		text_add(t, "affinity base=0x%lx node=%u at=0x%x\n", e->base,
			 e->proximity, e->offset);
		return;
	case DMAR_ANDD:
		format_name(t, d, e);
		return;
	case DMAR_SATC:
		text_add(t, "satc segment=%u required=%s", e->segment,
			 yes_no(e->flags & DMAR_SATC_ATC_REQUIRED));
		break;
	case DMAR_SIDP:
		text_add(t, "properties segment=%u", e->segment);
		break;
	default:
		return;
	}
	format_scopes(t, d, e);
}

/* For who is to look at it elsewhere. */
static void format_bytes(struct text *t, const uint8_t *table, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (i % BYTES_OF_LINE == 0)
			text_add(t, "bytes at=0x%lx hex=", i);
		text_add(t, "%02x", table[i]);
		if (i % BYTES_OF_LINE == BYTES_OF_LINE - 1 || i == len - 1)
			text_add(t, "\n");
	}
}

void dmar_format(struct text *t, const uint8_t *table, size_t len,
		 const struct iommu_dropped *dropped, unsigned n)
{
	struct dmar_entry e = { 0 };
	struct dmar_table d;
	enum dmar_error bad;

	if (!table) {
		text_add(t, "dmar missing=\"this machine has no DMAR table\"\n");
		return;
	}
	bad = dmar_open(&d, table, len);
	if (bad) {
		text_add(t, "dmar missing=\"%s\"\n", dmar_strerror(bad));
		format_bytes(t, table, len);
		return;
	}
	format_header(t, &d);
	while (dmar_next(&d, &e))
		if (!e.error)
			format_entry(t, &d, &e);
	for (unsigned i = 0; i < n; i++)
		text_add(t, "dropped at=0x%x type=%u text=\"%s\"\n",
			 dropped[i].offset, dropped[i].type, dropped[i].why);
	format_bytes(t, table, len);
}
