/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine with VT-d remapping units, PCI functions and memory, in software:
 * what the driver's sources run on in the host tests, through the services of
 * iommu_os.h.  It is as nasty as the specification allows, holds every step of
 * the driver against the specification, and every access of a device against
 * what its owner may touch at that instant (the oracle).
 *
 *	model_mem.c	memory, and what units see of it and when
 *	model_os.c	the services; steps, clock, locks, interrupts, log
 *	model_unit.c	a unit's registers and commands
 *	model_protect.c	protected memory regions
 *	model_inv.c	invalidation, by registers and by queue
 *	model_cache.c	context cache, IOTLB, paging-structure cache
 *	model_walk.c	translation
 *	model_fault.c	fault recording
 *	model_dma.c	requests of devices, and the oracle
 *	model_ats.c	device TLBs
 *	model_pci.c	configuration space and reset
 *	model_acs.c	requests between functions that no unit sees
 *
 * A test makes a machine, units and functions, lets the driver run on it, and
 * ends with model_check.  What the driver must not do is a violation: it is
 * counted, the first is kept as text, and model_check fails the test.
 *
 * All state is in struct machine and what hangs on it; the services find it by
 * model_machine, the one global.
 */
#ifndef MODEL_H
#define MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <iommu_os.h>
#include "model_spec.h"

/* Memory: see model_mem.c.  Physical addresses are not the host's. */
#define RAM_BASE	0x540000000ul
#ifndef RAM_PAGES
#define RAM_PAGES	4096u
#endif
#define MODEL_HAW	39	/* bits of a host physical address */

enum page_state { PAGE_FREE, PAGE_DRIVER, PAGE_FRAME };

struct page {
	enum page_state state;
	uint32_t object;	/* bytes of the driver's, in its first page */
	struct owner *owner;	/* of a frame */
};

struct memory {
	uint8_t *cpu;		/* what the processor reads and writes */
	uint8_t *seen;		/* what was stored for units to see */
	uint8_t *dram;		/* of that, what has left the caches */
	struct page page[RAM_PAGES];
	unsigned fresh;		/* pages from here on were never used */
	unsigned freed[RAM_PAGES], nfreed;
	unsigned allocations;	/* of the driver, so far */
	unsigned fail_at;	/* that one fails; 0: none */
	unsigned objects;	/* of the driver, outstanding */
	physaddr_t trap;	/* nobody's frame: stale memory leads there */
	struct owner *stranger;	/* gets each freed frame at once */
	unsigned strange[64], nstrange;
};

/* Whose memory a device may reach, and what of it: kept by the test, page by
 * page.  While a change is on its way both states are right. */
struct mapping {
	uint64_t va;
	physaddr_t was, is;
	uint8_t was_rights, is_rights;	/* IOMMU_READ, IOMMU_WRITE */
	bool late;		/* it stays both beyond owner_commit */
};

struct owner {
	const char *name;
	struct mapping *list;
	unsigned n, room;
};

/* A unit's caches. */
#define IRT_LINES 256
struct irt_line {
	bool known;
	uint64_t lo, hi;
};
struct context_line {
	uint16_t sid, did;
	enum reason reason;	/* OK, or why it lets nothing through (CM) */
	uint64_t lo, hi;
};
struct tlb_line {
	uint16_t sid, did;
	unsigned shift;		/* 12, 21 or 30 */
	uint64_t va;
	physaddr_t pa;
	uint8_t rights;
	enum reason reason;	/* as above */
};
/* A PCI function. */
enum {
	FN_PCIE = 1, FN_FLR = 2, FN_AF = 4, FN_PM = 8, FN_PM_NO_RESET = 16,
	FN_HARDWIRED = 32,	/* masters the bus whatever it is told */
	FN_HOST_BRIDGE = 64, FN_MASTERING = 128, /* as firmware left it */
	FN_ATS = 256,		/* with FN_PCIE or FN_FLR */
};

/* Of a bridge, as its PCI Express capability tells. */
enum {
	BRIDGE_CONVENTIONAL = 0, BRIDGE_PORT = 4, BRIDGE_UP = 5,
	BRIDGE_DOWN = 6, BRIDGE_TO_PCI = 7, BRIDGE_FROM_PCI = 8,
};

