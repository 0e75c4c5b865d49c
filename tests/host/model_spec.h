/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers, entries and descriptors of VT-d as the model knows them: written
 * out a second time, from the specification, so that driver and model do not
 * share a mistake.  Section numbers are those of revision 4.
 */
#ifndef MODEL_SPEC_H
#define MODEL_SPEC_H

#include <stdbool.h>
#include <stdint.h>

/* Bits hi..lo of v, numbered as the specification does. */
static inline uint64_t bits(uint64_t v, unsigned hi, unsigned lo)
{
	return v >> lo & ((2ull << (hi - lo)) - 1);
}

static inline bool bit(uint64_t v, unsigned n)
{
	return v >> n & 1;
}

/* All bits hi..lo set. */
static inline uint64_t ones(unsigned hi, unsigned lo)
{
	return ((2ull << (hi - lo)) - 1) << lo;
}

enum {				/* registers: 11.4 */
	R_VER = 0x00, R_CAP = 0x08, R_ECAP = 0x10, R_GCMD = 0x18,
	R_GSTS = 0x1c, R_RTADDR = 0x20, R_CCMD = 0x28, R_FSTS = 0x34,
	R_FECTL = 0x38, R_FEDATA = 0x3c, R_FEADDR = 0x40, R_FEUADDR = 0x44,
	R_PMEN = 0x64, R_PLMBASE = 0x68, R_PLMLIMIT = 0x6c,
	R_PHMBASE = 0x70, R_PHMLIMIT = 0x78, R_IQH = 0x80, R_IQT = 0x88,
	R_IQA = 0x90, R_ICS = 0x9c, R_IECTL = 0xa0, R_IEDATA = 0xa4,
	R_IEADDR = 0xa8, R_IEUADDR = 0xac, R_IQERCD = 0xb0,
	R_IRTA = 0xb8,
};

/* GCMD and GSTS, 11.4.4: what lasts until it is written otherwise, and what
 * is done once. */
#define G_TE	(1u << 31)
#define G_SRTP	(1u << 30)
#define G_SFL	(1u << 29)
#define G_EAFL	(1u << 28)
#define G_WBF	(1u << 27)
#define G_QIE	(1u << 26)
#define G_IRE	(1u << 25)
#define G_SIRTP	(1u << 24)
#define G_CFI	(1u << 23)
#define G_LASTING	(G_TE | G_EAFL | G_QIE | G_IRE | G_CFI)
#define G_ONCE		(G_SRTP | G_SFL | G_WBF | G_SIRTP)

#define CC_ICC	(1ull << 63)	/* context command, 11.4.6 */
#define TLB_IVT	(1ull << 63)	/* IOTLB invalidate, 11.4.8 */

/* Fault status, event control and records: 11.4.9 to 11.4.14. */
#define FS_PFO	0x01u
#define FS_PPF	0x02u
#define FS_IQE	0x10u
#define FS_ICE	0x20u
#define FS_ITE	0x40u
#define FS_QUEUE	(FS_IQE | FS_ICE | FS_ITE)
#define FE_IM	(1u << 31)
#define FE_IP	(1u << 30)
#define FR_F	(1ull << 63)
#define FR_READ	(1ull << 62)

enum {				/* descriptors: 6.5.2 */
	D_CONTEXT = 1, D_IOTLB = 2, D_DEVTLB = 3, D_IEC = 4, D_WAIT = 5,
};

enum {				/* granularities: 6.5.1, 6.5.2 */
	BY_ALL = 1, BY_DOMAIN = 2, BY_DEVICE = 3, BY_PAGES = 3,
};

/* Why a request is not let through: 7.1.3, legacy mode. */
enum reason {
	OK = 0,
	NO_ROOT_ENTRY = 1, NO_CONTEXT_ENTRY = 2, BAD_CONTEXT = 3,
	BEYOND_WIDTH = 4, NO_WRITE = 5, NO_READ = 6, NO_TABLE = 7,
	NO_ROOT_TABLE = 8, NO_CONTEXT_TABLE = 9, ROOT_RESERVED = 0xa,
	CONTEXT_RESERVED = 0xb, TABLE_RESERVED = 0xc, TRANSLATED_BLOCKED = 0xd,
	INTERRUPT_RANGE = 0xe,
	IR_REQUEST = 0x20, IR_INDEX, IR_ABSENT, IR_TABLE, IR_RESERVED,
	IR_BLOCKED, IR_SOURCE,
};

/* A write there is an interrupt, whatever the tables say: 3.14. */
#define IRQ_FIRST	0xfee00000ul
#define IRQ_LAST	0xfeeffffful

/* The capability and extended capability registers, decoded: 11.4.2, 11.4.3. */
struct caps {
	unsigned domains;	/* ids */
	bool afl, rwbf, plmr, phmr, cm, zlr, psi, dwd, drd, esrtps;
	bool coherent, qi, dt, ir, eim, pt, sc, esirtps;
	unsigned major, sagaw, mgaw, fro, iro, records, mamv, sllps, mhmv;
};
struct caps decode_caps(uint32_t ver, uint64_t cap, uint64_t ecap);

#endif
