/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The twenty services of iommu_os.h on a bare machine: one processor, no
 * threads, memory mapped one to one.  What each must guarantee stands in
 * Documentation/porting.md.
 */
#include "bare.h"

#define PAGES		256u		/* for the driver */
#define LINE		64		/* of each processor with VT-d */
#define VECTOR		0x40u
#define APIC		0xfee00000ul
#define FLAG_IF		0x200u
#define CODE		8		/* start.S's segment */
#define PIT_HZ		1193182u

static uint8_t pool[PAGES][PGSIZE] aligned(PGSIZE);
static bool used[PAGES];
static uint64_t tsc_hz;
static void (*handler)(void *arg);
static void *handler_arg;
static struct { uint64_t lo, hi; } idt[VECTOR + 1];

/* Memory */

physaddr_t os_phys(const volatile void *p)
{
	return (physaddr_t)p;
}

void *os_virt(physaddr_t pa)
{
	return (void *)pa;
}

void os_store(uint64_t *entry, uint64_t v)
{
	__atomic_store_n(entry, v, __ATOMIC_RELEASE);
}

/* First fit, whole pages. */
void *os_alloc(size_t size)
{
	size_t n = ROUNDUP(size, PGSIZE) / PGSIZE, run = 0, i;

	for (i = 0; i < PAGES && run < n; i++)
		run = used[i] ? 0 : run + 1;
	if (run < n)
		return NULL;
	memset(&used[i - n], true, n);
	return memset(pool[i - n], 0, n * PGSIZE);
}

void os_free(void *p, size_t size)
{
	size_t first = ((uintptr_t)p - (uintptr_t)pool) / PGSIZE;

	memset(&used[first], false, ROUNDUP(size, PGSIZE) / PGSIZE);
}

void os_flush(const volatile void *p, size_t len)
{
	uintptr_t at = ROUNDDOWN((uintptr_t)p, LINE);

	for (; at < (uintptr_t)p + len; at += LINE)
		__asm__ volatile("clflush (%0)" : : "r"(at) : "memory");
	__asm__ volatile("mfence" : : : "memory");
}

/* Registers; the processor keeps stores in order before uncached ones, so the
 * compiler alone must be told. */

void *os_map_regs(physaddr_t pa, size_t len)
{
	return pa < REGISTERS || len > MAPPED || pa > MAPPED - len ? NULL :
		(void *)pa;
}

uint32_t os_read32(const volatile void *reg)
{
	return *(const volatile uint32_t *)reg;
}

uint64_t os_read64(const volatile void *reg)
{
	return *(const volatile uint64_t *)reg;
}

void os_write32(volatile void *reg, uint32_t v)
{
	__asm__ volatile("" : : : "memory");
	*(volatile uint32_t *)reg = v;
}

void os_write64(volatile void *reg, uint64_t v)
{
	__asm__ volatile("" : : : "memory");
	*(volatile uint64_t *)reg = v;
}

/* Configuration space by ports: 256 bytes of each function of segment 0. */
static bool select(uint16_t segment, uint16_t sid, unsigned off)
{
	out32(0xcf8, 1u << 31 | (uint32_t)sid << 8 | (off & 0xfc));
	return !segment && off < 256;
}

uint32_t os_pci_read(uint16_t segment, uint16_t sid, unsigned off,
		     unsigned width)
{
	uint32_t v = ~0u;

	if (select(segment, sid, off))
		v = in32(0xcfc) >> off % 4 * 8;
	return v & ~0u >> (32 - width * 8);
}

/* Of just that width: a byte beside it may clear by being written. */
void os_pci_write(uint16_t segment, uint16_t sid, unsigned off, unsigned width,
		  uint32_t v)
{
	uint16_t port = (uint16_t)(0xcfc + off % 4);

	if (!select(segment, sid, off))
		return;
	if (width == 1)
		out8(port, (uint8_t)v);
	else if (width == 2)
		out16(port, (uint16_t)v);
	else
		out32(port, v);
}

/* Time, locks, texts */

uint64_t os_clock(void)
{
	uint64_t t = __builtin_ia32_rdtsc();

	return t / tsc_hz * NSEC_PER_SEC + t % tsc_hz * NSEC_PER_SEC / tsc_hz;
}

void os_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* One processor: no interrupt is all it takes. */
void os_lock(struct os_lock *l)
{
	uint64_t flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
	l->opaque[0] = flags;
}

void os_unlock(struct os_lock *l)
{
	if (l->opaque[0] & FLAG_IF)
		__asm__ volatile("sti" : : : "memory");
}

void os_log(enum os_log_level level, const char *fmt, ...)
{
	static const char *const before[] = { "error: ", "warning: ", "" };
	va_list args;

	va_start(args, fmt);
	print(before[level], fmt, args);
	va_end(args);
}

/* Who caused it reads the console. */
int os_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print("refused: ", fmt, args);
	va_end(args);
	return -1;
}

/* Interrupts: there is one vector to give. */

struct frame;
__attribute__((interrupt)) static void interrupt(struct frame *f)
{
	(void)f;
	handler(handler_arg);
	os_write32((void *)(APIC + 0xb0), 0);		/* EOI */
}

int os_irq(void (*fn)(void *arg), void *arg, const char *name, uint64_t *addr,
	   uint32_t *data)
{
	uint64_t at = (uintptr_t)interrupt;

	if (handler)
		return os_error("no vector left for %s", name);
	handler_arg = arg;
	handler = fn;
	idt[VECTOR].lo = (at & 0xffff) | CODE << 16 | 0x8eull << 40 |
		(at >> 16 & 0xffff) << 48;
	idt[VECTOR].hi = at >> 32;
	*addr = APIC | (os_read32((void *)(APIC + 0x20)) >> 24) << 12;
	*data = VECTOR;
	return 0;
}

/* A hundredth of a second by the PIT's second channel; bounded, should there
 * be none. */
static void clock_init(void)
{
	uint64_t t;

	out8(0x61, (in8(0x61) & 0xfc) | 1);
	out8(0x43, 0xb0);			/* mode 0: one shot */
	out8(0x42, PIT_HZ / 100 & 0xff);
	out8(0x42, PIT_HZ / 100 >> 8);
	t = __builtin_ia32_rdtsc();
	for (unsigned i = 0; i < 10000000 && !(in8(0x61) & 0x20); i++)
		;
	tsc_hz = (__builtin_ia32_rdtsc() - t) * 100;
}

void os_init(void)
{
	struct { uint16_t limit; uint64_t base; } packed idtr = {
		sizeof(idt) - 1, (uintptr_t)idt,
	};

	clock_init();
	out8(0x21, 0xff);			/* both PICs */
	out8(0xa1, 0xff);
	os_write32((void *)(APIC + 0xf0), 0x1ff);	/* on; spurious: 255 */
	__asm__ volatile("lidt %0; sti" : : "m"(idtr));
}
