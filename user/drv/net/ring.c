/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue (Virtio 1.2, 2.7) whose entries are single descriptors:
 * entry i is descriptor i and buffer i.  All three parts lie in one page; the
 * device reads the first two and writes the third.
 */
#include "net.h"

#define DESC_WRITE		2	/* by the device */
#define AVAIL_NO_INTERRUPT	1
#define USED_NO_NOTIFY		1

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct avail {
	uint16_t flags, index, ring[RING_SIZE];
};

struct used {
	uint16_t flags, index;
	struct {
		uint32_t id, len;
	} ring[RING_SIZE];
};

_Static_assert(sizeof(struct desc) == 16, "Virtio 1.2, 2.7.5");
_Static_assert(RING_SIZE * sizeof(struct desc) <= RING_AVAIL,
	       "room");
_Static_assert(sizeof(struct avail) <= RING_USED - RING_AVAIL, "room");
_Static_assert(sizeof(struct used) <= 4096 - RING_USED, "room");

static struct desc *desc(struct ring *r)
{
	return (struct desc *)(r->mem + RING_DESC);
}

static volatile struct avail *avail(struct ring *r)
{
	return (volatile struct avail *)(r->mem + RING_AVAIL);
}

static volatile struct used *used(struct ring *r)
{
	return (volatile struct used *)(r->mem + RING_USED);
}

void ring_init(struct ring *r, const char *bdf)
{
	r->bdf = bdf;
	r->mem = drv_memory(4096);
	r->buffers = drv_memory(RING_SIZE * BUFFER_SIZE);
	if (!r->mem || !r->buffers)
		fatal("%r");
}

void ring_interrupts(struct ring *r, bool on)
{
	avail(r)->flags = on ? 0 : AVAIL_NO_INTERRUPT;
}

uint8_t *ring_buffer(struct ring *r, unsigned i)
{
	return r->buffers + i * BUFFER_SIZE;
}

/* The entry stands before the index that makes it the device's. */
void ring_offer(struct ring *r, unsigned i, size_t len, bool write)
{
	desc(r)[i] = (struct desc){
		.addr = (uintptr_t)ring_buffer(r, i),
		.len = write ? BUFFER_SIZE : (uint32_t)len,
		.flags = write ? DESC_WRITE : 0,
	};
	avail(r)->ring[r->offered++ % RING_SIZE] = (uint16_t)i;
	r->out |= 1ull << i;
	drv_fence();
	avail(r)->index = r->offered;
}

/* The index is written before it is asked whether the device wants to know:
 * it does so the other way round (Virtio 1.2, 2.7.13.4). */
void ring_notify(struct ring *r)
{
	drv_fence();
	if (!(used(r)->flags & USED_NO_NOTIFY))
		put16(r->bell, r->number);
}

/* The device is not believed: it gives back what it has, and no more than that.
 */
bool ring_take(struct ring *r, unsigned *i, size_t *len)
{
	unsigned at = r->seen % RING_SIZE;

	if (used(r)->index == r->seen)
		return false;
	drv_fence();
	*i = used(r)->ring[at].id;
	*len = used(r)->ring[at].len;
	r->seen++;
	if (*i >= RING_SIZE || !(r->out >> *i & 1) || *len > BUFFER_SIZE)
		fatal("%s: gives back buffer %u with %lu bytes, which it had "
		      "not", r->bdf, *i, *len);
	r->out &= ~(1ull << *i);
	return true;
}
