/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's edu device, a transfer in two halves. */
#include "lab.h"

#define PATIENCE	5000

static volatile uint8_t *regs;
static int irq = -1;

int edudev_open(void)
{
	char bdf[BDF_LEN];

	if (drv_find(EDU_VENDOR, EDU_DEVICE, bdf) < 0)
		return -1;
	if (irq >= 0)
		close(irq);
	irq = drv_irq(bdf, 0);
	regs = irq < 0 ? NULL : drv_bar(bdf, 0, NULL);
	return regs ? 0 : -1;
}

void edudev_start(uint64_t addr, unsigned len, bool write)
{
	edu_copy(regs, addr, len, EDU_INTERRUPT | (write ? EDU_TO_MEMORY : 0));
}

bool edudev_busy(void)
{
	return edu_is_copying(regs);
}

int edudev_finish(void)
{
	if (drv_wait(irq, PATIENCE) <= 0)
		return -1;
	edu_acknowledge(regs);
	return 0;
}

/*
 * Forks with a transfer on its way, and waits for the transfer's end without
 * a write to memory: the first one to a shared page would flush for the fork.
 */
int edudev_fork(uint64_t addr)
{
	long pid = SYS_rfork;

	edudev_start(addr, EDU_MOST, true);
	asm volatile("syscall\n"
		     "test %0, %0\n"
		     "jz 2f\n"
		     "1: pause\n"
		     "testl $1, (%2)\n"
		     "jnz 1b\n"
		     "2:\n"
		     : "+a"(pid)
		     : "D"(RFPROC | RFFDG), "r"(regs + EDU_DMA_CMD)
		     : "rcx", "r11", "memory");
	return (int)pid;
}
