/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a file by lines of any length. */
#include <lib.h>

/* Reads more behind what is there: 1, 0 at the end, -1. */
static int fill(struct lines *l)
{
	long got;

	memmove(l->buf, l->buf + l->start, l->end - l->start);
	l->end -= l->start;
	l->start = 0;
	if (l->size - l->end < 2) {
		size_t size = l->size ? 2 * l->size : 1024;
		char *more = realloc(l->buf, size);

		if (!more)
			return -1;
		l->buf = more;
		l->size = size;
	}
	got = read(l->fd, l->buf + l->end, l->size - l->end - 1);
	if (got <= 0)
		return (int)got;
	l->end += (size_t)got;
	return 1;
}

int lines_next(struct lines *l, char **line)
{
	size_t seen = 0;

	for (;;) {
		size_t len = l->end - l->start;
		char *at = l->buf + l->start;
		char *newline = memchr(at + seen, '\n', len - seen);
		int more;

		if (newline) {
			*newline = '\0';
			l->start += (size_t)(newline + 1 - at);
			*line = at;
			return 1;
		}
		seen = len;
		more = fill(l);
		if (more < 0)
			return -1;
		if (more == 0)
			break;
	}
	if (l->end == l->start)
		return 0;
	l->buf[l->end] = '\0';
	*line = l->buf + l->start;
	l->start = l->end;
	return 1;
}

void lines_free(struct lines *l)
{
	free(l->buf);
	*l = (struct lines){ .fd = -1 };
}
