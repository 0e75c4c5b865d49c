/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial port (16550 data sheet): a sink for the console, and a keyboard.
 * Input stops being taken while nobody reads, so that the sender waits and
 * nothing is lost.
 */
#include <config.h>
#include <irq.h>
#include <lock.h>
#include <log.h>
#include <start.h>
#include <tty.h>
#include <x86.h>

#define DATA	(CONFIG_SERIAL_PORT + 0)
#define IER	(CONFIG_SERIAL_PORT + 1)
#define FCR	(CONFIG_SERIAL_PORT + 2)
#define LCR	(CONFIG_SERIAL_PORT + 3)
#define MCR	(CONFIG_SERIAL_PORT + 4)
#define LSR	(CONFIG_SERIAL_PORT + 5)
#define SCRATCH	(CONFIG_SERIAL_PORT + 7)

#define IER_RX		0x01
#define FCR_ON		0x07	/* on, both FIFOs cleared */
#define LCR_8N1		0x03
#define LCR_DLAB	0x80
#define MCR_ON		0x0b	/* DTR, RTS, interrupt line */
#define LSR_RX		0x01
#define LSR_TX_EMPTY	0x20
#define FIFO_SIZE	16
#define TX_POLLS	100000	/* tens of milliseconds */

static bool present;
static struct spinlock rx = SPINLOCK("serial input");

static bool tx_ready(void)
{
	for (unsigned i = 0; i < TX_POLLS; i++)
		if (inb(LSR) & LSR_TX_EMPTY)
			return true;
	return false;
}

/* A port that takes nothing loses its output; the machine goes on. */
static void serial_write(const char *s, size_t n)
{
	unsigned room = 0;

	for (; n; s++, n--) {
		if (room < 2) {
			if (!tx_ready())
				return;
			room = FIFO_SIZE;
		}
		if (*s == '\n') {
			outb(DATA, '\r');
			room--;
		}
		outb(DATA, (uint8_t)*s);
		room--;
	}
}

/* SeaBIOS leaves terminals that cut long lines off instead of wrapping them. */
#define WRAP_LINES	"\33[?7h"

static struct sink sink = { .name = "serial", .write = serial_write };

void serial_init(void)
{
	outb(SCRATCH, 0xa5);
	present = inb(SCRATCH) == 0xa5;
	if (!present)
		return;
	outb(IER, 0);
	outb(LCR, LCR_DLAB);
	outb(DATA, 1);		/* 115200 baud */
	outb(IER, 0);
	outb(LCR, LCR_8N1);
	outb(FCR, FCR_ON);
	outb(MCR, MCR_ON);
	serial_write(WRAP_LINES, sizeof(WRAP_LINES) - 1);
	sink_register(&sink);
}

/* Takes what there is room for; without room the interrupt stays off. */
static void drain(void)
{
	spin_lock(&rx);
	while (tty_room() && (inb(LSR) & LSR_RX)) {
		char c = (char)inb(DATA);

		spin_unlock(&rx);
		tty_input(c);
		spin_lock(&rx);
	}
	outb(IER, tty_room() ? IER_RX : 0);
	spin_unlock(&rx);
}

static void serial_interrupt(void *unused)
{
	(void)unused;
	drain();
}

static void resume(void)
{
	if (!(inb(IER) & IER_RX))
		drain();
}

void serial_start_input(void)
{
	static struct tty_source source = { .resume = resume };
	int vector;

	if (!present || sink.off)
		return;
	vector = irq_alloc(serial_interrupt, NULL, "serial");
	if (vector < 0 || irq_route_isa(CONFIG_SERIAL_IRQ, vector) < 0) {
		klog(LOG_ERROR, "serial: no interrupt, no input");
		return;
	}
	tty_add_source(&source);
	outb(IER, IER_RX);
}
