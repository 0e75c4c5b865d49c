/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's side of iommu_os.h, as far as a unit depends on it: which cache
 * lines a flush writes back, and that it has when the flush returns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LINES	160

void flush_range(const void *p, size_t len);
void flush_entry(const uint64_t *entry);
void store(uint64_t *entry, uint64_t v);

static uintptr_t flushed[LINES];
static unsigned nflushed, fenced;	/* fenced: how many had been by then */

void note_line(const void *p)
{
	assert_true(nflushed < LINES);
	flushed[nflushed++] = (uintptr_t)p;
}

void note_fence(void)
{
	fenced = nflushed;
}

/* What else the kernel has, and nobody calls here. */
#define NEVER(name)	void name(void) { fail(); }
NEVER(error)
NEVER(irq_alloc)
NEVER(irq_message)
NEVER(kfree)
NEVER(klog)
NEVER(kmalloc)
NEVER(mmio_map)
NEVER(nsec)
NEVER(pci_config_read)
NEVER(pci_config_write)
NEVER(schedule)
NEVER(spin_lock)
NEVER(spin_unlock)

static const uint8_t memory[2 * 4096] __attribute__((aligned(4096)));

static void flush(size_t from, size_t len)
{
	size_t first = from / 64, last = (from + len - 1) / 64;

	nflushed = fenced = 0;
	flush_range(memory + from, len);
	assert_int_equal(nflushed, last - first + 1);
	for (unsigned i = 0; i < nflushed; i++)
		assert_int_equal(flushed[i], (uintptr_t)memory +
				 64 * (first + i));
	assert_int_equal(fenced, nflushed);
}

static void test_an_entry_is_one_line_and_then_a_fence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(memory) / 8; i++) {
		nflushed = fenced = 0;
		flush_entry((const uint64_t *)memory + i);
		assert_int_equal(nflushed, 1);
		assert_int_equal(fenced, 1);
		assert_int_equal(flushed[0] / 64,
				 ((uintptr_t)memory + 8 * i) / 64);
	}
}

static void test_a_flush_is_every_line_and_then_a_fence(void **state)
{
	(void)state;
	flush(0, 4096);
	flush(8, 8);
	flush(4088, 8);
	flush(60, 8);
	flush(63, 66);
	flush(64, 64);
	flush(4032, 65);
}

static void test_a_store_is_all_64_bits(void **state)
{
	uint64_t entry = ~0ull;

	(void)state;
	store(&entry, 0x123456789abcdef0);
	assert_int_equal(entry, 0x123456789abcdef0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flush_is_every_line_and_then_a_fence),
		cmocka_unit_test(test_an_entry_is_one_line_and_then_a_fence),
		cmocka_unit_test(test_a_store_is_all_64_bits),
	};

	return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
