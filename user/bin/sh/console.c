/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: lines edited in raw mode, and the note group that Ctrl-C
 * interrupts.  Raw mode lasts while a line is typed; no more than that line
 * is read, the rest may be meant for the command.
 */
#include "lineedit.h"
#include "sh.h"

static char shown[256];
static size_t shown_len;

static void flush(void)
{
	/* There is no better place to complain about a lost console. */
	if (writeall(2, shown, shown_len) < 0)
		exit(1);
	shown_len = 0;
}

static void emit(const char *bytes, size_t n)
{
	for (; n > 0; n--) {
		if (shown_len == sizeof(shown))
			flush();
		shown[shown_len++] = *bytes++;
	}
}

static struct lineedit edit = { .emit = emit };

bool is_console(int fd)
{
	struct dir d;

	return fstat(fd, &d) == 0 && strcmp(d.dev, "cons") == 0 &&
	       strcmp(d.name, "cons") == 0;
}

bool may_control(void)
{
	int fd = open("#cons/consctl", OWRITE);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

void give_console(int group)
{
	char text[32];

	snprint(text, sizeof(text), "fg %d", group);
	if (writefile("#cons/consctl", text) < 0)
		warn("#cons/consctl: %r");
}

/* The file that keeps the console raw as long as it is open; -1: failed. */
static int begin_raw(void)
{
	int fd = open("#cons/consctl", OWRITE);

	if (fd >= 0 && write(fd, "rawon", 5) != 5) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* false: the console is gone */
static bool read_event(enum edit_event *event)
{
	char c;
	long n = read(0, &c, 1);

	if (n == 1)
		*event = edit_byte(&edit, c);
	else if (n < 0 && take_interrupt())
		*event = edit_drop(&edit);
	else
		return false;
	flush();
	return true;
}

static bool edit_line(enum edit_event *event)
{
	int raw = begin_raw();
	bool there = true;

	if (raw < 0)
		fatal("#cons/consctl: %r");
	take_interrupt();	/* it was for what has ended */
	edit_begin(&edit, "$ ");
	flush();
	if (!edit.line)
		fatal("out of memory");
	do
		there = read_event(event);
	while (there && *event == EDIT_MORE);
	close(raw);
	return there;
}

char *console_line(void)
{
	enum edit_event event = EDIT_END;

	while (edit_line(&event)) {
		if (event == EDIT_LINE)
			return edit.line;
		if (event == EDIT_DROPPED)
			continue;
		fprint(2, "\n");
		if (!shell.login)
			return NULL;
		fprint(2, "This shell stays; shutdown turns the machine "
			  "off.\n");
	}
	return NULL;
}
