/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the firmware's DMAR table: bytes in, structs and diagnostics out.
 * dmar.h tells how it is used; arch/x86/iommu.c is who uses it, at boot.
 *
 * It keeps no state, takes no memory, logs nothing and takes no lock.  Every
 * byte of the table is read by get(), which stays inside the table.  Each
 * call of an iterator moves forward by a byte at least, and no loop runs
 * longer than the table or a field of it is.  `make prove` proves so much,
 * from the comments that begin with an @ here and in dmar.h.
 */
#include "dmar.h"

enum {
	header_bytes = 48,	/* VT-d 8.1 */
	entry_header = 4,	/* type and length, VT-d 8.2 */
	scope_header = 6,	/* all before the path, VT-d 8.3.1 */
	page = 4096,
	longest = INT32_MAX,	/* of a table, so that no offset can wrap */
};

/* What each type holds before its scopes or name (VT-d 8.3 to 8.9). */
static const struct {
	uint8_t bytes;
	bool scopes;
} fixed_part[] = {
	[DMAR_DRHD] = { 16, true },
	[DMAR_RMRR] = { 24, true },
	[DMAR_ATSR] = { 8, true },
	[DMAR_RHSA] = { 20, false },
	[DMAR_ANDD] = { 8, false },
	[DMAR_SATC] = { 8, true },
	[DMAR_SIDP] = { 8, true },
};

/*@ terminates \true;
    assigns \nothing;
    ensures \result <==> type <= DMAR_SIDP; */
static bool known(uint16_t type)
{
	return type < sizeof(fixed_part) / sizeof(fixed_part[0]);
}

/*
 * The little-endian number in the `size` bytes at `off`; 0 unless all of them
 * lie before `end` and in the table, as half a field is worse than none.
 */
/*@ requires dmar_opened(t) && size <= 8;
    terminates \true;
    assigns \nothing; */
static uint64_t get(const struct dmar_table *t, uint32_t end, uint32_t off,
		    uint32_t size)
{
	uint64_t value = 0;

	if (end > t->len || off > end || end - off < size)
		return 0;
	/*@ loop invariant i <= size;
	    loop assigns i, value;
	    loop variant i; */
	for (uint32_t i = size; i > 0; i--)
		value = value << 8 | t->bytes[off + i - 1];
	return value;
}

/*@ requires dmar_opened(t); terminates \true; assigns \nothing; */
static uint8_t get8(const struct dmar_table *t, uint32_t end, uint32_t off)
{
	return (uint8_t)get(t, end, off, 1);
}

/*@ requires dmar_opened(t); terminates \true; assigns \nothing; */
static uint16_t get16(const struct dmar_table *t, uint32_t end, uint32_t off)
{
	return (uint16_t)get(t, end, off, 2);
}

/*@ requires dmar_opened(t); terminates \true; assigns \nothing; */
static uint32_t get32(const struct dmar_table *t, uint32_t end, uint32_t off)
{
	return (uint32_t)get(t, end, off, 4);
}

/*@ requires dmar_opened(t); terminates \true; assigns \nothing; */
static uint64_t get64(const struct dmar_table *t, uint32_t end, uint32_t off)
{
	return get(t, end, off, 8);
}

/*@ requires dmar_opened(t) && \valid(text + (0 .. size - 1));
    requires \separated(text + (0 .. size - 1), &t->bytes, &t->len);
    terminates \true;
    assigns text[0 .. size - 1]; */
static void get_text(const struct dmar_table *t, uint32_t off, uint8_t *text,
		     uint32_t size)
{
	/*@ loop invariant i <= size;
	    loop assigns i, text[0 .. size - 1];
	    loop variant size - i; */
	for (uint32_t i = 0; i < size; i++)
		text[i] = get8(t, t->len, off + i);
}

/*@ requires dmar_opened(t); terminates \true; assigns \nothing; */
static bool sums_to_zero(const struct dmar_table *t)
{
	uint8_t sum = 0;

	/*@ loop invariant i <= t->len;
	    loop assigns i, sum;
	    loop variant t->len - i; */
	for (uint32_t i = 0; i < t->len; i++)
		sum = (uint8_t)(sum + get8(t, t->len, i));
	return sum == 0;
}

