/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From text to commands: lex.c cuts text into tokens, parse.c makes a tree of
 * them, expand.c makes an argument of a word just before it is used.  All of
 * it is pure, takes its memory from an arena, and is also compiled for the
 * host.
 *
 *	list      andor { (";" | "&" | newline) andor }
 *	andor     pipeline { ("&&" | "||") pipeline }
 *	pipeline  command { "|" command }
 *	command   { word | redirection }, at least one
 */
#ifndef PARSE_H
#define PARSE_H

#include <stdbool.h>
#include <stddef.h>

/* Memory that is freed all at once.  { 0 } is an empty one. */
struct arena {
	struct arena_block *blocks;
};
void *arena_alloc(struct arena *a, size_t n);	/* zeroed; NULL: no memory */
void arena_free(struct arena *a);

enum token_kind {
	T_END, T_WORD, T_NEWLINE, T_SEMI, T_AND, T_BACKGROUND, T_OR, T_PIPE,
	T_PAREN, T_APPEND, T_OUT_DUP, T_OUT, T_IN_DUP, T_IN, T_BAD,
};

struct token {
	enum token_kind kind;
	const char *text;	/* a word as typed, or the operator */
	int fd;			/* the digit before a redirection, else -1 */
};

struct lexer {
	const char *at;
	unsigned line;		/* counted from 1 */
	struct arena *arena;
	const char *error;	/* of T_BAD */
};
struct token next_token(struct lexer *l);

struct word {
	struct word *next;
	const char *text;	/* as typed, quotes and all */
};

struct redirect {
	struct redirect *next;
	enum token_kind kind;	/* T_IN, T_OUT, T_APPEND, T_IN_DUP, T_OUT_DUP */
	int fd;
	const char *target;	/* a word as typed */
};

struct command {
	struct command *next;		/* what reads its output */
	struct word *words;
	struct redirect *redirects;
};

struct pipeline {
	struct pipeline *next;
	enum { ALWAYS, IF_OK, IF_FAILED } when;	/* after the one before */
	struct command *commands;
};

struct list {
	struct list *next;
	struct pipeline *pipelines;
	bool background;
};

struct syntax_error {
	unsigned line;
	const char *what;
	const char *token;	/* NULL: what says it all */
};

/* 0, and *list, which is NULL if the text is blank; -1, and *error. */
int parse(const char *text, struct arena *a, struct list **list,
	  struct syntax_error *error);

/* The value of NAME in $NAME; NULL is as good as "". */
typedef const char *lookup_fn(const char *name);

/* The word without quotes and with values; NULL: no memory. */
char *expand(struct arena *a, const char *word, lookup_fn *lookup);
bool has_quotes(const char *word);
/* The = of NAME=VALUE, or NULL. */
const char *assignment(const char *word);

#endif
