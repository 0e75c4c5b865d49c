/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nvme [OPTION...] info | read LBA COUNT | write LBA | flush | bench
 *
 *	info	what the device is
 *	read	blocks to the output: nvme read 0 16 | hexdump
 *	write	the input to blocks, and flush: cat FILE | nvme write 64
 *	flush	makes the device keep what was written
 *	bench	random reads one at a time, and many: polled, with interrupts
 *
 *	-d BUS:DEV.FN	the device; else the first one there is
 *	-p, -i		polling, interrupts; else interrupts, and both in bench
 *	-q QUEUES	that many pairs of queues, 1 to 8; else 1
 *	-s BYTES	of data in a command; else all it can, and 4096 in bench
 *	-o BYTES	the data begin there in a page; a multiple of 4
 *	-n COMMANDS	of each measurement
 *	-D DEPTH	bench that many at a time alone, 1 to 63 for each pair;
 *			else 1 and 32
 *	-w		random writes in bench, which destroy what is there
 */
#include "nvme.h"

static const char form[] =
	"[-d BUS:DEV.FN] [-p|-i] [-q QUEUES] [-s BYTES] [-o BYTES]\n"
	"            info | read LBA COUNT | write LBA | flush | "
	"[-n COMMANDS] [-D DEPTH] [-w] bench";

static struct nvme ctrl;

static uint64_t number(const char *text, uint64_t min, uint64_t max,
		       const char *what)
{
	uint64_t n;

	if (!text || parse_number(text, 10, max, &n) < 0 || n < min)
		fatal("%s: not a number of %s, which is %lu to %lu",
		      text ? text : "nothing", what, min, max);
	return n;
}

static void info(void)
{
	const struct nvme *c = &ctrl;
	uint32_t version = get32(c->regs + 8);

	print("device %s\nmodel %s\nserial %s\nfirmware %s\n", c->bdf,
	      c->model, c->serial, c->firmware);
	print("version %u.%u.%u\n", version >> 16, version >> 8 & 0xff,
	      version & 0xff);
	print("namespace %u\nblocks %lu\nblock %lu\n", c->nsid, c->blocks,
	      c->block);
	print("transfer %lu\nqueues %u\ninterrupts %u\nwrite cache %s\n",
	      c->max_transfer, c->nqueues, drv_irqs(c->bdf),
	      c->write_cache ? "yes" : "no");
}

/* The command is checked before the device is touched. */
static void run(struct options *o, char **words, unsigned n)
{
	bool reads = n == 3 && !strcmp(words[0], "read");
	bool writes = n == 2 && !strcmp(words[0], "write");
	bool flushes = n == 1 && !strcmp(words[0], "flush");
	uint64_t lba = 0, count = 0;

	if (!reads && !writes && !flushes && (n != 1 || strcmp(*words, "info")))
		usage(form);
	if (reads || writes)
		lba = number(words[1], 0, INT64_MAX, "a block");
	if (reads)
		count = number(words[2], 0, INT64_MAX, "blocks");
	nvme_start(&ctrl, o);
	if (reads)
		io_read(&ctrl, o, lba, count);
	else if (writes)
		io_write(&ctrl, o, lba);
	else if (flushes)
		cmd_flush(&ctrl);
	else
		info();
	nvme_stop(&ctrl);
}

/* Started anew for each way, as a pair's interrupts are turned on where it is
 * made. */
static void run_bench(struct options *o)
{
	bool polled = o->polled, both = o->polled == o->interrupts;

	for (unsigned way = 0; way < 2; way++) {
		o->polled = !way;
		if (!both && o->polled != polled)
			continue;
		nvme_start(&ctrl, o);
		bench(&ctrl, o);
		nvme_stop(&ctrl);
		memset(&ctrl, 0, sizeof(ctrl));
	}
}

/* An option with a number or a text; false: it is none. */
static bool option_with(struct options *o, char letter, const char *text)
{
	switch (letter) {
	case 'd':
		o->bdf = text;
		return text;
	case 'q':
		o->queues = (unsigned)number(text, 1, MAX_QUEUES, "queues");
		return true;
	case 's':
		o->transfer = number(text, 512, MAX_TRANSFER, "bytes");
		return true;
	case 'o':
		o->offset = number(text, 0, PAGE - 4, "bytes");
		return o->offset % 4 == 0;
	case 'n':
		o->commands = (unsigned)number(text, 1, INT32_MAX, "commands");
		return true;
	case 'D':
		o->depth = (unsigned)number(text, 1, MAX_DEPTH, "commands");
		return true;
	}
	return false;
}

/* Takes the options out, wherever they stand; how many words are left. */
static unsigned parse(struct options *o, char **argv, char **words,
		      unsigned max)
{
	unsigned n = 0;

	for (char **arg = argv + 1; *arg; arg++) {
		if (!strcmp(*arg, "-p"))
			o->polled = true;
		else if (!strcmp(*arg, "-i"))
			o->interrupts = true;
		else if (!strcmp(*arg, "-w"))
			o->writing = true;
		else if (**arg != '-' && n < max)
			words[n++] = *arg;
		else if (**arg != '-' || strlen(*arg) != 2 ||
			 !option_with(o, (*arg)[1], arg[1]))
			usage(form);
		else
			arg++;
	}
	return n;
}

int main(int argc, char **argv)
{
	struct options o = { .queues = 1, .commands = 10000 };
	char *words[3];
	unsigned n = parse(&o, argv, words, ARRAY_SIZE(words));

	(void)argc;
	if (!n)
		usage(form);
	drv_show_faults();
	if (n == 1 && !strcmp(words[0], "bench"))
		run_bench(&o);
	else
		run(&o, words, n);
	return 0;
}
