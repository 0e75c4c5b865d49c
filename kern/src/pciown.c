/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ownership of PCI functions (pciown.h): the layer between files and processes
 * above and the iommu, interrupts and page tables below.
 *
 * Lock order: own.lock, then an address space's; spinlocks are taken last.
 */
#include <assert.h>
#include <aspace.h>
#include <faults.h>
#include <fmt.h>
#include <iommu.h>
#include <kmalloc.h>
#include <log.h>
#include <page.h>
#include <pci.h>
#include <pci_function.h>
#include <pciown.h>
#include <pciown_text.h>
#include <proc.h>
#include <string.h>
#include <timer.h>

#include "pciirq.h"

#define FAULT_PAUSE	NSEC_PER_MSEC	/* between two looks in a storm */

static struct {
	struct qlock lock;
	struct waitq faults;
	bool pending;
} own = {
	.lock = QLOCK(own.lock, "pci owners"),
	.faults = WAITQ(own.faults, "faults"),
};

static void faults_pending(void)
{
	WRITE_ONCE(own.pending, true);
	wake_all(&own.faults);
}

static void note_fault(void *owner, const struct iommu_fault *f)
{
	struct proc *p = owner;
	char text[NOTEMAX];

	snprintf(text, sizeof(text), "iommu: fault %x:%x.%x %s addr=0x%lx: %s",
		 f->sid >> 8, f->sid >> 3 & 31, f->sid & 7, f->access,
		 f->addr, f->text);
	if (p)
		(void)note_post(p, text);	/* full of them already: so be it */
	faults_add(f);
}

/* Takes faults out of the units as they are told of, and in a storm no faster
 * than the pause allows. */
static void fault_thread(void *unused)
{
	(void)unused;
	for (;;) {
		(void)wait_until(&own.faults, READ_ONCE(own.pending),
				 NO_DEADLINE);
		WRITE_ONCE(own.pending, false);
		while (iommu_service_faults())
			kthread_sleep_ns(FAULT_PAUSE);
	}
}

static bool gives_out(uint64_t lo, uint64_t hi)
{
	uint64_t end = MIN(hi >> PGSHIFT, npages - 1);

	for (uint64_t pfn = lo >> PGSHIFT; pfn <= end; pfn++)
		if (page_is_ram(pfn << PGSHIFT))
			return true;
	return false;
}

const struct iommu_upper *pciown_upper(void)
{
	static const struct iommu_upper upper = {
		.gives_out = gives_out, .pending = faults_pending,
		.fault = note_fault,
	};

	return &upper;
}

void pciown_init(void)
{
	struct kthread *k = kthread_create("iommu faults", fault_thread, NULL);

	if (!k)
		panic("pci: no memory for the fault thread");
	kthread_ready(k);
}

/* The process's I/O space goes with its last device. */
static void drop_space(struct proc *p)
{
	if (list_empty(&p->devices) && p->as)
		aspace_io_drop(p->as);
}

/* Those that go together with d, itself the first. */
#define for_each_peer(peer, d)						\
	for (unsigned n_ = 0; ((peer) = iommu_peer((d)->iommu, n_)); n_++)

/* A disk controller of this kind goes on with the lists and buffers that it was
 * given (QEMU's maps them once, past all later changes of tables) until it is
 * reset, if it can be. */
#define CLASS_AHCI	0x010601

static bool pins_memory(const struct pci_device *d)
{
	struct iommu_device_info info = { 0 };

	if (d->iommu)
		iommu_device_info(d->iommu, &info);
	return d->class == CLASS_AHCI &&
		(!info.pci || info.pci->reset == PCI_RESET_NONE);
}

