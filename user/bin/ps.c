/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ps: the processes, by number.  /proc/N/status is one line:
 * NAME PID PPID USER STATE NOTEGROUP MILLISECONDS KIB
 */
#include <lib.h>

enum { NAME, PID, PPID, USER, STATE, GROUP, MS, KIB, NFIELDS };

struct process {
	uint64_t pid;
	char *field[NFIELDS];
};

static int split(char *text, char **field)
{
	int n = 0;

	for (;;) {
		text += strspn(text, " \n");
		if (!*text || n == NFIELDS)
			return n;
		field[n++] = text;
		text += strcspn(text, " \n");
		if (*text)
			*text++ = '\0';
	}
}

/* false: it is no process, or has ended meanwhile */
static bool read_status(struct process *p, const char *name)
{
	char path[PATHLEN];
	char *text;

	if (parse_number(name, 10, INT32_MAX, &p->pid) < 0)
		return false;
	snprint(path, sizeof(path), "/proc/%s/status", name);
	text = readfile(path, NULL);
	return text && split(text, p->field) == NFIELDS;
}

static int by_pid(const void *a, const void *b)
{
	uint64_t p = ((const struct process *)a)->pid;
	uint64_t q = ((const struct process *)b)->pid;

	return (p > q) - (p < q);
}

static void print_line(char *const *f)
{
	print("%5s %5s %-8s %-9s %5s %8s %7s %s\n", f[PID], f[PPID], f[USER],
	      f[STATE], f[GROUP], f[MS], f[KIB], f[NAME]);
}

int main(void)
{
	static char *const title[NFIELDS] = {
		"NAME", "PID", "PPID", "USER", "STATE", "GROUP", "MS", "KIB",
	};
	size_t n, found = 0;
	struct dir *d = readdir("/proc", &n);
	struct process *p = d ? calloc(n, sizeof(*p)) : NULL;

	if (!p)
		fatal("/proc: %r");
	for (size_t i = 0; i < n; i++)
		found += read_status(&p[found], d[i].name);
	qsort(p, found, sizeof(*p), by_pid);
	print_line(title);
	for (size_t i = 0; i < found; i++)
		print_line(p[i].field);
	return 0;
}
