/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net [OPTION...] info | arp ADDR | ping ADDR
 *
 *	info	the card and its addresses
 *	arp	whose card has that address
 *	ping	echo requests, and how many were answered; fails if none was
 *
 *	-c COUNT	of ping's requests; else 3
 *	-a ADDR		our address; else 10.0.2.15, which is QEMU's first
 *	-g ADDR		where all goes that is not in our network, which has 256
 *			addresses; else 10.0.2.2
 *	-d BUS:DEV.FN	the device; else the first one there is
 *	-p		polling
 *	-u		take the device though it cannot be reset after its last
 *			owner
 */
#include "net.h"

#define ADDR(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static const char form[] =
	"[-d BUS:DEV.FN] [-p] [-u] [-a ADDR] [-g ADDR]\n"
	"           info | arp ADDR | [-c COUNT] ping ADDR";

static struct card card;
static struct host host = {
	.card = &card, .ip = ADDR(10, 0, 2, 15), .gateway = ADDR(10, 0, 2, 2),
};
static struct options options = { .words = "" };
static uint64_t count = 3;

static uint32_t address(const char *text)
{
	uint32_t ip;

	if (ip_parse(text, &ip) < 0)
		fatal("%s: not an address such as 10.0.2.2", text);
	return ip;
}

static void print_mac(const char *before, const uint8_t *mac)
{
	print("%s%02x:%02x:%02x:%02x:%02x:%02x\n", before, mac[0], mac[1],
	      mac[2], mac[3], mac[4], mac[5]);
}

static bool option_with(char letter, const char *text)
{
	if (!text)
		return false;
	switch (letter) {
	case 'd':
		options.bdf = text;
		return true;
	case 'a':
		host.ip = address(text);
		return true;
	case 'g':
		host.gateway = address(text);
		return true;
	case 'c':
		return parse_number(text, 10, 1000000, &count) >= 0;
	}
	return false;
}

/* Takes the options out, wherever they stand; how many words are left. */
static unsigned parse(char **argv, char **words, unsigned max)
{
	unsigned n = 0;

	for (char **arg = argv + 1; *arg; arg++) {
		if (!strcmp(*arg, "-p"))
			options.polled = true;
		else if (!strcmp(*arg, "-u"))
			options.words = "unsafe";
		else if (**arg != '-' && n < max)
			words[n++] = *arg;
		else if (**arg != '-' || strlen(*arg) != 2 ||
			 !option_with((*arg)[1], arg[1]))
			usage(form);
		else
			arg++;
	}
	return n;
}

static void info(void)
{
	print("device %s\n", card.v.bdf);
	print_mac("mac ", card.mac);
	print("address %s\n", ip_text(host.ip));
	print("gateway %s\n", ip_text(host.gateway));
	print("interrupts %s\n", card.irq < 0 ? "no" : "yes");
}

static void run_arp(uint32_t ip)
{
	uint8_t mac[MAC_LEN];

	if (!arp(&host, ip, mac))
		fatal("%s: nobody has that address", ip_text(ip));
	print_mac("", mac);
}

static unsigned run_ping(uint32_t ip)
{
	unsigned answers = ping(&host, ip, (unsigned)count);

	print("%u of %lu answers\n", answers, count);
	return answers;
}

int main(int argc, char **argv)
{
	char *words[2] = { "", "" };
	unsigned n = parse(argv, words, ARRAY_SIZE(words));
	bool pings = !strcmp(words[0], "ping"), arps = !strcmp(words[0], "arp");
	uint32_t ip = 0;
	bool good = true;

	(void)argc;
	if (n != (pings || arps ? 2 : 1) ||
	    (!pings && !arps && strcmp(words[0], "info")))
		usage(form);
	if (n == 2)
		ip = address(words[1]);
	drv_show_faults();
	card_start(&card, &options);
	if (pings)
		good = run_ping(ip) > 0 || !count;
	else if (arps)
		run_arp(ip);
	else
		info();
	card_stop(&card);
	return !good;
}
