/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VT-d remapping unit: its registers, queue, root and context tables,
 * domain ids and faults.  Knows no process, no file and no PCI enumeration.
 *
 * A unit fails, once and for good, when the hardware does not answer in time
 * or reports what it may not; then nothing more is written to it, each call
 * returns an error, and `failed` has been called so that the layer above can
 * fence the unit's devices.
 *
 * Locks: `lock` guards tables and domain ids, `queue.lock` the queue's tail; none
 * is held while waiting for the unit.  Commands and invalidations by register,
 * each of which ends with a bounded poll, are given in `turn`.
 */
#ifndef VTD_H
#define VTD_H

#include <iommu_os.h>
#include <iommu_watch.h>
#include <vtd/regs.h>

/* Every wait for the unit ends after this time (rule 5). */
#define VTD_DEADLINE	1000000000ull	/* ns */

#define VTD_QUEUE_ORDER	0		/* pages, as IQA.QS counts */
#define VTD_QUEUE_SIZE	(256u << VTD_QUEUE_ORDER)
#define VTD_BATCH	24		/* invalidations of one submission */
#define DID_NONE	0		/* tags absent entries if CAP.CM */
#define DID_KERNEL	1		/* never given to a space */

struct vtd_queue {
	struct os_lock lock;
	struct qi_desc *ring;
	uint32_t *status;	/* the last completed wait's position */
	uint32_t tail;		/* positions count on past the ring's size */
	uint32_t recovered;	/* tail when errors were last cleared */
	unsigned tries;		/* at that tail */
};

struct vtd {
	unsigned index;		/* the layer above's own */
	physaddr_t base;
	uint8_t *regs;
	uint16_t segment;
	uint32_t version;
	uint64_t cap, ecap;
	uint8_t levels;		/* of its second-level tables: 3, 4 or 5 */
	uint8_t address_bits;	/* that it translates */
	const char *unsupported; /* why it cannot be used; NULL: it can */
	bool keep_on;		/* must not be switched off any more */
	bool x2apic;		/* APIC ids are of 32 bits */
	bool devtlb_twice;	/* device TLBs behind it need flushes twice */
	bool taken_over;	/* was translating when we came */

	struct os_lock lock;
	struct os_turn turn;
	bool translating;
	const char *failure;	/* what did not answer */
	bool broken;		/* failed, for good */
	bool told;		/* and `failed` has been called */
	uint32_t gcmd;		/* lasting bits as last written */
	struct root_entry *root;
	struct vtd_queue queue;	/* ring NULL: by registers */
	uint64_t *did_map;	/* bit set: in use */
	uint32_t ndids;
	uint32_t least_did;	/* those below are in use */
	uint32_t lost_dids;	/* whose last flush never completed */
	unsigned next_fault;	/* the record that is looked at first */
	bool has_event;		/* faults have a message to send */

	uint64_t event_addr;	/* which, and where to */
	uint32_t event_data;
	struct iommu_unit_stats stats;

	struct irt_entry *irt;	/* NULL: it does not remap interrupts */
	uint64_t irt_used[4];

	void (*failed)(struct vtd *u);
	/* A device has not answered its device-TLB invalidation. */
	void (*devtlb_timeout)(struct vtd *u, uint16_t sid);
};

/*
 * Invalidations (VT-d 6.5), as descriptors.  IOTLB ones drain reads and writes
 * where the unit can.  Units without a queue are asked by registers instead.
 */
struct qi_desc inv_context_global(void);
struct qi_desc inv_context_device(uint16_t did, uint16_t sid);
struct qi_desc inv_iotlb_global(void);
struct qi_desc inv_iotlb_domain(uint16_t did);
/* 2^am pages at addr, which is aligned to them; leaves: paging structures are as
 * they were. */
struct qi_desc inv_iotlb_pages(uint16_t did, uint64_t addr, uint8_t am,
			       bool leaves);
/* Of the interrupt entry cache. */
struct qi_desc inv_iec_global(void);
struct qi_desc inv_iec_index(uint16_t index);
/* Of a device's own TLB: 2^am pages; all of it from am 52 on. */
struct qi_desc inv_devtlb(uint16_t sid, uint64_t addr, uint8_t am);

/* The invalidations of [lo, hi) of a domain, at most INV_RANGE_MAX: single
 * pages as far as the unit can and few enough do, else the whole domain. */
