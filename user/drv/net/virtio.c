/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device on PCI (Virtio 1.2, 4.1), of the modern kind: vendor
 * capabilities say in which BAR its structures are.  It is reset at the start,
 * whatever it was doing, and at the end, so that it uses our memory no more.
 */
#include "net.h"

#define VENDOR		0x1af4
#define NET_MODERN	0x1041
#define NET_BOTH	0x1000		/* transitional: modern, too */

#define CAP_VENDOR	0x09
#define CAP_TYPE	3
#define  TYPE_COMMON		1
#define  TYPE_NOTIFY		2
#define  TYPE_DEVICE		4
#define CAP_BAR		4
#define CAP_OFFSET	8
#define CAP_LENGTH	12
#define CAP_NOTIFY_UNIT	16

/* Common configuration (Virtio 1.2, 4.1.4.3) */
#define FEATURE_WORD	0x00
#define FEATURE		0x04
#define OUR_WORD	0x08
#define OUR_FEATURE	0x0c
#define CONFIG_VECTOR	0x10		/* 16 bits */
#define QUEUES		0x12		/* 16 bits */
#define STATUS		0x14		/* 8 bits */
#define  ACKNOWLEDGE		0x01
#define  DRIVER			0x02
#define  DRIVER_OK		0x04
#define  FEATURES_OK		0x08
#define QUEUE		0x16		/* 16 bits, as are the next four */
#define QUEUE_SIZE	0x18
#define QUEUE_VECTOR	0x1a
#define QUEUE_ENABLE	0x1c
#define QUEUE_NOTIFY	0x1e
#define QUEUE_DESC	0x20		/* 64 bits, as are the next two */
#define QUEUE_DRIVER	0x28
#define QUEUE_DEVICE	0x30
#define COMMON_LEN	0x38

static void find(struct virtio *v, const struct options *o)
{
	if (o->bdf)
		strlcpy(v->bdf, o->bdf, sizeof(v->bdf));
	else if (drv_find(VENDOR, NET_MODERN, v->bdf) < 0 &&
		 drv_find(VENDOR, NET_BOTH, v->bdf) < 0)
		fatal("this machine has no virtio network card");
	if (drv_config(v->bdf, 0, 4) != (NET_MODERN << 16 | VENDOR) &&
	    drv_config(v->bdf, 0, 4) != (NET_BOTH << 16 | VENDOR))
		fatal("%s: no virtio network card", v->bdf);
	if (drv_take(v->bdf, o->words) < 0)
		fatal("%r");
}

/* The capability of that type; the first one is the device's favourite. */
static unsigned find_cap(const struct virtio *v, unsigned type)
{
	unsigned cap = 0;

	do
		cap = drv_cap(v->bdf, CAP_VENDOR, cap);
	while (cap && drv_config(v->bdf, cap + CAP_TYPE, 1) != type);
	if (!cap)
		fatal("%s: no virtio capability %u", v->bdf, type);
	return cap;
}

/* The structure that a capability points at, which has *len bytes. */
static volatile uint8_t *structure(const struct virtio *v, unsigned cap,
				   size_t *len)
{
	uint32_t off = drv_config(v->bdf, cap + CAP_OFFSET, 4);
	unsigned bar = drv_config(v->bdf, cap + CAP_BAR, 1);
	size_t bar_len;
	volatile uint8_t *regs = drv_bar(v->bdf, bar, &bar_len);

	if (!regs)
		fatal("%r");
	*len = drv_config(v->bdf, cap + CAP_LENGTH, 4);
	if (off > bar_len || *len > bar_len - off)
		fatal("%s: capability 0x%x lies beyond bar %u", v->bdf, cap,
		      bar);
	return regs + off;
}

