/* SPDX-License-Identifier: BSD-2-Clause */
/* The shell's parts that need the kernel; those that do not are in parse.h
 * and lineedit.h. */
#ifndef SH_H
#define SH_H

#include <lib.h>
#include "parse.h"

struct shell {
	bool interactive;	/* has the console: edits lines, hands it on */
	bool login;		/* the console's outermost shell */
	bool interrupted;	/* by Ctrl-C: give the line up */
	int pid;		/* also its note group, if interactive */
	int status;		/* $? */
	int background;		/* $! */
	char **args;		/* $0, $1, ..., NULL */
};
extern struct shell shell;

/* main.c: whether an interrupt has come since this was asked last */
bool take_interrupt(void);

/* exec.c */
void run_text(const char *text);
int exec_program(char **argv);	/* returns $? when it cannot */

/* redirect.c */
int redirect(struct arena *a, const struct redirect *r); /* -1: has said why */
int move_fd(int from, int to);		/* dup and close, if they differ */
void save_fds(const struct redirect *r);	/* what redirect will change */
void restore_fds(void);			/* as they were saved, or */
void forget_fds(void);			/* leaves them as they are */

/* jobs.c: children, and what became of them */
int await(int pid);			/* its status; says if a note did it */
int wait_for(const char *pid);		/* wait PID */
int wait_for_all(void);			/* wait */
void job_started(int pid);
void reap_jobs(void);
_Noreturn void exit_like(const struct waitmsg *m);

/* console.c */
bool is_console(int fd);
bool may_control(void);			/* its modes, and who has it */
void give_console(int group);		/* which Ctrl-C then interrupts */
char *console_line(void);		/* NULL: no more will come */

/* builtin.c */
typedef int builtin_fn(char **argv);
builtin_fn *find_builtin(const char *name);

/* vars.c */
int set_variable(const char *name, size_t len, const char *value);
lookup_fn get_variable;

#endif
