/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the files that show units, devices, spaces and walks: what a
 * file says, and a machine with several units. */
#ifndef SEE_BENCH_H
#define SEE_BENCH_H

#include "bench.h"

#include <dmar_text.h>
#include <iommu_text.h>
#include <pciown_text.h>

#define THREE_CAP	0xc9008020260202	/* 3 levels, 4 KiB */
#define POOR_ECAP	0xf0101a
#define RICH_CAP	0xd2008c40660462	/* 4 levels, 2 MiB and 1 GiB */
#define RICH_ECAP	0xf050db
#define BIG		(2ul << 20)
#define BIG_VA		(6ul << 30)

/* What the last one said; begin() is for the next. */
extern char text[65536];
struct text *begin(void);
const char *file(void (*make)(struct text *t));
/* The line that begins with that subject. */
const char *line(void (*make)(struct text *t), const char *subject);
/* The file has that field, in the subject's line; or not even that. */
void has(void (*make)(struct text *t), const char *subject, const char *field);
void lacks(void (*make)(struct text *t), const char *subject, const char *part);
/* A walk; how it ends. */
const char *way(struct function *f, const char *addr);
void blocked(struct function *f, const char *addr, const char *why);

/* Two units of segment 0, one of segment 2, and a function without one. */
extern struct machines {
	struct bench b;
	struct function *three, *rich, *other, *alone, *bridge, *behind;
	struct model_unit *u[3];
} x;
void open_machine(void);

#endif
