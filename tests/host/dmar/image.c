/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds DMAR tables for the tests in this folder, and opens them.  The
 * layouts are written out a second time here, from VT-d chapter 8, so that
 * parser and tests do not share a mistake.
 */
#include "dmar_test.h"

unsigned int errors_met[dmar_err_count];

uint32_t put_bytes(struct image *m, uint64_t value, unsigned int size)
{
	uint32_t at = m->len;

	for (unsigned int i = 0; i < size; i++, value >>= 8) {
		assert_true(m->len < sizeof(m->bytes));
		m->bytes[m->len++] = (uint8_t)value;
	}
	if (m->entry != 0 && m->len >= m->entry + 4)
		set_len(m, m->entry, (uint16_t)(m->len - m->entry));
	return at;
}

static void put_text(struct image *m, const char *text, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		put_bytes(m, (uint8_t)text[i], 1);
}

void set_len(struct image *m, uint32_t entry, uint16_t len)
{
	m->bytes[entry + 2] = (uint8_t)len;
	m->bytes[entry + 3] = (uint8_t)(len >> 8);
}

void image_start(struct image *m)
{
	memset(m, 0, sizeof(*m));
	put_text(m, "DMAR", 4);
	put_bytes(m, 0, 4);		/* length: image_seal */
	put_bytes(m, 1, 1);		/* revision */
	put_bytes(m, 0, 1);		/* checksum: image_seal */
	put_text(m, "OEM-ID", 6);
	put_text(m, "TABLE-ID", 8);
	put_bytes(m, 0x01020304, 4);	/* OEM revision */
	put_text(m, "MAKE", 4);
	put_bytes(m, 0xa1b2c3d4, 4);	/* creator's revision */
	put_bytes(m, 38, 1);		/* host address width, less 1 */
	put_bytes(m, 5, 1);		/* flags */
	put_bytes(m, 0, 10);
}

void image_seal(struct image *m)
{
	uint8_t sum = 0;

	for (unsigned int i = 0; i < 4; i++)
		m->bytes[4 + i] = (uint8_t)(m->len >> 8 * i);
	m->bytes[9] = 0;
	for (uint32_t i = 0; i < m->len; i++)
		sum = (uint8_t)(sum + m->bytes[i]);
	m->bytes[9] = (uint8_t)-sum;
}

uint32_t put_entry(struct image *m, uint16_t type)
{
	m->entry = 0;
	m->entry = put_bytes(m, type, 2);
	put_bytes(m, 0, 2);
	return m->entry;
}

uint32_t put_drhd(struct image *m, uint8_t flags, uint64_t base)
{
	uint32_t at = put_entry(m, 0);

	put_bytes(m, flags, 1);
	put_bytes(m, 0, 1);
	put_bytes(m, 0, 2);
	put_bytes(m, base, 8);
	return at;
}

uint32_t put_rmrr(struct image *m, uint64_t base, uint64_t limit)
{
	uint32_t at = put_entry(m, 1);

	put_bytes(m, 0, 4);
	put_bytes(m, base, 8);
	put_bytes(m, limit, 8);
	return at;
}

uint32_t put_rhsa(struct image *m, uint64_t base, uint32_t proximity)
{
	uint32_t at = put_entry(m, 3);

	put_bytes(m, 0, 4);
	put_bytes(m, base, 8);
	put_bytes(m, proximity, 4);
	return at;
}

uint32_t put_andd(struct image *m, uint8_t number, const char *name,
		  unsigned int size)
{
	uint32_t at = put_entry(m, 4);

	put_bytes(m, 0, 3);
	put_bytes(m, number, 1);
	put_text(m, name, size);
	return at;
}

uint32_t put_ports(struct image *m, uint16_t type, uint8_t flags,
		   uint16_t segment)
{
	uint32_t at = put_entry(m, type);

	put_bytes(m, flags, 1);
	put_bytes(m, 0, 1);
	put_bytes(m, segment, 2);
	return at;
}

/* Its enumeration id is 100 more than its type. */
uint32_t put_scope(struct image *m, uint8_t type, uint8_t bus,
		   unsigned int steps, const uint8_t *path)
{
	uint32_t at = put_bytes(m, type, 1);

	put_bytes(m, 6 + 2 * steps, 1);
	put_bytes(m, 0, 2);
	put_bytes(m, type + 100u, 1);
	put_bytes(m, bus, 1);
	for (unsigned int i = 0; i < 2 * steps; i++)
		put_bytes(m, path[i], 1);
	return at;
}

