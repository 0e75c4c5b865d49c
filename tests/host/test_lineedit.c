/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's line editor, in front of a model of a terminal: what the
 * terminal shows must always be the prompt and the line, with the cursor in
 * the right place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../user/bin/sh/lineedit.h"

enum { WIDTH = 4096 };

static struct {
	unsigned char row[WIDTH][4];	/* a character in UTF-8 each */
	size_t at, used;
	char all[65536];		/* everything since the last reset */
	size_t len;
} term;

static void clear_row(void)
{
	memset(term.row, 0, sizeof(term.row));
	term.at = term.used = 0;
}

static void show_char(const char *bytes, size_t n)
{
	assert_true(term.at < WIDTH);
	memset(term.row[term.at], 0, 4);
	memcpy(term.row[term.at++], bytes, n);
	if (term.at > term.used)
		term.used = term.at;
}

static void show_further_byte(char c)
{
	unsigned char *cell = term.row[term.at - 1];

	assert_true(term.at > 0);
	for (int i = 1; i < 4; i++) {
		if (cell[i])
			continue;
		cell[i] = (unsigned char)c;
		return;
	}
}

static void emit(const char *bytes, size_t n)
{
	static const char clear[] = "\033[H\033[2J";

	assert_true(term.len + n < sizeof(term.all));
	memcpy(term.all + term.len, bytes, n);
	term.len += n;
	if (n == sizeof(clear) - 1 && memcmp(bytes, clear, n) == 0) {
		clear_row();
		return;
	}
	for (; n > 0; n--, bytes++) {
		if (*bytes == '\b') {
			assert_true(term.at > 0);
			term.at--;
		} else if (*bytes == '\n') {
			clear_row();
		} else if ((*bytes & 0xc0) == 0x80 && term.at > 0) {
			show_further_byte(*bytes);
		} else {
			show_char(bytes, 1);
		}
	}
}

static struct lineedit e;

static void begin(void)
{
	clear_row();
	edit_begin(&e, "$ ");
	term.len = 0;
}

static int setup(void **state)
{
	(void)state;
	e = (struct lineedit){ .emit = emit };
	begin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	edit_free(&e);
	return 0;
}

/* Types it; gives the last byte's event, all others being EDIT_MORE. */
static enum edit_event type(const char *text)
{
	enum edit_event event = EDIT_MORE;

	for (; *text; text++) {
		assert_int_equal(event, EDIT_MORE);
		event = edit_byte(&e, *text);
	}
	return event;
}

static void enter(const char *text)
{
	assert_int_equal(type(text), EDIT_MORE);
	assert_int_equal(edit_byte(&e, '\r'), EDIT_LINE);
}

static size_t columns(const char *p, size_t n)
{
	size_t count = 0;

	for (; n > 0; n--)
		count += (*p++ & 0xc0) != 0x80;
	return count;
}

/* The terminal shows the prompt, the line, and then nothing but blanks. */
static void check_shown(void)
{
	char text[WIDTH * 4] = "";
	size_t n = 0;

	for (size_t i = 0; i < term.used; i++)
		for (size_t j = 0; j < 4 && term.row[i][j]; j++)
			text[n++] = (char)term.row[i][j];
	assert_true(n >= 2 + e.len);
	assert_memory_equal(text, "$ ", 2);
	assert_memory_equal(text + 2, e.line, e.len);
	assert_int_equal(strspn(text + 2 + e.len, " "), n - 2 - e.len);
	assert_int_equal(term.at, 2 + columns(e.line, e.at));
	assert_int_equal(strlen(e.line), e.len);
}

static void check(const char *line, size_t at)
{
	assert_string_equal(e.line, line);
	assert_int_equal(e.at, at);
	check_shown();
}

#define LEFT "\033[D"
#define RIGHT "\033[C"
#define UP "\033[A"
#define DOWN "\033[B"

static void test_plain_echo(void **state)
{
	static const char line[] = "echo 0:3.0 22 > /sys/iommu/attach";

	(void)state;
	enter(line);
	assert_string_equal(e.line, line);
	assert_int_equal(term.len, sizeof(line));
	assert_memory_equal(term.all, line, sizeof(line) - 1);
	assert_int_equal(term.all[term.len - 1], '\n');
}

static void test_line_ends(void **state)
{
	(void)state;
	enter("a");
	begin();
	assert_int_equal(edit_byte(&e, '\n'), EDIT_MORE); /* of "\r\n" */
	assert_int_equal(term.len, 0);
	assert_int_equal(type("b\n"), EDIT_LINE);
	assert_string_equal(e.line, "b");
	begin();
	assert_int_equal(edit_byte(&e, '\n'), EDIT_LINE);
	assert_string_equal(e.line, "");
}

