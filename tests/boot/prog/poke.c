/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poke BUS:DEV.FN BAR OFFSET VALUE: takes the device as an owner of its own,
 * prints a register of 32 bits, writes the value there, prints it again.
 */
#include <drv.h>

static uint64_t number(const char *text)
{
	uint64_t n;

	if (parse_number(text, 16, UINT32_MAX, &n) < 0)
		fatal("%s: not a number", text);
	return n;
}

int main(int argc, char **argv)
{
	volatile uint8_t *regs;

	if (argc != 5)
		usage("BUS:DEV.FN BAR OFFSET VALUE");
	if (drv_take(argv[1], "") < 0)
		fatal("%r");
	regs = drv_bar(argv[1], (unsigned)number(argv[2]), NULL);
	if (!regs)
		fatal("%r");
	regs += number(argv[3]);
	print("%x ", get32(regs));
	put32(regs, (uint32_t)number(argv[4]));
	print("%x\n", get32(regs));
	return 0;
}
