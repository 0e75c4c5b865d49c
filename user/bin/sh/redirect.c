/* SPDX-License-Identifier: BSD-2-Clause */
/* Redirections: made for good in a child, undone again for a builtin. */
#include "sh.h"

enum { DIGITS = 10, UNTOUCHED = -2 };

/* What was behind the descriptors before; -1: it was not open. */
static int saved[DIGITS];

/* An existing file is opened, as a device's file can be nothing else; only
 * what is not there is created. */
static int open_output(const char *path, int mode)
{
	struct dir d;
	int fd = open(path, mode);

	if (fd < 0 && stat(path, &d) < 0)
		fd = create(path, mode & ~OTRUNC, 0666);
	return fd;
}

static int open_target(enum token_kind kind, const char *target)
{
	uint64_t n;

	switch (kind) {
	case T_IN:
		return open(target, OREAD);
	case T_OUT:
		return open_output(target, OWRITE | OTRUNC);
	case T_APPEND:
		return open_output(target, OWRITE | OAPPEND);
	default:
		/* What is no number is no open file, either. */
		if (parse_number(target, 10, INT32_MAX, &n) < 0)
			n = INT32_MAX;
		return dup((int)n, -1);
	}
}

int move_fd(int from, int to)
{
	int fd = from;

	if (from != to) {
		fd = dup(from, to);
		close(from);
	}
	return fd;
}

int redirect(struct arena *a, const struct redirect *r)
{
	for (; r; r = r->next) {
		const char *target = expand(a, r->target, get_variable);
		int fd;

		if (!target) {
			warn("out of memory");
			return -1;
		}
		fd = open_target(r->kind, target);
		if (fd >= 0)
			fd = move_fd(fd, r->fd);
		if (fd < 0) {
			warn("%s: %r", target);
			return -1;
		}
	}
	return 0;
}

/* They are kept where no redirection can reach. */
void save_fds(const struct redirect *r)
{
	for (int i = 0; i < DIGITS; i++)
		saved[i] = UNTOUCHED;
	for (; r; r = r->next)
		if (saved[r->fd] == UNTOUCHED)
			saved[r->fd] = MAX(dup(r->fd, DIGITS + r->fd), -1);
}

void restore_fds(void)
{
	for (int i = 0; i < DIGITS; i++) {
		if (saved[i] == -1)
			close(i);
		else if (saved[i] >= 0 && move_fd(saved[i], i) < 0)
			warn("%d: %r", i);
	}
}

void forget_fds(void)
{
	for (int i = 0; i < DIGITS; i++)
		if (saved[i] >= 0)
			close(saved[i]);
}
