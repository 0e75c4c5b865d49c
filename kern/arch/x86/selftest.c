/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a unit does as it should, asked of the unit itself (selftest.h): its
 * registers are what they were and were set to, and it answers.  Whatever is
 * flushed for that is nobody's: domain DID_KERNEL, and an interrupt's entry
 * that the unit reads again.  No part of the driver: one of its users, on
 * the level of iommu*.c.
 *
 * Called by a thread that holds no lock, with power and hand-over kept still.
 */
#include <iommu.h>
#include <selftest.h>
#include <vtd/vtd.h>

#define IRTA_ADDR	~(PGSIZE - 1ull)

/* VT-d 11.4.1 to 11.4.3. */
static const char *check_capabilities(const struct vtd *u)
{
	uint64_t frcd = field_get(u->cap, CAP_FRO);
	uint64_t iotlb = field_get(u->ecap, ECAP_IRO);

	if (u->version >> 8 || field_get(u->cap, CAP_ND) == 7)
		return "reserved bits in its version or capabilities";
	if (!frcd || (iotlb >= frcd &&
		      iotlb <= frcd + field_get(u->cap, CAP_NFR)))
		return "its fault records stand where other registers do";
	if (u->ecap & (ECAP_IR | ECAP_DT) && !(u->ecap & ECAP_QI))
		return "interrupt remapping or device TLBs without a queue";
	if (u->ecap & ECAP_EIM && !(u->ecap & ECAP_IR))
		return "x2APIC ids without interrupt remapping";
	return NULL;
}

static const char *check_registers(struct vtd *u)
{
	uint32_t version = vtd_get32(u, VER), gsts = vtd_get32(u, GSTS);

	if (version == ~0u)
		return "reads as all ones";
	if (version != u->version || vtd_get64(u, CAP) != u->cap ||
	    vtd_get64(u, ECAP) != u->ecap)
		return "version or capabilities are not what they were";
	if ((gsts & GCMD_LASTING) != u->gcmd || !(gsts & GCMD_SRTP))
		return "its status is not what was commanded";
	return check_capabilities(u);
}

/* VT-d 9.1: all but the table's address is reserved. */
static const char *check_tables(struct vtd *u)
{
	uint64_t used = field_mask(RTADDR_ADDR) | field_mask(RTADDR_TTM);

	if ((vtd_get64(u, RTADDR) & used) != os_phys(u->root))
		return "its root table is not ours";
	for (unsigned i = 0; i < PGSIZE / sizeof(*u->root); i++)
		if (u->root[i].hi || u->root[i].lo & ~(ROOT_P |
						       field_mask(ROOT_CTP)))
			return "reserved bits in a root entry";
	return NULL;
}

static const char *ask(struct vtd *u, const struct qi_desc *list, unsigned n)
{
	return vtd_invalidate(u, list, n) < 0 ? vtd_failure(u) : NULL;
}

static const char *check_queue(struct vtd *u)
{
	if (vtd_get64(u, IQA) != (os_phys(u->queue.ring) |
				  field_make(IQA_QS, VTD_QUEUE_ORDER)))
		return "its queue is not ours";
	if (field_get(vtd_get64(u, IQH), IQH_INDEX) >= VTD_QUEUE_SIZE)
		return "its head is outside of the queue";
	return ask(u, NULL, 0);		/* a wait alone */
}

static const char *check_context(struct vtd *u)
{
	struct qi_desc d = inv_context_device(DID_KERNEL, 0);

	return ask(u, &d, 1);
}

static const char *check_iotlb(struct vtd *u)
{
	struct qi_desc list[] = {
		inv_iotlb_domain(DID_KERNEL),
		inv_iotlb_pages(DID_KERNEL, 0, 0, true),
	};

	return ask(u, list, u->cap & CAP_PSI ? 2 : 1);
}

static const char *check_interrupts(struct vtd *u)
{
	struct qi_desc d = inv_iec_index(0);

	if ((vtd_get64(u, IRTA) & IRTA_ADDR) != os_phys(u->irt))
		return "its interrupt table is not ours";
	return ask(u, &d, 1);
}

/* A fault that is told of, recorded, or being served. */
static bool fault_pending(struct vtd *u)
{
	uint64_t at = field_get(u->cap, CAP_FRO) * 16 + FRCD_HI;

	for (unsigned i = 0; i <= field_get(u->cap, CAP_NFR); i++)
		if (vtd_get64(u, REG64(at + i * FRCD_STRIDE)) & FRCD_F)
			return true;
	return vtd_get32(u, FSTS) & (FSTS_PPF | FSTS_PFO) ||
		vtd_get32(u, FECTL) & FECTL_IM;
}

/* Faults that come meanwhile are taken out by whoever serves them. */
static const char *check_faults(struct vtd *u)
{
	struct deadline end = deadline_in(VTD_DEADLINE);

	if (!u->has_event)
		return "no interrupt tells of its faults";
	if (vtd_get32(u, FEDATA) != u->event_data ||
	    vtd_get32(u, FEADDR) != (uint32_t)u->event_addr ||
	    vtd_get32(u, FEUADDR) != u->event_addr >> 32)
		return "its fault event is not ours";
	while (fault_pending(u))
		if (deadline_over(&end))
			return "a fault stays recorded, or its event masked";
	return NULL;
}

static const struct {
	const char *name;
	const char *(*run)(struct vtd *u);
} checks[] = {
	{ "registers", check_registers }, { "tables", check_tables },
	{ "queue", check_queue }, { "context", check_context },
	{ "iotlb", check_iotlb }, { "interrupts", check_interrupts },
	{ "faults", check_faults },
};

struct selftest selftest(unsigned unit, unsigned n)
{
	struct selftest t = { 0 };
	struct vtd *u = iommu_unit(unit);

	if (!u || n >= ARRAY_SIZE(checks))
		return t;
	t.name = checks[n].name;
	t.skipped = u->unsupported;
	if (checks[n].run == check_queue && !u->queue.ring)
		t.skipped = "it is asked by registers";
	if (checks[n].run == check_interrupts && !u->irt)
		t.skipped = "it remaps no interrupts";
	if (!t.skipped)
		t.wrong = vtd_alive(u) ? checks[n].run(u) : vtd_failure(u);
	return t;
}
