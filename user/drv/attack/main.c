/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attack list | NAME [ADDR]: tries one row of tests/attack/table.
 *
 * Run by eve it is two processes: a victim, who stays eve, has memory and a
 * device of its own, and gives another device to the attacker; and the
 * attacker, who becomes the user none for good and drives that device.  Run as
 * none ("none attack NAME &") it is the attacker alone, and waits to be given
 * the device.
 *
 * A row that needs a physical address asks for it, unless ADDR is one
 * (hexadecimal), says when the device is done, and ends at the next line: so
 * that somebody can look at the target before and after.
 *
 * Exit status 0: the attacker has nothing to show, and the victim's memory is
 * as it was; 2: one of them is not so; 1: the attack could not be made.
 */
#include "attack.h"

#define THROUGH		2
#define GIVE_PATIENCE	20000		/* milliseconds */
#define IN_FLIGHT	300

char mine[BDF_LEN], theirs[BDF_LEN];
volatile uint8_t *regs;
uint8_t *victims;

static const char *name;
static int victim = -1;		/* a pipe, for the attacker */
static struct lines answers;
static uint64_t given;
static bool have_given, is_through;

static void say(const char *fmt, va_list args)
{
	char text[200];

	vsnprint(text, sizeof(text), fmt, args);
	print("%s: %s\n", name, text);
}

