/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bars BUS:DEV.FN BAR: takes the device, maps the BAR as registers and as
 * memory, says where, and sleeps.
 */
#include <drv.h>

int main(int argc, char **argv)
{
	volatile void *regs, *memory;
	uint64_t bar;

	if (argc != 3 || parse_number(argv[2], 10, 5, &bar) < 0)
		usage("BUS:DEV.FN BAR");
	if (drv_take(argv[1], "") < 0)
		fatal("%r");
	regs = drv_bar(argv[1], (unsigned)bar, NULL);
	memory = drv_bar_memory(argv[1], (unsigned)bar, NULL);
	if (!regs || !memory)
		fatal("%r");
	print("%lx %lx\n", (uint64_t)regs, (uint64_t)memory);
	sleep_ms(1000000);
	return 0;
}
