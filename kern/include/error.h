/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors: a function that can fail returns 0 (or something useful that is not
 * negative) or a negative code, and has then left a text for the user, made by
 * error(), with the thread: subject, object, reason.  The code is for callers
 * that act on it, the text is what people see.
 */
#ifndef ERROR_H
#define ERROR_H

#include <ros/syscall.h>
#include <types.h>

enum {
	EPERM = 1, ENOENT, EINTR, EIO, EBADF, ENOMEM, EFAULT, EBUSY, EEXIST,
	ENODEV, ENOTDIR, EISDIR, EINVAL, ENOSPC, EPIPE, ERANGE, ENOSYS,
	ETIMEDOUT, ESRCH, ECHILD,
	EAGAIN,		/* the system call is to be made again, behind a note */
};

/* Keeps the text for the caller's thread; returns -code, code being positive.
 * Any context but an interrupt. */
int error(int code, const char *fmt, ...) printf_like(2, 3);

#endif
