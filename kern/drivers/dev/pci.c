/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #pci: a directory a function, named BUS:DEV.FN.
 *
 *	config	its configuration space; read by all, written by its owner
 *		where that cannot hurt
 *	barN	its registers; mapped by its owner
 *	irqN	its interrupts; a read waits for one and gives the count
 *	ctl	reset; irq N makes the first N interrupts, mask N and unmask N
 *		turn one off and on
 *	status	owner, unit, domain id, what it reaches, how it is reset, faults
 *
 * A qid's path is the function's number from 1 on and, in the low byte, the
 * file.
 */
#include <chan.h>
#include <fmt.h>
#include <pci.h>
#include <pciown.h>
#include <proc.h>
#include <string.h>

enum { Qdir, Qconfig, Qctl, Qstatus, Qbar, Qirq = Qbar + PCI_NBARS };

#define CTL_MAX		32

#define QID(n, file)	((uint64_t)(n) << 8 | (file))
#define QNUMBER(c)	((unsigned)((c)->qid.path >> 8))
#define QFILE(c)	((unsigned)((c)->qid.path & 0xff))

/* The n'th function, from 1 on; NULL: there are not so many. */
static struct pci_device *nth(unsigned n)
{
	struct pci_device *d;

	list_for_each(d, &pci_devices, link)
		if (--n == 0)
			return d;
	return NULL;
}

/* Whether the function has that file, and what it is called. */
static bool file_name(const struct pci_device *d, unsigned file, char *name,
		      size_t size)
{
	static const char *const fixed[] = { "", "config", "ctl", "status" };

	if (file < Qbar) {
		strlcpy(name, file == Qdir ? d->name : fixed[file], size);
		return true;
	}
	if (file < Qirq) {
		snprintf(name, size, "bar%u", file - Qbar);
		return d->bars[file - Qbar].len && !d->bars[file - Qbar].io;
	}
	snprintf(name, size, "irq%u", file - Qirq);
	return file - Qirq < pci_irq_count(d);
}

static void fill(struct dir *d, const struct chan *c, unsigned n,
		 unsigned file)
{
	static const uint32_t modes[] = { 0555, 0666, 0666, 0444 };
	const struct pci_device *dev = nth(n);
	struct qid qid = {
		.path = QID(n, file), .type = file == Qdir ? QTDIR : QTFILE,
	};
	uint64_t length = 0;
	char name[NAMELEN];

	file_name(dev, file, name, sizeof(name));
	if (file == Qconfig)
		length = pci_config_size(dev->segment);
	else if (file >= Qbar && file < Qirq)
		length = dev->bars[file - Qbar].len;
	dir_fill(d, c, name, qid, file < Qbar ? modes[file] : 0666, length);
}

static int walk_root(struct chan *c, const char *name)
{
	struct pci_device *d;
	unsigned n = 1;

	list_for_each(d, &pci_devices, link) {
		if (!strcmp(d->name, name)) {
			c->qid.path = QID(n, Qdir);
			return 0;
		}
		n++;
	}
	return error(ENOENT, "%s: no such device", name);
}

static int pci_walk(struct chan *c, const char *name)
{
	struct pci_device *d = nth(QNUMBER(c));
	char have[NAMELEN];

	if (!d)
		return walk_root(c, name);
	for (unsigned file = Qconfig; file < Qirq + PCI_MAX_IRQS; file++)
		if (file_name(d, file, have, sizeof(have)) &&
		    !strcmp(have, name)) {
			c->qid = (struct qid){
				.path = QID(QNUMBER(c), file),
			};
			return 0;
		}
	return error(ENOENT, "%s: no such file", name);
}

static int pci_stat(struct chan *c, struct dir *d)
{
	if (QNUMBER(c))
		fill(d, c, QNUMBER(c), QFILE(c));
	else
		dir_fill(d, c, "pci", c->qid, 0555, 0);
	return 0;
}

static int gen_device(struct chan *c, uint64_t i, struct dir *d)
{
	if (!nth((unsigned)i + 1))
		return 0;
	fill(d, c, (unsigned)i + 1, Qdir);
	return 1;
}

static int gen_file(struct chan *c, uint64_t i, struct dir *d)
{
	char name[NAMELEN];

	for (unsigned file = Qconfig; file < Qirq + PCI_MAX_IRQS; file++)
		if (file_name(nth(QNUMBER(c)), file, name, sizeof(name)) &&
		    i-- == 0) {
			fill(d, c, QNUMBER(c), file);
			return 1;
		}
	return 0;
}

static void make_text(struct chan *c, struct text *t)
{
	if (QFILE(c) == Qctl)
		text_add(t, "reset, irq N, mask N or unmask N\n");
	else
		pciown_status_text(nth(QNUMBER(c)), t);
}

