/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls (ros/syscall.h). */
#ifndef SYSCALL_H
#define SYSCALL_H

#include <trap.h>

#define MAX_IO	(1 * MIB)	/* of one read or write; more is cut */

/* Carries out the call that the frame describes; the result is its rax. */
void syscall(struct trapframe *tf);

/* The calls, by what they are about; arguments as the user gave them. */
struct sysargs {
	struct trapframe *tf;
	uint64_t a[6];
};
typedef long (*syscall_fn)(struct sysargs *s);

long sys_exit(struct sysargs *s);
long sys_rfork(struct sysargs *s);
long sys_exec(struct sysargs *s);
long sys_wait(struct sysargs *s);
long sys_getpid(struct sysargs *s);
long sys_sleep(struct sysargs *s);
long sys_nsec(struct sysargs *s);
long sys_errstr(struct sysargs *s);
long sys_notify(struct sysargs *s);
long sys_noted(struct sysargs *s);

long sys_open(struct sysargs *s);
long sys_create(struct sysargs *s);
long sys_close(struct sysargs *s);
long sys_pread(struct sysargs *s);
long sys_pwrite(struct sysargs *s);
long sys_seek(struct sysargs *s);
long sys_dup(struct sysargs *s);
long sys_pipe(struct sysargs *s);
long sys_stat(struct sysargs *s);
long sys_fstat(struct sysargs *s);
long sys_remove(struct sysargs *s);
long sys_chdir(struct sysargs *s);
long sys_fd2path(struct sysargs *s);
long sys_bind(struct sysargs *s);
long sys_unmount(struct sysargs *s);
long sys_poll(struct sysargs *s);

long sys_mmap(struct sysargs *s);
long sys_munmap(struct sysargs *s);
long sys_mprotect(struct sysargs *s);

/* A path argument, to be freed; NULL: an error. */
char *user_path(uint64_t ptr);

#endif
