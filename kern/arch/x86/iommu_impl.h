/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files iommu*.c of this folder share.
 *
 * iommu.lock guards each device's state and its command register, and the list
 * of devices; it is never held while waiting for hardware.  Order: iommu.lock,
 * then the services' own locks and what upper->fault takes.  A space's list of
 * units is changed by attach and detach, one at a time, and read without a lock
 * by whoever flushes: what is taken out of it is freed when nobody does.
 */
#ifndef IOMMU_IMPL_H
#define IOMMU_IMPL_H

#include <counter.h>
#include <iommu.h>
#include <pci_function.h>
#include <vtd/table.h>
#include <vtd/vtd.h>

#define MAX_UNITS	32
#define MAX_DROPS	128
#define MAX_ATS		8	/* device TLBs of one space behind one unit */

/* A space's presence in a unit: shared by its devices behind it. */
struct space_unit {
	struct space_unit *next;
	struct iommu_space *space;
	struct vtd *unit;
	uint16_t did;
	unsigned devices;
	unsigned ats_used;	/* which of: */
	uint16_t ats[MAX_ATS];	/* source ids whose device TLB is on */
};

struct iommu_space {
	bool changing;		/* its tables: see tree_take().  First, since its
				 * address is needed most */
	struct sl_table table;
	struct space_unit *units;
	unsigned flushing;	/* how many look at its units */
	bool eager;		/* some unit must hear of new entries too */
	bool lost;		/* a unit failed with it */
	unsigned readers;	/* who look at its tables, for files */
	void *owner;		/* NULL: the firmware's, for a device of its */
	int pid;
	uint64_t serial;
};

struct iommu_dev {
	struct pci_function pci;
	struct iommu_dev *next_in_unit;
	struct iommu_dev *group;	/* whose group it is in: its first */
	struct iommu_dev *next_in_group;
	void *up;			/* the upper layer's own */
	struct vtd *unit;		/* NULL: none covers it */
	const char *refused;		/* why it is for nobody; NULL: it is */
	bool reserved;			/* the firmware has memory for it */
	bool mastered;			/* and left it on the bus */

	struct iommu_space *space;	/* NULL: free */
	struct space_unit *su;
	struct space_unit *ats_in;	/* whose flushes reach its TLB; NULL: it
					 * is off */
	bool mute;			/* its TLB has not answered: it stays
					 * fenced for as long as it is had */
	bool fenced;			/* may not master the bus */
	const char *why_fenced;
	uint64_t used_by;		/* serial of who used it since it was
					 * reset; 0: nobody */
	uint64_t faults;
	uint64_t window;		/* when the present second began */
	unsigned in_window;
};

/* Whether it is to master the bus, if power and fences let it. */
static inline bool wants_bus(const struct iommu_dev *d)
{
	return d->space && (d->space->owner || d->mastered);
}

static inline struct iommu_dev *dev_of(const struct pci_function *f)
{
	return f ? container_of(f, struct iommu_dev, pci) : NULL;
}

