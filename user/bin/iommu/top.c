/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu top [-n ROUNDS] [SECONDS]: what goes on, anew each SECONDS and with any
 * key, until q, Ctrl-C or Ctrl-D is typed or so many rounds are shown.  Rates
 * are those since the round before.  Between rounds the console is raw, so that
 * a key counts without a newline; where input or output is no console, rounds
 * follow each other as text.
 */
#include "iommu.h"

#define MOST_UNITS	8	/* lines, the heading's among them */
#define MAX_SECONDS	3600
#define CTRL(c)		((c) & 0x1f)

struct sample {
	struct file units, devices, stats;
	int64_t at;		/* ns */
};

static const char *const flushes[] = {
	"context", "iotlb_global", "iotlb_domain", "iotlb_pages", "device_tlb",
	"interrupt",
};

static struct sample take_sample(void)
{
	struct sample s = { .at = nsec() };

	s.units = read_records("units");
	s.devices = read_records("devices");
	s.stats = read_records("stats");
	return s;
}

static uint64_t count_in(const struct file *f, const char *subject,
			 const char *key)
{
	const struct record *r = find_record(f, subject);

	return r ? record_count(r, key) : 0;
}

static uint64_t flushes_in(const struct file *stats, const char *unit)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flushes); i++)
		n += count_in(stats, unit, flushes[i]);
	return n;
}

/* What came in between, a second; "-" in the first round. */
static struct brief rate(uint64_t now, uint64_t before, const struct sample *s,
			 const struct sample *old)
{
	uint64_t ms = (uint64_t)MAX((s->at - old->at) / 1000000, 1l);
	uint64_t delta = now > before ? now - before : 0, tenths;
	struct brief b = { "-" };

	tenths = delta / ms * 10000 + delta % ms * 10000 / ms;
	if (old->at)
		snprint(b.s, sizeof(b.s), "%lu.%lu", tenths / 10, tenths % 10);
	return b;
}

static struct brief unit_rate(const struct record *r, const char *key,
			      const struct sample *s, const struct sample *old)
{
	return rate(record_count(r, key),
		    count_in(&old->stats, r->subject, key), s, old);
}

/* Nanoseconds as microseconds. */
static struct brief micro(const struct record *r, const char *key)
{
	struct brief b = { "-" };
	uint64_t n;

	if (record_number(r, key, &n) == 0)
		snprint(b.s, sizeof(b.s), "%lu.%lu", n / 1000, n / 100 % 10);
	return b;
}

static void show_head(const struct sample *s, const struct sample *old,
		      uint64_t seconds, uint64_t round)
{
	static const char *const keys[] = { "attach", "detach", "map", "unmap",
					    "fault", "fence" };
	char text[96] = "";
	size_t len = 0;

	row("iommu top, every %lu s, round %lu: %u of %lu functions attached, "
	    "%lu faults", seconds, round,
	    count_of(&s->devices, "state", "attached"), s->devices.n,
	    sum_of(&s->units, "faults"));
	for (size_t i = 0; i < ARRAY_SIZE(keys) && len < sizeof(text); i++)
		len += (size_t)snprint(text + len, sizeof(text) - len, " %s %s",
			keys[i], rate(count_in(&s->stats, "iommu", keys[i]),
				      count_in(&old->stats, "iommu", keys[i]),
				      s, old).s);
	row("a second:%s", text);
}

static void show_unit(const struct record *u, const struct sample *s,
		      const struct sample *old)
{
	static const struct record none;
	const struct record *r = find_record(&s->stats, u->subject);
	uint64_t faults = record_count(u, "faults");

	r = r ? r : &none;
	row("%-6s %8s %9s %8s %7s %7s %8s %7s %s", u->subject,
	    rate(faults, count_in(&old->units, u->subject, "faults"), s,
		 old).s,
	    rate(flushes_in(&s->stats, u->subject),
		 flushes_in(&old->stats, u->subject), s, old).s,
	    r == &none ? "?" : unit_rate(r, "descriptors", s, old).s,
	    r == &none ? "?" : unit_rate(r, "waits", s, old).s,
	    micro(r, "wait_p99").s, micro(r, "wait_max").s,
	    share_text(u, "queued", "queue").s, record_text(u, "state"));
}

