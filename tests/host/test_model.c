/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VT-d model against the specification: a judge must itself be judged.
 * Each table, cache and check is shown to bite.  The tests stand in model/, a
 * subject a file; nothing of the driver is linked here.
 */
#include "model/selftest.h"

int main(void)
{
	int failed;

	failed = model_register_tests();
	failed += model_table_tests();
	failed += model_cache_tests();
	failed += model_memory_tests();
	failed += model_queue_tests();
	failed += model_fault_tests();
	failed += model_device_tests();
	failed += model_ats_tests();
	failed += model_protect_tests();
	return failed != 0;
}