/* To a device; more fields of the event may follow. */
#define happened(kind_, d_, ...)					\
	do {								\
		count(&iommu.counts[kind_]);				\
		trace_event(kind_, .segment = (d_)->pci.segment,		\
			    .sid = (d_)->pci.sid, .pid = pid_of(d_),	\
			    .unit = unit_number(d_), ##__VA_ARGS__);	\
	} while (0)
static inline int32_t pid_of(const struct iommu_dev *d)
{
	return d->space ? d->space->pid : 0;
}

static inline uint8_t unit_number(const struct iommu_dev *d)
{
	return d->unit ? (uint8_t)d->unit->index : UINT8_MAX;
}

/* Those that share a requester id with d, itself the first. */
#define for_each_peer(p, d)						\
	for (struct iommu_dev *p = (d), *first_ = NULL; p != first_;	\
	     first_ = (d), p = dev_of(p->pci.peers))

/* Of a device scope of the DMAR table, once bus numbers are known. */
enum scope_use { SCOPE_UNIT, SCOPE_IOAPIC, SCOPE_RESERVED, SCOPE_ATS };
struct scope {
	struct scope *next;
	enum scope_use use;
	uint16_t segment, sid;
	uint8_t secondary, subordinate;	/* of a bridge */
	struct vtd *unit;		/* SCOPE_UNIT, SCOPE_IOAPIC */
	uint8_t enum_id;		/* SCOPE_IOAPIC */
	uint64_t base, limit;		/* SCOPE_RESERVED: bytes, inclusive */
	bool in_force;			/* SCOPE_RESERVED: not refused */
	uint32_t offset;		/* of its structure in the table */
};

struct iommu {
	struct os_lock lock;
	struct iommu_dropped drops[MAX_DROPS];	/* the log has all */
	unsigned ndrops;
	uint64_t unit_faults[MAX_UNITS];
	struct vtd *units[MAX_UNITS];
	struct iommu_dev *unit_devs[MAX_UNITS];
	unsigned nunits;
	uint32_t due;		/* of these, as bits, whose fault event came */
	struct vtd *all_of_segment[MAX_UNITS];	/* INCLUDE_PCI_ALL */
	unsigned nall;
	uint16_t ats_segments[MAX_UNITS];	/* ATSR with ALL_PORTS */
	unsigned nats_segments;
	struct scope *scopes;
	uint64_t counts[EVENT_KINDS];	/* but for these: */
	struct counter maps, unmaps;	/* by space */
	struct pci_functions pci;	/* each is a device's */
	unsigned dmar_width;
	bool x2apic_opt_out;
	const char *missing;
	bool powered;
	struct iommu_upper upper;
	uint64_t lost_pages;
};
extern struct iommu iommu;

/* Its address. */
struct bdf_text dev_text(const struct iommu_dev *d);

#define for_each_device(d)						\
	for (struct iommu_dev *d = dev_of(iommu.pci.first); d;		\
	     d = dev_of(d->pci.next))

/* iommu.c */
/* The function itself; else one that uses that id too; NULL: neither. */
struct iommu_dev *find_device(uint16_t segment, uint16_t sid);
/* iommu.lock held.  Sets or clears bus mastering as far as power and fence
 * allow, but for bridges, whose command stays; false: it did not obey. */
bool bus_master(struct iommu_dev *d, bool on);
/* Takes it off; false: it does not obey. */
bool leaves_bus(struct iommu_dev *d);
void wait_for_transactions(const struct iommu_dev *d);

/* What the files say was dropped; the log has said so. */
void note_drop(uint32_t offset, uint16_t type, const char *why);
/* Says it, too. */
void drop(uint32_t offset, uint16_t type, const char *why);

/* iommu_scope.c */
struct dmar_table;
struct dmar_entry;
void scopes_add(const struct dmar_table *t, const struct dmar_entry *e,
		enum scope_use use, struct vtd *unit);
bool scope_is(const struct scope *s, enum scope_use use, uint16_t segment,
	      uint16_t sid);
struct vtd *scope_unit(uint16_t segment, uint16_t sid);
bool scope_names(enum scope_use use, const struct iommu_dev *d);
/* Whether the platform lets that function use a device TLB. */
bool scope_ats(const struct iommu_dev *d);

/* iommu_group.c: who shares ids, who can reach whom past the unit */
void groups_make(void);			/* once all devices are known */
/* Of the device's group, one that belongs to another owner; NULL: none. */
struct iommu_dev *group_conflict(const struct iommu_dev *d,
				 const struct iommu_space *s);

/* iommu_reserved.c: memory that the firmware reserves for devices */
void reserved_install(void);		/* before translation */

/* iommu_quirks.c: what some functions or their units need */
void quirks_apply(void);

/* iommu_attach.c */
/* The context entries of all ids that the device's requests may bear; room for
 * them comes first. */
int entries_prepare(const struct iommu_dev *d) must_check;
void entries_set(const struct iommu_dev *d, struct iommu_space *s,
		 const struct space_unit *su, bool ats);
/* iommu.lock held. */
void fence(struct iommu_dev *d, const char *why);
struct space_unit *join_unit(struct iommu_space *s, struct vtd *u);
void leave_unit(struct iommu_space *s, struct space_unit *su, bool lost);
void devtlb_timeout(struct vtd *u, uint16_t sid);

/* iommu_space.c */
struct sl_format unit_format(const struct vtd *u);
/* Between these the tables are the caller's alone. */
void tree_take(struct iommu_space *s);
static inline void tree_give(struct iommu_space *s)
{
	__atomic_store_n(&s->changing, false, __ATOMIC_SEQ_CST);
}

/* From here to the end of the block, as os_hold(). */
#define tree_hold(s)							\
	__attribute__((cleanup(tree_hold_end), unused))			\
	struct iommu_space *held_tree = tree_held(s)
static inline struct iommu_space *tree_held(struct iommu_space *s)
{
	tree_take(s);
	return s;
}

static inline void tree_hold_end(struct iommu_space **s)
{
	tree_give(*s);
}

#endif
