/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As much of the internet as ping needs: ARP (RFC 826), asked and answered, and
 * ICMP echo (RFC 792) in IPv4 without options (RFC 791).  What comes in is
 * checked, and dropped when it is not what is waited for.
 */
#include "net.h"

#define MSEC		1000000l
#define TRIES		3
#define ANSWER_TIME	(1000 * MSEC)
#define PAUSE		200		/* milliseconds between two pings */
#define NET_MASK	0xffffff00u	/* who is on our wire */

#define TYPE_IP		0x0800
#define TYPE_ARP	0x0806
#define ARP_ETHER	1
#define ARP_REQUEST	1
#define ARP_REPLY	2
#define IP_VERSION	0x45		/* 4, and 5 words of header */
#define IP_FRAGMENT	0x3fff		/* more of them, or not the first */
#define TTL		64
#define ICMP		1
#define ECHO_REPLY	0
#define ECHO_REQUEST	8
#define ECHO_DATA	56

/* Numbers of two and four bytes, the highest byte first. */
struct be16 {
	uint8_t b[2];
};
struct be32 {
	uint8_t b[4];
};

struct ether {
	uint8_t to[MAC_LEN], from[MAC_LEN];
	struct be16 type;
};

struct arp_frame {
	struct ether ether;
	struct be16 hard, proto;
	uint8_t hard_len, proto_len;
	struct be16 what;
	uint8_t from_mac[MAC_LEN];
	struct be32 from;
	uint8_t to_mac[MAC_LEN];
	struct be32 to;
};
_Static_assert(sizeof(struct arp_frame) == 42, "RFC 826");

struct echo_frame {
	struct ether ether;
	uint8_t version, service;	/* IP */
	struct be16 len, ip_id, fragment;
	uint8_t ttl, proto;
	struct be16 ip_sum;
	struct be32 from, to;
	uint8_t what, code;		/* ICMP */
	struct be16 sum, id, seq;
	uint8_t data[ECHO_DATA];
};
_Static_assert(sizeof(struct echo_frame) == 42 + ECHO_DATA, "RFC 791, 792");
#define IP_OFF		sizeof(struct ether)
#define IP_HEADER	20u
#define ICMP_OFF	(IP_OFF + IP_HEADER)

static const uint8_t everybody[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };

static struct be16 be16(unsigned v)
{
	return (struct be16){ { (uint8_t)(v >> 8), (uint8_t)v } };
}

static struct be32 be32(uint32_t v)
{
	return (struct be32){ { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
				(uint8_t)(v >> 8), (uint8_t)v } };
}

static unsigned from16(struct be16 v)
{
	return (unsigned)v.b[0] << 8 | v.b[1];
}

static uint32_t from32(struct be32 v)
{
	return (uint32_t)v.b[0] << 24 | (uint32_t)v.b[1] << 16 |
		(uint32_t)v.b[2] << 8 | v.b[3];
}

int ip_parse(const char *text, uint32_t *ip)
{
	char part[4];
	uint64_t n;
	size_t len;

	for (unsigned i = 0; i < 4; i++) {
		len = strcspn(text, ".");
		if (len >= sizeof(part))
			return -1;
		strlcpy(part, text, len + 1);
		if (parse_number(part, 10, 255, &n) < 0 ||
		    text[len] != (i < 3 ? '.' : '\0'))
			return -1;
		*ip = *ip << 8 | (uint32_t)n;
		text += len + 1;
	}
	return 0;
}

const char *ip_text(uint32_t ip)
{
	static char text[16];

	snprint(text, sizeof(text), "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255,
		ip >> 8 & 255, ip & 255);
	return text;
}

/* RFC 1071; of something that holds its own sum it is 0. */
static unsigned checksum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void send_arp(struct host *h, unsigned what, const uint8_t *mac,
		     uint32_t ip)
{
	struct arp_frame f = {
		.ether.type = be16(TYPE_ARP),
		.hard = be16(ARP_ETHER), .proto = be16(TYPE_IP),
		.hard_len = MAC_LEN, .proto_len = 4, .what = be16(what),
		.from = be32(h->ip), .to = be32(ip),
	};

	memcpy(f.ether.to, mac, MAC_LEN);
	memcpy(f.ether.from, h->card->mac, MAC_LEN);
	memcpy(f.from_mac, h->card->mac, MAC_LEN);
	if (what == ARP_REPLY)
		memcpy(f.to_mac, mac, MAC_LEN);
	card_send(h->card, &f, sizeof(f));
}

