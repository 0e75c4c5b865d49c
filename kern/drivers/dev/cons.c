/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #cons: the console and small files about the system.
 *
 *	cons		the terminal
 *	consctl		rawon, rawoff; fg GROUP: who gets Ctrl-C
 *	kmesg		the kernel's log
 *	null, zero
 *	user		who one is; writing "none" becomes none, for good
 *	time		nanoseconds since boot
 *	idle		those that the processors have slept, together
 *	sysname, cmdline
 *	mem		memory: what is free, in use, lost
 *	irqs		interrupt vectors and counts
 *	reboot		halt, reboot: eve's
 */
#include <acpi.h>
#include <arch.h>
#include <aspace.h>
#include <chan.h>
#include <fmt.h>
#include <iommu.h>
#include <irq.h>
#include <kmalloc.h>
#include <loader.h>
#include <log.h>
#include <page.h>
#include <proc.h>
#include <sched.h>
#include <string.h>
#include <timer.h>
#include <tty.h>

enum {
	Qroot, Qcons, Qconsctl, Qnull, Qzero, Qreboot,
	/* text made at open: */
	Qkmesg, Quser, Qtime, Qidle, Qsysname, Qcmdline, Qmem, Qirqs,
};

static const struct dirtab files[] = {
	{ "cons", Qcons, 0666 },
	{ "consctl", Qconsctl, 0222 },
	{ "kmesg", Qkmesg, 0444 },
	{ "null", Qnull, 0666 },
	{ "zero", Qzero, 0444 },
	{ "user", Quser, 0666 },
	{ "time", Qtime, 0444 },
	{ "idle", Qidle, 0444 },
	{ "sysname", Qsysname, 0444 },
	{ "cmdline", Qcmdline, 0444 },
	{ "mem", Qmem, 0444 },
	{ "irqs", Qirqs, 0444 },
	{ "reboot", Qreboot, 0200 },
};

static void mem_text(struct text *t)
{
	struct iommu_losses lost = iommu_losses();

	text_add(t, "pages %lu\nfree %lu\nkmalloc %lu\n", pages_total(),
		 pages_free(), kmalloc_in_use());
	text_add(t, "lost frames %lu tables %lu domains %lu\n", frames_lost,
		 lost.table_pages, lost.domain_ids);
	text_add(t, "used domains %u entries %u\n", lost.ids_in_use,
		 lost.entries_in_use);
}

static void log_text(struct text *t)
{
	uint64_t off = 0;

	t->len = log_read(&off, t->buf, t->size);
	t->full = t->len == t->size;
}

static void make_text(struct chan *c, struct text *t)
{
	switch (c->qid.path) {
	case Qkmesg:
		log_text(t);
		break;
	case Quser:
		text_add(t, "%s", user_name(current_proc()->user));
		break;
	case Qtime:
		text_add(t, "%lu\n", nsec());
		break;
	case Qidle:
		text_add(t, "%lu\n", sched_idle_ns());
		break;
	case Qsysname:
		text_add(t, "akaros");
		break;
	case Qcmdline:
		text_add(t, "%s\n", loader.cmdline);
		break;
	case Qmem:
		mem_text(t);
		break;
	case Qirqs:
		irq_text(t);
		break;
	}
}

static int cons_open(struct chan *c, int mode)
{
	(void)mode;
	c->stream = c->qid.path == Qcons;
	return c->qid.path >= Qkmesg ? text_open(c, make_text) : 0;
}

/* aux of consctl: it was this one that asked for raw mode. */
static void cons_close(struct chan *c)
{
	if (c->qid.path == Qconsctl && c->aux)
		tty_set_raw(false);
	else if (c->qid.path >= Qkmesg)
		text_close(c);
}

static ssize_t cons_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	switch (c->qid.path) {
	case Qroot:
		return table_readdir(c, buf, n, off);
	case Qcons:
		return tty_read(buf, n);
	case Qzero:
		memset(buf, 0, n);
		return (ssize_t)n;
	case Qnull:
		return 0;
	}
	return text_open_read(c, buf, n, off);
}

/* The text as one word or line: without the newline at its end. */
static void copy_command(char *to, size_t size, const char *from, size_t n)
{
	if (n && from[n - 1] == '\n')
		n--;
	n = MIN(n, size - 1);
	memcpy(to, from, n);
	to[n] = '\0';
}

static int consctl(struct chan *c, const char *cmd)
{
	const char *p = cmd + 3;
	uint64_t group;

	if (!strcmp(cmd, "rawon") || !strcmp(cmd, "rawoff")) {
		c->aux = cmd[4] == 'n' ? c : NULL;
		tty_set_raw(c->aux);
		return 0;
	}
	if (!strncmp(cmd, "fg ", 3) && parse_number(&p, 10, INT32_MAX, &group)
	    && !*p) {
		tty_set_foreground((int)group);
		return 0;
	}
	return error(EINVAL, "consctl: rawon, rawoff or fg GROUP, not '%s'",
		     cmd);
}

/* What he binds from then on is nobody else's. */
static int become_user(const char *name)
{
	int err;

	if (!strcmp(name, user_name(current_proc()->user)))
		return 0;
	if (strcmp(name, user_name(NONE)))
		return error(EPERM, "user: one can only become none, not '%s'",
			     name);
	err = proc_rfork(RFNAMEG);
	if (!err)
		current_proc()->user = NONE;
	return err;
}

static int reboot(const char *how)
{
	if (current_proc()->user != EVE)
		return error(EPERM, "reboot: only eve may");
	if (!strcmp(how, "halt"))
		machine_halt();
	if (!strcmp(how, "reboot"))
		machine_reboot();
	return error(EINVAL, "reboot: halt or reboot, not '%s'", how);
}

static ssize_t cons_write(struct chan *c, const void *buf, size_t n,
			  uint64_t off)
{
	char cmd[64];
	int err;

	(void)off;
	copy_command(cmd, sizeof(cmd), buf, n);
	switch (c->qid.path) {
	case Qcons:
		tty_write(buf, n);
		return (ssize_t)n;
	case Qnull:
		return (ssize_t)n;
	case Qconsctl:
		err = consctl(c, cmd);
		break;
	case Quser:
		err = become_user(cmd);
		break;
	case Qreboot:
		err = reboot(cmd);
		break;
	default:
		err = error(EPERM, "%s: cannot be written", c->path);
	}
	return err ? err : (ssize_t)n;
}

static short cons_poll(struct chan *c, struct waitq **q)
{
	if (c->qid.path != Qcons)
		return POLLIN | POLLOUT;
	return (short)(POLLOUT | (tty_readable(q) ? POLLIN : 0));
}

struct dev cons_dev = {
	.name = "cons",
	.attach = table_attach,
	.walk = table_walk,
	.stat = table_stat,
	.files = files,
	.nfiles = ARRAY_SIZE(files),
	.open = cons_open,
	.close = cons_close,
	.read = cons_read,
	.write = cons_write,
	.poll = cons_poll,
};
