/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH's start info (Xen: include/public/arch-x86/hvm/start_info.h) into
 * struct loader_info.  Called once, before any page is given out: the
 * loader's structures lie in memory that it reports as usable.
 */
#include <loader.h>
#include <mmu.h>
#include <start.h>

#define PVH_MAGIC	0x336ec578
#define E820_RAM	1

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

static void copy_memmap(const struct hvm_start_info *si)
{
	const struct hvm_memmap_entry *e;

	if (si->version < 1 || si->memmap >= BOOT_MAPPED)
		return;
	e = kva(si->memmap);
	for (uint32_t i = 0; i < si->memmap_entries; i++)
		if (e[i].type == E820_RAM)
			loader_add_ram(e[i].addr, e[i].size);
}

bool pvh_copy_info(physaddr_t pa)
{
	const struct hvm_start_info *si = kva(pa);

	if (pa >= BOOT_MAPPED || si->magic != PVH_MAGIC)
		return false;
	copy_memmap(si);
	if (si->cmdline && si->cmdline < BOOT_MAPPED - CMDLINE_LEN)
		loader_set_cmdline(kva(si->cmdline), CMDLINE_LEN);
	loader.rsdp = si->rsdp;
	return loader.nram > 0;
}