/* The next frame; whoever asks for our address is answered meanwhile. */
static size_t receive(struct host *h, uint8_t *frame, int64_t until)
{
	const struct arp_frame *f = (const struct arp_frame *)frame;
	size_t len = card_receive(h->card, frame, until);

	if (len >= sizeof(*f) && from16(f->ether.type) == TYPE_ARP &&
	    from16(f->what) == ARP_REQUEST && from32(f->to) == h->ip)
		send_arp(h, ARP_REPLY, f->from_mac, from32(f->from));
	return len;
}

static bool is_arp_answer(const uint8_t *frame, size_t len, uint32_t ip)
{
	const struct arp_frame *f = (const struct arp_frame *)frame;

	return len >= sizeof(*f) && from16(f->ether.type) == TYPE_ARP &&
		from16(f->what) == ARP_REPLY && from32(f->from) == ip;
}

bool arp(struct host *h, uint32_t ip, uint8_t mac[MAC_LEN])
{
	static uint8_t frame[FRAME_MAX];
	const struct arp_frame *f = (const struct arp_frame *)frame;
	int64_t until;
	size_t len;

	for (unsigned n = 0; n < TRIES; n++) {
		send_arp(h, ARP_REQUEST, everybody, ip);
		until = nsec() + ANSWER_TIME;
		while ((len = receive(h, frame, until)) > 0)
			if (is_arp_answer(frame, len, ip)) {
				memcpy(mac, f->from_mac, MAC_LEN);
				return true;
			}
	}
	return false;
}

static struct echo_frame request(const struct host *h, const uint8_t *mac,
				 uint32_t ip, unsigned seq)
{
	struct echo_frame f = {
		.ether.type = be16(TYPE_IP), .version = IP_VERSION,
		.len = be16(sizeof(f) - IP_OFF), .ip_id = be16(seq),
		.ttl = TTL, .proto = ICMP, .from = be32(h->ip), .to = be32(ip),
		.what = ECHO_REQUEST, .id = be16((unsigned)getpid()),
		.seq = be16(seq),
	};

	memcpy(f.ether.to, mac, MAC_LEN);
	memcpy(f.ether.from, h->card->mac, MAC_LEN);
	for (unsigned i = 0; i < ECHO_DATA; i++)
		f.data[i] = (uint8_t)(i + seq);
	f.ip_sum = be16(checksum(&f.version, IP_HEADER));
	f.sum = be16(checksum(&f.what, sizeof(f) - ICMP_OFF));
	return f;
}

/* The answer to what was sent, with the same data, and whole. */
static bool is_answer(const uint8_t *frame, size_t len,
		      const struct echo_frame *sent)
{
	const struct echo_frame *f = (const struct echo_frame *)frame;

	return len >= sizeof(*f) && from16(f->ether.type) == TYPE_IP &&
		f->version == IP_VERSION && f->proto == ICMP &&
		from16(f->len) == sizeof(*f) - IP_OFF &&
		!(from16(f->fragment) & IP_FRAGMENT) &&
		!memcmp(&f->from, &sent->to, sizeof(f->from)) &&
		!memcmp(&f->to, &sent->from, sizeof(f->to)) &&
		f->what == ECHO_REPLY && f->code == 0 &&
		!memcmp(&f->id, &sent->id, sizeof(*f) - ICMP_OFF - 4) &&
		checksum(&f->version, IP_HEADER) == 0 &&
		checksum(&f->what, sizeof(*f) - ICMP_OFF) == 0;
}

/* Nanoseconds until it was answered; -1: it was not. */
static int64_t echo(struct host *h, const struct echo_frame *f)
{
	static uint8_t frame[FRAME_MAX];
	int64_t start = nsec();
	size_t len;

	card_send(h->card, f, sizeof(*f));
	while ((len = receive(h, frame, start + ANSWER_TIME)) > 0)
		if (is_answer(frame, len, f))
			return nsec() - start;
	return -1;
}

unsigned ping(struct host *h, uint32_t ip, unsigned n)
{
	uint32_t next = (ip ^ h->ip) & NET_MASK ? h->gateway : ip;
	struct echo_frame f;
	uint8_t mac[MAC_LEN];
	unsigned answers = 0;
	int64_t ns;

	if (!arp(h, next, mac))
		fatal("%s: nobody has that address", ip_text(next));
	for (unsigned seq = 1; seq <= n; seq++) {
		f = request(h, mac, ip, seq);
		ns = echo(h, &f);
		answers += ns >= 0;
		if (ns >= 0)
			print("%s: answer %u in %ld us\n", ip_text(ip), seq,
			      ns / 1000);
		else
			print("%s: no answer %u\n", ip_text(ip), seq);
		if (seq < n)
			sleep_ms(PAUSE);
	}
	return answers;
}
