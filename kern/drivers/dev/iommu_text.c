/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsing and formatting of #iommu's files (iommu_text.h). */
#include <iommu_text.h>
#include <pci_function.h>
#include <string.h>

#define DEFAULT_DID	1

static const char *parse_pid(const char *word, int *pid)
{
	uint64_t n;

	if (!parse_number(&word, 10, INT32_MAX, &n) || *word)
		return "not a process id";
	*pid = (int)n;
	return NULL;
}

static const char *parse_words(const char *s, struct iommu_command *cmd,
			       struct text *subject)
{
	static const struct {
		const char *name;
		unsigned word;
	} known[] = {
		{ "unsafe", IOMMU_UNSAFE }, { "rmrr", IOMMU_RMRR },
		{ "ats", IOMMU_ATS },
	};
	char word[IOMMU_COMMAND_MAX];
	unsigned i;

	while (text_word(&s, word)) {
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (!strcmp(word, known[i].name))
				break;
		if (i == ARRAY_SIZE(known) || cmd->words & known[i].word) {
			text_add(subject, "%s", word);
			return "an unknown word; only unsafe, rmrr and ats "
				"may follow the pid, once";
		}
		cmd->words |= known[i].word;
	}
	return NULL;
}

/* The device that each begins with, which is the subject. */
static const char *parse_device(const char **s, struct iommu_command *cmd,
				struct text *subject, const char *nothing)
{
	char word[IOMMU_COMMAND_MAX];
	const char *why;

	*cmd = (struct iommu_command){ 0 };
	if (!text_word(s, word))
		return nothing;
	why = bdf_parse(word, &cmd->segment, &cmd->sid);
	text_add(subject, "%s", why ? word :
		 bdf_text(cmd->segment, cmd->sid).s);
	return why;
}

const char *iommu_parse_attach(const char *s, struct iommu_command *cmd,
			       struct text *subject)
{
	char word[IOMMU_COMMAND_MAX];
	const char *why = parse_device(&s, cmd, subject, "nothing written; the "
				       "form is BUS:DEV.FN PID [unsafe] [rmrr] "
				       "[ats]");

	if (why)
		return why;
	if (!text_word(&s, word))
		return "no pid; the form is BUS:DEV.FN PID [unsafe] [rmrr] "
			"[ats]";
	why = parse_pid(word, &cmd->pid);
	if (why) {
		text_add(subject, " %s", word);
		return why;
	}
	text_add(subject, " %d ", cmd->pid);
	why = parse_words(s, cmd, subject);
	if (!why)
		subject->len = 0;
	return why;
}

const char *iommu_parse_detach(const char *s, struct iommu_command *cmd,
			       struct text *subject)
{
	char word[IOMMU_COMMAND_MAX];
	const char *why = parse_device(&s, cmd, subject, "nothing written; the "
				       "form is BUS:DEV.FN");

	if (why || !text_word(&s, word))
		return why;
	text_add(subject, " %s", word);
	return "an unknown word; the form is BUS:DEV.FN";
}

const char *iommu_parse_walk(const char *s, struct iommu_command *cmd,
			     struct text *subject)
{
	char word[IOMMU_COMMAND_MAX];
	const char *at = word, *why = parse_device(&s, cmd, subject,
		"nothing written; the form is BUS:DEV.FN [ADDRESS]");

	if (why || !text_word(&s, word))
		return why;
	text_add(subject, " %s", word);
	at += at[0] == '0' && at[1] == 'x' ? 2 : 0;
	cmd->has_addr = true;
	if (!parse_number(&at, 16, UINT64_MAX, &cmd->addr) || *at)
		return "not an address, which is a hexadecimal number";
	return text_word(&s, word) ? "nothing may follow the address" : NULL;
}

const char *iommu_parse_power(const char *s, bool *on)
{
	char word[IOMMU_COMMAND_MAX], more[IOMMU_COMMAND_MAX];

	if (text_word(&s, word) && !text_word(&s, more)) {
		*on = !strcmp(word, "on") || !strcmp(word, "enable");
		if (*on || !strcmp(word, "off") || !strcmp(word, "disable"))
			return NULL;
	}
	return "write enable, disable, on or off";
}

void iommu_format_driver(struct text *t, bool powered, const char *missing)
{
	text_add(t, "driver info:\n\tdefault did = %u\n\tstatus = %s\n",
		 DEFAULT_DID, powered ? "enabled" : "disabled");
	if (missing)
		text_add(t, "\tmissing = %s\n", missing);
}

