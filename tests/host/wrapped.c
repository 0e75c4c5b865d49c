/* SPDX-License-Identifier: BSD-2-Clause */
/* Which test runs, and whether it is listed (wrapped.h). */
#define _GNU_SOURCE
#include <errno.h>

#include "wrapped.h"

WRAPPED(int, _cmocka_run_group_tests, const char *name,
	const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup,
	CMFixtureFunction teardown);

static const struct CMUnitTest *current;

static const char *program(void)
{
	return strchr(program_invocation_short_name, '_') + 1;
}

bool is_listed(void)
{
	for (size_t i = 0; i < nexceptions; i++)
		if (!strcmp(exceptions[i].program, program()) &&
		    !strcmp(exceptions[i].test, current->name))
			return true;
	return false;
}

static int setup(void **state)
{
	current = *state;
	*state = current->initial_state;
	return current->setup_func ? current->setup_func(state) : 0;
}

static bool has_test(const struct CMUnitTest *tests, size_t n, const char *name)
{
	while (n--)
		if (!strcmp(tests[n].name, name))
			return true;
	return false;
}

static void check_list(const struct CMUnitTest *tests, size_t n)
{
	for (size_t i = 0; i < nexceptions; i++)
		if (!strcmp(exceptions[i].program, program()) &&
		    !has_test(tests, n, exceptions[i].test)) {
			fprintf(stderr, "%s: there is no %s\n",
				program_invocation_short_name,
				exceptions[i].test);
			exit(1);
		}
}

int __wrap__cmocka_run_group_tests(const char *name,
				   const struct CMUnitTest *tests, size_t n,
				   CMFixtureFunction before,
				   CMFixtureFunction after)
{
	struct CMUnitTest *list = calloc(n, sizeof(*list));
	int failed;

	check_list(tests, n);
	for (size_t i = 0; i < n; i++) {
		list[i] = tests[i];
		list[i].setup_func = setup;
		list[i].initial_state = (void *)(uintptr_t)&tests[i];
	}
	failed = __real__cmocka_run_group_tests(name, list, n, before, after);
	free(list);
	return !wrapped_report(program_invocation_short_name) || failed;
}
