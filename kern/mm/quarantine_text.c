/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of quarantines (quarantine.h), in and out; pure. */
#include <quarantine.h>

#define FORM	"write strict, or lazy [pages=N] [ms=N] [share=N]"

/* The word at *s, blanks before it skipped; its length. */
static size_t word_at(const char **s)
{
	size_t n = 0;

	while (**s == ' ' || **s == '\t')
		(*s)++;
	while ((*s)[n] && (*s)[n] != ' ' && (*s)[n] != '\t')
		n++;
	return n;
}

/* What stands behind `name` at s; NULL: something else stands there. */
static const char *behind(const char *s, const char *name)
{
	while (*name && *s == *name)
		s++, name++;
	return *name ? NULL : s;
}

static void add_word(struct text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text_add(t, "%c", s[i]);
}

static bool is_word(const char *s, size_t n, const char *word)
{
	return behind(s, word) == s + n;
}

/* The bounds, in the order in which a list of them has them. */
enum bound { PAGES, MS, SHARE, BOUNDS };
static const struct {
	const char *name;
	uint64_t most;
	const char *why;
} bounds[BOUNDS] = {
	{ "pages=", QUARANTINE_MAX_PAGES, "pages are 1 to 1048576" },
	{ "ms=", QUARANTINE_MAX_MS, "milliseconds are 1 to 1000" },
	{ "share=", QUARANTINE_MAX_PAGES, "a share is 1 to 1048576 pages" },
};

static const char *parse_bound(const char **s, enum bound b,
			       struct quarantine_mode *mode)
{
	uint64_t v;

	if (!parse_number(s, 10, bounds[b].most, &v) || !v)
		return bounds[b].why;
	if (b == PAGES)
		mode->pages = v;
	else if (b == MS)
		mode->ms = (unsigned)v;
	else
		mode->share = v;
	return NULL;
}

/* One "name=N"; said: those that came before. */
static const char *parse_setting(const char *s, size_t n, unsigned *said,
				 struct quarantine_mode *mode)
{
	const char *value = NULL, *why;
	enum bound b = 0;

	while (b < BOUNDS && !(value = behind(s, bounds[b].name)))
		b++;
	if (!value || *said & 1u << b)
		return "only pages=, ms= and share= may follow lazy, once";
	*said |= 1u << b;
	why = parse_bound(&value, b, mode);
	return why ? why : value != s + n ? bounds[b].why : NULL;
}

static const char *check_share(const struct quarantine_mode *mode)
{
	return mode->share > mode->pages ?
		"a share is no more than the pages in all" : NULL;
}

const char *quarantine_parse(const char *s, struct quarantine_mode *mode,
			     struct text *subject)
{
	size_t n = word_at(&s);
	unsigned said = 0;
	const char *why;

	if (!is_word(s, n, "strict") && !is_word(s, n, "lazy")) {
		add_word(subject, s, n);
		return FORM;
	}
	mode->lazy = is_word(s, n, "lazy");
	while (s += n, (n = word_at(&s))) {
		why = mode->lazy ? parse_setting(s, n, &said, mode) :
			"nothing may follow strict";
		if (why) {
			add_word(subject, s, n);
			return why;
		}
	}
	return check_share(mode);
}

const char *quarantine_parse_bounds(const char *s,
				    struct quarantine_mode *mode)
{
	const char *why;

	for (enum bound b = 0; b < BOUNDS; b++) {
		why = parse_bound(&s, b, mode);
		if (why)
			return why;
		if (*s++ != (b + 1 < BOUNDS ? ',' : '\0'))
			return "three numbers: PAGES,MS,SHARE";
	}
	return check_share(mode);
}

void quarantine_format(struct text *t, const struct quarantine_state *s)
{
	if (s->mode.lazy)
		text_add(t, "lazy pages=%lu ms=%u share=%lu\n", s->mode.pages,
			 s->mode.ms, s->mode.share);
	else
		text_add(t, "strict\n");
	text_add(t, "pages %lu\nfull %lu\nold %lu\nshort %lu\nother %lu\n",
		 s->pages, s->flushes[QUARANTINE_FULL],
		 s->flushes[QUARANTINE_OLD], s->flushes[QUARANTINE_SHORT],
		 s->flushes[QUARANTINE_OTHER]);
}