static void map(struct virtio *v)
{
	unsigned notify = find_cap(v, TYPE_NOTIFY);
	size_t len;

	v->common = structure(v, find_cap(v, TYPE_COMMON), &len);
	if (len < COMMON_LEN)
		fatal("%s: its common structure has only %lu bytes", v->bdf,
		      len);
	v->device = structure(v, find_cap(v, TYPE_DEVICE), &v->device_len);
	v->notify = structure(v, notify, &v->notify_len);
	v->notify_unit = drv_config(v->bdf, notify + CAP_NOTIFY_UNIT, 4);
}

static void add_status(struct virtio *v, uint8_t bits)
{
	put8(v->common + STATUS, get8(v->common + STATUS) | bits);
}

static void reset(struct virtio *v)
{
	put8(v->common + STATUS, 0);
	if (!drv_until(get8(v->common + STATUS) == 0, PATIENCE))
		fatal("%s: not reset within %ld ms", v->bdf, PATIENCE);
}

static uint64_t offered(struct virtio *v)
{
	uint64_t low;

	put32(v->common + FEATURE_WORD, 0);
	low = get32(v->common + FEATURE);
	put32(v->common + FEATURE_WORD, 1);
	return (uint64_t)get32(v->common + FEATURE) << 32 | low;
}

/* Virtio 1.2, 3.1.1.  Without ACCESS_PLATFORM it would take our addresses for
 * those of memory itself. */
static void agree(struct virtio *v, uint64_t features)
{
	features |= VIRTIO_VERSION_1 | VIRTIO_ACCESS_PLATFORM;
	if (features & ~offered(v))
		fatal("%s: does not offer features 0x%lx", v->bdf,
		      features & ~offered(v));
	put32(v->common + OUR_WORD, 0);
	put32(v->common + OUR_FEATURE, (uint32_t)features);
	put32(v->common + OUR_WORD, 1);
	put32(v->common + OUR_FEATURE, (uint32_t)(features >> 32));
	add_status(v, FEATURES_OK);
	if (!(get8(v->common + STATUS) & FEATURES_OK))
		fatal("%s: does not take features 0x%lx", v->bdf, features);
}

void virtio_start(struct virtio *v, const struct options *o, uint64_t features)
{
	find(v, o);
	map(v);
	reset(v);
	add_status(v, ACKNOWLEDGE);
	add_status(v, DRIVER);
	agree(v, features);
	put16(v->common + CONFIG_VECTOR, VIRTIO_NO_VECTOR);
}

static void put_addr(struct virtio *v, unsigned off, const void *p)
{
	put32(v->common + off, (uint32_t)(uintptr_t)p);
	put32(v->common + off + 4, (uint32_t)((uintptr_t)p >> 32));
}

bool virtio_queue(struct virtio *v, unsigned n, struct ring *r, unsigned vector)
{
	size_t bell;

	put16(v->common + QUEUE, (uint16_t)n);
	if (n >= get16(v->common + QUEUES) ||
	    get16(v->common + QUEUE_SIZE) < RING_SIZE)
		fatal("%s: has no queue %u of %u entries", v->bdf, n,
		      RING_SIZE);
	bell = (size_t)get16(v->common + QUEUE_NOTIFY) * v->notify_unit;
	if (bell + 2 > v->notify_len)
		fatal("%s: queue %u cannot be notified", v->bdf, n);
	r->bell = v->notify + bell;
	r->number = (uint16_t)n;
	put16(v->common + QUEUE_SIZE, RING_SIZE);
	put_addr(v, QUEUE_DESC, r->mem + RING_DESC);
	put_addr(v, QUEUE_DRIVER, r->mem + RING_AVAIL);
	put_addr(v, QUEUE_DEVICE, r->mem + RING_USED);
	put16(v->common + QUEUE_VECTOR, (uint16_t)vector);
	put16(v->common + QUEUE_ENABLE, 1);
	return get16(v->common + QUEUE_VECTOR) == vector;
}

void virtio_go(struct virtio *v)
{
	add_status(v, DRIVER_OK);
}

void virtio_stop(struct virtio *v)
{
	reset(v);
}
