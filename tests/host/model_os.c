/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The twenty services of iommu_os.h, on a model machine.  Each call is a step:
 * between any two of them the test's hook runs, the units do a little, and
 * interrupts arrive.  Time passes with each step, and a lot with os_relax, so
 * that deadlines are a matter of some hundred polls; a call of the driver that
 * takes more steps than any should is ended there and then.
 */
#include "model.h"

#include <sys/mman.h>

#define STEP_NS		1000u
#define RELAX_NS	10000000u
#define STEP_LIMIT	300000u
#define PATIENCE	8u	/* polls, after which units hurry: they have had
				 * time enough */

struct machine *model_machine;

struct machine *model_start(uint64_t seed)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	model_machine = m;
	m->random = seed * 2654435769u + 88172645463325252ull;
	m->now = 1000000000u;
	m->relax_ns = RELAX_NS;
	m->limit = STEP_LIMIT;
	m->policy.latency = 3;
	memory_init(m);
	return m;
}

void model_stop(struct machine *m)
{
	for (unsigned i = 0; i < m->nunits; i++)
		model_unit_free(m->units[i]);
	for (unsigned i = 0; i < m->nwindows; i++)
		munmap(m->windows[i].at, m->windows[i].len);
	model_functions_free(m);
	memory_exit(m);
	free(m);
	model_machine = NULL;
}

void model_violation(struct machine *m, const char *fmt, ...)
{
	va_list args;

	if (m->violations++)
		return;
	va_start(args, fmt);
	vsnprintf(m->violation, sizeof(m->violation), fmt, args);
	va_end(args);
}

void model_check(struct machine *m)
{
	if (m->nheld)
		model_violation(m, "%u locks are still held", m->nheld);
	if (m->violations)
		fail_msg("%u violations, the first: %s", m->violations,
			 m->violation);
}

void model_expect(struct machine *m, const char *text)
{
	if (!m->violations)
		fail_msg("no violation where one was expected: %s", text);
	if (!strstr(m->violation, text))
		fail_msg("another violation than \"%s\": %s", text,
			 m->violation);
	m->violations = 0;
}

unsigned model_random(struct machine *m, unsigned n)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (unsigned)((m->random >> 20) % n);
}

void model_call(struct machine *m)
{
	m->steps_in_call = 0;
}

void model_tick(struct machine *m)
{
	for (unsigned i = 0; i < m->nunits; i++)
		unit_tick(m->units[i]);
}

static bool busy(const struct model_unit *u)
{
	return u->command || protect_busy(u) || u->ccmd & CC_ICC || u->iotlb & TLB_IVT ||
		u->nahead || (u->gsts & G_QIE && !(u->fsts & FS_QUEUE) &&
			      u->iqh != u->iqt);
}

void model_settle(struct machine *m)
{
	bool some = true;

	for (unsigned n = 0; some && n < 10000; n++) {
		some = false;
		model_tick(m);
		for (unsigned i = 0; i < m->nunits; i++)
			some |= busy(m->units[i]);
	}
	if (some)
		fail_msg("a unit does not come to rest");
}

static void note(struct machine *m, const struct happening *h)
{
	m->trace[m->traced++ % TRACE_ROOM] = *h;
}

static void run_hook(struct machine *m, const struct happening *h)
{
	if (!m->hook)
		return;
	m->in_hook = true;
	m->hook(m, h);
	m->in_hook = false;
}

/* Locks exclude interrupt handlers. */
void model_take_interrupts(struct machine *m)
{
	struct vector *v;

	for (unsigned i = 0; i < m->nvectors; i++) {
		v = &m->vectors[i];
		if (!v->pending || m->nheld || m->in_irq)
			continue;
		v->pending = false;
		m->interrupts++;
		m->in_irq = true;
		v->fn(v->arg);
		m->in_irq = false;
	}
}