/*@ requires dmar_opened(t) && \valid(t);
    terminates \true;
    assigns *t;
    ensures t->len == \old(t->len) && t->bytes == \old(t->bytes); */
static void decode_header(struct dmar_table *t)
{
	t->signature_ok = get8(t, t->len, 0) == 'D' &&
			  get8(t, t->len, 1) == 'M' &&
			  get8(t, t->len, 2) == 'A' &&
			  get8(t, t->len, 3) == 'R';
	t->length = get32(t, t->len, 4);
	t->revision = get8(t, t->len, 8);
	t->checksum = get8(t, t->len, 9);
	get_text(t, 10, t->oem_id, sizeof(t->oem_id));
	get_text(t, 16, t->oem_table_id, sizeof(t->oem_table_id));
	t->oem_revision = get32(t, t->len, 24);
	get_text(t, 28, t->creator_id, sizeof(t->creator_id));
	t->creator_revision = get32(t, t->len, 32);
	t->haw_field = get8(t, t->len, 36);
	t->host_address_width = (uint16_t)(t->haw_field + 1);
	t->flags = get8(t, t->len, 37);
}

enum dmar_error dmar_open(struct dmar_table *t, const uint8_t *bytes,
			  size_t len)
{
	uint32_t given = len < longest ? (uint32_t)len : longest;

	*t = (struct dmar_table){ 0 };
	t->bytes = bytes;
	t->len = given;
	if (given < header_bytes) {
		t->len = 0;
		return dmar_err_table_short;
	}
	decode_header(t);
	if (t->length <= given) {
		t->len = t->length;
		t->checksum_ok = sums_to_zero(t);
	}
	if (!t->signature_ok) {
		t->len = 0;
		return dmar_err_signature;
	}
	if (t->length < header_bytes)
		return dmar_err_length_short;
	if (t->length > given)
		return dmar_err_length_beyond;
	return t->checksum_ok ? dmar_ok : dmar_err_checksum;
}

/* A base of 0 is well formed: tables of real machines have one. */
/*@ requires dmar_opened(t) && \valid(e) && \separated(e, t);
    terminates \true;
    assigns e->base, e->limit; */
static enum dmar_error decode_registers(const struct dmar_table *t,
					struct dmar_entry *e)
{
	e->base = get64(t, e->end, e->offset + 8);
	return e->base % page ? dmar_err_base_unaligned : dmar_ok;
}

/*@ requires dmar_opened(t) && \valid(e) && \separated(e, t);
    terminates \true;
    assigns e->base, e->limit; */
static enum dmar_error decode_rmrr(const struct dmar_table *t,
				   struct dmar_entry *e)
{
	e->base = get64(t, e->end, e->offset + 8);
	e->limit = get64(t, e->end, e->offset + 16);
	if (e->limit < e->base)
		return dmar_err_rmrr_range;
	if (e->base % page != 0 || e->limit % page != page - 1)
		return dmar_err_rmrr_unaligned;
	return dmar_ok;
}

/* The name ends at the first NUL; what follows is padding (VT-d 8.7). */
/*@ requires dmar_opened(t) && \valid(e) && \separated(e, t);
    requires e->name + e->name_len <= e->end;
    terminates \true;
    assigns e->device_number, e->name, e->name_len;
    ensures e->name + e->name_len <= e->end; */
static enum dmar_error decode_andd(const struct dmar_table *t,
				   struct dmar_entry *e)
{
	uint32_t at = e->offset + fixed_part[DMAR_ANDD].bytes;

	e->device_number = get8(t, e->end, e->offset + 7);
	if (at > e->end)
		return dmar_err_entry_short;
	e->name = at;
	/*@ loop invariant e->name <= at <= e->end;
	    loop assigns at;
	    loop variant e->end - at; */
	while (at < e->end && get8(t, e->end, at) != 0)
		at++;
	e->name_len = (uint16_t)(at - e->name);
	if (at == e->end)
		return dmar_err_name_open;
	return e->name_len == 0 ? dmar_err_name_empty : dmar_ok;
}