struct function {
	struct function *next;
	uint16_t segment, sid;
	struct model_unit *unit;	/* that translates for it; NULL: none */
	unsigned kind;
	uint8_t config[4096], writable[4096], after_reset[4096];
	uint8_t pcie, af, pm;		/* where its capabilities are */
	uint16_t ats, acs;		/* likewise */
	struct tlb_line kept[64];	/* its own TLB */
	unsigned nkept;
	uint64_t forgets;		/* invalidations of that */
	bool mute;			/* that it never answers */
	bool gone;			/* all ones */
	bool stubborn;			/* never takes the bus */
	bool firmwares;			/* at work, with memory reserved for it */
	struct owner *holder;		/* whose it is, or is becoming */
	unsigned drains;		/* reads until no request is pending */
	unsigned pending;		/* such reads left, after mastering */
	struct owner *pending_of;
	uint64_t back_at;		/* answers again, after a reset */
	bool retries;			/* says until then that it will */
	uint64_t reset_at;		/* a bridge: of its secondary bus */
	uint64_t quiet_until;		/* must be left alone, in a reset */
	unsigned resets;
};

struct table_line {
	uint16_t did;
	unsigned level;		/* of the table that it points at */
	uint64_t va;		/* of the first page under it */
	physaddr_t table;
	uint8_t rights;
};

/* Requests translated, whose data has not yet arrived. */
struct posted {
	struct function *fn;
	uint16_t did;
	uint64_t va;
	physaddr_t pa;
	bool write;
	struct owner *owner;
};

#define QUEUE_AHEAD	64
#define POSTED_MAX	16

struct descriptor {
	uint64_t lo, hi;
};

/* What goes wrong with a unit, on request. */
struct trouble {
	bool gone;		/* reads are all ones, writes are lost */
	bool deaf;		/* commands by GCMD are never carried out */
	bool deaf_protect;	/* PMEN's status never follows */
	bool slow_registers;	/* requests by register never complete */
	bool slow_queue;	/* descriptors are fetched, none completes */
	bool stopped_queue;	/* none is fetched */
	uint32_t queue_error;	/* FS_IQE, FS_ICE or FS_ITE: at the next one */
	unsigned times;		/* so often; 0: for ever */
	bool stuck_record;	/* F of the first one stays set */
};

struct region {
	uint64_t base, limit;
};

struct model_unit {
	struct machine *m;
	physaddr_t base;
	uint16_t segment;
	uint32_t ver;
	uint64_t cap, ecap;
	struct caps c;
	struct trouble trouble;
	bool tolerant;		/* bad entries are no violation: the model's
				 * own tests make some */

	uint32_t gsts, command;	/* a bit of GCMD under way; 0: none */
	bool command_sets;
	unsigned command_delay;
	uint64_t rtaddr, root, mode;	/* as written; as latched by SRTP */
	bool context_clean, tlb_clean;	/* all dropped since TE or root
					 * changed */
	uint64_t ccmd, iotlb, iva;
	unsigned ccmd_delay, iotlb_delay;

	uint32_t pmen;
	unsigned pmen_delay;
	struct region low, high;	/* protected memory */

	uint64_t iqa, iqh, iqt;
	struct descriptor ahead[QUEUE_AHEAD];	/* fetched, not complete */
	unsigned patience[QUEUE_AHEAD];	/* with devices that do not answer */
	unsigned nahead;
	uint64_t iqercd;	/* who did not, where the unit tells */
	bool tells;
	uint64_t irta;		/* interrupt remapping */
	bool iec_clean;		/* its cache, since the table changed */
	struct irt_line irt[IRT_LINES];
	uint64_t iecs;		/* invalidations of that, so far */
	uint64_t fetched, waits;		/* so far */

	uint32_t fsts, fectl, fedata, feaddr, feuaddr;
	struct descriptor record[256];
	unsigned next_record, first_record;
	bool collapse;		/* one pending record a source id: 7.2.1 */
	uint64_t faults;	/* so far, recorded or not */

