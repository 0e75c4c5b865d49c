/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of a scenario on the model, each on three units: one that keeps in its
 * caches whatever it may and is done at once, one that does so and takes its
 * time, and one that keeps nothing.  A line with `or' is held to its first
 * alternative on those that keep: that is how the model is meant to be.
 */
#include "scenario.h"

static const struct kind {
	const char *name;
	struct policy policy;
} kinds[] = {
	{ "keeps all, at once", { 0, KEEP_ALL, LEAVE_NEVER } },
	{ "keeps all", { 5, KEEP_ALL, LEAVE_NEVER } },
	{ "keeps nothing", { 3, KEEP_NOTHING, LEAVE_NEVER } },
};

void run_fail(struct run *r, const char *fmt, ...)
{
	va_list args;

	if (r->why[0])
		return;
	va_start(args, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, args);
	va_end(args);
}

/* What is expected, in the form in which it is found. */
static void canonical(struct run *r, char *const *words, unsigned n,
		      char *text)
{
	if (n == 2 && !strcmp(words[0], "fault"))
		snprintf(text, RESULT, "fault 0x%lx", run_value(r, words[1]));
	else if (n != 1)
		run_fail(r, "%s: not understood", n ? words[0] : "nothing");
	else if (!strcmp(words[0], "none") || !strcmp(words[0], "refused"))
		strcpy(text, words[0]);
	else if (strcmp(r->line->word[0], "dma"))
		snprintf(text, RESULT, "0x%lx", run_value(r, words[0]));
	else if (run_frame(r, words[0]))
		snprintf(text, RESULT, "%s", words[0]);
	else
		run_fail(r, "%s: no outcome", words[0]);
}

static unsigned find_word(const struct line *l, unsigned from,
			  const char *what)
{
	while (from < l->n && strcmp(l->word[from], what))
		from++;
	return from;
}

/* One that the model is known to fail must fail as known. */
static void compare_marked(struct run *r, const char *got, const char *first)
{
	char known[RESULT] = "";

	canonical(r, r->line->mark + 1, r->line->nmark - 1, known);
	r->counts->unlike++;
	if (strcmp(got, known))
		run_fail(r, "%s, but the model used to show %s", got, known);
	else if (!strcmp(first, known))
		run_fail(r, "the model does as it should");
}

void run_compare(struct run *r, const char *got)
{
	struct line l = *r->line;
	unsigned from = find_word(&l, 1, strcmp(l.word[0], "dma") ? "=" :
				  "->") + 1;
	unsigned to = find_word(&l, from, "or");
	char first[RESULT] = "", second[RESULT] = "";

	canonical(r, l.word + from, to > from ? to - from : 0, first);
	if (to < l.n)
		canonical(r, l.word + to + 1, l.n - to - 1, second);
	if (r->why[0])
		return;
	r->counts->expectations++;
	r->counts->choices += to < l.n;
	if (l.nmark)
		compare_marked(r, got, first);
	else if (strcmp(got, first) && (r->keeps || strcmp(got, second)))
		run_fail(r, "%s, but expected is %s%s%s", got, first,
			 *second ? " or " : "", second);
}

/* Misuse is a violation, all else is none. */
static void check_violations(struct run *r)
{
	struct machine *m = r->m;

	if (!r->line->misuse && m->violations)
		run_fail(r, "software may not do that: %s", m->violation);
	if (r->line->misuse && !m->violations)
		run_fail(r, "the model takes that for proper use");
	m->violations = 0;
}

static void run_body(struct run *r, const struct body *b);

static void run_line(struct run *r)
{
	const struct line *l = r->line;
	const struct body *routine;

	if (!strcmp(l->word[0], "do")) {
		routine = scenario_routine(r->s, l->word[1],
					   r->machine->word[1]);
		if (routine)
			run_body(r, routine);
		else
			run_fail(r, "%s: no such routine", l->word[1]);
		return;
	}
	r->counts->steps++;
	if (l->nmark && !strcmp(l->mark[0], "not")) {
		r->counts->unlike++;
		return;
	}
	if (!step(r))
		run_fail(r, "not understood");
	check_violations(r);
}

static void run_lines(struct run *r, const struct line *l, unsigned n);

/* each NAME N N-M ...: the lines behind it, for each number. */
static void run_each(struct run *r, const struct line *l, unsigned n)
{
	unsigned long first, last;

	for (unsigned i = 2; i < l->n; i++) {
		if (sscanf(l->word[i], "%lu-%lu", &first, &last) < 2)
			last = first = strtoul(l->word[i], NULL, 0);
		for (; first <= last && !r->why[0]; first++) {
			names_set(&r->names, l->word[1], first);
			run_lines(r, l + 1, n - 1);
		}
	}
}

static void run_lines(struct run *r, const struct line *l, unsigned n)
{
	for (; n && !r->why[0]; l++, n--) {
		r->line = l;
		if (!strcmp(l->word[0], "each")) {
			run_each(r, l, n);
			return;
		}
		run_line(r);
	}
}

static void run_body(struct run *r, const struct body *b)
{
	run_lines(r, b->first, b->n);
}

static void add_devices(struct run *r)
{
	uint16_t sid = 0;

	model_bridge(r->m, 0, 0, 6, 0, BRIDGE_PORT, 1, 1);
	for (unsigned i = 0; i < r->s->ndevices; i++) {
		if (!parse_function(r->s->devices[i]->word[1], &sid))
			run_fail(r, "no device");
		model_function(r->m, 0, sid >> 8, sid >> 3 & 31, sid & 7,
			       FN_MASTERING, r->u)->holder = r->o;
	}
}

static void no_handler(void *arg)
{
	(void)arg;
}

static void add_vectors(struct machine *m)
{
	uint64_t addr;
	uint32_t data;

	while (m->nvectors < VECTORS)
		assert_int_equal(os_irq(no_handler, NULL, "", &addr, &data),
				 0);
}

/* machine NAME version V cap V ecap V qemu OPTIONS */
static void start(struct run *r, const struct kind *kind)
{
	char *const *w = r->machine->word;

	r->m = model_start(1);
	r->u = model_unit(r->m, 0xfed90000, 0, (uint32_t)run_value(r, w[3]),
			  run_value(r, w[5]), run_value(r, w[7]));
	r->u->tolerant = true;
	r->m->policy = kind->policy;
	r->keeps = r->u->collapse = kind->policy.keep == KEEP_ALL;
	r->o = owner_new("the devices'");
	add_devices(r);
	add_vectors(r->m);
}

static bool run_once(const struct scenario *s, const struct body *test,
		     const struct line *machine, const struct kind *kind,
		     struct counts *counts, struct outcome *o)
{
	struct run *r = calloc(1, sizeof(*r));
	bool good;

	assert_non_null(r);
	*r = (struct run){ .s = s, .machine = machine, .line = test->head,
			   .names = s->names, .counts = counts };
	start(r, kind);
	run_body(r, test);
	good = !r->why[0];
	o->where = r->line;
	snprintf(o->why, sizeof(o->why), "%s (%s, %s)", r->why,
		 machine->word[1], kind->name);
	model_stop(r->m);
	owner_free(r->o);
	free(r);
	return good;
}

bool scenario_run(const struct scenario *s, const struct body *test,
		  const struct line *machine, struct counts *counts,
		  struct outcome *o)
{
	struct counts others = { 0 };

	counts->tests++;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!run_once(s, test, machine, &kinds[i],
			      i ? &others : counts, o))
			return false;
	return true;
}
