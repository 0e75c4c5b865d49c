/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock is the TSC, the timers are the local APICs'; the rates of both are
 * measured once against the ACPI power-management timer or, where there is
 * none, the 8254.
 */
#include <acpi.h>
#include <apic.h>
#include <arch.h>
#include <assert.h>
#include <log.h>
#include <start.h>
#include <timer.h>
#include <x86.h>

#define MEASURE_US	5000
#define PM_HZ		3579545ull	/* ACPI 4.8.3.3 */
#define PM_MASK		0xffffffu
#define PIT_HZ		1193182ull
#define PIT_COUNTER2	0x42
#define PIT_MODE	0x43
#define PIT_GATE	0x61
#define GIVE_UP_CYCLES	(1ull << 32)	/* a second or so, on any TSC */

static struct {
	uint64_t tsc_start;
	uint64_t ns_per_tsc;		/* 32.32 fixed point; 0: not known */
	uint64_t apic_per_ns;		/* 32.32 */
} rate;

uint64_t nsec(void)
{
	unsigned __int128 ns = rdtsc() - rate.tsc_start;

	return (uint64_t)(ns * rate.ns_per_tsc >> 32);
}

/* Spins for MEASURE_US; the real length in nanoseconds, 0: the timer is
 * dead. */
static uint64_t spin_pm_timer(uint16_t port)
{
	uint64_t give_up = rdtsc() + GIVE_UP_CYCLES;
	uint32_t start = inl(port), passed = 0;

	while (passed < PM_HZ * MEASURE_US / 1000000) {
		passed = (inl(port) - start) & PM_MASK;
		if (rdtsc() > give_up)
			return 0;
	}
	return passed * NSEC_PER_SEC / PM_HZ;
}

/* Counter 2 counts down once; its output is bit 5 of the gate's port. */
static uint64_t spin_pit(void)
{
	uint64_t give_up = rdtsc() + GIVE_UP_CYCLES;
	uint16_t count = PIT_HZ * MEASURE_US / 1000000;

	outb(PIT_GATE, (inb(PIT_GATE) & 0xfc) | 1);
	outb(PIT_MODE, 0xb0);
	outb(PIT_COUNTER2, (uint8_t)count);
	outb(PIT_COUNTER2, (uint8_t)(count >> 8));
	while (!(inb(PIT_GATE) & 0x20))
		if (rdtsc() > give_up)
			return 0;
	return count * NSEC_PER_SEC / PIT_HZ;
}

void clock_init(void)
{
	uint64_t tsc, ns = 0;
	uint32_t ticks;
	const char *by = "acpi pm timer";

	apic_timer_set(~0u);
	tsc = rdtsc();
	if (acpi_pm_timer)
		ns = spin_pm_timer(acpi_pm_timer);
	if (!ns) {
		by = "8254";
		apic_timer_set(~0u);
		tsc = rdtsc();
		ns = spin_pit();
	}
	ticks = ~0u - apic_timer_left();
	apic_timer_set(0);
	if (!ns) {	/* any rate will do better than none */
		by = "guess";
		ns = GIVE_UP_CYCLES / 2;
	}
	rate.ns_per_tsc = (ns << 32) / (rdtsc() - tsc);
	rate.apic_per_ns = ((uint64_t)ticks << 32) / ns;
	rate.tsc_start = tsc;
	klog(LOG_INFO, "clock: tsc %lu MHz, apic timer %lu MHz, measured by %s",
	     (1000ul << 32) / rate.ns_per_tsc,
	     (rate.apic_per_ns * 16000) >> 32, by);
}

void timer_program(void)
{
	struct cpu *c = this_cpu();
	uint64_t first = c->slice_end ? c->slice_end : NO_DEADLINE;
	uint64_t now = nsec(), ticks;

	spin_lock(&c->timer_lock);
	if (!list_empty(&c->timers))
		first = MIN(first, list_first(&c->timers, struct timer,
					      link)->deadline);
	spin_unlock(&c->timer_lock);
	if (first == NO_DEADLINE) {
		apic_timer_set(0);
		return;
	}
	ticks = first > now ? MIN(first - now, NSEC_PER_SEC) *
		rate.apic_per_ns >> 32 : 0;
	apic_timer_set((uint32_t)MIN(MAX(ticks, 1ull), UINT32_MAX));
}
