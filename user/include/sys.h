/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls as C functions.  Each returns what ros/syscall.h says: a
 * negative number (mmap: NULL) when it failed, and errstr then gives the
 * reason, which print's %r prints.
 */
#ifndef SYS_H
#define SYS_H

#include <ros/fs.h>
#include <ros/syscall.h>
#include <stddef.h>
#include <stdint.h>

#define must_check __attribute__((warn_unused_result))

/* Processes */
_Noreturn void exit(int status);
int fork(void) must_check;		/* rfork(RFPROC | RFFDG) */
int rfork(int flags) must_check;
int exec(const char *path, char *const argv[]);
int wait(struct waitmsg *msg);		/* msg may be NULL */
int getpid(void);
int sleep_ms(long milliseconds);
int64_t nsec(void);
int errstr(char *buf, size_t len);

/*
 * Notes.  The handler runs when one arrives and ends with noted(NCONT) or
 * noted(NDFLT); NULL gives up handling.  A call that a handled note broke off
 * fails.  fork keeps the handler, exec drops it.
 */
typedef void note_handler(struct ureg *regs, char *note);
int notify(note_handler *handler);
_Noreturn void noted(int how);

/* Files */
int open(const char *path, int mode) must_check;
int create(const char *path, int mode, uint32_t perm) must_check;
int close(int fd);
long read(int fd, void *buf, size_t len) must_check;
long write(int fd, const void *buf, size_t len) must_check;
long pread(int fd, void *buf, size_t len, int64_t offset) must_check;
long pwrite(int fd, const void *buf, size_t len, int64_t offset) must_check;
enum { SEEK_SET, SEEK_CUR, SEEK_END };
int64_t seek(int fd, int64_t offset, int whence) must_check;
int dup(int old, int new) must_check;	/* new -1: any */
int pipe(int fd[2]) must_check;
int stat(const char *path, struct dir *d) must_check;
int fstat(int fd, struct dir *d) must_check;
int remove(const char *path) must_check;
int chdir(const char *path) must_check;
int fd2path(int fd, char *buf, size_t len) must_check;
int bind(const char *new, const char *old, int flags) must_check;
int unmount(const char *new, const char *old) must_check; /* new or NULL */
int poll(struct pollfd *fds, unsigned n, long milliseconds) must_check;

/* Memory: NULL is never a mapping's address. */
void *mmap(void *addr, size_t len, int prot, int flags, int fd,
	   uint64_t offset) must_check;
int munmap(void *addr, size_t len);
int mprotect(void *addr, size_t len, int prot) must_check;

#endif
