/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library that each program is linked with: system calls, strings,
 * memory, and what is declared here.  Nothing in it is made for threads.
 */
#ifndef LIB_H
#define LIB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "sys.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* The program's name, for messages: the last element of argv[0]. */
extern const char *argv0;

/*
 * Formatted text: %d %u %x %p %s %c %%, and %r for the reason of the last
 * failed system call; l (or z) for long, a width, 0 and - before it, * for
 * an argument, .N for at most N bytes of a string.
 *
 * snprint never writes beyond buf[len - 1], ends the text with a NUL, and
 * returns how long the whole of it is.  fprint returns -1 when it could not
 * write all; print writes to fd 1 and ends the program when it cannot.
 */
int vsnprint(char *buf, size_t len, const char *fmt, va_list args);
int snprint(char *buf, size_t len, const char *fmt, ...);
int vfprint(int fd, const char *fmt, va_list args);
int fprint(int fd, const char *fmt, ...);
void print(const char *fmt, ...);

/* "PROGRAM: text" and a newline to fd 2; fatal then exits with status 1. */
void warn(const char *fmt, ...);
_Noreturn void fatal(const char *fmt, ...);
_Noreturn void usage(const char *form);	/* "usage: PROGRAM form", exit 2 */

/*
 * The number that text is, all of it, at most max.  base is 10, or 16 with
 * or without 0x before it.  -1: it is no such number, *n is as it was.
 */
int parse_number(const char *text, unsigned base, uint64_t max, uint64_t *n)
	must_check;

/* Paths */
const char *path_base(const char *path);	/* its last element */
/* "dir/name"; -1 (and errstr is not set): longer than len allows */
int path_join(char *buf, size_t len, const char *dir, const char *name)
	must_check;

/* Files.  readall and readfile give malloc'd memory with a NUL behind it,
 * NULL when it failed; n, if not NULL, gets its length. */
char *readall(int fd, size_t *n) must_check;
char *readfile(const char *path, size_t *n) must_check;
int writeall(int fd, const void *buf, size_t len) must_check;
/* One write of text into an existing file. */
int writefile(const char *path, const char *text) must_check;
/* The directory's entries by name, in malloc'd memory; NULL: failed. */
struct dir *readdir(const char *path, size_t *n) must_check;

/* Lines.  Start with { .fd = fd }; lines_next gives 1 and a line without its
 * newline, good until the next call; 0 at the end; -1 when it failed. */
struct lines {
	int fd;
	char *buf;
	size_t size, start, end;
};
int lines_next(struct lines *l, char **line) must_check;
void lines_free(struct lines *l);

#endif
