/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The twenty services of iommu_os.h on a bare machine: one processor, no
 * threads, memory mapped one to one.  What each must guarantee stands in
 * Documentation/porting.md.
 */
#include "bare.h"

#define PAGES		256u		/* for the driver */
#define LINE		64		/* of each processor with VT-d */
#define REGISTERS	0xc0000000ul	/* mapped uncached from here on */
#define APIC		0xfee00000ul
#define VECTOR		0x4fu		/* spurious ones, too */
#define INTERRUPT_GATE	(8u << 16 | 0x8eull << 40)	/* start.S's code */
#define FLAG_IF		0x200u
#define PIT_HZ		1193182u
enum { PIC1 = 0x21, PIC2 = 0xa1, PIT = 0x42, PIT_MODE = 0x43, PIT_GATE = 0x61,
	DEBUG_EXIT = 0xf4, COM1 = 0x3f8, PCI_ADDR = 0xcf8, PCI_DATA = 0xcfc };

static uint8_t pool[PAGES][PGSIZE] aligned(PGSIZE);
static bool used[PAGES];
static uint64_t tick;			/* of the TSC, in ns / 2^32 */
static struct { void (*fn)(void *arg); void *arg; } handler;
static struct { uint64_t lo, hi; } idt[VECTOR + 1];

#define PORT(type, in, out)						\
__attribute__((unused)) static type in(uint16_t port)			\
{ type v; __asm__ volatile("in %1, %0" : "=a"(v) : "Nd"(port)); return v; } \
static void out(uint16_t port, type v)					\
{ __asm__ volatile("out %0, %1" : : "a"(v), "Nd"(port)); }
PORT(uint8_t, in8, out8)
PORT(uint16_t, in16, out16)
PORT(uint32_t, in32, out32)

/* Memory */

void *memset(void *p, int c, size_t n);
void *memset(void *p, int c, size_t n)	/* the compiler calls it, too */
{
	void *at = p;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
	return p;
}

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

/* Registers: the processor keeps the order of uncached accesses, and of stores
 * before them. */

void *os_map_regs(physaddr_t pa, size_t len)
{
	return pa < REGISTERS || len > MAPPED || pa > MAPPED - len ? NULL :
		(void *)pa;
}

#define REGISTER(type, read, write)					\
type read(const volatile void *reg)					\
{ return *(const volatile type *)reg; }					\
void write(volatile void *reg, type v)					\
{ __atomic_store_n((volatile type *)reg, v, __ATOMIC_RELEASE); }
REGISTER(uint32_t, os_read32, os_write32)
REGISTER(uint64_t, os_read64, os_write64)

/* Configuration space by ports: 256 bytes of each function of segment 0. */
static uint16_t pci_port(uint16_t segment, uint16_t sid, unsigned off)
{
	out32(PCI_ADDR, 1u << 31 | (uint32_t)sid << 8 | (off & 0xfc));
	return segment || off > 255 ? 0 : (uint16_t)(PCI_DATA + off % 4);
}

uint32_t os_pci_read(uint16_t segment, uint16_t sid, unsigned off,
		     unsigned width)
{
	bool there = pci_port(segment, sid, off);
	uint32_t v = there ? in32(PCI_DATA) >> off % 4 * 8 : ~0u;

	return v & ~0u >> (32 - width * 8);
}

/* Of just that width: a bit beside it may clear by being written. */
void os_pci_write(uint16_t segment, uint16_t sid, unsigned off, unsigned width,
		  uint32_t v)
{
	uint16_t port = pci_port(segment, sid, off);

	if (port && width == 1)
		out8(port, (uint8_t)v);
	else if (port && width == 2)
		out16(port, (uint16_t)v);
	else if (port)
		out32(port, v);
}

/* Time, and one processor's lock: no interrupts. */

uint64_t os_clock(void)
{
	return (uint64_t)((unsigned __int128)__builtin_ia32_rdtsc() * tick >> 32);
}

void os_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

void os_lock(struct os_lock *l)
{
	__asm__ volatile("pushf; pop %0; cli" : "=r"(l->opaque[0]) : : "memory");
}

void os_unlock(struct os_lock *l)
{
	if (l->opaque[0] & FLAG_IF)
		__asm__ volatile("sti" : : : "memory");
}

/* Texts.  The port's holding register is waited for, but not for ever. */

static void put(char c)
{
	for (unsigned i = 0; i < 100000 && !(in8(COM1 + 5) & 0x20); i++)
		;
	out8(COM1, (uint8_t)c);
}

static void put_number(uint64_t v, unsigned base)
{
	if (v >= base)
		put_number(v / base, base);
	put("0123456789abcdef"[v % base]);
}

/* Knows %s, and d u x with l: what the driver's texts have.  Their numbers are
 * never negative; it fills up none with zeros. */
static void put_line(const char *fmt, va_list args)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		while (*++fmt >= '0' && *fmt <= '9')
			;
		if (*fmt == 's')
			for (const char *s = va_arg(args, char *); *s; s++)
				put(*s);
		else if (*fmt == 'l')
			put_number(va_arg(args, uint64_t),
				   *++fmt == 'x' ? 16 : 10);
		else
			put_number(va_arg(args, unsigned),
				   *fmt == 'x' ? 16 : 10);
	}
	put('\n');
}

void os_log(enum os_log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	put_line(fmt, args);
	va_end(args);
}

/* There is one thread: it reads the reason on the console. */
int os_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line(fmt, args);
	va_end(args);
	return -1;
}

/* Interrupts: one vector, for one unit. */

__attribute__((interrupt)) static void interrupt(void *frame)
{
	(void)frame;
	handler.fn(handler.arg);
	os_write32((void *)(APIC + 0xb0), 0);		/* EOI */
}

int os_irq(void (*fn)(void *arg), void *arg, const char *name, uint64_t *addr,
	   uint32_t *data)
{
	uint64_t at = (uintptr_t)interrupt;

	if (handler.fn)
		return os_error("%s: no vector left", name);
	handler.arg = arg;
	handler.fn = fn;
	idt[VECTOR].lo = (at & 0xffff) | INTERRUPT_GATE | at >> 16 << 48;
	*addr = APIC | (os_read32((void *)(APIC + 0x20)) >> 24) << 12;
	*data = VECTOR;
	return 0;
}

/* The clock is held against a hundredth of a second of the PIT; bounded, should
 * there be none. */
void os_init(void)
{
	struct { uint16_t limit; uint64_t base; } packed idtr = {
		sizeof(idt) - 1, (uintptr_t)idt,
	};
	uint64_t start;

	out8(PIT_GATE, (in8(PIT_GATE) & 0xfc) | 1);
	out8(PIT_MODE, 0xb0);			/* one shot */
	out8(PIT, PIT_HZ / 100 & 0xff);
	out8(PIT, PIT_HZ / 100 >> 8);
	start = __builtin_ia32_rdtsc();
	for (unsigned i = 0; i < 10000000 && !(in8(PIT_GATE) & 0x20); i++)
		;
	tick = (NSEC_PER_SEC / 100 << 32) / (__builtin_ia32_rdtsc() - start);
	out8(PIC1, 0xff);
	out8(PIC2, 0xff);
	os_write32((void *)(APIC + 0xf0), 0x100 | VECTOR);	/* on */
	__asm__ volatile("lidt %0; sti" : : "m"(idtr));
}

noreturn void os_leave(uint8_t how)
{
	out8(DEBUG_EXIT, how);
	for (;;)
		__asm__ volatile("cli; hlt");
}
