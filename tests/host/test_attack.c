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
 *
 * Each is tried in both modes of unmapping (quarantine.h), and in lazy mode as
 * the table's lines for that say.  Words: strict or lazy, and names of rows.
 */
#include "attack/attack.h"

#define TABLE		"tests/attack/table"
#define MAX_ROWS	128
#define ROW_LEN		400

struct row {
	char line[ROW_LEN];
	char *id, *reported;
	bool lazily;
	bool (*attack)(void);
	char test[64];
};

/* The table */

static const struct {
	const char *id;
	bool (*attack)(void);
} attacks[] = {
#define ENTRY(name) { #name, attack_##name },
	ATTACKS(ENTRY)
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
	bool through;

	lazily = r->lazily;
	through = r->attack();
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
	assert_int_equal(quarantine_state().pages, 0);
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
	snprintf(r->test, sizeof(r->test), "test_%s", r->id);
	for (char *c = r->test; *c; c++)
		*c = *c == '-' ? '_' : *c;
	r->attack = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(attacks); i++)
		if (!strcmp(attacks[i].id, r->test + 5))
			r->attack = attacks[i].attack;
	if (!r->attack != !strcmp(f[6], "qemu")) {
		print_error("%s: shown in %s, and the attack is%s here\n",
			    r->id, f[6], r->attack ? "" : " not");
		exit(1);
	}
	return r->attack;
}

/* "lazy | ID | moment | guard | how it is reported | control" */
static void read_lazy(struct row *rows, unsigned n, char *line)
{
	char *f[6];

	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = field(&line);
	for (unsigned i = 0; i < n; i++)
		if (rows[i].lazily && !strcmp(rows[i].id, f[1]))
			rows[i].reported = f[4];
}

/* Each row of the model twice, strictly and lazily. */
static unsigned read_rows(FILE *table, struct row *rows)
{
	static char lazy[MAX_ROWS][ROW_LEN];
	unsigned n = 0, nlazy = 0;

	while (n < MAX_ROWS && nlazy < MAX_ROWS &&
	       fgets(rows[n].line, ROW_LEN, table)) {
		if (!strchr(rows[n].line, '|') || rows[n].line[0] == '#')
			continue;
		if (!strncmp(rows[n].line, "lazy ", 5)) {
			strcpy(lazy[nlazy++], rows[n].line);
			continue;
		}
		if (!read_row(&rows[n]))
			continue;
		rows[n + 1] = rows[n];
		rows[n + 1].lazily = true;
		strcat(rows[n + 1].test, "_lazily");
		n += 2;
	}
	while (nlazy)
		read_lazy(rows, n, lazy[--nlazy]);
	return n;
}

/* All, or those that are named. */
static bool wanted(const struct row *r, char **words)
{
	const char *const modes[] = { "strict", "lazy" };
	bool all = true;

	if (*words && (!strcmp(*words, modes[0]) || !strcmp(*words, modes[1])))
		if (strcmp(*words++, modes[r->lazily]))
			return false;
	for (; *words; words++, all = false)
		if (!strcmp(*words, r->id))
			return true;
	return all;
}

int main(int argc, char **argv)
{
	static struct row rows[2 * MAX_ROWS];
	static struct CMUnitTest tests[MAX_ROWS];
	FILE *table = fopen(TABLE, "r");
	unsigned n, ntests = 0;

	if (!table) {
		print_error("no %s here\n", TABLE);
		return 1;
	}
	n = read_rows(table, rows);
	fclose(table);
	if (n != 2 * ARRAY_SIZE(attacks)) {
		print_error("%u rows for the model, %zu attacks\n", n / 2,
			    ARRAY_SIZE(attacks));
		return 1;
	}
	for (unsigned i = 0; i < n; i++)
		if (wanted(&rows[i], argv + (argc > 0)))
			tests[ntests++] = (struct CMUnitTest){
				.name = rows[i].test, .test_func = test_row,
				.teardown_func = end_row,
				.initial_state = &rows[i],
			};
	return _cmocka_run_group_tests("attacks", tests, ntests, NULL, NULL);
}
