/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts the other processors, one after the other: SDM 3A 9.4. */
#include <acpi.h>
#include <apic.h>
#include <arch.h>
#include <assert.h>
#include <cpu.h>
#include <log.h>
#include <mmu.h>
#include <sched.h>
#include <start.h>
#include <string.h>
#include <timer.h>
#include <trap.h>
#include <x86.h>

#define INIT_DELAY	(10 * NSEC_PER_MSEC)
#define RETRY_DELAY	(10 * NSEC_PER_MSEC)
#define START_DEADLINE	(10000 * NSEC_PER_MSEC)	/* virtual ones wait for theirs
						 * to run on */

extern char ap_boot_start[], ap_boot_end[];
extern uint64_t ap_stack_top, ap_cr3;

static struct cpu *starting;

/* On the new processor, on the kernel's page tables. */
void ap_start(void)
{
	struct cpu *c = READ_ONCE(starting);

	cpu_init(c);
	idt_load();
	apic_init_cpu();
	sched_start_cpu(c);
	__atomic_store_n(&c->online, true, __ATOMIC_RELEASE);
	idle_loop();
}

static bool came_online(struct cpu *c, uint64_t within)
{
	uint64_t end = nsec() + within;

	while (!__atomic_load_n(&c->online, __ATOMIC_ACQUIRE) && nsec() < end)
		cpu_pause();
	return __atomic_load_n(&c->online, __ATOMIC_ACQUIRE);
}

/* A second start-up message only when the first was not heard: on the real
 * thing it is ignored by a processor that runs. */
static bool start(struct cpu *c, uint32_t apic)
{
	uintptr_t stack = kstack_alloc();

	if (!stack)
		return false;
	c->apic_id = apic;
	ap_stack_top = stack + KSTACK_SIZE;
	__atomic_store_n(&starting, c, __ATOMIC_SEQ_CST);
	apic_startup_message(apic, AP_BOOT);
	if (came_online(c, RETRY_DELAY))
		return true;
	apic_startup_message(apic, AP_BOOT);
	return came_online(c, START_DEADLINE);
}

/* All at once: each needs 10 ms before it can be started. */
static void init_others(uint32_t me)
{
	for (unsigned i = 0; i < acpi_madt.ncpus; i++)
		if (acpi_madt.apic_ids[i] != me)
			apic_init_message(acpi_madt.apic_ids[i]);
	delay_ns(INIT_DELAY);
}

static void start_others(uint32_t me)
{
	for (unsigned i = 0; i < acpi_madt.ncpus; i++) {
		uint32_t apic = acpi_madt.apic_ids[i];

		if (apic == me)
			continue;
		if (ncpus == CONFIG_MAX_CPUS) {
			klog(LOG_WARN, "smp: more than %u processors, the rest "
			     "is not used", CONFIG_MAX_CPUS);
			return;
		}
		if (!start(&cpus[ncpus], apic)) {
			/* It may yet come up, on the struct and stack that the
			 * next one would get. */
			klog(LOG_ERROR, "smp: processor %u did not start, no "
			     "further one is tried", apic);
			return;
		}
		ncpus++;
	}
}

void smp_boot(void)
{
	uint32_t me = apic_id();

	cpus[0].online = true;
	if (acpi_madt.ncpus > 1) {
		memcpy(kva(AP_BOOT), ap_boot_start,
		       (size_t)(ap_boot_end - ap_boot_start));
		ap_cr3 = rcr3();
		init_others(me);
		start_others(me);
	}
	klog(LOG_INFO, "smp: %u processors", ncpus);
}

void cpu_kick(struct cpu *c)
{
	apic_send(c->apic_id, VECTOR_KICK);
}

/* Read by those that the NMI reaches; never false again. */
static bool halting;

bool cpu_halting(void)
{
	return __atomic_load_n(&halting, __ATOMIC_ACQUIRE);
}

void cpu_halt_others(void)
{
	__atomic_store_n(&halting, true, __ATOMIC_SEQ_CST);
	if (ncpus > 1)
		apic_send_nmi_others();
}
