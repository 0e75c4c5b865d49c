/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenario files, line by line; tests/scenario/language.py does the same. */
#include "scenario.h"

/* Words behind each; 0: it has a form of its own. */
static const struct {
	const char *word;
	unsigned arguments;
} statements[] = {
	{ "do", 1 }, { "table", 0 }, { "frame", 0 }, { "let", 2 },
	{ "set", 2 }, { "fill", 3 }, { "root", 4 }, { "context", 4 },
	{ "entry", 4 }, { "write", 2 }, { "push", 2 }, { "expect", 0 },
	{ "memory", 0 }, { "interrupts", 0 }, { "dma", 0 }, { "mend", 2 },
	{ "each", 0 },
};

static void wrong(struct scenario *s, const struct line *l, const char *what)
{
	if (!s->error[0])
		snprintf(s->error, sizeof(s->error), "%s:%u: %s: %s", l->file,
			 l->number, l->n ? l->word[0] : "", what);
}

static bool is(const struct line *l, const char *word)
{
	return l->n && !strcmp(l->word[0], word);
}

static char *keep(struct scenario *s, char *text)
{
	assert_true(text && s->ntexts < TEXTS);
	return s->text[s->ntexts++] = text;
}

bool body_is_for(const struct body *b, const char *machine)
{
	for (unsigned i = 1; b->on && i < b->on->n; i++)
		if (!strcmp(b->on->word[i], machine))
			return true;
	return !b->on;
}

const struct body *scenario_routine(const struct scenario *s,
				    const char *name, const char *machine)
{
	const struct body *b;

	for (unsigned i = 0; i < s->nbodies; i++) {
		b = &s->bodies[i];
		if (is(b->head, "routine") && body_is_for(b, machine) &&
		    !strcmp(b->head->word[1], name))
			return b;
	}
	return NULL;
}

static bool is_machine(const struct scenario *s, const char *word)
{
	for (unsigned i = 0; i < s->nmachines; i++)
		if (!strcmp(s->machines[i]->word[1], word))
			return true;
	return false;
}

/* on MACHINE... */
static const struct line *machines_of(struct scenario *s,
				      const struct line *l)
{
	for (unsigned i = 1; i < l->n; i++)
		if (!is_machine(s, l->word[i]))
			wrong(s, l, "not understood");
	return l;
}

static void add_register(struct scenario *s, const struct line *l)
{
	uint64_t offset, bits;

	if (l->n != 4 || !names_value(&s->names, l->word[2], &offset) ||
	    !names_value(&s->names, l->word[3], &bits) ||
	    !names_set(&s->offsets, l->word[1], offset) ||
	    !names_set(&s->widths, l->word[1], bits / 8))
		wrong(s, l, "not understood");
}

static void add_name(struct scenario *s, const struct line *l)
{
	uint64_t v;

	if (l->n != 3 || !names_value(&s->names, l->word[2], &v) ||
	    !names_set(&s->names, l->word[1], v))
		wrong(s, l, "not understood");
}

static void add_to(struct scenario *s, const struct line **list, unsigned *n,
		   const struct line *l, unsigned words)
{
	if (l->n != words || *n == 16)
		wrong(s, l, "not understood");
	else
		list[(*n)++] = l;
}

static void add_file(struct scenario *s, const char *name);

static void at_top(struct scenario *s, struct line *l)
{
	if (is(l, "use") && l->n == 2)
		add_file(s, l->word[1]);
	else if (is(l, "machine"))
		add_to(s, s->machines, &s->nmachines, l, 10);
	else if (is(l, "on"))
		s->on = machines_of(s, l);
	else if (is(l, "device"))
		add_to(s, s->devices, &s->ndevices, l, 2);
	else if (is(l, "register"))
		add_register(s, l);
	else if (is(l, "let"))
		add_name(s, l);
	else
		wrong(s, l, "not understood");
}

static bool is_statement(const struct line *l)
{
	for (unsigned i = 0; i < ARRAY_SIZE(statements); i++)
		if (is(l, statements[i].word))
			return !statements[i].arguments ||
				statements[i].arguments == l->n - 1;
	return false;
}

static void drop_word(struct line *l)
{
	memmove(l->word, l->word + 1, --l->n * sizeof(l->word[0]));
}

