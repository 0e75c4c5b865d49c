/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab: tries out what a device can reach.  It starts processes, hands QEMU's
 * edu device to them, and lets them map, fill, check, protect and unmap memory
 * while the device reads and writes.  Commands, each of which is answered by a
 * line, stand on lines of their own or between semicolons:
 *
 *	new P			a process with that name
 *	attach P [unsafe]	gives it the device; detach takes it back
 *	own P BDF		gives it another device
 *	kill P, become P	ends it, or lets it execute /bin/sleep
 *	frame PID ADDR		the frame under a page of that process
 *	maps PID TEXT, pages PID TEXT	its first line there with that text
 *	end PID			ends a process, a worker's child
 *	pause MILLISECONDS
 *	quarantine strict|lazy	when unmapped pages are flushed
 *	check			whether the kernel finds all as it must be
 *	P COMMAND ...		lets it do one of:
 *	  map B PAGES [pinned], unmap B, protect B none|r|rw, fill B BYTE,
 *	  check B BYTE [LEN], addr B, frame B, grab FRAME B: memory with names
 *	  open: the device that it was given
 *	  dma read|write B|ADDR [LEN], start ..., busy, finish: a transfer
 *	  device [BYTE]: the device's own buffer
 *	  notes, fork, fork B (during a transfer to it), exit
 */
#include "lab.h"

#define MAX_PROCS 8

struct proc {
	char name[16];
	int pid;		/* 0: not in use */
	int fd;			/* commands to it, answers from it */
	struct lines answers;
};

static struct proc procs[MAX_PROCS];
static char bdf[BDF_LEN];

static struct proc *find(const char *name)
{
	for (unsigned i = 0; i < MAX_PROCS; i++)
		if (procs[i].pid && !strcmp(procs[i].name, name))
			return &procs[i];
	return NULL;
}

static void forget(struct proc *p)
{
	close(p->fd);
	lines_free(&p->answers);
	p->pid = 0;
}

/* Its files are the pipe alone, so that it hears when we end. */
static _Noreturn void become_worker(int fd)
{
	if (dup(fd, 0) < 0 || dup(fd, 1) < 0)
		exit(1);
	for (int i = 3; i < 16; i++)
		close(i);
	worker();
}

static void do_new(const char *name)
{
	struct proc *p = procs;
	int fd[2];

	while (p < procs + MAX_PROCS && p->pid)
		p++;
	if (p == procs + MAX_PROCS || find(name) || pipe(fd) < 0) {
		print("new: not %s\n", name);
		return;
	}
	p->pid = fork();
	if (p->pid == 0)
		become_worker(fd[1]);
	close(fd[1]);
	p->fd = fd[0];
	p->answers = (struct lines){ .fd = fd[0] };
	snprint(p->name, sizeof(p->name), "%s", name);
	if (p->pid < 0) {
		print("new: %r\n");
		forget(p);
		return;
	}
	print("%s: pid %d\n", name, p->pid);
}

static void do_kill(struct proc *p)
{
	char path[32];

	snprint(path, sizeof(path), "#proc/%d/note", p->pid);
	if (writefile(path, "kill") < 0)
		print("kill: %r\n");
	wait(NULL);
	print("%s: killed\n", p->name);
	forget(p);
}

/* Sends the command and shows the answer; none comes from a process that ends
 * or becomes another program. */
static void tell(struct proc *p, const char *command)
{
	char line[LINE_MAX], *answer;
	int n = snprint(line, sizeof(line), "%s\n", command);

	if (writeall(p->fd, line, (size_t)n) < 0 ||
	    lines_next(&p->answers, &answer) <= 0) {
		print("%s: gone\n", p->name);
		wait(NULL);
		forget(p);
		return;
	}
	print("%s: %s\n", p->name, answer);
}

/* Until it is what it becomes: its devices and memory are gone then. */
static void do_become(struct proc *p)
{
	char path[32], *text = NULL;

	tell(p, "exec");
	snprint(path, sizeof(path), "#proc/%d/status", p->pid);
	do {
		free(text);
		text = readfile(path, NULL);
	} while (text && strncmp(text, "sleep ", 6) != 0);
	free(text);
}

