/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver builds for the hardware and takes apart: descriptors, entries
 * and register values, against tables of bit positions that are written down
 * here a second time, from the specification (revision 4; its section numbers
 * stand beside them).  Every field at every bit position, one bit at a time,
 * then all fields by chance; what is no field is 0.
 *
 * RANDOM_INPUTS says how many by chance.
 */
#include "bare.h"

#include <vtd/table_impl.h>

/* 128 bits, numbered as the specification does. */
struct bits {
	uint64_t half[2];
};

static void set_bit(struct bits *b, unsigned n)
{
	b->half[n / 64] |= 1ull << n % 64;
}

#define INPUTS 4
#define HI(n) (64 + (n))	/* a bit of the high half */

struct kind {
	const char *name;
	struct bits (*make)(const uint64_t *in);
	unsigned ones[8];	/* bits that are always set, 0-terminated; */
	bool bit0;		/* and bit 0 */
	struct {
		unsigned at, width;
	} in[INPUTS];
};

static struct vtd with_queue, with_registers;
static bool drains;

static struct bits submitted(struct qi_desc i)
{
	struct vtd *u = &with_queue;
	uint32_t at = u->queue.tail % VTD_QUEUE_SIZE;
	struct vtd_ticket t;

	u->cap = drains ? 3ull << 54 : 0;
	*u->queue.status = u->queue.tail;
	assert_int_equal(vtd_submit(u, &i, 1, &t), 0);
	return (struct bits){ { u->queue.ring[at].lo, u->queue.ring[at].hi } };
}

static struct bits context_all(const uint64_t *in)
{
	(void)in;
	return submitted(inv_context_global());
}

static struct bits context_device(const uint64_t *in)
{
	return submitted(inv_context_device((uint16_t)in[0], (uint16_t)in[1]));
}

static struct bits iotlb_all(const uint64_t *in)
{
	(void)in;
	drains = false;
	return submitted(inv_iotlb_global());
}

static struct bits iotlb_domain(const uint64_t *in)
{
	drains = false;
	return submitted(inv_iotlb_domain((uint16_t)in[0]));
}

static struct bits iotlb_pages(const uint64_t *in)
{
	drains = false;
	return submitted(inv_iotlb_pages((uint16_t)in[0], in[1] << 12,
					 (uint8_t)in[2], in[3]));
}

static struct bits iotlb_pages_drained(const uint64_t *in)
{
	drains = true;
	return submitted(inv_iotlb_pages((uint16_t)in[0], in[1] << 12,
					 (uint8_t)in[2], in[3]));
}

static struct bits devtlb_page(const uint64_t *in)
{
	return submitted(inv_devtlb((uint16_t)in[0], in[1] << 12, 0));
}

/* The wait behind an empty list, at any position of a queue of any age. */
static struct bits wait(const uint64_t *in)
{
	struct vtd *u = &with_queue;
	struct vtd_ticket t;
	struct qi_desc *d;

	u->queue.tail = (uint32_t)in[0];
	*u->queue.status = u->queue.tail;
	bare_address(u->queue.status, in[1] << 2);
	d = &u->queue.ring[u->queue.tail % VTD_QUEUE_SIZE];
	assert_int_equal(vtd_submit(u, NULL, 0, &t), 0);
	assert_int_equal(t.position, (uint32_t)in[0]);
	return (struct bits){ { d->lo, d->hi } };
}

static struct bits root(const uint64_t *in)
{
	struct vtd *u = &with_queue;
	uint16_t sid = (uint16_t)(in[1] << 8 | 0x55);
	struct root_entry *e = &u->root[sid >> 8], was;

	bare_next_address(in[0] << 12);
	assert_int_equal(context_prepare(u, sid), 0);
	was = *e;
	os_free(os_virt(e->lo & ~0xfffull), PGSIZE);
	memset(u->root, 0, PGSIZE);
	return (struct bits){ { was.lo, was.hi } };
}

static struct bits context_of(const uint64_t *in, uint8_t levels)
{
	struct vtd *u = &with_registers;
	uint16_t sid = (uint16_t)in[3];
	const struct context_entry *e;

	u->levels = levels;
	assert_int_equal(context_prepare(u, sid), 0);
	e = os_virt(u->root[sid >> 8].lo & ~0xfffull);
	e += sid & 0xff;
	context_set(u, sid, in[0] << 12, (uint16_t)in[1], in[2]);
	return (struct bits){ { e->lo, e->hi } };
}

