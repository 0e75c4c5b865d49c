/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A caller of the DMAR parser that asks for all it has to tell and expects
 * what dmar.h promises.  Three look at the parser through it: test_dmar and
 * the fuzzer run it on tables, where `expect` fails the run; `make prove` shows
 * for bytes of any number and content that it reads nothing but them, that
 * each `expect` holds, and that it ends.
 */
#ifndef WALK_H
#define WALK_H

#include "dmar.h"

/*@ requires ok;
    terminates \true;
    assigns \nothing; */
void expect(bool ok);

/* Returns how many structures there were. */
/*@ requires \valid_read(bytes + (0 .. len - 1));
    terminates \true;
    assigns \nothing;
    ensures \result <= len; */
size_t walk_table(const uint8_t *bytes, size_t len);

#endif
