/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DMAR parser (kern/drivers/acpi/dmar.c), unchanged, on the host, built
 * with the address and undefined-behaviour sanitizers.  The tests stand in
 * dmar/, a subject a file; this runs them, and then looks whether each error
 * that the parser knows was met by one of them.  Run it from the top of the
 * tree; what iasl makes goes to dmar/ beside the program.
 */
#include "dmar/dmar_test.h"

static void each_error_was_met_by_a_test(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < dmar_err_count; i++)
		if (errors_met[i] == 0)
			fail_msg("no test provoked: %s",
				 dmar_strerror((enum dmar_error)i));
}

static int dmar_errors_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_was_met_by_a_test),
	};

	return cmocka_run_group_tests_name("DMAR errors", tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	char out[1024];
	int failed;

	if (slash != NULL)
		snprintf(out, sizeof(out), "%.*s/dmar",
			 (int)(slash - argv[0]), argv[0]);
	else
		snprintf(out, sizeof(out), "dmar");
	failed = dmar_header_tests();
	failed += dmar_entry_tests();
	failed += dmar_scope_tests();
	failed += dmar_errors_tests();	/* before random damage adds more */
	failed += dmar_sweep_tests();
	failed += dmar_damage_tests();
	failed += dmar_iasl_tests(out);
	failed += dmar_corpus_tests();
	return failed != 0;
}