static struct bits context_3(const uint64_t *in)
{
	return context_of(in, 3);
}

static struct bits context_4(const uint64_t *in)
{
	return context_of(in, 4);
}

static struct bits context_5(const uint64_t *in)
{
	return context_of(in, 5);
}

static struct bits context_cleared(const uint64_t *in)
{
	uint16_t sid = (uint16_t)in[3];
	const struct context_entry *e;

	context_4(in);
	context_clear(&with_registers, sid);
	e = os_virt(with_registers.root[sid >> 8].lo & ~0xfffull);
	e += sid & 0xff;
	return (struct bits){ { e->lo, e->hi } };
}

static struct bits leaf(const uint64_t *in, unsigned level)
{
	struct sl_table t = { .format.snoop = in[1] };

	return (struct bits){ { sl_make_leaf(&t, in[0] << (9 * level + 3),
					     in[2], level), 0 } };
}

static struct bits leaf_4k(const uint64_t *in)
{
	return leaf(in, 1);
}

static struct bits leaf_2m(const uint64_t *in)
{
	return leaf(in, 2);
}

static struct bits leaf_1g(const uint64_t *in)
{
	return leaf(in, 3);
}

static struct bits pointer(const uint64_t *in)
{
	uint64_t table = 0;

	bare_address(&table, in[0] << 12);
	return (struct bits){ { sl_make_pointer(&table), 0 } };
}

#define IRO 0x3e0	/* of with_registers, in bytes */

static uint64_t by_register(struct qi_desc i, unsigned off)
{
	struct vtd_ticket t;

	with_registers.cap = drains ? 3ull << 54 : 0;
	assert_int_equal(vtd_submit(&with_registers, &i, 1, &t), 0);
	return bare_written(off, 8);
}

static struct bits ccmd_device(const uint64_t *in)
{
	struct qi_desc i = inv_context_device((uint16_t)in[0], (uint16_t)in[1]);

	return (struct bits){ { by_register(i, 0x28), 0 } };
}

static struct bits ccmd_all(const uint64_t *in)
{
	(void)in;
	return (struct bits){ { by_register(inv_context_global(), 0x28), 0 } };
}

static struct bits iotlb_register(const uint64_t *in)
{
	struct qi_desc i = inv_iotlb_domain((uint16_t)in[0]);

	drains = false;
	return (struct bits){ { by_register(i, IRO + 8), 0 } };
}

/* IOTLB_REG in the low half, IVA_REG in the high one. */
static struct bits iva_register(const uint64_t *in)
{
	struct qi_desc i = inv_iotlb_pages((uint16_t)in[0], in[1] << 12,
				       (uint8_t)in[2], in[3]);
	uint64_t iotlb;

	drains = true;
	iotlb = by_register(i, IRO + 8);
	return (struct bits){ { iotlb, bare_written(IRO, 8) } };
}

static struct bits iqa(const uint64_t *in)
{
	bare_address(with_queue.queue.ring, in[0] << 12);
	assert_int_equal(queue_start(&with_queue), 0);
	return (struct bits){ { bare_written(0x90, 8),
				bare_written(0x88, 8) } };
}

static struct bits iqt(const uint64_t *in)
{
	uint64_t before[] = { in[0] - 1, 0 };

	(void)wait(before);
	return (struct bits){ { bare_written(0x88, 8), 0 } };
}

static struct bits rtaddr(const uint64_t *in)
{
	bare_address(with_registers.root, in[0] << 12);
	assert_int_equal(vtd_start(&with_registers), 0);
	return (struct bits){ { bare_written(0x20, 8), 0 } };
}

/* FEADDR and FEUADDR, then FEDATA. */
static struct bits fault_event(const uint64_t *in)
{
	bare_irq_addr = in[0];
	bare_irq_data = (uint32_t)in[1];
	assert_int_equal(fault_start(&with_registers, NULL, NULL), 0);
	assert_int_equal(bare_written(0x38, 4), 1u << 31);	/* IM */
	return (struct bits){ { bare_written(0x40, 8),
				bare_written(0x3c, 4) } };
}

