/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #iommu: devices to processes and back.
 *
 *	acpi		the firmware's table as it was parsed, and what was dropped
 *	attach		BUS:DEV.FN PID [unsafe] [rmrr] [ats]
 *	check		whether all is as it must be, a line each
 *	detach		BUS:DEV.FN
 *	devices		each PCI function
 *	faults		a line a fault; a read waits for more
 *	info		the driver's and each unit's state
 *	mappings	which device belongs to which process
 *	power		enable, disable, on, off
 *	quarantine	strict, or lazy [pages=N] [ms=N] [share=N]
 *	selftest	whether each unit does as it should; a read runs it
 *	spaces		what devices see of each process
 *	stats		counts, and times of waits
 *	trace		the last events; on or off
 *	units		each remapping unit
 *	walk		BUS:DEV.FN [ADDRESS], then a read: the way there, or all
 *			that it reaches
 *
 * One command a write, all or nothing; reading attach, detach and power tells
 * the form.  Only eve writes.
 */
#include <acpi.h>
#include <aspace.h>
#include <chan.h>
#include <faults.h>
#include <fmt.h>
#include <iommu.h>
#include <iommu_text.h>
#include <pci.h>
#include <pci_function.h>
#include <pciown.h>
#include <pciown_text.h>
#include <proc.h>
#include <watch.h>

enum { Qroot, Qacpi, Qattach, Qcheck, Qdetach, Qdevices, Qfaults, Qinfo,
       Qmappings, Qpower, Qquarantine, Qselftest, Qspaces, Qstats, Qtrace,
       Qunits, Qwalk };

static const struct dirtab files[] = {
	{ "acpi", Qacpi, 0444 },
	{ "attach", Qattach, 0666 },
	{ "check", Qcheck, 0444 },
	{ "detach", Qdetach, 0666 },
	{ "devices", Qdevices, 0444 },
	{ "faults", Qfaults, 0444 },
	{ "info", Qinfo, 0444 },
	{ "mappings", Qmappings, 0444 },
	{ "power", Qpower, 0666 },
	{ "quarantine", Qquarantine, 0666 },
	{ "selftest", Qselftest, 0444 },
	{ "spaces", Qspaces, 0444 },
	{ "stats", Qstats, 0444 },
	{ "trace", Qtrace, 0600 },
	{ "units", Qunits, 0444 },
	{ "walk", Qwalk, 0666 },
};

static void mappings_text(struct text *t)
{
	if (iommu_missing())
		text_add(t, "No mappings: %s\n", iommu_missing());
	pciown_mappings_text(t);
}

static void info_text(struct text *t)
{
	struct iommu_unit_info unit;

	iommu_format_driver(t, iommu_powered(), iommu_missing());
	for (unsigned i = 0; iommu_unit_info(i, &unit); i++)
		iommu_format_unit(t, &unit);
}

static void say(void *arg, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_add_args(arg, fmt, args);
	va_end(args);
	text_add(arg, "\n");
}

static void check_text(struct text *t)
{
	pciown_check_all(say, t);
}

static void power_text(struct text *t)
{
	iommu_format_power(t, iommu_powered(), iommu_missing());
}

static void make_text(struct chan *c, struct text *t)
{
	static const char *const forms[] = {
		[Qattach] = "BUS:DEV.FN PID [unsafe] [rmrr] [ats]",
		[Qdetach] = "BUS:DEV.FN", [Qwalk] = "BUS:DEV.FN [ADDRESS]",
	};
	static void (*const makers[])(struct text *t) = {
		[Qacpi] = acpi_dmar_text, [Qcheck] = check_text,
		[Qdevices] = pciown_devices_text, [Qinfo] = info_text,
		[Qmappings] = mappings_text, [Qpower] = power_text,
		[Qquarantine] = lazy_text, [Qselftest] = watch_selftest_text,
		[Qspaces] = pciown_spaces_text, [Qstats] = watch_stats_text,
		[Qtrace] = watch_trace_text, [Qunits] = iommu_format_units,
	};

	if (forms[c->qid.path])
		text_add(t, "%s\n", forms[c->qid.path]);
	else
		makers[c->qid.path](t);
}

static int iommu_open(struct chan *c, int mode)
{
	(void)mode;
	if (c->qid.path == Qroot)
		return 0;
	return c->qid.path == Qfaults ? faults_open(c) :
		text_open(c, make_text);
}

