/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a remapping unit and what is in them (VT-d 11.4), the
 * descriptors of its queue (VT-d 6.5.2) and the entries of its tables (VT-d 9),
 * as far as they are used.
 * Registers are typed by width and fields are described once, as high and low
 * bit, and read and built by name.
 */
#ifndef VTD_REGS_H
#define VTD_REGS_H

#include <types.h>

struct reg32 { uint16_t off; };
struct reg64 { uint16_t off; };

struct field { uint8_t hi, lo; };

static inline uint64_t field_mask(struct field f)
{
	return ((2ull << (f.hi - f.lo)) - 1) << f.lo;
}

static inline uint64_t field_get(uint64_t v, struct field f)
{
	return (v & field_mask(f)) >> f.lo;
}

static inline uint64_t field_make(struct field f, uint64_t v)
{
	return v << f.lo & field_mask(f);
}

#define REG32(at)	((struct reg32){ (uint16_t)(at) })
#define REG64(at)	((struct reg64){ (uint16_t)(at) })
#define FIELD(hi, lo)	((struct field){ hi, lo })
#define BIT32(n)	(1u << (n))
#define BIT64(n)	(1ull << (n))

#define VER	REG32(0x00)
#define CAP	REG64(0x08)
#define ECAP	REG64(0x10)
#define GCMD	REG32(0x18)
#define GSTS	REG32(0x1c)
#define RTADDR	REG64(0x20)
#define CCMD	REG64(0x28)
#define FSTS	REG32(0x34)
#define FECTL	REG32(0x38)
#define FEDATA	REG32(0x3c)
#define FEADDR	REG32(0x40)
#define FEUADDR	REG32(0x44)
#define PMEN	REG32(0x64)
#define PLMBASE	REG32(0x68)
#define PLMLIMIT REG32(0x6c)
#define PHMBASE	REG64(0x70)
#define PHMLIMIT REG64(0x78)
#define IQH	REG64(0x80)
#define IQT	REG64(0x88)
#define IQA	REG64(0x90)
#define IQERCD	REG64(0xb0)
#define IRTA	REG64(0xb8)
#define IVA_BEHIND_IRO		0	/* 64 bits, at ECAP.IRO * 16 */
#define IOTLB_BEHIND_IRO	8	/* 64 bits, likewise */
#define FRCD_LO			0	/* 64 bits, at CAP.FRO * 16 + 16 * n */
#define FRCD_HI			8
#define FRCD_F_DWORD		12	/* the 32 bits that hold F */
#define FRCD_STRIDE		16

#define VER_MAJOR	FIELD(7, 4)

#define CAP_ND		FIELD(2, 0)
#define CAP_RWBF	BIT64(4)
#define CAP_PLMR	BIT64(5)
#define CAP_PHMR	BIT64(6)
#define CAP_CM		BIT64(7)
#define CAP_SAGAW	FIELD(12, 8)
#define CAP_MGAW	FIELD(21, 16)	/* bits, less 1 */
#define CAP_FRO		FIELD(33, 24)	/* in 16 bytes */
#define CAP_SLLPS	FIELD(37, 34)
#define SLLPS_2M	1u
#define SLLPS_1G	2u
#define CAP_PSI		BIT64(39)
#define CAP_NFR		FIELD(47, 40)	/* records, less 1 */
#define CAP_MAMV	FIELD(53, 48)
#define CAP_DWD		BIT64(54)
#define CAP_DRD		BIT64(55)

#define ECAP_C		BIT64(0)
#define ECAP_QI		BIT64(1)
#define ECAP_DT		BIT64(2)
#define ECAP_IR		BIT64(3)
#define ECAP_EIM	BIT64(4)
#define ECAP_SC		BIT64(7)
#define ECAP_IRO	FIELD(17, 8)	/* in 16 bytes */

/* GCMD and GSTS: the same places in both. */
#define GCMD_TE		BIT32(31)
#define GCMD_SRTP	BIT32(30)
#define GCMD_WBF	BIT32(27)
#define GCMD_QIE	BIT32(26)
#define GCMD_IRE	BIT32(25)
#define GCMD_SIRTP	BIT32(24)
#define GCMD_CFI	BIT32(23)
/* What stays as it was last written; all else is a one-time command. */
#define GCMD_LASTING	(GCMD_TE | GCMD_QIE | GCMD_IRE | GCMD_CFI | BIT32(28))

#define RTADDR_ADDR	FIELD(63, 12)
#define RTADDR_TTM	FIELD(11, 10)	/* 0: legacy mode, the only one here */

#define CCMD_ICC	BIT64(63)
#define CCMD_CIRG	FIELD(62, 61)
#define CCMD_SID	FIELD(31, 16)
#define CCMD_DID	FIELD(15, 0)

#define IOTLB_IVT	BIT64(63)
#define IOTLB_IIRG	FIELD(61, 60)
#define IOTLB_DR	BIT64(49)
#define IOTLB_DW	BIT64(48)
#define IOTLB_DID	FIELD(47, 32)

