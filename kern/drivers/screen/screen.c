/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A terminal on a framebuffer: cells of text in memory, and a picture of them
 * that is only written, and only where a cell has changed: reading it back
 * would cost more than all else.
 *
 * It knows what the shell and its line editor send, and some more
 * (ECMA-48): BS, HT, LF, CR; cursor moves (CSI A B C D H), erasing (CSI J K),
 * inverse (CSI 7m); other sequences are passed over.  As on a serial terminal
 * with a long line, BS at the left edge goes back to the line above.  A
 * character in UTF-8 takes one cell; all but ASCII look alike.
 *
 * Called by whoever writes to the console, under the log's lock; by a panic,
 * without: indices are therefore checked where they are used.
 */
#include <screen.h>
#include <string.h>

#define MAX_COLS	256
#define MAX_ROWS	128
#define MAX_ARGS	4
#define ARG_LIMIT	9999
#define TAB		8
#define ESC		0x1b
#define BLANK		' '
#define INVERSE		0x80	/* in a cell, beside the character */

static struct {
	struct framebuffer fb;
	uint8_t *pixels;
	unsigned cols, rows;
	unsigned col, row;	/* col == cols: the next character wraps */
	uint8_t inverse;
	enum { TEXT, ESCAPE, SEQUENCE } state;
	unsigned args[MAX_ARGS], nargs;
	bool changed[MAX_ROWS];
	uint8_t cells[MAX_ROWS][MAX_COLS];
	uint8_t shown[MAX_ROWS][MAX_COLS];
} screen;

static void set_pixel(uint8_t *at, uint32_t value)
{
	if (screen.fb.bytes == 4)
		__builtin_memcpy(at, &value, 4);
	else
		__builtin_memcpy(at, &value, 3);
}

static void paint_cell(unsigned row, unsigned col, uint8_t cell)
{
	const uint8_t *bits = font[(cell & ~INVERSE) - FONT_FIRST];
	uint8_t flip = cell & INVERSE ? 0xff : 0;
	uint8_t *line = screen.pixels +
		(size_t)row * FONT_HEIGHT * screen.fb.pitch +
		(size_t)col * FONT_WIDTH * screen.fb.bytes;

	for (unsigned y = 0; y < FONT_HEIGHT; y++, line += screen.fb.pitch) {
		unsigned pattern = bits[y] ^ flip;

		for (unsigned x = 0; x < FONT_WIDTH; x++, pattern <<= 1)
			set_pixel(line + x * screen.fb.bytes,
				  pattern & 0x80 ? screen.fb.white : 0);
	}
}

static void paint_row(unsigned row)
{
	unsigned cursor = row == screen.row ?
		MIN(screen.col, screen.cols - 1) : screen.cols;
	uint8_t cell;

	for (unsigned col = 0; col < screen.cols; col++) {
		cell = screen.cells[row][col];
		if (col == cursor)
			cell ^= INVERSE;
		if (cell == screen.shown[row][col])
			continue;
		screen.shown[row][col] = cell;
		paint_cell(row, col, cell);
	}
}

static void paint(void)
{
	for (unsigned row = 0; screen.pixels && row < screen.rows; row++)
		if (screen.changed[row]) {
			screen.changed[row] = false;
			paint_row(row);
		}
}

static void clear(unsigned row, unsigned from, unsigned to)
{
	if (from < to)
		memset(&screen.cells[row][from], BLANK, to - from);
	screen.changed[row] = true;
}

static void clear_rows(unsigned from, unsigned to)
{
	for (; from < to; from++)
		clear(from, 0, screen.cols);
}

static void scroll(void)
{
	memmove(screen.cells[0], screen.cells[1],
		(screen.rows - 1) * sizeof(screen.cells[0]));
	clear(screen.rows - 1, 0, screen.cols);
	for (unsigned row = 0; row < screen.rows; row++)
		screen.changed[row] = true;
}

static void go(unsigned row, unsigned col)
{
	screen.changed[screen.row] = true;
	screen.row = MIN(row, screen.rows - 1);
	screen.col = MIN(col, screen.cols - 1);
	screen.changed[screen.row] = true;
}

static void new_line(void)
{
	if (screen.row == screen.rows - 1)
		scroll();
	go(screen.row + 1, 0);
}

static void put(uint8_t c)
{
	if (screen.col >= screen.cols)
		new_line();
	screen.cells[screen.row][screen.col] = c | screen.inverse;
	screen.changed[screen.row] = true;
	screen.col++;
}

