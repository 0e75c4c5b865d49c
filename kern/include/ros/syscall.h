/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system call interface, shared by the kernel and user programs.
 *
 * A call is the SYSCALL instruction with the number in RAX and the arguments
 * in RDI, RSI, RDX, R10, R8, R9.  RAX holds the result: negative means failed,
 * and errstr then says why.  RCX and R11 are lost, all else is kept.
 */
#ifndef ROS_SYSCALL_H
#define ROS_SYSCALL_H

enum {
	SYS_exit = 1,	/* (int status): does not return */
	SYS_rfork,	/* (int flags): pid to the parent, 0 to the child */
	SYS_exec,	/* (path, argv): returns only when it failed */
	SYS_wait,	/* (struct waitmsg *or NULL): pid of an ended child */
	SYS_getpid,	/* () */
	SYS_sleep,	/* (long milliseconds) */
	SYS_nsec,	/* (): nanoseconds since boot */
	SYS_errstr,	/* (buf, len): the reason of the last failure */
	SYS_notify,	/* (handler or NULL, trampoline unused) */
	SYS_noted,	/* (NCONT or NDFLT): ends a note handler */

	SYS_open,	/* (path, mode): fd */
	SYS_create,	/* (path, mode, perm): fd */
	SYS_close,	/* (fd) */
	SYS_pread,	/* (fd, buf, len, offset or -1 for the fd's own) */
	SYS_pwrite,	/* likewise */
	SYS_seek,	/* (fd, offset, whence): the new offset */
	SYS_dup,	/* (old, new or -1): new */
	SYS_pipe,	/* (int fd[2]) */
	SYS_stat,	/* (path, struct dir *) */
	SYS_fstat,	/* (fd, struct dir *) */
	SYS_remove,	/* (path) */
	SYS_chdir,	/* (path) */
	SYS_fd2path,	/* (fd, buf, len) */
	SYS_bind,	/* (new, old, flags): see bind flags in ros/fs.h */
	SYS_unmount,	/* (new or NULL, old) */
	SYS_poll,	/* (struct pollfd *, n, milliseconds or -1): ready */

	SYS_mmap,	/* (addr, len, prot, flags, fd, offset): address */
	SYS_munmap,	/* (addr, len) */
	SYS_mprotect,	/* (addr, len, prot) */
	NSYSCALL
};

#define ERRMAX 160	/* bytes of an error string, its NUL included */

/* rfork: flags; fork() is RFPROC | RFFDG, so children share the name space */
#define RFPROC	0x01	/* make a child; without it the caller changes */
#define RFFDG	0x02	/* copy the file descriptors (else shared) */
#define RFNAMEG	0x04	/* copy the name space (else shared) */
#define RFNOTEG	0x08	/* a note group of its own, named by the pid */

struct waitmsg {
	int pid;
	int status;		/* exit's argument; 128 when a note ended it */
	char msg[ERRMAX];	/* the note, else empty */
};

/* Notes: text sent to a process.  Without a handler a note ends the process,
 * but for those of the iommu ("iommu: ..."), which are then ignored. */
#define NCONT	0	/* noted: go on where the note came in */
#define NDFLT	1	/* noted: do what would be done without handler */
#define NOTEMAX	ERRMAX

/* What a note handler finds behind its first argument; it may change the
 * general registers, RIP, RSP and the arithmetic flags. */
struct ureg {
	unsigned long r15, r14, r13, r12, rbp, rbx;
	unsigned long r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	unsigned long rip, rflags, rsp;
	unsigned long fault_addr, trapno, error;
};

/* mmap */
#define PROT_NONE	0
#define PROT_READ	1
#define PROT_WRITE	2
#define PROT_EXEC	4

#define MAP_ANON	0x01	/* zeroed memory, fd ignored; else a device file */
#define MAP_FIXED	0x02	/* at addr, which must be free, or not at all */
#define MAP_PINNED	0x04	/* present at once; a child gets copies at fork */
#define MAP_UNCACHED	0x08	/* no write-combining, which a BAR that can be
				 * prefetched has else */
#define MAP_BELOW(bits)	((bits) << 8)	/* all of it below 2^bits */
#define MAP_BELOW_BITS(flags)	(((flags) >> 8) & 0xff)

struct pollfd {
	int fd;
	short events, revents;
};
#define POLLIN	1
#define POLLOUT	2
#define POLLERR	4	/* only in revents: bad fd, device gone */

#endif