/* Decodes what lies before e->end; returns what is wrong with the values. */
/*@ requires dmar_opened(t) && \valid(e) && \separated(e, t);
    requires e->name + e->name_len <= e->end;
    terminates \true;
    assigns e->size_field, e->proximity, e->flags, e->segment, e->base,
            e->limit, e->device_number, e->name, e->name_len;
    ensures e->name + e->name_len <= e->end; */
static enum dmar_error decode_entry(const struct dmar_table *t,
				    struct dmar_entry *e)
{
	if (e->type == DMAR_DRHD)
		e->size_field = get8(t, e->end, e->offset + 5);
	if (e->type == DMAR_RHSA)
		e->proximity = get32(t, e->end, e->offset + 16);
	if (e->type == DMAR_DRHD || e->type == DMAR_ATSR ||
	    e->type == DMAR_SATC)
		e->flags = get8(t, e->end, e->offset + 4);
	if (known(e->type) && fixed_part[e->type].scopes)
		e->segment = get16(t, e->end, e->offset + 6);

	switch (e->type) {
	case DMAR_DRHD:
	case DMAR_RHSA:
		return decode_registers(t, e);
	case DMAR_RMRR:
		return decode_rmrr(t, e);
	case DMAR_ANDD:
		return decode_andd(t, e);
	default:
		return dmar_ok;
	}
}

/*
 * What is wrong with the length of the structure at e->offset, of which
 * `room` bytes lie in the table; sets its end, and where to go on.
 */
/*@ requires dmar_opened(t) && \valid(e) && \separated(e, t);
    requires e->offset < t->len && room == t->len - e->offset;
    terminates \true;
    assigns e->end, e->next;
    ensures e->offset < e->next <= t->len && e->offset < e->end <= t->len; */
static enum dmar_error measure_entry(const struct dmar_table *t,
				     struct dmar_entry *e, uint32_t room)
{
	e->end = e->next = t->len;
	if (room < entry_header)
		return dmar_err_entry_cut;
	if (e->len < entry_header) {
		e->end = e->offset + entry_header;
		return dmar_err_entry_length;
	}
	if (e->len > room)
		return dmar_err_entry_beyond;
	e->end = e->next = e->offset + e->len;
	if (known(e->type) && e->len < fixed_part[e->type].bytes)
		return dmar_err_entry_short;
	return dmar_ok;
}

bool dmar_next(const struct dmar_table *t, struct dmar_entry *e)
{
	uint32_t at = e->next < header_bytes ? header_bytes : e->next;
	enum dmar_error values;

	if (at >= t->len)
		return false;
	*e = (struct dmar_entry){
		.offset = at,
		.type = get16(t, t->len, at),
		.len = get16(t, t->len, at + 2),
	};
	e->error = measure_entry(t, e, t->len - at);
	if (e->error == dmar_err_entry_cut)
		return true;
	values = decode_entry(t, e);
	if (e->error == dmar_ok)
		e->error = values;
	return true;
}

/*@ terminates \true; assigns \nothing; */
static bool known_scope(uint8_t type)
{
	return type >= DMAR_SCOPE_ENDPOINT && type <= DMAR_SCOPE_NAMESPACE;
}

/*@ requires dmar_opened(t) && \valid_read(s);
    terminates \true;
    assigns \nothing; */
static enum dmar_error check_path(const struct dmar_table *t,
				  const struct dmar_scope *s)
{
	if (!known_scope(s->type))
		return dmar_ok;
	if ((s->len - scope_header) % 2 != 0)
		return dmar_err_path_odd;
	if (s->path_len == 0)
		return dmar_err_path_empty;
	/*@ loop invariant i <= s->path_len;
	    loop assigns i;
	    loop variant s->path_len - i; */
	for (unsigned int i = 0; i < s->path_len; i++) {
		struct dmar_hop hop = dmar_hop(t, s, i);

		if (hop.dev > 31 || hop.fn > 7)
			return dmar_err_path_step;
	}
	return dmar_ok;
}

