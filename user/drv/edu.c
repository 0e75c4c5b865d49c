/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edu [-u] [-a ADDR [-r]]: drives QEMU's edu device (QEMU docs/specs/edu.txt)
 * from user level.  It copies a buffer of its own memory into the device and
 * back by DMA, waits for each end by the device's interrupt, and checks every
 * byte.
 *
 *	-u	take the device though it cannot be reset after its last owner
 *	-a	let the device write to that address instead (hexadecimal)
 *	-r	or read from there
 */
#include <drv.h>

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define ISR		0x24
#define ISR_ACK		0x64
#define DMA_FROM	0x80
#define DMA_TO		0x88
#define DMA_LEN		0x90
#define DMA_CMD		0x98
#define CMD_START	1
#define CMD_TO_MEMORY	2
#define CMD_INTERRUPT	4
#define BUFFER		0x40000		/* in the device, of 4 KiB */
#define LEN		4095		/* the most that it takes */
#define PATIENCE	5000		/* milliseconds */

static volatile uint8_t *regs;
static int irq;
static char bdf[BDF_LEN];

static void dma(uint64_t from, uint64_t to, uint64_t cmd)
{
	long n;

	put64(regs + DMA_FROM, from);
	put64(regs + DMA_TO, to);
	put64(regs + DMA_LEN, LEN);
	put64(regs + DMA_CMD, cmd | CMD_START | CMD_INTERRUPT);
	n = drv_wait(irq, PATIENCE);
	if (n < 0)
		fatal("%r");
	if (n == 0)
		fatal("%s: no interrupt", bdf);
	put32(regs + ISR_ACK, get32(regs + ISR));
}

static void to_device(const void *from)
{
	dma((uintptr_t)from, BUFFER, 0);
}

static void from_device(void *to)
{
	dma(BUFFER, (uintptr_t)to, CMD_TO_MEMORY);
}

static void get_device(const char *words)
{
	if (drv_find(EDU_VENDOR, EDU_DEVICE, bdf) < 0)
		fatal("this machine has no edu device");
	if (drv_take(bdf, words) < 0)
		fatal("%r");
	irq = drv_irq(bdf, 0);
	regs = drv_bar(bdf, 0, NULL);
	if (irq < 0 || !regs)
		fatal("%r");
	print("edu: %s belongs to pid %d\n", bdf, getpid());
}

static void copy_through(uint8_t *out, uint8_t *in)
{
	for (unsigned i = 0; i < LEN; i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	to_device(out);
	print("edu: the device read %d bytes at %p\n", LEN, out);
	from_device(in);
	print("edu: the device wrote %d bytes at %p\n", LEN, in);
	for (unsigned i = 0; i < LEN; i++)
		if (in[i] != out[i])
			fatal("byte %u is 0x%x, not 0x%x", i, in[i], out[i]);
	print("edu: all %d bytes are right\n", LEN);
}

static void aim(uint64_t addr, bool reading)
{
	print("edu: the device %s %d bytes at 0x%lx\n",
	      reading ? "reads" : "writes", LEN, addr);
	if (reading)
		to_device((const void *)addr);
	else
		from_device((void *)addr);
	sleep_ms(20);		/* for a note that is on its way */
	print("edu: the device says it is done\n");
}

int main(int argc, char **argv)
{
	const char *words = "";
	bool elsewhere = false, reading = false;
	uint64_t addr = 0;
	uint8_t *mem;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-u"))
			words = "unsafe";
		else if (!strcmp(argv[i], "-r"))
			reading = true;
		else if (!strcmp(argv[i], "-a") && i + 1 < argc &&
			 parse_number(argv[++i], 16, UINT64_MAX, &addr) >= 0)
			elsewhere = true;
		else
			usage("[-u] [-a ADDR [-r]]");
	}
	drv_show_faults();
	mem = drv_memory(8192);
	if (!mem)
		fatal("%r");
	get_device(words);
	if (elsewhere)
		aim(addr, reading);
	else
		copy_through(mem, mem + 4096);
	return 0;
}
