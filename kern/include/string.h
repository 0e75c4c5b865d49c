/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STRING_H
#define STRING_H

#include <types.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
/* Copies at most n - 1 bytes and always ends with a NUL; gives strlen(from). */
size_t strlcpy(char *to, const char *from, size_t n);

#endif
