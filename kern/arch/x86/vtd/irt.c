/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt remapping (VT-d 5): a table of 256 entries a unit, made before any
 * interrupt is let through.  An entry is 128 bits wide and never torn while it
 * is present: its half with P is stored last when it is set, first when it is
 * cleared.  What an entry lets through comes from one source id, or from the
 * buses behind one bridge.  Requests in compatibility format are blocked.
 *
 * An index is free again when the unit has forgotten its entry and has passed
 * on what it had in flight (VT-d 6.5.2.6, 6.5.6).
 */
#include <vtd/vtd.h>

#define ENTRIES		256u
#define ENTRIES_SHIFT	8
_Static_assert(ENTRIES * sizeof(struct irt_entry) == PGSIZE, "one page");

int irt_alloc(struct vtd *u)
{
	if (!(u->ecap & ECAP_IR) || !u->queue.ring)
		return 0;
	u->irt = vtd_alloc_page(u);
	return u->irt ? 0 : os_error("unit 0x%lx: no memory", u->base);
}

static int set_table(struct vtd *u)
{
	vtd_set64(u, IRTA, os_phys(u->irt) | (u->x2apic ? IRTA_EIME : 0) |
		  field_make(IRTA_S, ENTRIES_SHIFT - 1));
	return vtd_command(u, GCMD_SIRTP, true, GCMD_SIRTP,
			   "set interrupt table pointer");
}

/* VT-d 5.2: blocking compatibility formats, pointer, then the cache; an
 * interrupt of whoever had the unit before finds no entry from here on. */
int irt_start(struct vtd *u)
{
	struct qi_desc flush = inv_iec_global();
	int err = 0;

	if (!u->irt)
		return 0;
	if (u->gcmd & GCMD_CFI)
		err = vtd_command(u, GCMD_CFI, false, 0,
				  "block old interrupts");
	return err ?: set_table(u) ?: vtd_invalidate(u, &flush, 1) ?:
		vtd_command(u, GCMD_IRE, true, GCMD_IRE,
			    "interrupt remapping enable");
}

struct irt_entry irt_entry(const struct vtd *u, const struct irt_source *s,
			   uint8_t vector, uint32_t dest, bool level)
{
	return (struct irt_entry){
		.lo = IRTE_P | (level ? IRTE_TM : 0) |
			field_make(IRTE_VECTOR, vector) |
			field_make(u->x2apic ? IRTE_DEST_X2 : IRTE_DEST, dest),
		.hi = field_make(IRTE_SVT, s->last ? SVT_BUSES : SVT_ID) |
			field_make(IRTE_SID, s->last ?
				   (s->sid & 0xff00) | s->last >> 8 : s->sid),
	};
}

static int take_index(struct vtd *u)
{
	os_hold(&u->lock);
	return map_take(u->irt_used, 0, ENTRIES);
}

/* Stores may linger (CAP.RWBF), and this flush does not imply that of the write
 * buffer. */
static int forget(struct vtd *u, unsigned index)
{
	struct qi_desc flush = inv_iec_index((uint16_t)index);
	int err = vtd_flush_write_buffer(u);

	return err ? err : vtd_invalidate(u, &flush, 1);
}

/* Absence may be cached (CAP.CM). */
static int show(struct vtd *u, unsigned index)
{
	return u->cap & CAP_CM ? forget(u, index) : vtd_flush_write_buffer(u);
}

int irt_set(struct vtd *u, struct irt_entry new)
{
	int index = take_index(u);

	if (index < 0)
		return os_error("unit 0x%lx has no interrupt entry left of %u",
				u->base, ENTRIES);
	unit_event(u, EVENT_INTERRUPT, (unsigned)index, 0, true);
	vtd_store(u, &u->irt[index].hi, new.hi);
	vtd_store(u, &u->irt[index].lo, new.lo);
	return show(u, (unsigned)index) < 0 ? -1 : index;
}

int irt_clear(struct vtd *u, unsigned index)
{
	int err;

	unit_event(u, EVENT_INTERRUPT, index, 0, false);
	vtd_store(u, &u->irt[index].lo, 0);
	err = forget(u, index);
	vtd_store(u, &u->irt[index].hi, 0);
	if (err)
		return err;	/* the unit may still use it: lost */
	os_hold(&u->lock);
	map_give(u->irt_used, index);
	return 0;
}

unsigned irt_in_use(struct vtd *u)
{
	unsigned n = 0;

	os_hold(&u->lock);
	for (unsigned i = 0; i < ENTRIES / 64; i++)
		n += (unsigned)__builtin_popcountll(u->irt_used[i]);
	return n;
}

uint64_t irt_message(unsigned index)
{
	return INT_ADDR | INT_REMAPPABLE | INT_SHV |
		field_make(INT_INDEX, index);
}

uint64_t irt_ioapic_entry(unsigned index, uint8_t vector)
{
	return RTE_REMAPPABLE | field_make(RTE_INDEX, index) | vector;
}
