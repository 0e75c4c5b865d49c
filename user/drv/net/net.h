/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio network card (Virtio 1.2), driven from user level, and as much of
 * the internet protocols as ping needs: what the files here know of each other.
 *
 *	virtio.c	the device: capabilities, features, queues
 *	ring.c		a split virtqueue
 *	card.c		frames out and in
 *	ip.c		ARP and ICMP echo
 *	main.c		what the user typed
 *
 * What goes wrong is said, with subject and reason, and ends the program; the
 * kernel then takes the device back.
 */
#ifndef NET_H
#define NET_H

#include <drv.h>

#define PATIENCE	1000L		/* milliseconds for the device */
#define MAC_LEN		6
#define FRAME_MAX	1514		/* without the virtio header */

/* ring.c: each entry has a buffer of its own. */
#define RING_SIZE	64u
#define BUFFER_SIZE	2048u
#define RING_DESC	0		/* the three parts in ring.mem */
#define RING_AVAIL	1024
#define RING_USED	2048

struct ring {
	const char *bdf;
	uint8_t *mem;			/* a page */
	uint8_t *buffers;
	volatile uint8_t *bell;		/* tells the device of new entries */
	uint16_t number;		/* what to write there */
	uint16_t offered, seen;		/* as many, modulo 2^16 */
	uint64_t out;			/* a bit for each that it has */
};
_Static_assert(RING_SIZE <= 64, "ring.out has a bit for each");

void ring_init(struct ring *r, const char *bdf);
/* Whether the device shall interrupt when it has used an entry. */
void ring_interrupts(struct ring *r, bool on);
uint8_t *ring_buffer(struct ring *r, unsigned i);
/* Gives the device buffer i: len bytes to read, or all of it to write to. */
void ring_offer(struct ring *r, unsigned i, size_t len, bool write);
void ring_notify(struct ring *r);
/* A buffer that came back, and how much was written to it; false: none. */
bool ring_take(struct ring *r, unsigned *i, size_t *len);

struct options {
	const char *bdf;		/* NULL: the first one */
	const char *words;		/* for attach */
	bool polled;
};

/* virtio.c */
#define VIRTIO_VERSION_1	(1ull << 32)
#define VIRTIO_ACCESS_PLATFORM	(1ull << 33)
#define VIRTIO_NO_VECTOR	0xffffu

struct virtio {
	char bdf[BDF_LEN];
	volatile uint8_t *common, *notify, *device;
	size_t device_len;
	uint32_t notify_unit;
	size_t notify_len;
};

/* Takes the device, resets it, and agrees on features: these and the two above,
 * or it is not for us. */
void virtio_start(struct virtio *v, const struct options *o,
		  uint64_t features);
/* Queue n with that interrupt vector; false: the device did not take it. */
bool virtio_queue(struct virtio *v, unsigned n, struct ring *r,
		  unsigned vector);
void virtio_go(struct virtio *v);
void virtio_stop(struct virtio *v);

/* card.c */
struct card {
	struct virtio v;
	struct ring rx, tx;
	uint8_t mac[MAC_LEN];
	int irq;			/* -1: it is polled */
};

void card_start(struct card *c, const struct options *o);
void card_stop(struct card *c);
void card_send(struct card *c, const void *frame, size_t len);
/* The next frame before that time (of nsec), into FRAME_MAX bytes; its length,
 * 0: there was none. */
size_t card_receive(struct card *c, void *frame, int64_t until);

/* ip.c: addresses are in the order of bytes of the host. */
struct host {
	struct card *card;
	uint32_t ip, gateway;
};

int ip_parse(const char *text, uint32_t *ip) must_check;
/* "1.2.3.4", good until the next call */
const char *ip_text(uint32_t ip);
/* Whose card it is; false: nobody answers. */
bool arp(struct host *h, uint32_t ip, uint8_t mac[MAC_LEN]);
/* How many of n echo requests were answered. */
unsigned ping(struct host *h, uint32_t ip, unsigned n);

#endif
