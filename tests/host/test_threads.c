/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver run by several threads, under the thread sanitizer, with devices
 * that attack at each step: processes that change their memory, two that hand
 * devices out, take them back, reset them and switch power, one that serves
 * faults, one for interrupts, one that reads what files show.  They are held
 * off each other as iommu.h asks of its caller, by the two locks that the
 * kernel has for that, and in no other way.  In some rounds a unit stops
 * working.
 *
 * ROUNDS and SEED say how many and where to begin; no two runs are the same.
 */
#include "threads_os.h"

#include <pthread.h>
#include <sched.h>

#define MEMBERS		3	/* processes */
#define DEVICES		8
#define PLACES		24u	/* pages */
#define CHANGES		150u	/* of each process, in a round */
#define HANDINGS	60u	/* of each thread that hands out */

/* As kern/src/pciown.c and kern/mm/aspace.c have it. */
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
static struct member {
	pthread_mutex_t lock;		/* the address space's */
	struct iommu_space *s;		/* NULL: no device yet */
	struct owner *o;
	bool lost;
	uint64_t seed;
} members[MEMBERS];

static struct bench b;
static struct function *device[DEVICES];
static struct member *owner_of[DEVICES];	/* under own */
static bool troubled;
static int busy;				/* threads that do things */
static bool pending;

static unsigned chance(uint64_t *seed, unsigned n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (unsigned)(*seed >> 20) % n;
}

/* The oracle's books, which the model reads. */
static physaddr_t plan(struct member *p, uint64_t va, uint8_t rights,
		       physaddr_t *old)
{
	struct mapping *e;
	physaddr_t pa;

	model_enter();
	e = owner_find(p->o, va);
	*old = e ? e->was : 0;
	pa = frame_alloc(b.m, p->o);
	owner_plan(p->o, va, pa, rights);
	model_leave();
	return pa;
}

static unsigned plan_keep(struct member *p, uint64_t va, unsigned pages,
			  uint8_t rights, physaddr_t *old)
{
	struct mapping *e;
	unsigned n = 0;

	model_enter();
	for (unsigned i = 0; i < p->o->n; i++) {
		e = &p->o->list[i];
		if (e->va - va >= pages * PAGE)
			continue;
		if (!(e->was_rights & rights))
			old[n++] = e->was;
		owner_plan(p->o, e->va, e->was, e->was_rights & rights);
	}
	model_leave();
	return n;
}

static void commit(struct member *p, const physaddr_t *old, unsigned n)
{
	model_enter();
	owner_commit(p->o);
	for (unsigned i = 0; i < n; i++)
		if (old[i])
			frame_free(b.m, old[i]);
	model_leave();
}

static void need(bool good, const char *what)
{
	if (good || __atomic_load_n(&troubled, __ATOMIC_RELAXED))
		return;
	fprintf(stderr, "%s: %s\n", what, threads_error());
	exit(1);
}

/* Of a process whose lock is held. */
static void flush(struct member *p, struct iommu_gather *g,
		  const physaddr_t *old, unsigned n)
{
	int err = iommu_flush(g);

	need(!err, "flush");
	p->lost |= err < 0;
	if (!p->lost)
		commit(p, old, n);
}

static void map_page(struct member *p)
{
	uint64_t va = VA + chance(&p->seed, PLACES) * PAGE;
	uint8_t rights = (uint8_t)(1 + chance(&p->seed, 3));
	struct iommu_gather g = { .space = p->s };
	physaddr_t old, pa = plan(p, va, rights, &old);
	int err = iommu_map(&g, va, pa, PAGE, rights);

	need(!err, "map");
	flush(p, &g, &old, 1);
}

static void keep_pages(struct member *p)
{
	uint64_t va = VA + chance(&p->seed, PLACES) * PAGE;
	unsigned pages = 1 + chance(&p->seed, PLACES);
	uint8_t rights = (uint8_t)chance(&p->seed, 3);
	struct iommu_gather g = { .space = p->s };
	physaddr_t old[PLACES + 1];
	unsigned n = plan_keep(p, va, pages, rights, old);
	int err = iommu_keep(&g, va, pages * PAGE, rights);

	need(!err, "keep");
	flush(p, &g, old, n);
}

static bool anything(void *arg, uint64_t va, physaddr_t pa, int prot)
{
	struct mapping *e = owner_find(((struct member *)arg)->o, va);

	return e && e->is == pa && e->is_rights == prot;
}

static void check_pages(struct member *p)
{
	const char *what = iommu_check_space(p->s, anything, p);

	if (what && !p->lost) {
		fprintf(stderr, "%s\n", what);
		exit(1);
	}
}

static void begin(void)
{
	__atomic_fetch_add(&busy, 1, __ATOMIC_RELAXED);
}

static void end(void)
{
	__atomic_fetch_sub(&busy, 1, __ATOMIC_RELAXED);
}

