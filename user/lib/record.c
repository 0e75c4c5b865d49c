/* SPDX-License-Identifier: BSD-2-Clause */
/* Records (record.h); pure, also compiled for the host. */
#include <lib.h>
#include <record.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static char *end_of_word(char *s)
{
	while (*s && !is_blank(*s))
		s++;
	return s;
}

/* Behind the text, which ends there from now on. */
static char *cut(char *end)
{
	if (*end)
		*end++ = '\0';
	return end;
}

/* The quote that ends a value ends the line too: others are part of it.  NULL:
 * there is none. */
static char *closing_quote(char *s)
{
	char *end = strrchr(s, '"');

	return end && !*skip_blanks(end + 1) ? end : NULL;
}

/* One field at *s, which moves behind it. */
static const char *parse_field(char **s, struct record *r)
{
	char *key = *s, *end = end_of_word(key), *value = strchr(key, '=');

	if (r->n == RECORD_FIELDS)
		return "more fields than a record has";
	if (!value || value > end)
		value = NULL;
	else if (value == key)
		return "a value without a name";
	else
		*value++ = '\0';
	if (value && *value == '"') {
		end = closing_quote(++value);
		if (!end)
			return "a quote is not closed";
	}
	*s = cut(end);
	r->fields[r->n].key = key;
	r->fields[r->n++].value = value;
	return NULL;
}

const char *record_parse(char *line, struct record *r)
{
	char *s = skip_blanks(line), *subject = s;
	const char *why = NULL;

	r->subject = subject;
	r->n = 0;
	s = end_of_word(s);
	if (memchr(subject, '=', (size_t)(s - subject)))
		return "it has no subject";
	s = skip_blanks(cut(s));
	while (*s && !why) {
		why = parse_field(&s, r);
		s = skip_blanks(s);
	}
	return why;
}

const char *record_get(const struct record *r, const char *key)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->fields[i].value && !strcmp(r->fields[i].key, key))
			return r->fields[i].value;
	return NULL;
}

const char *record_text(const struct record *r, const char *key)
{
	const char *value = record_get(r, key);

	return value ? value : "?";
}

int record_number(const struct record *r, const char *key, uint64_t *n)
{
	const char *value = record_get(r, key);

	if (!value)
		return -1;
	return parse_number(value, value[0] == '0' && value[1] == 'x' ? 16 : 10,
			    UINT64_MAX, n);
}

uint64_t record_count(const struct record *r, const char *key)
{
	uint64_t n;

	return record_number(r, key, &n) < 0 ? 0 : n;
}

bool record_is(const struct record *r, const char *key, const char *text)
{
	const char *value = record_get(r, key);

	return value && !strcmp(value, text);
}

bool list_next(const char **list, char *word, size_t size)
{
	size_t len, kept;

	*list += strspn(*list, ",");
	if (!**list || !strcmp(*list, "-"))
		return false;
	len = strcspn(*list, ",");
	kept = MIN(len, size - 1);
	memcpy(word, *list, kept);
	word[kept] = '\0';
	*list += len;
	return true;
}

bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word), here;

	while (*list) {
		here = strcspn(list, ",");
		if (here == len && !strncmp(list, word, len))
			return true;
		list += here + strspn(list + here, ",");
	}
	return false;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

struct record *records_parse(char *text, size_t *n,
			     void (*odd)(void *arg, size_t line,
					 const char *why), void *arg)
{
	struct record *list = calloc(count_lines(text), sizeof(*list));
	size_t line = 0;
	const char *why;
	char *end;

	*n = 0;
	for (; list && *text; text = end) {
		end = cut(text + strcspn(text, "\n"));
		why = record_parse(text, &list[*n]);
		line++;
		if (why)
			odd(arg, line, why);
		else if (*list[*n].subject)
			(*n)++;
	}
	return list;
}