/* Until its memory is gone: then it is a zombie, or not even that. */
static void do_end(const char *pid)
{
	char path[64], *text;
	bool there;

	snprint(path, sizeof(path), "#proc/%s/note", pid);
	if (writefile(path, "kill") < 0) {
		print("end: %r\n");
		return;
	}
	snprint(path, sizeof(path), "#proc/%s/status", pid);
	do {
		text = readfile(path, NULL);
		there = text && !strstr(text, " zombie ");
		free(text);
	} while (there);
	print("end: ended\n");
}

/* The first line of #iommu/check that is not content. */
static void do_check(void)
{
	char *text = readfile("#iommu/check", NULL), *line = text, *end;

	for (; line && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (!strstr(line, ": ok"))
			break;
	}
	if (!text)
		print("check: %r\n");
	else
		print("check: %s\n", line && *line ? line : "all ok");
	free(text);
}

static void do_pause(const char *text)
{
	uint64_t ms = 0;

	if (parse_number(text, 10, 100000, &ms) < 0 || sleep_ms((long)ms) < 0)
		print("pause MILLISECONDS\n");
	else
		print("paused\n");
}

static void do_quarantine(const char *mode)
{
	if (writefile("#iommu/quarantine", mode) < 0)
		print("quarantine: %r\n");
	else
		print("written\n");
}

static void do_frame(const char *pid, const char *addr)
{
	uint64_t n, va;

	if (!addr || parse_number(pid, 10, INT32_MAX, &n) < 0 ||
	    parse_number(addr, 16, UINT64_MAX, &va) < 0)
		print("frame PID ADDR\n");
	else
		print("frame: %lx\n", frame_of((int)n, va));
}

static void do_line(const char *file, const char *pid, const char *what)
{
	char path[64], *text, *line, *end;
	size_t len;

	snprint(path, sizeof(path), "#proc/%s/%s", pid, file);
	text = readfile(path, NULL);
	line = text && what ? strstr(text, what) : NULL;
	if (!line) {
		print("%s: no such line\n", file);
		return;
	}
	while (line > text && line[-1] != '\n')
		line--;
	end = strchr(line, '\n');
	len = end ? (size_t)(end - line) : strlen(line);
	print("%s: %.*s\n", file, (int)len, line);
	free(text);
}

static void do_attach(struct proc *p, const char *words)
{
	if (drv_attach(bdf, p->pid, words) < 0)
		print("attach: %r\n");
	else
		tell(p, "open");
}

static void do_own(const struct proc *p, const char *other)
{
	if (!other || drv_attach(other, p->pid, "unsafe") < 0)
		print("own: %r\n");
	else
		print("own: it has %s\n", other);
}

static void command(char *line)
{
	char *arg = strchr(line, ' '), *more = NULL;
	struct proc *p = find(line);

	if (arg) {
		*arg++ = '\0';
		p = find(line);
	}
	if (p)
		return tell(p, arg ? arg : "notes");
	if (!strcmp(line, "detach")) {
		print(drv_detach(bdf) < 0 ? "detach: %r\n" : "detached\n");
		return;
	}
	if (arg && (more = strchr(arg, ' ')))
		*more++ = '\0';
	p = arg ? find(arg) : NULL;
	if (!strcmp(line, "new") && arg)
		do_new(arg);
	else if (!strcmp(line, "attach") && p)
		do_attach(p, more ? more : "");
	else if (!strcmp(line, "own") && p)
		do_own(p, more);
	else if (!strcmp(line, "kill") && p)
		do_kill(p);
	else if (!strcmp(line, "become") && p)
		do_become(p);
	else if (!strcmp(line, "check"))
		do_check();
	else if (!strcmp(line, "pause") && arg)
		do_pause(arg);
	else if (!strcmp(line, "quarantine") && arg)
		do_quarantine(arg);
	else if (!strcmp(line, "end") && arg)
		do_end(arg);
	else if ((!strcmp(line, "maps") || !strcmp(line, "pages")) && arg)
		do_line(line, arg, more);
	else if (!strcmp(line, "frame") && arg)
		do_frame(arg, more);
	else
		print("lab: what is %s?\n", line);
}

int main(void)
{
	struct lines in = { .fd = 0 };
	char *line, *next;

	if (drv_find(EDU_VENDOR, EDU_DEVICE, bdf) < 0)
		fatal("this machine has no edu device");
	while (lines_next(&in, &line) > 0)
		for (; line; line = next) {
			next = strstr(line, "; ");
			if (next) {
				*next = '\0';
				next += 2;
			}
			if (*line)
				command(line);
		}
	return 0;
}