static void *change_memory(void *arg)
{
	struct member *p = arg;

	for (unsigned i = 0; i < CHANGES; i++) {
		pthread_mutex_lock(&p->lock);
		if (p->s && !p->lost && chance(&p->seed, 3))
			map_page(p);
		else if (p->s && !p->lost && chance(&p->seed, 8))
			keep_pages(p);
		else if (p->s)
			check_pages(p);
		pthread_mutex_unlock(&p->lock);
		sched_yield();
	}
	end();
	return NULL;
}

/* own is held.  As aspace_io_get and aspace_io_drop. */
static struct iommu_space *space_of(struct member *p)
{
	struct iommu_space *s;

	pthread_mutex_lock(&p->lock);
	if (!p->s && !p->lost)
		p->s = iommu_space_create(p, (int)(p - members) + 7,
					  (uint64_t)(p - members) + 1, NULL);
	s = p->lost ? NULL : p->s;
	pthread_mutex_unlock(&p->lock);
	return s;
}

static unsigned lost_spaces;

static void drop_space(struct member *p)
{
	physaddr_t old[PLACES];
	unsigned n;
	int err;

	for (unsigned i = 0; i < DEVICES; i++)
		if (owner_of[i] == p)
			return;
	pthread_mutex_lock(&p->lock);
	if (p->s) {
		err = iommu_space_destroy(p->s);
		p->s = NULL;
		p->lost |= err < 0;
		lost_spaces += err < 0;
		n = plan_keep(p, 0, UINT32_MAX, 0, old);
		if (!p->lost)
			commit(p, old, n);
	}
	pthread_mutex_unlock(&p->lock);
}

static void set_holder(struct function *f, struct owner *o)
{
	model_enter();
	f->holder = o;
	model_leave();
}

static void attach(unsigned i, struct member *p, unsigned words)
{
	struct iommu_space *s = space_of(p);

	if (!s || owner_of[i])
		return;
	set_holder(device[i], p->o);
	if (iommu_attach(dev(device[i]), s, words) == 0) {
		owner_of[i] = p;
		return;
	}
	set_holder(device[i], NULL);
	need(!iommu_powered() || strstr(threads_error(), "no domain id") ||
	     strstr(threads_error(), "device TLB"), "attach");
	drop_space(p);
}

static void detach(unsigned i)
{
	struct member *p = owner_of[i];
	int err = iommu_detach(dev(device[i]));

	need(!p == (err < 0), "detach");
	set_holder(device[i], NULL);
	owner_of[i] = NULL;
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->lost |= err < 0;
	pthread_mutex_unlock(&p->lock);
	drop_space(p);
}

static void say(void *arg, const char *line)
{
	const char *what = strstr(line, ": ") + 2;

	(void)arg;
	if (strncmp(what, "ok", 2) != 0 && !strstr(what, "queue is in error"))
		need(false, line);
}

static void power(bool on)
{
	int err = iommu_power(on);

	need(!err, "power");
}

static void hand_out(uint64_t *seed)
{
	unsigned i = chance(seed, DEVICES);
	struct member *p = &members[chance(seed, MEMBERS)];
	unsigned ats = device[i]->ats && chance(seed, 2) ? IOMMU_ATS : 0;

	switch (chance(seed, 16)) {
	case 0:
		power(false);
		power(true);
		break;
	case 1:
		bench_check(say, NULL);
		break;
	case 2:
	case 3:
		need(!iommu_reset(dev(device[i])), "reset");
		break;
	default:
		if (owner_of[i])
			detach(i);
		else
			attach(i, p, IOMMU_UNSAFE | ats);
	}
}

static void *hand_out_devices(void *arg)
{
	uint64_t seed = *(uint64_t *)arg;

	for (unsigned i = 0; i < HANDINGS; i++) {
		pthread_mutex_lock(&own);
		hand_out(&seed);
		pthread_mutex_unlock(&own);
		sched_yield();
	}
	end();
	return NULL;
}

static bool more(void)
{
	sched_yield();
	return __atomic_load_n(&busy, __ATOMIC_RELAXED);
}

static void note_pending(void)
{
	__atomic_store_n(&pending, true, __ATOMIC_RELEASE);
}

static void note_fault(void *owner, const struct iommu_fault *f)
{
	struct member *p = owner;

	need(!p || f->pid == (int)(p - members) + 7, "fault");
}

static void *serve_faults(void *arg)
{
	(void)arg;
	while (more())
		if (__atomic_exchange_n(&pending, false, __ATOMIC_ACQUIRE))
			for (unsigned i = 0; i < 4; i++)
				iommu_service_faults();
	return NULL;
}

static void *take_interrupts(void *arg)
{
	(void)arg;
	while (more())
		threads_interrupt();
	return NULL;
}

