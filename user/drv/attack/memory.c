/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks on memory, by the DMA engine of the device. */
#include "attack.h"

#define AT_A_TIME	8	/* bytes that are enough to do harm */
#define IN_FLIGHT	200	/* milliseconds, and a transfer has ended */

static uint8_t *page;		/* of ours, at which the device works */
static uint8_t *copy;

/* A page; the device has read and written it, so that its unit has it cached,
 * and holds what is to be written. */
static void warm(int pinned)
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_ANON | pinned, -1,
		    0);
	copy = drv_memory(PAGE);
	if (!page || !copy)
		fatal("%r");
	memset(page, OURS, PAGE);
	edu_dma((uintptr_t)page, LEN, false);
	memset(page, 0, PAGE);
	edu_dma((uintptr_t)page, LEN, true);
	if (page[LEN - 1] != OURS)
		fatal("the device does no DMA");
}

/* What of the page is not so. */
static unsigned wrong(const uint8_t *p, uint8_t byte)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LEN; i++)
		n += p[i] != byte;
	return n;
}

/* What the device holds. */
static void look_into_device(void)
{
	memset(copy, 0, PAGE);
	edu_dma((uintptr_t)copy, LEN, true);
}

static void write_there(const struct row *r, uint64_t addr)
{
	(void)r;
	edu_dma(addr, AT_A_TIME, true);
	said("the device wrote %d bytes at 0x%lx and says it is done",
	     AT_A_TIME, addr);
}

/* With nothing in the device before. */
static void read_there(const struct row *r, uint64_t addr)
{
	unsigned n;

	warm(MAP_PINNED);
	memset(page, 0, PAGE);
	edu_dma((uintptr_t)page, LEN, false);
	if (r->asks)
		addr = ask("where", 0);
	edu_dma(addr, LEN, false);
	ask("look", 0);
	look_into_device();
	n = wrong(copy, 0);
	said("the device read 0x%lx and holds %u bytes that are not 0", addr,
	     n);
	if (n)
		through("it has read what is there");
}

static void prepare(const struct row *r, uint64_t addr)
{
	warm(MAP_PINNED);
	if (r->asks)
		addr = ask("where", 0);
	write_there(r, addr);
}

/* What only eve can say: where its page table is, or the victim's page. */
static void at_victims(const struct row *r, uint64_t addr)
{
	warm(MAP_PINNED);
	addr = ask(strstr(r->name, "table") ? "table" : "victim", 0);
	said("that is at 0x%lx", addr);
	addr = ask("where", 0);
	write_there(r, addr);
}

/* Sleeps meanwhile, since the kernel needs memory to wait for an answer. */
static uint64_t victim_does(const char *what)
{
	tell(what, 0);
	sleep_ms(IN_FLIGHT);
	return told();
}

static void give_up_page(void)
{
	munmap(page, PAGE);
	victim_does("reuse");
}

/* From memory into the device, or the other way. */
static void touch(bool to_memory)
{
	edu_dma((uintptr_t)page, LEN, to_memory);
	if (to_memory)
		return;
	look_into_device();
	if (copy[0] == THEIRS)
		through("the device holds what is the victim's");
}

/* Unmapped lazily the page waits for a flush, which comes when it is unmapped
 * once more: what the device does by then must hurt nobody else. */
static void touch_behind_unmap(bool to_memory)
{
	bool lazily;

	warm(MAP_PINNED);
	lazily = ask("quarantine", 0);
	ask("frame", (uintptr_t)page);
	munmap(page, PAGE);
	if (lazily) {
		said("the page %s", victim_does("have") ? "is the victim's" :
		     "waits for its flush");
		touch(to_memory);
	}
	give_up_page();
	touch(to_memory);
	said("the device %s", to_memory ? "wrote there" : "read there");
}

static void unmap_write(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	touch_behind_unmap(true);
}

static void unmap_read(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	touch_behind_unmap(false);
}

