/* SPDX-License-Identifier: BSD-2-Clause */
/* For user-level drivers (drv.h): thin clothes over #pci and #iommu. */
#include <drv.h>

static int open_file(const char *bdf, const char *file, unsigned n, int mode)
{
	char path[64];

	snprint(path, sizeof(path), "#pci/%s/%s%u", bdf, file, n);
	return open(path, mode);
}

static bool is_one(const char *name, uint16_t vendor, uint16_t device)
{
	uint16_t id[2] = { 0 };
	char path[64];
	int fd;
	bool same;

	snprint(path, sizeof(path), "#pci/%s/config", name);
	fd = open(path, OREAD);
	if (fd < 0)
		return false;
	same = read(fd, id, sizeof(id)) == sizeof(id) && id[0] == vendor &&
		id[1] == device;
	close(fd);
	return same;
}

int drv_find(uint16_t vendor, uint16_t device, char bdf[BDF_LEN])
{
	size_t n;
	struct dir *list = readdir("#pci", &n);
	int found = -1;

	if (!list)
		return -1;
	for (size_t i = 0; i < n && found < 0; i++)
		if (is_one(list[i].name, vendor, device)) {
			snprint(bdf, BDF_LEN, "%s", list[i].name);
			found = 0;
		}
	free(list);
	return found;
}

int drv_attach(const char *bdf, int pid, const char *words)
{
	char command[64];

	snprint(command, sizeof(command), "%s %d %s", bdf, pid, words);
	return writefile("#iommu/attach", command);
}

int drv_detach(const char *bdf)
{
	return writefile("#iommu/detach", bdf);
}

volatile void *drv_bar(const char *bdf, unsigned bar, size_t *len)
{
	int fd = open_file(bdf, "bar", bar, ORDWR);
	volatile void *regs = NULL;
	struct dir d;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &d) >= 0) {
		regs = mmap(NULL, d.length, PROT_READ | PROT_WRITE, 0, fd, 0);
		if (len)
			*len = d.length;
	}
	close(fd);
	return regs;
}

int drv_irq(const char *bdf, unsigned n)
{
	return open_file(bdf, "irq", n, OREAD);
}

long drv_wait(int irq, long milliseconds)
{
	struct pollfd p = { .fd = irq, .events = POLLIN };
	char text[24];
	int ready = poll(&p, 1, milliseconds);
	uint64_t count;
	long n;

	if (ready <= 0)
		return ready;
	n = read(irq, text, sizeof(text));
	if (n <= 0)
		return -1;
	text[n - 1] = '\0';	/* in place of the newline */
	return parse_number(text, 10, INT64_MAX, &count) < 0 ? -1 : (long)count;
}

void *drv_memory(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PINNED,
		    -1, 0);
}
