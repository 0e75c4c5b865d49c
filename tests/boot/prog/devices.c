/* SPDX-License-Identifier: BSD-2-Clause */
/* What the owner of a device may do with it, and who else may not. */
#include <drv.h>
#include "check.h"

static char bdf[BDF_LEN], path[64];

static const char *file(const char *name)
{
	snprint(path, sizeof(path), "#pci/%s/%s", bdf, name);
	return path;
}

static void own(void)
{
	CHECK(drv_find(0x1234, 0x11e8, bdf) == 0);
	CHECK(drv_attach(bdf, getpid(), "unsafe") == 0);
}

/* All of configuration space, every field in every width: what can hurt is
 * refused, and nothing but harmless fields changes. */
static void config_space(void)
{
	static uint8_t before[256], after[256];
	uint32_t ones = 0xffffffff;
	int fd;

	own();
	fd = open(file("config"), ORDWR);
	CHECK(fd >= 0 && pread(fd, before, 256, 0) == 256);
	for (unsigned width = 1; width <= 4; width *= 2)
		for (int off = 0; off < 256; off += (int)width)
			if (off != 0x0c && off != 0x0d && off != 0x3c)
				FAILS(pwrite(fd, &ones, width, off),
				      "is the kernel's");
	CHECK(pread(fd, after, 256, 0) == 256);
	CHECK(!memcmp(before, after, 256));
	CHECK(pwrite(fd, "\x12", 1, 0x3c) == 1);
	CHECK(pread(fd, after, 1, 0x3c) == 1 && after[0] == 0x12);
	CHECK(pwrite(fd, &before[0x3c], 1, 0x3c) == 1);
	FAILS(pwrite(fd, &ones, 3, 0x3c), "bytes at");
	FAILS(pwrite(fd, &ones, 4, 0x3e), "bytes at");
	FAILS(pwrite(fd, &ones, 4, 4096), "bytes at");
	FAILS(pwrite(fd, &ones, 4, 1l << 40), "bytes at");
	FAILS(pwrite(fd, before, 256, 0), "bytes at");
	CHECK(pread(fd, after, 256, 1l << 40) == 0);
	CHECK(drv_detach(bdf) == 0);
	FAILS(pwrite(fd, "\x12", 1, 0x3c), "not attached to you");
}

static void host_bridge_is_not_written(void)
{
	int fd;

	CHECK(drv_attach("0:0.0", getpid(), "") == 0);
	fd = open("#pci/0:0.0/config", ORDWR);
	CHECK(fd >= 0);
	for (int off = 0; off < 256; off++)
		FAILS(pwrite(fd, "", 1, off), "is the kernel's");
}

static void registers(void)
{
	size_t len;
	volatile void *regs;
	int fd;

	own();
	regs = drv_bar(bdf, 0, &len);
	CHECK(regs && len == 1 << 20 && get32(regs) == 0x010000ed);
	fd = open(file("bar0"), ORDWR);
	CHECK(fd >= 0);
	CHECK(!mmap(NULL, len + 1, RW, 0, fd, 0));
	CHECK(!mmap(NULL, len, RW, 0, fd, 4096));
	CHECK(!mmap(NULL, 4096, RW, 0, fd, 1));
	CHECK(!mmap(NULL, 4096, RW, 0, fd, len));
	CHECK(!mmap(NULL, 4096, RW, 0, fd, -4096ul));
	CHECK(!mmap(NULL, 0, RW, 0, fd, 0));
	CHECK(!mmap(NULL, 4096, RW, MAP_PINNED, fd, 0));
	CHECK(mmap(NULL, 4096, RW, 0, fd, len - 4096));
	FAILS(read(fd, &len, 1), "can only be mapped");
	FAILS(write(fd, &len, 1), "cannot be written");
	close(fd);
	fd = open(file("bar0"), OREAD);
	CHECK(!mmap(NULL, 4096, RW, 0, fd, 0));
	CHECK(mmap(NULL, 4096, PROT_READ, 0, fd, 0));
	FAILS(mprotect((void *)(uintptr_t)regs, 4096, PROT_READ), "nothing at");
	FAILS(open(file("bar1"), ORDWR), "no such file");
	FAILS(open(file("irq1"), ORDWR), "no such file");
}

static volatile void *mapped;

static void use_registers(void)
{
	exit((int)get32(mapped) & 0xff);
}