void said(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void through(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	is_through = true;
}

void tell(const char *what, uint64_t arg)
{
	char line[64];
	int len = snprint(line, sizeof(line), "%s %lx\n", what, arg);

	if (victim < 0)
		fatal("%s: there is no victim", what);
	if (writeall(victim, line, (size_t)len) < 0)
		fatal("%s: %r", what);
}

uint64_t told(void)
{
	uint64_t n = 0;
	char *text;
	int got;

	do
		got = lines_next(&answers, &text);
	while (got < 0);	/* a note about a fault came in between */
	if (!got || parse_number(text, 16, UINT64_MAX, &n) < 0)
		fatal("the victim does not answer");
	return n;
}

uint64_t ask(const char *what, uint64_t arg)
{
	if (have_given && (!strcmp(what, "where") || !strcmp(what, "look")))
		return given;
	tell(what, arg);
	return told();
}

/* The n'th of its kind, from 0 on. */
static bool find_device(enum device kind, unsigned n, char bdf[BDF_LEN])
{
	static const uint32_t ids[] = {
		[EDU] = 0x11e81234, [NVME] = 0x00101b36,
		[VIRTIO] = 0x10051af4, [HOST_BRIDGE] = 0x29c08086,
		[SDHCI] = 0x00071b36,
	};
	size_t count;
	struct dir *list = readdir("#pci", &count);

	for (size_t i = 0; list && i < count; i++)
		if (drv_config(list[i].name, 0, 4) == ids[kind] && !n--) {
			snprint(bdf, BDF_LEN, "%s", list[i].name);
			free(list);
			return true;
		}
	free(list);
	return false;
}

static const struct row *find_row(const struct row *rows)
{
	while (rows->name && strcmp(rows->name, name))
		rows++;
	return rows->name ? rows : NULL;
}

static void list_rows(void)
{
	for (const struct row *r = memory_rows; r->name; r++)
		print("%s\n", r->name);
	for (const struct row *r = file_rows; r->name; r++)
		print("%s\n", r->name);
}

/* The attacker, with its device. */
static _Noreturn void hostile(const struct row *r)
{
	drv_show_faults();
	if (r->device == EDU) {
		regs = drv_bar(mine, 0, NULL);
		if (!regs)
			fatal("%r");
	}
	r->run(r, given);
	if (r->asks && !have_given)
		ask("end", 0);
	exit(is_through ? THROUGH : 0);
}

static bool is_given(void)
{
	char text[32], want[32];
	int fd;
	long n;

	snprint(text, sizeof(text), "#pci/%s/status", mine);
	fd = open(text, OREAD);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	text[MAX(n, 0l)] = '\0';
	snprint(want, sizeof(want), "owner %d\n", getpid());
	return !strncmp(text, want, strlen(want));
}

static _Noreturn void alone(const struct row *r)
{
	print("%s: waits for %s\n", name, mine);
	for (int i = 0; i < GIVE_PATIENCE / 50 && !is_given(); i++)
		sleep_ms(50);
	if (!is_given())
		fatal("nobody gives %s to pid %d", mine, getpid());
	hostile(r);
}

static _Noreturn void attacker(const struct row *r, int fd)
{
	char *line;

	victim = fd;
	answers = (struct lines){ .fd = fd };
	if (writefile("#cons/user", "none") < 0)
		fatal("%r");
	if (writeall(fd, "ready 0\n", 8) < 0 ||
	    lines_next(&answers, &line) <= 0)
		exit(1);
	hostile(r);
}

/* From whoever sits at the terminal. */
static uint64_t from_terminal(const char *prompt)
{
	static struct lines in;
	uint64_t n = 0;
	char *line;

	print("%s: %s\n", name, prompt);
	if (lines_next(&in, &line) > 0 &&
	    parse_number(line, 16, UINT64_MAX, &n) < 0)
		n = 0;
	return n;
}

static uint64_t answer(int pid, const char *line)
{
	char path[32];

	if (!strncmp(line, "where", 5))
		return from_terminal("at which address?");
	if (!strncmp(line, "look", 4))
		return from_terminal("press return and it looks");
	if (!strncmp(line, "end", 3))
		return from_terminal("press return");
	if (!strncmp(line, "kill", 4)) {
		sleep_ms(20);
		snprint(path, sizeof(path), "#proc/%d/note", pid);
		if (writefile(path, "kill") < 0)
			warn("%r");
		return 0;
	}
	return victim_answers(pid, line);
}

/* Does what the attacker asks for, until he is gone; his status. */
static int serve(int pid, int fd)
{
	struct lines in = { .fd = fd };
	struct waitmsg m = { 0 };
	char text[32], *line;
	int n;

	while (lines_next(&in, &line) > 0) {
		n = snprint(text, sizeof(text), "%lx\n", answer(pid, line));
		if (!strncmp(line, "kill", 4) ||
		    writeall(fd, text, (size_t)n) < 0)
			break;
	}
	while (wait(&m) != pid)
		;
	if (*m.msg)
		print("%s: %s\n", name, m.msg);
	return *m.msg ? 0 : m.status;
}

/* It is none by then. */
static bool is_ready(int fd)
{
	struct lines in = { .fd = fd };
	char *line;
	bool ready = lines_next(&in, &line) > 0;

	lines_free(&in);
	return ready;
}

/* The victim; the attacker's status, or THROUGH if memory has changed. */
static int both(const struct row *r)
{
	int fd[2], pid, status;
	bool unchanged;

	victim_init();
	if (find_device(EDU, 1, theirs) &&
	    drv_attach(theirs, getpid(), "unsafe") < 0)
		fatal("%r");
	if (pipe(fd) < 0)
		fatal("%r");
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		attacker(r, fd[1]);
	}
	close(fd[1]);
	if (pid < 0 || !is_ready(fd[0]))
		fatal("no attacker: %r");
	if (drv_attach(mine, pid, "unsafe") < 0) {
		print("%s: %r\n", name);
		return 0;
	}
	victim_is_set();
	if (writeall(fd[0], "go\n", 3) < 0)
		fatal("%r");
	status = serve(pid, fd[0]);
	if (strstr(name, "-dma") && strcmp(name, "detach-dma") &&
	    strcmp(name, "fork-dma"))
		victim_takes_frame();
	sleep_ms(IN_FLIGHT);
	unchanged = victim_unchanged();
	print("%s: what is the victim's is %s\n", name,
	      unchanged ? "unchanged" : "CHANGED");
	return unchanged ? status : THROUGH;
}

int main(int argc, char **argv)
{
	const struct row *r;
	char *user;

	name = argc > 1 ? argv[1] : "";
	if (argc == 2 && !strcmp(name, "list")) {
		list_rows();
		return 0;
	}
	r = find_row(memory_rows);
	if (!r)
		r = find_row(file_rows);
	have_given = argc == 3;
	if (!r || argc > 3 || (have_given &&
	    parse_number(argv[2], 16, UINT64_MAX, &given) < 0))
		usage("list | NAME [ADDR]");
	if (!find_device(r->device, 0, mine))
		fatal("this machine has no device for that");
	user = readfile("#cons/user", NULL);
	if (user && !strncmp(user, "none", 4))
		alone(r);
	free(user);
	return both(r);
}
