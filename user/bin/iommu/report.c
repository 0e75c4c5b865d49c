/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu report: one text with all that says how the IOMMU of this machine is
 * and what it did, to be sent to whoever is to understand it from afar.  The
 * DMAR table is there as the kernel has parsed it, and its bytes (acpi).
 */
#include "iommu.h"

#define HEADER		64	/* bytes of configuration space */
#define FIRST_ADDRESS	0x100000000	/* of a process's memory */

static void heading(const char *title)
{
	print("\n== %s ==\n", title);
}

/* Ends with a newline, whatever the file does. */
static void print_text(const char *text)
{
	size_t len = strlen(text);

	print("%s%s", text, len && text[len - 1] != '\n' ? "\n" : "");
}

static void print_own(const char *name)
{
	char *text;

	heading(name);
	text = read_text(name);
	if (text)
		print_text(text);
	else
		print("cannot be read\n");
	free(text);
}

/* Of another device than #iommu. */
static void print_other(const char *path)
{
	char *text = readfile(path, NULL);

	heading(path);
	if (text)
		print_text(text);
	else
		print("cannot be read: %r\n");
	free(text);
}

static void print_faults(void)
{
	char text[2048];
	int fd;

	heading("faults");
	fd = open_faults();
	if (fd < 0)
		return;
	while (take_faults(fd, text, sizeof(text), 0))
		print("%s", text);
	close(fd);
}

static void print_units(void)
{
	struct file units = read_records("units");

	heading("capabilities");
	for (size_t i = 0; i < units.n; i++)
		print_capabilities(&units.r[i]);
	free_file(&units);
}

static void print_config(const char *bdf)
{
	print("%s", bdf);
	for (unsigned at = 0; at < HEADER; at += 4)
		print("%s%08x", at % 32 ? " " : "\n\t",
		      drv_config(bdf, at, 4));
	print("\n");
}

/* The header of each function; the ranges of those that reach any. */
static void print_devices(void)
{
	struct file devices = read_records("devices");

	heading("configuration space, first 64 bytes, by 4");
	for (size_t i = 0; i < devices.n; i++)
		print_config(devices.r[i].subject);
	for (size_t i = 0; i < devices.n; i++) {
		if (!is_notable(&devices.r[i]))
			continue;
		heading("what is reached");
		print("%s, and its way to 0x%lx\n", devices.r[i].subject,
		      FIRST_ADDRESS);
		print_walk(devices.r[i].subject, FIRST_ADDRESS);
		print_ranges(devices.r[i].subject);
	}
	free_file(&devices);
}

int report(int argc, char **argv)
{
	static const char *const first[] = {
		"power", "info", "units", "acpi", "devices", "spaces",
		"mappings", "quarantine", "stats", "check",
	};
	static const char *const others[] = {
		"#cons/cmdline", "#cons/mem", "#cons/irqs", "#cons/kmesg",
	};

	(void)argc;
	(void)argv;
	print("iommu report, %lu ms after boot\n", nsec() / 1000000);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		print_own(first[i]);
	print_units();
	heading("self-test, without a device");
	print_selftest();
	print_faults();
	print_own("trace");
	print_devices();
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		print_other(others[i]);
	return 0;
}