static int check_peers(struct pci_device *d, struct proc *p, unsigned words)
{
	struct pci_device *peer, *has;
	const char *bypass;
	unsigned n = 0;

	list_for_each(has, &p->devices, owned)
		n++;
	for_each_peer(peer, d) {
		bypass = pci_virtio_bypass(peer);
		if (bypass && peer != d)
			return error(EPERM, "%s, which goes with it, %s",
				     peer->name, bypass);
		if (bypass)
			return error(EPERM, "%s", bypass);
		if (pins_memory(peer) && !(words & IOMMU_UNSAFE))
			return error(EPERM, "%s%skeeps memory while it runs, "
				     "and cannot be reset; say unsafe to give "
				     "it away all the same",
				     peer == d ? "" : peer->name,
				     peer == d ? "" : ", which goes with it, ");
		if (++n > PROC_MAX_DEVICES)
			return error(EBUSY, "pid %d has %u devices, and gets "
				     "no more", p->pid, PROC_MAX_DEVICES);
	}
	return 0;
}

static void take(struct pci_device *d, struct proc *p)
{
	struct pci_device *peer;

	for_each_peer(peer, d) {
		peer->owner = proc_get(p);
		list_append(&p->devices, &peer->owned);
	}
}

static int attach_locked(struct pci_device *d, struct proc *p, unsigned words)
{
	struct iommu_space *space;
	int err;

	if (d->owner == p)
		return error(EBUSY, "attached to pid %d already", p->pid);
	if (d->owner)
		return error(EBUSY, "owned by pid %d", d->owner->pid);
	if (p->exiting || !p->as)
		return error(ESRCH, "process %d has ended", p->pid);
	if (iommu_missing())
		return error(ENODEV, "%s", iommu_missing());
	err = check_peers(d, p, words);
	if (err)
		return err;
	space = aspace_io_get(p->as, p);
	if (!space)
		return -ENOMEM;
	err = iommu_attach(d->iommu, space, words);
	if (err) {
		drop_space(p);
		return err;
	}
	take(d, p);
	return 0;
}

int pciown_attach(struct pci_device *d, struct proc *p, unsigned words)
{
	int err;

	qlock(&own.lock);
	err = attach_locked(d, p, words);
	qunlock(&own.lock);
	return err;
}

/* The device is nobody's afterwards, whatever happens to its unit; those that
 * go with it, too. */
static int release(struct pci_device *d)
{
	struct proc *p = proc_get(d->owner);
	struct pci_device *peer;
	int err;

	for_each_peer(peer, d) {
		if (p->as)
			aspace_revoke_device(p->as, peer);
		pciirq_revoke(peer);
	}
	err = iommu_detach(d->iommu);
	for_each_peer(peer, d) {
		list_remove(&peer->owned);
		peer->owner = NULL;
		proc_put(p);
	}
	drop_space(p);
	proc_put(p);
	return err;
}

int pciown_detach(struct pci_device *d)
{
	int err;

	qlock(&own.lock);
	err = d->owner ? release(d) : error(EINVAL, "not attached");
	qunlock(&own.lock);
	return err;
}

/* `why` is worth a line in the log, since nobody asked for it; NULL: it is not.
 */
static void release_all(struct proc *p, const char *why)
{
	struct pci_device *d;

	while (!list_empty(&p->devices)) {
		d = list_first(&p->devices, struct pci_device, owned);
		if (why)
			klog(LOG_WARN, "iommu: %s is detached: pid %d %s",
			     d->name, p->pid, why);
		if (release(d) < 0)
			klog(LOG_ERROR, "iommu: detach %s: %s", d->name,
			     current_kthread()->errstr);
	}
}

void pciown_exit(struct proc *p)
{
	qlock(&own.lock);
	p->exiting = true;
	release_all(p, NULL);
	qunlock(&own.lock);
}

struct aspace *pciown_exec(struct proc *p, struct aspace *as)
{
	struct aspace *old;

	qlock(&own.lock);
	release_all(p, "runs another program");
	old = proc_set_aspace(p, as);
	qunlock(&own.lock);
	return old;
}

int pciown_power(bool on)
{
	int err;

	qlock(&own.lock);
	err = iommu_power(on);
	qunlock(&own.lock);
	return err;
}

int pciown_trace(bool on)
{
	int err;

	qlock(&own.lock);
	err = iommu_trace(on);
	qunlock(&own.lock);
	return err;
}

struct selftest pciown_selftest(unsigned unit, unsigned n)
{
	struct selftest t;

	qlock(&own.lock);
	t = selftest(unit, n);
	qunlock(&own.lock);
	return t;
}

