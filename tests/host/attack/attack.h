/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attacks of tests/host/test_attack.c, and what they share: an attacker and
 * a victim, who is hurt if the oracle says so, or if the attack returns true.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include "../bench.h"

#include <quarantine.h>

#define THEIRS	(VA + 64 * PAGE)	/* where only the victim has memory */

extern struct bench b;
extern struct process *me, *victim;
extern uint64_t heard;		/* reasons of faults, a bit each */
extern bool lazily;		/* unmapping is lazy */

/* bench_open, to be followed by bench_boot and processes; or all three. */
void open_bench(const char *triple, int wired);
void processes(void);
void start(const char *triple, int wired);
/* The attacker owns the device, and its unit has the pages cached. */
void own(struct function *f, unsigned words);
void start_with_device(void);
bool reaches(struct function *f, uint64_t va, bool write);
/* The attacker's munmap; what comes of it, as of iommu_flush.  In lazy mode the
 * pages wait for a flush, and then it is this one's result that counts. */
int give_up(uint64_t va, unsigned pages);
int end_of_waiting(void);
/* Between any two steps of the driver, that device at that address. */
void writes_always(struct function *f, uint64_t va);
void serve(void);

/* By the ids of their rows. */
#define ATTACKS(X) \
	X(unmap_write) X(unmap_read) X(unmap_posted) X(unmap_table) \
	X(unmap_dead_unit) X(protect_write) X(copy_on_write) \
	X(detach_context) X(detach_iotlb) X(detach_posted) \
	X(detach_pending) X(detach_armed) X(detach_armed_no_reset) \
	X(domain_id) X(nobody) X(power_off_dma) \
	X(power_off_stubborn) X(power_on) X(forged_translation) \
	X(device_tlb) X(device_tlb_mute) X(msi_old_format) \
	X(msi_of_another) X(msi_next_owner) X(msi_after_detach) \
	X(msi_other_bus) X(msi_torn) X(sibling_alias) \
	X(sibling_function) X(fault_storm)
#define DECLARE(name) bool attack_##name(void);
ATTACKS(DECLARE)

#endif
