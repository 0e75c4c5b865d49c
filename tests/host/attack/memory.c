/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks by DMA: on memory that was the attacker's, in hand-over, by devices
 * of nobody, without translation, and with device TLBs. */
#include "attack.h"

/* Memory that was the attacker's */

/* What it does while the page waits for its flush hurts nobody else, or the
 * oracle says so. */
static bool reaches_behind_unmap(bool write)
{
	start_with_device();
	assert_int_equal(give_up(VA, 1), 0);
	if (lazily)
		reaches(b.flr, VA, write);
	assert_int_equal(end_of_waiting(), 0);
	return reaches(b.flr, VA, write);
}

bool attack_unmap_write(void)
{
	return reaches_behind_unmap(true);
}

bool attack_unmap_read(void)
{
	return reaches_behind_unmap(false);
}

static void land_all(void)
{
	while (b.u->nposted)
		dma_land(b.u, 0);
}

bool attack_unmap_posted(void)
{
	start_with_device();
	assert_true(model_dma_posted(b.m, 0, b.flr->sid, VA, true));
	assert_int_equal(give_up(VA, 1), 0);
	if (lazily) {
		land_all();
		assert_true(model_dma_posted(b.m, 0, b.flr->sid, VA, true));
	}
	assert_int_equal(end_of_waiting(), 0);
	land_all();
	return false;
}

bool attack_unmap_table(void)
{
	start("caching, coherent", WITHOUT_WIRED);
	own(b.flr, 0);
	writes_always(b.flr, VA);
	assert_int_equal(give_up(VA & -(2ul << 20), 512), 0);
	assert_int_equal(end_of_waiting(), 0);
	return reaches(b.flr, VA, true);
}

bool attack_unmap_dead_unit(void)
{
	start_with_device();
	b.u->trouble.slow_queue = true;
	(void)give_up(VA, 1);
	(void)end_of_waiting();
	return reaches(b.flr, VA, true);
}

bool attack_protect_write(void)
{
	start_with_device();
	assert_int_equal(process_protect(me, VA, 1, IOMMU_READ), 0);
	return reaches(b.flr, VA, true);
}

bool attack_copy_on_write(void)
{
	start_with_device();
	assert_int_equal(process_replace(me, VA, RW), 0);
	assert_true(reaches(b.flr, VA, true));	/* the copy, which is its own */
	return false;
}

/* Hand-over */

static void hand_on(struct function *f, unsigned words)
{
	assert_int_equal(process_detach(f), 0);
	assert_int_equal(process_attach(victim, f, words), 0);
}

/* The page is in no cache, but the way to its table may be. */
bool attack_detach_context(void)
{
	start_with_device();
	assert_int_equal(process_map(me, VA + 2 * PAGE, 1, RW), 0);
	hand_on(b.flr, 0);
	return reaches(b.flr, VA + 2 * PAGE, true);
}

bool attack_detach_iotlb(void)
{
	start_with_device();
	hand_on(b.flr, 0);
	return reaches(b.flr, VA + PAGE, true);
}

bool attack_detach_posted(void)
{
	start_with_device();
	assert_true(model_dma_posted(b.m, 0, b.flr->sid, VA, true));
	assert_int_equal(process_detach(b.flr), 0);
	assert_int_equal(process_unmap(me, VA, 2), 0);
	land_all();
	return false;
}

/* Requests that it has made already go on when it is off the bus. */
bool attack_detach_pending(void)
{
	struct function *f;

	open_bench("qemu without caching mode", WITHOUT_WIRED);
	f = model_function(b.m, 0, 0, 9, 0, FN_PCIE, b.u);
	bench_boot(&b);
	processes();
	own(f, 0);
	f->drains = 5;
	writes_always(f, VA);
	hand_on(f, IOMMU_UNSAFE);
	return false;
}

/* Told to write to VA again and again; a reset makes it forget that. */
bool attack_detach_armed(void)
{
	unsigned resets;

	start_with_device();
	resets = b.flr->resets;
	hand_on(b.flr, 0);
	return b.flr->resets == resets && reaches(b.flr, VA, true);
}

bool attack_detach_armed_no_reset(void)
{
	start("qemu without caching mode", WITHOUT_WIRED);
	own(b.plain, 0);
	assert_int_equal(process_detach(b.plain), 0);
	return process_attach(victim, b.plain, 0) == 0 &&
		reaches(b.plain, VA, true);
}

/* The victim's device has its page cached; is it so for the attacker's? */
bool attack_domain_id(void)
{
	start("qemu without caching mode", WITHOUT_WIRED);
	assert_int_equal(process_attach(me, b.flr, 0), 0);
	assert_int_equal(process_attach(victim, b.plain, 0), 0);
	assert_true(can_write(victim, b.plain, THEIRS));
	return reaches(b.flr, THEIRS, true);
}

/* No owner, no translation */

bool attack_nobody(void)
{
	start("qemu without caching mode", WITH_WIRED);
	return reaches(b.wired, owner_find(victim->o, VA)->is, true);
}

bool attack_power_off_dma(void)
{
	start_with_device();
	writes_always(b.flr, VA);
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	return reaches(b.flr, owner_find(victim->o, VA)->is, true);
}

bool attack_power_off_stubborn(void)
{
	start("qemu without caching mode", WITH_WIRED);
	model_call(b.m);
	(void)!iommu_power(false);
	return reaches(b.wired, owner_find(victim->o, VA)->is, true);
}

bool attack_power_on(void)
{
	start_with_device();
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	writes_always(b.flr, VA);
	model_call(b.m);
	assert_int_equal(iommu_power(true), 0);
	return false;
}

/* Device TLBs */

static struct function *start_with_tlb(unsigned words)
{
	struct function *f;
	struct image image;

	open_bench("qemu", WITHOUT_WIRED);
	f = model_function(b.m, 0, 0, 16, 0, FN_ATS | FN_FLR, b.u);
	bench_table(b.m, &image);
	put_ports(&image, DMAR_ATSR, DMAR_ATSR_ALL_PORTS, 0);
	bench_boot_image(&b, &image);
	processes();
	own(f, words);
	return f;
}

/* It turns its TLB on by itself and says that the victim's frame is what it was
 * told. */
bool attack_forged_translation(void)
{
	struct function *f = start_with_tlb(0);

	f->config[f->ats + 7] |= 0x80;
	f->kept[f->nkept++] = (struct tlb_line){
		.sid = f->sid, .shift = 12, .va = THEIRS,
		.pa = owner_find(victim->o, THEIRS)->is, .rights = RW,
	};
	return model_ats_dma(b.m, 0, f->sid, THEIRS, true);
}

bool attack_device_tlb(void)
{
	struct function *f = start_with_tlb(IOMMU_ATS);

	assert_true(model_ats_ask(b.m, 0, f->sid, VA));
	assert_true(model_ats_dma(b.m, 0, f->sid, VA, true));
	assert_int_equal(give_up(VA, 1), 0);
	if (lazily)
		model_ats_dma(b.m, 0, f->sid, VA, true);
	assert_int_equal(end_of_waiting(), 0);
	return model_ats_dma(b.m, 0, f->sid, VA, true);
}

bool attack_device_tlb_mute(void)
{
	struct function *f = start_with_tlb(IOMMU_ATS);

	assert_true(model_ats_ask(b.m, 0, f->sid, VA));
	f->mute = true;
	assert_int_equal(give_up(VA, 1), 0);
	if (lazily)
		model_ats_dma(b.m, 0, f->sid, VA, true);
	assert_int_equal(end_of_waiting(), 0);
	return model_ats_dma(b.m, 0, f->sid, VA, true);
}