static int owned_by_caller(struct pci_device *d)
{
	if (d->owner == current_proc())
		return 0;
	if (d->owner)
		return error(EPERM, "%s: owned by pid %d", d->name,
			     d->owner->pid);
	return error(EPERM, "%s: not attached to you", d->name);
}

int pciown_check(struct pci_device *d)
{
	int err;

	qlock(&own.lock);
	err = owned_by_caller(d);
	qunlock(&own.lock);
	return err;
}

/* What is mapped is mapped in whole pages: nobody else's registers are in them.
 */
static bool alone_in_pages(const struct pci_bar *bar)
{
	physaddr_t start = ROUNDDOWN(bar->pa, PGSIZE);
	physaddr_t end = ROUNDUP(bar->pa + bar->len, PGSIZE);
	const struct pci_device *d;
	const struct pci_bar *b;

	list_for_each(d, &pci_devices, link)
		for (b = d->bars; b < d->bars + PCI_NBARS; b++)
			if (b != bar && !b->io && b->len && b->pa < end &&
			    b->pa + b->len > start)
				return false;
	return true;
}

static long map_bar(struct pci_device *d, unsigned bar, struct aspace *as,
		    size_t len, int prot, int flags, uint64_t off)
{
	const struct pci_bar *b = &d->bars[bar];
	struct region like = {
		.prot = prot & ~PROT_EXEC, .device = d, .pa = b->pa + off,
		.combine = b->prefetch && !(flags & MAP_UNCACHED),
	};
	size_t hole, hole_end;

	if (!b->len || b->io)
		return error(ENODEV, "%s: bar %u is not memory", d->name, bar);
	if (off % PGSIZE || off > b->len || len > ROUNDUP(b->len, PGSIZE) - off)
		return error(EINVAL, "%s: bar %u has %lu bytes", d->name, bar,
			     b->len);
	if (b->pa % PGSIZE || !alone_in_pages(b))
		return error(EINVAL, "%s: bar %u shares its page", d->name,
			     bar);
	pci_bar_reserved(d, bar, &hole, &hole_end);
	pci_memory_on(d);
	like.hole = b->pa + hole;
	like.hole_end = b->pa + hole_end;
	return aspace_map_device(as, len, &like);
}

long pciown_map_bar(struct pci_device *d, unsigned bar, struct aspace *as,
		    size_t len, int prot, int flags, uint64_t off)
{
	long addr;

	qlock(&own.lock);
	addr = owned_by_caller(d);
	if (!addr)
		addr = map_bar(d, bar, as, len, prot, flags, off);
	qunlock(&own.lock);
	return addr;
}

/* What the process may still open. */
static unsigned irqs_left(const struct proc *p)
{
	struct pci_device *d;
	unsigned used = 0;

	list_for_each(d, &p->devices, owned)
		used += pciirq_in_use(d);
	return PROC_MAX_IRQS - MIN(used, (unsigned)PROC_MAX_IRQS);
}

int pciown_irq_open(struct pci_device *d, unsigned n, unsigned end)
{
	int err;

	qlock(&own.lock);
	err = owned_by_caller(d);
	if (!err)
		err = pciirq_open(d, n, end, irqs_left(d->owner));
	qunlock(&own.lock);
	return err;
}

int pciown_irq_mask(struct pci_device *d, unsigned n, bool masked)
{
	int err;

	qlock(&own.lock);
	err = owned_by_caller(d);
	if (!err)
		err = pciirq_mask(d, n, masked);
	qunlock(&own.lock);
	return err;
}

int pciown_reset(struct pci_device *d)
{
	int err;

	qlock(&own.lock);
	err = owned_by_caller(d);
	if (!err)
		err = iommu_reset(d->iommu);
	if (!err)
		err = pciirq_restore(d);
	qunlock(&own.lock);
	return err;
}

ssize_t pciown_irq_read(struct pci_device *d, unsigned n, uint64_t *count)
{
	unsigned revoked = pciirq_revoked(d, n);	/* before the check */
	int err = pciown_check(d);

	if (!err)
		err = wait_until(pciirq_queue(d, n),
				 pciirq_take(d, n, revoked, count),
				 NO_DEADLINE);
	if (!err && !*count)
		err = error(ENODEV, "%s: taken away", d->name);
	return err;
}

