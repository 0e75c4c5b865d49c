/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PS/2 keyboard (8042 data sheet; scan codes of set 1, into which the
 * controller translates), with the US layout.  What a key says is passed to the
 * terminal as a serial terminal would send it.  As on the serial port, input
 * stops being taken while nobody reads.
 *
 * Lock order: keys.lock, then the terminal's.
 */
#include <irq.h>
#include <lock.h>
#include <log.h>
#include <start.h>
#include <timer.h>
#include <tty.h>
#include <x86.h>

#define DATA		0x60
#define STATUS		0x64
#define COMMAND		0x64
#define KEYBOARD_IRQ	1

#define STATUS_OUT	0x01	/* there is a byte for us */
#define STATUS_IN	0x02	/* ours has not been taken yet */
#define STATUS_MOUSE	0x20	/* the byte is the mouse's */
#define NOTHING_THERE	0xff

#define READ_CONFIG	0x20
#define WRITE_CONFIG	0x60
#define MOUSE_OFF	0xa7
#define KEYBOARD_OFF	0xad
#define KEYBOARD_ON	0xae
#define CONFIG_IRQ	0x01
#define CONFIG_MOUSE_IRQ 0x02
#define CONFIG_KEYBOARD_OFF 0x10
#define CONFIG_TRANSLATE 0x40
#define START_SCANNING	0xf4	/* to the keyboard itself */

#define PATIENCE	(100 * NSEC_PER_MSEC)
#define MOST_LEFT	64	/* bytes that may wait from before */

#define RELEASED	0x80	/* in a scan code */
#define EXTENDED	0xe0	/* a code of another set of keys follows */
#define PAUSE		0xe1	/* two bytes follow */
#define KEY_CTRL	0x1d
#define KEY_LEFT_SHIFT	0x2a
#define KEY_RIGHT_SHIFT	0x36
#define KEY_CAPS_LOCK	0x3a

static const char plain[] =
	"\0\0331234567890-=\177\t"	/* from 00 */
	"qwertyuiop[]\r\0as"		/* from 10: Enter is 1c, Ctrl 1d */
	"dfghjkl;'`\0\\zxcv"		/* from 20: shift is 2a */
	"bnm,./\0*\0 \0\0\0\0\0\0"	/* from 30: shift, keypad *, Alt, ... */
	"\0\0\0\0\0\0\0" "789-456+1"	/* from 40: F6 ..., the keypad */
	"230.\0\0\\";
static const char shifted[] =
	"\0\033!@#$%^&*()_+\177\t"
	"QWERTYUIOP{}\r\0AS"
	"DFGHJKL:\"~\0|ZXCV"
	"BNM<>?\0*\0 \0\0\0\0\0\0"
	"\0\0\0\0\0\0\0" "789-456+1"
	"230.\0\0|";
_Static_assert(sizeof(plain) == 0x58 && sizeof(shifted) == 0x58, "up to 56");

static const struct {
	uint8_t code;
	const char *says;
} extended[] = {
	{ 0x1c, "\r" }, { 0x35, "/" }, { 0x47, "\33[H" }, { 0x48, "\33[A" },
	{ 0x49, "\33[5~" }, { 0x4b, "\33[D" }, { 0x4d, "\33[C" },
	{ 0x4f, "\33[F" }, { 0x50, "\33[B" }, { 0x51, "\33[6~" },
	{ 0x52, "\33[2~" }, { 0x53, "\33[3~" },
};

static struct {
	struct spinlock lock;
	bool extended;		/* the last byte was EXTENDED */
	unsigned skip;		/* bytes that mean nothing */
	unsigned shift, ctrl;	/* a bit for each such key that is down */
	bool caps_lock;
	char one[2];
	const char *says;	/* what has not been passed on yet */
} keys = { .lock = SPINLOCK("keyboard"), .says = "" };

static void modifier(unsigned *which, unsigned bit, bool down)
{
	*which = down ? *which | bit : *which & ~bit;
}

/* What a key of the main block says. */
static const char *letter(uint8_t code)
{
	bool up = keys.shift;
	char c;

	if (code >= sizeof(plain) - 1)
		return "";
	c = plain[code];
	if (c >= 'a' && c <= 'z')
		up ^= keys.caps_lock;
	if (up)
		c = shifted[code];
	if (keys.ctrl && c >= '@' && c < '\177')
		c &= 0x1f;
	keys.one[0] = c;
	return keys.one;
}