static void put_client(struct image *m)
{
	put_drhd(m, 0, 0xfed90000);
	put_scope(m, 1, 0, 1, (const uint8_t[]){ 2, 0 });
	put_drhd(m, 1, 0xfed91000);
	put_scope(m, 3, 0xf0, 1, (const uint8_t[]){ 31, 0 });
	put_scope(m, 4, 0xf0, 1, (const uint8_t[]){ 15, 0 });
	put_rmrr(m, 0xa3eea000, 0xa3ef8fff);
	put_scope(m, 1, 0, 1, (const uint8_t[]){ 20, 0 });
	put_rmrr(m, 0xa5000000, 0xa77fffff);
	put_scope(m, 1, 0, 1, (const uint8_t[]){ 2, 0 });
}

static void put_server(struct image *m)
{
	put_drhd(m, 0, 0xfbffc000);
	put_scope(m, 2, 0x80, 1, (const uint8_t[]){ 2, 0 });
	put_scope(m, 1, 0x80, 3, (const uint8_t[]){ 3, 0, 8, 1, 31, 7 });
	put_drhd(m, 1, 0x200ffc000000);
	put_rmrr(m, 0, 0xfff);
	put_scope(m, 1, 0, 2, (const uint8_t[]){ 28, 7, 0, 0 });
	put_ports(m, 2, 0, 1);
	put_scope(m, 2, 0x17, 1, (const uint8_t[]){ 0, 0 });
	put_rhsa(m, 0xfbffc000, 0);
	put_rhsa(m, 0x200ffc000000, 1);
}

static void put_every_type(struct image *m)
{
	put_drhd(m, 1, 0xfed90000);
	put_scope(m, 5, 0, 1, (const uint8_t[]){ 21, 0 });
	put_rmrr(m, 0x1000, 0x2fff);
	put_ports(m, 2, 1, 0);
	put_rhsa(m, 0xfed90000, 7);
	put_andd(m, 1, "\\_SB.I2C0\0\0", 11);
	put_ports(m, 5, 1, 0);
	put_scope(m, 1, 0, 1, (const uint8_t[]){ 2, 0 });
	put_ports(m, 6, 0, 2);
	put_scope(m, 1, 0, 1, (const uint8_t[]){ 11, 0 });
	put_entry(m, 7);
	put_bytes(m, 0x1122334455667788, 8);
}

void image_sample(struct image *m, unsigned int which)
{
	static void (*const put[sample_count])(struct image *) = {
		put_client, put_server, put_every_type,
	};

	image_start(m);
	put[which](m);
	image_seal(m);
}

struct opened open_bytes(const uint8_t *bytes, size_t len)
{
	struct opened o = { .block = malloc(len) };

	if (len != 0)
		memcpy(o.block, bytes, len);
	o.error = dmar_open(&o.table, o.block, len);
	errors_met[o.error]++;
	return o;
}

struct opened open_image(struct image *m)
{
	struct opened o;

	image_seal(m);
	o = open_bytes(m->bytes, m->len);
	assert_int_equal(o.error, dmar_ok);
	return o;
}

void close_table(struct opened *o)
{
	free(o->block);
}

static void equal(unsigned int got, unsigned int want, const char *file,
		  int line)
{
	_assert_int_equal(got, want, file, line);
}

void expect_entry_(const struct dmar_table *t, struct dmar_entry *e,
		   uint16_t type, uint32_t offset, enum dmar_error error,
		   const char *file, int line)
{
	equal(dmar_next(t, e), true, file, line);
	equal(e->type, type, file, line);
	equal(e->offset, offset, file, line);
	equal(e->error, error, file, line);
	errors_met[error]++;
}

void expect_scope_(const struct dmar_table *t, const struct dmar_entry *e,
		   struct dmar_scope *s, uint8_t type, uint32_t offset,
		   enum dmar_error error, const char *file, int line)
{
	equal(dmar_next_scope(t, e, s), true, file, line);
	equal(s->type, type, file, line);
	equal(s->offset, offset, file, line);
	equal(s->error, error, file, line);
	errors_met[error]++;
}

uint8_t *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = NULL;
	long size;

	if (f == NULL)
		return NULL;
	if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) > 0) {
		rewind(f);
		*len = (size_t)size;
		bytes = malloc(*len);
		if (fread(bytes, 1, *len, f) != *len) {
			free(bytes);
			bytes = NULL;
		}
	}
	fclose(f);
	return bytes;
}
