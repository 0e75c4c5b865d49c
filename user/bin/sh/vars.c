/* SPDX-License-Identifier: BSD-2-Clause */
/* Variables: the shell's own alone, programs get none. */
#include "sh.h"

struct variable {
	struct variable *next;
	char *value;
	char name[];
};

static struct variable *variables;

static struct variable *find(const char *name, size_t len)
{
	struct variable *v = variables;

	while (v && (strncmp(v->name, name, len) != 0 || v->name[len]))
		v = v->next;
	return v;
}

int set_variable(const char *name, size_t len, const char *value)
{
	struct variable *v = find(name, len);
	char *copy = strdup(value);

	if (copy && !v && (v = calloc(1, sizeof(*v) + len + 1))) {
		memcpy(v->name, name, len);
		v->next = variables;
		variables = v;
	}
	if (!copy || !v) {
		warn("out of memory");
		free(copy);
		return -1;
	}
	free(v->value);
	v->value = copy;
	return 0;
}

static const char *argument(int n)
{
	for (int i = 0; shell.args[i]; i++)
		if (i == n)
			return shell.args[i];
	return NULL;
}

static const char *number(int n)
{
	static char text[16];

	snprint(text, sizeof(text), "%d", n);
	return text;
}

const char *get_variable(const char *name)
{
	struct variable *v;

	if (*name == '?')
		return number(shell.status);
	if (*name == '$')
		return number(shell.pid);
	if (*name == '!')
		return shell.background ? number(shell.background) : NULL;
	if (*name >= '0' && *name <= '9')
		return argument(*name - '0');
	v = find(name, strlen(name));
	return v ? v->value : NULL;
}
