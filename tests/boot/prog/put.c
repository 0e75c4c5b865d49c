/* SPDX-License-Identifier: BSD-2-Clause */
/* put FILE TEXT: writes the text in one write, with \n, \0, \t and \xHH. */
#include <lib.h>

static int hex(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

int main(int argc, char **argv)
{
	char text[1024];
	size_t n = 0;
	int fd;

	if (argc != 3)
		usage("FILE TEXT");
	for (char *s = argv[2]; *s && n < sizeof(text); s++) {
		if (*s != '\\') {
			text[n++] = *s;
			continue;
		}
		s++;
		if (*s == 'x') {
			text[n++] = (char)(hex(s[1]) << 4 | hex(s[2]));
			s += 2;
		} else {
			text[n++] = *s == 'n' ? '\n' : *s == 't' ? '\t' :
				*s == '0' ? '\0' : *s;
		}
	}
	fd = open(argv[1], OWRITE);
	if (fd < 0 || write(fd, text, n) != (long)n)
		fatal("%r");
	return 0;
}