static const struct kind kinds[] = {
	/* 6.5.2.1 */
	{ "context-cache descriptor, all", context_all, { 4 }, true,
	  { { 0 } } },
	{ "context-cache descriptor, device", context_device, { 4, 5 }, true,
	  { { 16, 16 }, { 32, 16 } } },
	/* 6.5.2.3; drains: bits 6 and 7 */
	{ "IOTLB descriptor, all", iotlb_all, { 1, 4 }, false,
	  { { 0 } } },
	{ "IOTLB descriptor, domain", iotlb_domain, { 1, 5 }, false,
	  { { 16, 16 } } },
	{ "IOTLB descriptor, pages", iotlb_pages, { 1, 4, 5 }, false,
	  { { 16, 16 }, { HI(12), 52 }, { HI(0), 6 }, { HI(6), 1 } } },
	{ "IOTLB descriptor, pages, drained", iotlb_pages_drained,
	  { 1, 4, 5, 6, 7 }, false,
	  { { 16, 16 }, { HI(12), 52 }, { HI(0), 6 }, { HI(6), 1 } } },
	/* 6.5.2.5 */
	{ "device-TLB descriptor", devtlb_page, { 1 }, true,
	  { { 32, 16 }, { HI(12), 52 } } },
	/* 6.5.2.8: SW is bit 5 */
	{ "wait descriptor", wait, { 2, 5 }, true,
	  { { 32, 32 }, { HI(2), 62 } } },
	/* 9.1; the second input is the bus and stands nowhere */
	{ "root entry", root, { 0 }, true, { { 12, 52 } } },
	/* 9.3: TT 01 is bit 2; AW 001, 010, 011 from bit 64 on */
	{ "context entry, 3 levels", context_3, { HI(0) }, true,
	  { { 12, 52 }, { HI(8), 16 }, { 2, 1 } } },
	{ "context entry, 4 levels", context_4, { HI(1) }, true,
	  { { 12, 52 }, { HI(8), 16 }, { 2, 1 } } },
	{ "context entry, 5 levels", context_5, { HI(0), HI(1) }, true,
	  { { 12, 52 }, { HI(8), 16 }, { 2, 1 } } },
	/* 9.8: SNP is bit 11, page size bit 7, rights 0 and 1 */
	{ "4 KiB leaf", leaf_4k, { 0 }, false,
	  { { 12, 40 }, { 11, 1 }, { 0, 2 } } },
	{ "2 MiB leaf", leaf_2m, { 7 }, false,
	  { { 21, 31 }, { 11, 1 }, { 0, 2 } } },
	{ "1 GiB leaf", leaf_1g, { 7 }, false,
	  { { 30, 22 }, { 11, 1 }, { 0, 2 } } },
	{ "pointer to a table", pointer, { 1 }, true, { { 12, 40 } } },
	/* 11.4.6 */
	{ "CCMD_REG, all", ccmd_all, { 61, 63 }, false, { { 0 } } },
	{ "CCMD_REG, device", ccmd_device, { 61, 62, 63 }, false,
	  { { 0, 16 }, { 16, 16 } } },
	/* 11.4.8 */
	{ "IOTLB_REG, domain", iotlb_register, { 61, 63 }, false,
	  { { 32, 16 } } },
	{ "IOTLB_REG and IVA_REG, pages", iva_register, { 48, 49, 60, 61, 63 },
	  false, { { 32, 16 }, { HI(12), 52 }, { HI(0), 6 }, { HI(6), 1 } } },
	/* 11.4.5 */
	{ "RTADDR_REG", rtaddr, { 0 }, false, { { 12, 52 } } },
	/* 11.4.12: the size of a page is 0; the tail is at the start */
	{ "IQA_REG and IQT_REG", iqa, { 0 }, false, { { 12, 52 } } },
	{ "IQT_REG", iqt, { 0 }, false, { { 4, 8 } } },
	/* 11.4.10 */
	{ "FEADDR_REG, FEUADDR_REG, FEDATA_REG", fault_event, { 0 }, false,
	  { { 0, 64 }, { HI(0), 32 } } },
};

static uint64_t mask(unsigned width)
{
	return width < 64 ? (1ull << width) - 1 : ~0ull;
}

/* Inputs that stand nowhere may be anything. */
static struct bits wanted(const struct kind *k, const uint64_t *in)
{
	struct bits b = { { k->bit0, 0 } };

