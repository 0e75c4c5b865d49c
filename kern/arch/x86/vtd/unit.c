/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A unit's life: found, started, switched on and off, failed; its registers
 * and commands.
 */
#include <vtd/vtd.h>

#define FIRST_LEN	4096
#define SAGAW_LEVELS(n)	(1u << ((n) - 2))	/* VT-d 11.4.2: bit 1 = 3 */

uint32_t vtd_get32(struct vtd *u, struct reg32 r)
{
	return os_read32(u->regs + r.off);
}

uint64_t vtd_get64(struct vtd *u, struct reg64 r)
{
	return os_read64(u->regs + r.off);
}

void vtd_set32(struct vtd *u, struct reg32 r, uint32_t v)
{
	os_write32(u->regs + r.off, v);
}

void vtd_set64(struct vtd *u, struct reg64 r, uint64_t v)
{
	os_write64(u->regs + r.off, v);
}

const char *vtd_failure(struct vtd *u)
{
	return vtd_alive(u) ? NULL :
		__atomic_load_n(&u->failure, __ATOMIC_RELAXED);
}

/* The reason stands before `broken` tells others to look for it. */
bool vtd_mark_failed(struct vtd *u, const char *what)
{
	const char *before = NULL;

	if (!__atomic_compare_exchange_n(&u->failure, &before, what, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	__atomic_store_n(&u->broken, true, __ATOMIC_RELEASE);
	return true;
}

int vtd_tell_failed(struct vtd *u, bool first)
{
	const char *what = __atomic_load_n(&u->failure, __ATOMIC_ACQUIRE);

	if (first)
		os_log(OS_ERROR, "iommu: unit 0x%lx failed: %s", u->base, what);
	if (first && u->failed)
		u->failed(u);
	return os_error("unit 0x%lx has failed: %s", u->base, what);
}

int vtd_fail(struct vtd *u, const char *what)
{
	return vtd_tell_failed(u, vtd_mark_failed(u, what));
}

/* Bounded; looks once more after the deadline, since a virtual processor may
 * have slept.  All ones is a unit that is gone. */
static bool poll_gsts(struct vtd *u, uint32_t mask, uint32_t want)
{
	uint64_t end = os_clock() + VTD_DEADLINE;
	bool late = false;
	uint32_t v;

	for (;;) {
		v = vtd_get32(u, GSTS);
		if (v == ~0u)
			return false;
		if ((v & mask) == want)
			return true;
		if (late)
			return false;
		late = os_clock() > end;
		os_relax();
	}
}

/* VT-d 11.4.4: one bit changes at a time, and the lasting ones are repeated;
 * one-time bits of GSTS must not come back as commands.  After one that was not
 * carried out none is given. */
int vtd_command(struct vtd *u, uint32_t bit, bool set, uint32_t done,
		const char *what)
{
	bool obeyed, first;
	uint32_t v;

	os_lock(&u->lock);
	obeyed = vtd_alive(u);
	if (obeyed) {
		v = set ? u->gcmd | bit : u->gcmd & ~bit;
		vtd_set32(u, GCMD, v);
		u->gcmd = v & GCMD_LASTING;
		obeyed = poll_gsts(u, bit, done);
	}
	first = !obeyed && vtd_mark_failed(u, what);
	os_unlock(&u->lock);
	return obeyed ? 0 : vtd_tell_failed(u, first);
}

int vtd_flush_write_buffer(struct vtd *u)
{
	if (!(u->cap & CAP_RWBF))
		return 0;
	if (!vtd_alive(u))
		return vtd_fail(u, vtd_failure(u));
	return vtd_command(u, GCMD_WBF, true, 0, "write buffer flush");
}

/* The largest offset that the capabilities name, so that all of it is mapped. */
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

int vtd_init(struct vtd *u, physaddr_t base, uint16_t segment)
{
	u->base = base;
	u->segment = segment;
	u->regs_len = FIRST_LEN;
	u->regs = os_map_regs(base, FIRST_LEN);
	if (!u->regs)
		return os_error("unit 0x%lx: registers cannot be mapped", base);
	u->version = vtd_get32(u, VER);
	u->cap = vtd_get64(u, CAP);
	u->ecap = vtd_get64(u, ECAP);
	if (u->version == ~0u || (u->cap == ~0ull && u->ecap == ~0ull) ||
	    (!u->cap && !u->ecap))
		return os_error("unit 0x%lx: nothing there", base);
	if (regs_end(u->cap, u->ecap) > FIRST_LEN) {
		u->regs_len = regs_end(u->cap, u->ecap);
		u->regs = os_map_regs(base, u->regs_len);
		if (!u->regs)
			return os_error("unit 0x%lx: registers cannot be "
					"mapped", base);
	}
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
	u->root = os_alloc(PGSIZE);
	u->did_map = os_alloc(MAX(u->ndids / 8, 8u));
	if (!u->root || !u->did_map)
		return os_error("unit 0x%lx: no memory", u->base);
	if (!vtd_coherent(u))
		os_flush(u->root, PGSIZE);
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
	uint64_t end = os_clock() + VTD_DEADLINE;
	uint32_t want = on ? PMEN_PRS : 0;
	bool late = false;

	vtd_set32(u, PMEN, on ? PMEN_EPM : 0);
	while ((vtd_get32(u, PMEN) & PMEN_PRS) != want) {
		if (late)
			return vtd_fail(u, "protected memory");
		late = os_clock() > end;
		os_relax();
	}
	return 0;
}

/* Only units that do not translate yet need that bridge (VT-d 3.12).  Regions
 * that firmware left on stay as they are: to move them is to open them first. */
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
 * is translated by the old tables or by ours, never not at all. */
int vtd_start(struct vtd *u)
{
	int err = 0;

	if (u->gcmd & GCMD_QIE)
		err = vtd_command(u, GCMD_QIE, false, 0, "queue disable");
	if (!err && u->queue.ring)
		err = queue_start(u);
	if (!err)		/* one that translates walks them at once */
		err = vtd_flush_write_buffer(u);
	if (!err)
		err = irt_start(u);
	if (!err)
		err = set_root(u);
	if (!err)
		err = flush_all(u);
	return err;
}

/* On: after a flush, since while off entries may have gone stale. */
int vtd_translation(struct vtd *u, bool on)
{
	int err = 0;

	if (!vtd_alive(u))
		return vtd_fail(u, vtd_failure(u));
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
