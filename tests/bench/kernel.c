/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #bench: what calls of the driver cost.  Linked into the bench kernel beside
 * the objects of the ordinary one, with the linker's --wrap for the functions
 * below that are called __wrap_; nothing else is different there.
 *
 *	run	write "ROW PAGES COUNT": calls the row's two functions in turn,
 *		COUNT times; read: what each has cost (see result_line), or, of
 *		the row "memory", how many bytes the driver has
 *
 * The calls are those that the memory manager and #iommu make.  Nobody reads or
 * writes the frames that are mapped here, and no device is told to: they need
 * not be there.
 *
 * One process uses it at a time.
 */
#include <assert.h>
#include <chan.h>
#include <fmt.h>
#include <iommu.h>
#include <kmalloc.h>
#include <lock.h>
#include <mmu.h>
#include <pci.h>
#include <proc.h>
#include <string.h>

#include "mark.h"

#define MAX_COUNT	2000
#define MAX_SCATTERED	512
#define MIB_2		(2 * MIB)
#define VA		(8 * GIB)
#define FAR		(4 * GIB)	/* where runs of frames are */
#define RW		(IOMMU_READ | IOMMU_WRITE)
#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define AHCI_CLASS	0x010601

struct row {
	const char *did, *undid;	/* what the two are called */
	int (*run)(void), (*undo)(void);
	/* Which devices are attached meanwhile. */
	bool edu, other;
	bool shared;		/* the space is of tables of our own */
	/* Where. */
	uintptr_t va;
	physaddr_t pa;		/* of a run of frames; 0: they are scattered */
	/* So long that a timer would end meanwhile: interrupts stay off. */
	bool quiet;
};

static struct {
	struct iommu_space *space;
	struct pci_device *edu, *other;
	uintptr_t va;
	physaddr_t pa;
	size_t pages;
	uint64_t frames[MAX_SCATTERED];	/* as entries: with RW */
	uint64_t *leaves[2];	/* tables of a space that shares them */
	uint64_t samples[2][MAX_COUNT];
	size_t booted;		/* bytes that the driver has taken at boot */
	char result[256];
	size_t result_len;
} bench;

static int nothing(void)
{
	return 0;
}

/* One gather, one flush. */
static int map_scattered(void)
{
	struct iommu_gather g;
	int err;

	iommu_gather_init(&g, bench.space);
	err = iommu_map(&g, bench.va, bench.frames[0] - RW, PGSIZE, RW);
	for (size_t i = 1; i < bench.pages && !err; i++)
		err = iommu_map(&g, bench.va + i * PGSIZE,
				ROUNDDOWN(bench.frames[i], PGSIZE), PGSIZE, RW);
	return iommu_flush(&g) | err;
}

/* A call for each of the two tables. */
static int store_list(const uint64_t *list)
{
	size_t first = (bench.va & (MIB_2 - 1)) / PGSIZE;
	size_t n = MIN(bench.pages, PT_ENTRIES - first);
	struct iommu_gather g;

	iommu_gather_init(&g, bench.space);
	iommu_store(&g, bench.va, bench.leaves[0] + first, list, n, 1);
	if (n < bench.pages)
		iommu_store(&g, bench.va + n * PGSIZE, bench.leaves[1],
			    list + n, bench.pages - n, 1);
	return iommu_flush(&g);
}

static int store(void)
{
	return store_list(bench.frames);
}

static int unstore(void)
{
	static const uint64_t absent[MAX_SCATTERED];

	return store_list(absent);
}

static int map_each(void)
{
	int err = 0;

	for (size_t i = 0; i < bench.pages && !err; i++) {
		struct iommu_gather g;

		iommu_gather_init(&g, bench.space);
		err = iommu_map(&g, bench.va + i * PGSIZE,
				ROUNDDOWN(bench.frames[i], PGSIZE), PGSIZE, RW);
		err |= iommu_flush(&g);
	}
	return err;
}

static int map_run(void)
{
	struct iommu_gather g;
	int err;

	iommu_gather_init(&g, bench.space);
	err = iommu_map(&g, bench.va, bench.pa, bench.pages * PGSIZE, RW);
	return iommu_flush(&g) | err;
}