static int pci_open(struct chan *c, int mode)
{
	struct pci_device *d = nth(QNUMBER(c));

	(void)mode;
	if (!d || QFILE(c) <= Qconfig)
		return 0;
	if (QFILE(c) < Qbar)
		return text_open(c, make_text);
	if (QFILE(c) < Qirq)
		return pciown_check(d);
	c->stream = true;
	return pciown_irq_open(d, QFILE(c) - Qirq, QFILE(c) - Qirq + 1);
}

static void pci_close(struct chan *c)
{
	if (QFILE(c) == Qctl || QFILE(c) == Qstatus)
		text_close(c);
}

static ssize_t read_config(const struct pci_device *d, uint8_t *to, size_t n,
			   uint64_t off)
{
	unsigned size = pci_config_size(d->segment), width;
	size_t done = 0;
	uint32_t v;

	while (done < n && off + done < size) {
		width = (off + done) % 4 == 0 && n - done >= 4 ? 4 : 1;
		v = pci_get(d, (unsigned)(off + done), width);
		memcpy(to + done, &v, width);
		done += width;
	}
	return (ssize_t)done;
}

static ssize_t read_irq(struct pci_device *d, unsigned n, char *to, size_t size)
{
	char text[24];
	uint64_t count;
	ssize_t err = pciown_irq_read(d, n, &count);

	if (err)
		return err;
	n = (unsigned)snprintf(text, sizeof(text), "%lu\n", count);
	n = (unsigned)MIN((size_t)n, size);
	memcpy(to, text, n);
	return n;
}

static ssize_t pci_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	struct pci_device *d = nth(QNUMBER(c));

	if (QFILE(c) == Qdir)
		return dir_read(c, buf, n, off, d ? gen_file : gen_device);
	if (QFILE(c) == Qconfig)
		return read_config(d, buf, n, off);
	if (QFILE(c) < Qbar)
		return text_open_read(c, buf, n, off);
	if (QFILE(c) >= Qirq)
		return read_irq(d, QFILE(c) - Qirq, buf, n);
	return error(EPERM, "%s: can only be mapped", c->path);
}

static int write_config(struct pci_device *d, const void *buf, size_t n,
			uint64_t off)
{
	uint32_t v = 0;

	if ((n != 1 && n != 2 && n != 4) || off % n ||
	    off + n > pci_config_size(d->segment))
		return error(EINVAL, "%s: config: %lu bytes at %lu", d->name,
			     n, off);
	memcpy(&v, buf, n);
	return pciown_config_write(d, (unsigned)off, (unsigned)n, v);
}

/* "WORD N"; false: it is not. */
static bool numbered(const char *cmd, const char *word, unsigned *n)
{
	size_t len = strlen(word);
	uint64_t v;

	if (strncmp(cmd, word, len) || cmd[len] != ' ')
		return false;
	cmd += len + 1;
	if (!parse_number(&cmd, 10, PCI_MAX_IRQS, &v) || *cmd)
		return false;
	*n = (unsigned)v;
	return true;
}

static int command(struct pci_device *d, const char *text, size_t len)
{
	char cmd[CTL_MAX];
	unsigned n;

	if (command_text(cmd, sizeof(cmd), text, len))
		cmd[0] = '\0';
	if (!strcmp(cmd, "reset"))
		return pciown_reset(d);
	if (numbered(cmd, "irq", &n) && n)
		return pciown_irq_open(d, 0, n);
	if (numbered(cmd, "mask", &n))
		return pciown_irq_mask(d, n, true);
	if (numbered(cmd, "unmask", &n))
		return pciown_irq_mask(d, n, false);
	return error(EINVAL, "%s: ctl: reset, irq N, mask N or unmask N",
		     d->name);
}

static ssize_t pci_write(struct chan *c, const void *buf, size_t n,
			 uint64_t off)
{
	struct pci_device *d = nth(QNUMBER(c));
	int err;

	if (QFILE(c) == Qconfig)
		err = write_config(d, buf, n, off);
	else if (QFILE(c) == Qctl)
		err = command(d, buf, n);
	else
		err = error(EPERM, "%s: cannot be written", c->path);
	return err ? err : (ssize_t)n;
}

static long pci_mmap(struct chan *c, struct aspace *as, size_t len, int prot,
		     int flags, uint64_t off)
{
	if (QFILE(c) < Qbar || QFILE(c) >= Qirq)
		return error(EINVAL, "%s: cannot be mapped", c->path);
	return pciown_map_bar(nth(QNUMBER(c)), QFILE(c) - Qbar, as, len, prot,
			      flags, off);
}

static short pci_poll(struct chan *c, struct waitq **q)
{
	if (QFILE(c) < Qirq)
		return POLLIN | POLLOUT;
	return pciown_irq_ready(nth(QNUMBER(c)), QFILE(c) - Qirq, q) ?
		POLLIN : 0;
}

struct dev pci_dev = {
	.name = "pci",
	.attach = table_attach,
	.walk = pci_walk,
	.stat = pci_stat,
	.open = pci_open,
	.close = pci_close,
	.read = pci_read,
	.write = pci_write,
	.mmap = pci_mmap,
	.poll = pci_poll,
};
