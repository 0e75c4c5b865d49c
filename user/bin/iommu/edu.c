/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the self-test that needs a device: QEMU's edu (its
 * docs/specs/edu.txt), which copies between memory and a buffer of its own.  It
 * is attached to this process, copies a page of ours in and out, is aimed at an
 * address where we have nothing, and is given back.
 */
#include "iommu.h"

#include <edu.h>

#define EDU_ID		"1234:11e8"
#define STRAY_LEN	4
#define PATIENCE	5000		/* ms */
#define FAULT_PATIENCE	2000
#define PAGE		4096
#define NO_WRITE	0x5		/* fault reasons, VT-d 7.1.3 */
#define NO_READ		0x6

static char bdf[BDF_LEN];
static volatile uint8_t *regs;
static int irq, faults;
static volatile unsigned notes;		/* of faults */
static char told[2048];			/* lines of faults */

static void on_note(struct ureg *ureg, char *note)
{
	(void)ureg;
	if (strncmp(note, "iommu: fault", 12))
		noted(NDFLT);
	notes++;
	noted(NCONT);
}

/* false: the interrupt did not come */
static bool dma(uint64_t addr, uint64_t len, unsigned how)
{
	long n;

	edu_copy(regs, addr, len, how | EDU_INTERRUPT);
	n = drv_wait(irq, PATIENCE);
	edu_acknowledge(regs);
	return n > 0;
}

static bool to_device(uint64_t addr, uint64_t len)
{
	return dma(addr, len, 0);
}

static bool from_device(uint64_t addr, uint64_t len)
{
	return dma(addr, len, EDU_TO_MEMORY);
}

/* What the kernel tells of us within that time, "ACCESS ADDR: REASON", the
 * first of several; NULL: nothing. */
static const char *our_fault(long milliseconds)
{
	int64_t end = nsec() + milliseconds * 1000000;
	char want[48], *at;
	int len = snprint(want, sizeof(want), "%s pid=%d ", bdf, getpid());

	do {
		take_faults(faults, told, sizeof(told), milliseconds);
		at = strstr(told, want);
	} while (!at && nsec() < end);
	if (!at)
		return NULL;
	at += len;
	at[strcspn(at, "\n")] = '\0';
	return at;
}

/* Out of the first page, into the second one, of which one byte must stay. */
static bool copy_through(uint8_t *mem, bool *came)
{
	uint8_t *in = mem + PAGE;

	for (unsigned i = 0; i < PAGE; i++)
		mem[i] = (uint8_t)(i * 7 + i / 256 + 1);
	*came = to_device((uintptr_t)mem, EDU_MOST);
	*came &= from_device((uintptr_t)in, EDU_MOST);
	return !memcmp(in, mem, EDU_MOST) && !in[EDU_MOST];
}

/* edu drops the upper bits of addresses unless it is told not to: then the
 * fault is at what is left. */
static bool was_cut(const char *fault, uint64_t addr)
{
	const char *at = fault ? strstr(fault, " 0x") : NULL;
	char digits[20];
	uint64_t n;

	if (!at)
		return false;
	snprint(digits, sizeof(digits), "%.*s", (int)strcspn(at + 1, ":"),
		at + 1);
	return parse_number(digits, 16, UINT64_MAX, &n) == 0 && n < addr &&
	       (addr & n) == n;
}

/* false: it is of no use for the rest. */
static bool copies(uint8_t *mem)
{
	bool came, right = copy_through(mem, &came);
	const char *fault = our_fault(right ? 0 : FAULT_PATIENCE);

	if (was_cut(fault, (uintptr_t)mem)) {
		outcome(bdf, "copy", SKIPPED, "it cuts addresses; give QEMU's "
			"edu dma_mask=0xffffffffffffffff");
		return false;
	}
	if (fault)
		outcome(bdf, "copy", FAILED, "a fault: %s", fault);
	else if (!right)
		outcome(bdf, "copy", FAILED, "not the bytes that were there");
	else
		outcome(bdf, "copy", OK, "%d bytes in and out", EDU_MOST);
	if (came)
		outcome(bdf, "interrupts", OK, "");
	else
		outcome(bdf, "interrupts", FAILED, "none within %d ms",
			PATIENCE);
	return true;
}