static int unmap(void)
{
	struct iommu_gather g;
	int err;

	iommu_gather_init(&g, bench.space);
	err = iommu_keep(&g, bench.va, bench.pages * PGSIZE, 0);
	return iommu_flush(&g) | err;
}

static int unmap_each(void)
{
	int err = 0;

	for (size_t i = 0; i < bench.pages && !err; i++) {
		struct iommu_gather g;

		iommu_gather_init(&g, bench.space);
		err = iommu_keep(&g, bench.va + i * PGSIZE, PGSIZE, 0);
		err |= iommu_flush(&g);
	}
	return err;
}

/* As lazy unmapping does it: a call each, and one flush for all. */
static int unmap_lazily(void)
{
	struct iommu_gather g;
	int err = 0;

	iommu_gather_init(&g, bench.space);
	for (size_t i = 0; i < bench.pages && !err; i++)
		err = iommu_keep(&g, bench.va + i * PGSIZE, PGSIZE, 0);
	return iommu_flush(&g) | err;
}

static int attach(void)
{
	return iommu_attach(bench.edu->iommu, bench.space, IOMMU_UNSAFE);
}

static int detach(void)
{
	return iommu_detach(bench.edu->iommu);
}

static int attach_other(void)
{
	return iommu_attach(bench.other->iommu, bench.space, IOMMU_UNSAFE);
}

static struct iommu_space *new_space(void)
{
	struct proc *p = current_proc();

	return iommu_space_create(p, p->pid, p->serial, bench.edu->iommu);
}

static struct iommu_space *created;

static int create(void)
{
	created = new_space();
	return created ? 0 : -1;
}

static int destroy(void)
{
	return iommu_space_destroy(created);
}

/*
 * Aligned: 512 pages fill one table, which goes when they are unmapped.
 * Unaligned: they lie in two, which stay, since their neighbours are mapped.
 */
#define MIDDLE	(MIB_2 / 2)
static const struct row rows[] = {
	{ "empty", "empty-undo", nothing, nothing, .edu = false },
	{ "map-aligned", "unmap-aligned", map_scattered, unmap, .edu = true,
	  .va = VA },
	{ "map-unaligned", "unmap-unaligned", map_scattered, unmap,
	  .edu = true, .va = VA + MIDDLE },
	{ "store", "unstore", store, unstore, .edu = true, .shared = true,
	  .va = VA + MIDDLE },
	{ "map-each", "unmap-each", map_each, unmap_each, .edu = true,
	  .va = VA + MIDDLE },
	{ "map-lazy", "unmap-lazy", map_scattered, unmap_lazily, .edu = true,
	  .va = VA + MIDDLE },
	{ "map-unseen", "unmap-unseen", map_scattered, unmap,
	  .va = VA + MIDDLE },
	{ "map-4k", "unmap-4k", map_run, unmap, .edu = true, .va = VA,
	  .pa = FAR + PGSIZE, .quiet = true },
	{ "map-2m", "unmap-2m", map_run, unmap, .edu = true, .va = VA,
	  .pa = FAR + MIB_2, .quiet = true },
	{ "map-1g", "unmap-1g", map_run, unmap, .edu = true, .va = VA,
	  .pa = FAR },
	{ "attach", "detach", attach, detach, .edu = false },
	{ "attach-second", "detach-second", attach, detach, .other = true },
	{ "create", "destroy", create, destroy, .edu = false },
};

static struct pci_device *find(uint16_t vendor, uint16_t device, uint32_t class)
{
	struct pci_device *d;

	list_for_each(d, &pci_devices, link)
		if ((d->vendor == vendor && d->device == device) ||
		    d->class == class)
			return d;
	return NULL;
}

/* Four tables, which stay: nothing else is mapped there. */
static struct iommu_space *new_shared(void)
{
	static uint64_t *table[2];
	struct proc *p = current_proc();

