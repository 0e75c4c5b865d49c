/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver run by several threads, under the thread sanitizer, with devices
 * that attack at each step: processes that change their memory, two that hand
 * devices out, take them back, reset them and switch power, one that serves
 * faults, one for interrupts, one that reads what files show.  Where unmapping
 * is lazy, pages wait meanwhile in quarantines (kern/mm/quarantine.c), and one
 * thread flushes those that are old, takes memory to be short, and changes the
 * mode.  They are held off each other as iommu.h asks of its caller, by the two
 * locks that the kernel has for that, and in no other way.  In some rounds a
 * unit stops working.
 *
 * ROUNDS and SEED say how many and where to begin; no two runs are the same.
 */
#include "threads_mm.h"

#include <sched.h>

#define MEMBERS		3	/* processes */
#define DEVICES		8
#define CHANGES		150u	/* of each process, in a round */
#define HANDINGS	60u	/* of each thread that hands out */

/* As kern/src/pciown.c has it. */
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
static struct member members[MEMBERS];
static struct function *device[DEVICES];
static struct member *owner_of[DEVICES];	/* under own */
static int busy;				/* threads that do things */
static int changing;		/* of them those that change memory */
static bool pending;

static void begin(void)
{
	__atomic_fetch_add(&busy, 1, __ATOMIC_RELAXED);
}

static void end(void)
{
	__atomic_fetch_sub(&busy, 1, __ATOMIC_RELAXED);
}

static bool is_troubled(void)
{
	return __atomic_load_n(&troubled, __ATOMIC_RELAXED);
}

/* While it has no device there is nothing to race with. */
static void *change_memory(void *arg)
{
	struct member *p = arg;

	for (unsigned i = 0; i < CHANGES;) {
		pthread_mutex_lock(&p->lock);
		i += p->s || p->lost || is_troubled();
		if (p->s && !p->lost && chance(&p->seed, 3))
			map_page(p);
		else if (p->s && !p->lost && chance(&p->seed, 8))
			keep_pages(p);
		else if (p->s)
			check_pages(p);
		pthread_mutex_unlock(&p->lock);
		sched_yield();
	}
	__atomic_fetch_sub(&changing, 1, __ATOMIC_RELAXED);
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
	p->q.gather.space = p->s;
	s = p->lost ? NULL : p->s;
	pthread_mutex_unlock(&p->lock);
	return s;
}

static unsigned lost_spaces;

static void drop_space(struct member *p)
{
	int err;

	for (unsigned i = 0; i < DEVICES; i++)
		if (owner_of[i] == p)
			return;
	pthread_mutex_lock(&p->lock);
	if (p->s) {
		end_of_waiting(p, QUARANTINE_OTHER);
		err = iommu_space_destroy(p->s);
		p->q.gather.space = p->s = NULL;
		p->lost |= err < 0;
		lost_spaces += err < 0;
		drop_pages(p);
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
	int err;

	if (p) {		/* as aspace_revoke_device */
		pthread_mutex_lock(&p->lock);
		end_of_waiting(p, QUARANTINE_OTHER);
		pthread_mutex_unlock(&p->lock);
	}
	err = iommu_detach(dev(device[i]));
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

	for (unsigned i = 0; i < HANDINGS ||
	     __atomic_load_n(&changing, __ATOMIC_RELAXED); i++) {
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

static void *flush_old_ones(void *arg)
{
	uint64_t seed = *(uint64_t *)arg;

	while (more()) {
		if (quarantine_due() <= os_clock())
			flush_before(quarantine_too_old(), QUARANTINE_OLD);
		if (!chance(&seed, 200))
			flush_before(os_clock(), QUARANTINE_SHORT);
		if (!chance(&seed, 200))
			set_mode(&seed);
	}
	return NULL;
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
	pthread_t t[MEMBERS + 7];
	unsigned n = 0;
	uint64_t seeds[3] = { seed * 7919 + 1, seed * 104729 + 3,
			      seed * 31337 + 5 };

	busy = 0;
	changing = MEMBERS;
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
	pthread_create(&t[n++], NULL, flush_old_ones, &seeds[2]);
	if (seed % 4 == 3)
		pthread_create(&t[n++], NULL, make_trouble,
			       b.m->units[seed / 4 % 2]);
	while (n)
		pthread_join(t[--n], NULL);
}

static unsigned long waited;		/* pages, in all rounds */

static void close_round(void)
{
	for (unsigned i = 0; i < DEVICES; i++)
		if (owner_of[i])
			detach(i);
	for (unsigned i = 0; i < MEMBERS; i++) {
		waited += members[i].waited;
		owner_free(members[i].o);
	}
	b.m->mem.objects -= lost_spaces + !!iommu_events.slots;
	bench_close(&b);
	threads_forget_interrupts();
}

static void one_round(uint64_t seed)
{
	uint64_t mode = seed;

	troubled = false;
	lost_spaces = 0;
	make_machine(seed);
	set_mode(&mode);
	for (unsigned i = 0; i < MEMBERS; i++) {
		member_setup(&members[i], seed * 31 + i + 1);
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
	printf("threads: %lu rounds, %lu pages unmapped lazily, "
	       "nothing unordered\n", rounds, waited);
	return rounds >= 40 && !waited;	/* three in four are lazy */
}
