/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lspci [-v] [BUS:DEV.FN...]: the functions of PCI that #pci has, each with
 * its class, vendor and device; -v: base addresses and capabilities.
 */
#include <lib.h>

struct function {
	char name[NAMELEN];
	unsigned segment, bus, dev, fn;
	unsigned char *config;
	size_t size;
};

struct class {
	uint8_t base, sub;		/* sub 0xff: any other */
	const char *text;
};

static const struct class classes[] = {
	{ 0x01, 0x00, "SCSI controller" },
	{ 0x01, 0x01, "IDE controller" },
	{ 0x01, 0x04, "RAID controller" },
	{ 0x01, 0x06, "SATA controller" },
	{ 0x01, 0x08, "NVMe controller" },
	{ 0x01, 0xff, "storage controller" },
	{ 0x02, 0x00, "Ethernet controller" },
	{ 0x02, 0xff, "network controller" },
	{ 0x03, 0x00, "VGA controller" },
	{ 0x03, 0xff, "display controller" },
	{ 0x04, 0x03, "audio device" },
	{ 0x04, 0xff, "multimedia device" },
	{ 0x05, 0xff, "memory controller" },
	{ 0x06, 0x00, "host bridge" },
	{ 0x06, 0x01, "ISA bridge" },
	{ 0x06, 0x04, "PCI bridge" },
	{ 0x06, 0xff, "bridge" },
	{ 0x07, 0x00, "serial port" },
	{ 0x07, 0xff, "communication controller" },
	{ 0x08, 0x06, "IOMMU" },
	{ 0x08, 0xff, "system device" },
	{ 0x09, 0xff, "input device" },
	{ 0x0c, 0x03, "USB controller" },
	{ 0x0c, 0x05, "SMBus" },
	{ 0x0c, 0xff, "serial bus controller" },
	{ 0x0d, 0xff, "wireless controller" },
	{ 0x12, 0xff, "accelerator" },
};

struct capability {
	uint16_t id;
	const char *name;
};

static const struct capability capabilities[] = {
	{ 0x01, "PM" }, { 0x03, "VPD" }, { 0x05, "MSI" }, { 0x09, "vendor" },
	{ 0x0a, "debug" }, { 0x0d, "SSVID" }, { 0x10, "PCIe" },
	{ 0x11, "MSI-X" }, { 0x12, "SATA" }, { 0x13, "AF" }, { 0, NULL },
};

static const struct capability extended[] = {
	{ 0x01, "AER" }, { 0x02, "VC" }, { 0x03, "serial" },
	{ 0x0b, "vendor" }, { 0x0d, "ACS" }, { 0x0e, "ARI" },
	{ 0x0f, "ATS" }, { 0x10, "SR-IOV" }, { 0x13, "PRI" },
	{ 0x15, "REBAR" }, { 0x18, "LTR" }, { 0x19, "PCIe2" },
	{ 0x1b, "PASID" }, { 0x1d, "DPC" }, { 0x1e, "L1PM" },
	{ 0x1f, "PTM" }, { 0x23, "DVSEC" }, { 0, NULL },
};

/* Little-endian, as PCI is; beyond the end all bits are set. */
static unsigned get8(const struct function *f, size_t at)
{
	return at < f->size ? f->config[at] : 0xff;
}

static unsigned get16(const struct function *f, size_t at)
{
	return get8(f, at) | get8(f, at + 1) << 8;
}

static unsigned get32(const struct function *f, size_t at)
{
	return get16(f, at) | get16(f, at + 2) << 16;
}

static const char *class_text(unsigned base, unsigned sub)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (classes[i].base == base &&
		    (classes[i].sub == sub || classes[i].sub == 0xff))
			return classes[i].text;
	return "device";
}

static void print_name(const struct capability *c, unsigned id)
{
	while (c->name && c->id != id)
		c++;
	if (c->name)
		print(" %s", c->name);
	else
		print(" 0x%x", id);
}

static void print_capabilities(const struct function *f)
{
	unsigned at = get8(f, 0x34) & 0xfc;

	if (!(get16(f, 0x06) & 0x10))
		return;
	print("\tcapabilities:");
	for (unsigned i = 0; i < 48 && at >= 0x40 && at < f->size; i++) {
		print_name(capabilities, get8(f, at));
		at = get8(f, at + 1) & 0xfc;
	}
	print("\n");
}