static const char *extended_key(uint8_t code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(extended); i++)
		if (extended[i].code == code)
			return extended[i].says;
	return "";
}

/* A key, and whether it went down or up; what that says. */
static const char *key(uint8_t code, bool down, bool is_extended)
{
	if (code == KEY_CTRL) {
		modifier(&keys.ctrl, 1u << is_extended, down);
		return "";
	}
	if (is_extended)	/* shifts of this kind are not the user's */
		return down ? extended_key(code) : "";
	if (code == KEY_LEFT_SHIFT || code == KEY_RIGHT_SHIFT) {
		modifier(&keys.shift, 1u << (code == KEY_RIGHT_SHIFT), down);
		return "";
	}
	if (code == KEY_CAPS_LOCK && down)
		keys.caps_lock = !keys.caps_lock;
	return down ? letter(code) : "";
}

static const char *decode(uint8_t byte)
{
	bool is_extended = keys.extended;

	keys.extended = byte == EXTENDED;
	if (byte == EXTENDED)
		return "";
	if (byte == PAUSE) {
		keys.skip = 2;
		return "";
	}
	if (keys.skip) {
		keys.skip--;
		return "";
	}
	return key(byte & ~RELEASED & 0xff, !(byte & RELEASED), is_extended);
}

/* Passes on what there is room for; the rest stays here and in the keyboard. */
static void drain(void)
{
	uint8_t status, byte;

	spin_lock(&keys.lock);
	for (;;) {
		while (*keys.says && tty_room())
			tty_input(*keys.says++);
		status = inb(STATUS);
		if (*keys.says || !(status & STATUS_OUT) ||
		    status == NOTHING_THERE)
			break;
		byte = inb(DATA);
		if (!(status & STATUS_MOUSE))
			keys.says = decode(byte);
	}
	spin_unlock(&keys.lock);
}

static void keyboard_interrupt(void *unused)
{
	(void)unused;
	drain();
}

/* Until a bit of the status is as it should be; false: it never was. */
static bool status_becomes(uint8_t bit, bool set)
{
	uint64_t end = nsec() + PATIENCE;

	while (!(inb(STATUS) & bit) == set && nsec() < end)
		cpu_relax();
	return !(inb(STATUS) & bit) != set;
}

static bool send(uint16_t port, uint8_t byte)
{
	if (!status_becomes(STATUS_IN, false))
		return false;
	outb(port, byte);
	return true;
}

static void drop_what_waits(void)
{
	for (unsigned i = 0; i < MOST_LEFT && inb(STATUS) & STATUS_OUT; i++)
		(void)inb(DATA);
}

/* The controller as we want it, whatever the firmware did with it. */
static bool set_up(void)
{
	uint8_t config;

	if (!send(COMMAND, KEYBOARD_OFF) || !send(COMMAND, MOUSE_OFF))
		return false;
	drop_what_waits();
	if (!send(COMMAND, READ_CONFIG) || !status_becomes(STATUS_OUT, true))
		return false;
	config = inb(DATA);
	config |= CONFIG_IRQ | CONFIG_TRANSLATE;
	config &= (uint8_t)~(CONFIG_MOUSE_IRQ | CONFIG_KEYBOARD_OFF);
	return send(COMMAND, WRITE_CONFIG) && send(DATA, config) &&
		send(COMMAND, KEYBOARD_ON);
}

void keyboard_start(void)
{
	static struct tty_source source = { .resume = drain };
	int vector;

	if (!screen_used())
		return;
	if (inb(STATUS) == NOTHING_THERE) {
		klog(LOG_INFO, "keyboard: no PS/2 controller");
		return;
	}
	if (!set_up()) {
		klog(LOG_WARN, "keyboard: the controller does not answer");
		return;
	}
	vector = irq_alloc(keyboard_interrupt, NULL, "keyboard");
	if (vector < 0 || irq_route_isa(KEYBOARD_IRQ, vector) < 0) {
		klog(LOG_ERROR, "keyboard: no interrupt, no input");
		return;
	}
	tty_add_source(&source);
	if (!send(DATA, START_SCANNING))
		klog(LOG_WARN, "keyboard: the controller takes nothing");
	drain();	/* what was there before its interrupt was */
}
