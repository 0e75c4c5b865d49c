/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware's DMAR table (VT-d chapter 8), read where it lies: which
 * remapping units there are, which devices each one serves, and which memory
 * firmware reserved for devices.
 *
 * The bytes are not believed.  dmar_open checks the header; dmar_next walks
 * the remapping structures; dmar_next_scope walks the device scopes of one of
 * them.  What is wrong carries its own error and offset, and hides nothing
 * that can still be found after it:
 *
 *	struct dmar_table t;
 *	struct dmar_entry e = { 0 };
 *
 *	error = dmar_open(&t, bytes, len);
 *	while (dmar_next(&t, &e)) {
 *		struct dmar_scope s = { 0 };
 *
 *		while (dmar_next_scope(&t, &e, &s))
 *			...
 *	}
 *
 * Nothing outside the bytes given to dmar_open is read, whatever they hold,
 * and they must stay as they are while the structs below are in use.  Text
 * (names, OEM ids) is the firmware's: not terminated, and perhaps not ASCII.
 *
 * The comments that begin with an @ are contracts, in ACSL: what a function
 * requires of its caller, all that it assigns, that it ends (terminates), and
 * what it ensures.  `make prove` proves them for bytes of any number and
 * content; a read of what no contract makes valid cannot be proved.
 */
#ifndef DMAR_H
#define DMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Remapping structure types (VT-d 8.2). */
enum {
	DMAR_DRHD = 0,		/* a remapping unit */
	DMAR_RMRR = 1,		/* memory reserved for devices */
	DMAR_ATSR = 2,		/* root ports with ATS */
	DMAR_RHSA = 3,		/* a unit's memory node */
	DMAR_ANDD = 4,		/* a device that only ACPI knows, by name */
	DMAR_SATC = 5,		/* integrated devices with ATS */
	DMAR_SIDP = 6,		/* properties of integrated devices */
};

/* Device scope types (VT-d 8.3.1). */
enum {
	DMAR_SCOPE_ENDPOINT = 1,
	DMAR_SCOPE_BRIDGE = 2,	/* and all that is behind it */
	DMAR_SCOPE_IOAPIC = 3,	/* enum_id is its I/O APIC id */
	DMAR_SCOPE_HPET = 4,	/* enum_id is its HPET number */
	DMAR_SCOPE_NAMESPACE = 5, /* enum_id is an ANDD's device_number */
};

/* Bits of the flags: of the table, of a DRHD, of an ATSR and of a SATC. */
enum {
	DMAR_INTR_REMAP = 1 << 0,
	DMAR_X2APIC_OPT_OUT = 1 << 1,
	DMAR_DMA_CTRL_PLATFORM_OPT_IN = 1 << 2,
	DMAR_DRHD_INCLUDE_PCI_ALL = 1 << 0,
	DMAR_ATSR_ALL_PORTS = 1 << 0,
	DMAR_SATC_ATC_REQUIRED = 1 << 0,
};

enum dmar_error {
	dmar_ok,
	/* the table, from dmar_open */
	dmar_err_table_short,	 /* not even a header of 48 bytes */
	dmar_err_signature,	 /* not a DMAR table */
	dmar_err_length_short,	 /* length field less than the header */
	dmar_err_length_beyond,	 /* length field more than the bytes given */
	dmar_err_checksum,
	/* a structure, in dmar_entry.error */
	dmar_err_entry_cut,	 /* the table ends in its type or length */
	dmar_err_entry_length,	 /* length less than 4 */
	dmar_err_entry_beyond,	 /* it ends beyond the table */
	dmar_err_entry_short,	 /* too short for what its type holds */
	dmar_err_base_unaligned, /* a unit's registers not on a 4 KiB page */
	dmar_err_rmrr_range,	 /* limit below base */
	dmar_err_rmrr_unaligned, /* not whole 4 KiB pages */
	dmar_err_name_empty,
	dmar_err_name_open,	 /* no NUL before the structure ends */
	/* a device scope, in dmar_scope.error */
	dmar_err_scope_cut,	 /* the structure ends in its fixed part */
	dmar_err_scope_length,	 /* length less than 6 */
	dmar_err_scope_beyond,	 /* it ends beyond its structure */
	dmar_err_path_odd,	 /* half a step at the path's end */
	dmar_err_path_empty,	 /* a device without a path */
	dmar_err_path_step,	 /* device over 31 or function over 7 */
	dmar_err_count
};

/* A table: its header, decoded, and what the iterators may walk. */
struct dmar_table {
	const uint8_t *bytes;
	uint32_t len;		/* where the structures end */
	bool signature_ok;
	bool checksum_ok;	/* all bytes are here and sum up to 0 */
	uint8_t revision;
	uint8_t checksum;
	uint32_t length;	/* the length field */
	uint8_t oem_id[6];
	uint8_t oem_table_id[8];
	uint32_t oem_revision;
	uint8_t creator_id[4];
	uint32_t creator_revision;
	uint8_t haw_field;
	uint8_t flags;
	uint16_t host_address_width; /* in bits: haw_field + 1 */
};