/* Bits lo..hi of a register, as the specification numbers them. */
static unsigned bits(uint64_t v, unsigned hi, unsigned lo)
{
	return (unsigned)(v >> lo & ((2ull << (hi - lo)) - 1));
}

static const char *yes_no(uint64_t v, unsigned bit)
{
	return bits(v, bit, bit) ? "yes" : "no";
}

/* VT-d 11.4.2. */
static void format_cap(struct text *t, uint64_t cap)
{
	unsigned nd = bits(cap, 2, 0);

	text_add(t, "\tcapabilities = 0x%016lx\n", cap);
	text_add(t, "\t\tmgaw: %u\n", bits(cap, 21, 16) + 1);
	text_add(t, "\t\tsagaw (paging level): 0x%x\n", bits(cap, 12, 8));
	text_add(t, "\t\tcaching mode: %s (%u)\n", yes_no(cap, 7),
		 bits(cap, 7, 7));
	text_add(t, "\t\tzlr: 0x%x\n", bits(cap, 22, 22));
	text_add(t, "\t\trwbf: %s\n",
		 bits(cap, 4, 4) ? "required" : "not required");
	text_add(t, "\t\tnum domains: %u\n", 1u << (4 + 2 * MIN(nd, 6u)));
	text_add(t, "\t\tsupports protected high-memory region: %s\n",
		 yes_no(cap, 6));
	text_add(t, "\t\tsupports Protected low-memory region: %s\n",
		 yes_no(cap, 5));
	if (bits(cap, 59, 59))		/* PI; they are not used */
		text_add(t, "\t\tposted interrupts: yes\n");
}

/* VT-d 11.4.3. */
static void format_ecap(struct text *t, uint64_t ecap)
{
	text_add(t, "\text. capabilities = 0x%016lx\n", ecap);
	text_add(t, "\t\tpass through: %s\n", yes_no(ecap, 6));
	text_add(t, "\t\tdevice iotlb: %s\n", yes_no(ecap, 2));
	text_add(t, "\t\tiotlb register offset: 0x%x\n",
		 bits(ecap, 17, 8) * 16);
	text_add(t, "\t\tsnoop control: %s\n", yes_no(ecap, 7));
	text_add(t, "\t\tcoherency: %s\n", yes_no(ecap, 0));
	text_add(t, "\t\tqueue invalidation support: %s\n", yes_no(ecap, 1));
	text_add(t, "\t\tinterrupt remapping support: %s\n", yes_no(ecap, 3));
	text_add(t, "\t\textended interrupt mode: 0x%x\n", bits(ecap, 4, 4));
}

/* VT-d 11.4.5. */
static void format_status(struct text *t, uint32_t gsts)
{
	text_add(t, "\tglobal status = 0x%08x\n\t\ttranslation: %s\n", gsts,
		 bits(gsts, 31, 31) ? "enabled" : "disabled");
	text_add(t, "\t\troot table: %s\n",
		 bits(gsts, 30, 30) ? "set" : "not set");
}

void iommu_format_unit(struct text *t, const struct iommu_unit_info *unit)
{
	text_add(t, "\niommu@%p\n\trba = 0x%016lx\n\tsupported = %s\n",
		 unit->unit, unit->base, unit->unsupported ? "no" : "yes");
	if (unit->unsupported)
		text_add(t, "\treason = %s\n", unit->unsupported);
	if (unit->failure)
		text_add(t, "\tfailed = %s\n", unit->failure);
	text_add(t, "\tnum_assigned_devs = %u\n", unit->devices);
	text_add(t, "\tregspace = %p\n", unit->regs);
	text_add(t, "\thost addr width (dmar) = %u\n", unit->dmar_width);
	text_add(t, "\thost addr width (cap[mgaw]) = %u\n",
		 bits(unit->cap, 21, 16) + 1);
	text_add(t, "\tversion = 0x%x\n", unit->version);
	format_cap(t, unit->cap);
	format_ecap(t, unit->ecap);
	format_status(t, unit->gsts);
	text_add(t, "\troot entry table = 0x%016lx (phy) or %p (vir)\n",
		 unit->root, unit->root_va);
}

void iommu_format_power(struct text *t, bool powered, const char *missing)
{
	text_add(t, "IOMMU status: %s", powered ? "enabled" : "disabled");
	if (missing)
		text_add(t, " (%s)", missing);
	text_add(t, "\nWrite 'enable' or 'disable' OR 'on' or 'off' to change "
		 "status\n");
}