static void *read_files(void *arg)
{
	struct iommu_device_info info;
	struct iommu_space_info space;
	struct iommu_unit_info unit;
	struct iommu_range range;
	struct iommu_walk walk;
	uint64_t counts[EVENT_KINDS], word[EVENT_WORDS], n;
	unsigned looks = 0;

	(void)arg;
	while (more()) {
		(void)!iommu_trace(looks++ % 8 < 4);
		iommu_counts(counts);
		n = __atomic_load_n(&iommu_events.next, __ATOMIC_RELAXED);
		for (unsigned i = 1; i < 16 && i < n && is_tracing(); i++)
			(void)!event_get(&iommu_events, n - i, word);
		for (unsigned i = 0; iommu_unit_info(i, &unit); i++)
			;
		for (unsigned i = 0; i < DEVICES; i++) {
			iommu_device_info(dev(device[i]), &info);
			iommu_space_info(dev(device[i]), &space);
			iommu_walk(dev(device[i]), VA, &walk);
			(void)iommu_range(dev(device[i]), 0, &range);
		}
		(void)iommu_losses();
		(void)iommu_powered();
		(void)iommu_address_bits();
		(void)iommu_missing();
	}
	return NULL;
}

/* A unit stops working somewhere in the middle. */
static void *make_trouble(void *arg)
{
	struct model_unit *u = arg;

	for (unsigned i = 0; i < 200 && more(); i++)
		;
	__atomic_store_n(&troubled, true, __ATOMIC_RELAXED);
	model_enter();
	if (u->base & 0x10000)
		u->trouble.gone = true;
	else
		u->trouble.slow_queue = u->trouble.slow_registers = true;
	model_leave();
	return NULL;
}

static void make_machine(uint64_t seed)
{
	static const unsigned kinds[DEVICES] = {
		FN_FLR, FN_AF, FN_FLR | FN_ATS, FN_FLR | FN_ATS, FN_PM, FN_FLR,
		FN_PCIE, FN_FLR | FN_ATS,
	};
	struct triple t = *triple_at((unsigned)seed % ntriples);
	struct model_unit *other;
	struct image image;

	bench_open(&b, &t, WITHOUT_WIRED, seed);
	t = *triple_at((unsigned)(seed * 29 + 5) % ntriples);
	other = model_unit(b.m, 0xfed80000, 0, t.ver, t.cap, t.ecap);
	for (unsigned i = 0; i < DEVICES; i++)
		device[i] = model_function(b.m, 0, 0, 16 + i, 0, kinds[i],
					   i % 2 ? other : b.u);
	b.m->limit = UINT64_MAX;
	b.m->threads = true;
	b.m->relax_ns = 2000000;
	b.m->policy.latency = (unsigned)seed / 5 % 4;
	b.m->policy.keep = (unsigned)seed % 3;
	b.m->policy.leave = (unsigned)seed / 3 % 3;
	bench_upper.pending = note_pending;
	bench_upper.fault = note_fault;
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&b, &image);
	b.m->hook = attack_a_little;
}

static void run_threads(uint64_t seed)
{
	pthread_t t[MEMBERS + 6];
	unsigned n = 0;
	uint64_t seeds[2] = { seed * 7919 + 1, seed * 104729 + 3 };

	busy = 0;
	for (unsigned i = 0; i < MEMBERS; i++) {
		begin();
		pthread_create(&t[n++], NULL, change_memory, &members[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		begin();
		pthread_create(&t[n++], NULL, hand_out_devices, &seeds[i]);
	}
	pthread_create(&t[n++], NULL, serve_faults, NULL);
	pthread_create(&t[n++], NULL, take_interrupts, NULL);
	pthread_create(&t[n++], NULL, read_files, NULL);
	if (seed % 4 == 3)
		pthread_create(&t[n++], NULL, make_trouble,
			       b.m->units[seed / 4 % 2]);
	while (n)
		pthread_join(t[--n], NULL);
}

static void close_round(void)
{
	for (unsigned i = 0; i < DEVICES; i++)
		if (owner_of[i])
			detach(i);
	for (unsigned i = 0; i < MEMBERS; i++)
		owner_free(members[i].o);
	b.m->mem.objects -= lost_spaces + !!iommu_events.slots;
	bench_close(&b);
	threads_forget_interrupts();
}

static void one_round(uint64_t seed)
{
	troubled = false;
	lost_spaces = 0;
	make_machine(seed);
	for (unsigned i = 0; i < MEMBERS; i++) {
		members[i] = (struct member){ .seed = seed * 31 + i + 1 };
		pthread_mutex_init(&members[i].lock, NULL);
		members[i].o = owner_new("a process");
	}
	run_threads(seed);
	close_round();
}

int main(void)
{
	const char *s = getenv("ROUNDS"), *from = getenv("SEED");
	uint64_t rounds = s ? strtoull(s, NULL, 0) : 40;
	uint64_t seed = from ? strtoull(from, NULL, 0) : 1;

	for (uint64_t i = 0; i < rounds; i++)
		one_round(seed + i);
	printf("threads: %lu rounds, nothing unordered\n", rounds);
	return 0;
}