void model_step(struct machine *m, enum event what, struct model_unit *u,
		uint64_t where, uint64_t value)
{
	struct happening h = { what, u, where, value };

	if (m->in_hook)
		return;
	m->steps++;
	m->now += STEP_NS;
	if (what == E_WRITE)
		m->polls = 0;
	if (++m->steps_in_call > m->limit)
		fail_msg("the driver does not come to an end");
	note(m, &h);
	run_hook(m, &h);
	model_tick(m);
	model_take_interrupts(m);
}

void model_interrupt(struct machine *m, uint64_t addr, uint32_t data)
{
	if (addr != IRQ_FIRST || data >= m->nvectors)
		model_violation(m, "an interrupt message to 0x%lx, 0x%x", addr,
				data);
	else
		m->vectors[data].pending = true;
}

static void not_in_interrupts(struct machine *m, const char *what)
{
	if (m->in_irq)
		model_violation(m, "%s in an interrupt handler", what);
}

void *os_alloc(size_t size)
{
	struct machine *m = model_machine;

	not_in_interrupts(m, "os_alloc");
	model_step(m, E_ALLOC, NULL, 0, size);
	if (++m->mem.allocations == m->mem.fail_at)
		return NULL;
	return memory_alloc(m, size);
}

void os_free(void *p, size_t size)
{
	struct machine *m = model_machine;

	not_in_interrupts(m, "os_free");
	model_step(m, E_FREE, NULL, memory_pa(m, p), size);
	memory_free(m, p, size);
}

physaddr_t os_phys(const volatile void *p)
{
	return memory_pa(model_machine, p);
}

void *os_virt(physaddr_t pa)
{
	return memory_at(model_machine, pa);
}

/* Registers cannot be touched but by the services. */
void *os_map_regs(physaddr_t pa, size_t len)
{
	struct machine *m = model_machine;
	struct window *w = &m->windows[m->nwindows++];

	assert_true(m->nwindows <= WINDOWS);
	*w = (struct window){ .len = len };
	w->at = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)w->at != MAP_FAILED);
	for (unsigned i = 0; i < m->nunits; i++)
		if (m->units[i]->base == pa)
			w->unit = m->units[i];
	return w->at;
}

/* The unit that a register address belongs to, and the offset in it. */
static struct model_unit *find_register(struct machine *m,
					const volatile void *reg,
					unsigned width, unsigned *off)
{
	uintptr_t at = (uintptr_t)reg;
	struct window *w;

	for (unsigned i = 0; i < m->nwindows; i++) {
		w = &m->windows[i];
		if (at - (uintptr_t)w->at > w->len - width ||
		    at < (uintptr_t)w->at)
			continue;
		*off = (unsigned)(at - (uintptr_t)w->at);
		if (*off % width)
			model_violation(m, "register 0x%x: not aligned", *off);
		return w->unit;
	}
	model_violation(m, "a register outside what was mapped");
	return NULL;
}

static uint64_t read_register(const volatile void *reg, unsigned width)
{
	struct machine *m = model_machine;
	unsigned off = 0;
	struct model_unit *u = find_register(m, reg, width, &off);

	model_step(m, E_READ, u, off, 0);
	return u ? unit_read(u, off, width) : UINT64_MAX;
}

static void write_register(const volatile void *reg, unsigned width,
			   uint64_t v)
{
	struct machine *m = model_machine;
	unsigned off = 0;
	struct model_unit *u = find_register(m, reg, width, &off);

	model_step(m, E_WRITE, u, off, v);
	if (u)
		unit_write(u, off, width, v);
}

uint32_t os_read32(const volatile void *reg)
{
	return (uint32_t)read_register(reg, 4);
}

uint64_t os_read64(const volatile void *reg)
{
	return read_register(reg, 8);
}

void os_write32(volatile void *reg, uint32_t v)
{
	write_register(reg, 4, v);
}

void os_write64(volatile void *reg, uint64_t v)
{
	write_register(reg, 8, v);
}