static void back(void)
{
	if (screen.col)
		go(screen.row, screen.col - 1);
	else if (screen.row)
		go(screen.row - 1, screen.cols - 1);
}

/* An argument of a sequence; what is not given, and 0, is 1. */
static unsigned count(unsigned n)
{
	return n < screen.nargs && screen.args[n] ? screen.args[n] : 1;
}

static void erase_screen(unsigned how)
{
	unsigned row = screen.row, col = MIN(screen.col, screen.cols - 1);

	if (how == 0) {
		clear(row, col, screen.cols);
		clear_rows(row + 1, screen.rows);
	} else if (how == 1) {
		clear_rows(0, row);
		clear(row, 0, col + 1);
	} else {
		clear_rows(0, screen.rows);
	}
}

static void erase_line(unsigned how)
{
	unsigned col = MIN(screen.col, screen.cols - 1);

	clear(screen.row, how == 0 ? col : 0,
	      how == 1 ? col + 1 : screen.cols);
}

static void render(void)
{
	for (unsigned i = 0; i < screen.nargs; i++)
		if (screen.args[i] == 7)
			screen.inverse = INVERSE;
		else if (screen.args[i] == 0 || screen.args[i] == 27)
			screen.inverse = 0;
}

static void perform(char c)
{
	unsigned row = screen.row, col = MIN(screen.col, screen.cols - 1);
	unsigned n = count(0);

	switch (c) {
	case 'A':
		go(row - MIN(n, row), col);
		break;
	case 'B':
		go(row + n, col);
		break;
	case 'C':
		go(row, col + n);
		break;
	case 'D':
		go(row, col - MIN(n, col));
		break;
	case 'H':
		go(n - 1, count(1) - 1);
		break;
	case 'J':
		erase_screen(screen.args[0]);
		break;
	case 'K':
		erase_line(screen.args[0]);
		break;
	case 'm':
		render();
		break;
	}
}

/* Of a sequence, behind ESC [. */
static void sequence(char c)
{
	unsigned *arg = &screen.args[screen.nargs - 1];

	if (c >= '0' && c <= '9') {
		*arg = MIN(*arg * 10 + (unsigned)(c - '0'), ARG_LIMIT);
	} else if (c == ';') {
		if (screen.nargs < MAX_ARGS)
			screen.nargs++;
	} else if (c >= '@') {
		screen.state = TEXT;
		perform(c);
	}
}

static void control(char c)
{
	switch (c) {
	case '\b':
		back();
		break;
	case '\t':
		go(screen.row, ROUNDUP(screen.col + 1, TAB));
		break;
	case '\n':
		new_line();
		break;
	case '\r':
		go(screen.row, 0);
		break;
	case ESC:
		screen.state = ESCAPE;
		break;
	}
}

static void text(uint8_t c)
{
	if (c < BLANK)
		control((char)c);
	else if (c < FONT_LAST)
		put(c);
	else if (c >= 0xc0)		/* UTF-8: the first of several bytes */
		put(FONT_LAST);
}

static void escape(char c)
{
	screen.state = c == '[' ? SEQUENCE : TEXT;
	screen.nargs = 1;
	memset(screen.args, 0, sizeof(screen.args));
}

void screen_write(const char *s, size_t n)
{
	for (; n; s++, n--)
		if (screen.state == TEXT)
			text((uint8_t)*s);
		else if (screen.state == ESCAPE)
			escape(*s);
		else
			sequence(*s);
	paint();
}

/* All of it is painted anew. */
void screen_move(void *pixels)
{
	screen.pixels = pixels;
	memset(screen.shown, 0, sizeof(screen.shown));
	memset(screen.changed, true, sizeof(screen.changed));
	paint();
}

bool screen_begin(const struct framebuffer *fb, void *pixels)
{
	screen.fb = *fb;
	screen.cols = MIN(fb->width / FONT_WIDTH, MAX_COLS);
	screen.rows = MIN(fb->height / FONT_HEIGHT, MAX_ROWS);
	if (!screen.cols || !screen.rows)
		return false;
	screen.row = screen.col = 0;
	screen.inverse = 0;
	screen.state = TEXT;
	font_init();
	memset(screen.cells, BLANK, sizeof(screen.cells));
	screen_move(pixels);
	return true;
}