/*
 * A remapping structure.  Fields that its type does not have are 0, and so
 * are, when error is set, those that do not lie wholly within it.
 */
struct dmar_entry {
	enum dmar_error error;
	uint32_t offset;	/* of the structure in the table */
	uint32_t end;		/* what follows it, or the table's end */
	uint32_t next;		/* the iterator's: where it goes on */
	uint16_t type;
	uint16_t len;		/* the length field */
	uint8_t flags;		/* DRHD, ATSR, SATC */
	uint8_t size_field;	/* DRHD: see dmar_register_bytes */
	uint16_t segment;	/* all but RHSA and ANDD */
	uint64_t base;		/* DRHD and RHSA: registers; RMRR: memory */
	uint64_t limit;		/* RMRR: its last byte */
	uint32_t proximity;	/* RHSA */
	uint8_t device_number;	/* ANDD: what a scope's enum_id refers to */
	uint16_t name_len;	/* ANDD: without the NUL */
	uint32_t name;		/* ANDD: the name's offset in the table */
};

/* A device scope; fields that lie beyond its structure are 0. */
struct dmar_scope {
	enum dmar_error error;
	uint32_t offset;	/* of the scope in the table */
	uint32_t next;		/* the iterator's: where it goes on */
	uint8_t type;
	uint8_t len;		/* the length field */
	uint8_t flags;
	uint8_t enum_id;
	uint8_t bus;		/* the bus that the path starts on */
	uint8_t path_len;	/* in steps, each within the structure */
};

/* One step of a path: a bridge's, or in the last step the device's. */
struct dmar_hop {
	uint8_t dev, fn;
};

/* Its structures may be walked, and lie in bytes that may be read. */
/*@ predicate dmar_opened(struct dmar_table *t) =
      \valid_read(t) && t->len <= INT32_MAX &&
      \valid_read(t->bytes + (0 .. t->len - 1)); */

/*
 * Decodes and checks the header of the table in the len bytes at `bytes`.
 * Whatever is returned, *t can be walked: to the table's end or, if it is cut
 * short, that of the bytes; what is not a DMAR table has no structures.  A
 * checksum is only held against a table that is whole.
 */
/*@ requires \valid(t) && \valid_read(bytes + (0 .. len - 1));
    terminates \true;
    assigns *t;
    ensures dmar_opened(t) && t->bytes == bytes;
    ensures t->len <= len && t->len <= t->length; */
enum dmar_error dmar_open(struct dmar_table *t, const uint8_t *bytes,
			  size_t len)
	__attribute__((warn_unused_result));

/*
 * Moves e, zeroed before the first call, to the table's next structure; false
 * when there is none.  Where a broken length hides what follows, that
 * structure is the last.
 */
/*@ requires dmar_opened(t) && \valid(e) && \separated(e, t);
    terminates \true;
    assigns *e;
    ensures \result ==> \old(e->next) <= e->offset < e->next <= t->len;
    ensures \result ==> 48 <= e->offset < e->end <= t->len;
    ensures \result ==> e->name + e->name_len <= e->end; */
bool dmar_next(const struct dmar_table *t, struct dmar_entry *e);

/*
 * Likewise for the device scopes of e.  A structure that is wrong has its
 * scopes too: they tell which devices suffer.
 */
/*@ requires dmar_opened(t) && \valid_read(e) && \valid(s);
    requires \separated(s, e, t);
    terminates \true;
    assigns *s;
    ensures \result ==> \old(s->next) <= s->offset < s->next <= e->end;
    ensures \result && s->path_len > 0 ==>
            s->offset + 6 + 2 * s->path_len <= e->end; */
bool dmar_next_scope(const struct dmar_table *t, const struct dmar_entry *e,
		     struct dmar_scope *s);

/* Step i of the path of s; zeros where there is none. */
/*@ requires dmar_opened(t) && \valid_read(s);
    terminates \true;
    assigns \nothing; */
struct dmar_hop dmar_hop(const struct dmar_table *t, const struct dmar_scope *s,
			 unsigned int i);

/* How many bytes of registers a DRHD's unit has (VT-d 8.3). */
/*@ requires \valid_read(drhd);
    terminates \true;
    assigns \nothing; */
static inline uint64_t dmar_register_bytes(const struct dmar_entry *drhd)
{
	return UINT64_C(4096) << (drhd->size_field % 16);
}

/* What is wrong, in words, to follow "DMAR: offset N: ". */
/*@ terminates \true;
    assigns \result \from error; */
const char *dmar_strerror(enum dmar_error error);

#endif
