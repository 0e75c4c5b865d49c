/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the DMAR parser's tests share: building a table byte by byte, opening
 * it in a block of exactly its size (so that the address sanitizer sees every
 * read outside it), and expecting structures and scopes in order.
 */
#ifndef DMAR_TEST_H
#define DMAR_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dmar.h"

#define cases_of(tests) (sizeof(tests) / sizeof((tests)[0]))

/* A table being built; put_* return the offset of what they append. */
struct image {
	uint8_t bytes[2048];
	uint32_t len;
	uint32_t entry;		/* the structure that put_bytes lengthens */
};

void image_start(struct image *m);
void image_seal(struct image *m);	/* sets the length and the checksum */
uint32_t put_bytes(struct image *m, uint64_t value, unsigned int size);
uint32_t put_entry(struct image *m, uint16_t type);
uint32_t put_drhd(struct image *m, uint8_t flags, uint64_t base);
uint32_t put_rmrr(struct image *m, uint64_t base, uint64_t limit);
uint32_t put_rhsa(struct image *m, uint64_t base, uint32_t proximity);
uint32_t put_andd(struct image *m, uint8_t number, const char *name,
		  unsigned int size);
/* ATSR, SATC or SIDP */
uint32_t put_ports(struct image *m, uint16_t type, uint8_t flags,
		   uint16_t segment);
uint32_t put_scope(struct image *m, uint8_t type, uint8_t bus,
		   unsigned int steps, const uint8_t *path);
void set_len(struct image *m, uint32_t entry, uint16_t len);

/* Three whole tables: a client machine's, a server's, one of all types. */
enum { sample_count = 3 };
void image_sample(struct image *m, unsigned int which);

/* Twenty tables, those three among them; the others are in tables.c. */
enum { table_count = 20 };
void image_table(struct image *m, unsigned int which);

/* The first len bytes of m, alone in a block of memory, and opened. */
struct opened {
	struct dmar_table table;
	enum dmar_error error;
	uint8_t *block;
};

struct opened open_bytes(const uint8_t *bytes, size_t len);
struct opened open_image(struct image *m);	/* sealed before */
void close_table(struct opened *o);

/* Which errors the tests have met: each must have been met by the end. */
extern unsigned int errors_met[dmar_err_count];

/* The next structure (scope) is there, of this type, place and error. */
#define expect_entry(t, e, type, offset, error) \
	expect_entry_(t, e, type, offset, error, __FILE__, __LINE__)
#define expect_scope(t, e, s, type, offset, error) \
	expect_scope_(t, e, s, type, offset, error, __FILE__, __LINE__)
void expect_entry_(const struct dmar_table *t, struct dmar_entry *e,
		   uint16_t type, uint32_t offset, enum dmar_error error,
		   const char *file, int line);
void expect_scope_(const struct dmar_table *t, const struct dmar_entry *e,
		   struct dmar_scope *s, uint8_t type, uint32_t offset,
		   enum dmar_error error, const char *file, int line);

/* A file's bytes, from malloc; NULL when it cannot be read. */
uint8_t *read_file(const char *path, size_t *len);

/* The groups of tests, a file each; they return how many failed. */
int dmar_header_tests(void);
int dmar_entry_tests(void);
int dmar_scope_tests(void);
int dmar_sweep_tests(void);
int dmar_damage_tests(void);
int dmar_iasl_tests(const char *out);	/* the folder to work in */
int dmar_corpus_tests(void);

#endif