	for (unsigned i = 0; k->ones[i]; i++)
		set_bit(&b, k->ones[i]);
	for (unsigned i = 0; i < INPUTS; i++)
		for (unsigned n = 0; n < k->in[i].width; n++)
			if (in[i] >> n & 1)
				set_bit(&b, k->in[i].at + n);
	return b;
}

static void compare(const struct kind *k, const uint64_t *in)
{
	struct bits want = wanted(k, in), got = k->make(in);

	if (memcmp(&want, &got, sizeof(want)) != 0)
		fail_msg("%s of %lx, %lx, %lx, %lx: %lx %lx instead of %lx %lx",
			 k->name, in[0], in[1], in[2], in[3], got.half[1],
			 got.half[0], want.half[1], want.half[0]);
}

/* An address of 0 means none to the services. */
static bool is_address(const struct kind *k)
{
	return k->make == root || k->make == pointer || k->make == iqa ||
		k->make == rtaddr;
}

static void test_every_field_at_every_bit(void **state)
{
	uint64_t in[INPUTS];

	(void)state;
	for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++)
		for (unsigned i = 0; i < INPUTS; i++)
			for (unsigned n = 0; n < k->in[i].width; n++) {
				memset(in, 0, sizeof(in));
				in[i] = 1ull << n;
				compare(k, in);
				if (i || !is_address(k))
					compare(k, (uint64_t[INPUTS]){ 0 });
			}
}

static void test_all_fields_by_chance(void **state)
{
	uint64_t n = bare_setting("RANDOM_INPUTS", 100000);
	uint64_t in[INPUTS];
	const struct kind *k;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		k = &kinds[i % ARRAY_SIZE(kinds)];
		for (unsigned j = 0; j < INPUTS; j++)
			in[j] = bare_random() & mask(k->in[j].width ?
						     k->in[j].width : 8);
		in[0] |= is_address(k);
		compare(k, in);
	}
}

/* Each source id's entry at its place, and only that; cleared, it is 0. */
static void test_the_entry_of_every_source_id(void **state)
{
	static struct context_entry none[256];
	uint64_t in[] = { 0x123456789, 0xabcd, 1, 0 };
	struct bits b;

	(void)state;
	for (in[3] = 0; in[3] < 0x10000; in[3]++) {
		compare(&kinds[10], in);
		b = context_cleared(in);
		assert_int_equal(b.half[0] | b.half[1], 0);
		assert_memory_equal(os_virt(with_registers.root[in[3] >> 8].lo &
					    ~0xfffull), none, sizeof(none));
	}
}

/* 6.5.2.5: with S, 2^am pages are told by am - 1 ones from bit 12 on and a zero
 * above them; all of memory by ones up to bit 62. */
static struct bits devtlb_wanted(uint64_t sid, uint64_t addr, unsigned am)
{
	struct bits b = { { 3 | sid << 32, am ? 1 : 0 } };

	for (unsigned n = 12 + am; n < 64; n++)
		if (am < 52 && addr >> n & 1)
			set_bit(&b, HI(n));
	for (unsigned n = 12; n + 1 < 12 + am; n++)
		set_bit(&b, HI(n));
	return b;
}

static void test_every_size_of_a_device_tlb_flush(void **state)
{
	struct bits want, got;
	uint64_t addr;

	(void)state;
	for (unsigned am = 0; am <= 52; am++)
		for (unsigned n = 0; n < 2000; n++) {
			addr = n < 64 ? 1ull << n : bare_random();
			addr &= am < 52 ? ~mask(12 + am) : 0;
			want = devtlb_wanted(0x1234, addr, am);
			got = submitted(inv_devtlb(0x1234, addr, (uint8_t)am));
			assert_memory_equal(&want, &got, sizeof(got));
		}
}

/* Every kind of drain, where the unit has it (11.4.2: bits 54 and 55). */
static void test_drains_as_far_as_the_unit_can(void **state)
{
	struct qi_desc i = inv_iotlb_global();
	struct vtd *u = &with_queue;
	struct vtd_ticket t;
	uint64_t lo;

	(void)state;
	for (uint64_t d = 0; d < 4; d++) {
		u->cap = d << 54;
		*u->queue.status = u->queue.tail;
		lo = u->queue.tail % VTD_QUEUE_SIZE;
		assert_int_equal(vtd_submit(u, &i, 1, &t), 0);
		assert_int_equal(u->queue.ring[lo].lo, 0x12 | d << 6);
		with_registers.cap = d << 54;
		assert_int_equal(vtd_submit(&with_registers, &i, 1, &t), 0);
		assert_int_equal(bare_written(IRO + 8, 8),
				 1ull << 63 | 1ull << 60 | d << 48);
	}
}

