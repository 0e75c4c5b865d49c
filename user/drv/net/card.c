/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network card (Virtio 1.2, 5.1): queue 0 receives, queue 1 sends, before
 * each frame stands a header, which here is all zero: no offload of any kind.
 */
#include "net.h"

#define FEATURE_MAC	(1ull << 5)
#define HEADER		12		/* struct virtio_net_hdr */
#define RX		0
#define TX		1
#define FRAME_MIN	14

_Static_assert(HEADER + FRAME_MAX <= BUFFER_SIZE, "a frame fits");

/* Without an interrupt it is polled. */
static void start_receiving(struct card *c, bool polled)
{
	c->irq = polled ? -1 : drv_irq(c->v.bdf, 0);
	if (!polled && c->irq < 0)
		warn("%r; polling instead");
	if (!virtio_queue(&c->v, RX, &c->rx, c->irq < 0 ? VIRTIO_NO_VECTOR : 0))
		c->irq = -1;
	ring_interrupts(&c->rx, c->irq >= 0);
	for (unsigned i = 0; i < RING_SIZE; i++)
		ring_offer(&c->rx, i, 0, true);
}

void card_start(struct card *c, const struct options *o)
{
	virtio_start(&c->v, o, FEATURE_MAC);
	if (c->v.device_len < MAC_LEN)
		fatal("%s: has no address", c->v.bdf);
	for (unsigned i = 0; i < MAC_LEN; i++)
		c->mac[i] = get8(c->v.device + i);
	ring_init(&c->rx, c->v.bdf);
	ring_init(&c->tx, c->v.bdf);
	start_receiving(c, o->polled);
	(void)!virtio_queue(&c->v, TX, &c->tx, VIRTIO_NO_VECTOR);
	ring_interrupts(&c->tx, false);
	virtio_go(&c->v);
	ring_notify(&c->rx);
}

void card_stop(struct card *c)
{
	virtio_stop(&c->v);
}

/* One at a time: it is gone when this returns. */
void card_send(struct card *c, const void *frame, size_t len)
{
	uint8_t *to = ring_buffer(&c->tx, 0);
	size_t written;
	unsigned i;

	memset(to, 0, HEADER);
	memcpy(to + HEADER, frame, len);
	ring_offer(&c->tx, 0, HEADER + len, false);
	ring_notify(&c->tx);
	if (!drv_until(ring_take(&c->tx, &i, &written), PATIENCE))
		fatal("%s: does not send within %ld ms", c->v.bdf, PATIENCE);
}

/* Takes what came, gives the buffer back; 0: nothing, or no frame. */
static size_t take(struct card *c, void *frame)
{
	size_t len, n = 0;
	unsigned i;

	if (!ring_take(&c->rx, &i, &len))
		return 0;
	if (len >= HEADER + FRAME_MIN && len <= HEADER + FRAME_MAX) {
		n = len - HEADER;
		memcpy(frame, ring_buffer(&c->rx, i) + HEADER, n);
	}
	ring_offer(&c->rx, i, 0, true);
	ring_notify(&c->rx);
	return n;
}

size_t card_receive(struct card *c, void *frame, int64_t until)
{
	size_t len = take(c, frame);
	int64_t now;

	while (!len) {
		now = nsec();
		if (now >= until)
			return take(c, frame);
		if (c->irq >= 0 &&
		    drv_wait(c->irq, (until - now) / 1000000 + 1) < 0)
			fatal("%r");
		len = take(c, frame);
	}
	return len;
}
