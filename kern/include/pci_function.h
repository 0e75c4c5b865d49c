/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One PCI function as far as handing it over needs it: its capabilities, how
 * it is reset, what of it must be off or on; and what the topology says: under
 * which requester ids its requests may come, who can reach whom without coming
 * up to the root complex.  Knows nothing of remapping; asks for the services of
 * iommu_os.h, and for memory only where a list is made.
 *
 * Functions are found once, at boot, and never go; what is here does not
 * change afterwards.  Who writes the same register is the caller's to order.
 */
#ifndef PCI_FUNCTION_H
#define PCI_FUNCTION_H

#include <pci_regs.h>
#include <types.h>

#define PCI_MAX_RIDS	3	/* of one function: its own, bridges' */
#define PCI_BUSES	256
#define PCI_RIDS_OF_BUS	256

enum pci_reset {
	PCI_RESET_NONE, PCI_RESET_FLR, PCI_RESET_AF, PCI_RESET_PM,
	PCI_RESET_BUS,
};

struct pci_function;

/* One of the ids under which a function's requests may come. */
struct pci_rid {
	struct pci_rid *next;	/* of that id, or of another segment */
	struct pci_function *fn;
	uint16_t sid;
};

struct pci_function {
	struct pci_function *next;	/* all of them */
	struct pci_function *higher;	/* likewise, by address */
	struct pci_function *above;	/* the bridge to its bus; NULL: none */
	struct pci_function *peers;	/* ring: they share a requester id and
					 * go together */
	uint16_t segment, sid;
	uint16_t vendor, device;
	uint32_t class;			/* 24 bits */
	bool bridge;			/* class 06 */
	uint8_t header, secondary;	/* secondary: a bridge's lower bus */
	uint8_t pcie, af, pm;		/* capabilities; 0: none */
	uint16_t ats, acs;		/* extended ones */
	enum pci_reset reset;
	struct pci_rid rids[PCI_MAX_RIDS];
	unsigned nrids;
};

struct pci_functions {
	struct pci_function *first, *lowest;
	struct pci_rid **rids[PCI_BUSES];	/* by bus, then slot and
						 * function */
};

/* bdf.c */
static inline uint16_t pci_sid(unsigned bus, unsigned dev, unsigned fn)
{
	return (uint16_t)(bus << 8 | (dev & 31u) << 3 | (fn & 7u));
}

/* "B:D.F" or "S:B:D.F", in hexadecimal. */
struct bdf_text {
	char s[16];
};
struct bdf_text bdf_text(uint16_t segment, uint16_t sid);
/* B:D.F, B:D:F or S:B:D.F, in hexadecimal, and nothing behind it: NULL, or why
 * it is not. */
const char *bdf_parse(const char *word, uint16_t *segment, uint16_t *sid);

/* function.c: configuration space */
/* The first capability with that id behind `after` (0: from the start); 0:
 * none. */
uint8_t pci_cap(uint16_t segment, uint16_t sid, unsigned id, uint8_t after);
/* Whether it is a bridge to another bus, and the buses below it. */
bool pci_is_bridge(uint16_t segment, uint16_t sid, uint8_t *secondary,
		   uint8_t *subordinate);
void pci_function_init(struct pci_function *f, uint16_t segment, uint16_t sid);
bool pci_function_gone(const struct pci_function *f);
bool pci_masters_bus(const struct pci_function *f);
/* Sets or clears bus mastering, interrupts by pin always off; false: it does
 * not obey. */
bool pci_set_master(const struct pci_function *f, bool on) must_check;
/* false: some are still pending when the time is over. */
bool pci_wait_for_transactions(const struct pci_function *f) must_check;
/* If it has a method; false: it does not come back.  Off the bus afterwards. */
bool pci_function_reset(const struct pci_function *f) must_check;
void pci_no_snoop_off(const struct pci_function *f);
void pci_ats_enable(const struct pci_function *f, bool on);
/* Closes a port for all that is below it. */
void pci_cut_off(const struct pci_function *port);
void pci_acs_enable(const struct pci_function *f);
bool pci_acs_enabled(const struct pci_function *f);
const char *pci_reset_text(enum pci_reset how);	/* NULL: none */

/* function_text.c: fields of a record */
struct text;
/* " id=1234:11e8 class=0x00ff00 ids=0:3.0" */
void pci_format_ids(struct text *t, const struct pci_function *f);
/* " above=0:1.0", "-" without a bridge */
void pci_format_above(struct text *t, const struct pci_function *f);
/* " reset=function-level" */
void pci_format_reset(struct text *t, const struct pci_function *f);

/* isolation.c: topology */
/* It becomes one of them, under its own id; false: no memory. */
bool pci_function_add(struct pci_functions *all,
		      struct pci_function *f) must_check;
/* The function itself; else one that uses that id too; NULL: neither. */
struct pci_function *pci_find_function(const struct pci_functions *all,
				       uint16_t segment, uint16_t sid);
/* Once all are known, in this order: what is above each; the ids of f, false:
 * it has more than are kept. */
void pci_find_above(struct pci_functions *all);
bool pci_find_rids(struct pci_functions *all, struct pci_function *f);
/* Joins f with all that go by one of its ids. */
void pci_join_sharers(const struct pci_functions *all, struct pci_function *f);
/* Whether it is reset by its bus, which takes all that is on it along: only
 * where it is alone there, and knows nothing better. */
void pci_find_bus_reset(const struct pci_functions *all,
			struct pci_function *f);
/* The function by which f's group goes: all that has the same may reach each
 * other without being seen above. */
const struct pci_function *pci_group_of(const struct pci_functions *all,
					const struct pci_function *f);

static inline struct pci_rid *pci_rids_of(const struct pci_functions *all,
					  uint16_t segment, uint16_t sid)
{
	struct pci_rid **bus = all->rids[(sid >> 8 ^ segment << 4) % PCI_BUSES];

	return bus ? bus[sid & 0xff] : NULL;
}

/* Each use of that id, as r. */
#define pci_for_each_rid(r, all, segment_, sid_)			\
	for (struct pci_rid *r = pci_rids_of(all, segment_, sid_); r;	\
	     r = r->next)						\
		if (r->sid != (sid_) || r->fn->segment != (segment_)) {	\
		} else

#endif
