/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal: bytes typed, from whatever keyboards there are, and how
 * programs read them.
 *
 * Bytes are kept as they were typed and made into lines only when a program
 * reads lines, so nothing typed ahead is lost or echoed twice when the mode
 * changes in between.  Only Ctrl-C acts when it is typed: it posts "interrupt"
 * to the foreground note group.
 */
#ifndef TTY_H
#define TTY_H

#include <list.h>
#include <lock.h>
#include <types.h>

/* A keyboard's interrupt: takes the bytes as long as there is room; `resume`
 * is called when there may be room again.  Any context but tty.lock's. */
struct tty_source {
	void (*resume)(void);
	struct list link;
};
void tty_add_source(struct tty_source *s);	/* for good */
bool tty_room(void);
void tty_input(char c);

ssize_t tty_read(void *buf, size_t n);
void tty_write(const char *s, size_t n);
bool tty_readable(struct waitq **q);
void tty_set_raw(bool raw);
void tty_set_foreground(int group);

#endif
