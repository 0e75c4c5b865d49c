/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's edu device as a DMA engine. */
#include "attack.h"

#define PATIENCE	5000		/* milliseconds */

void edu_start(uint64_t addr, unsigned len, bool to_memory)
{
	edu_copy(regs, addr, len, to_memory ? EDU_TO_MEMORY : 0);
}

void edu_finish(void)
{
	int64_t end = nsec() + PATIENCE * 1000000l;

	while (edu_is_copying(regs) && nsec() < end)
		sleep_ms(5);
}

void edu_dma(uint64_t addr, unsigned len, bool to_memory)
{
	edu_start(addr, len, to_memory);
	edu_finish();
}
