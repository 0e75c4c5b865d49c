/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Editing a line, a byte at a time: what was typed goes in, what the terminal
 * is to show comes out through emit.  Pure, also compiled for the host.
 *
 * Whatever is shown is made of the line's own characters, backspaces and
 * blanks; typing at the end of a line shows what is typed and nothing else.
 */
#ifndef LINEEDIT_H
#define LINEEDIT_H

#include <stdbool.h>
#include <stddef.h>

enum { HISTORY = 100 };

enum edit_event {
	EDIT_MORE,	/* go on */
	EDIT_LINE,	/* e->line is what was typed */
	EDIT_DROPPED,	/* Ctrl-C */
	EDIT_END,	/* Ctrl-D with nothing else on the line */
};

struct lineedit {
	char *line;			/* ends with a NUL */
	size_t len, at, size;		/* at: the cursor's place */
	char *history[HISTORY];		/* the oldest first */
	size_t lines, shown;		/* shown == lines: the new line */
	char *draft;			/* it, while an older one is shown */
	enum { KEY_PLAIN, KEY_ESCAPE, KEY_SEQUENCE } state;
	unsigned number;		/* in an escape sequence */
	bool after_return;		/* ignore the newline in "\r\n" */
	const char *prompt;
	void (*emit)(const char *bytes, size_t n);
};

/* Shows the prompt.  The fields not named above start as 0. */
void edit_begin(struct lineedit *e, const char *prompt);
enum edit_event edit_byte(struct lineedit *e, char c);
/* What Ctrl-C does, when it comes as a note and not as a byte. */
enum edit_event edit_drop(struct lineedit *e);
void edit_free(struct lineedit *e);

#endif
