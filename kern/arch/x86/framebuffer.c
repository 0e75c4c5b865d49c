/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's framebuffer as a console.  It is written through the boot page
 * tables, as far as they reach, and then through the kernel's, with
 * write-combining.  Whoever is given the display as a device has it beside the
 * console: console=serial leaves it to him.
 */
#include <arch.h>
#include <loader.h>
#include <log.h>
#include <mmu.h>
#include <screen.h>
#include <start.h>

static struct sink sink = { .name = "screen", .write = screen_write };
static bool present;

static size_t screen_len(void)
{
	return (size_t)loader.screen.height * loader.screen.pitch;
}

void screen_init(void)
{
	bool reached = loader.screen.pa < BOOT_MAPPED &&
		screen_len() <= BOOT_MAPPED - loader.screen.pa;

	present = loader.screen.width &&
		screen_begin(&loader.screen,
			     reached ? kva(loader.screen.pa) : NULL);
	if (!present)
		return;
	sink_register(&sink);
	klog(LOG_INFO, "screen: %u by %u pixels of %u bits",
	     loader.screen.width, loader.screen.height,
	     loader.screen.bytes * 8);
}

void screen_map(void)
{
	if (present)
		screen_move(mmio_map_combining(loader.screen.pa,
					       screen_len()));
}

bool screen_used(void)
{
	return present && !sink.off;
}
