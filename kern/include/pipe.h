/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PIPE_H
#define PIPE_H

#include <error.h>
#include <types.h>

struct chan;

/* Two open chans; what is written to one is read from the other, both ways. */
int pipe_new(struct chan *ends[2]) must_check;

#endif