/* Neither a child nor who has lost the device has its registers. */
static void registers_are_revoked(void)
{
	struct waitmsg m;

	own();
	mapped = drv_bar(bdf, 0, NULL);
	CHECK(mapped);
	m = in_child(use_registers);
	CHECK(m.status == 128 && strstr(m.msg, "fault read"));
	CHECK((get32(mapped) & 0xff) == 0xed);
	CHECK(drv_detach(bdf) == 0);
	CHECK(drv_attach(bdf, getpid(), "unsafe") == 0);
	m = in_child(use_registers);
	CHECK(m.status == 128);
	mapped = drv_bar(bdf, 0, NULL);
	CHECK(mapped && (get32(mapped) & 0xff) == 0xed);
	munmap((void *)(uintptr_t)mapped, 4096);
}

/* How many interrupts of the device the kernel has counted. */
static uint64_t came(void)
{
	char *text = readfile("#cons/irqs", NULL);
	const char *line = text ? strstr(text, bdf) : NULL;
	uint64_t n = 0;

	CHECK(line);
	for (line = strchr(line, ' ') + 1; *line >= '0' && *line <= '9'; line++)
		n = n * 10 + (uint64_t)(*line - '0');
	free(text);
	return n;
}

/* Two, the second one behind the first: at the same time they may be one. */
static void raise_two(volatile uint8_t *regs)
{
	for (uint32_t n = 1; n <= 2; n++) {
		put32(regs + 0x60, n);
		while (came() < n)
			sleep_ms(1);
	}
}

/* Who waits for an interrupt hears that the device is gone. */
static void interrupts_are_revoked(void)
{
	struct pollfd f = { .events = POLLIN };
	volatile void *regs;
	int pid, parent = getpid();
	char text[16];

	own();
	f.fd = drv_irq(bdf, 0);
	regs = drv_bar(bdf, 0, NULL);
	CHECK(f.fd >= 0 && regs);
	raise_two((volatile uint8_t *)regs);
	CHECK(poll(&f, 1, 1000) == 1);
	CHECK(read(f.fd, text, sizeof(text)) == 2 && text[0] == '2');
	CHECK(poll(&f, 1, 10) == 0);
	pid = fork();
	if (pid == 0) {
		FAILS(read(f.fd, text, sizeof(text)), "owned by pid");
		sleep_ms(20);
		exit(drv_detach(bdf) < 0);
	}
	FAILS(read(f.fd, text, sizeof(text)), "taken away");
	FAILS(read(f.fd, text, sizeof(text)), "not attached to you");
	CHECK(poll(&f, 1, 0) == 1);
	FAILS(drv_irq(bdf, 0), "not attached to you");
	CHECK(wait(NULL) == pid && parent == getpid());
}

/* Who waited for the device of his day took the count of the next owner's. */
static void interrupts_of_the_next_owner(void)
{
	char text[16];
	uint8_t *regs;
	int fd, pid;

	own();
	fd = drv_irq(bdf, 0);
	pid = fork();
	if (pid == 0) {
		sleep_ms(20);
		CHECK(drv_detach(bdf) == 0);
		CHECK(drv_attach(bdf, getpid(), "unsafe") == 0);
		fd = drv_irq(bdf, 0);
		regs = (uint8_t *)(uintptr_t)drv_bar(bdf, 0, NULL);
		raise_two(regs);
		CHECK(read(fd, text, sizeof(text)) == 2 && text[0] == '2');
		exit(0);
	}
	FAILS(read(fd, text, sizeof(text)), "taken away");
	CHECK(wait(NULL) == pid);
}

static uint16_t msix_control(void)
{
	uint8_t config[256];
	unsigned cap;
	int fd = open(file("config"), OREAD);

	CHECK(fd >= 0 && pread(fd, config, 256, 0) == 256);
	close(fd);
	for (cap = config[0x34]; cap && config[cap] != 0x11;)
		cap = config[cap + 1];
	CHECK(cap);
	return (uint16_t)(config[cap + 2] | config[cap + 3] << 8);
}

/* A reset turned MSI-X off, and open interrupts never came again. */
static void interrupts_after_a_reset(void)
{
	CHECK(drv_find(0x1b36, 0x10, bdf) == 0);
	CHECK(drv_attach(bdf, getpid(), "") == 0);
	CHECK(!(msix_control() & 0x8000));
	CHECK(drv_irq(bdf, 0) >= 0);
	CHECK(msix_control() & 0x8000);
	CHECK(writefile(file("ctl"), "reset") == 0);
	CHECK(msix_control() & 0x8000);
	CHECK(drv_detach(bdf) == 0);
	CHECK(!(msix_control() & 0x8000));
}

static int ctl(const char *command)
{
	return writefile(file("ctl"), command);
}

static void raise_irq(uint8_t *regs)
{
	put32(regs + 0x60, 1);
	put32(regs + 0x64, 1);
}

