/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields of registers, descriptors and entries by name (vtd/regs.h): where each
 * is, against places written down a second time from the specification; and
 * taking any field of any width from a word, and making it.
 */
#include "bare.h"

static uint64_t mask(unsigned width)
{
	return width < 64 ? (1ull << width) - 1 : ~0ull;
}

static uint64_t naive_get(uint64_t v, unsigned hi, unsigned lo)
{
	uint64_t got = 0;

	for (unsigned n = lo; n <= hi; n++)
		got |= (v >> n & 1) << (n - lo);
	return got;
}

static void test_every_field_that_can_be(void **state)
{
	struct field f;
	uint64_t v, low;

	(void)state;
	for (unsigned lo = 0; lo < 64; lo++)
		for (unsigned hi = lo; hi < 64; hi++)
			for (unsigned n = 0; n < 80; n++) {
				f = FIELD((uint8_t)hi, (uint8_t)lo);
				v = n < 64 ? 1ull << n : bare_random();
				low = v & mask(hi - lo + 1);
				assert_int_equal(field_get(v, f),
						 naive_get(v, hi, lo));
				assert_int_equal(field_make(f, v), low << lo);
				assert_int_equal(field_mask(f),
						 mask(hi - lo + 1) << lo);
			}
}

/* Names and places, 11.4.2 to 11.4.14, 6.5.2, 9.1 to 9.8. */
static const struct {
	const char *name;
	struct field f;
	uint8_t hi, lo;
} fields[] = {
#define IS(name, hi, lo) { #name, name, hi, lo }
	IS(VER_MAJOR, 7, 4), IS(CAP_ND, 2, 0), IS(CAP_SAGAW, 12, 8),
	IS(CAP_MGAW, 21, 16), IS(CAP_FRO, 33, 24), IS(CAP_SLLPS, 37, 34),
	IS(CAP_NFR, 47, 40), IS(CAP_MAMV, 53, 48), IS(ECAP_IRO, 17, 8),
	IS(RTADDR_ADDR, 63, 12), IS(CCMD_CIRG, 62, 61), IS(CCMD_SID, 31, 16),
	IS(CCMD_DID, 15, 0), IS(IOTLB_IIRG, 61, 60), IS(IOTLB_DID, 47, 32),
	IS(FRCD_FI, 63, 12), IS(FRCD_FR, 39, 32),
	IS(FRCD_SID, 15, 0), IS(IQA_QS, 2, 0), IS(IQT_INDEX, 18, 4),
	IS(IQH_INDEX, 18, 4), IS(QI_TYPE, 3, 0), IS(QI_GRAN, 5, 4),
	IS(QI_DID, 31, 16), IS(QI_SID, 47, 32), IS(QI_IOTLB_AM, 5, 0),
	IS(QI_WAIT_DATA, 63, 32), IS(ROOT_CTP, 63, 12), IS(CONTEXT_TT, 3, 2),
	IS(CONTEXT_SLPTPTR, 63, 12), IS(CONTEXT_AW, 2, 0),
	IS(CONTEXT_DID, 23, 8), IS(SL_ADDR, 51, 12),
#undef IS
};

static const struct {
	const char *name;
	uint64_t v;
	unsigned n;
} single[] = {
#define IS(name, n) { #name, name, n }
	IS(CAP_RWBF, 4), IS(CAP_PLMR, 5), IS(CAP_PHMR, 6), IS(CAP_CM, 7),
	IS(CAP_PSI, 39), IS(CAP_DWD, 54), IS(CAP_DRD, 55), IS(ECAP_C, 0),
	IS(ECAP_QI, 1), IS(ECAP_DT, 2), IS(ECAP_IR, 3), IS(ECAP_SC, 7),
	IS(GCMD_TE, 31), IS(GCMD_SRTP, 30), IS(GCMD_WBF, 27), IS(GCMD_QIE, 26),
	IS(GCMD_IRE, 25), IS(GCMD_CFI, 23), IS(CCMD_ICC, 63), IS(IOTLB_IVT, 63),
	IS(IOTLB_DR, 49), IS(IOTLB_DW, 48), IS(FSTS_PFO, 0),
	IS(FSTS_PPF, 1), IS(FSTS_IQE, 4), IS(FSTS_ICE, 5), IS(FSTS_ITE, 6),
	IS(FECTL_IM, 31), IS(PMEN_EPM, 31), IS(PMEN_PRS, 0), IS(FRCD_F, 63),
	IS(FRCD_T, 62), IS(QI_IOTLB_DW, 6), IS(QI_IOTLB_DR, 7),
	IS(QI_IOTLB_IH, 6), IS(QI_DEVTLB_S, 0), IS(QI_WAIT_SW, 5),
	IS(ROOT_P, 0), IS(CONTEXT_P, 0), IS(SL_R, 0), IS(SL_W, 1), IS(SL_PS, 7),
	IS(SL_SNP, 11),
#undef IS
};

static void test_names_are_at_their_places(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].f.hi != fields[i].hi ||
		    fields[i].f.lo != fields[i].lo)
			fail_msg("%s is misplaced", fields[i].name);
	for (unsigned i = 0; i < ARRAY_SIZE(single); i++)
		if (single[i].v != 1ull << single[i].n)
			fail_msg("%s is misplaced", single[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_at_their_places),
		cmocka_unit_test(test_every_field_that_can_be),
	};

	return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