static size_t show_units(const struct sample *s, const struct sample *old)
{
	size_t n = rows_for(s->units.n, MOST_UNITS);

	row("UNIT   FAULTS/S FLUSHES/S  DESCR/S WAITS/S  P99 US   MAX US   "
	    "QUEUE STATE");
	for (size_t i = 0; i < n; i++)
		show_unit(&s->units.r[i], s, old);
	row_more(s->units.n - n, "units");
	return MIN(s->units.n + 1, (size_t)MOST_UNITS);
}

static void show_device(const struct record *d, const struct sample *s,
			const struct sample *old)
{
	uint64_t faults = record_count(d, "faults");

	row("%-9s %-9s %-6s %-15s %8s %7lu %7s %s", d->subject,
	    record_text(d, "id"), record_text(d, "unit"),
	    owner_text(record_text(d, "owner")).s,
	    rate(faults, count_in(&old->devices, d->subject, "faults"), s,
		 old).s, faults, size_of(d, "reachable").s,
	    record_text(d, "state"));
}

/* Those that somebody has, and those that cause faults. */
static bool is_shown(const struct record *d)
{
	return is_notable(d) || record_count(d, "faults");
}

static void show_devices(const struct sample *s, const struct sample *old,
			 size_t rows)
{
	size_t all = 0, n, shown = 0;

	for (size_t i = 0; i < s->devices.n; i++)
		all += is_shown(&s->devices.r[i]);
	n = rows_for(all, rows);
	row("DEVICE    ID        UNIT   OWNER           FAULTS/S  FAULTS "
	    "REACHES STATE");
	for (size_t i = 0; i < s->devices.n && shown < n; i++) {
		if (!is_shown(&s->devices.r[i]))
			continue;
		show_device(&s->devices.r[i], s, old);
		shown++;
	}
	row_more(all - n, "devices");
}

static void show(const struct sample *s, const struct sample *old,
		 uint64_t seconds, uint64_t round)
{
	size_t left = ROWS - 2;

	show_head(s, old, seconds, round);
	left -= show_units(s, old);
	show_devices(s, old, left);
	rows_end();
}

static bool ends(char c)
{
	return c == 'q' || c == 'Q' || c == CTRL('c') || c == CTRL('d');
}

/* Until then, or for a key; true: it is enough, or the console is gone. */
static bool wait_for_key(bool keys, int64_t until)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	long left = MAX((until - nsec()) / 1000000, 0l);
	char c = 0;
	int ready;

	if (!keys)
		return sleep_ms(left) < 0;
	ready = poll(&p, 1, left);
	if (ready > 0)
		return read(0, &c, 1) <= 0 || ends(c);
	return ready < 0;
}

/* It stays raw as long as the file is open. */
static bool make_raw(void)
{
	int fd = is_console(0) ? open("#cons/consctl", OWRITE) : -1;

	return fd >= 0 && write(fd, "rawon", 5) == 5;
}

static void free_sample(struct sample *s)
{
	free_file(&s->units);
	free_file(&s->devices);
	free_file(&s->stats);
}

static void run(uint64_t rounds, uint64_t seconds)
{
	bool keys = make_raw(), screen = is_console(1);
	struct sample now, old = { .at = 0 };

	if (screen)
		print("\033[2J");
	for (uint64_t i = 1; ; i++) {
		now = take_sample();
		if (screen)
			rows_from_the_top();
		else if (i > 1)
			print("\n");
		show(&now, &old, seconds, i);
		free_sample(&old);
		old = now;
		if (i == rounds || wait_for_key(keys, now.at + (int64_t)seconds
						* 1000000000))
			return;
	}
}

int top(int argc, char **argv)
{
	uint64_t rounds = 0, seconds = 1;

	if (argc > 0 && !strcmp(argv[0], "-n")) {
		if (argc < 2 || parse_number(argv[1], 10, UINT32_MAX,
					     &rounds) < 0 || !rounds)
			return 2;
		argc -= 2;
		argv += 2;
	}
	if (argc == 1 && parse_number(argv[0], 10, MAX_SECONDS, &seconds) < 0)
		return 2;
	if (argc > 1 || !seconds)
		return 2;
	run(rounds, seconds);
	return 0;
}
