/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations by chance: processes come and go, map pages and large blocks,
 * narrow, replace and unmap, at once or lazily, devices are attached, with
 * their TLBs or without, detached, reset and moved, power goes off and on,
 * faults are served, memory runs out, queues stumble, devices and units break;
 * and at every step some device attacks.  After each, what should get through
 * does, and what should not has been watched all the time.
 *
 * SEED and OPS (of a run) say where to begin and how long, RUNS how many runs,
 * STRIDE how far their seeds are apart.  A seed that fails is printed and gives
 * the same run again.
 */
#include "chance.h"

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

static uint64_t operations, accesses;
static uint64_t lazily, late;	/* of the operations; pages so unmapped */
static bool met[64];		/* kinds of units, by number */

/* How many kinds: of those that were ever built, or of the others. */
static unsigned kinds_met(bool built)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ntriples; i++)
		n += met[i] && built == (strncmp(triple_at(i)->name,
						 "real unit", 9) == 0 ||
					 strcmp(triple_at(i)->name,
						"qemu") == 0);
	return n;
}

static void one_run(uint64_t seed, unsigned ops)
{
	static char label[60];
	static struct run r;

	run_open(&r, seed);
	snprintf(label, sizeof(label), "SEED=%lu OPS=%u", seed, ops);
	r.b.m->label = label;
	while (r.ops < ops && !r.b.m->violations)
		run_one(&r);
	for (unsigned i = 0; i < UNITS; i++)
		met[r.kinds[i]] = true;
	operations += r.ops;
	accesses += r.b.m->accesses;
	lazily += r.mode.lazy ? r.ops : 0;
	late += r.late;
	run_close(&r);
}

static void test_operations_by_chance(void **state)
{
	uint64_t seed = setting("SEED", 1), ops = setting("OPS", 150);
	uint64_t runs = setting("RUNS", getenv("OPS") ? 1 : 2 * ntriples);
	uint64_t stride = setting("STRIDE", 1);

	(void)state;
	for (; runs; runs--, seed += stride)
		one_run(seed, (unsigned)ops);
	assert_true(accesses > operations);
	assert_true((late && lazily < operations) || getenv("OPS"));
	print_message("%lu operations, %u+%u kinds of units, %lu accesses, "
		      "%lu of the operations in lazy mode, %lu pages\n",
		      operations, kinds_met(true), kinds_met(false), accesses,
		      lazily, late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(test_operations_by_chance),
	};

	return cmocka_run_group_tests_name("chance", tests, NULL, NULL);
}
