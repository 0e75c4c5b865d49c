/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF-64 as far as static position-independent programs need it. */
#ifndef ELF_H
#define ELF_H

#include <types.h>

#define ELF_MAGIC	0x464c457fu	/* "\177ELF" */
#define ELF_CLASS_64	2
#define ELF_DYN		3
#define ELF_X86_64	62

struct elf_header {
	uint32_t magic;
	uint8_t class, data, ident_version, osabi, pad[8];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF-64");

#define ELF_LOAD	1
#define ELF_X		1u
#define ELF_W		2u
#define ELF_R		4u

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf_segment) == 56, "ELF-64");

#endif
