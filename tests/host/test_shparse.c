/* SPDX-License-Identifier: BSD-2-Clause */
/* The shell's parser: trees are written as text and compared as that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../user/bin/sh/parse.h"

static const char *value_of(const char *name)
{
	static const char *const pair[][2] = {
		{ "x", "ex" }, { "blank", "a  b" }, { "long_1", "L" },
		{ "?", "7" }, { "!", "8" }, { "$", "9" }, { "1", "one" },
	};

	for (size_t i = 0; i < sizeof(pair) / sizeof(*pair); i++)
		if (strcmp(pair[i][0], name) == 0)
			return pair[i][1];
	return NULL;
}

static char shown[4096];

static void show(const char *text)
{
	strcat(shown, text);
}

static void show_command(const struct command *c)
{
	static const char *const arrow[] = {
		[T_IN] = "<", [T_OUT] = ">", [T_APPEND] = ">>",
		[T_IN_DUP] = "<&", [T_OUT_DUP] = ">&",
	};
	char fd[8];

	for (const struct word *w = c->words; w; w = w->next) {
		show("[");
		show(w->text);
		show("]");
	}
	for (const struct redirect *r = c->redirects; r; r = r->next) {
		snprintf(fd, sizeof(fd), " %d", r->fd);
		show(fd);
		show(arrow[r->kind]);
		show(r->target);
	}
}

static void show_list(const struct list *l)
{
	static const char *const when[] = { "", " && ", " || " };

	for (; l; l = l->next) {
		for (struct pipeline *p = l->pipelines; p; p = p->next) {
			show(when[p->when]);
			for (struct command *c = p->commands; c; c = c->next) {
				show_command(c);
				show(c->next ? " | " : "");
			}
		}
		show(l->background ? " &" : "");
		show(l->next ? " ; " : "");
	}
}

static void check(const char *text, const char *tree)
{
	struct arena a = { 0 };
	struct syntax_error e;
	struct list *l;

	shown[0] = '\0';
	assert_int_equal(parse(text, &a, &l, &e), 0);
	show_list(l);
	assert_string_equal(shown, tree);
	arena_free(&a);
}

static void check_error(const char *text, unsigned line, const char *what)
{
	struct arena a = { 0 };
	struct syntax_error e = { 0 };
	struct list *l;

	assert_int_equal(parse(text, &a, &l, &e), -1);
	assert_int_equal(e.line, line);
	snprintf(shown, sizeof(shown), "%s%s%s", e.what, e.token ? " " : "",
		 e.token ? e.token : "");
	assert_string_equal(shown, what);
	arena_free(&a);
}

static void check_word(const char *word, const char *meaning)
{
	struct arena a = { 0 };
	char *text = expand(&a, word, value_of);

	assert_string_equal(text, meaning);
	arena_free(&a);
}

static void test_blank(void **state)
{
	(void)state;
	check("", "");
	check(" \t\r\n\n  \n", "");
	check("# nothing here; really | nothing", "");
	check("\n # a\n\t# b\n", "");
}

static void test_words(void **state)
{
	(void)state;
	check("echo hello", "[echo][hello]");
	check("  echo\ta   b  ", "[echo][a][b]");
	check("echo 'a b'\"c d\"\\ e", "[echo]['a b'\"c d\"\\ e]");
	check("echo 'x;y' \"z|&\" \\;", "[echo]['x;y'][\"z|&\"][\\;]");
	check("echo \"a\\\"b\" '\\'", "[echo][\"a\\\"b\"]['\\']");
	check("echo a \\\n b", "[echo][a][b]");
	check("echo 'two\nlines'", "[echo]['two\nlines']");
}

static void test_comments(void **state)
{
	(void)state;
	check("echo a # b", "[echo][a]");
	check("echo a#b", "[echo][a#b]");
	check("bind \\#iommu /sys/iommu", "[bind][\\#iommu][/sys/iommu]");
	check("bind '#iommu' /x", "[bind]['#iommu'][/x]");
	check("bind #iommu /x", "[bind]");
	check("a;#b\nc", "[a] ; [c]");
}

static void test_lists(void **state)
{
	(void)state;
	check("a; b ;c;", "[a] ; [b] ; [c]");
	check("a\nb\n\nc", "[a] ; [b] ; [c]");
	check("a & b", "[a] & ; [b]");
	check("a&", "[a] &");
	check("a &\nb", "[a] & ; [b]");
	check("a|b |c", "[a] | [b] | [c]");
	check("a |\n b", "[a] | [b]");
	check("a && b||c &", "[a] && [b] || [c] &");
	check("a &&\n\n b | c ; d", "[a] && [b] | [c] ; [d]");
}

static void test_redirects(void **state)
{
	(void)state;
	check("a >f", "[a] 1>f");
	check("a>f b", "[a][b] 1>f");
	check("a < in >> 'out put' 2> err", "[a] 0<in 1>>'out put' 2>err");
	check("a 2>&1 | b 0<&3", "[a] 2>&1 | [b] 0<&3");
	check("> f", " 1>f");
	check("a 22>f", "[a][22] 1>f");
	check("a b2>f", "[a][b2] 1>f");
	check("echo 2 >f", "[echo][2] 1>f");
	check("echo 0:3.0 $! > /sys/iommu/attach",
	      "[echo][0:3.0][$!] 1>/sys/iommu/attach");
}

static void test_errors(void **state)
{
	(void)state;
	check_error("| a", 1, "unexpected |");
	check_error("a | | b", 1, "unexpected |");
	check_error("a |", 1, "unexpected end of line");
	check_error("a &&", 1, "unexpected end of line");
	check_error("a ;; b", 1, "unexpected ;");
	check_error("; a", 1, "unexpected ;");
	check_error("& a", 1, "unexpected &");
	check_error("a & && b", 1, "unexpected &&");
	check_error("a >", 1, "unexpected end of line");
	check_error("a >\nb", 1, "unexpected end of line");
	check_error("a > > b", 1, "unexpected >");
	check_error("a (b)", 1, "unexpected (");
	check_error("(a)", 1, "unexpected (");
	check_error("echo 'abc", 1, "quote not closed");
	check_error("echo \"abc", 1, "quote not closed");
	check_error("echo \"abc\\\"", 1, "quote not closed");
	check_error("echo abc\\", 1, "quote not closed");
	check_error("a\nb\n\nc ||| d", 4, "unexpected |");
	check_error("a 'x\ny' \\\n |", 3, "unexpected end of line");
	check_error("a # '\n)", 2, "unexpected )");
}

static void test_expand(void **state)
{
	(void)state;
	check_word("plain", "plain");
	check_word("'a $x \\'\"b\"", "a $x \\b");
	check_word("$x", "ex");
	check_word("a$x-b", "aex-b");
	check_word("${x}y$long_1.", "exyL.");
	check_word("\"$x $blank\"", "ex a  b");
	check_word("$blank", "a  b");
	check_word("$unset", "");
	check_word("$?$!$$$1", "789one");
	check_word("\\$x\\a\\'", "$xa'");
	check_word("\"\\$x \\a \\\" \\\\\"", "$x \\a \" \\");
	check_word("a$ $", "a$ $");
	check_word("$%${x$", "$%${x$");
	check_word("${}", "${}");
	check_word("a\\\nb", "ab");
	check_word("\\#iommu", "#iommu");
	check_word("''", "");
	check_word("$this_name_is_longer_than_any_that_the_shell_can_keep_in_"
		   "its_variables.", ".");
}

static void test_quotes_and_assignments(void **state)
{
	const char *word = "name_1=va=lue";

	(void)state;
	assert_true(has_quotes("a'b'"));
	assert_true(has_quotes("\"\""));
	assert_true(has_quotes("\\#"));
	assert_false(has_quotes("$x#"));
	assert_ptr_equal(assignment(word), word + 6);
	assert_null(assignment("=x"));
	assert_null(assignment("1a=x"));
	assert_null(assignment("a"));
	assert_null(assignment("'a'=b"));
	assert_null(assignment("a-b=c"));
}

/* Whatever is typed: no crash, and what parses can be expanded. */
static void test_random(void **state)
{
	static const char letters[] = "ab1 \n\t;&|<>()#'\"\\$={}!?\x80";
	char text[40];

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		size_t n = (size_t)rand() % sizeof(text);
		struct arena a = { 0 };
		struct syntax_error e = { 0 };
		struct list *l;

		for (size_t j = 0; j < n; j++)
			text[j] = letters[(size_t)rand() %
					  (sizeof(letters) - 1)];
		text[n ? n - 1 : 0] = '\0';
		assert_non_null(expand(&a, text, value_of));
		if (parse(text, &a, &l, &e) < 0)
			assert_non_null(e.what);
		else if (l)
			assert_non_null(l->pipelines->commands);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blank),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_quotes_and_assignments),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
