/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu walk, iommu dump: what a unit finds in the tables for a device, as the
 * file `walk` tells it.
 */
#include "iommu.h"

#define PRESENT	1u		/* P of a root or context entry */
#define INDENT	"       "	/* each field has a blank before it */
#define RIGHTS	7u		/* R, W, X: one of them, and it is present */

/* The fields of one or two halves of an entry. */
static void print_fields(enum entry kind, const struct record *r,
			 const char *key)
{
	uint64_t value;

	if (record_number(r, key, &value) == 0)
		print_entry(kind, value);
	else
		print(" %s=%s, which is no number", key, record_text(r, key));
}

static const char *table_text(const struct record *r, const char *key,
			      uint64_t present)
{
	return record_count(r, key) & present ? "a table" : "not present";
}

static void print_root(const struct record *r)
{
	print("root[%s] = %s: %s\n" INDENT, record_text(r, "index"),
	      record_text(r, "entry"), table_text(r, "entry", PRESENT));
	print_fields(ROOT, r, "entry");
	print("\n");
}

static const char *type_text(uint64_t low)
{
	static const char *const texts[] = {
		"untranslated requests only", "with a device TLB",
		"all pass through", "reserved",
	};

	return texts[low >> 2 & 3];
}

static void print_context(const struct record *r)
{
	print("context[%s] = high %s, low %s: ", record_text(r, "index"),
	      record_text(r, "high"), record_text(r, "low"));
	if (record_count(r, "low") & PRESENT)
		print("%s, %s levels\n" INDENT,
		      type_text(record_count(r, "low")),
		      record_text(r, "levels"));
	else
		print("not present\n" INDENT);
	print_fields(CONTEXT_LOW, r, "low");
	print_fields(CONTEXT_HIGH, r, "high");
	print("\n");
}

static enum entry kind_of(const struct record *r)
{
	if (record_is(r, "leaf", "1g"))
		return LEAF_1G;
	if (record_is(r, "leaf", "2m"))
		return LEAF_2M;
	return record_get(r, "leaf") ? LEAF_4K : TABLE;
}

static void print_level(const struct record *r)
{
	const char *leaf = record_get(r, "leaf");

	print("level %s[%s] = %s: ", r->subject + strlen("level"),
	      record_text(r, "index"), record_text(r, "entry"));
	if (leaf)
		print("a page of %s, %s\n" INDENT, leaf,
		      record_text(r, "rights"));
	else
		print("%s\n" INDENT, table_text(r, "entry", RIGHTS));
	print_fields(kind_of(r), r, "entry");
	print("\n");
}

static void print_frame(const struct record *r)
{
	print("frame %s, %s, in a page of %s\n", record_text(r, "addr"),
	      record_text(r, "rights"), record_text(r, "size"));
}

static void print_blocked(const struct record *r)
{
	print("blocked: %s\n", record_text(r, "reason"));
}

static void (*printer_of(const char *subject))(const struct record *r)
{
	static const struct {
		const char *subject;
		void (*print)(const struct record *r);
	} printers[] = {
		{ "root", print_root }, { "context", print_context },
		{ "frame", print_frame }, { "blocked", print_blocked },
	};

	for (size_t i = 0; i < ARRAY_SIZE(printers); i++)
		if (!strcmp(printers[i].subject, subject))
			return printers[i].print;
	return strncmp(subject, "level", 5) ? NULL : print_level;
}

static void strange(const struct record *r)
{
	warn("%s/walk: unknown record %s", folder, r->subject);
	trouble = true;
}

static void print_steps(const struct file *f)
{
	void (*printer)(const struct record *r);

	for (size_t i = 0; i < f->n; i++) {
		printer = printer_of(f->r[i].subject);
		if (printer)
			printer(&f->r[i]);
		else
			strange(&f->r[i]);
	}
}

static struct file ask(const char *command)
{
	return records_of("walk", ask_walk(command));
}

int print_walk(const char *bdf, uint64_t addr)
{
	char command[64];
	struct file f;
	int status;

	snprint(command, sizeof(command), "%s 0x%lx", bdf, addr);
	f = ask(command);
	print_steps(&f);
	status = !find_record(&f, "frame");
	free_file(&f);
	return status;
}

int walk(int argc, char **argv)
{
	char bdf[BDF_LEN];
	uint64_t addr;

	(void)argc;
	need_bdf("walk", argv[0], bdf);
	if (parse_number(argv[1], 16, UINT64_MAX, &addr) < 0)
		fatal("walk %s %s: not an address, which is hexadecimal", bdf,
		      argv[1]);
	return print_walk(bdf, addr);
}

struct sums {
	uint64_t ranges, reach, write, pages[3];
};

static const char *const sizes[] = { "4k", "2m", "1g" };

static unsigned size_index(const struct record *r)
{
	unsigned i = 0;

	while (i < ARRAY_SIZE(sizes) && !record_is(r, "size", sizes[i]))
		i++;
	return i;
}

/* false: it is none. */
static bool print_range(const struct record *r, struct sums *sums)
{
	uint64_t from, to, len;
	unsigned size = size_index(r);

	if (strcmp(r->subject, "range") || size == ARRAY_SIZE(sizes) ||
	    record_number(r, "from", &from) < 0 ||
	    record_number(r, "to", &to) < 0 || to < from)
		return false;
	len = to - from + 1;
	print("0x%016lx 0x%016lx %8s %-6s %8lu x %s\n", from, to,
	      size_text(len).s, record_text(r, "rights"),
	      len >> (12 + 9 * size), sizes[size]);
	sums->ranges++;
	sums->reach += len;
	sums->write += strchr(record_text(r, "rights"), 'w') ? len : 0;
	sums->pages[size] += len >> (12 + 9 * size);
	return true;
}

int print_ranges(const char *bdf)
{
	struct sums sums = { 0 };
	struct file f = ask(bdf);
	const struct record *blocked = find_record(&f, "blocked");

	if (!f.r)
		return 1;
	print("%-18s %-18s %8s RIGHTS PAGES\n", "FROM", "TO", "BYTES");
	for (size_t i = 0; i < f.n; i++)
		if (&f.r[i] != blocked && !print_range(&f.r[i], &sums))
			strange(&f.r[i]);
	if (blocked)
		print_blocked(blocked);
	print("%lu ranges, %lu bytes (%s), %lu of them writable\n",
	      sums.ranges, sums.reach, size_text(sums.reach).s, sums.write);
	print("pages: %lu x 4k, %lu x 2m, %lu x 1g\n", sums.pages[0],
	      sums.pages[1], sums.pages[2]);
	free_file(&f);
	return 0;
}

int dump(int argc, char **argv)
{
	char bdf[BDF_LEN];

	(void)argc;
	need_bdf("dump", argv[0], bdf);
	return print_ranges(bdf);
}
