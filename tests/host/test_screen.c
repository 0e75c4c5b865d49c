/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console on a framebuffer: what it paints, in pixels of 24 and 32 bits, is
 * read back by its own letters and compared with what a terminal would show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "screen.h"

enum {
	COLS = 12, ROWS = 4, PADDING = 20,
	WIDTH = COLS * FONT_WIDTH + 5, HEIGHT = ROWS * FONT_HEIGHT + 7,
	UNTOUCHED = 0x5a,
};

static unsigned bytes;			/* of a pixel */
static size_t pitch, len;
static uint8_t *picture;

static bool begin(unsigned pixel_bytes)
{
	struct framebuffer fb = {
		.width = WIDTH, .height = HEIGHT, .bytes = pixel_bytes,
		.white = 0xffffff,
	};

	free(picture);
	bytes = pixel_bytes;
	pitch = WIDTH * bytes + PADDING;
	len = pitch * HEIGHT;
	picture = malloc(len);		/* what is behind it is a finding */
	assert_non_null(picture);
	memset(picture, UNTOUCHED, len);
	fb.pitch = (uint32_t)pitch;
	return screen_begin(&fb, picture);
}

static void show(const char *s)
{
	screen_write(s, strlen(s));
}

static bool lit(size_t x, size_t y)
{
	const uint8_t *p = picture + y * pitch + x * bytes;

	assert_true(p[0] == p[1] && p[0] == p[2]);
	assert_true(p[0] == 0 || p[0] == 0xff);
	return p[0];
}

/* The character of a cell; *inverse: its pixels are turned round. */
static char read_cell(size_t row, size_t col, bool *inverse)
{
	uint8_t bits[FONT_HEIGHT], flipped[FONT_HEIGHT];

	for (size_t y = 0; y < FONT_HEIGHT; y++) {
		bits[y] = 0;
		for (size_t x = 0; x < FONT_WIDTH; x++)
			bits[y] = (uint8_t)(bits[y] << 1 |
				lit(col * FONT_WIDTH + x,
				    row * FONT_HEIGHT + y));
		flipped[y] = (uint8_t)~bits[y];
	}
	for (int c = FONT_FIRST; c <= FONT_LAST; c++) {
		*inverse = !memcmp(font[c - FONT_FIRST], flipped, FONT_HEIGHT);
		if (*inverse || !memcmp(font[c - FONT_FIRST], bits, FONT_HEIGHT))
			return (char)c;
	}
	fail_msg("row %zu, column %zu: no letter", row, col);
	return 0;
}

/* The rows with '|' between and '_' where the cursor is, or what is inverse. */
static const char *shown(void)
{
	static char text[ROWS * (COLS + 1) + 1];
	size_t at = 0, used;
	bool inverse;

	for (size_t row = 0; row < ROWS; row++) {
		used = at;
		for (size_t col = 0; col < COLS; col++) {
			char c = read_cell(row, col, &inverse);

			text[at++] = inverse && c == ' ' ? '_' : c;
			if (inverse || c != ' ')
				used = at;
		}
		at = used;
		text[at++] = '|';
	}
	text[at - 1] = '\0';
	return text;
}

static int setup(void **state)
{
	(void)state;
	assert_true(begin(4));
	return 0;
}

static void blank_at_first(void **state)
{
	(void)state;
	assert_string_equal(shown(), "_|||");
}

static void both_depths(void **state)
{
	(void)state;
	for (unsigned b = 3; b <= 4; b++) {
		assert_true(begin(b));
		show("Hello,\nworld");
		assert_string_equal(shown(), "Hello,|world_||");
	}
}

static void every_letter(void **state)
{
	bool inverse;

	(void)state;
	for (int c = ' '; c < 0x7f; c++) {
		char s[] = { '\033', '[', 'H', (char)c, '\0' };

		show(s);
		assert_int_equal(read_cell(0, 0, &inverse), c);
		assert_false(inverse);
	}
}

/* What surrounds the cells is not painted, nor is what lies between rows. */
static void nothing_beside(void **state)
{
	(void)state;
	show("\033[7m");
	for (int i = 0; i < 3 * COLS * ROWS; i++)
		show("#");
	for (size_t y = 0; y < HEIGHT; y++)
		for (size_t at = y < ROWS * FONT_HEIGHT ?
		     COLS * FONT_WIDTH * bytes : 0; at < pitch; at++)
			assert_int_equal(picture[y * pitch + at], UNTOUCHED);
}

static void wraps_late(void **state)
{
	(void)state;
	show("abcdefghijkl");
	assert_string_equal(shown(), "abcdefghijkl|||");
	show("\n");			/* no empty line */
	assert_string_equal(shown(), "abcdefghijkl|_||");
	show("ABCDEFGHIJKLM");
	assert_string_equal(shown(), "abcdefghijkl|ABCDEFGHIJKL|M_|");
}

