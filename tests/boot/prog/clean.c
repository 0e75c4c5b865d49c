/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clean MIB MILLISECONDS: takes that much memory, preferably what was freed
 * last, and looks for so long whether anybody writes to it.
 */
#include <lib.h>

#define MIB (1024ul * 1024)

static size_t first_bad(const uint64_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && !p[i])
		i++;
	return i;
}

int main(int argc, char **argv)
{
	uint64_t mib, ms;
	uint64_t *p;
	int64_t end;
	size_t n, at;

	if (argc != 3 || parse_number(argv[1], 10, 4096, &mib) < 0 ||
	    parse_number(argv[2], 10, 100000, &ms) < 0)
		usage("MIB MILLISECONDS");
	end = nsec() + (int64_t)ms * 1000000;
	n = mib * MIB / sizeof(*p);
	p = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE,
		 MAP_ANON | MAP_PINNED, -1, 0);
	if (!p)
		fatal("%r");
	do {
		at = first_bad(p, n);
		if (at < n)
			fatal("%p is %lx", &p[at], p[at]);
	} while (nsec() < end);
	print("clean\n");
	return 0;
}
