/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's edu device (edu.h). */
#include <edu.h>

#define ISR		0x24
#define ISR_ACK		0x64
#define DMA_FROM	0x80
#define DMA_TO		0x88
#define DMA_LEN		0x90
#define START		1u
#define BUFFER		0x40000		/* in the device */

void edu_copy(volatile uint8_t *regs, uint64_t addr, uint64_t len,
	      unsigned how)
{
	bool to_memory = how & EDU_TO_MEMORY;

	put64(regs + DMA_FROM, to_memory ? BUFFER : addr);
	put64(regs + DMA_TO, to_memory ? addr : BUFFER);
	put64(regs + DMA_LEN, len);
	put64(regs + EDU_DMA_CMD, how | START);
}

bool edu_is_copying(volatile uint8_t *regs)
{
	return get64(regs + EDU_DMA_CMD) & START;
}

void edu_acknowledge(volatile uint8_t *regs)
{
	put32(regs + ISR_ACK, get32(regs + ISR));
}
