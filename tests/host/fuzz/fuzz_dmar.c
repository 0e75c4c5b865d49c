/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer on the DMAR parser: each input is walked as a table.  libFuzzer
 * hands it over in a block of exactly its size, so that the address sanitizer
 * sees every read outside it.
 */
#include "../dmar/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

void expect(bool ok)
{
	if (!ok)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	walk_table(bytes, len);
	return 0;
}
