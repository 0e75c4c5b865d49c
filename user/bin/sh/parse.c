/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From tokens to a tree, a function for each rule of the grammar in parse.h.
 * Each looks at the token that has been read last and leaves the first one
 * that is not its own; NULL means that the error has been noted.
 */
#include <string.h>
#include "parse.h"

struct parser {
	struct lexer lexer;
	struct token token;
	struct syntax_error *error;
};

static void *fail(struct parser *p, const char *what, const char *token)
{
	*p->error = (struct syntax_error){ p->lexer.line, what, token };
	return NULL;
}

static void *unexpected(struct parser *p)
{
	if (p->token.kind == T_BAD)
		return fail(p, p->lexer.error, NULL);
	if (p->token.kind == T_END || p->token.kind == T_NEWLINE)
		return fail(p, "unexpected end of line", NULL);
	return fail(p, "unexpected", p->token.text);
}

static void *alloc(struct parser *p, size_t n)
{
	void *node = arena_alloc(p->lexer.arena, n);

	return node ? node : fail(p, "out of memory", NULL);
}

/* A newline is counted only once it is behind us, so that errors name the
 * line that they are in. */
static void advance(struct parser *p)
{
	if (p->token.kind == T_NEWLINE)
		p->lexer.line++;
	p->token = next_token(&p->lexer);
}

static void skip_newlines(struct parser *p)
{
	while (p->token.kind == T_NEWLINE)
		advance(p);
}

static bool is_redirect(enum token_kind kind)
{
	return kind == T_IN || kind == T_OUT || kind == T_APPEND ||
	       kind == T_IN_DUP || kind == T_OUT_DUP;
}

static struct redirect *parse_redirect(struct parser *p)
{
	struct redirect *r = alloc(p, sizeof(*r));
	bool in = p->token.kind == T_IN || p->token.kind == T_IN_DUP;

	if (!r)
		return NULL;
	r->kind = p->token.kind;
	r->fd = p->token.fd >= 0 ? p->token.fd : in ? 0 : 1;
	advance(p);
	if (p->token.kind != T_WORD)
		return unexpected(p);
	r->target = p->token.text;
	advance(p);
	return r;
}

static struct word *parse_word(struct parser *p)
{
	struct word *w = alloc(p, sizeof(*w));

	if (!w)
		return NULL;
	w->text = p->token.text;
	advance(p);
	return w;
}

static struct command *parse_command(struct parser *p)
{
	struct command *c = alloc(p, sizeof(*c));
	struct word **word;
	struct redirect **redirect;

	if (!c)
		return NULL;
	word = &c->words;
	redirect = &c->redirects;
	for (;;) {
		if (p->token.kind == T_WORD) {
			if (!(*word = parse_word(p)))
				return NULL;
			word = &(*word)->next;
		} else if (is_redirect(p->token.kind)) {
			if (!(*redirect = parse_redirect(p)))
				return NULL;
			redirect = &(*redirect)->next;
		} else {
			break;
		}
	}
	return c->words || c->redirects ? c : unexpected(p);
}

static struct pipeline *parse_pipeline(struct parser *p)
{
	struct pipeline *l = alloc(p, sizeof(*l));
	struct command **command;

	if (!l)
		return NULL;
	command = &l->commands;
	while ((*command = parse_command(p))) {
		if (p->token.kind != T_PIPE)
			return l;
		command = &(*command)->next;
		advance(p);
		skip_newlines(p);
	}
	return NULL;
}

static struct list *parse_andor(struct parser *p)
{
	struct list *l = alloc(p, sizeof(*l));
	struct pipeline **pipeline;
	enum token_kind before = T_SEMI;

	if (!l)
		return NULL;
	pipeline = &l->pipelines;
	while ((*pipeline = parse_pipeline(p))) {
		(*pipeline)->when = before == T_AND ? IF_OK :
				    before == T_OR ? IF_FAILED : ALWAYS;
		before = p->token.kind;
		if (before != T_AND && before != T_OR)
			return l;
		pipeline = &(*pipeline)->next;
		advance(p);
		skip_newlines(p);
	}
	return NULL;
}

/* What stands between two parts of a list; false: neither that nor its end */
static bool parse_separator(struct parser *p, struct list *before)
{
	enum token_kind kind = p->token.kind;

	if (kind == T_BACKGROUND)
		before->background = true;
	if (kind == T_BACKGROUND || kind == T_SEMI)
		advance(p);
	else if (kind != T_NEWLINE && kind != T_END)
		return false;
	skip_newlines(p);
	return true;
}

int parse(const char *text, struct arena *a, struct list **list,
	  struct syntax_error *error)
{
	struct parser p = {
		.lexer = { .at = text, .line = 1, .arena = a },
		.error = error,
	};

	*list = NULL;
	advance(&p);
	skip_newlines(&p);
	while (p.token.kind != T_END) {
		if (!(*list = parse_andor(&p)))
			return -1;
		if (!parse_separator(&p, *list)) {
			unexpected(&p);
			return -1;
		}
		list = &(*list)->next;
	}
	return 0;
}
