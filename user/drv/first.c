/* SPDX-License-Identifier: BSD-2-Clause */
/* first [unsafe]: copies a text by DMA through QEMU's edu device. */
#include <drv.h>

#define ISR		0x24	/* registers: QEMU's docs/specs/edu.txt */
#define ISR_ACK		0x64
#define DMA_FROM	0x80
#define DMA_TO		0x88
#define DMA_LEN		0x90
#define DMA_COMMAND	0x98
#define START		1
#define TO_MEMORY	2
#define INTERRUPT	4
#define BUFFER		0x40000	/* inside the device */

static volatile uint8_t *regs;
static int irq;

static void dma(uint64_t from, uint64_t to, uint64_t len, uint64_t direction)
{
	long n;

	put64(regs + DMA_FROM, from);
	put64(regs + DMA_TO, to);
	put64(regs + DMA_LEN, len);
	put64(regs + DMA_COMMAND, START | direction | INTERRUPT);
	n = drv_wait(irq, 5000);
	if (n < 0)
		fatal("%r");
	if (n == 0)
		fatal("no interrupt within 5 s");
	put32(regs + ISR_ACK, get32(regs + ISR));
}

int main(int argc, char **argv)
{
	static const char text[] = "what the device read, it wrote";
	char bdf[BDF_LEN];
	char *mem = drv_memory(8192), *copy = mem + 4096;

	if (!mem)
		fatal("%r");
	drv_show_faults();
	if (drv_find(0x1234, 0x11e8, bdf) < 0)
		fatal("this machine has no edu device");
	if (drv_take(bdf, argc > 1 ? argv[1] : "") < 0)
		fatal("%r");
	regs = drv_bar(bdf, 0, NULL);
	irq = drv_irq(bdf, 0);
	if (!regs || irq < 0)
		fatal("%r");
	memcpy(mem, text, sizeof(text));
	dma((uintptr_t)mem, BUFFER, sizeof(text), 0);
	dma(BUFFER, (uintptr_t)copy, sizeof(text), TO_MEMORY);
	print("%s: %s\n", bdf, copy);
	return strcmp(copy, text) != 0;
}