static void iommu_close(struct chan *c)
{
	if (c->qid.path == Qfaults)
		faults_close(c);
	else
		text_close(c);
}

static short iommu_poll(struct chan *c, struct waitq **q)
{
	return c->qid.path == Qfaults ? faults_poll(c, q) : POLLIN | POLLOUT;
}

static ssize_t iommu_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	if (c->qid.path == Qroot)
		return table_readdir(c, buf, n, off);
	if (c->qid.path == Qfaults)
		return faults_read(c, buf, n);
	return text_open_read(c, buf, n, off);
}

/* "iommu: attach 0:3.0: reason"; the subject may be empty. */
static int refuse(const char *verb, const char *subject, const char *why)
{
	return error(EINVAL, "iommu: %s%s%s: %s", verb, *subject ? " " : "",
		     subject, why);
}

static int failed(const char *verb, const struct pci_device *d)
{
	return refuse(verb, d->name, current_kthread()->errstr);
}

/* A command about a device, and that device; negative: refused. */
static int parse(const char *verb, iommu_parse *parser, const char *s,
		 struct iommu_command *cmd, struct pci_device **d)
{
	char subject[IOMMU_COMMAND_MAX * 2] = "";
	struct text t = { .buf = subject, .size = sizeof(subject) };
	const char *why = parser(s, cmd, &t);

	if (why)
		return refuse(verb, subject, why);
	*d = pci_find(cmd->segment, cmd->sid);
	if (*d)
		return 0;
	refuse(verb, bdf_text(cmd->segment, cmd->sid).s, "no such device");
	return -ENODEV;
}

static int attach(const char *s)
{
	struct iommu_command cmd;
	struct pci_device *d;
	int err = parse("attach", iommu_parse_attach, s, &cmd, &d);
	struct proc *p;

	if (err)
		return err;
	p = proc_find(cmd.pid);
	if (!p)
		return failed("attach", d);
	err = pciown_attach(d, p, cmd.words);
	proc_put(p);
	return err ? failed("attach", d) : 0;
}

static int detach(const char *s)
{
	struct iommu_command cmd;
	struct pci_device *d;
	int err = parse("detach", iommu_parse_detach, s, &cmd, &d);

	if (err)
		return err;
	return pciown_detach(d) < 0 ? failed("detach", d) : 0;
}

/* What this open file says from here on. */
static int walk(struct chan *c, const char *s)
{
	struct iommu_command cmd;
	struct pci_device *d;
	int err = parse("walk", iommu_parse_walk, s, &cmd, &d);

	if (err)
		return err;
	cmd.dev = d->iommu;
	return text_replace(c, iommu_format_walk, &cmd);
}

static int power(const char *s)
{
	bool on;
	const char *why = iommu_parse_power(s, &on);

	if (!why && pciown_power(on) < 0)
		why = current_kthread()->errstr;
	return why ? refuse("power", s, why) : 0;
}

static int quarantine(const char *s)
{
	char subject[IOMMU_COMMAND_MAX] = "";
	struct text t = { .buf = subject, .size = sizeof(subject) };

	return lazy_write(s, &t) < 0 ?
		refuse("quarantine", subject, current_kthread()->errstr) : 0;
}

static ssize_t iommu_write(struct chan *c, const void *buf, size_t n,
			   uint64_t off)
{
	static const struct {
		const char *verb;
		int (*run)(const char *s);
	} commands[] = {
		[Qattach] = { "attach", attach },
		[Qdetach] = { "detach", detach }, [Qpower] = { "power", power },
		[Qquarantine] = { "quarantine", quarantine },
		[Qtrace] = { "trace", watch_trace_write },
		[Qwalk] = { "walk", NULL },
	};
	char cmd[IOMMU_COMMAND_MAX];
	const char *why;
	int err;

	(void)off;
	why = command_text(cmd, sizeof(cmd), buf, n);
	if (current_proc()->user != EVE)
		why = "only eve may";
	if (why)
		return refuse(commands[c->qid.path].verb, "", why);
	err = c->qid.path == Qwalk ? walk(c, cmd) :
		commands[c->qid.path].run(cmd);
	return err ? err : (ssize_t)n;
}

struct dev iommu_dev = {
	.name = "iommu",
	.attach = table_attach,
	.walk = table_walk,
	.stat = table_stat,
	.files = files,
	.nfiles = ARRAY_SIZE(files),
	.open = iommu_open,
	.close = iommu_close,
	.read = iommu_read,
	.write = iommu_write,
	.poll = iommu_poll,
};