/* It must be told with that page and reason. */
static void blocked_part(const char *part, const char *access, uint64_t addr,
			 unsigned reason)
{
	const char *fault = our_fault(FAULT_PATIENCE);
	char begin[48], end[32];
	int len = snprint(begin, sizeof(begin), "%s 0x%lx: ", access, addr);

	snprint(end, sizeof(end), "(reason 0x%x)", reason);
	if (!fault)
		outcome(bdf, part, FAILED, "no fault at 0x%lx within %d ms",
			addr, FAULT_PATIENCE);
	else if (strncmp(fault, begin, (size_t)len) || !strstr(fault, end))
		outcome(bdf, part, FAILED, "%s, not at 0x%lx with reason 0x%x",
			fault, addr, reason);
	else
		outcome(bdf, part, OK, "%s", fault);
}

/* Where there was memory, and is no more. */
static void go_astray(void *mem)
{
	uint64_t addr = (uintptr_t)mem;

	munmap(mem, PAGE);
	from_device(addr, STRAY_LEN);
	blocked_part("stray write", "write", addr, NO_WRITE);
	to_device(addr, STRAY_LEN);
	blocked_part("stray read", "read", addr, NO_READ);
	if (drv_until(notes > 0, FAULT_PATIENCE))
		outcome(bdf, "notes", OK, "");
	else
		outcome(bdf, "notes", FAILED, "none for the device's owner");
}

static void use(void)
{
	uint8_t *mem = drv_memory(2 * PAGE);
	void *gone = drv_memory(PAGE);

	irq = drv_irq(bdf, 0);
	regs = drv_bar(bdf, 0, NULL);
	if (!mem || !gone || irq < 0 || !regs) {
		outcome(bdf, "open", FAILED, "%r");
	} else if (copies(mem)) {
		go_astray(gone);
	}
}

static void give_back(void)
{
	struct file devices;
	const struct record *d;

	if (drv_detach(bdf) < 0) {
		outcome(bdf, "detach", FAILED, "%r");
		return;
	}
	devices = read_records("devices");
	d = find_record(&devices, bdf);
	if (d && record_is(d, "owner", "-") && record_is(d, "master", "off"))
		outcome(bdf, "detach", OK, "");
	else
		outcome(bdf, "detach", FAILED, "owner %s, bus mastering %s",
			d ? record_text(d, "owner") : "?",
			d ? record_text(d, "master") : "?");
	free_file(&devices);
}

/* The lines that are there already are not about what comes. */
static bool begin_faults(void)
{
	faults = open_faults();
	if (faults < 0)
		return false;
	while (take_faults(faults, told, sizeof(told), 0))
		;
	notify(on_note);
	return true;
}

static void run(const char *words)
{
	char reason[ERRMAX];

	if (!begin_faults()) {
		outcome(bdf, "faults", FAILED, "cannot be read");
		return;
	}
	if (drv_attach(bdf, getpid(), words) < 0) {
		errstr(reason, sizeof(reason));
		outcome(bdf, "attach", SKIPPED, "%s%s", reason,
			strstr(reason, "say unsafe") ? ": -u does" : "");
		return;
	}
	outcome(bdf, "attach", OK, "to pid %d", getpid());
	use();
	give_back();
}

/* One that nobody owns; else "owned by ..." is the reason to skip it. */
void test_with_edu(const char *words)
{
	struct file devices = read_records("devices");
	const struct record *d, *owned = NULL, *found = NULL;

	for (size_t i = 0; i < devices.n; i++) {
		d = &devices.r[i];
		if (!record_is(d, "id", EDU_ID))
			continue;
		if (!record_is(d, "owner", "-"))
			owned = d;
		else if (!found)
			found = d;
	}
	if (found) {
		snprint(bdf, sizeof(bdf), "%s", found->subject);
		run(words);
	} else if (owned) {
		outcome(owned->subject, "DMA", SKIPPED, "pid %s owns it",
			record_text(owned, "owner"));
	} else {
		outcome("device", "DMA", SKIPPED,
			"there is no edu device (" EDU_ID ")");
	}
	free_file(&devices);
}