	struct context_line *context;
	struct tlb_line *tlb;
	struct table_line *tables;
	unsigned ncontext, ntlb, ntables;
	unsigned context_room, tlb_room, tables_room;
	/* CAP.CM: domains whose translations count as absent, since a context
	 * entry came in and the IOTLB was not yet invalidated behind it */
	uint8_t unknown[65536];
	struct posted posted[POSTED_MAX];
	unsigned nposted;

	uint8_t *own;		/* CAP.RWBF: memory behind its write buffer */
	bool lingers[RAM_PAGES];
};

/* What comes of a write to the interrupt range (model_irt.c). */
struct arrival {
	enum reason reason;	/* OK: it arrives */
	uint8_t vector;
	uint32_t apic;
};
struct arrival model_message(struct machine *m, struct function *f,
			     uint64_t addr, uint32_t data);
void irt_forget(struct model_unit *u, uint64_t lo);

/* What the driver does, a service call each: for hooks and for tests of
 * order. */
enum event {
	E_ALLOC, E_FREE, E_STORE, E_FLUSH, E_READ, E_WRITE, E_CLOCK, E_RELAX,
	E_PCI_READ, E_PCI_WRITE, E_LOCK, E_UNLOCK,
};
struct happening {
	enum event what;
	struct model_unit *unit;	/* of E_READ and E_WRITE */
	uint64_t where;		/* address, offset, lock, or sid << 16 | offset */
	uint64_t value;
};
#define TRACE_ROOM	4096

struct policy {
	unsigned latency;	/* steps that the unit may take for a thing */
	/* what it keeps in its caches */
	enum { KEEP_ALL, KEEP_NOTHING, KEEP_SOME } keep;
	/* when a store leaves the processor's caches without a flush, and a
	 * unit's write buffer by itself */
	enum { LEAVE_NEVER, LEAVE_SOMETIMES, LEAVE_AT_ONCE } leave;
};

#define MODEL_UNITS	40
#define VECTORS		64
#define WINDOWS		96

struct machine {
	struct memory mem;
	struct model_unit *units[MODEL_UNITS];
	unsigned nunits;
	struct function *functions;
	struct policy policy;
	uint64_t random;
	uint64_t now, relax_ns;

	/* Called between any two steps of the driver. */
	void (*hook)(struct machine *m, const struct happening *h);
	void *hook_arg;
	bool in_hook;
	bool watching;		/* the oracle is */
	uint64_t accesses;	/* of devices that succeeded */

	uint64_t steps, steps_in_call, limit;
	unsigned polls;		/* since a register was written */
	struct happening trace[TRACE_ROOM];
	uint64_t traced;

	struct os_lock *held[8];
	unsigned nheld;

	struct vector {
		void (*fn)(void *arg);
		void *arg;
		bool pending;
	} vectors[VECTORS];
	unsigned nvectors;
	bool in_irq, no_irqs;
	bool threads;		/* several: a fence may come in a reset */
	uint64_t interrupts, messages;	/* taken; written by devices */

	struct window {
		uint8_t *at;
		size_t len;
		struct model_unit *unit;
	} windows[WINDOWS];
	unsigned nwindows;

	const char *label;	/* of the test, when it fails */
	unsigned violations;
	char violation[300];	/* the first */
	char error[300];	/* the last of os_error */
	char log[64][200];	/* the last lines */
	unsigned logged[3];	/* by level */
	unsigned nlog;
};
extern struct machine *model_machine;

/* model_os.c */
struct machine *model_start(uint64_t seed);
void model_stop(struct machine *m);
void model_check(struct machine *m);	/* fails the test if need be */
void model_violation(struct machine *m, const char *fmt, ...)
	printf_like(2, 3);
/* The violations so far are none but those, and are forgotten. */
void model_expect(struct machine *m, const char *text);
/* A call into the driver begins: its steps are counted, and limited. */
void model_call(struct machine *m);
/* One step; `where` and `value` as in struct happening. */
void model_step(struct machine *m, enum event what, struct model_unit *u,
		uint64_t where, uint64_t value);
