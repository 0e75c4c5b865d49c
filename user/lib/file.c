/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files and directories at once. */
#include <lib.h>

char *readall(int fd, size_t *n)
{
	size_t size = 4096, len = 0;
	char *buf = malloc(size + 1);
	long got = 0;

	while (buf && (got = read(fd, buf + len, size - len)) > 0) {
		char *more = buf;

		len += (size_t)got;
		if (len == size) {
			size *= 2;
			more = realloc(buf, size + 1);
		}
		if (!more)
			free(buf);
		buf = more;
	}
	if (buf && got < 0) {
		free(buf);
		return NULL;
	}
	if (buf)
		buf[len] = '\0';
	if (n)
		*n = len;
	return buf;
}

char *readfile(const char *path, size_t *n)
{
	int fd = open(path, OREAD);
	char *text;

	if (fd < 0)
		return NULL;
	text = readall(fd, n);
	close(fd);
	return text;
}

int writeall(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		long put = write(fd, p, len);

		if (put <= 0)
			return -1;
		p += put;
		len -= (size_t)put;
	}
	return 0;
}

int writefile(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, OWRITE);
	long put;

	if (fd < 0)
		return -1;
	put = write(fd, text, len);
	close(fd);
	return put == (long)len ? 0 : -1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct dir *)a)->name,
		      ((const struct dir *)b)->name);
}

struct dir *readdir(const char *path, size_t *n)
{
	size_t bytes;
	struct dir *d = (struct dir *)readfile(path, &bytes);

	if (!d)
		return NULL;
	*n = bytes / sizeof(*d);
	qsort(d, *n, sizeof(*d), by_name);
	return d;
}
