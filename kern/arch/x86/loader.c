/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loaders' ways of telling have in common (pvh.c, multiboot2.c):
 * memory ranges in whole pages, and the command line.  Called once, before any
 * page is given out.
 */
#include <loader.h>
#include <mmu.h>
#include <multiboot2.h>
#include <start.h>
#include <string.h>

void loader_add_ram(uint64_t start, uint64_t size)
{
	struct mem_range *r = &loader.ram[loader.nram];

	if (start + size < start)
		return;
	if (loader.nram == MAX_MEM_RANGES) {
		loader.ram_cut = true;
		return;
	}
	r->start = ROUNDUP(start, PGSIZE);
	r->end = ROUNDDOWN(start + size, PGSIZE);
	if (r->start < r->end)
		loader.nram++;
}

void loader_set_cmdline(const char *s, size_t size)
{
	size_t n = strnlen(s, MIN(size, (size_t)CMDLINE_LEN));

	loader.cmdline_cut = n == CMDLINE_LEN;
	n = MIN(n, (size_t)CMDLINE_LEN - 1);
	memcpy(loader.cmdline, s, n);
}

bool loader_copy_info(uint32_t magic, physaddr_t info)
{
	bool ok;

	if (magic != MB2_LOADER_MAGIC)
		return pvh_copy_info(info);
	if (info % 8 || info >= BOOT_MAPPED)
		return false;
	ok = multiboot2_copy_info(kva(info), BOOT_MAPPED - info);
	if (loader.has_rsdp_copy)
		loader.rsdp = kpa(loader.rsdp_copy);
	return ok;
}
