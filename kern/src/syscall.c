/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls: the table, and those about processes and memory. */
#include <arch.h>
#include <aspace.h>
#include <chan.h>
#include <fd.h>
#include <kmalloc.h>
#include <mmu.h>
#include <proc.h>
#include <string.h>
#include <syscall.h>
#include <timer.h>

#define SYSCALL_LEN 2	/* bytes of the instruction */

static const syscall_fn table[NSYSCALL] = {
	[SYS_exit] = sys_exit,
	[SYS_rfork] = sys_rfork,
	[SYS_exec] = sys_exec,
	[SYS_wait] = sys_wait,
	[SYS_getpid] = sys_getpid,
	[SYS_sleep] = sys_sleep,
	[SYS_nsec] = sys_nsec,
	[SYS_errstr] = sys_errstr,
	[SYS_notify] = sys_notify,
	[SYS_noted] = sys_noted,
	[SYS_open] = sys_open,
	[SYS_create] = sys_create,
	[SYS_close] = sys_close,
	[SYS_pread] = sys_pread,
	[SYS_pwrite] = sys_pwrite,
	[SYS_seek] = sys_seek,
	[SYS_dup] = sys_dup,
	[SYS_pipe] = sys_pipe,
	[SYS_stat] = sys_stat,
	[SYS_fstat] = sys_fstat,
	[SYS_remove] = sys_remove,
	[SYS_chdir] = sys_chdir,
	[SYS_fd2path] = sys_fd2path,
	[SYS_bind] = sys_bind,
	[SYS_unmount] = sys_unmount,
	[SYS_poll] = sys_poll,
	[SYS_mmap] = sys_mmap,
	[SYS_munmap] = sys_munmap,
	[SYS_mprotect] = sys_mprotect,
};

void syscall(struct trapframe *tf)
{
	struct sysargs s = {
		.tf = tf,
		.a = { tf->rdi, tf->rsi, tf->rdx, tf->r10, tf->r8, tf->r9 },
	};
	uint64_t n = tf->rax;

	/* exec and noted replace the frame, rax included. */
	tf->rax = 0;
	if (n < NSYSCALL && table[n])
		tf->rax |= (uint64_t)table[n](&s);
	else
		tf->rax = (uint64_t)(long)error(ENOSYS, "no system call %lu",
						n);
}

char *user_path(uint64_t ptr)
{
	char *path = kmalloc(PATHLEN);

	if (!path) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	if (copy_string_from_user(path, ptr, PATHLEN) < 0) {
		kfree(path);
		return NULL;
	}
	return path;
}

long sys_exit(struct sysargs *s)
{
	proc_exit((int)s->a[0], NULL);
}

long sys_rfork(struct sysargs *s)
{
	int pid = proc_rfork((int)s->a[0]);

	if (pid != -EAGAIN)
		return pid;
	s->tf->rip -= SYSCALL_LEN;
	return SYS_rfork;
}

struct args {
	char *argv[MAX_ARGS + 1];
	char text[ARGS_MAX];
};

static int copy_args(struct args *args, uint64_t ptr)
{
	size_t used = 0;
	uint64_t arg;
	ssize_t len;
	int err;

	for (unsigned i = 0; i <= MAX_ARGS; i++) {
		err = copy_from_user(&arg, ptr + i * 8, 8);
		if (err)
			return err;
		if (!arg)
			return i ? 0 : error(EINVAL, "exec: no arguments");
		if (i == MAX_ARGS || used == ARGS_MAX)
			break;
		len = copy_string_from_user(args->text + used, arg,
					    ARGS_MAX - used);
		if (len < 0)
			return (int)len;
		args->argv[i] = args->text + used;
		used += (size_t)len + 1;
	}
	return error(EINVAL, "exec: more than %u arguments or %lu bytes",
		     MAX_ARGS, ARGS_MAX);
}

long sys_exec(struct sysargs *s)
{
	struct args *args = kmalloc(sizeof(*args));
	char *path = args ? user_path(s->a[0]) : NULL;
	int err = path ? copy_args(args, s->a[1]) : -ENOMEM;

	if (!args)
		error(ENOMEM, "no memory");
	if (!err)
		err = proc_exec(path, args->argv);
	kfree(path);
	kfree(args);
	return err;
}

long sys_wait(struct sysargs *s)
{
	struct waitmsg m;
	int pid = proc_wait(&m), err = 0;

	if (pid > 0 && s->a[0])
		err = copy_to_user(s->a[0], &m, sizeof(m));
	return err ? err : pid;
}

long sys_getpid(struct sysargs *s)
{
	(void)s;
	return current_proc()->pid;
}

long sys_sleep(struct sysargs *s)
{
	static struct waitq nobody = WAITQ(nobody, "sleep");
	uint64_t ms = MIN(s->a[0], UINT64_MAX / NSEC_PER_MSEC / 2);
	int err = wait_until(&nobody, false, nsec() + ms * NSEC_PER_MSEC);

	return err == -ETIMEDOUT ? 0 : err;
}

long sys_nsec(struct sysargs *s)
{
	(void)s;
	return (long)nsec();
}

/* Gives the text without making a new one. */
long sys_errstr(struct sysargs *s)
{
	const char *text = current_kthread()->errstr;
	char copy[ERRMAX];
	size_t n = MIN(s->a[1], sizeof(copy));

	if (!n)
		return 0;
	strlcpy(copy, text, n);
	return copy_to_user(s->a[0], copy, strlen(copy) + 1);
}

long sys_notify(struct sysargs *s)
{
	if (s->a[0] >= BAR_END)
		return error(EINVAL, "notify: bad handler 0x%lx", s->a[0]);
	current_proc()->handler = s->a[0];
	return 0;
}

long sys_noted(struct sysargs *s)
{
	return note_return(s->tf, (int)s->a[0]);
}

static long map_file(uint64_t len, int prot, int flags, int fd, uint64_t off)
{
	struct chan *c = fd_chan(fd);
	long at;

	if (!c)
		return -EBADF;
	if (flags & ~(MAP_UNCACHED | MAP_BELOW(0xff)))
		at = error(EINVAL, "mmap: %s: flags 0x%x", c->path, flags);
	else if (!c->dev->mmap)
		at = error(EINVAL, "mmap: %s: cannot be mapped", c->path);
	else if ((prot & PROT_WRITE) && (c->mode & OMODE) != ORDWR)
		at = error(EPERM, "mmap: %s: not open for writing", c->path);
	else
		at = c->dev->mmap(c, current_proc()->as, len, prot, flags, off);
	chan_put(c);
	return at;
}

long sys_mmap(struct sysargs *s)
{
	int prot = (int)s->a[2], flags = (int)s->a[3];

	if (!(flags & MAP_ANON))
		return map_file(s->a[1], prot, flags, (int)s->a[4], s->a[5]);
	if (flags & ~(MAP_ANON | MAP_FIXED | MAP_PINNED | MAP_BELOW(0xff)))
		return error(EINVAL, "mmap: flags 0x%x", flags);
	return aspace_mmap(current_proc()->as, s->a[0], s->a[1], prot, flags);
}

long sys_munmap(struct sysargs *s)
{
	return aspace_munmap(current_proc()->as, s->a[0], s->a[1]);
}

long sys_mprotect(struct sysargs *s)
{
	return aspace_mprotect(current_proc()->as, s->a[0], s->a[1],
			       (int)s->a[2]);
}
