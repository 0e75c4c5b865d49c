/* SPDX-License-Identifier: BSD-2-Clause */
/* The second half of boot, in the first thread: devices, then process 1. */
#include <acpi.h>
#include <arch.h>
#include <aspace.h>
#include <assert.h>
#include <chan.h>
#include <cpu.h>
#include <fmt.h>
#include <iommu.h>
#include <loader.h>
#include <log.h>
#include <pci.h>
#include <pciown.h>
#include <planted.h>
#include <proc.h>
#include <pt.h>
#include <start.h>
#include <string.h>
#include <watch.h>

#define DEFAULT_INIT "/bin/init"

static bool iommu_wanted(void)
{
	static const char *const modes[] = { "on", "off", "strict", "lazy" };
	const char *s = cmdline_get("iommu");
	unsigned i = 0;

	while (s && i < ARRAY_SIZE(modes) && strcmp(s, modes[i]))
		i++;
	if (i == ARRAY_SIZE(modes))
		klog(LOG_WARN, "command line: iommu=%s: on, off, strict or "
		     "lazy", s);
	return !s || strcmp(s, "off");
}

/* Processes' addresses must fit the narrowest unit (Documentation/design.md), and
 * their pages be no larger than any takes. */
static void limit_addresses(void)
{
	unsigned bits = iommu_address_bits();

	if (bits < 64)
		aspace_limit(1ul << bits);
	pages_largest(MIN(iommu_leaf_levels(), pt_largest()));
}

static void start_iommu(void)
{
	struct pci_device *d;
	const uint8_t *dmar;
	uint32_t len = 0;

	dmar = acpi_table("DMAR", &len);
	iommu_init(dmar, len, pciown_upper());
	list_for_each(d, &pci_devices, link) {
		d->iommu = iommu_add_device(d->segment, d->sid, d);
		if (!d->iommu)
			panic("iommu: no memory for device %s", d->name);
	}
	pciown_init();
	lazy_init(cmdline_get("iommu"), cmdline_get("iommu.quarantine"));
	iommu_start(iommu_wanted());
	if (cmdline_get("selftest"))
		watch_selftest_log();
	limit_addresses();
}

void kernel_main(void *unused)
{
	const char *init = cmdline_get("init");

	(void)unused;
	pci_init();
	start_iommu();
	serial_start_input();
	keyboard_start();
	dev_init();
	plant_fault();
	proc_start_init(init && *init ? init : DEFAULT_INIT);
}

/* What comes after us finds no device on the bus, and translation on. */
static void stop(void)
{
	irq_disable();
	cpu_halt_others();
	log_unlock_for_panic();
	iommu_stop();
}

void machine_halt(void)
{
	klog(LOG_INFO, "halt");
	stop();
	acpi_power_off();
	klog(LOG_ERROR, "halt: the machine does not turn off");
	for (;;)
		irq_enable_and_halt();
}

void machine_reboot(void)
{
	klog(LOG_INFO, "reboot");
	stop();
	acpi_reset();
	klog(LOG_ERROR, "reboot: the machine does not reset");
	for (;;)
		irq_enable_and_halt();
}
