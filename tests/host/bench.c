/* SPDX-License-Identifier: BSD-2-Clause */
/* The bench (bench.h): machine, firmware table, boot, processes. */
#include "bench.h"

#include <vtd/table_impl.h>

/* The driver's own state, as it was when the program began. */
static struct iommu pristine;
static bool have_pristine;

/* All of the present machine, so that those of a failed test go, too. */
static struct process *processes;
static unsigned lost_spaces;

void bench_bare(struct bench *b, uint64_t seed)
{
	if (!have_pristine)
		pristine = iommu;
	have_pristine = true;
	iommu = pristine;
	iommu_tracing = false;
	iommu_events = (struct event_ring){ .size = IOMMU_TRACE_EVENTS };
	*b = (struct bench){ .m = model_start(seed) };
	lost_spaces = 0;
}

void bench_open(struct bench *b, const struct triple *t, int wired,
		uint64_t seed)
{
	struct machine *m;

	bench_bare(b, seed);
	m = b->m;
	b->u = model_unit(m, 0xfed90000, 0, t->ver, t->cap, t->ecap);
	model_bridge(m, 0, 0, 1, 0, BRIDGE_PORT, 1, 1);
	b->plain = model_function(m, 0, 0, 2, 0, FN_MASTERING, b->u);
	b->flr = model_function(m, 0, 1, 0, 0, FN_FLR | FN_MASTERING, b->u);
	b->af = model_function(m, 0, 0, 4, 0, FN_AF, b->u);
	b->pm = model_function(m, 0, 0, 5, 0, FN_PM | FN_PCIE, b->u);
	if (wired == WITHOUT_WIRED)
		return;
	b->wired = model_function(m, 0, 0, 6, 0, FN_HARDWIRED, b->u);
	b->wired1 = model_function(m, 0, 1, 1, 0, FN_HARDWIRED | FN_FLR, b->u);
}

static bool last_of_segment(struct machine *m, unsigned n)
{
	for (unsigned i = n + 1; i < m->nunits; i++)
		if (m->units[i]->segment == m->units[n]->segment)
			return false;
	return true;
}

static void put_unit(struct image *image, const struct model_unit *u,
		     bool include_all)
{
	put_entry(image, DMAR_DRHD);
	put_bytes(image, include_all, 1);
	put_bytes(image, 0, 1);
	put_bytes(image, u->segment, 2);
	put_bytes(image, u->base, 8);
}

/* The last unit of a segment takes what no other names. */
void bench_table(struct machine *m, struct image *image)
{
	struct function *f;
	uint8_t path[2];

	image_start(image);
	for (unsigned i = 0; i < m->nunits; i++) {
		put_unit(image, m->units[i], last_of_segment(m, i));
		for (f = m->functions; f && !last_of_segment(m, i);
		     f = f->next) {
			path[0] = f->sid >> 3 & 31;
			path[1] = f->sid & 7;
			if (f->unit == m->units[i])
				put_scope(image, DMAR_SCOPE_ENDPOINT,
					  (uint8_t)(f->sid >> 8), 1, path);
		}
	}
	image_seal(image);
}

void bench_add_devices(struct machine *m)
{
	for (struct function *f = m->functions; f; f = f->next)
		assert_non_null(iommu_add_device(f->segment, f->sid, f));
}

struct iommu_upper bench_upper;

void bench_table_given(const void *dmar, size_t len)
{
	iommu_init(dmar, len, &bench_upper);
}

void bench_init(struct bench *b)
{
	struct image image;

	bench_table(b->m, &image);
	model_call(b->m);
	bench_table_given(image.bytes, image.len);
	bench_add_devices(b->m);
}

/* They are made when they are first needed, and kept. */
static unsigned context_tables(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < iommu.nunits; i++)
		for (unsigned bus = 0; iommu.units[i]->root && bus < 256; bus++)
			n += iommu.units[i]->root[bus].lo & 1;
	return n;
}

/* Spaces of the firmware's devices: with the table pages and the presence. */
static unsigned firmware_objects(void)
{
	unsigned n = 0;

	for_each_device(d)
		if (d->space && !d->space->owner)
			n += 2 + (unsigned)d->space->table.pages;
	return n;
}

