/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH's start info (Xen: include/public/arch-x86/hvm/start_info.h) into
 * struct loader_info.  Called once, before any page is given out: the
 * loader's structures lie in memory that it reports as usable.
 */
#include <loader.h>
#include <mmu.h>
#include <start.h>
#include <string.h>

#define PVH_MAGIC	0x336ec578
#define E820_RAM	1
#define BOOT_MAPPED	(4 * GIB)	/* what the boot page tables reach */

struct hvm_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp;
	uint64_t memmap;		/* from version 1 on */
	uint32_t memmap_entries, reserved;
};

struct hvm_memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "PVH's ABI");
_Static_assert(sizeof(struct hvm_memmap_entry) == 24, "PVH's ABI");

static void add_ram(uint64_t start, uint64_t size)
{
	struct mem_range *r;

	if (loader.nram == MAX_MEM_RANGES || start + size < start)
		return;
	r = &loader.ram[loader.nram];
	r->start = ROUNDUP(start, PGSIZE);
	r->end = ROUNDDOWN(start + size, PGSIZE);
	if (r->start < r->end)
		loader.nram++;
}

static void copy_memmap(const struct hvm_start_info *si)
{
	const struct hvm_memmap_entry *e;

	if (si->version < 1 || si->memmap >= BOOT_MAPPED)
		return;
	e = kva(si->memmap);
	for (uint32_t i = 0; i < si->memmap_entries; i++)
		if (e[i].type == E820_RAM)
			add_ram(e[i].addr, e[i].size);
}

static void copy_cmdline(const char *s)
{
	size_t n = strnlen(s, CMDLINE_LEN);

	loader.cmdline_cut = n == CMDLINE_LEN;
	n = MIN(n, CMDLINE_LEN - 1);
	memcpy(loader.cmdline, s, n);
}

bool pvh_copy_info(physaddr_t pa)
{
	const struct hvm_start_info *si = kva(pa);

	if (pa >= BOOT_MAPPED || si->magic != PVH_MAGIC)
		return false;
	copy_memmap(si);
	if (si->cmdline && si->cmdline < BOOT_MAPPED - CMDLINE_LEN)
		copy_cmdline(kva(si->cmdline));
	loader.rsdp = si->rsdp;
	return loader.nram > 0;
}
