/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's side of iommu_os.h. */
#include <arch.h>
#include <cpu.h>
#include <error.h>
#include <fmt.h>
#include <iommu_os.h>
#include <irq.h>
#include <kmalloc.h>
#include <lock.h>
#include <log.h>
#include <pci.h>
#include <sched.h>
#include <timer.h>
#include <x86.h>

void *os_alloc(size_t size)
{
	return kmalloc(size);
}

void os_free(void *p, size_t size)
{
	(void)size;
	kfree(p);
}

void *os_map_regs(physaddr_t pa, size_t len)
{
	return mmio_map(pa, len);
}

uint32_t os_read32(const volatile void *reg)
{
	return mmio_read32(reg);
}

uint64_t os_read64(const volatile void *reg)
{
	return mmio_read64(reg);
}

void os_write32(volatile void *reg, uint32_t v)
{
	mmio_write32(reg, v);
}

void os_write64(volatile void *reg, uint64_t v)
{
	mmio_write64(reg, v);
}

uint64_t os_clock(void)
{
	return nsec();
}

/* A thread that holds nothing lets others run. */
void os_relax(void)
{
	cpu_relax();
	if (this_cpu()->resched && !this_cpu()->irq_nest &&
	    (read_rflags() & RFLAGS_IF) && !this_cpu()->kthread->idle)
		schedule();
}

_Static_assert(sizeof(struct spinlock) <= sizeof(struct os_lock), "room");

void os_lock(struct os_lock *l)
{
	spin_lock((struct spinlock *)l);
}

void os_unlock(struct os_lock *l)
{
	spin_unlock((struct spinlock *)l);
}

void os_log(enum os_log_level level, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	klog((enum log_level)level, "%s", text);
}

int os_error(const char *fmt, ...)
{
	char text[ERRMAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return error(EIO, "%s", text);
}

uint32_t os_pci_read(uint16_t segment, uint16_t sid, unsigned off,
		     unsigned width)
{
	return pci_config_read(segment, sid, off, width);
}

void os_pci_write(uint16_t segment, uint16_t sid, unsigned off, unsigned width,
		  uint32_t v)
{
	pci_config_write(segment, sid, off, width, v);
}

int os_irq(void (*fn)(void *), void *arg, const char *name, uint64_t *addr,
	   uint32_t *data)
{
	int vector = irq_alloc(fn, arg, name);
	struct msi_message m;

	if (vector < 0)
		return vector;
	if (irq_message(vector, NULL, &m) < 0)
		return -1;
	*addr = m.addr;
	*data = m.data;
	return 0;
}
