/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model and QEMU, held to the same scenarios: those of tests/scenario, of
 * which tests/scenario/test_scenario.py runs the other half.
 */
#include "scenario/scenario.h"

#include <glob.h>

#define DIR	"tests/scenario"

struct case_of {
	const struct scenario *s;
	const struct body *test;
	char name[120];
};

static struct counts counts;

static void fail_at(const struct outcome *o)
{
	fail_msg("%s:%u: %s: %s", o->where->file, o->where->number,
		 o->where->word[0], o->why);
}

static void holds(void **state)
{
	struct case_of *c = *state;
	struct outcome o;

	for (unsigned i = 0; i < c->s->nmachines; i++)
		if (body_is_for(c->test, c->s->machines[i]->word[1]) &&
		    !scenario_run(c->s, c->test, c->s->machines[i], &counts,
				  &o))
			fail_at(&o);
}

/* The runner itself: tests of wrong.scenario fail where they say. */

static const struct line *wrong_line(const struct body *test)
{
	for (unsigned i = 0; i < test->n; i++)
		if (!strcmp(test->first[i].comment, "wrong") ||
		    !strcmp(test->first[i].comment, "wrong on the model"))
			return &test->first[i];
	return NULL;
}

static void is_noticed(void **state)
{
	struct case_of *c = *state;
	const struct line *wrong = wrong_line(c->test);
	struct counts none = { 0 };
	struct outcome o;
	bool good;

	good = scenario_run(c->s, c->test, c->s->machines[0], &none, &o);
	if (!good && o.where != wrong)
		fail_at(&o);
	if (good && wrong)
		fail_msg("%s:%u: not noticed", wrong->file, wrong->number);
}

static void is_refused(void **state)
{
	static const char *const texts[] = {
		"unheard of", "let A B", "let A 1 2", "register A 1",
		"machine wide", "use nothing", "on nothing",
		"test x\nunheard of", "test x\nwrite GCMD",
		"test x\nwrite GCMD 1 2",
		"test x\nqemu = 1 # nothing before it",
		"test x\nmemory 0 = 0\nqemu = 1",
		"test x\nmemory 0 = 0\nqemu 1 # why", "test x\non nothing",
		"test x\nmisuse",
	};
	struct scenario *s;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		s = scenario_parse(DIR, texts[i]);
		if (!s->error[0])
			fail_msg("\"%s\" is let through", texts[i]);
		scenario_free(s);
	}
}

static void name_case(struct case_of *c, const struct line *head)
{
	size_t at = 0;

	for (unsigned w = 1; w < head->n && at < sizeof(c->name); w++)
		at += (size_t)snprintf(c->name + at, sizeof(c->name) - at,
				       "%s%s", w > 1 ? " " : "",
				       head->word[w]);
}

static int run_file(const char *dir, const char *file,
		    void (*test)(void **state))
{
	static struct CMUnitTest tests[BODIES];
	static struct case_of cases[BODIES];
	struct scenario *s = scenario_read(dir, file);
	unsigned n = 0;
	int failed = 1;

	for (unsigned i = 0; i < s->nbodies; i++) {
		const struct body *b = &s->bodies[i];

		if (strcmp(b->head->word[0], "test"))
			continue;
		cases[n] = (struct case_of){ .s = s, .test = b };
		name_case(&cases[n], b->head);
		tests[n] = (struct CMUnitTest){
			.name = cases[n].name, .test_func = test,
			.initial_state = &cases[n],
		};
		n++;
	}
	if (s->error[0])
		fprintf(stderr, "%s\n", s->error);
	else
		failed = n ? _cmocka_run_group_tests(file, tests, n, NULL,
						     NULL) : 0;
	scenario_free(s);
	return failed;
}

int main(void)
{
	const struct CMUnitTest files[] = {
		cmocka_unit_test_prestate(is_refused, NULL),
	};
	int failed = 0;
	glob_t found;

	if (glob(DIR "/*.scenario", 0, NULL, &found))
		return 1;
	for (size_t i = 0; i < found.gl_pathc; i++)
		failed += run_file(DIR, strrchr(found.gl_pathv[i], '/') + 1,
				   holds);
	globfree(&found);
	failed += run_file(DIR "/wrong", "wrong.scenario", is_noticed);
	failed += cmocka_run_group_tests_name("scenario files", files, NULL,
					      NULL);
	printf("scenarios on the model: %u tests, %u steps, %u expectations; "
	       "the specification leaves a choice in %u, the model knows less "
	       "in %u\n", counts.tests, counts.steps, counts.expectations,
	       counts.choices, counts.unlike);
	return failed != 0;
}