#define INV_RANGE_MAX 4
unsigned inv_range(const struct vtd *u, uint16_t did, uint64_t lo, uint64_t hi,
		   bool leaves, struct qi_desc list[INV_RANGE_MAX]);
/* The same for a device's own TLB; at most INV_DEVTLB_MAX. */
#define INV_DEVTLB_MAX 2
unsigned inv_devtlb_range(const struct vtd *u, uint16_t sid, uint64_t lo,
			  uint64_t hi, struct qi_desc list[INV_DEVTLB_MAX]);
unsigned inv_devtlb_all(const struct vtd *u, uint16_t sid,
			struct qi_desc list[INV_DEVTLB_MAX]);
/* The smallest am whose aligned 2^am pages around lo cover [lo, hi). */
uint8_t inv_mask(uint64_t lo, uint64_t hi);

/* What tells that a submission has completed; any number may be open. */
struct vtd_ticket {
	uint32_t position;
};

/* Starts n <= VTD_BATCH invalidations, in order; the entries that they are to
 * forget have been stored before.  Negative: the unit has failed. */
int vtd_submit(struct vtd *u, const struct qi_desc *list, unsigned n,
	       struct vtd_ticket *t) must_check;
/* Waits until they have completed; holds no lock meanwhile. */
int vtd_wait(struct vtd *u, const struct vtd_ticket *t) must_check;
int vtd_invalidate(struct vtd *u, const struct qi_desc *list,
		   unsigned n) must_check;
/* Pushes table entries out of the unit's write buffer if it needs that
 * (CAP.RWBF, VT-d 6.8); an IOTLB or context invalidation does it too. */
int vtd_flush_write_buffer(struct vtd *u) must_check;

/* unit.c: life */
/* Maps the registers, reads the capabilities; u->unsupported says what is
 * missing.  Negative: no such registers, or no memory. */
int vtd_init(struct vtd *u, physaddr_t base, uint16_t segment) must_check;
/* Memory for its tables and queue. */
int vtd_prepare(struct vtd *u) must_check;
/* Until translation is on, no device behind it reaches memory at all, where it
 * has protected memory regions. */
int vtd_protect(struct vtd *u) must_check;
/* Tables, queue, global flush.  Translation stays as it was: a unit that was on
 * goes on translating, from here on by our tables. */
int vtd_start(struct vtd *u) must_check;
int vtd_translation(struct vtd *u, bool on) must_check;
int vtd_fail(struct vtd *u, const char *what);	/* returns an error */
/* Its first half, under a lock: nothing more is written to the unit.  The other
 * follows without. */
void vtd_mark_failed(struct vtd *u, const char *what);
const char *vtd_failure(struct vtd *u);		/* NULL: alive */

/* A one-time command (VT-d 11.4.4); `done` is GSTS & bit once carried out. */
int vtd_command(struct vtd *u, uint32_t bit, bool set, uint32_t done,
		const char *what) must_check;

static inline bool vtd_alive(const struct vtd *u)
{
	return !__atomic_load_n(&u->broken, __ATOMIC_ACQUIRE);
}

static inline uint32_t vtd_get32(struct vtd *u, struct reg32 r)
{
	return os_read32(u->regs + r.off);
}

static inline uint64_t vtd_get64(struct vtd *u, struct reg64 r)
{
	return os_read64(u->regs + r.off);
}

static inline void vtd_set32(struct vtd *u, struct reg32 r, uint32_t v)
{
	count(&u->stats.writes);
	os_write32(u->regs + r.off, v);
}

static inline void vtd_set64(struct vtd *u, struct reg64 r, uint64_t v)
{
	count(&u->stats.writes);
	os_write64(u->regs + r.off, v);
}

static inline bool vtd_coherent(const struct vtd *u)
{
	return u->ecap & ECAP_C;
}

/* Half an entry of a table.  Entries are two stores; a unit that does not snoop
 * needs each in memory before anything depends on it. */
static inline void vtd_store(const struct vtd *u, uint64_t *half, uint64_t v)
{
	os_store(half, v);
	if (!vtd_coherent(u))
		os_flush(half, sizeof(*half));
}

/* An empty table, in memory before anything points at it; NULL: none left. */
static inline void *vtd_alloc_page(const struct vtd *u)
{
	void *page = os_alloc(PGSIZE);

	if (page && !vtd_coherent(u))
		os_flush(page, PGSIZE);
	return page;
}

/* The first of n bits that is clear, set now; negative: none.  Those below
 * `from` are known to be set. */
