/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * echo [-n] WORD...: the words and, without -n, a newline, in one write: a
 * control file takes each write as a command, also an empty one.
 */
#include <lib.h>

int main(int argc, char **argv)
{
	bool newline = argc < 2 || strcmp(argv[1], "-n") != 0;
	int first = newline ? 1 : 2;
	size_t size = 1, len = 0;
	char *text;

	for (int i = first; i < argc; i++)
		size += strlen(argv[i]) + 1;
	text = malloc(size);
	if (!text)
		fatal("%r");
	for (int i = first; i < argc; i++) {
		size_t n = strlen(argv[i]);

		if (i > first)
			text[len++] = ' ';
		memcpy(text + len, argv[i], n);
		len += n;
	}
	if (newline)
		text[len++] = '\n';
	long put = write(1, text, len);

	if (put < 0)
		fatal("%r");
	if ((size_t)put < len)
		fatal("wrote %ld of %lu bytes", put, len);
	return 0;
}