void os_store(uint64_t *entry, uint64_t v)
{
	struct machine *m = model_machine;
	physaddr_t pa = memory_pa(m, entry);

	model_step(m, E_STORE, NULL, pa, v);
	if ((uintptr_t)entry % 8)
		model_violation(m, "os_store at %p", (void *)entry);
	__atomic_store_n(entry, v, __ATOMIC_RELEASE);
	if (memory_has(pa))
		memory_stored(m, pa, v);
}

void os_flush(const volatile void *p, size_t len)
{
	struct machine *m = model_machine;

	model_step(m, E_FLUSH, NULL, memory_pa(m, p), len);
	memory_flushed(m, p, len);
}

uint64_t os_clock(void)
{
	struct machine *m = model_machine;

	if (++m->steps_in_call > m->limit)
		fail_msg("the driver does not come to an end");
	m->now += STEP_NS;
	return m->now;
}

static bool held(const struct machine *m, const struct os_lock *l)
{
	for (unsigned i = 0; i < m->nheld; i++)
		if (m->held[i] == l)
			return true;
	return false;
}

void os_relax(void)
{
	struct machine *m = model_machine;

	not_in_interrupts(m, "os_relax");
	if (m->nheld)
		model_violation(m, "waiting with a lock held");
	m->now += m->relax_ns;
	model_step(m, E_RELAX, NULL, 0, 0);
	if (++m->polls > PATIENCE)
		for (unsigned i = 0; i < 64; i++)
			model_tick(m);
}

void os_lock(struct os_lock *l)
{
	struct machine *m = model_machine;

	model_step(m, E_LOCK, NULL, (uintptr_t)l, 0);
	if (held(m, l))
		fail_msg("a lock is taken twice: deadlock");
	assert_true(m->nheld < ARRAY_SIZE(m->held));
	m->held[m->nheld++] = l;
}

void os_unlock(struct os_lock *l)
{
	struct machine *m = model_machine;

	if (!held(m, l))
		fail_msg("a lock is released that is not held");
	for (unsigned i = 0; i < m->nheld; i++)
		if (m->held[i] == l)
			m->held[i] = m->held[--m->nheld];
	model_step(m, E_UNLOCK, NULL, (uintptr_t)l, 0);
}

void os_log(enum os_log_level level, const char *fmt, ...)
{
	struct machine *m = model_machine;
	va_list args;

	m->logged[level]++;
	va_start(args, fmt);
	vsnprintf(m->log[m->nlog++ % 64], sizeof(m->log[0]), fmt, args);
	va_end(args);
}

bool model_logged(struct machine *m, const char *text)
{
	for (unsigned i = 0; i < 64; i++)
		if (strstr(m->log[i], text))
			return true;
	return false;
}

int os_error(const char *fmt, ...)
{
	struct machine *m = model_machine;
	va_list args;

	va_start(args, fmt);
	vsnprintf(m->error, sizeof(m->error), fmt, args);
	va_end(args);
	return -1;
}

uint32_t os_pci_read(uint16_t segment, uint16_t sid, unsigned off,
		     unsigned width)
{
	struct machine *m = model_machine;

	model_step(m, E_PCI_READ, NULL, (uint64_t)sid << 16 | off, 0);
	return function_read(m, function_find(m, segment, sid), off, width);
}

void os_pci_write(uint16_t segment, uint16_t sid, unsigned off, unsigned width,
		  uint32_t v)
{
	struct machine *m = model_machine;

	model_step(m, E_PCI_WRITE, NULL, (uint64_t)sid << 16 | off, v);
	if (width < 4 && v >> 8 * width)
		model_violation(m, "PCI write of 0x%x to %u bytes", v, width);
	function_write(m, function_find(m, segment, sid), off, width, v);
}

int os_irq(void (*fn)(void *arg), void *arg, const char *name, uint64_t *addr,
	   uint32_t *data)
{
	struct machine *m = model_machine;

	(void)name;
	if (m->no_irqs)
		return -1;
	assert_true(m->nvectors < VECTORS);
	m->vectors[m->nvectors] = (struct vector){ .fn = fn, .arg = arg };
	*addr = IRQ_FIRST;
	*data = m->nvectors++;
	return 0;
}