static inline int map_take(uint64_t *map, unsigned from, unsigned n)
{
	unsigned at = from & ~63u;

	while (at < n && !~map[at / 64])
		at += 64;
	if (at < n)
		at += (unsigned)__builtin_ctzll(~map[at / 64]);
	if (at >= n)
		return -1;
	map[at / 64] |= BIT64(at % 64);
	return (int)at;
}

static inline void map_give(uint64_t *map, unsigned at)
{
	map[at / 64] &= ~BIT64(at % 64);
}

/* trace.c */
void trace_unit(const struct vtd *u, enum iommu_event_kind kind, uint64_t a,
		uint64_t b, unsigned n) rarely;
static inline void unit_event(const struct vtd *u, enum iommu_event_kind kind,
			      uint64_t a, uint64_t b, unsigned n)
{
	if (is_tracing())
		trace_unit(u, kind, a, b, n);
}

/* A wait for invalidations has ended; 0: at the first look. */
static inline void inv_waited(struct vtd *u, uint64_t ns)
{
	histogram_add(&u->stats.waits, ns);
	unit_event(u, EVENT_WAIT, ns, 0, 0);
}

/* The time since that deadline was set; not 0. */
static inline uint64_t time_of(const struct deadline *d)
{
	return MAX(os_clock() - (d->end - VTD_DEADLINE), 1ul);
}

/* inv_queue.c */
int queue_alloc(struct vtd *u) must_check;
int queue_start(struct vtd *u) must_check;	/* where there is one */
int queue_submit(struct vtd *u, const struct qi_desc *list, unsigned n,
		 struct vtd_ticket *t) must_check;
int queue_wait(struct vtd *u, const struct vtd_ticket *t) must_check;
/* inv_reg.c */
int regs_invalidate(struct vtd *u, const struct qi_desc *list,
		    unsigned n) must_check;

/* context.c: what a source id is translated by.  Visible to the unit when
 * they return; what it has cached is for the caller to flush. */
/* Room for the entry; negative: no memory.  Comes before the first of: */
int context_prepare(struct vtd *u, uint16_t sid) must_check;
void context_set(struct vtd *u, uint16_t sid, physaddr_t table, uint16_t did,
		 bool ats);
void context_clear(struct vtd *u, uint16_t sid);
struct context_entry context_get(struct vtd *u, uint16_t sid);

/* domid.c */
int did_alloc(struct vtd *u) must_check;	/* negative: all in use */
void did_free(struct vtd *u, uint16_t did, bool lost); /* lost: never again */
unsigned did_in_use(struct vtd *u);
bool did_taken(struct vtd *u, uint16_t did);

/* irt.c (VT-d 5) */
/* Who may raise an interrupt: a source id; with `last`, all ids of the buses
 * sid >> 8 to last >> 8. */
struct irt_source {
	uint16_t sid, last;
};
int irt_alloc(struct vtd *u) must_check;	/* where the unit can */
int irt_start(struct vtd *u) must_check;
/* To that vector of the processor with the APIC id `dest`; of 8 bits, unless the
 * unit takes x2APIC ids. */
struct irt_entry irt_entry(const struct vtd *u, const struct irt_source *s,
			   uint8_t vector, uint32_t dest, bool level);
/* Its index; negative: none left, or the unit has failed. */
int irt_set(struct vtd *u, struct irt_entry new) must_check;
/* Nothing comes through it any more, nor is under way, and the index is free;
 * negative: the unit has failed, and it is not. */
int irt_clear(struct vtd *u, unsigned index) must_check;
unsigned irt_in_use(struct vtd *u);
/* The address that a message is written to; its data are 0. */
uint64_t irt_message(unsigned index);
uint64_t irt_ioapic_entry(unsigned index, uint8_t vector);

/* fault.c (VT-d 7) */
struct vtd_fault {
	uint64_t addr;		/* of the page; an interrupt entry's index */
	uint16_t sid;
	uint8_t reason;
	bool read;
};
/* Fault events go to fn(arg), which is called with them masked. */
int fault_start(struct vtd *u, void (*fn)(void *arg), void *arg) must_check;
void fault_mask(struct vtd *u, bool masked);
/* Takes at most n records out of the unit; *lost: there were more than it
 * could keep. */
unsigned fault_take(struct vtd *u, struct vtd_fault *list, unsigned n,
		    bool *lost);
const char *fault_text(uint8_t reason);

#endif