/* 11.4.4: what lasts is repeated, what is done once is not; one bit changes. */
static void test_commands_repeat_what_lasts(void **state)
{
	static const unsigned once[] = { 24, 27, 29, 30 };
	static const unsigned lasting[] = { 23, 25, 26, 28, 31 };
	struct vtd *u = &with_registers;
	uint32_t bit;

	(void)state;
	for (uint32_t was = 0; was < 32; was++) {
		u->gcmd = 0;
		for (unsigned n = 0; n < 5; n++)
			u->gcmd |= (was >> n & 1) << lasting[n];
		for (unsigned n = 0; n < 4; n++) {
			uint32_t before = u->gcmd;

			bit = 1u << once[n];
			assert_int_equal(vtd_command(u, bit, true, bit, ""), 0);
			assert_int_equal(bare_written(0x18, 4), before | bit);
			assert_int_equal(u->gcmd, before);
		}
		for (unsigned n = 0; n < 5; n++) {
			uint32_t before = u->gcmd;

			bit = 1u << lasting[n];
			assert_int_equal(vtd_command(u, bit, true, bit, ""), 0);
			assert_int_equal(bare_written(0x18, 4), before | bit);
			assert_int_equal(vtd_command(u, bit, false, 0, ""), 0);
			assert_int_equal(bare_written(0x18, 4), before & ~bit);
			u->gcmd = before;
		}
	}
}

/* 11.4.14: one bit of a record at a time. */
static void fault_of(uint64_t lo, uint64_t hi)
{
	struct vtd *u = &with_registers;
	struct vtd_fault f;
	bool lost;

	u->cap = 0x40ull << 24;			/* CAP.FRO: at 0x400 */
	u->next_fault = 0;
	bare_register(0x400, lo);
	bare_register(0x408, hi | 1ull << 63);
	bare_register(0x34, 2);			/* FSTS.PPF */
	assert_int_equal(fault_take(u, &f, 1, &lost), 1);
	assert_int_equal(f.addr, (hi >> 32 & 0xff) < 0x20 ? lo >> 12 << 12 :
			 lo >> 48);
	assert_int_equal(f.sid, hi & 0xffff);
	assert_int_equal(f.reason, hi >> 32 & 0xff);
	assert_int_equal(f.read, hi >> 62 & 1);
}

static void test_every_bit_of_a_fault_record(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 64; n++) {
		fault_of(1ull << n, 0);
		fault_of(0, 1ull << n);
	}
	for (unsigned n = 0; n < 10000; n++)
		fault_of(bare_random(), bare_random());
}

/* 3.4: 9 bits of the address a level, from bit 12 on. */
static void test_the_index_of_every_address_bit(void **state)
{
	uint64_t va;

	(void)state;
	for (unsigned n = 0; n < 20064; n++) {
		va = n < 64 ? 1ull << n : bare_random();
		for (unsigned level = 1; level <= 5; level++)
			assert_int_equal(sl_index(va, level), va >>
					 (3 + 9 * level) & 0x1ff);
	}
	for (unsigned level = 1; level <= 5; level++)
		assert_int_equal(sl_span(level), 1ull << (3 + 9 * level));
}

static int setup(void **state)
{
	(void)state;
	bare_unit(&with_queue, 0, 2);
	bare_unit(&with_registers, 0, (uint64_t)IRO / 16 << 8);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bare_unit_free(&with_queue);
	bare_unit_free(&with_registers);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_at_every_bit),
		cmocka_unit_test(test_the_entry_of_every_source_id),
		cmocka_unit_test(test_every_size_of_a_device_tlb_flush),
		cmocka_unit_test(test_drains_as_far_as_the_unit_can),
		cmocka_unit_test(test_commands_repeat_what_lasts),
		cmocka_unit_test(test_every_bit_of_a_fault_record),
		cmocka_unit_test(test_the_index_of_every_address_bit),
		cmocka_unit_test(test_all_fields_by_chance),
	};

	return cmocka_run_group_tests_name("entries and descriptors", tests,
					   setup, teardown);
}
