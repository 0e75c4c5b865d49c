/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vectors (irq.h).  A slot's handler is called under a count of calls, so that
 * irq_free can wait until none is left.  All device interrupts go to the first
 * processor.
 *
 * Lock order: irqs.lock is taken last.
 */
#include <acpi.h>
#include <apic.h>
#include <arch.h>
#include <assert.h>
#include <cpu.h>
#include <fmt.h>
#include <iommu.h>
#include <irq.h>
#include <lock.h>
#include <log.h>
#include <timer.h>
#include <trap.h>

#define MSI_ADDR	0xfee00000u	/* SDM 3A 11.11 */
#define MSI_DEST_SHIFT	12
#define DRAIN_DEADLINE	(10000 * NSEC_PER_MSEC)	/* it may be a virtual one */

struct slot {
	irq_handler fn;
	void *arg;
	const char *name;
	uint64_t count;
	bool running;
	bool mapped;		/* the two below are valid */
	struct msi_message message;
	struct iommu_irq remap;
};

static struct {
	struct spinlock lock;
	struct slot slots[LAST_DEVICE_VECTOR + 1];
	uint64_t stray;
} irqs = { .lock = SPINLOCK("irq") };

static struct {
	struct qlock lock;
	bool done;
} drain = { .lock = QLOCK(drain.lock, "irq drain") };

/* The handler of vectors that may still come though they were freed. */
static void irq_ignore(void *unused)
{
	(void)unused;
}

int irq_alloc(irq_handler fn, void *arg, const char *name)
{
	struct slot *s;
	int vector = 0;

	spin_lock(&irqs.lock);
	for (int v = FIRST_DEVICE_VECTOR; v <= LAST_DEVICE_VECTOR; v++) {
		s = &irqs.slots[v];
		if (vector || s->fn || s->running)
			continue;
		*s = (struct slot){ .fn = fn, .arg = arg, .name = name };
		vector = v;
	}
	spin_unlock(&irqs.lock);
	if (!vector)
		return error(ENOSPC, "no interrupt vector left");
	return vector;
}

/* Remapped where the source's unit can, else in compatibility format. */
int irq_message(int vector, struct iommu_dev *source, struct msi_message *m)
{
	struct slot *s = &irqs.slots[vector];
	int err = 0;

	if (!s->mapped) {
		s->message = (struct msi_message){
			.addr = MSI_ADDR | cpus[0].apic_id << MSI_DEST_SHIFT,
			.data = (uint32_t)vector,
		};
		if (source)
			err = iommu_irq_open(source, (uint8_t)vector,
					     cpus[0].apic_id, &s->remap,
					     &s->message.addr,
					     &s->message.data);
		s->mapped = !err;
	}
	*m = s->message;
	return err;
}

int irq_route_isa(unsigned isa_irq, int vector)
{
	struct acpi_irq irq = acpi_isa_irq(isa_irq);
	struct slot *s = &irqs.slots[vector];
	const struct acpi_ioapic *io = ioapic_of(irq.gsi);
	uint64_t entry = ioapic_entry((unsigned)vector, cpus[0].apic_id);

	if (io && iommu_irq_open_ioapic(io->id, (uint8_t)vector,
					cpus[0].apic_id, irq.level, &s->remap,
					&entry) < 0)
		return -1;
	s->mapped = true;
	if (!ioapic_route(irq.gsi, entry, irq.level, irq.low))
		return error(ENODEV, "isa interrupt %u: no I/O APIC input %u",
			     isa_irq, irq.gsi);
	return 0;
}

void irq_drained(void)
{
	__atomic_store_n(&drain.done, true, __ATOMIC_RELEASE);
}

static bool is_drained(void)
{
	return __atomic_load_n(&drain.done, __ATOMIC_ACQUIRE);
}

/* The unit has passed on all it had; what waits in the first processor is
 * served before this returns.  false: it was not in time. */
static bool wait_for_processor(void)
{
	uint64_t end;
	bool done;

	qlock(&drain.lock);
	end = nsec() + DRAIN_DEADLINE;
	__atomic_store_n(&drain.done, false, __ATOMIC_RELAXED);
	apic_send(cpus[0].apic_id, VECTOR_DRAIN);
	while (!is_drained() && nsec() < end)
		cpu_pause();
	done = is_drained();
	qunlock(&drain.lock);
	return done;
}

void irq_free(int vector)
{
	struct slot *s = &irqs.slots[vector];
	bool lost = iommu_irq_close(&s->remap) < 0;

	if (!wait_for_processor()) {
		klog(LOG_ERROR, "irq: processor 0 does not take interrupts; "
		     "vector %d is lost", vector);
		lost = true;
	}
	spin_lock(&irqs.lock);
	assert(s->fn);
	s->fn = lost ? irq_ignore : NULL;
	s->mapped = false;
	spin_unlock(&irqs.lock);
	while (__atomic_load_n(&s->running, __ATOMIC_ACQUIRE))
		cpu_pause();
}

void irq_dispatch(unsigned vector)
{
	struct slot *s = &irqs.slots[vector];
	irq_handler fn;
	void *arg;

	spin_lock(&irqs.lock);
	fn = s->fn;
	arg = s->arg;
	s->running = fn != NULL;
	s->count++;
	irqs.stray += !fn;
	spin_unlock(&irqs.lock);
	if (fn)
		fn(arg);
	__atomic_store_n(&s->running, false, __ATOMIC_RELEASE);
	apic_eoi();
}

void irq_text(struct text *t)
{
	struct slot *s;

	spin_lock(&irqs.lock);
	for (unsigned v = FIRST_DEVICE_VECTOR; v <= LAST_DEVICE_VECTOR; v++) {
		s = &irqs.slots[v];
		if (s->fn)
			text_add(t, "vector %u %s %lu\n", v, s->name, s->count);
	}
	text_add(t, "stray %lu\n", irqs.stray);
	spin_unlock(&irqs.lock);
}
