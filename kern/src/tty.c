/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal (tty.h).
 *
 * Lock order: tty.lock, then the log's (for echo), then procs' (Ctrl-C).
 */
#include <error.h>
#include <lock.h>
#include <log.h>
#include <proc.h>
#include <string.h>
#include <tty.h>

#define TYPED_SIZE	4096
#define LINE_SIZE	1024
#define WRITE_AT_ONCE	256

#define CTRL(c)		((c) & 0x1f)
#define DELETE		0x7f

static struct {
	struct spinlock lock;
	struct waitq q;
	char typed[TYPED_SIZE];
	unsigned head, tail;	/* count on; bytes are at % TYPED_SIZE */
	char line[LINE_SIZE];	/* being made, or made and being read */
	unsigned len, used;
	bool made, eof;		/* the line is whole; it ends the file */
	bool raw;
	int foreground;
	struct list sources;	/* appended to, at boot */
} tty = {
	.lock = SPINLOCK("tty"),
	.q = WAITQ(tty.q, "tty readers"),
	.sources = LIST_INIT(tty.sources),
};

void tty_add_source(struct tty_source *s)
{
	spin_lock(&tty.lock);
	list_append(&tty.sources, &s->link);
	spin_unlock(&tty.lock);
}

bool tty_room(void)
{
	return READ_ONCE(tty.head) - READ_ONCE(tty.tail) < TYPED_SIZE;
}

void tty_write(const char *s, size_t n)
{
	size_t step;

	for (; n; s += step, n -= step) {
		step = MIN(n, (size_t)WRITE_AT_ONCE);
		sinks_write(s, step);
	}
}

static void echo(const char *s)
{
	sinks_write(s, strlen(s));
}

/* All that was typed up to there is dropped. */
static void interrupt(unsigned up_to)
{
	tty.tail = up_to;
	tty.len = tty.used = 0;
	tty.made = false;
	echo("^C\n");
}

void tty_input(char c)
{
	int group = 0;

	spin_lock(&tty.lock);
	if (c == CTRL('c') && !tty.raw) {
		interrupt(tty.head);
		group = tty.foreground;
	} else if (tty_room()) {
		tty.typed[tty.head++ % TYPED_SIZE] = c;
	}
	spin_unlock(&tty.lock);
	if (group)
		(void)note_post_group(group, EVE, "interrupt");
	wake_all(&tty.q);
}

static void erase(unsigned n)
{
	while (n-- && tty.len) {
		tty.len--;
		echo("\b \b");
	}
}

static void add_to_line(char c)
{
	char shown[2] = { c, '\0' };

	if (tty.len == LINE_SIZE - 1 && c != '\n')
		return;
	tty.line[tty.len++] = c;
	echo(shown);
	tty.made = c == '\n';
}

/* One typed byte into the line. */
static void cook(char c)
{
	switch (c) {
	case '\r':
		add_to_line('\n');
		break;
	case '\b':
	case DELETE:
		erase(1);
		break;
	case CTRL('u'):
		erase(tty.len);
		break;
	case CTRL('d'):
		tty.made = true;
		tty.eof = tty.len == 0;
		break;
	default:
		add_to_line(c);
	}
}

/* What can be read now, at most n bytes; true: something, or end of file. */
static bool take(char *to, size_t n, size_t *got)
{
	struct tty_source *s;
	bool ended;

	*got = 0;
	spin_lock(&tty.lock);
	while (!tty.raw && !tty.made && tty.tail != tty.head)
		cook(tty.typed[tty.tail++ % TYPED_SIZE]);
	if (tty.made || tty.raw)
		while (*got < n && tty.used < tty.len)
			to[(*got)++] = tty.line[tty.used++];
	while (tty.raw && *got < n && tty.tail != tty.head)
		to[(*got)++] = tty.typed[tty.tail++ % TYPED_SIZE];
	ended = tty.made && tty.eof;
	if (tty.used == tty.len && (tty.made || tty.raw)) {
		tty.used = tty.len = 0;
		tty.made = tty.eof = false;
	}
	spin_unlock(&tty.lock);
	list_for_each(s, &tty.sources, link)
		s->resume();
	return *got || ended || !n;
}

ssize_t tty_read(void *buf, size_t n)
{
	size_t got;
	int err = wait_until(&tty.q, take(buf, n, &got), NO_DEADLINE);

	return err ? err : (ssize_t)got;
}

bool tty_readable(struct waitq **q)
{
	size_t got;

	*q = &tty.q;
	(void)take(NULL, 0, &got);	/* makes the line, if there is one */
	return tty.used < tty.len ? tty.made || tty.raw :
		tty.raw && tty.head != tty.tail;
}

/* A Ctrl-C that was typed while raw, and that nobody has read as a byte, acts
 * when raw mode ends: it was meant for what comes now. */
void tty_set_raw(bool raw)
{
	int group = 0;
	unsigned at;

	spin_lock(&tty.lock);
	tty.raw = raw;
	for (at = tty.head; !raw && at != tty.tail; at--)
		if (tty.typed[(at - 1) % TYPED_SIZE] == CTRL('c')) {
			interrupt(at);
			group = tty.foreground;
			break;
		}
	spin_unlock(&tty.lock);
	if (group)
		(void)note_post_group(group, EVE, "interrupt");
	wake_all(&tty.q);
}

void tty_set_foreground(int group)
{
	spin_lock(&tty.lock);
	tty.foreground = group;
	spin_unlock(&tty.lock);
}
