/* SPDX-License-Identifier: BSD-2-Clause */
/* The order in which the machine comes up, on the first processor. */
#include <acpi.h>
#include <arch.h>
#include <assert.h>
#include <cpu.h>
#include <loader.h>
#include <log.h>
#include <page.h>
#include <sched.h>
#include <start.h>
#include <timer.h>
#include <trap.h>

void start_kernel(uint32_t magic, physaddr_t info)
{
	struct kthread *k;
	bool found;

	cpu_init(&cpus[0]);
	found = loader_copy_info(magic, info);
	serial_init();
	screen_init();
	if (!found)
		panic("boot: the loader told of no memory");
	idt_init();
	idt_load();
	cmdline_parse();
	memory_init();
	cpu_features_log();
	acpi_init();
	apic_init();
	ioapic_init();
	clock_init();
	sched_start_cpu(&cpus[0]);
	smp_boot();
	k = kthread_create("boot", kernel_main, NULL);
	if (!k)
		panic("boot: no memory for the first thread");
	kthread_ready(k);
	idle_loop();
}
