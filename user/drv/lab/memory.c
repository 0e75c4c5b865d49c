/* SPDX-License-Identifier: BSD-2-Clause */
/* Which frames are under a process's pages: #proc/N/pages, whose lines are
 * ADDRESS FRAME RIGHTS. */
#include "lab.h"

/* The numbers of a line; false: it is another line. */
static bool split(char *line, uint64_t *va, uint64_t *pa)
{
	char *blank = strchr(line, ' ');
	char *end = blank ? strchr(blank + 1, ' ') : NULL;

	if (!end)
		return false;
	*blank = *end = '\0';
	return parse_number(line, 16, UINT64_MAX, va) >= 0 &&
		parse_number(blank + 1, 16, UINT64_MAX, pa) >= 0;
}

/* By the page's address or, if that is 0, by its frame: the other one. */
static uint64_t look_up(int pid, uint64_t addr, uint64_t frame)
{
	char path[32], *text, *line, *next;
	uint64_t va, pa, found = 0;

	snprint(path, sizeof(path), "#proc/%d/pages", pid);
	text = readfile(path, NULL);
	for (line = text; line && (next = strchr(line, '\n')); line = next) {
		*next++ = '\0';
		if (!split(line, &va, &pa))
			continue;
		if (addr && va == (addr & ~4095ul))
			found = pa;
		if (!addr && pa == frame)
			found = va;
	}
	free(text);
	return found;
}

uint64_t frame_of(int pid, uint64_t addr)
{
	return look_up(pid, addr, 0);
}

uint64_t page_over(int pid, uint64_t frame)
{
	return look_up(pid, 0, frame);
}
