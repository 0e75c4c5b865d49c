/* SPDX-License-Identifier: BSD-2-Clause */
/* Editing a line (see lineedit.h). */
#include <stdlib.h>
#include <string.h>
#include "lineedit.h"

#define CTRL(letter) ((letter) & 0x1f)

static void emit(struct lineedit *e, const char *text)
{
	e->emit(text, strlen(text));
}

/* UTF-8: the first byte of a character takes a column, further ones none. */
static bool is_further(char c)
{
	return (c & 0xc0) == 0x80;
}

static size_t columns(const char *p, size_t n)
{
	size_t count = 0;

	for (; n > 0; n--)
		count += !is_further(*p++);
	return count;
}

static void emit_times(struct lineedit *e, char c, size_t n)
{
	for (; n > 0; n--)
		e->emit(&c, 1);
}

static void move_to(struct lineedit *e, size_t to)
{
	if (to > e->at)
		e->emit(e->line + e->at, to - e->at);
	else
		emit_times(e, '\b', columns(e->line + to, e->at - to));
	e->at = to;
}

static size_t before(const struct lineedit *e)
{
	size_t to = e->at;

	if (to > 0)
		to--;
	while (to > 0 && is_further(e->line[to]))
		to--;
	return to;
}

static size_t behind(const struct lineedit *e)
{
	size_t to = e->at;

	if (to < e->len)
		to++;
	while (to < e->len && is_further(e->line[to]))
		to++;
	return to;
}

static size_t word_before(const struct lineedit *e)
{
	size_t to = e->at;

	while (to > 0 && e->line[to - 1] == ' ')
		to--;
	while (to > 0 && e->line[to - 1] != ' ')
		to--;
	return to;
}

static bool make_room(struct lineedit *e, size_t len)
{
	size_t size = e->size ? e->size : 128;
	char *more;

	while (size <= len)
		size *= 2;
	if (size == e->size)
		return true;
	more = realloc(e->line, size);
	if (!more)
		return false;
	e->line = more;
	e->size = size;
	return true;
}

static void insert(struct lineedit *e, char c)
{
	char *p;
	size_t tail = e->len - e->at;

	if (!make_room(e, e->len + 1)) {
		emit(e, "\a");
		return;
	}
	p = e->line + e->at;
	memmove(p + 1, p, tail + 1);
	*p = c;
	e->len++;
	e->at++;
	e->emit(p, tail + 1);
	emit_times(e, '\b', columns(p + 1, tail));
}

/* Removes the n bytes at the cursor. */
static void delete_here(struct lineedit *e, size_t n)
{
	char *p = e->line + e->at;
	size_t tail = e->len - e->at - n;
	size_t gone = columns(p, n);

	memmove(p, p + n, tail + 1);
	e->len -= n;
	e->emit(p, tail);
	emit_times(e, ' ', gone);
	emit_times(e, '\b', gone + columns(p, tail));
}

static void delete_from(struct lineedit *e, size_t from)
{
	size_t n = e->at - from;

	move_to(e, from);
	delete_here(e, n);
}

static void show_line(struct lineedit *e, const char *text)
{
	size_t len = strlen(text);

	if (!make_room(e, len))
		return;
	move_to(e, 0);
	delete_here(e, e->len);
	memcpy(e->line, text, len + 1);
	e->len = len;
	move_to(e, len);
}

static void show_older(struct lineedit *e)
{
	if (e->shown == 0)
		return;
	if (e->shown == e->lines) {
		free(e->draft);
		e->draft = strdup(e->line);
	}
	e->shown--;
	show_line(e, e->history[e->shown]);
}

static void show_newer(struct lineedit *e)
{
	if (e->shown == e->lines)
		return;
	e->shown++;
	if (e->shown < e->lines)
		show_line(e, e->history[e->shown]);
	else
		show_line(e, e->draft ? e->draft : "");
}

static void remember(struct lineedit *e)
{
	char *copy;

	if (e->len == 0 ||
	    (e->lines > 0 && !strcmp(e->history[e->lines - 1], e->line)))
		return;
	copy = strdup(e->line);
	if (!copy)
		return;
	if (e->lines == HISTORY) {
		free(e->history[0]);
		e->lines--;
		memmove(e->history, e->history + 1,
			e->lines * sizeof(e->history[0]));
	}
	e->history[e->lines++] = copy;
}

static void clear_screen(struct lineedit *e)
{
	size_t at = e->at;

	emit(e, "\033[H\033[2J");
	emit(e, e->prompt);
	e->at = 0;
	move_to(e, e->len);
	move_to(e, at);
}