	for (unsigned i = 0; i < 2 && !bench.leaves[i]; i++) {
		table[i] = kmalloc(PGSIZE);
		bench.leaves[i] = kmalloc(PGSIZE);
	}
	if (!table[0] || !table[1] || !bench.leaves[0] || !bench.leaves[1])
		return NULL;
	table[0][VA / GIB] = kpa(table[1]) | RW;
	table[1][0] = kpa(bench.leaves[0]) | RW;
	table[1][1] = kpa(bench.leaves[1]) | RW;
	return iommu_space_share(p, p->pid, p->serial, table[0]);
}

/* A page of tables that are there already, before and behind the range. */
static int map_neighbours(void)
{
	uintptr_t end = bench.va + bench.pages * PGSIZE;
	struct iommu_gather g;
	int err = 0;

	iommu_gather_init(&g, bench.space);
	if (bench.va % MIB_2)
		err = iommu_map(&g, bench.va - PGSIZE, FAR, PGSIZE, RW);
	if (!err && end % MIB_2)
		err = iommu_map(&g, end, FAR, PGSIZE, RW);
	return iommu_flush(&g) | err;
}

static int set_up(const struct row *r, size_t pages)
{
	bench.va = r->va;
	bench.pa = r->pa;
	bench.pages = pages;
	if (!r->pa && pages > MAX_SCATTERED)
		return error(EINVAL, "bench: too many scattered pages");
	for (size_t i = 0; i < MIN(pages, (size_t)MAX_SCATTERED); i++)
		bench.frames[i] = (FAR + 2 * i * PGSIZE) | RW;
	bench.edu = find(EDU_VENDOR, EDU_DEVICE, ~0u);
	bench.other = find(0xffff, 0xffff, AHCI_CLASS);
	if (!bench.edu || !bench.other)
		return error(ENODEV, "bench: no edu, or no AHCI");
	bench.space = r->shared ? new_shared() : new_space();
	if (!bench.space)
		return -ENOMEM;
	if ((r->edu && attach() < 0) || (r->other && attach_other() < 0))
		return -EIO;
	return r->va && !r->shared ? map_neighbours() : 0;
}

/* After an error things stay as they are: the run is over. */
static int clean_up(const struct row *r)
{
	int err = 0;

	if (r->edu)
		err = detach();
	if (r->other)
		err |= iommu_detach(bench.other->iommu);
	return err ? err : iommu_space_destroy(bench.space);
}

static int sample(int (*fn)(void), uint64_t *cost)
{
	uint64_t begin, end;
	int err;

	BENCH_BEGIN(begin);
	err = fn();
	BENCH_END(end);
	*cost = end - begin;
	return err;
}

static int samples(const struct row *r, size_t count)
{
	int err = 0;

	if (r->quiet)
		irq_push_off();
	for (size_t i = 0; i < count && !err; i++) {
		err = sample(r->run, &bench.samples[0][i]);
		if (!err)
			err = sample(r->undo, &bench.samples[1][i]);
	}
	if (r->quiet)
		irq_pop();
	return err;
}

static void sort(uint64_t *list, size_t n)
{
	uint64_t v;
	size_t at;

	for (size_t i = 1; i < n; i++) {
		v = list[i];
		for (at = i; at > 0 && list[at - 1] > v; at--)
			list[at] = list[at - 1];
		list[at] = v;
	}
}

/* NAME PAGES COUNT LEAST MEDIAN MOST */
static void result_line(struct text *t, const char *name, uint64_t *list,
			size_t count)
{
	sort(list, count);
	text_add(t, "%s %lu %lu %lu %lu %lu\n", name, bench.pages, count,
		 list[0], list[count / 2], list[count - 1]);
}

static int run_row(const struct row *r, size_t pages, size_t count,
		   struct text *t)
{
	int err = set_up(r, pages);

	if (!err)
		err = samples(r, count);
	if (!err)
		err = clean_up(r);
	if (err)
		return err;
	result_line(t, r->did, bench.samples[0], count);
	result_line(t, r->undid, bench.samples[1], count);
	return 0;
}

/* memory PAGES BOOT SPACE: bytes taken at boot, and by a space with a device
 * and so many pages, as 4 KiB leaves or larger ones. */
