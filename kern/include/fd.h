/* SPDX-License-Identifier: BSD-2-Clause */
/* File descriptors: a table of open chans, shared by who did not copy it. */
#ifndef FD_H
#define FD_H

#include <error.h>
#include <types.h>

#define NFD 256

struct chan;
struct fdtab;

struct fdtab *fdtab_new(void);			/* NULL: no memory */
struct fdtab *fdtab_copy(struct fdtab *t);
void fdtab_get(struct fdtab *t);
void fdtab_put(struct fdtab *t);

/* Takes over the caller's hold on c; the number, or an error (and no hold). */
int fd_add(struct chan *c) must_check;
/* The chan, held; NULL: an error. */
struct chan *fd_chan(int fd);
int fd_close(int fd) must_check;
int fd_dup(int old, int new) must_check;

struct text;
void fdtab_text(struct fdtab *t, struct text *text);

#endif
