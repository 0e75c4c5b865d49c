/* SPDX-License-Identifier: BSD-2-Clause */
/* For user-level drivers (drv.h): thin clothes over #pci and #iommu. */
#include <drv.h>

#define PCI_IDS		0x00
#define PCI_STATUS	0x06
#define  PCI_STATUS_CAPS	0x10u
#define PCI_CLASS	0x08		/* revision, then the class */
#define PCI_CAPS	0x34
#define PCI_FIRST_CAP	0x40
#define PCI_MAX_CAPS	48		/* so that a loop does not hold us */

static int open_file(const char *bdf, const char *file, unsigned n, int mode)
{
	char path[64];

	snprint(path, sizeof(path), "#pci/%s/%s%u", bdf, file, n);
	return open(path, mode);
}

uint32_t drv_config(const char *bdf, unsigned off, unsigned width)
{
	uint32_t v = 0;
	char path[64];
	long n = -1;
	int fd;

	snprint(path, sizeof(path), "#pci/%s/config", bdf);
	fd = open(path, OREAD);
	if (fd >= 0) {
		n = pread(fd, &v, width, off);
		close(fd);
	}
	return n == (long)width ? v : UINT32_MAX;
}

unsigned drv_cap(const char *bdf, unsigned id, unsigned after)
{
	unsigned at = after ? after + 1 : PCI_CAPS;

	if (!(drv_config(bdf, PCI_STATUS, 2) & PCI_STATUS_CAPS))
		return 0;
	for (unsigned n = 0; n < PCI_MAX_CAPS; n++) {
		at = drv_config(bdf, at, 1) & 0xfc;
		if (at < PCI_FIRST_CAP)
			return 0;
		if (drv_config(bdf, at, 1) == id)
			return at;
		at++;
	}
	return 0;
}

/* The first one that has that value there. */
static int find(unsigned off, uint32_t value, unsigned shift,
		char bdf[BDF_LEN])
{
	size_t n;
	struct dir *list = readdir("#pci", &n);
	int found = -1;

	if (!list)
		return -1;
	for (size_t i = 0; i < n && found < 0; i++)
		if (drv_config(list[i].name, off, 4) >> shift == value) {
			snprint(bdf, BDF_LEN, "%s", list[i].name);
			found = 0;
		}
	free(list);
	return found;
}

int drv_find(uint16_t vendor, uint16_t device, char bdf[BDF_LEN])
{
	return find(PCI_IDS, (uint32_t)device << 16 | vendor, 0, bdf);
}

int drv_find_class(uint32_t class, char bdf[BDF_LEN])
{
	return find(PCI_CLASS, class, 8, bdf);
}

/* The number behind a word at the start of a line of its status. */
static int status_number(const char *bdf, const char *word, uint64_t *n)
{
	char path[64], *text, *line, *end;
	int err = -1;

	snprint(path, sizeof(path), "#pci/%s/status", bdf);
	text = readfile(path, NULL);
	for (line = text; line && err < 0; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		if (!strncmp(line, word, strlen(word)))
			err = parse_number(line + strlen(word), 10, INT32_MAX,
					   n);
	}
	free(text);
	return err;
}

int drv_attach(const char *bdf, int pid, const char *words)
{
	char command[64];

	snprint(command, sizeof(command), "%s %d %s", bdf, pid, words);
	return writefile("#iommu/attach", command);
}

int drv_take(const char *bdf, const char *words)
{
	uint64_t owner;

	if (status_number(bdf, "owner ", &owner) < 0)
		return -1;
	if (owner == (uint64_t)getpid())
		return 0;
	return drv_attach(bdf, getpid(), words);
}

int drv_detach(const char *bdf)
{
	return writefile("#iommu/detach", bdf);
}

static volatile void *map_bar(const char *bdf, unsigned bar, size_t *len,
			      int flags)
{
	int fd = open_file(bdf, "bar", bar, ORDWR);
	volatile void *regs = NULL;
	struct dir d;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &d) >= 0) {
		regs = mmap(NULL, d.length, PROT_READ | PROT_WRITE, flags, fd,
			    0);
		if (len)
			*len = d.length;
	}
	close(fd);
	return regs;
}

volatile void *drv_bar(const char *bdf, unsigned bar, size_t *len)
{
	return map_bar(bdf, bar, len, MAP_UNCACHED);
}

volatile void *drv_bar_memory(const char *bdf, unsigned bar, size_t *len)
{
	return map_bar(bdf, bar, len, 0);
}

unsigned drv_irqs(const char *bdf)
{
	uint64_t n;

	return status_number(bdf, "interrupts ", &n) < 0 ? 0 : (unsigned)n;
}

int drv_irq(const char *bdf, unsigned n)
{
	return open_file(bdf, "irq", n, OREAD);
}

/* What the kernel calls it when a note came in between. */
static bool broken_off(void)
{
	char reason[ERRMAX];

	errstr(reason, sizeof(reason));
	return !strcmp(reason, "interrupted");
}

/* As many files as are ready; 0: none in time, which begins anew with the first
 * note: to know what is left of it costs a system call in each wait. */
static int wait_ready(struct pollfd *p, unsigned n, long milliseconds)
{
	int ready = poll(p, n, milliseconds);
	int64_t now, end;

	if (ready >= 0 || !broken_off())
		return ready;
	end = nsec() + milliseconds * 1000000;
	do {
		now = nsec();
		if (milliseconds > 0)
			milliseconds = now < end ? (end - now) / 1000000 : 0;
		ready = poll(p, n, milliseconds);
	} while (ready < 0 && broken_off());
	return ready;
}

static long read_count(int irq)
{
	char text[24];
	uint64_t count;
	long n = read(irq, text, sizeof(text));

	if (n <= 0)
		return -1;
	text[n - 1] = '\0';	/* in place of the newline */
	return parse_number(text, 10, INT64_MAX, &count) < 0 ? -1 : (long)count;
}

long drv_wait_any(const int *irqs, unsigned n, long milliseconds)
{
	struct pollfd p[DRV_MAX_IRQS];
	long count = 0, more;
	int ready;

	n = MIN(n, (unsigned)DRV_MAX_IRQS);
	for (unsigned i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = irqs[i], .events = POLLIN };
	ready = wait_ready(p, n, milliseconds);
	for (unsigned i = 0; i < n && ready > 0; i++) {
		if (!p[i].revents)
			continue;
		more = read_count(irqs[i]);
		if (more < 0)
			return -1;
		count += more;
	}
	return ready < 0 ? ready : count;
}

long drv_wait(int irq, long milliseconds)
{
	return drv_wait_any(&irq, 1, milliseconds);
}

static void on_note(struct ureg *regs, char *note)
{
	(void)regs;
	if (strncmp(note, "iommu:", 6))
		noted(NDFLT);
	warn("note: %s", note);
	noted(NCONT);
}

void drv_show_faults(void)
{
	notify(on_note);
}

void *drv_memory(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PINNED,
		    -1, 0);
}
