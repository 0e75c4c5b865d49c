/* SPDX-License-Identifier: BSD-2-Clause */
/* What the loader told us, copied out of memory that will be reused. */
#ifndef LOADER_H
#define LOADER_H

#include <types.h>

#define MAX_MEM_RANGES	128
#define CMDLINE_LEN	1024

struct mem_range {
	physaddr_t start, end;
};

/* A picture in memory, rows from the top; 0 in width: none. */
struct framebuffer {
	physaddr_t pa;
	uint32_t pitch;		/* bytes from one row to the next */
	uint32_t width, height;	/* in pixels */
	unsigned bytes;		/* of a pixel: 3 or 4 */
	uint32_t white;		/* a pixel with all colours at their most */
};

#define RSDP_LEN	36

struct loader_info {
	struct mem_range ram[MAX_MEM_RANGES];
	unsigned nram;
	bool ram_cut;		/* there was more memory than has room above */
	physaddr_t rsdp;	/* 0: the firmware's area is to be searched */
	uint8_t rsdp_copy[RSDP_LEN];	/* some loaders give that instead */
	bool has_rsdp_copy;
	char cmdline[CMDLINE_LEN];
	bool cmdline_cut;
	struct framebuffer screen;
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