/*
 * What is wrong with the scope at s->offset, of which `room` bytes lie in the
 * structure; sets its number of steps, and where to go on.
 */
/*@ requires dmar_opened(t) && \valid(s) && \separated(s, t);
    requires 0 < room && s->offset + room <= UINT32_MAX;
    requires s->path_len == 0;
    terminates \true;
    assigns s->next, s->path_len;
    ensures s->offset < s->next <= s->offset + room;
    ensures s->path_len > 0 ==>
            s->offset + 6 + 2 * s->path_len <= s->offset + room; */
static enum dmar_error check_scope(const struct dmar_table *t,
				   struct dmar_scope *s, uint32_t room)
{
	uint32_t len = s->len < room ? s->len : room;

	s->next = s->offset + room;
	if (room < scope_header)
		return dmar_err_scope_cut;
	if (s->len < scope_header)
		return dmar_err_scope_length;
	s->path_len = (uint8_t)((len - scope_header) / 2);
	if (s->len > room)
		return dmar_err_scope_beyond;
	s->next = s->offset + s->len;
	return check_path(t, s);
}

bool dmar_next_scope(const struct dmar_table *t, const struct dmar_entry *e,
		     struct dmar_scope *s)
{
	uint32_t at = s->next;

	if (!known(e->type) || !fixed_part[e->type].scopes)
		return false;
	if (at == 0)
		at = e->offset + fixed_part[e->type].bytes;
	if (at >= e->end)
		return false;
	*s = (struct dmar_scope){
		.offset = at,
		.type = get8(t, e->end, at),
		.len = get8(t, e->end, at + 1),
		.flags = get8(t, e->end, at + 2),
		.enum_id = get8(t, e->end, at + 4),
		.bus = get8(t, e->end, at + 5),
	};
	s->error = check_scope(t, s, e->end - at);
	return true;
}

struct dmar_hop dmar_hop(const struct dmar_table *t, const struct dmar_scope *s,
			 unsigned int i)
{
	uint32_t at;

	if (i >= s->path_len)
		return (struct dmar_hop){ 0, 0 };
	at = s->offset + scope_header + 2 * i;
	return (struct dmar_hop){ .dev = get8(t, t->len, at),
				  .fn = get8(t, t->len, at + 1) };
}

static const char *const error_text[dmar_err_count] = {
	[dmar_ok] = "no error",
	[dmar_err_table_short] = "table shorter than its header",
	[dmar_err_signature] = "not a DMAR table",
	[dmar_err_length_short] = "table length less than its header",
	[dmar_err_length_beyond] = "table length more than its bytes",
	[dmar_err_checksum] = "wrong checksum",
	[dmar_err_entry_cut] = "table ends in a structure's header",
	[dmar_err_entry_length] = "structure length less than 4",
	[dmar_err_entry_beyond] = "structure ends beyond the table",
	[dmar_err_entry_short] = "structure too short for its type",
	[dmar_err_base_unaligned] = "register base not 4 KiB aligned",
	[dmar_err_rmrr_range] = "reserved region ends before it begins",
	[dmar_err_rmrr_unaligned] = "reserved region not in 4 KiB pages",
	[dmar_err_name_empty] = "empty device name",
	[dmar_err_name_open] = "device name without an end",
	[dmar_err_scope_cut] = "structure ends in a scope's header",
	[dmar_err_scope_length] = "scope length less than 6",
	[dmar_err_scope_beyond] = "scope ends beyond its structure",
	[dmar_err_path_odd] = "scope path ends in half a step",
	[dmar_err_path_empty] = "scope without a path",
	[dmar_err_path_step] = "scope path names no possible function",
};

const char *dmar_strerror(enum dmar_error error)
{
	return error < dmar_err_count ? error_text[error] : "unknown error";
}
