/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seeds FOLDER: writes each table of tests/host/dmar/tables.c into a file
 * there, for the fuzzer to begin with.
 */
#include "../dmar/dmar_test.h"

static bool write_table(const char *folder, unsigned int which)
{
	char path[4096];
	struct image m;
	FILE *f;
	bool ok;

	image_table(&m, which);
	snprintf(path, sizeof(path), "%s/table-%02u", folder, which);
	f = fopen(path, "wb");
	if (f == NULL)
		return false;
	ok = fwrite(m.bytes, 1, m.len, f) == m.len;
	return fclose(f) == 0 && ok;
}

int main(int argc, char **argv)
{
	bool ok = argc == 2;

	for (unsigned int i = 0; ok && i < table_count; i++)
		ok = write_table(argv[1], i);
	return ok ? 0 : 1;
}