bool pciown_irq_ready(struct pci_device *d, unsigned n, struct waitq **q)
{
	*q = pciirq_queue(d, n);
	return pciirq_ready(d, n);
}

/* Whole fields that can hurt nobody but their owner: cache line size, latency
 * timer, interrupt line (a scratch register). */
static const struct {
	uint16_t off;
	uint8_t width;
} harmless[] = { { 0x0c, 1 }, { 0x0d, 1 }, { 0x3c, 1 } };

static int config_write(struct pci_device *d, unsigned off, unsigned width,
			uint32_t v)
{
	bool chipset = d->class >> 16 == 0x06;

	for (unsigned i = 0; i < ARRAY_SIZE(harmless) && !chipset; i++)
		if (harmless[i].off == off && harmless[i].width == width) {
			pci_set(d, off, width, v);
			return 0;
		}
	return error(EPERM, "%s: config 0x%x is the kernel's", d->name, off);
}

int pciown_config_write(struct pci_device *d, unsigned off, unsigned width,
			uint32_t v)
{
	int err;

	qlock(&own.lock);
	err = owned_by_caller(d);
	if (!err)
		err = config_write(d, off, width, v);
	qunlock(&own.lock);
	return err;
}

/* Spaces are told from each other by their process's first device. */
void pciown_check_all(iommu_say *say, void *arg)
{
	struct pci_device *d;

	qlock(&own.lock);
	iommu_check(say, arg);
	list_for_each(d, &pci_devices, link) {
		if (!d->owner || d->owner->devices.next != &d->owned)
			continue;
		say(arg, "pid %d: %s", d->owner->pid,
		    aspace_check(d->owner->as));
	}
	qunlock(&own.lock);
}

size_t pciown_quarantined(int pid)
{
	struct proc *p = proc_find(pid);
	struct aspace *as = p ? proc_aspace(p) : NULL;
	size_t n = as ? READ_ONCE(as->quarantine.pages) : 0;

	if (as)
		aspace_put(as);
	if (p)
		proc_put(p);
	return n;
}

static void rids_text(const struct iommu_device_info *info, struct text *t)
{
	text_add(t, "requester ids");
	for (unsigned i = 0; i < info->pci->nrids; i++)
		text_add(t, " %s", bdf_text(info->pci->segment,
					    info->pci->rids[i].sid).s);
	text_add(t, "\ngroup %s\n", bdf_text(info->group->segment,
					     info->group->sid).s);
}

/* What it can reach now: of its owner's memory, and nothing else. */
static void reach_text(struct pci_device *d, struct text *t)
{
	size_t all = 0, writable = 0;

	qlock(&own.lock);
	if (d->owner && d->owner->as)
		aspace_reach(d->owner->as, &all, &writable);
	qunlock(&own.lock);
	text_add(t, "reaches %lu bytes, writes %lu\n", all, writable);
}

void pciown_status_text(struct pci_device *d, struct text *t)
{
	struct iommu_device_info info;
	const char *reset;

	if (!d->iommu)		/* no memory for it at boot */
		return;
	iommu_device_info(d->iommu, &info);
	reset = pci_reset_text(info.pci->reset);
	text_add(t, "owner %d\n", info.pid);
	text_add(t, "unit 0x%lx\n", info.unit);
	text_add(t, "domain %u\n", info.did);
	text_add(t, "covered %s\n", info.unit ? "yes" : "no");
	rids_text(&info, t);
	reach_text(d, t);
	text_add(t, "reserved memory %s\n", info.reserved ? "yes" : "no");
	text_add(t, "device tlb %s\n", info.ats ? "on" : "off");
	text_add(t, "fenced %s\n", info.fenced ? "yes" : "no");
	text_add(t, "reset %s\n", reset ? reset : "none");
	text_add(t, "interrupts %u\n", pci_irq_count(d));
	text_add(t, "faults %lu\n", info.faults);
	if (pins_memory(d))
		text_add(t, "warning keeps memory while it runs, and cannot be "
			 "reset\n");
}
