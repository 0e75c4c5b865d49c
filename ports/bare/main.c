/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second user of the driver: no processes, no files.  One buffer is mapped
 * one to one for QEMU's edu device (QEMU docs/specs/edu.txt), which copies
 * through it.  Then edu is aimed beside the buffer, and at the buffer once it
 * is unmapped: each must end as a fault and leave memory as it was.
 */
#include "bare.h"

#include <iommu.h>
#include <pci_regs.h>

#define EDU		0x11e81234u
enum { DMA_FROM = 0x80, DMA_TO = 0x88, DMA_LEN = 0x90, DMA_CMD = 0x98 };
enum { DMA_START = 1, DMA_TO_MEMORY = 2 };
#define INSIDE		((void *)0x40000)	/* edu's own memory */
#define LEN		1024u
#define PATIENCE	(5 * NSEC_PER_SEC)
#define SDT_HEADER	36

extern uint8_t __executable_start[], _end[];
static uint8_t buffer[PGSIZE] aligned(PGSIZE);	/* what edu may reach */
static uint8_t beside[PGSIZE] aligned(PGSIZE);	/* and what not */
static struct iommu_dev *edu;
static uint16_t edu_sid;
static uint8_t *regs;
static bool pending;
static uint64_t fault_addr;

static void need(bool good, const char *what)
{
	os_log(OS_INFO, "bare: %s: %s", what, good ? "yes" : "no");
	if (!good)
		os_leave(17);
}

/* What the driver calls. */

static bool gives_out(uint64_t lo, uint64_t hi)
{
	return lo < (uintptr_t)_end && hi >= (uintptr_t)__executable_start;
}

static void faults_pending(void)
{
	WRITE_ONCE(pending, true);
}

static void fault(void *owner, const struct iommu_fault *f)
{
	if (owner == &edu)
		fault_addr = f->addr;
}

static const struct iommu_upper upper = { gives_out, faults_pending, fault };

/* RSDP, root table, DMAR (ACPI 6.4, 5.2.5 to 5.2.8), below 4 GiB.  What tables
 * say of their length is checked here; the driver checks the DMAR itself. */

static const uint32_t *table(uint64_t pa, const char *signature)
{
	const uint32_t *t = (void *)pa;

	return pa && pa < MAPPED - SDT_HEADER &&
		t[0] == *(const uint32_t *)signature && t[1] >= SDT_HEADER &&
		t[1] <= MAPPED - pa ? t : NULL;
}

static const uint32_t *find_dmar(const uint8_t *rsdp)
{
	const uint32_t *xsdt = rsdp[15] < 2 ? NULL :
		table(*(const uint64_t *)(rsdp + 24), "XSDT");
	const uint32_t *root = xsdt ? xsdt :
		table(*(const uint32_t *)(rsdp + 16), "RSDT");
	const uint32_t *dmar = NULL, *at = root + SDT_HEADER / 4;

	for (; root && !dmar && at < root + root[1] / 4; at += xsdt ? 2 : 1)
		dmar = table(xsdt ? at[0] | (uint64_t)at[1] << 32 : *at,
			     "DMAR");
	return dmar;
}

/* All of bus 0.  What is behind a bridge stays unknown, as what finds no memory,
 * and so without an entry in the unit's tables: it reaches nothing. */
static void add_devices(void)
{
	for (uint16_t sid = 0; sid < 256; sid++) {
		uint32_t id = os_pci_read(0, sid, PCI_VENDOR, 4);
		uint32_t first = os_pci_read(0, sid & 0xf8, PCI_HEADER, 1);
		struct iommu_dev *d;

		if (id == ~0u || (sid % 8 && !(first & PCI_HEADER_MULTI)))
			continue;
		d = iommu_add_device(0, sid, NULL);
		if (id == EDU) {
			edu = d;
			edu_sid = sid;
		}
	}
}

static void dma(const volatile void *from, const volatile void *to, int how)
{
	struct deadline end = deadline_in(PATIENCE);

	os_write64(regs + DMA_FROM, (uintptr_t)from);
	os_write64(regs + DMA_TO, (uintptr_t)to);
	os_write64(regs + DMA_LEN, LEN);
	os_write32(regs + DMA_CMD, DMA_START | (uint32_t)how);
	while (os_read32(regs + DMA_CMD) & DMA_START)
		if (deadline_over(&end))
			need(false, "edu ends its DMA");
}

/* Whether a pattern stands there, or makes it so. */
static bool pattern(volatile uint8_t *at, uint8_t seed, bool make)
{
	for (unsigned i = 0; i < LEN; i++)
		if (make)
			at[i] = (uint8_t)(i * 7 + seed);
		else if (at[i] != (uint8_t)(i * 7 + seed))
			return false;
	return true;
}

/* edu writes where it may not: the unit interrupts, the fault is told, and
 * nothing was written. */
static void faulting(volatile uint8_t *at, const char *what)
{
	struct deadline end = deadline_in(PATIENCE);

	fault_addr = 0;
	pattern(at, 3, true);
	dma(INSIDE, at, DMA_TO_MEMORY);
	while (!READ_ONCE(pending))
		if (deadline_over(&end))
			need(false, "the unit interrupts");
	WRITE_ONCE(pending, false);
	while (iommu_service_faults())
		;
	need(fault_addr == (uintptr_t)at && pattern(at, 3, false), what);
}

static void use_edu(void)
{
	struct iommu_space *s = iommu_space_create(&edu, 1, 1, edu);
	struct iommu_gather g = { .space = s };
	uintptr_t at = (uintptr_t)buffer;

	need(s && !iommu_map(&g, at, at, PGSIZE, IOMMU_READ | IOMMU_WRITE) &&
	     !iommu_flush(&g), "the buffer is mapped");
	need(!iommu_attach(edu, s, 0), "edu is attached");
	pattern(buffer, 1, true);
	dma(buffer, INSIDE, 0);
	pattern(buffer, 2, true);
	dma(INSIDE, buffer, DMA_TO_MEMORY);
	need(pattern(buffer, 1, false), "edu has copied the buffer");
	faulting(beside, "edu cannot write beside the buffer");
	need(!iommu_keep(&g, at, PGSIZE, 0) && !iommu_flush(&g),
	     "the buffer is unmapped");
	faulting(buffer, "edu cannot write to it any more");
	need(!iommu_detach(edu) && !iommu_space_destroy(s), "edu is detached");
}

/* PVH: the RSDP's address stands at 32 in the start info. */
void bare_main(const uint8_t *const start_info[]);
void bare_main(const uint8_t *const start_info[])
{
	const uint32_t *dmar = find_dmar(start_info[4]);

	os_init();
	need(dmar, "there is a DMAR table");
	iommu_init(dmar, dmar[1], &upper);
	add_devices();
	need(edu, "there is an edu device");
	iommu_start(true);
	regs = os_map_regs(os_pci_read(0, edu_sid, PCI_BAR(0), 4) & ~0xfu,
			   PGSIZE);
	need(!iommu_missing() && regs, "translation is on");
	use_edu();
	iommu_stop();
	os_leave(16);
}
