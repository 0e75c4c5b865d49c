/* SPDX-License-Identifier: BSD-2-Clause */
/* What the loader told us, copied out of memory that will be reused. */
#ifndef LOADER_H
#define LOADER_H

#include <types.h>

#define MAX_MEM_RANGES	64
#define CMDLINE_LEN	1024

struct mem_range {
	physaddr_t start, end;
};

struct loader_info {
	struct mem_range ram[MAX_MEM_RANGES];
	unsigned nram;
	physaddr_t rsdp;	/* 0: the firmware's area is to be searched */
	char cmdline[CMDLINE_LEN];
	bool cmdline_cut;
};
extern struct loader_info loader;

/*
 * The words of the command line.  cmdline_get: the text behind "name=", or ""
 * for the bare word; NULL: not given.  Each word is declared before that in
 * the table of cmdline.c; unknown ones are named in the log.
 */
void cmdline_parse(void);
const char *cmdline_get(const char *name);

#endif
