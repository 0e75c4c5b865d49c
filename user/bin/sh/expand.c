/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a word as typed to what it means.  A value is never split into
 * several words, and no file names are made from patterns.
 */
#include <string.h>
#include "parse.h"

enum { VARIABLE = 64 };		/* bytes of a name, its NUL included */

/* Where the result goes; without buf it is only measured. */
struct sink {
	char *buf;
	size_t len;
	lookup_fn *lookup;
};

static void put(struct sink *s, char c)
{
	if (s->buf)
		s->buf[s->len] = c;
	s->len++;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t name_length(const char *p)
{
	size_t n = 0;

	while (is_letter(p[n]) || (n > 0 && p[n] >= '0' && p[n] <= '9'))
		n++;
	return n;
}

static void put_value(struct sink *s, const char *name, size_t len)
{
	char text[VARIABLE];
	const char *value = NULL;

	if (len < sizeof(text)) {
		memcpy(text, name, len);
		text[len] = '\0';
		value = s->lookup(text);
	}
	while (value && *value)
		put(s, *value++);
}

/* p is behind a $; gives what is behind the name. */
static const char *put_variable(struct sink *s, const char *p)
{
	bool braces = *p == '{';
	const char *name = p + braces;
	size_t len = name_length(name);

	if (len == 0 && *name && strchr("?!$0123456789", *name))
		len = 1;
	if (len == 0 || (braces && name[len] != '}')) {
		put(s, '$');
		return p;
	}
	put_value(s, name, len);
	return name + len + braces;
}

/* p is at a backslash that is not in single quotes. */
static const char *put_escaped(struct sink *s, const char *p, bool quoted)
{
	if (p[1] == '\n')
		return p + 2;
	if (!p[1] || (quoted && !strchr("$\"\\`", p[1]))) {
		put(s, '\\');
		return p + 1;
	}
	put(s, p[1]);
	return p + 2;
}

static void put_word(struct sink *s, const char *p)
{
	char quote = '\0';

	while (*p) {
		if (quote ? *p == quote : *p == '\'' || *p == '"')
			quote = quote ? '\0' : *p, p++;
		else if (quote != '\'' && *p == '\\')
			p = put_escaped(s, p, quote);
		else if (quote != '\'' && *p == '$')
			p = put_variable(s, p + 1);
		else
			put(s, *p++);
	}
}

char *expand(struct arena *a, const char *word, lookup_fn *lookup)
{
	struct sink s = { .lookup = lookup };

	put_word(&s, word);
	s.buf = arena_alloc(a, s.len + 1);
	s.len = 0;
	if (s.buf)
		put_word(&s, word);
	return s.buf;
}

bool has_quotes(const char *word)
{
	return word[strcspn(word, "'\"\\")] != '\0';
}

const char *assignment(const char *word)
{
	size_t len = name_length(word);

	return len > 0 && len < VARIABLE && word[len] == '=' ? word + len
							     : NULL;
}