void bench_idle(struct bench *b)
{
	b->objects = b->m->mem.objects - context_tables() - firmware_objects();
}

static void start(struct bench *b)
{
	model_call(b->m);
	if (b->x2apic)
		assert_int_equal(iommu_x2apic(), 0);
	iommu_start(true);
	b->m->watching = true;
	bench_idle(b);
}

void bench_boot(struct bench *b)
{
	bench_init(b);
	start(b);
}

void bench_boot_image(struct bench *b, struct image *image)
{
	image_seal(image);
	model_call(b->m);
	bench_table_given(image->bytes, image->len);
	bench_add_devices(b->m);
	start(b);
}

static void free_processes(void)
{
	struct process *p;

	while ((p = processes)) {
		processes = p->next;
		owner_free(p->o);
		free(p);
	}
}

void bench_close(struct bench *b)
{
	struct machine *m = b->m;

	m->hook = NULL;
	model_check(m);
	if (b->objects)
		assert_int_equal(m->mem.objects, b->objects + context_tables() +
				 firmware_objects() +
				 iommu_losses().table_pages + lost_spaces);
	free_processes();
	model_stop(m);
}

int bench_teardown(void **state)
{
	(void)state;
	if (!model_machine)
		return 0;
	if (model_machine->label)
		print_error("failed on %s\n", model_machine->label);
	if (model_machine->violations)
		print_error("violation: %s\n", model_machine->violation);
	free_processes();
	model_stop(model_machine);
	return 0;
}

struct iommu_dev *dev(const struct function *f)
{
	struct iommu_dev *d = find_device(f->segment, f->sid);

	assert_non_null(d);
	return d;
}

unsigned attached(struct iommu_device_info *list, unsigned max)
{
	struct iommu_device_info i;
	struct iommu_dev *d = NULL;
	unsigned n = 0, at;

	while ((d = iommu_next_device(d))) {
		iommu_device_info(d, &i);
		if (!i.pid || n++ >= max)
			continue;
		for (at = n - 1; at && list[at - 1].pid > i.pid; at--)
			list[at] = list[at - 1];
		list[at] = i;
	}
	return n;
}

struct vtd *vtd_of(const struct model_unit *u)
{
	for (unsigned i = 0; i < iommu.nunits; i++)
		if (iommu.units[i]->base == u->base)
			return iommu.units[i];
	return NULL;
}

struct process *process(struct bench *b, int pid)
{
	struct process *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->m = b->m;
	p->pid = pid;
	p->o = owner_new("a process");
	p->next = processes;
	processes = p;
	model_call(p->m);
	p->s = iommu_space_create(p, pid, (uint64_t)pid + 1000, NULL);
	return p;
}

/* The driver refused: nothing is planned any more. */
static void take_back(struct process *p, uint64_t va)
{
	struct mapping *e = owner_find(p->o, va);

	frame_free(p->m, e->is);
	e->is = e->was;
	e->is_rights = e->was_rights;
}

static int map_page(struct process *p, struct iommu_gather *g, uint64_t va,
		    int prot)
{
	physaddr_t pa = frame_alloc(p->m, p->o);
	int err;

	owner_plan(p->o, va, pa, (uint8_t)prot);
	err = iommu_map(g, va, pa, PAGE, prot);
	if (err)
		take_back(p, va);
	return err;
}

static int finish(struct process *p, struct iommu_gather *g)
{
	int err = iommu_flush(g);

	if (err)
		p->lost = true;
	else
		owner_commit(p->o);
	return err;
}

int process_map(struct process *p, uint64_t va, unsigned pages, int prot)
{
	struct iommu_gather g = { .space = p->s };
	int err = 0, bad;

	model_call(p->m);
	for (unsigned i = 0; i < pages && !err; i++)
		err = map_page(p, &g, va + i * PAGE, prot);
	bad = finish(p, &g);
	return err ? err : bad;
}

/* What the pages had before, to be freed once the driver says so. */
static unsigned plan_all(struct process *p, uint64_t va, unsigned pages,
			 int prot, physaddr_t *frames)
{
	struct mapping *e;
	unsigned n = 0;

	for (unsigned i = 0; i < pages; i++) {
		e = owner_find(p->o, va + i * PAGE);
		if (!e)
			continue;
		if (!(e->was_rights & prot))
			frames[n++] = e->was;
		owner_plan(p->o, e->va, e->was, e->was_rights & (uint8_t)prot);
	}
	return n;
}

