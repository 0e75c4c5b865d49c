/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands (NVMe 1.4, 5 and 6): built, and the admin's also carried out,
 * one at a time; and what it means when one fails.
 */
#include "nvme.h"

/* Admin */
#define CREATE_SQ	0x01
#define CREATE_CQ	0x05
#define IDENTIFY	0x06
#define  NAMESPACE		0	/* CNS, NVMe 1.4, 5.15.1 */
#define  CONTROLLER		1
#define  ACTIVE_NAMESPACES	2
#define SET_FEATURES	0x09
#define  NUMBER_OF_QUEUES	7
#define QUEUE_CONTIGUOUS	0x1u
#define QUEUE_INTERRUPTS	0x2u

/* NVM */
#define NVM_FLUSH	0x00
#define NVM_WRITE	0x01
#define NVM_READ	0x02

/* Identify's answers */
#define SERIAL		4
#define MODEL		24
#define FIRMWARE	64
#define MDTS		77
#define VWC		525
#define NSZE		0
#define FLBAS		26
#define LBAF		128

static const struct {
	unsigned status;
	const char *text;
} reasons[] = {
	{ 0x001, "unknown command" }, { 0x002, "invalid field" },
	{ 0x004, "data transfer error" }, { 0x005, "power loss" },
	{ 0x006, "internal error" }, { 0x007, "aborted" },
	{ 0x00b, "no such namespace" }, { 0x013, "invalid PRP offset" },
	{ 0x020, "write protected" }, { 0x080, "beyond the last block" },
	{ 0x081, "capacity exceeded" }, { 0x082, "namespace not ready" },
	{ 0x101, "invalid queue id" }, { 0x102, "invalid queue size" },
	{ 0x108, "invalid interrupt vector" }, { 0x182, "read-only range" },
	{ 0x280, "write fault" }, { 0x281, "unrecovered read error" },
	{ 0x286, "access denied" }, { 0x287, "block was deallocated" },
};

static const char *reason(unsigned status)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "failed";
}

/* Carries out an admin command; its result. */
static uint32_t admin(struct nvme *c, const struct sqe *cmd, const char *name)
{
	struct done d;

	queue_put(&c->admin, cmd, 0);
	queues_wait(&c->admin, 1);
	if (!queue_take(&c->admin, &d) || d.status)
		fatal("%s: %s: %s (status 0x%x)", c->bdf, name,
		      reason(d.status), d.status);
	return d.result;
}

static void identify(struct nvme *c, unsigned what, uint32_t nsid)
{
	struct sqe cmd = { .opcode = IDENTIFY, .nsid = nsid, .dw10 = what };

	prp_set(&cmd, c->admin.lists, c->page, PAGE);
	admin(c, &cmd, "identify");
}

/* Text of the device's: padded with blanks, and shown only where it is text. */
static void get_text(char *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? (char)from[i] : ' ';
	to[n] = '\0';
	while (n > 0 && to[n - 1] == ' ')
		to[--n] = '\0';
}

static void controller(struct nvme *c)
{
	unsigned mdts;

	identify(c, CONTROLLER, 0);
	get_text(c->serial, c->page + SERIAL, sizeof(c->serial) - 1);
	get_text(c->model, c->page + MODEL, sizeof(c->model) - 1);
	get_text(c->firmware, c->page + FIRMWARE, sizeof(c->firmware) - 1);
	mdts = c->page[MDTS];		/* 0: no limit */
	c->max_transfer = MAX_TRANSFER;
	if (mdts && mdts < 8)
		c->max_transfer = PAGE << mdts;
	c->write_cache = c->page[VWC] & 1;
}

static void namespace(struct nvme *c)
{
	uint32_t format;
	unsigned shift;

	identify(c, ACTIVE_NAMESPACES, 0);
	c->nsid = get32(c->page);
	if (!c->nsid)
		fatal("%s: has no namespace", c->bdf);
	identify(c, NAMESPACE, c->nsid);
	c->blocks = get64(c->page + NSZE);
	format = get32(c->page + LBAF + 4 * (c->page[FLBAS] & 0xf));
	shift = format >> 16 & 0xff;
	if (shift < 9 || shift > 16 || format & 0xffff)
		fatal("%s: blocks of 2^%u bytes with %u of metadata", c->bdf,
		      shift, format & 0xffff);
	c->block = 1ul << shift;
	if (c->block > c->max_transfer)
		fatal("%s: a block is more than it transfers", c->bdf);
}

void cmd_identify(struct nvme *c)
{
	controller(c);
	namespace(c);
}

/* Features 7: it tells how many it gives, of each kind, less one. */
unsigned cmd_queues_allowed(struct nvme *c, unsigned wanted)
{
	struct sqe cmd = {
		.opcode = SET_FEATURES, .dw10 = NUMBER_OF_QUEUES,
		.dw11 = (wanted - 1) << 16 | (wanted - 1),
	};
	uint32_t got = admin(c, &cmd, "number of queues");

	return MIN(wanted, MIN(got & 0xffff, got >> 16) + 1);
}

/* Pair n, whose vector is n too; where completions go comes first. */
void cmd_create_queues(struct nvme *c, unsigned n)
{
	const struct queue *q = &c->queues[n - 1];
	struct sqe cmd = {
		.opcode = CREATE_CQ, .prp1 = (uintptr_t)q->cq,
		.dw10 = (QUEUE_SIZE - 1) << 16 | n, .dw11 = QUEUE_CONTIGUOUS,
	};

	if (q->irq >= 0)
		cmd.dw11 |= QUEUE_INTERRUPTS | n << 16;
	admin(c, &cmd, "create completion queue");
	cmd.opcode = CREATE_SQ;
	cmd.prp1 = (uintptr_t)q->sq;
	cmd.dw11 = QUEUE_CONTIGUOUS | n << 16;
	admin(c, &cmd, "create submission queue");
}

struct sqe cmd_io(const struct nvme *c, int what, uint64_t lba,
		  unsigned blocks)
{
	static const uint8_t opcodes[] = { NVM_READ, NVM_WRITE, NVM_FLUSH };

	return (struct sqe){
		.opcode = opcodes[what], .nsid = c->nsid,
		.dw10 = (uint32_t)lba, .dw11 = (uint32_t)(lba >> 32),
		.dw12 = blocks ? blocks - 1 : 0,
	};
}

void cmd_check(const struct nvme *c, const struct sqe *cmd, unsigned status)
{
	if (!status)
		return;
	if (cmd->opcode == NVM_FLUSH)
		fatal("%s: flush: %s (status 0x%x)", c->bdf, reason(status),
		      status);
	fatal("%s: %s of %u blocks at %lu: %s (status 0x%x)", c->bdf,
	      cmd->opcode == NVM_READ ? "read" : "write", cmd->dw12 + 1,
	      (uint64_t)cmd->dw11 << 32 | cmd->dw10, reason(status), status);
}

void cmd_flush(struct nvme *c)
{
	struct sqe cmd = cmd_io(c, FLUSH, 0, 0);
	struct queue *q = &c->queues[0];
	struct done d;

	queue_put(q, &cmd, 0);
	queues_wait(q, 1);
	if (queue_take(q, &d))
		cmd_check(c, &cmd, d.status);
}
