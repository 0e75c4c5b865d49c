/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APICs, in xAPIC mode: SDM 3A, chapter 11. */
#include <acpi.h>
#include <apic.h>
#include <arch.h>
#include <assert.h>
#include <log.h>
#include <start.h>
#include <timer.h>
#include <trap.h>
#include <x86.h>

#define APIC_ID		0x20
#define APIC_TPR	0x80
#define APIC_EOI	0xb0
#define APIC_SVR	0xf0
#define APIC_ICR_LO	0x300
#define APIC_ICR_HI	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_LVT_ERROR	0x370
#define APIC_TIMER_INIT	0x380
#define APIC_TIMER_NOW	0x390
#define APIC_TIMER_DIV	0x3e0

#define SVR_ENABLE	0x100
#define LVT_MASKED	0x10000
#define TIMER_DIV_16	3
#define ICR_NMI		0x400
#define ICR_INIT	0x500
#define ICR_STARTUP	0x600
#define ICR_PENDING	0x1000
#define ICR_ASSERT	0x4000
#define ICR_OTHERS	0xc0000
#define ICR_DEST_SHIFT	24
#define SEND_DEADLINE	(10 * NSEC_PER_MSEC)

static uint8_t *apic;

static uint32_t get(unsigned reg)
{
	return mmio_read32(apic + reg);
}

static void set(unsigned reg, uint32_t v)
{
	mmio_write32(apic + reg, v);
}

/* The firmware's 8259s, while their line to us is still open: a request that
 * is pending there when the line closes would stay pending for ever. */
static void silence_8259(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void apic_init(void)
{
	silence_8259();
	apic = mmio_map(acpi_madt.apic_base, PGSIZE);
	assert(apic);
	apic_init_cpu();
	cpus[0].apic_id = apic_id();
}

static bool x2apic_is_locked(void)
{
	return cpuid(0, 0).eax >= 7 &&
		(cpuid(7, 0).edx & CPUID_CAPABILITIES) &&
		(rdmsr(MSR_CAPABILITIES) & CAPABILITIES_XAPIC_STATUS) &&
		(rdmsr(MSR_XAPIC_STATUS) & XAPIC_LOCKED);
}

/* Firmware may leave processors in x2APIC mode, without registers in memory.
 * The way back is by way of off (11.12.5). */
static void leave_x2apic(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (!(base & APIC_BASE_X2))
		return;
	if (x2apic_is_locked())
		panic("apic: the firmware has locked x2APIC mode");
	base &= ~APIC_BASE_X2;
	wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_ON);
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ON);
}

/* The old interrupt controllers' line stays masked: all goes by I/O APIC. */
void apic_init_cpu(void)
{
	leave_x2apic();
	set(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	set(APIC_TPR, 0);
	set(APIC_LVT_LINT0, LVT_MASKED);
	set(APIC_LVT_LINT1, ICR_NMI);
	set(APIC_LVT_ERROR, LVT_MASKED);
	set(APIC_TIMER_DIV, TIMER_DIV_16);
	set(APIC_LVT_TIMER, VECTOR_TIMER);
}

void apic_eoi(void)
{
	set(APIC_EOI, 0);
}

uint32_t apic_id(void)
{
	return get(APIC_ID) >> 24;
}

/* A message that the bus does not take in time is lost, and logged. */
static void send(uint32_t dest, uint32_t lo)
{
	uint64_t end;

	irq_push_off();
	set(APIC_ICR_HI, dest << ICR_DEST_SHIFT);
	set(APIC_ICR_LO, lo);
	if (get(APIC_ICR_LO) & ICR_PENDING) {
		end = nsec() + SEND_DEADLINE;
		while ((get(APIC_ICR_LO) & ICR_PENDING) && nsec() < end)
			cpu_pause();
		if (get(APIC_ICR_LO) & ICR_PENDING)
			klog(LOG_ERROR, "apic: message 0x%x to %u not taken",
			     lo, dest);
	}
	irq_pop();
}

void apic_send(uint32_t dest, unsigned vector)
{
	send(dest, ICR_ASSERT | vector);
}

void apic_send_nmi_others(void)
{
	send(0, ICR_ASSERT | ICR_OTHERS | ICR_NMI);
}

void apic_init_message(uint32_t dest)
{
	send(dest, ICR_ASSERT | ICR_INIT);
}

void apic_startup_message(uint32_t dest, physaddr_t page)
{
	send(dest, ICR_ASSERT | ICR_STARTUP | (uint32_t)(page >> PGSHIFT));
}

void apic_timer_set(uint32_t ticks)
{
	set(APIC_TIMER_INIT, ticks);
}

uint32_t apic_timer_left(void)
{
	return get(APIC_TIMER_NOW);
}
