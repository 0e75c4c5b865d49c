/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu: a summary that fits a screen.  What is wrong gets its lines first,
 * then units and spaces, and devices get what is left; each part says how much
 * of it is missing.
 */
#include "iommu.h"

#define WRONGS		32	/* that are kept; all are counted */
#define MOST_WRONGS	7	/* lines, the heading's among them */
#define MOST_UNITS	6
#define MOST_SPACES	6

static struct {
	char text[WRONGS][96];
	size_t n;
} wrongs;

static void wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (wrongs.n < WRONGS)
		vsnprint(wrongs.text[wrongs.n], sizeof(wrongs.text[0]), fmt,
			 args);
	va_end(args);
	wrongs.n++;
}

static char *first_line(char *text)
{
	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text ? text : "?";
}

/* The words behind the colon: "enabled", and why not. */
static void find_wrong_power(const char *power)
{
	const char *state = strchr(power, ':');

	if (state && strcmp(state, ": enabled"))
		wrong("translation%s", state);
}

static const char *why_of(const struct record *r)
{
	const char *why = record_get(r, "failure");

	if (!why)
		why = record_get(r, "reason");
	return why ? why : "";
}

static void find_wrong_units(const struct file *units)
{
	for (size_t i = 0; i < units->n; i++) {
		const struct record *u = &units->r[i];
		const char *why = why_of(u);

		if (!record_is(u, "state", "on"))
			wrong("%s: %s%s%s", u->subject,
			      record_text(u, "state"), *why ? ": " : "", why);
	}
}

static void find_wrong_devices(const struct file *devices)
{
	for (size_t i = 0; i < devices->n; i++) {
		const struct record *d = &devices->r[i];
		const char *why = why_of(d);

		if (record_is(d, "fenced", "yes"))
			wrong("%s: fenced%s%s", d->subject, *why ? ": " : "",
			      why);
	}
}

/* Lines are "SUBJECT: ok", "SUBJECT: ok (more)", or what is wrong. */
static void find_wrong_checks(char *text)
{
	char *end, *said;

	for (; text && *text; text = end) {
		end = text + strcspn(text, "\n");
		if (*end)
			*end++ = '\0';
		said = strstr(text, ": ");
		said = said ? said + 2 : text;
		if (*text && strcmp(said, "ok") && strncmp(said, "ok ", 3))
			wrong("check: %s", text);
	}
}

static uint64_t quarantined(const char *text)
{
	const char *at = text ? strstr(text, "\npages ") : NULL;
	char digits[24];
	size_t len;
	uint64_t n = 0;

	if (!at)
		return 0;
	at += strlen("\npages ");
	len = strcspn(at, "\n");
	snprint(digits, sizeof(digits), "%.*s", (int)MIN(len, 20), at);
	return parse_number(digits, 10, UINT64_MAX, &n) < 0 ? 0 : n;
}

static void show_state(const char *power)
{
	char *text = read_text("quarantine");
	uint64_t pages = quarantined(text);
	const char *state = strchr(power, ':');

	row("translation%s; %lu pages in quarantine; unmapping is %s",
	    state ? state : ": ?", pages, first_line(text));
	free(text);
}

static void show_counts(const struct file *units, const struct file *devices,
			const struct file *spaces)
{
	row("units %lu, functions %lu, attached %u, fenced %u, spaces %lu, "
	    "faults since boot %lu", units->n, devices->n,
	    count_of(devices, "state", "attached"),
	    count_of(devices, "fenced", "yes"), spaces->n,
	    sum_of(units, "faults"));
}

static void show_unit(const struct record *u)
{
	row("%-6s %-10s %-11s %4s %-8s %-9s %-7s %-5s %4s %6s", u->subject,
	    record_text(u, "base"), record_text(u, "state"),
	    record_text(u, "width"), record_text(u, "pages"),
	    share_text(u, "used", "domains").s,
	    share_text(u, "used_entries", "entries").s,
	    share_text(u, "queued", "queue").s, record_text(u, "devices"),
	    record_text(u, "faults"));
}

static size_t show_units(const struct file *units, size_t rows)
{
	size_t n = rows_for(units->n, rows);

	row("UNIT   REGISTERS  STATE       BITS PAGES    DOMAINS   ENTRIES "
	    "QUEUE DEVS FAULTS");
	for (size_t i = 0; i < n; i++)
		show_unit(&units->r[i]);
	row_more(units->n - n, "units");
	return MIN(units->n + 1, rows);
}

static size_t show_spaces(const struct file *spaces, size_t rows)
{
	size_t n = rows_for(spaces->n, rows);

	row("SPACE           LEVELS      4K    2M  1G TABLES HELD DEVICES");
	for (size_t i = 0; i < n; i++) {
		const struct record *s = &spaces->r[i];

		row("%-15s %6s %7s %5s %3s %6s %4s %s", s->subject,
		    record_text(s, "levels"), record_text(s, "4k"),
		    record_text(s, "2m"), record_text(s, "1g"),
		    record_text(s, "tables"), record_text(s, "quarantined"),
		    record_text(s, "devices"));
	}
	row_more(spaces->n - n, "spaces");
	return MIN(spaces->n + 1, rows);
}

static void show_device(const struct record *d)
{
	row("%-9s %-9s %-6s %-15s %-9s %7s %6s %s", d->subject,
	    record_text(d, "id"), record_text(d, "unit"),
	    owner_text(record_text(d, "owner")).s, record_text(d, "group"),
	    size_of(d, "reachable").s, record_text(d, "faults"),
	    record_text(d, "state"));
}

/* Those that somebody has, or that are fenced. */
static void show_devices(const struct file *devices, size_t rows)
{
	size_t all = 0, n, shown = 0;

	for (size_t i = 0; i < devices->n; i++)
		all += is_notable(&devices->r[i]);
	n = rows_for(all, rows);
	row("DEVICE    ID        UNIT   OWNER           GROUP     REACHES "
	    "FAULTS STATE");
	for (size_t i = 0; i < devices->n && shown < n; i++) {
		if (!is_notable(&devices->r[i]))
			continue;
		show_device(&devices->r[i]);
		shown++;
	}
	row_more(all - n, "devices");
}

static size_t wrong_rows(void)
{
	return MIN(wrongs.n + 1, (size_t)MOST_WRONGS);
}

static void show_wrongs(void)
{
	size_t n = wrongs.n ? rows_for(wrongs.n, MOST_WRONGS) : 0;

	row(wrongs.n ? "WRONG" : "nothing is wrong");
	for (size_t i = 0; i < n; i++)
		row("%s", wrongs.text[i]);
	if (wrongs.n > n)
		row("... and %lu more: iommu report", wrongs.n - n);
}

int summary(int argc, char **argv)
{
	struct file units = read_records("units");
	struct file devices = read_records("devices");
	struct file spaces = read_records("spaces");
	const char *power = first_line(read_text("power"));
	size_t left = ROWS - 2;		/* below the state and the counts */

	(void)argc;
	(void)argv;
	find_wrong_power(power);
	find_wrong_units(&units);
	find_wrong_devices(&devices);
	find_wrong_checks(read_text("check"));
	if (trouble)
		wrong("not all files could be read");
	show_state(power);
	show_counts(&units, &devices, &spaces);
	left -= wrong_rows();
	left -= show_units(&units, MOST_UNITS);
	left -= MIN(spaces.n + 1, (size_t)MOST_SPACES);
	show_devices(&devices, left);
	show_spaces(&spaces, MOST_SPACES);
	show_wrongs();
	return wrongs.n > 0;
}
