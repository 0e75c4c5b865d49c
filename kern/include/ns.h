/* SPDX-License-Identifier: BSD-2-Clause */
/* Mounts: what names and chans know of a name space's inside. */
#ifndef NS_H
#define NS_H

#include <list.h>
#include <types.h>

#define MAX_MEMBERS 16

struct chan;
struct ns;

struct mount {
	unsigned refs;
	struct list link;	/* in its name space, if it is there */
	struct chan *at;
	unsigned n;
	struct {
		struct chan *c;
		bool create;	/* new files go here */
	} members[MAX_MEMBERS];
};

void mount_get(struct mount *m);
void mount_put(struct mount *m);
/* What is bound over c, held; NULL: nothing. */
struct mount *mount_over(struct ns *ns, const struct chan *c);

#endif
