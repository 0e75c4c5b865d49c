/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's edu device as a DMA engine: see user/drv/edu.c. */
#include "attack.h"

#define DMA_FROM	0x80
#define DMA_TO		0x88
#define DMA_LEN		0x90
#define DMA_CMD		0x98
#define BUFFER		0x40000
#define PATIENCE	5000		/* milliseconds */

void edu_start(uint64_t addr, unsigned len, bool to_memory)
{
	put64(regs + DMA_FROM, to_memory ? BUFFER : addr);
	put64(regs + DMA_TO, to_memory ? addr : BUFFER);
	put64(regs + DMA_LEN, len);
	put64(regs + DMA_CMD, to_memory ? 3 : 1);
}

void edu_finish(void)
{
	int64_t end = nsec() + PATIENCE * 1000000l;

	while (get32(regs + DMA_CMD) & 1 && nsec() < end)
		sleep_ms(5);
}

void edu_dma(uint64_t addr, unsigned len, bool to_memory)
{
	edu_start(addr, len, to_memory);
	edu_finish();
}
