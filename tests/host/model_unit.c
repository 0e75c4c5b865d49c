/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A unit's register file (11.4) and the commands of GCMD (11.4.4).  A register
 * is read and written in its own width, where it exists; commands change one
 * bit at a time and take their time.
 */
#include "model.h"

struct caps decode_caps(uint32_t ver, uint64_t cap, uint64_t ecap)
{
	unsigned nd = (unsigned)bits(cap, 2, 0);

	return (struct caps){
		.domains = 1u << (4 + 2 * (nd < 7 ? nd : 6)),
		.afl = bit(cap, 3), .rwbf = bit(cap, 4), .plmr = bit(cap, 5),
		.phmr = bit(cap, 6), .cm = bit(cap, 7),
		.sagaw = (unsigned)bits(cap, 12, 8),
		.mgaw = (unsigned)bits(cap, 21, 16) + 1,
		.zlr = bit(cap, 22), .fro = (unsigned)bits(cap, 33, 24) * 16,
		.sllps = (unsigned)bits(cap, 37, 34), .psi = bit(cap, 39),
		.records = (unsigned)bits(cap, 47, 40) + 1,
		.mamv = (unsigned)bits(cap, 53, 48), .dwd = bit(cap, 54),
		.drd = bit(cap, 55), .esrtps = bit(cap, 63),
		.coherent = bit(ecap, 0), .qi = bit(ecap, 1),
		.esirtps = bit(cap, 62), .mhmv = (unsigned)bits(ecap, 23, 20),
		.dt = bit(ecap, 2), .ir = bit(ecap, 3), .eim = bit(ecap, 4),
		.pt = bit(ecap, 6), .sc = bit(ecap, 7),
		.iro = (unsigned)bits(ecap, 17, 8) * 16,
		.major = ver >> 4 & 15,
	};
}

struct model_unit *model_unit(struct machine *m, physaddr_t base,
			      uint16_t segment, uint32_t ver, uint64_t cap,
			      uint64_t ecap)
{
	struct model_unit *u = calloc(1, sizeof(*u));

	assert_non_null(u);
	*u = (struct model_unit){
		.m = m, .base = base, .segment = segment, .ver = ver,
		.cap = cap, .ecap = ecap, .c = decode_caps(ver, cap, ecap),
		.fectl = FE_IM,
	};
	if (u->c.rwbf)
		memory_add_buffer(u);
	m->units[m->nunits++] = u;
	return u;
}

void model_unit_free(struct model_unit *u)
{
	memory_drop_buffer(u);
	free(u->context);
	free(u->tlb);
	free(u->tables);
	free(u);
}

unsigned unit_delay(struct model_unit *u)
{
	return model_random(u->m, u->m->policy.latency + 1);
}

/* Registers beside the fault records and those at ECAP.IRO: width in bytes; 0:
 * there is none. */
static unsigned width_at(const struct model_unit *u, unsigned off)
{
	switch (off) {
	case R_VER: case R_GCMD: case R_GSTS: case R_FSTS: case R_FECTL:
	case R_FEDATA: case R_FEADDR: case R_FEUADDR:
		return 4;
	case R_CAP: case R_ECAP: case R_RTADDR:
		return 8;
	case R_CCMD:		/* gone from version 6 on: 6.5 */
		return u->c.major < 6 ? 8 : 0;
	case R_IQH: case R_IQT: case R_IQA: case R_IQERCD:
		return u->c.qi ? 8 : 0;
	case R_IRTA:
		return u->c.ir ? 8 : 0;
	case R_PMEN: case R_PLMBASE: case R_PLMLIMIT:
	case R_PHMBASE: case R_PHMLIMIT:
		return protect_width(u, off);
	}
	if (u->c.major < 6 && (off == u->c.iro || off == u->c.iro + 8))
		return 8;
	return 0;
}

/* Of the dword or qword at `off` the fault record that it is of; -1: of none.
 */
static int record_at(const struct model_unit *u, unsigned off)
{
	if (!u->c.fro || off < u->c.fro ||
	    off >= u->c.fro + u->c.records * 16)
		return -1;
	return (int)((off - u->c.fro) / 16);
}

/* A record is read by halves; F is cleared in the half or in its dword. */
static bool record_access(const struct model_unit *u, unsigned off,
			  unsigned width, bool write)
{
	unsigned at = (off - u->c.fro) % 16;

	if (write)
		return (at == 8 && width == 8) || (at == 12 && width == 4);
	return at % 8 == 0 ? width == 8 : at == 12 && width == 4;
}

static bool proper(struct model_unit *u, unsigned off, unsigned width,
		   bool write)
{
	bool good = record_at(u, off) >= 0 ?
		record_access(u, off, width, write) :
		width_at(u, off) == width;

	if (!good)
		model_violation(u->m, "unit 0x%lx: %u bytes %s at 0x%x: no "
				"such register", u->base, width,
				write ? "written" : "read", off);
	return good;
}

