/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces (aspace.h): regions, and what mmap, munmap, mprotect and fork
 * do to them.  The pages under them are pages.c's.
 */
#include <arch.h>
#include <aspace.h>
#include <assert.h>
#include <error.h>
#include <fmt.h>
#include <kmalloc.h>
#include <log.h>
#include <page.h>
#include <proc.h>
#include <pt.h>
#include <string.h>

#define MAX_HOLES 32
#define FORK_RESERVE 1024	/* frames without which there is no fork */
#define MAX_REGIONS 8192	/* of a space: a search looks at all of them */

/* Addresses that no process is given. */
static struct {
	uintptr_t start, end;
} holes[MAX_HOLES];
static unsigned nholes;
static uintptr_t user_end = USER_END;

void aspace_exclude(uintptr_t start, uintptr_t end)
{
	start = ROUNDDOWN(start, PGSIZE);
	end = ROUNDUP(end, PGSIZE);
	if (end <= USER_BASE || start >= USER_END)
		return;
	if (nholes == MAX_HOLES) {	/* give up all above the lowest */
		klog(LOG_WARN, "memory: too many windows; addresses end at "
		     "0x%lx", start);
		aspace_limit(start);
		return;
	}
	holes[nholes].start = start;
	holes[nholes++].end = end;
}

void aspace_limit(uintptr_t end)
{
	user_end = MIN(user_end, end);
}

struct aspace *aspace_create(void)
{
	struct aspace *as = kmalloc(sizeof(*as));

	if (as)
		as->root = pt_create();
	if (!as || !as->root) {
		kfree(as);
		error(ENOMEM, "no memory for an address space");
		return NULL;
	}
	as->refs = 1;
	qlock_init(&as->lock, "aspace");
	list_init(&as->regions);
	as->near = &as->regions;
	lazy_setup(as);
	return as;
}

void aspace_get(struct aspace *as)
{
	__atomic_fetch_add(&as->refs, 1, __ATOMIC_RELAXED);
}