int process_protect(struct process *p, uint64_t va, unsigned pages, int prot)
{
	struct iommu_gather g = { .space = p->s };
	physaddr_t *frames = calloc(pages, sizeof(*frames));
	unsigned n = plan_all(p, va, pages, prot, frames);
	int err;

	model_call(p->m);
	assert_int_equal(iommu_keep(&g, va, pages * PAGE, prot), 0);
	err = finish(p, &g);
	for (unsigned i = 0; i < n && !err; i++)
		frame_free(p->m, frames[i]);
	free(frames);
	return err;
}

int process_unmap(struct process *p, uint64_t va, unsigned pages)
{
	return process_protect(p, va, pages, 0);
}

int process_replace(struct process *p, uint64_t va, int prot)
{
	struct iommu_gather g = { .space = p->s };
	struct mapping *e = owner_find(p->o, va);
	physaddr_t old = e ? e->was : 0;
	int err;

	model_call(p->m);
	err = map_page(p, &g, va, prot);
	if (err)
		return err;
	err = finish(p, &g);
	if (old && !err)
		frame_free(p->m, old);
	return err;
}

int process_attach(struct process *p, struct function *f, unsigned words)
{
	struct owner *before = f->holder;
	int err;

	if (!before)
		f->holder = p->o;
	model_call(p->m);
	err = iommu_attach(dev(f), p->s, words);
	if (err)
		f->holder = before;
	return err;
}

int process_detach(struct function *f)
{
	int err;

	model_call(model_machine);
	err = iommu_detach(dev(f));
	f->holder = NULL;
	return err;
}

void process_end(struct process *p)
{
	struct owner *o = p->o;

	for (struct function *f = p->m->functions; f; f = f->next)
		if (f->holder == o)
			p->lost |= process_detach(f) < 0;
	model_call(p->m);
	if (iommu_space_destroy(p->s) < 0) {
		p->lost = true;
		lost_spaces++;
	}
	p->s = NULL;
	for (unsigned i = 0; i < o->n && !p->lost; i++)
		frame_free(p->m, o->list[i].is);
	o->n = 0;
}

bool can(struct process *p, struct function *f, uint64_t va, bool write)
{
	struct mapping *e = owner_find(p->o, va & ~(PAGE - 1));
	uint64_t v = model_random(p->m, UINT32_MAX), got = v;
	uint64_t *at;

	if (!model_dma(p->m, f->segment, f->sid, va, &got, sizeof(got), write))
		return false;
	assert_non_null(e);
	at = memory_at(p->m, e->is + va % PAGE);
	assert_int_equal(*at, got);
	return true;
}

bool can_read(struct process *p, struct function *f, uint64_t va)
{
	return can(p, f, va, false);
}

bool can_write(struct process *p, struct function *f, uint64_t va)
{
	return can(p, f, va, true);
}

bool bench_serve(void)
{
	model_take_interrupts(model_machine);
	return iommu_service_faults();
}

struct listener {
	void (*say)(void *arg, const char *line);
	void *arg;
};

static void say(void *arg, const char *fmt, ...)
{
	const struct listener *l = arg;
	char line[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	l->say(l->arg, line);
}

void bench_check(void (*to)(void *arg, const char *line), void *arg)
{
	struct listener l = { to, arg };

	iommu_check(say, &l);
}

uint64_t bench_leaf(const struct sl_table *t, uint64_t va, size_t *size)
{
	const uint64_t *table = t->top[0];
	uint64_t e = 0;

	*size = 0;
	for (unsigned l = SL_LEVELS; va < SL_END && table; l--) {
		e = table[sl_index(va, l)];
		if (sl_is_leaf(e, l)) {
			*size = sl_span(l);
			return e;
		}
		table = sl_table_under(e, l);
	}
	return 0;
}

unsigned bench_devices(const struct iommu_space *s)
{
	unsigned n = 0;

	for (const struct space_unit *su = s->units; su; su = su->next)
		n += su->devices;
	return n;
}
