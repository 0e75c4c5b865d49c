/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Children.  The kernel gives the ended ones in an order of its own; what
 * became of those in the background is kept here until it is asked for, of
 * the last JOBS of them.
 */
#include "sh.h"

enum { JOBS = 64, KILLED = 128 };

static struct job {
	int pid;		/* 0: none */
	bool ended;
	int status;
} jobs[JOBS];

static struct job *find_job(int pid)
{
	for (struct job *j = jobs; j < jobs + JOBS; j++)
		if (j->pid == pid)
			return j;
	return NULL;
}

void job_started(int pid)
{
	static unsigned turn;
	struct job *j = find_job(0);

	if (!j)
		j = &jobs[turn++ % JOBS];
	*j = (struct job){ .pid = pid };
}

static int status_of(const struct waitmsg *m)
{
	return m->msg[0] ? KILLED : m->status;
}

static void job_ended(const struct waitmsg *m)
{
	struct job *j = find_job(m->pid);

	if (j) {
		j->ended = true;
		j->status = status_of(m);
	}
}

/* Waits on when an interrupt comes: it is for the child, who may take it. */
static int wait_on(struct waitmsg *m)
{
	int pid;

	do
		pid = wait(m);
	while (pid < 0 && take_interrupt());
	return pid;
}

int await(int pid)
{
	struct waitmsg m;
	int got;

	while ((got = wait_on(&m)) != pid) {
		if (got < 0) {
			warn("wait: %r");
			return 1;
		}
		job_ended(&m);
	}
	if (strcmp(m.msg, "interrupt") == 0)
		shell.interrupted = shell.interactive;
	else if (m.msg[0])
		warn("%d: %s", pid, m.msg);
	return status_of(&m);
}

/* One more has ended: true.  An interrupt ends the waiting. */
static bool wait_for_one(void)
{
	struct waitmsg m;

	if (wait(&m) < 0) {
		shell.interrupted = take_interrupt();
		return false;
	}
	job_ended(&m);
	return true;
}

int wait_for_all(void)
{
	while (wait_for_one())
		;
	if (shell.interrupted)
		return KILLED;
	memset(jobs, 0, sizeof(jobs));
	return 0;
}

int wait_for(const char *text)
{
	uint64_t pid;
	struct job *j;
	int status;

	if (parse_number(text, 10, INT32_MAX, &pid) < 0 || pid == 0 ||
	    !(j = find_job((int)pid))) {
		warn("wait: %s: no such job", text);
		return 127;
	}
	while (!j->ended)
		if (!wait_for_one())
			return KILLED;
	status = j->status;
	j->pid = 0;
	return status;
}

/* Has it ended, so that wait does not block?  The fifth word of its status
 * says so. */
static bool is_zombie(int pid)
{
	char path[PATHLEN];
	char *text, *p;
	bool zombie;

	snprint(path, sizeof(path), "#proc/%d/status", pid);
	text = p = readfile(path, NULL);
	if (!text)
		return false;
	for (int i = 0; i < 4; i++) {
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	zombie = strncmp(p, "zombie", 6) == 0;
	free(text);
	return zombie;
}

void reap_jobs(void)
{
	for (struct job *j = jobs; j < jobs + JOBS; j++)
		while (j->pid && !j->ended && is_zombie(j->pid))
			if (!wait_for_one())
				return;
}

/* Ends as that child did, so that whoever waits for us sees the same. */
void exit_like(const struct waitmsg *m)
{
	char path[PATHLEN];

	if (!m->msg[0])
		exit(m->status);
	notify(NULL);
	snprint(path, sizeof(path), "#proc/%d/note", getpid());
	if (writefile(path, m->msg) < 0)
		warn("%d: %s", m->pid, m->msg);
	exit(KILLED);
}
