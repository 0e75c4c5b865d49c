/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios (tests/scenario/names.scenario says what they look like) on the
 * model: what a file says, and what comes of running it.
 *
 *	value.c		names and expressions
 *	parse.c		files
 *	steps.c		statements, but for
 *	request.c	those by which devices make requests
 *	run.c		tests, and what is expected of them
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "../model.h"

#define WORDS	16	/* of a line */

struct line {
	const char *file;
	unsigned number, n;
	char *word[WORDS];
	char *comment;
	bool misuse;
	unsigned nmark;		/* words of a line `model' behind it */
	char *mark[WORDS];
};

struct name {
	const char *text;
	uint64_t value;
};

#define NAMES	300
struct names {
	struct name list[NAMES];
	unsigned n;
};

/* A routine or a test. */
struct body {
	const struct line *head, *on;	/* NULL: on all machines */
	const struct line *first;
	unsigned n;
};

#define LINES	4000
#define BODIES	400
#define TEXTS	20
struct scenario {
	char *text[TEXTS];	/* which all words are in */
	unsigned ntexts;
	struct line lines[LINES];
	unsigned nlines;
	struct body bodies[BODIES];
	unsigned nbodies;
	struct names names, offsets, widths;	/* the latter of registers */
	const struct line *machines[16], *devices[16];
	unsigned nmachines, ndevices;
	const struct line *on;	/* of tests that do not say */
	const char *dir;
	char error[300];	/* the first; "": none */
};

/* A number, a name, or a sum of such; false: it is none. */
bool names_value(const struct names *names, const char *word, uint64_t *v);
bool names_find(const struct names *names, const char *text, uint64_t *v);
bool names_set(struct names *names, const char *text, uint64_t v);

/* Reads a file and those that it uses; or a text, which uses files of that
 * folder. */
struct scenario *scenario_read(const char *dir, const char *file);
struct scenario *scenario_parse(const char *dir, const char *text);
void scenario_free(struct scenario *s);
const struct body *scenario_routine(const struct scenario *s,
				    const char *name, const char *machine);
bool body_is_for(const struct body *b, const char *machine);

struct counts {
	unsigned tests, steps, expectations, choices, unlike;
};

struct page_of {
	const char *name;
	physaddr_t at;
	bool frame;
};

#define PAGES	64
/* A test that is being run. */
struct run {
	const struct scenario *s;
	const struct line *machine, *line;
	struct machine *m;
	struct model_unit *u;
	struct owner *o;
	struct names names;
	struct page_of pages[PAGES];
	unsigned npages;
	bool keeps;		/* the unit caches whatever it may */
	uint32_t written;	/* the last dword that a device wrote */
	struct counts *counts;
	char why[300];		/* it failed; "": it did not */
};

/* Runs a test on a machine; false: it failed, *why and *where say how. */
struct outcome {
	const struct line *where;
	char why[420];
};
bool scenario_run(const struct scenario *s, const struct body *test,
		  const struct line *machine, struct counts *counts,
		  struct outcome *o);

void run_fail(struct run *r, const char *fmt, ...) printf_like(2, 3);
uint64_t run_value(struct run *r, const char *word);
uint64_t run_register(struct run *r, const char *name, unsigned *width);
void run_write(struct run *r, const char *name, uint64_t v);
uint64_t run_read(struct run *r, const char *name);
const struct page_of *run_frame(struct run *r, const char *name);
/* What was found, held against what the line expects. */
#define RESULT	96
void run_compare(struct run *r, const char *got);

/* Carries out the line's statement; false: there is no such. */
bool step(struct run *r);
void request(struct run *r);		/* the statement dma */
bool parse_function(const char *text, uint16_t *sid);

#endif
