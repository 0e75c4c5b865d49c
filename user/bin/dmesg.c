/* SPDX-License-Identifier: BSD-2-Clause */
/* dmesg: what the kernel has logged. */
#include <lib.h>

int main(void)
{
	size_t n;
	char *text = readfile("#cons/kmesg", &n);

	if (!text)
		fatal("#cons/kmesg: %r");
	if (writeall(1, text, n) < 0)
		fatal("%r");
	return 0;
}
