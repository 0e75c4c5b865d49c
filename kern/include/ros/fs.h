/* SPDX-License-Identifier: BSD-2-Clause */
/* Files as the kernel and user programs both see them. */
#ifndef ROS_FS_H
#define ROS_FS_H

#include <stdint.h>

/* open, create: mode */
#define OREAD	0
#define OWRITE	1
#define ORDWR	2
#define OEXEC	3
#define OMODE	3	/* mask of the four above */
#define OTRUNC	0x10
#define OAPPEND	0x20	/* each write goes to the end */

/* create: perm */
#define DMDIR	0x80000000u

/* bind: flags */
#define MREPL	0	/* new replaces old */
#define MBEFORE	1	/* new is searched before old */
#define MAFTER	2	/* new is searched after old */
#define MORDER	3	/* mask of the three above */
#define MCREATE	4	/* create in the union goes here */

#define QTDIR	0x80
#define QTFILE	0x00

#define NAMELEN	64	/* bytes of one path element, its NUL included */
#define PATHLEN	512	/* bytes of a path, its NUL included */

/* What stat gives, and what a directory reads as, one after the other. */
struct dir {
	char name[NAMELEN];
	char dev[16];		/* the device that serves it: "root", "cons" */
	char user[16];
	uint64_t qid_path;	/* unique in the device */
	uint32_t qid_vers;	/* changes when the file does */
	uint32_t mode;		/* DMDIR and rwxrwxrwx */
	uint64_t length;
	uint64_t mtime;		/* nanoseconds since boot */
};
_Static_assert(sizeof(struct dir) == 128, "struct dir is an ABI");

#endif