static void backspace(void **state)
{
	(void)state;
	show("abc\b\bX");
	show("\033[2;1Habcdefghijklm\b\b\bX");
	assert_string_equal(shown(), "aXc|abcdefghijXl|m|");
	show("\033[H\b\bY");		/* nothing is before that */
	assert_string_equal(shown(), "YXc|abcdefghijXl|m|");
}

static void scrolls(void **state)
{
	(void)state;
	show("1\n2\n3\n4");
	assert_string_equal(shown(), "1|2|3|4_");
	show("\n5");
	assert_string_equal(shown(), "2|3|4|5_");
	show("6789012345678");
	assert_string_equal(shown(), "3|4|567890123456|78_");
}

static void tabs(void **state)
{
	(void)state;
	show("a\tb\tc");		/* the second stops at the edge */
	assert_string_equal(shown(), "a       b  c|||");
}

static void cursor_moves(void **state)
{
	(void)state;
	show("\033[2;3Hx\033[Ay\033[2Dz\033[9B\033[99Cw");
	assert_string_equal(shown(), "  zy|  x||           w");
	show("\033[99A\033[99D*");
	assert_string_equal(shown(), "*_zy|  x||           w");
	show("\033[0;0Ha\033[H\033[C\033[99;99Hq\rp");
	assert_string_equal(shown(), "a zy|  x||p_         q");
}

static void erases(void **state)
{
	(void)state;
	show("aaaa\nbbbb\ncccc\ndddd\033[2;3H\033[K");
	assert_string_equal(shown(), "aaaa|bb_|cccc|dddd");
	show("\033[3;2H\033[1K");
	assert_string_equal(shown(), "aaaa|bb| _cc|dddd");
	show("\033[J");
	assert_string_equal(shown(), "aaaa|bb| _|");
	show("\033[1J\033[4;1Hx\033[2K");
	assert_string_equal(shown(), "|||" " _");
	show("x\033[2J\033[H");
	assert_string_equal(shown(), "_|||");
}

static void inverse(void **state)
{
	(void)state;
	show("a\033[7m \033[0m \033[1;7m \033[27mb\033[32mc");
	assert_string_equal(shown(), "a_ _bc_|||");
}

static void unknown_sequences(void **state)
{
	(void)state;
	show("a\033[?7hb\033=c\033[1;2;3;4;5;6;77777777777777777777qd\a\001e");
	assert_string_equal(shown(), "abcde_|||");
}

/* A sequence may come in parts, and UTF-8 takes a cell a character. */
static void in_parts(void **state)
{
	char c = (char)FONT_LAST;
	char want[32];

	(void)state;
	show("ab\033");
	show("[");
	show("1");
	show("Dx\303\274\342\202\254\177y");
	snprintf(want, sizeof(want), "ax%c%cy_|||", c, c);
	assert_string_equal(shown(), want);
}

static void painted_elsewhere(void **state)
{
	uint8_t *first;

	(void)state;
	show("here");
	screen_move(NULL);
	show("\nnot seen");
	first = picture;
	picture = malloc(len);
	assert_non_null(picture);
	memset(picture, UNTOUCHED, len);
	screen_move(picture);
	free(first);
	show("!");
	assert_string_equal(shown(), "here|not seen!_||");
}

static void too_small(void **state)
{
	struct framebuffer fb = {
		.width = FONT_WIDTH - 1, .height = 100, .pitch = 100,
		.bytes = 4,
	};

	(void)state;
	assert_false(screen_begin(&fb, picture));
	fb.width = 100;
	fb.height = FONT_HEIGHT - 1;
	assert_false(screen_begin(&fb, picture));
	assert_true(begin(3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(blank_at_first, setup),
		cmocka_unit_test_setup(both_depths, setup),
		cmocka_unit_test_setup(every_letter, setup),
		cmocka_unit_test_setup(nothing_beside, setup),
		cmocka_unit_test_setup(wraps_late, setup),
		cmocka_unit_test_setup(backspace, setup),
		cmocka_unit_test_setup(scrolls, setup),
		cmocka_unit_test_setup(tabs, setup),
		cmocka_unit_test_setup(cursor_moves, setup),
		cmocka_unit_test_setup(erases, setup),
		cmocka_unit_test_setup(inverse, setup),
		cmocka_unit_test_setup(unknown_sequences, setup),
		cmocka_unit_test_setup(in_parts, setup),
		cmocka_unit_test_setup(painted_elsewhere, setup),
		cmocka_unit_test_setup(too_small, setup),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(picture);
	return failed;
}
