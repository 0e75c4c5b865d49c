/* SPDX-License-Identifier: BSD-2-Clause */
/* What C leaves undefined, a function each; they do it with arguments alone. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stdint.h>

int do_add(int a, int b);
long do_sub(long a, long b);
int do_mul(int a, int b);
int do_negate(int a);
int do_divide(int a, int b);
int do_one(int a);
int do_two(int a);
int do_shift(int a, int by);
int do_shift_left(int a);
uint64_t do_shift_64(uint64_t a, uint8_t by);
uint64_t do_shift_128(unsigned by);
int do_index(unsigned i);
uint64_t do_load(const uint64_t *p);
void do_store(uint64_t *p);
char do_read_behind(long i);
const char *do_move(const char *p, unsigned long by);
int do_array(int n);
bool do_bool(const uint8_t *p);
int do_count_zeroes(unsigned n);
void do_null_argument(void *to);
void *do_null_result(void *p);
int do_unreachable(int n);

#endif
