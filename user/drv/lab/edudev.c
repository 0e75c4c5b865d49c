/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's edu device, a transfer in two halves: see user/drv/edu.c. */
#include "lab.h"

#define ISR		0x24
#define ISR_ACK		0x64
#define DMA_FROM	0x80
#define DMA_TO		0x88
#define DMA_LEN		0x90
#define DMA_CMD		0x98
#define BUFFER		0x40000
#define PATIENCE	5000

static volatile uint8_t *regs;
static int irq = -1;

int edudev_open(void)
{
	char bdf[BDF_LEN];

	if (drv_find(0x1234, 0x11e8, bdf) < 0)
		return -1;
	if (irq >= 0)
		close(irq);
	irq = drv_irq(bdf, 0);
	regs = irq < 0 ? NULL : drv_bar(bdf, 0, NULL);
	return regs ? 0 : -1;
}

void edudev_start(uint64_t addr, unsigned len, bool write)
{
	put64(regs + DMA_FROM, write ? BUFFER : addr);
	put64(regs + DMA_TO, write ? addr : BUFFER);
	put64(regs + DMA_LEN, len);
	put64(regs + DMA_CMD, write ? 7 : 5);
}

bool edudev_busy(void)
{
	return get64(regs + DMA_CMD) & 1;
}

int edudev_finish(void)
{
	if (drv_wait(irq, PATIENCE) <= 0)
		return -1;
	put32(regs + ISR_ACK, get32(regs + ISR));
	return 0;
}

/*
 * Forks with a transfer on its way, and waits for the transfer's end without
 * a write to memory: the first one to a shared page would flush for the fork.
 */
int edudev_fork(uint64_t addr)
{
	long pid = SYS_rfork;

	edudev_start(addr, 4095, true);
	asm volatile("syscall\n"
		     "test %0, %0\n"
		     "jz 2f\n"
		     "1: pause\n"
		     "testl $1, (%2)\n"
		     "jnz 1b\n"
		     "2:\n"
		     : "+a"(pid)
		     : "D"(RFPROC | RFFDG), "r"(regs + DMA_CMD)
		     : "rcx", "r11", "memory");
	return (int)pid;
}
