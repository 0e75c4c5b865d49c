/* SPDX-License-Identifier: BSD-2-Clause */
/* The faces of fmt.c, and messages to people. */
#include <lib.h>

int snprint(char *buf, size_t len, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprint(buf, len, fmt, args);
	va_end(args);
	return n;
}

int fprint(int fd, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vfprint(fd, fmt, args);
	va_end(args);
	return n;
}

void print(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vfprint(1, fmt, args);
	va_end(args);
	if (n < 0)
		fatal("%r");
}

/* The message is made whole first, so that it is one write. */
static void message(const char *fmt, va_list args)
{
	char text[512];

	vsnprint(text, sizeof(text), fmt, args);
	fprint(2, "%s: %s\n", argv0, text);
}

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(fmt, args);
	va_end(args);
}

void fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(fmt, args);
	va_end(args);
	exit(1);
}

void usage(const char *form)
{
	fprint(2, "usage: %s %s\n", argv0, form);
	exit(2);
}
