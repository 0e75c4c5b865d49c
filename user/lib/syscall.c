/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls' stubs: one instruction, and a function for each call. */
#include <sys.h>

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static long call3(long number, long a, long b, long c)
{
	return call(number, a, b, c, 0, 0, 0);
}

void exit(int status)
{
	for (;;)
		call3(SYS_exit, status, 0, 0);
}

int rfork(int flags)
{
	return (int)call3(SYS_rfork, flags, 0, 0);
}

int fork(void)
{
	return rfork(RFPROC | RFFDG);
}

int exec(const char *path, char *const argv[])
{
	return (int)call3(SYS_exec, (long)path, (long)argv, 0);
}

int wait(struct waitmsg *msg)
{
	return (int)call3(SYS_wait, (long)msg, 0, 0);
}

int getpid(void)
{
	return (int)call3(SYS_getpid, 0, 0, 0);
}

int sleep_ms(long milliseconds)
{
	return (int)call3(SYS_sleep, milliseconds, 0, 0);
}

int64_t nsec(void)
{
	return call3(SYS_nsec, 0, 0, 0);
}

int errstr(char *buf, size_t len)
{
	return (int)call3(SYS_errstr, (long)buf, (long)len, 0);
}

int notify(note_handler *handler)
{
	return (int)call3(SYS_notify, (long)handler, 0, 0);
}

void noted(int how)
{
	call3(SYS_noted, how, 0, 0);
	exit(127);
}

int open(const char *path, int mode)
{
	return (int)call3(SYS_open, (long)path, mode, 0);
}

int create(const char *path, int mode, uint32_t perm)
{
	return (int)call3(SYS_create, (long)path, mode, perm);
}

int close(int fd)
{
	return (int)call3(SYS_close, fd, 0, 0);
}

long pread(int fd, void *buf, size_t len, int64_t offset)
{
	return call(SYS_pread, fd, (long)buf, (long)len, offset, 0, 0);
}

long pwrite(int fd, const void *buf, size_t len, int64_t offset)
{
	return call(SYS_pwrite, fd, (long)buf, (long)len, offset, 0, 0);
}

long read(int fd, void *buf, size_t len)
{
	return pread(fd, buf, len, -1);
}

long write(int fd, const void *buf, size_t len)
{
	return pwrite(fd, buf, len, -1);
}

int64_t seek(int fd, int64_t offset, int whence)
{
	return call3(SYS_seek, fd, offset, whence);
}

int dup(int old, int new)
{
	return (int)call3(SYS_dup, old, new, 0);
}

int pipe(int fd[2])
{
	return (int)call3(SYS_pipe, (long)fd, 0, 0);
}

int stat(const char *path, struct dir *d)
{
	return (int)call3(SYS_stat, (long)path, (long)d, 0);
}

int fstat(int fd, struct dir *d)
{
	return (int)call3(SYS_fstat, fd, (long)d, 0);
}

int remove(const char *path)
{
	return (int)call3(SYS_remove, (long)path, 0, 0);
}

int chdir(const char *path)
{
	return (int)call3(SYS_chdir, (long)path, 0, 0);
}

int fd2path(int fd, char *buf, size_t len)
{
	return (int)call3(SYS_fd2path, fd, (long)buf, (long)len);
}

int bind(const char *new, const char *old, int flags)
{
	return (int)call3(SYS_bind, (long)new, (long)old, flags);
}

int unmount(const char *new, const char *old)
{
	return (int)call3(SYS_unmount, (long)new, (long)old, 0);
}

int poll(struct pollfd *fds, unsigned n, long milliseconds)
{
	return (int)call3(SYS_poll, (long)fds, n, milliseconds);
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd,
	   uint64_t offset)
{
	long at = call(SYS_mmap, (long)addr, (long)len, prot, flags, fd,
		       (long)offset);

	return at < 0 ? NULL : (void *)at;
}

int munmap(void *addr, size_t len)
{
	return (int)call3(SYS_munmap, (long)addr, (long)len, 0);
}

int mprotect(void *addr, size_t len, int prot)
{
	return (int)call3(SYS_mprotect, (long)addr, (long)len, prot);
}