void aspace_put(struct aspace *as)
{
	struct region *r, *tmp;

	if (!as || __atomic_fetch_sub(&as->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	assert(!as->io && !as->cpus && !as->quarantine.pages);
	qlock(&as->lock);
	list_for_each_safe(r, tmp, &as->regions, link) {
		(void)!pages_remove(as, r->start, r->end);
		region_free(as, r);
	}
	qunlock(&as->lock);
	frames_lost += pt_destroy(as->root, as->lost);
	kfree(as);
}

/* Where the hole ends that [at, at + len) touches; 0: it touches none. */
static uintptr_t hole_at(uintptr_t at, size_t len)
{
	for (unsigned i = 0; i < nholes; i++)
		if (at < holes[i].end && at + len > holes[i].start)
			return holes[i].end;
	return 0;
}

static uintptr_t above_holes(uintptr_t at, size_t len, size_t align)
{
	uintptr_t end;

	at = ROUNDUP(at, align);
	while ((end = hole_at(at, len)))
		at = ROUNDUP(end, align);
	return at;
}

static bool is_free(struct aspace *as, uintptr_t at, size_t len)
{
	struct region *r = region_above(as, at);

	return !(r && r->start < at + len) && !hole_at(at, len);
}

/* The lowest free place in [from, end); 0: none. */
static uintptr_t find_gap(struct aspace *as, size_t len, size_t align,
			  uintptr_t from, uintptr_t end)
{
	uintptr_t at = above_holes(from, len, align);
	struct region *r;

	list_for_each(r, &as->regions, link) {
		if (r->start >= at + len)
			break;
		if (r->end > at)
			at = above_holes(r->end, len, align);
	}
	return at < end && len <= end - at ? at : 0;
}

/* A copy, in no list yet; NULL: an error. */
static struct region *region_alloc(struct aspace *as, const struct region *like)
{
	struct region *r;

	if (as->nregions == MAX_REGIONS)
		lazy_flush(as, QUARANTINE_OTHER);
	if (as->nregions == MAX_REGIONS) {
		error(ENOMEM, "more than %u mappings", MAX_REGIONS);
		return NULL;
	}
	r = kmalloc(sizeof(*r));
	if (!r) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	as->nregions++;
	*r = *like;
	return r;
}

static struct region *region_new(struct aspace *as, uintptr_t start,
				 uintptr_t end, const struct region *like)
{
	struct region *r = region_alloc(as, like), *next;

	if (!r)
		return NULL;
	r->start = start;
	r->end = end;
	next = region_above(as, start);
	list_insert_before(next ? &next->link : &as->regions, &r->link);
	return r;
}

static bool can_join(const struct region *low, const struct region *high)
{
	return low->end == high->start && low->prot == high->prot &&
		low->pinned == high->pinned && !low->device && !high->device &&
		low->quarantined == high->quarantined;
}

void region_join(struct aspace *as, struct region *r)
{
	struct region *low = list_entry(r->link.prev, struct region, link);
	struct region *high = list_entry(r->link.next, struct region, link);

	if (r->link.next != &as->regions && can_join(r, high)) {
		r->end = high->end;
		region_free(as, high);
	}
	if (r->link.prev != &as->regions && can_join(low, r)) {
		low->end = r->end;
		region_free(as, r);
	}
}

static long address_for(struct aspace *as, uintptr_t addr, size_t len,
			int flags)
{
	unsigned bits = (unsigned)MAP_BELOW_BITS(flags);
	uintptr_t end = user_end;
	size_t align = flags & MAP_PINNED ? pages_align(len) : PGSIZE;

	if (bits)
		end = bits < 64 ? MIN(end, 1ul << bits) : end;
	if (!(flags & MAP_FIXED))
		addr = find_gap(as, len, align, USER_BASE, end);
	else if (addr % PGSIZE || addr < USER_BASE || addr >= end ||
		 len > end - addr || !is_free(as, addr, len))
		return error(EEXIST, "mmap: 0x%lx is not free", addr);
	if (!addr && bits && bits <= 32)
		return error(ENOMEM, "mmap: process memory begins at 2^32, "
			     "nothing is below 2^%u", bits);
	if (!addr)
		return error(ENOMEM, "mmap: no room for %lu bytes", len);
	return (long)addr;
}

/* A quarantined address may be the only one. */
static long choose_address(struct aspace *as, uintptr_t addr, size_t len,
			   int flags)
{
	long at = address_for(as, addr, len, flags);

	if (at > 0 || !as->quarantine.pages)
		return at;
	lazy_flush(as, QUARANTINE_OTHER);
	return address_for(as, addr, len, flags);
}

static int check_prot(int prot)
{
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
		return error(EINVAL, "bad protection 0x%x", prot);
	if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
		return error(EINVAL, "no memory is writable and executable");
	return 0;
}

static int check_len(size_t *len)
{
	if (!*len || *len > USER_END)
		return error(EINVAL, "bad length %lu", *len);
	*len = ROUNDUP(*len, PGSIZE);
	return 0;
}

/* A process pins half of the machine's memory at most. */
static int check_pinned(struct aspace *as, size_t len)
{
	struct region *r;
	size_t pinned = len;

	list_for_each(r, &as->regions, link)
		if (r->pinned)
			pinned += r->end - r->start;
	if (pinned / PGSIZE > pages_total() / 2)
		return error(ENOMEM, "mmap: more than half of all memory "
			     "pinned");
	return 0;
}

/* With the space's lock held. */
static long map_at(struct aspace *as, uintptr_t at, size_t len,
		   const struct region *like)
{
	struct region *r = region_new(as, at, at + len, like);
	int err = r && like->pinned ? pages_populate(as, r) : 0;

	if (!r)
		return -ENOMEM;
	if (!err) {
		region_join(as, r);
		return (long)at;
	}
	(void)!pages_remove(as, r->start, r->end);
	region_free(as, r);
	return err;
}

static long map(struct aspace *as, uintptr_t addr, size_t len, int flags,
		const struct region *like)
{
	long at = 0;

	qlock(&as->lock);
	if (like->pinned)
		at = check_pinned(as, len);
	if (!at)
		at = choose_address(as, addr, len, flags);
	if (at > 0)
		at = map_at(as, (uintptr_t)at, len, like);
	qunlock(&as->lock);
	return at;
}

long aspace_mmap(struct aspace *as, uintptr_t addr, size_t len, int prot,
		 int flags)
{
	struct region like = { .prot = prot, .pinned = flags & MAP_PINNED };
	long at = check_prot(prot);

	if (!at)
		at = check_len(&len);
	if (at < 0)
		return at;
	at = map(as, addr, len, flags, &like);
	if (at < 0 && like.pinned && lazy_reclaim())
		at = map(as, addr, len, flags, &like);
	return at;
}

long aspace_map_device(struct aspace *as, size_t len,
		       const struct region *like)
{
	struct region *r;
	uintptr_t at;
	int err = check_len(&len);

	if (err)
		return err;
	qlock(&as->lock);
	at = find_gap(as, len, PGSIZE, BAR_BASE, BAR_END);
	r = at ? region_new(as, at, at + len, like) : NULL;
	if (!r)
		err = error(ENOMEM, "mmap: no room for %lu bytes", len);
	else
		err = pages_map_device(as, r);
	if (r && err) {
		(void)!pages_remove(as, r->start, r->end);
		region_free(as, r);
	}
	qunlock(&as->lock);
	return err ? err : (long)at;
}

void aspace_revoke_device(struct aspace *as, void *device)
{
	struct region *r, *tmp;

	qlock(&as->lock);
	lazy_flush(as, QUARANTINE_OTHER);	/* detach is at once */
	list_for_each_safe(r, tmp, &as->regions, link)
		if (r->device == device) {
			(void)!pages_remove(as, r->start, r->end);
			region_free(as, r);
		}
	qunlock(&as->lock);
}

static int split_at(struct aspace *as, uintptr_t at)
{
	struct region *r = region_find(as, at), *upper;

	if (!r || r->start == at)
		return 0;
	if (r->pinned && pages_cut(as, at) < 0)
		return -ENOMEM;
	upper = region_alloc(as, r);
	if (!upper)
		return -ENOMEM;
	upper->start = at;
	upper->pa = r->pa + (at - r->start);
	r->end = at;
	list_prepend(&r->link, &upper->link);
	return 0;
}

static int check_range(uintptr_t addr, size_t *len)
{
	int err = check_len(len);

	if (!err && (addr % PGSIZE || addr < USER_BASE || addr >= BAR_END ||
		     *len > (addr < USER_END ? USER_END : BAR_END) - addr))
		err = error(EINVAL, "bad range 0x%lx", addr);
	return err;
}

int region_cut(struct aspace *as, uintptr_t start, uintptr_t end)
{
	int err = split_at(as, start);

	return err ? err : split_at(as, end);
}

static int unmap(struct aspace *as, uintptr_t start, uintptr_t end)
{
	struct region *r, *next;
	int err;

	if (lazy_unmap(as, start, end, &err))
		return err;
	err = region_cut(as, start, end);
	if (err)
		return err;
	err = pages_remove(as, start, end);
	for (r = region_above(as, start); r && r->end <= end; r = next) {
		next = region_after(as, r);
		region_free(as, r);
	}
	return err;
}

int aspace_munmap(struct aspace *as, uintptr_t addr, size_t len)
{
	int err = check_range(addr, &len);

	if (err)
		return err;
	qlock(&as->lock);
	err = unmap(as, addr, addr + len);
	qunlock(&as->lock);
	return err;
}

static int protect_region(struct aspace *as, struct region *r, int prot)
{
	int old = r->prot;
	int err = 0;

	r->prot = prot;
	if (old & ~prot)
		err = pages_narrow(as, r);
	if (!err && prot & ~old)
		pages_widen(as, r);
	return err;
}

/* All of the range must be memory of the process's. */
static int check_covered(struct aspace *as, uintptr_t start, uintptr_t end)
{
	struct region *r;

	while (start < end) {
		r = region_find(as, start);
		if (!r || r->device)
			return error(EINVAL, "mprotect: nothing at 0x%lx",
				     start);
		start = r->end;
	}
	return 0;
}

int aspace_mprotect(struct aspace *as, uintptr_t addr, size_t len, int prot)
{
	struct region *r;
	int err = check_range(addr, &len);

	if (!err)
		err = check_prot(prot);
	if (err)
		return err;
	qlock(&as->lock);
	lazy_flush(as, QUARANTINE_OTHER);
	err = check_covered(as, addr, addr + len);
	if (!err)
		err = region_cut(as, addr, addr + len);
	for (r = region_above(as, addr); !err && r && r->end <= addr + len;
	     r = region_after(as, r))
		err = protect_region(as, r, prot);
	qunlock(&as->lock);
	return err;
}

static int fork_regions(struct aspace *parent, struct aspace *child)
{
	struct region *r;
	int err = 0;

	list_for_each(r, &parent->regions, link) {
		if (r->device)
			continue;
		if (!region_new(child, r->start, r->end, r))
			return -ENOMEM;
		err = pages_fork(parent, child, r);
		if (err)
			break;
	}
	return err;
}

/* What is shared now will be copied: better no fork than a parent that cannot
 * write its stack afterwards. */
static struct aspace *try_fork(struct aspace *parent)
{
	struct aspace *child = NULL;
	int err;

	if (pages_free() > FORK_RESERVE)
		child = aspace_create();
	else
		error(ENOMEM, "no memory");
	if (!child)
		return NULL;
	qlock(&parent->lock);
	lazy_flush(parent, QUARANTINE_OTHER);
	err = fork_regions(parent, child);
	if (pages_forked(parent) < 0 && !err)
		err = -EIO;
	qunlock(&parent->lock);
	if (!err)
		return child;
	aspace_put(child);
	qlock(&parent->lock);
	pages_unfork(parent);
	qunlock(&parent->lock);
	return NULL;
}

struct aspace *aspace_fork(struct aspace *parent)
{
	struct aspace *child = try_fork(parent);

	return child || !lazy_reclaim() ? child : try_fork(parent);
}

static struct iommu_space *io_get(struct aspace *as, struct proc *owner)
{
	struct iommu_space *io;

	qlock(&as->lock);
	if (!as->io)
		as->io = iommu_space_share(owner, owner->pid, owner->serial,
					   pt_shared(as->root));
	as->quarantine.gather.space = io = as->io;
	qunlock(&as->lock);
	return io;
}

struct iommu_space *aspace_io_get(struct aspace *as, struct proc *owner)
{
	struct iommu_space *io = io_get(as, owner);

	return io || !lazy_reclaim() ? io : io_get(as, owner);
}

/* If a unit failed with the space, its frames are lost with it. */
void aspace_io_drop(struct aspace *as)
{
	qlock(&as->lock);
	lazy_flush(as, QUARANTINE_OTHER);
	if (as->io && iommu_space_destroy(as->io) < 0)
		as->lost = true;
	as->quarantine.gather.space = as->io = NULL;
	qunlock(&as->lock);
}

void aspace_text(struct aspace *as, struct text *t)
{
	struct region *r;

	qlock(&as->lock);
	list_for_each(r, &as->regions, link)
		text_add(t, "%lx-%lx %c%c%c%s%s%s\n", r->start, r->end,
			 r->prot & PROT_READ ? 'r' : '-',
			 r->prot & PROT_WRITE ? 'w' : '-',
			 r->prot & PROT_EXEC ? 'x' : '-',
			 r->pinned ? " pinned" : "", r->device ? " device" : "",
			 r->quarantined ? " quarantined" : "");
	qunlock(&as->lock);
}