static int memory_row(const char *name, physaddr_t pa, size_t pages,
		      struct text *t)
{
	const struct row r = { .edu = true, .va = VA, .pa = pa };
	size_t before = kmalloc_in_use();
	int err = set_up(&r, pages);

	if (!err)
		err = map_run();
	text_add(t, "%s %lu %lu %lu\n", name, pages, bench.booted,
		 kmalloc_in_use() - before);
	return err ? err : clean_up(&r);
}

static int run(const char *name, size_t pages, size_t count, struct text *t)
{
	if (!strcmp(name, "memory-4k"))
		return memory_row(name, FAR + PGSIZE, pages, t);
	if (!strcmp(name, "memory-2m"))
		return memory_row(name, FAR + MIB_2, pages, t);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(name, rows[i].did))
			return run_row(&rows[i], pages, count, t);
	return error(EINVAL, "bench: no row %s", name);
}

/* The driver's memory at boot: what is in use after its calls, less before. */
void __real_iommu_init(const void *dmar, size_t len,
		       const struct iommu_upper *upper);
struct iommu_dev *__real_iommu_add_device(uint16_t segment, uint16_t sid,
					  void *up);
void __real_iommu_start(bool on);
void __wrap_iommu_init(const void *dmar, size_t len,
		       const struct iommu_upper *upper);
struct iommu_dev *__wrap_iommu_add_device(uint16_t segment, uint16_t sid,
					  void *up);
void __wrap_iommu_start(bool on);

void __wrap_iommu_init(const void *dmar, size_t len,
		       const struct iommu_upper *upper)
{
	bench.booted -= kmalloc_in_use();
	__real_iommu_init(dmar, len, upper);
	bench.booted += kmalloc_in_use();
}

struct iommu_dev *__wrap_iommu_add_device(uint16_t segment, uint16_t sid,
					  void *up)
{
	struct iommu_dev *d;

	bench.booted -= kmalloc_in_use();
	d = __real_iommu_add_device(segment, sid, up);
	bench.booted += kmalloc_in_use();
	return d;
}

void __wrap_iommu_start(bool on)
{
	bench.booted -= kmalloc_in_use();
	__real_iommu_start(on);
	bench.booted += kmalloc_in_use();
}

enum { Qroot, Qrun };

static const struct dirtab files[] = {
	{ "run", Qrun, 0644 },
};

static ssize_t bench_read(struct chan *c, void *buf, size_t n, uint64_t off)
{
	if (c->qid.path == Qroot)
		return table_readdir(c, buf, n, off);
	return text_read(bench.result, bench.result_len, buf, n, off);
}

static ssize_t bench_write(struct chan *c, const void *buf, size_t n,
			   uint64_t off)
{
	struct text t = { .buf = bench.result, .size = sizeof(bench.result) };
	char line[64], *s;
	uint64_t pages, count;
	const char *at;
	int err;

	(void)c;
	(void)off;
	n = MIN(n, sizeof(line) - 1);
	memcpy(line, buf, n);
	line[n] = '\0';
	s = strchr(line, ' ');
	at = s ? s + 1 : "";
	if (!s || !parse_number(&at, 10, 1ul << 32, &pages) || *at++ != ' ' ||
	    !parse_number(&at, 10, MAX_COUNT, &count) || !count)
		return error(EINVAL, "bench: ROW PAGES COUNT");
	*s = '\0';
	err = run(line, pages, count, &t);
	bench.result_len = err ? 0 : t.len;
	return err ? err : (ssize_t)n;
}

static struct dev bench_dev = {
	.name = "bench",
	.attach = table_attach,
	.walk = table_walk,
	.stat = table_stat,
	.files = files,
	.nfiles = ARRAY_SIZE(files),
	.read = bench_read,
	.write = bench_write,
};

/* How names of devices come to find it. */
struct dev *__real_dev_find(const char *name, size_t len);
struct dev *__wrap_dev_find(const char *name, size_t len);

struct dev *__wrap_dev_find(const char *name, size_t len)
{
	if (len == strlen(bench_dev.name) &&
	    !strncmp(name, bench_dev.name, len))
		return &bench_dev;
	return __real_dev_find(name, len);
}
