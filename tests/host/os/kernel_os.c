/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's side of iommu_os.h, with its headers, and with what it tells
 * the processor's caches told to the test. */
#include <x86.h>

void note_line(const void *p);
void note_fence(void);

#define clflush	note_line
#define mfence	note_fence
#include "../../../kern/arch/x86/os.c"

void store(uint64_t *entry, uint64_t v)
{
	os_store(entry, v);
}

void flush_range(const void *p, size_t len)
{
	os_flush(p, len);
}

void flush_entry(const uint64_t *entry)
{
	os_flush(entry, sizeof(*entry));
}