static uint64_t read_record(struct model_unit *u, unsigned off)
{
	struct descriptor *r = &u->record[record_at(u, off)];

	switch ((off - u->c.fro) % 16) {
	case 0:
		return r->lo;
	case 8:
		return r->hi;
	default:
		return r->hi >> 32;
	}
}

uint64_t unit_read(struct model_unit *u, unsigned off, unsigned width)
{
	if (u->trouble.gone)
		return width == 4 ? UINT32_MAX : UINT64_MAX;
	if (!proper(u, off, width, false))
		return 0;
	if (record_at(u, off) >= 0)
		return read_record(u, off);
	switch (off) {
	case R_VER:
		return u->ver;
	case R_CAP:
		return u->cap;
	case R_ECAP:
		return u->ecap;
	case R_GSTS:
		return u->gsts;
	case R_RTADDR:
		return u->rtaddr;
	case R_CCMD:
		return u->ccmd;
	case R_FSTS:
		return fault_fsts(u);
	case R_FECTL:
		return u->fectl;
	case R_FEDATA:
		return u->fedata;
	case R_FEADDR:
		return u->feaddr;
	case R_FEUADDR:
		return u->feuaddr;
	case R_IQH:
		return u->iqh;
	case R_IQT:
		return u->iqt;
	case R_IQA:
		return u->iqa;
	case R_IQERCD:
		return u->fsts & (FS_ITE | FS_ICE) ? u->iqercd : 0;
	case R_IRTA:
		return u->irta;
	case R_PMEN: case R_PLMBASE: case R_PLMLIMIT:
	case R_PHMBASE: case R_PHMLIMIT:
		return protect_read(u, off);
	}
	if (off == u->c.iro + 8)
		return u->iotlb;
	return 0;		/* GCMD and IVA are write-only */
}

/* 11.4.4: one bit at a time, none while one is under way; those that last are
 * repeated, those done once are not. */
static void command(struct model_unit *u, uint32_t v)
{
	uint32_t change = ((v ^ u->gsts) & G_LASTING) | (v & G_ONCE);
	const char *bad = NULL;

	if (u->command)
		bad = "an earlier command is under way";
	else if (v & ~(G_LASTING | G_ONCE))
		bad = "reserved bits";
	else if (change & (change - 1))
		bad = "more than one bit changes";
	else if ((change & (G_SFL | G_EAFL) && !u->c.afl) ||
		 (change & G_QIE && !u->c.qi) ||
		 (change & (G_IRE | G_SIRTP | G_CFI) && !u->c.ir))
		bad = "the unit has no such feature";
	else if (change & v & G_TE && !(u->gsts & G_SRTP))
		bad = "translation without a root table";
	else if (change & v & G_IRE && !(u->gsts & G_SIRTP))
		bad = "interrupt remapping without a table";
	if (bad)
		model_violation(u->m, "unit 0x%lx: GCMD 0x%x: %s", u->base, v,
				bad);
	if (bad || !change || (change == G_WBF && !u->c.rwbf))
		return;
	u->command = change;
	u->command_sets = v & change;
	u->command_delay = unit_delay(u);
	if (change & (G_SRTP | G_SIRTP))
		u->gsts &= ~change;
	if (change & G_WBF)
		u->gsts |= change;
}

/* Rules 1 and 7: nobody masters the bus while translation goes
 * on or off. */
static void check_nobody_masters(struct model_unit *u)
{
	for (struct function *f = u->m->functions; f; f = f->next)
		if (f->unit == u && !u->tolerant && !f->gone &&
		    function_mastering(f) &&
		    !(f->firmwares && u->command_sets) &&
		    !(f->kind & (FN_HARDWIRED | FN_HOST_BRIDGE)))
			model_violation(u->m, "translation goes %s while %x "
					"masters the bus", u->command_sets ?
					"on" : "off", f->sid);
}

/* 6.6: in flight, the old root or the new; what was cached by the old one
 * stays, but for units that say CAP.ESRTPS. */
static void set_root(struct model_unit *u)
{
	if (u->gsts & G_TE && bits(u->rtaddr ^ u->mode, 11, 10))
		model_violation(u->m, "RTADDR: another mode while on");
	u->mode = u->rtaddr & ones(11, 10);
	if (u->rtaddr & 0xfff || !memory_has(u->rtaddr))
		model_violation(u->m, "RTADDR is 0x%lx", u->rtaddr);
	u->root = u->rtaddr & ~0xfffull;
	u->context_clean = u->tlb_clean = u->c.esrtps;
	if (u->c.esrtps) {
		cache_drop_context(u, BY_ALL, 0, 0, 0);
		cache_drop_tlb(u, BY_ALL, 0, 0, 0, false);
	}
}