static void protect_write(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	warm(MAP_PINNED);
	memset(page, 0, PAGE);
	if (mprotect(page, PAGE, PROT_READ) < 0)
		fatal("%r");
	edu_dma((uintptr_t)page, LEN, true);
	said("%u bytes have changed", wrong(page, 0));
	if (wrong(page, 0))
		through("the page was read-only");
}

/* The child shares the page, and the device writes to it meanwhile. */
static void fork_write(const struct row *r, uint64_t addr)
{
	struct waitmsg m;
	int pid;

	(void)r;
	(void)addr;
	warm(0);
	memset(page, 0, PAGE);
	edu_start((uintptr_t)page, LEN, true);
	pid = fork();
	if (pid == 0) {
		sleep_ms(IN_FLIGHT);
		exit(wrong(page, 0) != 0);
	}
	if (pid < 0)
		fatal("fork: %r");
	while (wait(&m) != pid)
		;		/* a note about a fault came in between */
	said("the child sees %s", m.status ? "other bytes" : "its own");
	if (m.status)
		through("the page was shared");
}

/* Ends with a transfer on its way to a page that is then the victim's. */
static void leave_frame(void)
{
	warm(MAP_PINNED);
	said("frame 0x%lx is where the device writes",
	     ask("frame", (uintptr_t)page));
	edu_start((uintptr_t)page, LEN, true);
}

static void exit_dma(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	leave_frame();
	exit(0);
}

static void crash_dma(const struct row *r, uint64_t addr)
{
	(void)r;
	leave_frame();
	*(volatile uint8_t *)addr = 0;		/* which is NULL */
}

static void exec_dma(const struct row *r, uint64_t addr)
{
	char *argv[] = { "true", NULL };

	(void)r;
	(void)addr;
	leave_frame();
	exec("/bin/true", argv);
}

/* For ever; the victim ends it. */
static void spin_dma(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	leave_frame();
	tell("kill", 0);
	for (;;)
		;
}

static void detach_dma(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	warm(MAP_PINNED);
	ask("frame", (uintptr_t)page);
	edu_start((uintptr_t)page, LEN, true);
	if (!ask("detach", 0))
		fatal("not detached");
	give_up_page();
}

/* The victim has memory at the same address. */
static void next_owner(const struct row *r, uint64_t addr)
{
	(void)r;
	(void)addr;
	warm(MAP_PINNED);
	edu_start((uintptr_t)victims, LEN, true);
	said("the next owner is %s", ask("next", 0) ? "refused" : "there");
	sleep_ms(IN_FLIGHT);
}

const struct row memory_rows[] = {
	{ "kernel-text", prepare, EDU, 1 },
	{ "kernel-text-read", read_there, EDU, 1 },
	{ "kernel-page-table", prepare, EDU, 1 },
	{ "own-page-table", at_victims, EDU, 1 },
	{ "root-table", prepare, EDU, 1 },
	{ "context-table", prepare, EDU, 1 },
	{ "second-level-table", prepare, EDU, 1 },
	{ "interrupt-table", prepare, EDU, 1 },
	{ "queue", prepare, EDU, 1 },
	{ "unit-registers", prepare, EDU, 1 },
	{ "victims-frame", at_victims, EDU, 1 },
	{ "io-apic", prepare, EDU, 1 },
	{ "config-space", prepare, EDU, 1 },
	{ "peer-to-peer", prepare, EDU, 1 },
	{ "unmap-write", unmap_write, EDU, 0 },
	{ "unmap-read", unmap_read, EDU, 0 },
	{ "protect-write", protect_write, EDU, 0 },
	{ "fork-dma", fork_write, EDU, 0 },
	{ "exit-dma", exit_dma, EDU, 0 },
	{ "crash-dma", crash_dma, EDU, 0 },
	{ "exec-dma", exec_dma, EDU, 0 },
	{ "spin-dma", spin_dma, EDU, 0 },
	{ "detach-dma", detach_dma, EDU, 0 },
	{ "detach-armed-no-reset", next_owner, EDU, 0 },
	{ NULL, NULL, EDU, 0 },
};
