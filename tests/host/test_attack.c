/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of tests/attack/table that are shown in the model, a test each: a
 * hostile driver with all of its device in its hands, or a hostile device, goes
 * for a target.  It must not get there, and the attempt must be reported as the
 * table says.  With the row's guard taken away (tests/attack/controls) it must
 * get there: then a test prints "ROW got through" with what the oracle says.
 *
 * A row's function returns true where the attack has succeeded by what it sees
 * itself; what the oracle sees counts as well.
 */
#include "bench.h"

#define TABLE		"tests/attack/table"
#define MAX_ROWS	128
#define ROW_LEN		400
#define THEIRS		(VA + 64 * PAGE)	/* where only the victim has
						 * memory */
#define VECTOR		0x51
#define APIC		3u

struct row {
	char line[ROW_LEN];
	char *id, *reported;
	bool (*attack)(void);
	char test[64];
};

static struct bench b;
static struct process *me, *victim;
static uint64_t heard;		/* reasons of faults, a bit each */

static void hear(void *owner, const struct iommu_fault *f)
{
	(void)owner;
	heard |= 1ull << f->reason;
}

static void open_bench(const char *triple, int wired)
{
	heard = 0;
	bench_upper.fault = hear;
	bench_open(&b, triple_named(triple), wired, 1);
}

/* Both have memory at VA, and the victim at another address, too. */
static void processes(void)
{
	me = process(&b, 7);
	victim = process(&b, 8);
	assert_int_equal(process_map(me, VA, 2, RW), 0);
	assert_int_equal(process_map(victim, VA, 1, RW), 0);
	assert_int_equal(process_map(victim, THEIRS, 1, RW), 0);
}

static void start(const char *triple, int wired)
{
	open_bench(triple, wired);
	bench_boot(&b);
	processes();
}

static bool reaches(struct function *f, uint64_t va, bool write)
{
	uint64_t v = 0x6666666666666666;

	return model_dma(b.m, f->segment, f->sid, va, &v, sizeof(v), write);
}

/* The attacker owns the device, and its unit has the pages cached. */
static void own(struct function *f, unsigned words)
{
	assert_int_equal(process_attach(me, f, words), 0);
	assert_true(can_write(me, f, VA));
	assert_true(can_write(me, f, VA + PAGE));
}

static void start_with_device(void)
{
	start("qemu without caching mode", WITHOUT_WIRED);
	own(b.flr, 0);
}

/* Between any two steps of the driver, that device at that address. */
static struct {
	struct function *f;
	uint64_t va;
} busy;

static void go_on(struct machine *m, const struct happening *h)
{
	uint64_t v = 0;

	if (h->what != E_LOCK && h->what != E_UNLOCK)
		model_dma(m, busy.f->segment, busy.f->sid, busy.va, &v,
			  sizeof(v), true);
}

static void writes_always(struct function *f, uint64_t va)
{
	busy.f = f;
	busy.va = va;
	b.m->hook = go_on;
}

/* Memory that was the attacker's */

static bool unmap_write(void)
{
	start_with_device();
	assert_int_equal(process_unmap(me, VA, 1), 0);
	return reaches(b.flr, VA, true);
}

static bool unmap_read(void)
{
	start_with_device();
	assert_int_equal(process_unmap(me, VA, 1), 0);
	return reaches(b.flr, VA, false);
}

static void land_all(void)
{
	while (b.u->nposted)
		dma_land(b.u, 0);
}

static bool unmap_posted(void)
{
	start_with_device();
	assert_true(model_dma_posted(b.m, 0, b.flr->sid, VA, true));
	assert_int_equal(process_unmap(me, VA, 1), 0);
	land_all();
	return false;
}

static bool unmap_table(void)
{
	start("caching, coherent", WITHOUT_WIRED);
	own(b.flr, 0);
	writes_always(b.flr, VA);
	assert_int_equal(process_unmap(me, VA & -(2ul << 20), 512), 0);
	return reaches(b.flr, VA, true);
}

static bool unmap_dead_unit(void)
{
	start_with_device();
	b.u->trouble.slow_queue = true;
	(void)process_unmap(me, VA, 1);
	return reaches(b.flr, VA, true);
}

static bool write_protect(void)
{
	start_with_device();
	assert_int_equal(process_protect(me, VA, 1, IOMMU_READ), 0);
	return reaches(b.flr, VA, true);
}

static bool copy_on_write(void)
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
static bool detach_context(void)
{
	start_with_device();
	assert_int_equal(process_map(me, VA + 2 * PAGE, 1, RW), 0);
	hand_on(b.flr, 0);
	return reaches(b.flr, VA + 2 * PAGE, true);
}

static bool detach_iotlb(void)
{
	start_with_device();
	hand_on(b.flr, 0);
	return reaches(b.flr, VA + PAGE, true);
}