/* 11.4.4, TE: before it is enabled, anew or again, all caches are invalidated,
 * the context cache first. */
static void check_caches_clean(struct model_unit *u)
{
	if (u->command_sets && !u->tlb_clean && !u->tolerant)
		model_violation(u->m, "translation goes on without global "
				"invalidations before");
	u->context_clean = u->tlb_clean = false;
}

/* 11.4.4, IRE and SIRTP: likewise for the interrupt entry cache. */
static void check_interrupt_table(struct model_unit *u, uint32_t what)
{
	physaddr_t at = u->irta & ~0xfffull;

	if (what == G_SIRTP) {
		u->iec_clean = u->c.esirtps;
		if (!memory_has(at) || u->m->mem.page[memory_index(u->m, at)]
		    .state != PAGE_DRIVER)
			model_violation(u->m, "IRTA is 0x%lx", u->irta);
	}
	if (what == G_IRE && u->command_sets && !u->iec_clean && !u->tolerant)
		model_violation(u->m, "interrupt remapping goes on without a "
				"global invalidation before");
}

static void carry_out(struct model_unit *u)
{
	uint32_t what = u->command;

	if (what == G_TE) {
		check_nobody_masters(u);
		check_caches_clean(u);
	}
	check_interrupt_table(u, what);
	if (what == G_QIE)
		inv_queue_on(u, u->command_sets);
	if (what == G_SRTP)
		set_root(u);
	if (what == G_WBF)
		memory_flush_buffer(u);
	if (u->command_sets && what != G_WBF && what != G_SFL)
		u->gsts |= what;
	else
		u->gsts &= ~what;
	u->command = 0;
}

static void write_queue_address(struct model_unit *u, uint64_t v)
{
	if (u->gsts & G_QIE || bits(v, 11, 3))
		model_violation(u->m, "IQA written with 0x%lx", v);
	u->iqa = v;
}

/* 11.4.23.1: bits above the host's width and 10:4 are reserved; EIME needs
 * ECAP.EIM. */
static void write_irta(struct model_unit *u, uint64_t v)
{
	if (bits(v, 10, 4) || v >> MODEL_HAW || (bit(v, 11) && !u->c.eim))
		model_violation(u->m, "IRTA written with 0x%lx", v);
	u->irta = v;
}

static void write_record(struct model_unit *u, unsigned off, uint64_t v)
{
	uint64_t hi = (off - u->c.fro) % 16 == 12 ? v << 32 : v;

	if (hi & FR_F)
		fault_clear_record(u, (unsigned)record_at(u, off));
}

/* 7.3: the fault event is an ordinary interrupt message. */
static void write_event(struct model_unit *u, unsigned off, uint32_t v)
{
	if (off == R_FEDATA)
		u->fedata = v;
	else if (off == R_FEADDR)
		u->feaddr = v;
	else
		u->feuaddr = v;
	if (off == R_FEADDR && (v & 3 || v < IRQ_FIRST || v > IRQ_LAST))
		model_violation(u->m, "FEADDR written with 0x%x", v);
}

void unit_write(struct model_unit *u, unsigned off, unsigned width, uint64_t v)
{
	if (u->trouble.gone || !proper(u, off, width, true))
		return;
	if (record_at(u, off) >= 0) {
		write_record(u, off, v);
		return;
	}
	switch (off) {
	case R_GCMD:
		command(u, (uint32_t)v);
		return;
	case R_RTADDR:
		u->rtaddr = v;
		return;
	case R_CCMD:
		inv_context_command(u, v);
		return;
	case R_FSTS:
		fault_write_fsts(u, (uint32_t)v);
		return;
	case R_FECTL:
		fault_write_fectl(u, (uint32_t)v);
		return;
	case R_FEDATA:
	case R_FEADDR:
	case R_FEUADDR:
		write_event(u, off, (uint32_t)v);
		return;
	case R_IQT:
		inv_tail(u, v);
		return;
	case R_IQA:
		write_queue_address(u, v);
		return;
	case R_IRTA:
		write_irta(u, v);
		return;
	case R_PMEN: case R_PLMBASE: case R_PLMLIMIT:
	case R_PHMBASE: case R_PHMLIMIT:
		protect_write(u, off, v);
		return;
	}
	if (off == u->c.iro)
		u->iva = v;
	else if (off == u->c.iro + 8)
		inv_iotlb_command(u, v);
	else
		model_violation(u->m, "unit 0x%lx: 0x%x is read-only", u->base,
				off);
}

void unit_tick(struct model_unit *u)
{
	if (u->command && !u->trouble.deaf && !u->command_delay--)
		carry_out(u);
	protect_tick(u);
	inv_tick(u);
	if (u->nposted && u->m->policy.leave != LEAVE_NEVER &&
	    !model_random(u->m, 16))
		dma_land(u, model_random(u->m, u->nposted));
}
