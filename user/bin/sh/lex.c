/* SPDX-License-Identifier: BSD-2-Clause */
/* From text to tokens (see parse.h). */
#include <string.h>
#include "parse.h"

static const struct operator {
	const char *text;
	enum token_kind kind;
} operators[] = {
	/* The longer of two that begin alike comes first. */
	{ "&&", T_AND }, { "&", T_BACKGROUND },
	{ "||", T_OR }, { "|", T_PIPE },
	{ ">>", T_APPEND }, { ">&", T_OUT_DUP }, { ">", T_OUT },
	{ "<&", T_IN_DUP }, { "<", T_IN },
	{ ";", T_SEMI }, { "(", T_PAREN }, { ")", T_PAREN },
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_word(char c)
{
	return is_blank(c) || strchr("\n;&|<>()", c);	/* the NUL, too */
}

static struct token bad(struct lexer *l, const char *error)
{
	l->error = error;
	return (struct token){ .kind = T_BAD };
}

/* Blanks, a backslash before a newline, and a comment. */
static void skip_blanks(struct lexer *l)
{
	for (;;) {
		if (is_blank(*l->at)) {
			l->at++;
		} else if (l->at[0] == '\\' && l->at[1] == '\n') {
			l->at += 2;
			l->line++;
		} else {
			break;
		}
	}
	if (*l->at == '#')
		l->at += strcspn(l->at, "\n");
}

static struct token scan_operator(struct lexer *l, int fd)
{
	struct token t = { .kind = T_END, .fd = fd };

	for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
		const struct operator *o = &operators[i];

		if (strncmp(l->at, o->text, strlen(o->text)) == 0) {
			l->at += strlen(o->text);
			t.kind = o->kind;
			t.text = o->text;
			break;
		}
	}
	return t;
}

/* The character behind the quoted part that begins at p; NULL: it is open. */
static const char *skip_quoted(const char *p)
{
	char quote = *p++;

	if (quote == '\\')
		return *p ? p + 1 : NULL;
	while (*p && *p != quote) {
		if (quote == '"' && *p == '\\' && p[1])
			p++;
		p++;
	}
	return *p ? p + 1 : NULL;
}

static struct token scan_word(struct lexer *l)
{
	const char *begin = l->at, *p = begin;
	size_t len;
	char *text;

	while (p && !ends_word(*p))
		p = strchr("'\"\\", *p) ? skip_quoted(p) : p + 1;
	if (!p)
		return bad(l, "quote not closed");
	len = (size_t)(p - begin);
	text = arena_alloc(l->arena, len + 1);
	if (!text)
		return bad(l, "out of memory");
	memcpy(text, begin, len);
	for (size_t i = 0; i < len; i++)
		l->line += text[i] == '\n';
	l->at = p;
	return (struct token){ .kind = T_WORD, .text = text, .fd = -1 };
}

struct token next_token(struct lexer *l)
{
	struct token end = { .kind = T_END, .fd = -1 };

	skip_blanks(l);
	if (!*l->at)
		return end;
	if (*l->at == '\n') {
		l->at++;
		end.kind = T_NEWLINE;
		return end;
	}
	if (*l->at >= '0' && *l->at <= '9' &&
	    (l->at[1] == '<' || l->at[1] == '>')) {
		int fd = *l->at++ - '0';

		return scan_operator(l, fd);
	}
	return ends_word(*l->at) ? scan_operator(l, -1) : scan_word(l);
}