static bool detach_posted(void)
{
	start_with_device();
	assert_true(model_dma_posted(b.m, 0, b.flr->sid, VA, true));
	assert_int_equal(process_detach(b.flr), 0);
	assert_int_equal(process_unmap(me, VA, 2), 0);
	land_all();
	return false;
}

/* Requests that it has made already go on when it is off the bus. */
static bool detach_pending(void)
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
static bool detach_armed(void)
{
	unsigned resets;

	start_with_device();
	resets = b.flr->resets;
	hand_on(b.flr, 0);
	return b.flr->resets == resets && reaches(b.flr, VA, true);
}

static bool detach_armed_no_reset(void)
{
	start("qemu without caching mode", WITHOUT_WIRED);
	own(b.plain, 0);
	assert_int_equal(process_detach(b.plain), 0);
	return process_attach(victim, b.plain, 0) == 0 &&
		reaches(b.plain, VA, true);
}

static bool attach_torn(void)
{
	start("caching, coherent", WITH_WIRED);
	b.m->policy.keep = KEEP_NOTHING;
	attack_always(&b);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(process_attach(me, b.wired1, 0), 0);
		assert_int_equal(process_detach(b.wired1), 0);
		assert_int_equal(process_attach(victim, b.wired1, 0), 0);
		assert_int_equal(process_detach(b.wired1), 0);
	}
	return false;
}

/* The victim's device has its page cached; is it so for the attacker's? */
static bool domain_id(void)
{
	start("qemu without caching mode", WITHOUT_WIRED);
	assert_int_equal(process_attach(me, b.flr, 0), 0);
	assert_int_equal(process_attach(victim, b.plain, 0), 0);
	assert_true(can_write(victim, b.plain, THEIRS));
	return reaches(b.flr, THEIRS, true);
}

/* No owner, no translation */

static bool nobody(void)
{
	start("qemu without caching mode", WITH_WIRED);
	return reaches(b.wired, owner_find(victim->o, VA)->is, true);
}

static bool power_off(void)
{
	start_with_device();
	writes_always(b.flr, VA);
	model_call(b.m);
	assert_int_equal(iommu_power(false), 0);
	return reaches(b.flr, owner_find(victim->o, VA)->is, true);
}

static bool power_off_stubborn(void)
{
	start("qemu without caching mode", WITH_WIRED);
	model_call(b.m);
	(void)!iommu_power(false);
	return reaches(b.wired, owner_find(victim->o, VA)->is, true);
}

static bool power_on(void)
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
static bool forged_translation(void)
{
	struct function *f = start_with_tlb(0);

	f->config[f->ats + 7] |= 0x80;
	f->kept[f->nkept++] = (struct tlb_line){
		.sid = f->sid, .shift = 12, .va = THEIRS,
		.pa = owner_find(victim->o, THEIRS)->is, .rights = RW,
	};
	return model_ats_dma(b.m, 0, f->sid, THEIRS, true);
}

static bool device_tlb(void)
{
	struct function *f = start_with_tlb(IOMMU_ATS);

	assert_true(model_ats_ask(b.m, 0, f->sid, VA));
	assert_true(model_ats_dma(b.m, 0, f->sid, VA, true));
	assert_int_equal(process_unmap(me, VA, 1), 0);
	return model_ats_dma(b.m, 0, f->sid, VA, true);
}

static bool device_tlb_mute(void)
{
	struct function *f = start_with_tlb(IOMMU_ATS);

	assert_true(model_ats_ask(b.m, 0, f->sid, VA));
	f->mute = true;
	assert_int_equal(process_unmap(me, VA, 1), 0);
	return model_ats_dma(b.m, 0, f->sid, VA, true);
}

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
static bool msi_old_format(void)
{
	start_interrupts();
	line = (struct line){ .addr = 0xfee00000 | APIC << 12, .data = VECTOR };
	return arrives(b.flr);
}

static bool msi_of_another(void)
{
	start_interrupts();
	open_line(b.af, VECTOR);
	return arrives(b.flr);
}

/* The next owner of the unit's entry has the same index. */
static bool msi_next_owner(void)
{
	start_interrupts();
	open_line(b.flr, VECTOR);
	assert_true(arrives(b.flr));
	close_line();
	open_line(b.af, VECTOR + 1);
	return arrives(b.flr);
}

static bool msi_after_detach(void)
{
	start_interrupts();
	open_line(b.flr, VECTOR);
	assert_true(arrives(b.flr));
	close_line();
	return arrives(b.flr);
}

static bool msi_other_bus(void)
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

static bool msi_torn(void)
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

static bool sibling_alias(void)
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

static bool sibling_function(void)
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

static void serve(void)
{
	model_call(b.m);
	for (unsigned i = 0; i < 1000 && iommu_service_faults(); i++)
		;
}

static bool fault_storm(void)
{
	start_with_device();
	for (unsigned i = 0; i < 4 * IOMMU_STORM_FAULTS; i++) {
		reaches(b.flr, THEIRS, true);
		serve();
	}
	return function_mastering(b.flr);
}

/* The table */