/* Granularities, the same numbers in registers and descriptors. */
enum { GRAN_GLOBAL = 1, GRAN_DOMAIN = 2, GRAN_DEVICE = 3, GRAN_PAGES = 3 };

#define FSTS_PFO	BIT32(0)
#define FSTS_PPF	BIT32(1)
#define FSTS_IQE	BIT32(4)
#define FSTS_ICE	BIT32(5)
#define FSTS_ITE	BIT32(6)
#define FSTS_QUEUE	(FSTS_IQE | FSTS_ICE | FSTS_ITE)

#define FECTL_IM	BIT32(31)

#define PMEN_EPM	BIT32(31)
#define PMEN_PRS	BIT32(0)

#define FRCD_FI		FIELD(63, 12)	/* low half */
#define FRCD_INDEX	FIELD(63, 48)	/* likewise, of an interrupt */
#define REASON_INTERRUPT 0x20		/* from here on */
#define FRCD_F		BIT64(63)	/* high half */
#define FRCD_T		BIT64(62)	/* set: a read */
#define FRCD_FR		FIELD(39, 32)
#define FRCD_SID	FIELD(15, 0)

#define IQA_QS		FIELD(2, 0)
#define IQT_INDEX	FIELD(18, 4)
#define IQH_INDEX	FIELD(18, 4)
#define IQERCD_ICESID	FIELD(63, 48)	/* 0: it does not tell */
#define IQERCD_ITESID	FIELD(47, 32)

struct qi_desc { uint64_t lo, hi; };
_Static_assert(sizeof(struct qi_desc) == 16, "VT-d 6.5.2");

#define IRTA_EIME	BIT64(11)	/* x2APIC ids */
#define IRTA_S		FIELD(3, 0)	/* 2^(S + 1) entries */

enum {
	QI_CONTEXT = 1, QI_IOTLB = 2, QI_DEVTLB = 3, QI_IEC = 4, QI_WAIT = 5,
};
#define QI_TYPE		FIELD(3, 0)
#define QI_GRAN		FIELD(5, 4)
#define QI_DID		FIELD(31, 16)
#define QI_SID		FIELD(47, 32)
#define QI_IOTLB_DW	BIT64(6)
#define QI_IOTLB_DR	BIT64(7)
#define QI_IOTLB_AM	FIELD(5, 0)	/* high half */
#define QI_IOTLB_IH	BIT64(6)	/* high half */
#define QI_DEVTLB_S	BIT64(0)	/* high half */
#define QI_IEC_ONE	BIT64(4)	/* else all */
#define QI_IEC_INDEX	FIELD(47, 32)
#define QI_WAIT_SW	BIT64(5)
#define QI_WAIT_DATA	FIELD(63, 32)

struct root_entry { uint64_t lo, hi; };
struct context_entry { uint64_t lo, hi; };
_Static_assert(sizeof(struct root_entry) == 16, "VT-d 9.1");
_Static_assert(sizeof(struct context_entry) == 16, "VT-d 9.3");

#define ROOT_P		BIT64(0)
#define ROOT_CTP	FIELD(63, 12)
#define CONTEXT_P	BIT64(0)
#define CONTEXT_TT	FIELD(3, 2)
#define CONTEXT_SLPTPTR	FIELD(63, 12)
#define CONTEXT_AW	FIELD(2, 0)	/* high half */
#define CONTEXT_DID	FIELD(23, 8)	/* high half */
enum { TT_UNTRANSLATED = 0, TT_DEVICE_TLB = 1 };

/* VT-d 9.10, in remapped format. */
struct irt_entry { uint64_t lo, hi; };
_Static_assert(sizeof(struct irt_entry) == 16, "VT-d 9.10");

#define IRTE_P		BIT64(0)
#define IRTE_TM		BIT64(4)	/* level-triggered */
#define IRTE_VECTOR	FIELD(23, 16)
#define IRTE_DEST	FIELD(47, 40)	/* an APIC id */
#define IRTE_DEST_X2	FIELD(63, 32)	/* with EIME */
#define IRTE_SID	FIELD(15, 0)	/* high half */
#define IRTE_SVT	FIELD(19, 18)	/* high half */
enum { SVT_ID = 1, SVT_BUSES = 2 };

/* VT-d 5.1.2.2 and 5.1.5.1: what asks for an entry. */
#define INT_ADDR	0xfee00000u
#define INT_REMAPPABLE	BIT32(4)
#define INT_SHV		BIT32(3)	/* data is added to the index */
#define INT_INDEX	FIELD(19, 5)
#define RTE_REMAPPABLE	BIT64(48)
#define RTE_INDEX	FIELD(63, 49)

#define SL_R		BIT64(0)
#define SL_W		BIT64(1)
#define SL_PS		BIT64(7)	/* a leaf above the lowest level */
#define SL_SNP		BIT64(11)	/* reserved without ECAP.SC */
#define SL_ADDR		FIELD(51, 12)
#define SL_TM		BIT64(62)	/* reserved without ECAP.DT */
#define SL_TOMB		BIT64(52)	/* ours: see table.h */

#endif
