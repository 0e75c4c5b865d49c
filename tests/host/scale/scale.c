/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scale UNITS DEVICES SPACES: a machine of that size on the model, with each
 * device attached to a space of its own and the other spaces idle; then some
 * samples of each operation, spread over devices and spaces.  It runs under
 * callgrind, which is told where a sample begins and ends, and counts in
 * instructions what report.py adds up of the driver's own.
 *
 * Last it prints what the driver has in memory and in domain ids: when it has
 * started, with all spaces there, with all gone, and the same once more.
 */
#include "../bench.h"

#include <valgrind/callgrind.h>

#define SAMPLES		64u
#define BATCH		8u	/* are detached before the first is attached */
#define PER_BUS		32u	/* devices behind a root port */
#define ACS_ALL		0x1f
#define LONG		64u	/* pages of a long range */
#define FAULTING	(VA + 512 * 512 * PAGE)

static struct bench b;
static unsigned units, devices, spaces;
static struct function **fn;
static struct iommu_space **space;
static physaddr_t frame;

static void sample_begin(void)
{
	model_call(b.m);
	CALLGRIND_ZERO_STATS;
}

static void sample_end(const char *what)
{
	CALLGRIND_DUMP_STATS_AT(what);
}

static void good(int err)
{
	if (!err)
		return;
	fprintf(stderr, "scale: %s\n", b.m->error);
	exit(1);
}

/* Unit n's share: root ports on bus 0, each with a bus of devices behind it.
 * One device alone is on bus 0 itself: so nothing can reset it there either. */
static void plant(struct image *image, unsigned n)
{
	static const struct triple *t;
	unsigned first = devices * n / units, end = devices * (n + 1) / units;
	struct model_unit *u;
	struct function *port;
	uint8_t path[2];

	t = triple_named("qemu without caching mode");
	u = model_unit(b.m, 0xfed00000 + n * 0x1000ul, 0, t->ver, t->cap,
		       t->ecap);
	put_drhd(image, 0, u->base);
	for (unsigned i = first; i < end; i++) {
		path[0] = devices == 1 ? 31 : i / PER_BUS / 8 & 31;
		path[1] = devices == 1 ? 0 : i / PER_BUS % 8;
		if (i % PER_BUS == 0)
			put_scope(image, devices == 1 ? DMAR_SCOPE_ENDPOINT :
				  DMAR_SCOPE_BRIDGE, 0, 1, path);
		if (i % PER_BUS == 0 && devices > 1) {
			port = model_bridge(b.m, 0, 0, path[0], path[1],
					    BRIDGE_PORT, 1 + i / PER_BUS,
					    1 + i / PER_BUS);
			model_acs(port, ACS_ALL);
		}
		fn[i] = devices == 1 ?
			model_function(b.m, 0, 0, 31, 0, FN_PCIE, u) :
			model_function(b.m, 0, 1 + i / PER_BUS, i % PER_BUS, 0,
				       FN_PCIE, u);
	}
}

static void boot(void)
{
	struct image image;
	struct owner *o = owner_new("all of them");

	bench_bare(&b, 1);
	b.m->limit = UINT64_MAX;
	b.m->policy.latency = 0;
	b.m->policy.keep = KEEP_NOTHING;
	image_start(&image);
	for (unsigned n = 0; n < units; n++)
		plant(&image, n);
	bench_boot_image(&b, &image);
	while (bench_serve())	/* a look at all units, once */
		;
	for (unsigned i = 0; i < devices; i++)
		fn[i]->holder = o;
	frame = frame_alloc(b.m, o);
}

static void map_one(struct iommu_space *s)
{
	struct iommu_gather g = { .space = s };

	good(iommu_map(&g, VA, frame, PAGE, RW));
	good(iommu_flush(&g));
}

static void map_long(struct iommu_space *s)
{
	struct iommu_gather g = { .space = s };

	for (unsigned i = 1; i <= LONG; i++)
		good(iommu_map(&g, VA + i * PAGE, frame, PAGE, RW));
	good(iommu_flush(&g));
}

static void unmap(struct iommu_space *s, uint64_t va, unsigned pages)
{
	struct iommu_gather g = { .space = s };

	good(iommu_keep(&g, va, pages * PAGE, 0));
	good(iommu_flush(&g));
}

/* Another page keeps the tables from going. */
static void make_space(unsigned i)
{
	struct iommu_gather g;

	space[i] = iommu_space_create(&space[i], (int)i + 1, i + 1,
				      dev(fn[i % devices]));
	good(space[i] ? 0 : -1);
	g = (struct iommu_gather){ .space = space[i] };
	good(iommu_map(&g, VA + 100 * PAGE, frame, PAGE, RW));
	good(iommu_flush(&g));
}