void model_tick(struct machine *m);	/* all units do a little */
void model_take_interrupts(struct machine *m);
void model_settle(struct machine *m);	/* until nothing is under way */
unsigned model_random(struct machine *m, unsigned n);	/* 0 .. n - 1 */
bool model_logged(struct machine *m, const char *text);
void model_interrupt(struct machine *m, uint64_t addr, uint32_t data);

/* model_mem.c */
void memory_init(struct machine *m);
void memory_exit(struct machine *m);
unsigned memory_index(struct machine *m, physaddr_t pa);
bool memory_has(physaddr_t pa);
void memory_add_buffer(struct model_unit *u);	/* CAP.RWBF */
void memory_drop_buffer(struct model_unit *u);
void memory_flush_buffer(struct model_unit *u);
/* What a unit reads there; false: no memory. */
bool memory_unit_read(struct model_unit *u, physaddr_t pa, uint64_t *v);
void memory_stored(struct machine *m, physaddr_t pa, uint64_t v);
void memory_flushed(struct machine *m, const volatile void *p, size_t len);
void *memory_alloc(struct machine *m, size_t size);
void memory_free(struct machine *m, void *p, size_t size);
physaddr_t memory_pa(struct machine *m, const volatile void *p);
void *memory_at(struct machine *m, physaddr_t pa);
physaddr_t frame_alloc(struct machine *m, struct owner *o);
/* A violation if a device may still reach it; goes to a stranger at once. */
void frame_free(struct machine *m, physaddr_t pa);

/* The same, but it goes to o (NULL: a stranger) and stays a frame. */
void frame_to_table(struct machine *m, physaddr_t pa);
void frame_from_table(struct machine *m, physaddr_t pa);
void frame_give(struct machine *m, physaddr_t pa, struct owner *o);

/* model_unit.c */
struct model_unit *model_unit(struct machine *m, physaddr_t base,
			      uint16_t segment, uint32_t ver, uint64_t cap,
			      uint64_t ecap);
void model_unit_free(struct model_unit *u);
uint64_t unit_read(struct model_unit *u, unsigned off, unsigned width);
void unit_write(struct model_unit *u, unsigned off, unsigned width,
		uint64_t v);
void unit_tick(struct model_unit *u);
unsigned unit_delay(struct model_unit *u);

/* model_protect.c */
/* 0: there is no such register. */
unsigned protect_width(const struct model_unit *u, unsigned off);
uint64_t protect_read(const struct model_unit *u, unsigned off);
void protect_write(struct model_unit *u, unsigned off, uint64_t v);
void protect_tick(struct model_unit *u);
bool protect_busy(const struct model_unit *u);	/* going on or off */
/* Whether a request for that physical address is dropped. */
bool protect_drops(struct model_unit *u, physaddr_t pa);

/* model_inv.c */
void inv_tick(struct model_unit *u);
void inv_context_command(struct model_unit *u, uint64_t v);
void inv_iotlb_command(struct model_unit *u, uint64_t v);
void inv_tail(struct model_unit *u, uint64_t v);
void inv_queue_on(struct model_unit *u, bool on);

/* model_cache.c */
struct context_line *cache_context(struct model_unit *u, uint16_t sid);
void cache_keep_context(struct model_unit *u, struct context_line line);
struct tlb_line *cache_tlb(struct model_unit *u, uint16_t did, uint64_t va);
void cache_keep_tlb(struct model_unit *u, struct tlb_line line);
/* The lowest table known on the way to va. */
struct table_line *cache_table(struct model_unit *u, uint16_t did, uint64_t va,
			       unsigned levels);
void cache_keep_table(struct model_unit *u, struct table_line line);
void cache_drop_context(struct model_unit *u, unsigned gran, uint16_t did,
			uint16_t sid, unsigned mask);
void cache_drop_tlb(struct model_unit *u, unsigned gran, uint16_t did,
		    uint64_t va, unsigned order, bool leaves_only);
/* Whether some unit could still reach that page, and how; NULL: none. */
const char *cache_reaches(struct machine *m, physaddr_t pa);

/* model_walk.c */
struct translation {
	enum reason reason;
	bool fpd;		/* the fault is not to be recorded */
	bool untranslated;	/* the unit is off, or passes it through */
	uint16_t did;
	physaddr_t pa;
	unsigned shift;		/* of the page that pa is in */
	uint8_t rights;
};
struct translation walk(struct model_unit *u, uint16_t sid, uint64_t va,
			bool write);
