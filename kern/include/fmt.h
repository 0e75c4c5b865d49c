/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text out: snprintf's usual subset (d i u x c s p %, flags 0 and -, width,
 * precision of strings, l ll z).  Text in: whole numbers, nothing tolerated.
 */
#ifndef FMT_H
#define FMT_H

#include <types.h>

/* Writes at most n bytes, the NUL included; gives the length of the whole. */
int vsnprintf(char *to, size_t n, const char *fmt, va_list args);
int snprintf(char *to, size_t n, const char *fmt, ...) printf_like(3, 4);

/* A growing position in a buffer; what does not fit is dropped and noted. */
struct text {
	char *buf;
	size_t size, len;
	bool full;
};
void text_add(struct text *t, const char *fmt, ...) printf_like(2, 3);
void text_add_args(struct text *t, const char *fmt, va_list args);

/*
 * Records: a line each, a subject and then " key=value" fields.  One more item
 * of a list "a,b,c"; its end, "-" if there was none; a reason, which comes last
 * and may have blanks, if there is one.
 */
void text_item(struct text *t, bool *some, const char *fmt, ...)
	printf_like(3, 4);
void text_list_end(struct text *t, bool some);
void text_reason(struct text *t, const char *key, const char *why);

/* The number at *s in that base (10 or 16, no prefix), at most max; advances
 * *s.  false: no digit there, or the number is larger. */
bool parse_number(const char **s, unsigned base, uint64_t max, uint64_t *n);
/* The word at *s, blanks before it skipped, moved behind; `word` has room for all
 * of it.  false: there is none. */
bool text_word(const char **s, char *word);
/* What was written, as text of one line, of less than size bytes; NULL, or why
 * it cannot be one. */
const char *command_text(char *to, size_t size, const void *from, size_t n);

#endif
