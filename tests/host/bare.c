/* SPDX-License-Identifier: BSD-2-Clause */
/* The barest services (bare.h). */
#include "bare.h"

#define GCMD_AT		0x18
#define GSTS_AT		0x1c
#define CCMD_AT		0x28
#define ADDRESSES	8

uint64_t bare_irq_addr;
uint32_t bare_irq_data;

static uint8_t regs[BARE_REGS];
static struct {
	uintptr_t at;
	physaddr_t pa;
} addresses[ADDRESSES];
static unsigned naddresses;
static physaddr_t next_address;
static unsigned iotlb_at;	/* of the last bare_unit */

void bare_address(const volatile void *p, physaddr_t pa)
{
	unsigned i = 0;

	while (i < ADDRESSES && addresses[i].at != (uintptr_t)p)
		i++;
	if (i == ADDRESSES)
		i = naddresses++ % ADDRESSES;
	addresses[i].at = (uintptr_t)p;
	addresses[i].pa = pa;
}

void bare_next_address(physaddr_t pa)
{
	next_address = pa;
}

physaddr_t os_phys(const volatile void *p)
{
	for (unsigned i = 0; i < ADDRESSES; i++)
		if (addresses[i].at == (uintptr_t)p)
			return addresses[i].pa;
	return (uintptr_t)p;
}

void *os_virt(physaddr_t pa)
{
	for (unsigned i = 0; i < ADDRESSES; i++)
		if (addresses[i].at && addresses[i].pa == pa)
			return (void *)addresses[i].at;
	return (void *)pa;
}

void *os_alloc(size_t size)
{
	void *p = aligned_alloc(PGSIZE, ROUNDUP(size, PGSIZE));

	assert_non_null(p);
	memset(p, 0, size);
	if (next_address)
		bare_address(p, next_address);
	next_address = 0;
	return p;
}

void os_free(void *p, size_t size)
{
	(void)size;
	for (unsigned i = 0; i < ADDRESSES; i++)
		if (addresses[i].at == (uintptr_t)p)
			addresses[i].at = 0;
	free(p);
}

void *os_map_regs(physaddr_t pa, size_t len)
{
	(void)pa;
	(void)len;
	return regs;
}

static unsigned offset(const volatile void *reg)
{
	uintptr_t off = (uintptr_t)reg - (uintptr_t)regs;

	assert_true(off < BARE_REGS);
	return (unsigned)off;
}

uint32_t os_read32(const volatile void *reg)
{
	uint32_t v;

	memcpy(&v, regs + offset(reg), sizeof(v));
	return v;
}

uint64_t os_read64(const volatile void *reg)
{
	uint64_t v;

	memcpy(&v, regs + offset(reg), sizeof(v));
	if (offset(reg) == CCMD_AT || offset(reg) == iotlb_at)
		v &= ~(1ull << 63);	/* ICC, IVT: done */
	return v;
}

void os_write32(volatile void *reg, uint32_t v)
{
	unsigned off = offset(reg);

	memcpy(regs + off, &v, sizeof(v));
	if (off == GCMD_AT)
		memcpy(regs + GSTS_AT, &v, sizeof(v));
}

void os_write64(volatile void *reg, uint64_t v)
{
	memcpy(regs + offset(reg), &v, sizeof(v));
}

uint64_t bare_written(unsigned off, unsigned width)
{
	uint64_t v = 0;

	memcpy(&v, regs + off, width);
	return v;
}

void bare_register(unsigned off, uint64_t v)
{
	memcpy(regs + off, &v, sizeof(v));
}

void os_store(uint64_t *entry, uint64_t v)
{
	*entry = v;
}

void os_flush(const volatile void *p, size_t len)
{
	(void)p;
	(void)len;
}

uint64_t os_clock(void)
{
	static uint64_t now;

	return now += 1000;
}

void os_relax(void)
{
}

void os_lock(struct os_lock *l)
{
	assert_false(l->opaque[0]++);
}

void os_unlock(struct os_lock *l)
{
	assert_int_equal(l->opaque[0]--, 1);
}

void os_log(enum os_log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

int os_error(const char *fmt, ...)
{
	(void)fmt;
	return -1;
}

int os_irq(void (*fn)(void *arg), void *arg, const char *name, uint64_t *addr,
	   uint32_t *data)
{
	(void)fn;
	(void)arg;
	(void)name;
	*addr = bare_irq_addr;
	*data = bare_irq_data;
	return 0;
}

void bare_unit(struct vtd *u, uint64_t cap, uint64_t ecap)
{
	*u = (struct vtd){ .cap = cap, .ecap = ecap, .regs = regs,
			   .levels = 4 };
	iotlb_at = (unsigned)(ecap >> 8 & 0x3ff) * 16 + 8;
	u->root = os_alloc(PGSIZE);
	if (!(ecap & 2))
		return;
	u->queue.ring = os_alloc(VTD_QUEUE_SIZE * sizeof(struct qi_desc));
	u->queue.status = os_alloc(sizeof(uint64_t));
}

void bare_unit_free(struct vtd *u)
{
	struct context_entry *table;

	for (unsigned bus = 0; bus < 256; bus++) {
		table = os_virt(u->root[bus].lo & ~0xfffull);
		if (u->root[bus].lo & 1)
			os_free(table, PGSIZE);
	}
	os_free(u->root, PGSIZE);
	if (!u->queue.ring)
		return;
	os_free(u->queue.ring, VTD_QUEUE_SIZE * sizeof(struct qi_desc));
	os_free(u->queue.status, sizeof(uint64_t));
}

/* xorshift64*. */
uint64_t bare_random(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return x * 0x2545f4914f6cdd1dull;
}

uint64_t bare_setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}