static void make_all(void)
{
	for (unsigned i = 0; i < spaces; i++)
		make_space(i);
	for (unsigned i = 0; i < devices; i++)
		good(iommu_attach(dev(fn[i]), space[i], IOMMU_UNSAFE));
}

static void end_all(void)
{
	for (unsigned i = 0; i < devices; i++)
		good(iommu_detach(dev(fn[i])));
	for (unsigned i = 0; i < spaces; i++)
		good(iommu_space_destroy(space[i]));
}

/* Samples take devices from all over. */
static unsigned device_at(unsigned sample)
{
	return (unsigned)((uint64_t)sample * 2654435761u % devices);
}

/* Some devices are taken from their spaces, which end, and go to new ones. */
static void hand_on(unsigned first, unsigned n)
{
	struct iommu_dev *d;
	unsigned i, k;

	for (i = first; i < first + n; i++) {
		k = device_at(i);
		d = dev(fn[k]);
		sample_begin();
		good(iommu_detach(d));
		sample_end("detach");
		good(iommu_space_destroy(space[k]));
	}
	for (i = first; i < first + n; i++) {
		k = device_at(i);
		make_space(k);
		d = dev(fn[k]);
		sample_begin();
		good(iommu_attach(d, space[k], IOMMU_UNSAFE));
		sample_end("attach");
	}
}

static void change(struct iommu_space *s)
{
	sample_begin();
	map_one(s);
	sample_end("map");
	sample_begin();
	unmap(s, VA, 1);
	sample_end("unmap");
	sample_begin();
	map_long(s);
	sample_end("map 64");
	sample_begin();
	unmap(s, VA + PAGE, LONG);
	sample_end("unmap 64");
}

/* Nobody has been told of a fault of this device in this second. */
static void fault(struct function *f)
{
	uint64_t v = 0, before = b.m->units[0]->faults;

	for (unsigned i = 1; i < units; i++)
		before += b.m->units[i]->faults;
	b.m->now += 2000000000u;
	sample_begin();
	model_dma(b.m, f->segment, f->sid, FAULTING, &v, sizeof(v), false);
	while (bench_serve())
		;
	sample_end("fault");
	for (unsigned i = 0; i < units; i++)
		before -= b.m->units[i]->faults;
	if (before != UINT64_MAX || dev(f)->faults == 0) {
		fprintf(stderr, "scale: a fault was not seen\n");
		exit(1);
	}
}

static void sample_all(void)
{
	unsigned n = MIN(BATCH, devices);

	CALLGRIND_START_INSTRUMENTATION;
	for (unsigned i = 0; i < SAMPLES; i += n)
		hand_on(i, n);
	for (unsigned i = 0; i < SAMPLES; i++)
		change(space[device_at(i)]);
	for (unsigned i = 0; i < SAMPLES; i++)
		fault(fn[device_at(i)]);
	CALLGRIND_STOP_INSTRUMENTATION;
}

static void say(void *arg, const char *line)
{
	(void)arg;
	if (strncmp(strstr(line, ": ") + 2, "ok", 2) == 0)
		return;
	fprintf(stderr, "scale: %s\n", line);
	exit(1);
}

/* A line of the table of memory. */
static void count_all(const char *when, bool there)
{
	unsigned long tables = 0, contexts = 0;

	for (unsigned i = 0; there && i < spaces; i++)
		tables += space[i]->table.pages;
	for (unsigned i = 0; i < units; i++)
		for (unsigned bus = 0; bus < 256; bus++)
			contexts += iommu.units[i]->root[bus].lo & 1;
	printf("memory,%s,%lu,%lu,%u,%u\n", when, tables, contexts,
	       iommu_losses().ids_in_use, b.m->mem.objects);
	bench_check(say, NULL);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	units = (unsigned)atoi(argv[1]);
	devices = (unsigned)atoi(argv[2]);
	spaces = (unsigned)atoi(argv[3]);
	fn = calloc(devices, sizeof(*fn));
	space = calloc(spaces, sizeof(*space));
	boot();
	count_all("started", false);
	make_all();
	count_all("all there", true);
	sample_all();
	end_all();
	count_all("all gone", false);
	make_all();
	count_all("there again", true);
	end_all();
	count_all("gone again", false);
	bench_close(&b);
	return 0;
}