/* A line that begins with `model' or `qemu' is of the one before it. */
static void add_mark(struct scenario *s, struct body *b, struct line *l)
{
	struct line *of = l - 1;

	if (is(l, "qemu") && l->n > 2 && (!strcmp(l->word[1], "since") ||
					  !strcmp(l->word[1], "before"))) {
		drop_word(l);
		drop_word(l);
	}
	if (!b->n || l->n < 3 || !*l->comment ||
	    (strcmp(l->word[1], "=") && strcmp(l->word[1], "->") &&
	     strcmp(l->word[1], "not")))
		wrong(s, l, "not understood");
	else if (is(l, "model")) {
		of->nmark = l->n - 1;
		memcpy(of->mark, l->word + 1, of->nmark * sizeof(l->word[0]));
	}
	s->nlines--;
}

static void in_body(struct scenario *s, struct body *b, struct line *l)
{
	if (is(l, "model") || is(l, "qemu")) {
		add_mark(s, b, l);
		return;
	}
	if (!b->n && is(l, "on")) {
		b->on = machines_of(s, l);
		b->first = l + 1;
		return;
	}
	l->misuse = is(l, "misuse");
	if (l->misuse)
		drop_word(l);
	if (!l->n || !is_statement(l))
		wrong(s, l, "not understood");
	b->n++;
}

static void add_body(struct scenario *s, struct line *l)
{
	if (s->nbodies == BODIES || l->n < 2) {
		wrong(s, l, "not understood");
		return;
	}
	s->bodies[s->nbodies++] = (struct body){
		.head = l, .first = l + 1,
		.on = is(l, "test") ? s->on : NULL,
	};
}

/* Words and comment of a line of text, which is cut up for it. */
static void split(struct scenario *s, struct line *l, char *text)
{
	char *rest, *comment = strchr(text, '#');

	l->comment = text + strlen(text);
	if (comment) {
		*comment = 0;
		l->comment = comment + 1 + strspn(comment + 1, " \t");
	}
	for (char *w = strtok_r(text, " \t", &rest); w;
	     w = strtok_r(NULL, " \t", &rest))
		if (l->n < WORDS)
			l->word[l->n++] = w;
		else
			wrong(s, l, "too many words");
}

static void take(struct scenario *s, bool *top, const char *file,
		 unsigned number, char *text)
{
	struct line *l = &s->lines[s->nlines];

	*l = (struct line){ .file = file, .number = number };
	split(s, l, text);
	if (!l->n)
		return;
	if (++s->nlines == LINES) {
		wrong(s, l, "too many lines");
		s->nlines--;
	}
	if (is(l, "test") || is(l, "routine")) {
		add_body(s, l);
		*top = false;
	} else if (*top)
		at_top(s, l);
	else
		in_body(s, &s->bodies[s->nbodies - 1], l);
}

static void add_text(struct scenario *s, const char *file, char *text)
{
	bool top = true;
	char *end;

	for (unsigned n = 1; text && !s->error[0]; n++, text = end) {
		end = strchr(text, '\n');
		if (end)
			*end++ = 0;
		take(s, &top, file, n, text);
	}
}

static char *contents(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;
	bool good = f && getdelim(&text, &room, 0, f) >= 0;

	if (f)
		fclose(f);
	if (good)
		return text;
	free(text);
	return NULL;
}

static void add_file(struct scenario *s, const char *name)
{
	char path[200], *text;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	text = contents(path);
	if (!text)
		snprintf(s->error, sizeof(s->error), "%s: cannot be read",
			 path);
	else
		add_text(s, keep(s, strdup(name)), keep(s, text));
}

static struct scenario *new_scenario(const char *dir)
{
	struct scenario *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->dir = dir;
	return s;
}

struct scenario *scenario_read(const char *dir, const char *file)
{
	struct scenario *s = new_scenario(dir);

	add_file(s, file);
	return s;
}

struct scenario *scenario_parse(const char *dir, const char *text)
{
	struct scenario *s = new_scenario(dir);

	add_text(s, "text", keep(s, strdup(text)));
	return s;
}

void scenario_free(struct scenario *s)
{
	while (s->ntexts)
		free(s->text[--s->ntexts]);
	free(s);
}
