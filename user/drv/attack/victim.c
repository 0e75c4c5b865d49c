/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The victim, who is eve: a process with memory of its own and a device of its
 * own, which takes the frames that the attacker had, and detaches the
 * attacker's device when the attack is about that.
 */
#include "attack.h"

#define TAKES	(1ul << 20)	/* at a time, to have a certain frame there */
#define TAKES_MOST	(64ul << 20)
#define TAKES_SOME	(8ul << 20)	/* to see whether it is to be had */

static uint8_t *taken;		/* room for TAKES_MOST */
static size_t taken_len;
static uint64_t frame;		/* that the attacker had */

void victim_init(void)
{
	victims = drv_memory(PAGE);
	if (!victims)
		fatal("%r");
	memset(victims, THEIRS, PAGE);
	taken_len = 0;
	frame = 0;
}

static char *pages_of(int pid)
{
	char path[32], *text;

	snprint(path, sizeof(path), "#proc/%d/pages", pid);
	text = readfile(path, NULL);
	if (!text)
		fatal("%r");
	return text;
}

/* A line of #proc/N/pages is an address and a frame, or "root" and that; the
 * next one, split in two. */
static bool next_pair(char **at, char **first, uint64_t *second)
{
	char *line = *at, *end = strchr(line, '\n'), *blank;

	if (!end)
		return false;
	*at = end + 1;
	*end = '\0';
	*first = line;
	blank = strchr(line, ' ');
	*second = 0;
	if (!blank)
		return true;
	*blank++ = '\0';
	blank[strcspn(blank, " ")] = '\0';
	if (parse_number(blank, 16, UINT64_MAX, second) < 0)
		*second = 0;
	return true;
}

/* What stands behind that word; 0: nothing. */
static uint64_t behind(int pid, const char *word)
{
	char *text = pages_of(pid), *at = text, *first;
	uint64_t second, found = 0;

	while (next_pair(&at, &first, &second))
		if (!strcmp(first, word))
			found = second;
	free(text);
	return found;
}

static uint64_t frame_under(int pid, uint64_t addr)
{
	char word[24];

	snprint(word, sizeof(word), "%lx", addr);
	return behind(pid, word);
}

static bool have_frame(void)
{
	char *text = pages_of(getpid()), *at = text, *first;
	uint64_t second;
	bool found = false;

	while (next_pair(&at, &first, &second))
		found |= second == frame && strcmp(first, "root");
	free(text);
	return found;
}

/* Page by page, as what comes first out of large frames is not what has been
 * given back last. */
static void take_more(void)
{
	memset(taken + taken_len, THEIRS, TAKES);
	taken_len += TAKES;
}

/* Takes memory until the attacker's frame is the victim's.  Without it there is
 * nothing that the attack could hit. */
void victim_takes_frame(void)
{
	do {
		if (taken_len == TAKES_MOST)
			fatal("frame 0x%lx is lost", frame);
		take_more();
	} while (!have_frame());	/* which takes memory, too */
	print("frame 0x%lx is the victim's now\n", frame);
}

/* It may still be somebody else's; 1: it is not. */
static uint64_t take_some(void)
{
	for (size_t n = 0; n < TAKES_SOME; n += TAKES) {
		take_more();
		if (have_frame())
			return 1;
	}
	return 0;
}

static uint64_t unmaps_lazily(void)
{
	char *text = readfile("#iommu/quarantine", NULL);
	uint64_t lazily = text && !strncmp(text, "lazy", 4);

	free(text);
	return lazily;
}

/* So that the kernel needs no memory of its own for it then: for the region,
 * the page tables, the text of have_frame(). */
void victim_is_set(void)
{
	taken = mmap(NULL, TAKES_MOST, PROT_READ | PROT_WRITE, MAP_ANON, -1, 0);
	if (!taken)
		fatal("%r");
	for (size_t i = 0; i < TAKES_MOST; i += TAKES)
		taken[i] = THEIRS;
	(void)have_frame();
}

static bool all_theirs(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != THEIRS)
			return false;
	return true;
}

/* If /bin is another one for it, too, it is put right. */
static bool names_unchanged(void)
{
	struct dir d;

	return stat("/bin/attack", &d) >= 0 || unmount("/tmp", "/bin") < 0;
}

bool victim_unchanged(void)
{
	return all_theirs(victims, PAGE) &&
		all_theirs(taken, taken_len) &&
		names_unchanged();
}

/* Its device, as if it were the next owner; 0: not refused. */
static uint64_t take_device(void)
{
	if (drv_detach(mine) < 0)
		fatal("%r");
	if (drv_attach(mine, getpid(), "") == 0)
		return 0;
	print("refused: %r\n");
	return 1;
}

/* What the attacker has asked for. */
uint64_t victim_answers(int pid, const char *line)
{
	const char *arg = strchr(line, ' ');
	uint64_t n = 0;

	if (!arg || parse_number(arg + 1, 16, UINT64_MAX, &n) < 0)
		fatal("asked for %s", line);
	switch (line[0]) {
	case 'f':		/* which frame is under that page */
		return frame = frame_under(pid, n);
	case 'r':		/* take it */
		victim_takes_frame();
		return 1;
	case 'h':		/* have it already */
		return take_some();
	case 'q':		/* how it unmaps */
		return unmaps_lazily();
	case 't':		/* where its page tables are */
		return behind(pid, "root");
	case 'v':		/* where its own page is */
		return frame_under(getpid(), (uintptr_t)victims);
	case 'd':		/* detach */
		return drv_detach(mine) == 0;
	case 'n':		/* take the device */
		return take_device();
	default:
		return 0;
	}
}
