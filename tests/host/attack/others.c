/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks by interrupts, by siblings, and by faults without end. */
#include "attack.h"

#define VECTOR	0x51
#define APIC	3u

/* Interrupts */

struct line {
	struct iommu_irq irq;
	uint64_t addr;
	uint32_t data;
};

static struct line line;

static void open_line(struct function *f, uint8_t vector)
{
	line = (struct line){ .addr = 0xfee00000, .data = vector };
	model_call(b.m);
	assert_int_equal(iommu_irq_open(dev(f), vector, APIC, &line.irq,
					&line.addr, &line.data), 0);
}

static void close_line(void)
{
	model_call(b.m);
	assert_int_equal(iommu_irq_close(&line.irq), 0);
}

static bool arrives(struct function *f)
{
	return model_message(b.m, f, line.addr, line.data).reason == OK;
}

static void start_interrupts(void)
{
	start("qemu", WITHOUT_WIRED);
	own(b.flr, 0);
}

/* The vector stands in the message itself, as before there was remapping. */
bool attack_msi_old_format(void)
{
	start_interrupts();
	line = (struct line){ .addr = 0xfee00000 | APIC << 12, .data = VECTOR };
	return arrives(b.flr);
}

bool attack_msi_of_another(void)
{
	start_interrupts();
	open_line(b.af, VECTOR);
	return arrives(b.flr);
}

/* The next owner of the unit's entry has the same index. */
bool attack_msi_next_owner(void)
{
	start_interrupts();
	open_line(b.flr, VECTOR);
	assert_true(arrives(b.flr));
	close_line();
	open_line(b.af, VECTOR + 1);
	return arrives(b.flr);
}

bool attack_msi_after_detach(void)
{
	start_interrupts();
	open_line(b.flr, VECTOR);
	assert_true(arrives(b.flr));
	close_line();
	return arrives(b.flr);
}

bool attack_msi_other_bus(void)
{
	struct function *far;

	open_bench("qemu", WITHOUT_WIRED);
	model_bridge(b.m, 0, 0, 7, 0, BRIDGE_TO_PCI, 4, 4);
	far = model_function(b.m, 0, 4, 1, 0, 0, b.u);
	bench_boot(&b);
	processes();
	own(b.flr, 0);
	open_line(far, VECTOR);
	return arrives(b.flr);
}

static struct line old;
static bool torn;

static void try_old_line(struct machine *m, const struct happening *h)
{
	if (h->what != E_LOCK && h->what != E_UNLOCK && !m->nheld)
		torn |= model_message(m, b.flr, old.addr, old.data).reason ==
			OK;
}

bool attack_msi_torn(void)
{
	start_interrupts();
	open_line(b.flr, VECTOR);
	old = line;
	close_line();
	torn = false;
	b.m->policy.keep = KEEP_NOTHING;
	b.m->policy.leave = LEAVE_AT_ONCE;
	b.m->hook = try_old_line;
	open_line(b.af, VECTOR + 1);
	assert_int_equal(line.addr, old.addr);
	b.m->hook = NULL;
	return torn;
}

/* Neighbours */

bool attack_sibling_alias(void)
{
	struct function *mine, *theirs;

	open_bench("qemu", WITHOUT_WIRED);
	model_bridge(b.m, 0, 0, 7, 0, BRIDGE_TO_PCI, 4, 4);
	mine = model_function(b.m, 0, 4, 1, 0, 0, b.u);
	theirs = model_function(b.m, 0, 4, 2, 0, 0, b.u);
	bench_boot(&b);
	processes();
	theirs->holder = me->o;		/* they go together */
	assert_int_equal(process_attach(me, mine, 0), 0);
	if (process_attach(victim, theirs, 0) < 0)
		return false;
	theirs->holder = victim->o;
	return reaches(mine, THEIRS, true);
}

bool attack_sibling_function(void)
{
	struct function *mine, *theirs;

	open_bench("qemu", WITHOUT_WIRED);
	mine = model_function(b.m, 0, 0, 9, 0, FN_PCIE, b.u);
	theirs = model_function(b.m, 0, 0, 9, 1, FN_PCIE, b.u);
	bench_boot(&b);
	processes();
	own(mine, 0);
	return process_attach(victim, theirs, 0) == 0 &&
		model_peer_reaches(b.m, mine, theirs);
}

bool attack_fault_storm(void)
{
	start_with_device();
	for (unsigned i = 0; i < 4 * IOMMU_STORM_FAULTS; i++) {
		reaches(b.flr, THEIRS, true);
		serve();
	}
	return function_mastering(b.flr);
}
