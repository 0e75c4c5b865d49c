/* SPDX-License-Identifier: BSD-2-Clause */
/* The console on a framebuffer, and its letters. */
#ifndef SCREEN_H
#define SCREEN_H

#include <loader.h>
#include <types.h>

#define FONT_FIRST	0x20	/* a blank */
#define FONT_LAST	0x7f	/* what has no picture */
#define FONT_WIDTH	8
#define FONT_HEIGHT	16

/* A byte a row, the left column in the highest bit. */
extern uint8_t font[FONT_LAST + 1 - FONT_FIRST][FONT_HEIGHT];
void font_init(void);

/* Begins with a blank screen.  pixels: where the picture is mapped; NULL: not
 * yet.  false: it is too small for a letter. */
bool screen_begin(const struct framebuffer *fb, void *pixels);
/* The same picture is mapped elsewhere from now on. */
void screen_move(void *pixels);
void screen_write(const char *s, size_t n);

#endif
