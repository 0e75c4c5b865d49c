/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records, as files such as #iommu/units have them: one a line, a subject and
 * then fields with a blank between:
 *
 *	unit0 base=0xfed90000 state=failed failure="invalidation wait"
 *
 * A value in quotes may hold blanks and quotes; it is the line's last.  A word
 * without "=" is a field without a value, as the name of an event is.  Nothing
 * here trusts the text.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_FIELDS	48

struct record {
	const char *subject;
	unsigned n;
	struct {
		const char *key;
		const char *value;	/* NULL: a word alone */
	} fields[RECORD_FIELDS];
};

/* Takes a line, without its newline, apart; the record points into it.  NULL,
 * or why it is no record; an empty line is one without subject ("") and
 * fields. */
const char *record_parse(char *line, struct record *r);

/* The value of the first field of that name; NULL: there is none. */
const char *record_get(const struct record *r, const char *key);
/* Likewise; "?" instead of NULL. */
const char *record_text(const struct record *r, const char *key);
/* A value that is a number: decimal, or 0x and hexadecimal.  -1: there is none
 * there, and *n is as it was. */
int record_number(const struct record *r, const char *key, uint64_t *n);
/* Likewise; 0 instead of -1. */
uint64_t record_count(const struct record *r, const char *key);
/* The value is that text. */
bool record_is(const struct record *r, const char *key, const char *text);

/* A list is words with commas between, "-" an empty one.  The next word of it,
 * cut to what the buffer holds; false: there is none.  *list moves behind. */
bool list_next(const char **list, char *word, size_t size);
bool list_has(const char *list, const char *word);

/* All records of a text, which is taken apart; empty lines are left out, and
 * those that are none are shown to odd(), with their number from 1 on.  In
 * malloc'd memory; NULL: there is not enough. */
struct record *records_parse(char *text, size_t *n,
			     void (*odd)(void *arg, size_t line,
					 const char *why), void *arg);

#endif
