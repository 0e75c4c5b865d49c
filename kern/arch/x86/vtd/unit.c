/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A unit's life: found, started, switched on and off, failed; its registers
 * and commands.
 */
#include <vtd/vtd.h>

#define FIRST_LEN	4096
#define SAGAW_LEVELS(n)	(1u << ((n) - 2))	/* VT-d 11.4.2: bit 1 = 3 */

const char *vtd_failure(struct vtd *u)
{
	return vtd_alive(u) ? NULL :
		__atomic_load_n(&u->failure, __ATOMIC_RELAXED);
}

/* The reason stands before `broken` tells others to look for it. */
void vtd_mark_failed(struct vtd *u, const char *what)
{
	const char *before = NULL;

	if (__atomic_compare_exchange_n(&u->failure, &before, what, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		__atomic_store_n(&u->broken, true, __ATOMIC_RELEASE);
}

/* Whoever comes first tells the layer above. */
int vtd_fail(struct vtd *u, const char *what)
{
	const char *why;

	vtd_mark_failed(u, what);
	why = __atomic_load_n(&u->failure, __ATOMIC_ACQUIRE);
	if (!__atomic_exchange_n(&u->told, true, __ATOMIC_RELAXED)) {
		unit_event(u, EVENT_FAIL, 0, (uintptr_t)why, 0);
		os_log(OS_ERROR, "iommu: unit 0x%lx failed: %s", u->base, why);
		if (u->failed)
			u->failed(u);
	}
	return os_error("unit 0x%lx has failed: %s", u->base, why);
}

/* All ones is a unit that is gone. */
static bool poll(struct vtd *u, struct reg32 r, uint32_t mask, uint32_t want)
{
	struct deadline end = deadline_in(VTD_DEADLINE);
	uint32_t v;

	do {
		v = vtd_get32(u, r);
		if (v == ~0u)
			return false;
		if ((v & mask) == want)
			return true;
	} while (!deadline_over(&end));
	count(&u->stats.timeouts);
	return false;
}

/* VT-d 11.4.4: one bit changes at a time, and the lasting ones are repeated;
 * one-time bits of GSTS must not come back as commands.  After one that was not
 * carried out none is given. */
int vtd_command(struct vtd *u, uint32_t bit, bool set, uint32_t done,
		const char *what)
{
	bool obeyed;
	uint32_t v;

	os_turn_take(&u->turn);
	obeyed = vtd_alive(u);
	if (obeyed) {
		v = set ? u->gcmd | bit : u->gcmd & ~bit;
		vtd_set32(u, GCMD, v);
		u->gcmd = v & GCMD_LASTING;
		obeyed = poll(u, GSTS, bit, done);
	}
	if (!obeyed)
		vtd_mark_failed(u, what);
	os_turn_give(&u->turn);
	return obeyed ? 0 : vtd_fail(u, what);
}

int vtd_flush_write_buffer(struct vtd *u)
{
	if (!(u->cap & CAP_RWBF))
		return 0;
	return vtd_command(u, GCMD_WBF, true, 0, "write buffer flush");
}

/* Behind the last register that the capabilities name, in whole pages. */
static size_t regs_end(uint64_t cap, uint64_t ecap)
{
	size_t frcd = (field_get(cap, CAP_FRO) + field_get(cap, CAP_NFR) + 1) *
		16;
	size_t iotlb = (field_get(ecap, ECAP_IRO) + 1) * 16;

	return ROUNDUP(MAX(frcd, iotlb), FIRST_LEN);
}

/* 4 levels if it can: what is shared with others is then the widest. */
static uint8_t pick_levels(uint64_t cap)
{
	static const uint8_t preferred[] = { 4, 3, 5 };
	uint64_t sagaw = field_get(cap, CAP_SAGAW);

	for (unsigned i = 0; i < ARRAY_SIZE(preferred); i++)
		if (sagaw & SAGAW_LEVELS(preferred[i]))
			return preferred[i];
	return 0;
}

/* VT-d 11.4.5: the mode of its tables changes only while it is off, and off
 * it would open memory to whatever cannot be kept from the bus. */
static bool in_another_mode(struct vtd *u)
{
	return vtd_get32(u, GSTS) & GCMD_TE &&
		field_get(vtd_get64(u, RTADDR), RTADDR_TTM);
}

static const char *missing(struct vtd *u)
{
	if (in_another_mode(u))
		return "firmware left it on in another mode";
	if (!u->levels)
		return "it offers no second-level translation";
	if (field_get(u->version, VER_MAJOR) >= 6 && !(u->ecap & ECAP_QI))
		return "it offers no way to invalidate";
	return NULL;
}

static int map_regs(struct vtd *u, size_t len)
{
	u->regs = os_map_regs(u->base, len);
	return u->regs ? 0 :
		os_error("unit 0x%lx: registers cannot be mapped", u->base);
}

int vtd_init(struct vtd *u, physaddr_t base, uint16_t segment)
{
	u->base = base;
	u->segment = segment;
	if (map_regs(u, FIRST_LEN) < 0)
		return -1;
	u->version = vtd_get32(u, VER);
	u->cap = vtd_get64(u, CAP);
	u->ecap = vtd_get64(u, ECAP);
	if (u->version == ~0u || (u->cap == ~0ull && u->ecap == ~0ull) ||
	    (!u->cap && !u->ecap))
		return os_error("unit 0x%lx: nothing there", base);
	if (regs_end(u->cap, u->ecap) > FIRST_LEN &&
	    map_regs(u, regs_end(u->cap, u->ecap)) < 0)
		return -1;
	u->ndids = 1u << (4 + 2 * MIN(field_get(u->cap, CAP_ND), 6ull));
	u->levels = pick_levels(u->cap);
	u->address_bits = (uint8_t)MIN(field_get(u->cap, CAP_MGAW) + 1,
				       12u + 9u * u->levels);
	u->unsupported = missing(u);
	return 0;
}

static int set_root(struct vtd *u)
{
	vtd_set64(u, RTADDR, os_phys(u->root));
	return vtd_command(u, GCMD_SRTP, true, GCMD_SRTP,
			   "set root table pointer");
}

static int flush_all(struct vtd *u)
{
	struct qi_desc list[] = { inv_context_global(), inv_iotlb_global() };

	return vtd_invalidate(u, list, ARRAY_SIZE(list));
}

static int alloc_tables(struct vtd *u)
{
	u->root = vtd_alloc_page(u);
	u->did_map = os_alloc(MAX(u->ndids / 8, 8u));
	if (!u->root || !u->did_map)
		return os_error("unit 0x%lx: no memory", u->base);
	u->did_map[0] = BIT64(DID_NONE) | BIT64(DID_KERNEL);
	if (u->ecap & ECAP_QI && queue_alloc(u) < 0)
		return -1;
	return irt_alloc(u);
}

static bool protects_memory(const struct vtd *u)
{
	return u->cap & (CAP_PLMR | CAP_PHMR);
}

/* VT-d 11.4.16; the status follows the command. */
static int protect(struct vtd *u, bool on)
{
	vtd_set32(u, PMEN, on ? PMEN_EPM : 0);
	return poll(u, PMEN, PMEN_PRS, on ? PMEN_PRS : 0) ? 0 :
		vtd_fail(u, "protected memory");
}

/* Only units that do not translate yet need that bridge (VT-d 3.12).  Regions
 * that firmware left on stay as they are: to move them is to open them. */
int vtd_protect(struct vtd *u)
{
	if (!protects_memory(u) || u->taken_over ||
	    vtd_get32(u, PMEN) & PMEN_PRS)
		return 0;
	if (u->cap & CAP_PLMR) {
		vtd_set32(u, PLMBASE, 0);
		vtd_set32(u, PLMLIMIT, ~0u);
	}
	if (u->cap & CAP_PHMR) {
		vtd_set64(u, PHMBASE, 1ull << 32);
		vtd_set64(u, PHMLIMIT, ~0ull);
	}
	return protect(u, true);
}

int vtd_prepare(struct vtd *u)
{
	int err = alloc_tables(u);

	u->gcmd = vtd_get32(u, GSTS) & GCMD_LASTING;
	u->taken_over = u->gcmd & GCMD_TE;
	return err;
}

/* VT-d 6.6 and 11.4.5: pointer, then context cache, then IOTLB; all that was
 * cached for whoever had the unit before is forgotten.  Translation that was on
 * stays on meanwhile: every device is fenced, and what one still had under way
 * is translated by the old tables or by ours, never not at all; a unit that
 * translates walks ours at once. */
int vtd_start(struct vtd *u)
{
	return queue_start(u) ?: vtd_flush_write_buffer(u) ?: irt_start(u) ?:
		set_root(u) ?: flush_all(u);
}

/* On: after a flush, since while off entries may have gone stale. */
int vtd_translation(struct vtd *u, bool on)
{
	int err = 0;

	if (!on && u->keep_on)
		return 0;
	if (on)
		err = flush_all(u);
	if (!err)
		err = vtd_command(u, GCMD_TE, on, on ? GCMD_TE : 0,
				  on ? "translation enable" :
				  "translation disable");
	if (!err && on && protects_memory(u))
		err = protect(u, false);
	if (!err)
		u->translating = on;
	return err;
}
