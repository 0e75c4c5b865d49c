/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu selftest: does the unit do here what it should?  First the kernel's own
 * part, which changes nothing that a device sees; then DMA with a device, where
 * there is a suitable one.  What is skipped is named, and is no failure.
 */
#include "iommu.h"

static unsigned counts[3];

void outcome(const char *subject, const char *part, enum outcome how,
	     const char *fmt, ...)
{
	static const char *const words[] = { "ok", "FAILED", "skipped" };
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprint(text, sizeof(text), fmt, args);
	va_end(args);
	counts[how]++;
	print("%-8s %-11s %s%s%s\n", subject, part, words[how],
	      *text ? ": " : "", text);
}

/* What is neither ok nor skipped has failed. */
static enum outcome how_it_went(const struct record *r)
{
	if (record_is(r, "result", "ok"))
		return OK;
	return record_is(r, "result", "skipped") ? SKIPPED : FAILED;
}

int print_selftest(void)
{
	struct file f = read_records("selftest");
	const char *text;

	for (size_t i = 0; i < f.n; i++) {
		text = record_get(&f.r[i], "text");
		outcome(f.r[i].subject, record_text(&f.r[i], "test"),
			how_it_went(&f.r[i]), "%s", text ? text : "");
	}
	if (f.r && !f.n)
		print("no unit\n");
	free_file(&f);
	return counts[FAILED] > 0;
}

int selftest(int argc, char **argv)
{
	bool unsafe = argc == 1 && !strcmp(argv[0], "-u");

	if (argc == 1 && !unsafe)
		return 2;
	print_selftest();
	test_with_edu(unsafe ? "unsafe" : "");
	print("selftest: %u ok, %u failed, %u skipped\n", counts[OK],
	      counts[FAILED], counts[SKIPPED]);
	return counts[FAILED] > 0;
}
