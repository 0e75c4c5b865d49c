/* SPDX-License-Identifier: BSD-2-Clause */
/* The types and small macros that every file uses. */
#ifndef TYPES_H
#define TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t physaddr_t;
typedef long ssize_t;

#define PGSHIFT		12
#define PGSIZE		4096ul
#define KIB		1024ul
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)

#define NSEC_PER_SEC	1000000000ul
#define NSEC_PER_MSEC	1000000ul
#define NSEC_PER_USEC	1000ul

#define must_check	__attribute__((warn_unused_result))
#define noreturn	__attribute__((noreturn))
#define rarely		__attribute__((cold, noinline))	/* is it called */
#define not_inlined	__attribute__((noinline))
#define inlined		static inline __attribute__((always_inline))
#define packed		__attribute__((packed))
#define aligned(n)	__attribute__((aligned(n)))
#define printf_like(fmt, args)	__attribute__((format(printf, fmt, args)))

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))
#define ROUNDDOWN(x, n)	((x) & ~((__typeof__(x))(n) - 1))	/* n: 2^k */
#define ROUNDUP(x, n)	ROUNDDOWN((x) + ((__typeof__(x))(n) - 1), n)
#define container_of(ptr, type, member) \
	((type *)((uintptr_t)(ptr) - offsetof(type, member)))

/* Memory that another processor or a device may change or read. */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)

#endif
