/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running what parse has made.  A pipeline is a child of the shell: a single
 * program itself, or for several of them a process that starts them, waits,
 * and ends as the last one did.  In an interactive shell it has its own note
 * group, which has the console until it ends.
 */
#include "sh.h"

/* NULL, with a message: no memory */
static char **expand_words(struct arena *a, const struct word *w)
{
	size_t n = 0;
	char **argv;

	for (const struct word *v = w; v; v = v->next)
		n++;
	argv = arena_alloc(a, (n + 1) * sizeof(*argv));
	n = 0;
	for (; argv && w; w = w->next) {
		argv[n] = expand(a, w->text, get_variable);
		if (!argv[n])
			argv = NULL;
		else if (*argv[n] || has_quotes(w->text))
			n++;
		else
			argv[n] = NULL;
	}
	if (!argv)
		warn("out of memory");
	return argv;
}

/* Words that are all NAME=VALUE */
static bool is_assignment(const struct command *c)
{
	for (const struct word *w = c->words; w; w = w->next)
		if (!assignment(w->text))
			return false;
	return c->words && !c->redirects;
}

static int assign(struct arena *a, const struct word *w)
{
	for (; w; w = w->next) {
		const char *equals = assignment(w->text);
		const char *value = expand(a, equals + 1, get_variable);

		if (!value || set_variable(w->text, (size_t)(equals - w->text),
					   value) < 0)
			return 1;
	}
	return 0;
}

int exec_program(char **argv)
{
	const char *dir = strchr(argv[0], '/') ? "" : "/bin/";
	char path[PATHLEN];
	struct dir d;

	if (snprint(path, sizeof(path), "%s%s", dir, argv[0]) >= PATHLEN) {
		warn("%s: name too long", argv[0]);
		return 127;
	}
	exec(path, argv);
	if (stat(path, &d) < 0) {
		warn("%s: not found", argv[0]);
		return 127;
	}
	warn("%s: %r", argv[0]);
	return 126;
}

static _Noreturn void exec_command(struct arena *a, const struct command *c)
{
	static const struct waitmsg interrupt = { .msg = "interrupt" };
	char **argv = expand_words(a, c->words);
	builtin_fn *builtin;

	notify(NULL);
	if (take_interrupt())	/* it came before that */
		exit_like(&interrupt);
	if (!argv || redirect(a, c->redirects) < 0)
		exit(1);
	if (is_assignment(c) || !argv[0])
		exit(0);
	builtin = find_builtin(argv[0]);
	exit(builtin ? builtin(argv) : exec_program(argv));
}

static void connect(int from, int to)
{
	if (from >= 0 && move_fd(from, to) < 0)
		fatal("%d: %r", to);
}

/* A member of a pipeline: reads in, if that is not -1, and writes to a new
 * pipe, whose other end is left in *out, if out is not NULL. */
static int start_member(struct arena *a, const struct command *c, int in,
			int *out)
{
	int fd[2] = { -1, -1 };
	int pid;

	if (out && pipe(fd) < 0)
		fatal("pipe: %r");
	pid = fork();
	if (pid < 0)
		fatal("fork: %r");
	if (pid == 0) {
		if (out)
			close(fd[0]);
		connect(in, 0);
		connect(fd[1], 1);
		exec_command(a, c);
	}
	if (in >= 0)
		close(in);
	if (out) {
		close(fd[1]);
		*out = fd[0];
	}
	return pid;
}

static _Noreturn void run_members(struct arena *a, const struct command *c)
{
	struct waitmsg m, last = { 0 };
	int in = -1, pid, got;

	for (; c->next; c = c->next)
		start_member(a, c, in, &in);
	pid = start_member(a, c, in, NULL);
	do {
		got = wait(&m);
		if (got == pid)
			last = m;
	} while (got >= 0 || take_interrupt());
	exit_like(&last);
}

/* Runs it in this process, which is a child made for it. */
static _Noreturn void become(struct arena *a, const struct pipeline *p)
{
	shell.interactive = false;
	if (p->commands->next)
		run_members(a, p->commands);
	exec_command(a, p->commands);
}

/* Commands that must run in the shell itself; false: it is not one. */
static bool run_in_shell(struct arena *a, const struct command *c)
{
	char **argv = expand_words(a, c->words);
	builtin_fn *builtin = NULL;

	if (!argv) {
		shell.status = 1;
		return true;
	}
	if (is_assignment(c)) {
		shell.status = assign(a, c->words);
		return true;
	}
	if (argv[0] && !(builtin = find_builtin(argv[0])))
		return false;
	save_fds(c->redirects);
	shell.status = redirect(a, c->redirects) < 0;
	if (shell.status == 0 && builtin)
		shell.status = builtin(argv);
	restore_fds();
	return true;
}

/* The console is the child's.  An interrupt that came before it was meant for
 * the child too. */
static void lend_console(int pid)
{
	char path[PATHLEN];

	give_console(pid);
	snprint(path, sizeof(path), "#proc/%d/notepg", pid);
	if (take_interrupt())
		(void)!writefile(path, "interrupt");
}

static void run_foreground(struct arena *a, const struct pipeline *p)
{
	int pid = rfork(RFPROC | RFFDG | (shell.interactive ? RFNOTEG : 0));

	if (pid == 0)
		become(a, p);
	if (pid < 0) {
		warn("fork: %r");
		shell.status = 1;
		return;
	}
	if (shell.interactive)
		lend_console(pid);
	shell.status = await(pid);
	if (shell.interactive)
		give_console(shell.pid);
}

static void run_andor(struct arena *a, const struct pipeline *p)
{
	for (; p && !shell.interrupted; p = p->next) {
		if (p->when == IF_OK && shell.status != 0)
			continue;
		if (p->when == IF_FAILED && shell.status == 0)
			continue;
		if (p->commands->next || !run_in_shell(a, p->commands))
			run_foreground(a, p);
	}
}

static _Noreturn void become_background(struct arena *a,
					const struct pipeline *p)
{
	int fd = open("#cons/null", OREAD);

	if (fd < 0)
		fatal("#cons/null: %r");
	connect(fd, 0);
	if (!p->next)
		become(a, p);
	shell.interactive = false;
	notify(NULL);
	run_andor(a, p);
	exit(shell.status);
}

static void run_background(struct arena *a, const struct pipeline *p)
{
	int pid = rfork(RFPROC | RFFDG | RFNOTEG);

	if (pid == 0)
		become_background(a, p);
	if (pid < 0) {
		warn("fork: %r");
		shell.status = 1;
		return;
	}
	job_started(pid);
	shell.background = pid;
	shell.status = 0;
}

static void report(const struct syntax_error *e)
{
	char line[32] = "";

	if (e->line > 1)
		snprint(line, sizeof(line), "line %u: ", e->line);
	if (e->token)
		warn("%ssyntax error: %s `%s'", line, e->what, e->token);
	else
		warn("%ssyntax error: %s", line, e->what);
}

void run_text(const char *text)
{
	struct arena a = { 0 };
	struct syntax_error e;
	struct list *l;

	if (parse(text, &a, &l, &e) < 0) {
		report(&e);
		shell.status = 2;
		l = NULL;
	}
	for (; l && !shell.interrupted; l = l->next) {
		if (l->background)
			run_background(&a, l->pipelines);
		else
			run_andor(&a, l->pipelines);
	}
	arena_free(&a);
}
