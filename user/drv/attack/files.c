/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks by files: what user none, who was given one device, may not write,
 * open or map. */
#include "attack.h"

#define COMMAND		0x04	/* in configuration space */
#define BAR0		0x10
#define PAM0		0x90	/* of the host bridge */
#define CAP_MSI		0x05
#define CAP_MSIX	0x11
#define IRQ_RAISE	0x60	/* of edu */
#define IRQ_ACK		0x64
#define STORM		150000	/* more than PCI_IRQ_STORM */

static char path[64];

static const char *file(const char *bdf, const char *name)
{
	snprint(path, sizeof(path), "#pci/%s/%s", bdf, name);
	return path;
}

/* It should have been refused. */
static void refused(long result, const char *what)
{
	if (result < 0)
		said("%s: %r", what);
	else
		through("%s: not refused", what);
}

static void attach(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(drv_attach("0:1f.2", getpid(), "unsafe"), "attach");
}

static void detach(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(drv_detach(theirs), "detach");
}

static void power(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(writefile("#iommu/power", "off"), "power");
}

static void bar_of_another(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(drv_bar(theirs, 0, NULL) ? 0 : -1, "bar0");
}

static void irq_of_another(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(drv_irq(theirs, 0), "irq0");
}

static void reset_of_another(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(writefile(file(theirs, "ctl"), "reset"), "reset");
}

static int config_write(const char *bdf, int off, unsigned width, uint32_t v)
{
	int fd = open(file(bdf, "config"), ORDWR), bad;

	if (fd < 0)
		return -1;
	bad = pwrite(fd, &v, width, off) != (long)width;
	close(fd);
	return bad ? -1 : 0;
}

static void config_of_another(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(config_write(theirs, 0x3c, 1, OURS), "config");
}

/* Memory decoding off and on again: so does who masters the bus by himself. */
static void config_command(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(config_write(mine, COMMAND, 2, 0x407), "command");
}

/* Its registers where another device's are. */
static void config_bar(const struct row *r, uint64_t addr)
{
	(void)r;
	addr = drv_config(theirs, BAR0, 4);
	refused(config_write(mine, BAR0, 4, (uint32_t)addr), "bar");
}

static void config_msi(const struct row *r, uint64_t addr)
{
	int at = (int)drv_cap(mine, CAP_MSI, 0);

	(void)r;
	(void)addr;
	refused(config_write(mine, at + 4, 4, 0xfee01000), "msi address");
}

/* The registers that say where memory is. */
static void host_bridge(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	refused(config_write(mine, PAM0, 1, 0x30), "chipset");
}

static void bar_beyond(const struct row *r, uint64_t addr)
{
	int fd = open(file(mine, "bar0"), ORDWR);
	struct dir d;
	void *p;

	(void)r;
	(void)addr;
	if (fd < 0 || fstat(fd, &d) < 0)
		fatal("%r");
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, 0, fd, d.length);
	refused(p ? 0 : -1, "beyond");
}

/* Of 256 bytes; what the page holds behind them is not its own. */
static void bar_shared(const struct row *r, uint64_t addr)
{
	int fd = open(file(mine, "bar0"), ORDWR);

	(void)r;
	(void)addr;
	if (fd < 0)
		fatal("%r");
	refused(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, 0, fd, 0) ? 0 : -1,
		"the page");
}

static void bar_after_detach(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	if (!ask("detach", 0))
		fatal("not detached");
	said("reads a register");
	through("it reads as 0x%x", get32(regs));
}

static void bar_of_child(const struct row *r, uint64_t addr)
{
	struct waitmsg m;
	int pid = fork();

	(void)r;
	(void)addr;
	if (pid == 0)
		exit(get32(regs) == 0x010000ed ? 0 : 1);
	if (pid < 0 || wait(&m) != pid)
		fatal("fork: %r");
	said("the child %s", m.msg);
	if (!m.status)
		through("the child reads the registers");
}

/* Writes the message of vector 0 itself. */
static void msix_table(const struct row *r, uint64_t addr)
{
	unsigned cap = drv_cap(mine, CAP_MSIX, 0);
	uint32_t table = drv_config(mine, cap + 4, 4) & ~7u;
	volatile uint8_t *bar = drv_bar(mine, 0, NULL);

	(void)r;
	(void)addr;
	if (!cap || !bar)
		fatal("%r");
	said("writes an address into the table");
	put32(bar + table, 0xfee01000);
	through("it stands there: 0x%x", get32(bar + table));
}

static void irq_storm(const struct row *r, uint64_t addr)
{
	struct pollfd f = { .events = POLLIN };

	(void)r;
	(void)addr;
	f.fd = drv_irq(mine, 0);
	if (f.fd < 0)
		fatal("%r");
	for (unsigned i = 0; i < STORM; i++) {
		put32(regs + IRQ_RAISE, 1);
		put32(regs + IRQ_ACK, 1);
	}
	sleep_ms(10);
	said("%ld interrupts came", drv_wait(f.fd, 0));
	put32(regs + IRQ_RAISE, 1);
	put32(regs + IRQ_ACK, 1);
	if (poll(&f, 1, 10))
		through("they still come");
}

/* The victim finds other programs there. */
static void name_space(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	if (bind("/tmp", "/bin", 0) < 0)
		fatal("%r");
	said("/bin is /tmp for it");
}

/* The victim is in the group that both were started in; its process ends, or
 * ours alone. */
static void note_group(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	snprint(path, sizeof(path), "#proc/%d/notepg", getpid());
	refused(writefile(path, "kill"), "notepg");
}

const struct row file_rows[] = {
	{ "attach", attach, EDU, 0 },
	{ "detach", detach, EDU, 0 },
	{ "power", power, EDU, 0 },
	{ "bar-of-another", bar_of_another, EDU, 0 },
	{ "irq-of-another", irq_of_another, EDU, 0 },
	{ "reset-of-another", reset_of_another, EDU, 0 },
	{ "config-of-another", config_of_another, EDU, 0 },
	{ "config-command", config_command, EDU, 0 },
	{ "config-bar", config_bar, EDU, 0 },
	{ "config-msi", config_msi, EDU, 0 },
	{ "host-bridge", host_bridge, HOST_BRIDGE, 0 },
	{ "bar-beyond", bar_beyond, EDU, 0 },
	{ "bar-shared", bar_shared, SDHCI, 0 },
	{ "bar-after-detach", bar_after_detach, EDU, 0 },
	{ "bar-of-child", bar_of_child, EDU, 0 },
	{ "msix-table", msix_table, NVME, 0 },
	{ "irq-storm", irq_storm, EDU, 0 },
	{ "name-space", name_space, EDU, 0 },
	{ "note-group", note_group, EDU, 0 },
	{ "virtio", virtio_write, VIRTIO, 0 },
	{ NULL, NULL, EDU, 0 },
};