static void test_moving(void **state)
{
	(void)state;
	type("abcd" LEFT LEFT "X");
	check("abXcd", 3);
	type("\001Y");			/* Ctrl-A */
	check("YabXcd", 1);
	type("\005Z");			/* Ctrl-E */
	check("YabXcdZ", 7);
	type("\002\002\006W");		/* Ctrl-B, Ctrl-F */
	check("YabXcdWZ", 7);
	type("\033[H\033OF\033[1~\033[4~\033[7~!" RIGHT);
	check("!YabXcdWZ", 2);
	type("\033[8~" RIGHT RIGHT);
	check("!YabXcdWZ", 9);
	type("\001" LEFT LEFT);
	check("!YabXcdWZ", 0);
}

static void test_deleting(void **state)
{
	(void)state;
	type("one two  three\x7f\b");
	check("one two  thr", 12);
	type("\027");			/* Ctrl-W */
	check("one two  ", 9);
	type("\027");
	check("one ", 4);
	type("\001\004\033[3~");	/* Ctrl-D, Delete */
	check("e ", 0);
	type("\x7f\005\004");
	check("e ", 2);
	type("xyz" LEFT LEFT "\013");	/* Ctrl-K */
	check("e x", 3);
	type(LEFT "\025");		/* Ctrl-U */
	check("x", 0);
	type("\005\025");
	check("", 0);
}

static void test_erase_at_end_is_plain(void **state)
{
	(void)state;
	type("ab\x7f");
	assert_int_equal(term.len, 5);
	assert_memory_equal(term.all, "ab\b \b", 5);
}

static void test_events(void **state)
{
	(void)state;
	assert_int_equal(type("abc" LEFT "\003"), EDIT_DROPPED);
	begin();
	check("", 0);
	assert_int_equal(type("\004"), EDIT_END);
	assert_int_equal(type("a\004"), EDIT_MORE);
	assert_int_equal(type("\x7f\004"), EDIT_END);
}

static void test_history(void **state)
{
	(void)state;
	enter("one");
	begin();
	enter("two two");
	begin();
	enter("");
	begin();
	enter("two two");
	begin();
	type("new" UP);
	check("two two", 7);
	type(UP);
	check("one", 3);
	type(UP UP);
	check("one", 3);
	type(DOWN DOWN);
	check("new", 3);
	type(DOWN);
	check("new", 3);
	type("\020\020\016");		/* Ctrl-P, Ctrl-N */
	check("two two", 7);
	enter("!");
	assert_string_equal(e.line, "two two!");
	begin();
	type(UP);
	check("two two!", 8);
}

static void test_long_history(void **state)
{
	char name[8] = "l000";

	(void)state;
	for (int i = 0; i < 2 * HISTORY; i++) {
		name[1] = (char)('0' + i / 100);
		name[2] = (char)('0' + i / 10 % 10);
		name[3] = (char)('0' + i % 10);
		enter(name);
		begin();
	}
	for (int i = 0; i < HISTORY + 5; i++)
		type(UP);
	check("l100", 4);
	assert_true(HISTORY >= 50);
}

static void test_utf8(void **state)
{
	(void)state;
	type("a\xc3\xa9\xe2\x82\xac");
	check("a\xc3\xa9\xe2\x82\xac", 6);
	type(LEFT "b");
	check("a\xc3\xa9" "b\xe2\x82\xac", 4);
	type(LEFT LEFT "\033[3~");
	check("ab\xe2\x82\xac", 1);
	type("\005\x7f");
	check("ab", 2);
}

static void test_odd_keys(void **state)
{
	(void)state;
	type("ab\033[1;5D\033[24~\033x\033[Z\001\005\t!");
	check("ab !", 4);
	type("\014");			/* Ctrl-L */
	check("ab !", 4);
	type(LEFT "\014");
	check("ab !", 3);
}

static void test_long_line(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		edit_byte(&e, (char)('a' + i % 26));
	assert_int_equal(e.len, 3000);
	check_shown();
	enter("");
	assert_int_equal(strlen(e.line), 3000);
}

static void test_random(void **state)
{
	static const char *const keys[] = {
		"a", "b", " ", "\xc3\xa9", "\xe2\x82\xac", LEFT, RIGHT, UP,
		DOWN, "\033[H", "\033[F", "\033[3~", "\x7f", "\001", "\002",
		"\005", "\006", "\013", "\014", "\025", "\027", "\t",
	};

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 100000; i++) {
		type(keys[(size_t)rand() % (sizeof(keys) / sizeof(*keys))]);
		check_shown();
		if (rand() % 40 == 0) {
			enter("");
			begin();
		}
		if (term.len > 60000)
			term.len = 0;
	}
}

/* Bytes that are no text: only that nothing is written where it must not. */
static void test_random_bytes(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		term.at = WIDTH / 2;
		term.len = 0;
		if (edit_byte(&e, (char)(rand() % 256)) != EDIT_MORE)
			edit_begin(&e, "$ ");
		assert_int_equal(strlen(e.line), e.len);
		assert_true(e.at <= e.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain_echo, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_line_ends, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_moving, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleting, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_erase_at_end_is_plain,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_history, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_history, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_utf8, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_keys, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_bytes, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