static const struct {
	const char *id;
	bool (*attack)(void);
} attacks[] = {
	{ "unmap-write", unmap_write }, { "unmap-read", unmap_read },
	{ "unmap-posted", unmap_posted }, { "unmap-table", unmap_table },
	{ "unmap-dead-unit", unmap_dead_unit },
	{ "protect-write", write_protect }, { "copy-on-write", copy_on_write },
	{ "detach-context", detach_context }, { "detach-iotlb", detach_iotlb },
	{ "detach-posted", detach_posted }, { "detach-pending", detach_pending },
	{ "detach-armed", detach_armed },
	{ "detach-armed-no-reset", detach_armed_no_reset },
	{ "attach-torn", attach_torn }, { "domain-id", domain_id },
	{ "nobody", nobody }, { "power-off-dma", power_off },
	{ "power-off-stubborn", power_off_stubborn },
	{ "power-on", power_on }, { "forged-translation", forged_translation },
	{ "device-tlb", device_tlb }, { "device-tlb-mute", device_tlb_mute },
	{ "msi-old-format", msi_old_format },
	{ "msi-of-another", msi_of_another },
	{ "msi-next-owner", msi_next_owner },
	{ "msi-after-detach", msi_after_detach },
	{ "msi-other-bus", msi_other_bus }, { "msi-torn", msi_torn },
	{ "sibling-alias", sibling_alias },
	{ "sibling-function", sibling_function }, { "fault-storm", fault_storm },
};

/* "fault N", "refused TEXT", "log TEXT" or "nothing". */
static bool is_reported(const char *how)
{
	if (!strncmp(how, "fault ", 6))
		return heard >> strtoul(how + 6, NULL, 16) & 1;
	if (!strncmp(how, "refused ", 8))
		return strstr(b.m->error, how + 8);
	if (!strncmp(how, "log ", 4))
		return model_logged(b.m, how + 4);
	return !strcmp(how, "nothing") && !heard;
}

static void test_row(void **state)
{
	const struct row *r = *state;
	bool through = r->attack();

	b.m->hook = NULL;
	if (!b.m->violations && through)
		model_violation(b.m, "the attacker says so");
	if (b.m->violations) {
		print_error("%s got through: %s\n", r->id, b.m->violation);
		fail();
	}
	serve();
	if (!is_reported(r->reported))
		fail_msg("%s: not reported as \"%s\": faults 0x%lx, error %s",
			 r->id, r->reported, heard, b.m->error);
	process_end(me);
	process_end(victim);
	model_check(b.m);
}

static int end_row(void **state)
{
	(void)state;
	bench_upper.fault = NULL;
	return bench_teardown(state);
}

/* The next of the fields, which bars separate; without blanks around it. */
static char *field(char **rest)
{
	char *at = *rest, *end = strchr(at, '|');

	*rest = end ? end + 1 : at + strlen(at);
	end = end ? end : at + strcspn(at, "\n");
	while (*at == ' ')
		at++;
	while (end > at && end[-1] == ' ')
		end--;
	*end = '\0';
	return at;
}

/* false: the row is shown elsewhere. */
static bool read_row(struct row *r)
{
	char *rest = r->line, *f[8];

	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = field(&rest);
	r->id = f[0];
	r->reported = f[5];
	r->attack = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(attacks); i++)
		if (!strcmp(attacks[i].id, r->id))
			r->attack = attacks[i].attack;
	if (!r->attack != !strcmp(f[6], "qemu")) {
		print_error("%s: shown in %s, and the attack is%s here\n",
			    r->id, f[6], r->attack ? "" : " not");
		exit(1);
	}
	return r->attack;
}

/* All, or those that are named. */
static bool wanted(const struct row *r, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], r->id))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	static struct row rows[MAX_ROWS];
	static struct CMUnitTest tests[MAX_ROWS];
	FILE *table = fopen(TABLE, "r");
	unsigned n = 0, all = 0;

	if (!table) {
		print_error("no %s here\n", TABLE);
		return 1;
	}
	while (n < MAX_ROWS && fgets(rows[n].line, ROW_LEN, table)) {
		if (!strchr(rows[n].line, '|') || rows[n].line[0] == '#' ||
		    !read_row(&rows[n]))
			continue;
		all++;
		if (!wanted(&rows[n], argc, argv))
			continue;
		snprintf(rows[n].test, sizeof(rows[n].test), "test_%s",
			 rows[n].id);
		for (char *c = rows[n].test; *c; c++)
			*c = *c == '-' ? '_' : *c;
		tests[n] = (struct CMUnitTest){
			.name = rows[n].test, .test_func = test_row,
			.teardown_func = end_row, .initial_state = &rows[n],
		};
		n++;
	}
	fclose(table);
	if (all != ARRAY_SIZE(attacks)) {
		print_error("%u rows for the model, %zu attacks\n", all,
			    ARRAY_SIZE(attacks));
		return 1;
	}
	return _cmocka_run_group_tests("attacks", tests, n, NULL, NULL);
}