/* A request for a translation, and one that says it is translated. */
struct translation walk_for_device(struct model_unit *u, uint16_t sid,
				   uint64_t va);
struct translation walk_translated(struct model_unit *u, uint16_t sid);
/* The context entry that a request would meet; nothing is cached. */
struct context_line walk_context(struct model_unit *u, uint16_t sid);

/* model_fault.c */
void fault_report(struct model_unit *u, enum reason reason, uint16_t sid,
		  uint64_t va, bool write);
void fault_status(struct model_unit *u, uint32_t set);	/* and event */
uint32_t fault_fsts(struct model_unit *u);
void fault_write_fsts(struct model_unit *u, uint32_t v);
void fault_write_fectl(struct model_unit *u, uint32_t v);
void fault_clear_record(struct model_unit *u, unsigned n);

/* model_dma.c */
/* A request of a device: true if all of it was done. */
bool model_dma(struct machine *m, uint16_t segment, uint16_t sid,
	       uint64_t addr, void *buf, size_t len, bool write);
/* A request of a byte whose data moves later, when the unit is drained, or
 * when it pleases. */
bool model_dma_posted(struct machine *m, uint16_t segment, uint16_t sid,
		      uint64_t addr, bool write);
void dma_land(struct model_unit *u, unsigned n);
bool dma_can_master(const struct function *f);
/* Holds an access against what is allowed; false: a violation. */
bool dma_hold(struct machine *m, struct function *f, uint64_t va,
	      physaddr_t pa, bool write);
struct owner *owner_new(const char *name);
void owner_free(struct owner *o);
/* From now on right, too; only that, from owner_commit on. */
void owner_plan(struct owner *o, uint64_t va, physaddr_t pa, uint8_t rights);
void owner_commit(struct owner *o);
/* All that is late goes: its frames, of which there is room for all; how many. */
unsigned owner_drop_late(struct owner *o, physaddr_t *frames);
struct mapping *owner_find(struct owner *o, uint64_t va);

/* model_ats.c */
bool ats_enabled(const struct function *f);
void ats_changed(struct function *f, bool was);
/* Whether an invalidation of its TLB is answered, and for how many ticks the
 * unit waits for that. */
bool ats_answers(const struct function *f);
unsigned ats_patience(struct model_unit *u);
void ats_forget(struct function *f, uint64_t hi);
/* The device asks for a translation and keeps it; makes a request with one
 * that it kept. */
bool model_ats_ask(struct machine *m, uint16_t segment, uint16_t sid,
		   uint64_t va);
bool model_ats_dma(struct machine *m, uint16_t segment, uint16_t sid,
		   uint64_t va, bool write);

/* model_acs.c */
/* Gives it Access Control Services with those bits. */
void model_acs(struct function *f, uint16_t caps);
/* Whether a request of a's for a register of b's gets there and no unit sees
 * it. */
bool model_peer_reaches(struct machine *m, const struct function *a,
			const struct function *b);

/* model_pci.c */
/* The next extended capability; where it is. */
uint16_t function_add_ext(struct function *f, unsigned id, unsigned len);
struct function *bridge_to(struct machine *m, uint16_t segment, unsigned bus);
struct function *model_function(struct machine *m, uint16_t segment,
				unsigned bus, unsigned dev, unsigned fn,
				unsigned kind, struct model_unit *u);
struct function *model_bridge(struct machine *m, uint16_t segment,
			      unsigned bus, unsigned dev, unsigned fn,
			      unsigned type, unsigned secondary,
			      unsigned subordinate);
/* The id under which its requests reach the unit. */
uint16_t function_requester(struct machine *m, const struct function *f);
struct function *function_find(struct machine *m, uint16_t segment,
			       uint16_t sid);
uint32_t function_read(struct machine *m, struct function *f, unsigned off,
		       unsigned width);
void function_write(struct machine *m, struct function *f, unsigned off,
		    unsigned width, uint32_t v);
bool function_mastering(const struct function *f);
void model_functions_free(struct machine *m);

#endif