static void mask_and_unmask(void)
{
	struct pollfd f = { .events = POLLIN };
	char text[16];
	uint8_t *regs;

	own();
	FAILS(ctl("mask 0"), "irq 0 is not open");
	CHECK(ctl("irq 1") == 0);
	f.fd = drv_irq(bdf, 0);
	regs = (uint8_t *)(uintptr_t)drv_bar(bdf, 0, NULL);
	CHECK(ctl("mask 0\n") == 0);
	raise_irq(regs);
	CHECK(poll(&f, 1, 10) == 0);
	CHECK(ctl("unmask 0") == 0);
	raise_irq(regs);
	CHECK(poll(&f, 1, 1000) == 1);
	CHECK(read(f.fd, text, sizeof(text)) == 2 && text[0] == '1');
	FAILS(ctl("mask 1"), "irq 1 is not open");
	FAILS(ctl("irq 2"), "has no interrupt 1");
	FAILS(ctl("mask"), "reset, irq N");
	FAILS(ctl("mask 99999999999"), "reset, irq N");
}

/* A device that does nothing but interrupt. */
static void interrupt_storm(void)
{
	char text[16];
	uint8_t *regs;
	int fd;

	own();
	fd = drv_irq(bdf, 0);
	regs = (uint8_t *)(uintptr_t)drv_bar(bdf, 0, NULL);
	for (unsigned i = 0; i < 200000; i++)
		raise_irq(regs);
	sleep_ms(10);
	CHECK(read(fd, text, sizeof(text)) > 1);
	raise_irq(regs);
	sleep_ms(10);
	CHECK(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 0);
	CHECK(ctl("unmask 0") == 0);
	raise_irq(regs);
	sleep_ms(10);
	CHECK(read(fd, text, sizeof(text)) == 2 && text[0] == '1');
}

static void share_of_vectors(void)
{
	char third[BDF_LEN];
	int fd;

	CHECK(drv_find(0x1b36, 0x10, bdf) == 0);
	CHECK(drv_attach("0:4.0", getpid(), "") == 0);
	CHECK(drv_attach("0:5.0", getpid(), "") == 0);
	CHECK(drv_attach("0:6.0", getpid(), "") == 0);
	snprint(third, sizeof(third), "#pci/0:6.0/ctl");
	CHECK(writefile("#pci/0:4.0/ctl", "irq 32") == 0);
	CHECK(writefile("#pci/0:5.0/ctl", "irq 31") == 0);
	FAILS(writefile(third, "irq 2"), "process's share");
	CHECK(writefile(third, "irq 1") == 0);
	fd = open("#pci/0:6.0/irq0", OREAD);
	CHECK(fd >= 0);
	FAILS(open("#pci/0:6.0/irq1", OREAD), "process's share");
	CHECK(drv_detach("0:5.0") == 0);
	CHECK(writefile(third, "irq 32") == 0);
}

static void open_and_close(void)
{
	CHECK(drv_find(0x1234, 0x11e8, bdf) == 0);
	for (unsigned i = 0; i < 300; i++) {
		CHECK(drv_attach(bdf, getpid(), "unsafe") == 0);
		CHECK(ctl("irq 1") == 0);
		CHECK(drv_detach(bdf) == 0);
	}
}

#define LARGE	(2ul << 20)
#define GIGABYTE	(1ul << 30)
#define EDU_MAX	4095		/* one more and QEMU ends */

static uint8_t *edu;

/* A page's worth between memory and the device's buffer. */
static void dma(const void *at, bool to_memory)
{
	put64(edu + (to_memory ? 0x80 : 0x88), 0x40000);
	put64(edu + (to_memory ? 0x88 : 0x80), (uintptr_t)at);
	put64(edu + 0x90, EDU_MAX);
	put64(edu + 0x98, to_memory ? 3 : 1);
	while (get32(edu + 0x98) & 1)
		sleep_ms(10);
}

/* Through the device from one page to another. */
static bool copies(uint8_t *from, uint8_t *to)
{
	memset(from, (uint8_t)((uintptr_t)from >> 12), 4096);
	memset(to, 0, 4096);
	dma(from, false);
	dma(to, true);
	return !memcmp(from, to, EDU_MAX);
}

/* 4 MiB in two large pages, as the device has them; a part of one goes, one
 * becomes read-only and writable again, and all the time the rest is there. */