static void print_extended(const struct function *f)
{
	unsigned at = 0x100;

	if (f->size <= at || get32(f, at) == 0 || get32(f, at) == 0xffffffff)
		return;
	print("\textended:");
	for (unsigned i = 0; i < 960 && at >= 0x100 && at < f->size; i++) {
		print_name(extended, get16(f, at));
		at = get16(f, at + 2) >> 4 & 0xffc;
	}
	print("\n");
}

static bool is_wide(unsigned bar)
{
	return (bar & 7) == 4;
}

static void print_bar(const struct function *f, unsigned i)
{
	unsigned bar = get32(f, 0x10 + 4 * i);
	uint64_t high = is_wide(bar) ? get32(f, 0x14 + 4 * i) : 0;

	if (bar & 1)
		print("\tbar %u: ports at 0x%x\n", i, bar & ~3u);
	else if (bar || high)
		print("\tbar %u: memory at 0x%lx, %d-bit%s\n", i,
		      high << 32 | (bar & ~15u), is_wide(bar) ? 64 : 32,
		      bar & 8 ? ", prefetchable" : "");
}

static void print_bars(const struct function *f)
{
	unsigned type = get8(f, 0x0e) & 0x7f;
	unsigned n = type == 0 ? 6 : type == 1 ? 2 : 0;

	for (unsigned i = 0; i < n; i++) {
		print_bar(f, i);
		if (is_wide(get32(f, 0x10 + 4 * i)))
			i++;
	}
}

static void print_function(const struct function *f, bool verbose)
{
	print("%s %s %04x:%04x\n", f->name,
	      class_text(get8(f, 0x0b), get8(f, 0x0a)), get16(f, 0),
	      get16(f, 2));
	if (!verbose)
		return;
	print_bars(f);
	print_capabilities(f);
	print_extended(f);
}

/* The hexadecimal number before the separator, and what is behind that. */
static char *next_part(char *text, char separator, uint64_t max, unsigned *n)
{
	char *end = strchr(text, separator);
	uint64_t value;

	if (!end)
		return NULL;
	*end = '\0';
	if (parse_number(text, 16, max, &value) < 0)
		return NULL;
	*n = (unsigned)value;
	return end + 1;
}

/* [SEG:]BUS:DEV.FN */
static bool parse_name(struct function *f, const char *name)
{
	char text[NAMELEN];
	char *p = text;
	uint64_t fn;

	strlcpy(text, name, sizeof(text));
	f->segment = 0;
	if (strchr(text, ':') != strrchr(text, ':'))
		p = next_part(p, ':', 0xffff, &f->segment);
	if (p)
		p = next_part(p, ':', 0xff, &f->bus);
	if (p)
		p = next_part(p, '.', 0x1f, &f->dev);
	if (!p || parse_number(p, 16, 7, &fn) < 0)
		return false;
	f->fn = (unsigned)fn;
	return true;
}

static uint64_t rank(const struct function *f)
{
	return (uint64_t)f->segment << 16 | f->bus << 8 | f->dev << 3 | f->fn;
}

static int by_rank(const void *a, const void *b)
{
	uint64_t p = rank(a), q = rank(b);

	return (p > q) - (p < q);
}

static bool wanted(const struct function *f, int argc, char **argv)
{
	struct function other;

	for (int i = 0; i < argc; i++)
		if (parse_name(&other, argv[i]) && rank(&other) == rank(f))
			return true;
	return argc == 0;
}

/* Reads what is known of the functions; gives their number. */
static size_t read_functions(struct function *f, const struct dir *d, size_t n)
{
	char path[PATHLEN];
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		if (!parse_name(f, d[i].name))
			continue;
		strlcpy(f->name, d[i].name, sizeof(f->name));
		snprint(path, sizeof(path), "#pci/%s/config", f->name);
		f->config = (unsigned char *)readfile(path, &f->size);
		if (!f->config)
			fatal("%s: %r", path);
		f++;
		found++;
	}
	return found;
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	size_t n, shown = 0;
	struct dir *d = readdir("#pci", &n);
	struct function *f = d ? calloc(n, sizeof(*f)) : NULL;

	if (!f)
		fatal("#pci: %r");
	argc -= 1 + verbose;
	argv += 1 + verbose;
	if (argc > 0 && argv[0][0] == '-')
		usage("[-v] [BUS:DEV.FN...]");
	n = read_functions(f, d, n);
	qsort(f, n, sizeof(*f), by_rank);
	for (size_t i = 0; i < n; i++) {
		if (!wanted(&f[i], argc, argv))
			continue;
		print_function(&f[i], verbose);
		shown++;
	}
	if (argc > 0 && shown == 0)
		fatal("%s: no such function", argv[0]);
	return 0;
}