static enum edit_event finish(struct lineedit *e)
{
	move_to(e, e->len);
	emit(e, "\n");
	remember(e);
	return EDIT_LINE;
}

enum edit_event edit_drop(struct lineedit *e)
{
	move_to(e, e->len);
	emit(e, "^C\n");
	return EDIT_DROPPED;
}

static void to_begin(struct lineedit *e)
{
	move_to(e, 0);
}

static void to_end(struct lineedit *e)
{
	move_to(e, e->len);
}

static void to_left(struct lineedit *e)
{
	move_to(e, before(e));
}

static void to_right(struct lineedit *e)
{
	move_to(e, behind(e));
}

static void delete_char(struct lineedit *e)
{
	delete_here(e, behind(e) - e->at);
}

static void delete_char_before(struct lineedit *e)
{
	delete_from(e, before(e));
}

static void delete_word_before(struct lineedit *e)
{
	delete_from(e, word_before(e));
}

static void delete_all_before(struct lineedit *e)
{
	delete_from(e, 0);
}

static void delete_all_behind(struct lineedit *e)
{
	delete_here(e, e->len - e->at);
}

static void begin_escape(struct lineedit *e)
{
	e->state = KEY_ESCAPE;
}

static void insert_blank(struct lineedit *e)
{
	insert(e, ' ');
}

static const struct key {
	char byte;
	void (*press)(struct lineedit *e);
} keys[] = {
	{ CTRL('A'), to_begin },
	{ CTRL('B'), to_left },
	{ CTRL('D'), delete_char },
	{ CTRL('E'), to_end },
	{ CTRL('F'), to_right },
	{ CTRL('H'), delete_char_before },
	{ CTRL('I'), insert_blank },
	{ CTRL('K'), delete_all_behind },
	{ CTRL('L'), clear_screen },
	{ CTRL('N'), show_newer },
	{ CTRL('P'), show_older },
	{ CTRL('U'), delete_all_before },
	{ CTRL('W'), delete_word_before },
	{ CTRL('['), begin_escape },
	{ 0x7f, delete_char_before },
	{ 0 },
};

/* By the last byte of an escape sequence, or the number before a ~. */
static const struct key sequences[] = {
	{ 'A', show_older },
	{ 'B', show_newer },
	{ 'C', to_right },
	{ 'D', to_left },
	{ 'F', to_end },
	{ 'H', to_begin },
	{ 1, to_begin },
	{ 3, delete_char },
	{ 4, to_end },
	{ 7, to_begin },
	{ 8, to_end },
	{ 0 },
};

static bool press(struct lineedit *e, const struct key *k, char byte)
{
	while (k->press && k->byte != byte)
		k++;
	if (k->press)
		k->press(e);
	return k->press;
}

static void escape_byte(struct lineedit *e, char c)
{
	unsigned n;

	if (e->state == KEY_ESCAPE) {
		e->number = 0;
		e->state = c == '[' || c == 'O' ? KEY_SEQUENCE : KEY_PLAIN;
	} else if (c >= '0' && c <= '9') {
		n = e->number * 10 + (unsigned)(c - '0');
		e->number = n < 100 ? n : 99;
	} else if (c >= '@') {
		e->state = KEY_PLAIN;
		press(e, sequences, c == '~' ? (char)e->number : c);
	}
}

static void edit_key(struct lineedit *e, char c)
{
	if (!press(e, keys, c) && (unsigned char)c >= ' ')
		insert(e, c);
}

void edit_begin(struct lineedit *e, const char *prompt)
{
	if (make_room(e, 0))
		e->line[0] = '\0';
	e->len = e->at = 0;
	e->shown = e->lines;
	e->state = KEY_PLAIN;
	e->prompt = prompt;
	emit(e, prompt);
}

enum edit_event edit_byte(struct lineedit *e, char c)
{
	bool half_return = e->after_return && c == '\n';

	e->after_return = c == '\r';
	if (half_return || !e->line)
		return EDIT_MORE;
	if (c == '\r' || c == '\n')
		return finish(e);
	if (c == CTRL('C'))
		return edit_drop(e);
	if (c == CTRL('D') && e->len == 0)
		return EDIT_END;
	if (e->state == KEY_PLAIN)
		edit_key(e, c);
	else
		escape_byte(e, c);
	return EDIT_MORE;
}

void edit_free(struct lineedit *e)
{
	for (size_t i = 0; i < e->lines; i++)
		free(e->history[i]);
	free(e->draft);
	free(e->line);
}