static void large_pages(void)
{
	uint8_t *p;

	own();
	edu = (uint8_t *)(uintptr_t)drv_bar(bdf, 0, NULL);
	p = mmap(NULL, 2 * LARGE, RW, MAP_PINNED | MAP_ANON, -1, 0);
	CHECK(p && (uintptr_t)p % LARGE == 0);
	CHECK(copies(p + 5 * 4096, p + 300 * 4096));
	CHECK(copies(p, p + 2 * LARGE - 4096));
	CHECK(munmap(p + 7 * 4096, 4096) == 0);
	CHECK(copies(p + 6 * 4096, p + 8 * 4096));
	CHECK(copies(p + LARGE, p + LARGE - 4096));
	CHECK(mprotect(p + 9 * 4096, 4096, PROT_READ) == 0);
	CHECK(copies(p + 6 * 4096, p + 10 * 4096));
	dma(p + 9 * 4096, true);
	CHECK(p[9 * 4096] == 0);
	CHECK(mprotect(p + 9 * 4096, 4096, RW) == 0);
	CHECK(copies(p + 6 * 4096, p + 9 * 4096));
	CHECK(munmap(p, LARGE) == 0);
	CHECK(copies(p + LARGE, p + LARGE + 4096));
}

static bool space_is(const char *leaves)
{
	char *text = readfile("#iommu/spaces", NULL);
	bool is = text && strstr(text, leaves);

	free(text);
	return is;
}

/* 1 GiB in one page, on a machine that has such; two parts of it go. */
static void gigabyte(void)
{
	uint8_t *p, *q;

	own();
	edu = (uint8_t *)(uintptr_t)drv_bar(bdf, 0, NULL);
	p = mmap(NULL, GIGABYTE, RW, MAP_PINNED | MAP_ANON, -1, 0);
	CHECK(p && (uintptr_t)p % GIGABYTE == 0);
	CHECK(space_is(" 2m=0 1g=1 "));
	CHECK(copies(p + 5 * 4096, p + GIGABYTE - 4096));
	q = p + GIGABYTE / 2;
	CHECK(munmap(q, 4096) == 0);
	CHECK(mprotect(q + LARGE + 4096, 4096, PROT_READ) == 0);
	CHECK(space_is(" 2m=510 1g=0 "));
	CHECK(copies(q - 4096, q + 4096));
	CHECK(copies(p, p + GIGABYTE - 4096));
	CHECK(copies(q + LARGE, q + LARGE + 2 * 4096));
	dma(q + LARGE + 4096, true);
	CHECK(q[LARGE + 4096] == 0);
	CHECK(munmap(p, GIGABYTE) == 0);
	CHECK(space_is(" 2m=0 1g=0 "));
}

static void too_much_pinned(void)
{
	FAILS(mmap(NULL, 1ul << 30, RW, MAP_PINNED | MAP_ANON, -1, 0) ? 0 : -1,
	      "half of all");
}

static void reset(void)
{
	own();
	CHECK(writefile(file("ctl"), "reset") == 0);
	CHECK(writefile(file("ctl"), "reset\n") == 0);
	FAILS(ctl("dance"), "reset, irq N");
	CHECK(drv_detach(bdf) == 0);
	FAILS(writefile(file("ctl"), "reset"), "not attached to you");
}

/* none uses what he is given, and cannot take or give. */
static void none_has_what_he_is_given(void)
{
	struct waitmsg m;
	int fd[2], pid;
	char c;

	CHECK(drv_find(0x1234, 0x11e8, bdf) == 0 && pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(writefile("#cons/user", "none") == 0);
		CHECK(write(fd[1], "x", 1) == 1 && read(fd[1], &c, 1) == 1);
		CHECK(get32(drv_bar(bdf, 0, NULL)) == 0x010000ed);
		CHECK(drv_irq(bdf, 0) >= 0);
		FAILS(drv_detach(bdf), "only eve");
		FAILS(drv_attach("0:0.0", getpid(), ""), "only eve");
		exit(5);
	}
	CHECK(read(fd[0], &c, 1) == 1);
	CHECK(drv_attach(bdf, pid, "unsafe") == 0);
	CHECK(write(fd[0], "x", 1) == 1);
	CHECK(wait(&m) == pid && m.status == 5);
}

static const struct test tests[] = {
	{ "config_space", config_space },
	{ "host_bridge_is_not_written", host_bridge_is_not_written },
	{ "registers", registers },
	{ "registers_are_revoked", registers_are_revoked },
	{ "interrupts_are_revoked", interrupts_are_revoked },
	{ "interrupts_of_the_next_owner", interrupts_of_the_next_owner },
	{ "interrupts_after_a_reset", interrupts_after_a_reset },
	{ "mask_and_unmask", mask_and_unmask },
	{ "interrupt_storm", interrupt_storm },
	{ "share_of_vectors", share_of_vectors },
	{ "open_and_close", open_and_close },
	{ "reset", reset },
	{ "large_pages", large_pages }, { "gigabyte", gigabyte },
	{ "too_much_pinned", too_much_pinned },
	{ "none_has_what_he_is_given", none_has_what_he_is_given },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_test(argc, argv, tests);
}
