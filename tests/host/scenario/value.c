/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and the sums that scenarios write numbers as. */
#include "scenario.h"

/* Where it is, or would be. */
static unsigned place(const struct names *names, const char *text)
{
	unsigned i = 0;

	while (i < names->n && strcmp(names->list[i].text, text))
		i++;
	return i;
}

bool names_find(const struct names *names, const char *text, uint64_t *v)
{
	unsigned i = place(names, text);

	if (i == names->n)
		return false;
	*v = names->list[i].value;
	return true;
}

bool names_set(struct names *names, const char *text, uint64_t v)
{
	unsigned i = place(names, text);

	if (i == NAMES)
		return false;
	names->list[i] = (struct name){ text, v };
	names->n += i == names->n;
	return true;
}

static bool number(const char *word, uint64_t *v)
{
	char *end;

	*v = strtoull(word, &end, 0);
	return !*end;
}

/* NAME.2M, NAME.in2M and the like: *size, and whether it is the rest. */
static bool part_of(const char *part, uint64_t *size, bool *in)
{
	*in = !strncmp(part, "in", 2);
	if (*in)
		part += 2;
	*size = !strcmp(part, "2M") ? 1ul << 21 : !strcmp(part, "1G") ?
		1ul << 30 : 0;
	return *size;
}

static bool atom(const struct names *names, char *word, uint64_t *v)
{
	uint64_t size = 1;
	bool in = false;
	char *dot;

	if (*word >= '0' && *word <= '9')
		return number(word, v);
	dot = strchr(word, '.');
	if (dot) {
		*dot = 0;
		if (!part_of(dot + 1, &size, &in))
			return false;
	}
	if (!names_find(names, word, v))
		return false;
	*v = in ? *v % size : *v / size * size;
	return true;
}

/* A=N, A<<N, or one alone. */
static bool term(const struct names *names, char *word, uint64_t *v)
{
	char *sign = strpbrk(word, "=<");
	bool shift = sign && *sign == '<';
	uint64_t n;

	if (!sign)
		return atom(names, word, v);
	if (shift && sign[1] != '<')
		return false;
	*sign = 0;
	if (!atom(names, word, v) || !atom(names, sign + 1 + shift, &n))
		return false;
	*v = shift ? *v << n : *v * n;
	return true;
}

bool names_value(const struct names *names, const char *word, uint64_t *v)
{
	char how = '+', part[64];
	uint64_t t;
	size_t len;

	*v = 0;
	for (;;) {
		len = strcspn(word, "|+-");
		if (!len || len >= sizeof(part))
			return false;
		memcpy(part, word, len);
		part[len] = 0;
		if (!term(names, part, &t))
			return false;
		*v = how == '|' ? *v | t : how == '-' ? *v - t : *v + t;
		if (!word[len])
			return true;
		how = word[len];
		word += len + 1;
	}
}
