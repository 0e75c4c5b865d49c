/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files stats, trace and selftest of #iommu (watch.h).  Only what must not
 * be changed meanwhile, the switch of the trace and the power of the units, is
 * kept still by the owners' lock.
 */
#include <iommu.h>
#include <kmalloc.h>
#include <log.h>
#include <pciown.h>
#include <quarantine.h>
#include <string.h>
#include <watch.h>

void watch_stats_text(struct text *t)
{
	const struct iommu_unit_stats *s;
	uint64_t counts[EVENT_KINDS];

	iommu_counts(counts);
	watch_format_counts(t, counts, quarantine_state().pages);
	for (unsigned i = 0; (s = iommu_unit_stats(i)); i++)
		watch_format_unit(t, i, s);
}

void watch_trace_text(struct text *t)
{
	struct iommu_event *list = NULL;

	if (iommu_events.slots)
		list = kmalloc(IOMMU_TRACE_EVENTS * sizeof(*list));
	watch_format_trace(t, is_tracing(), &iommu_events, list);
	kfree(list);
}

int watch_trace_write(const char *s)
{
	bool on = !strcmp(s, "on");

	if (!on && strcmp(s, "off"))
		return error(EINVAL, "iommu: trace %s: write on or off", s);
	return pciown_trace(on);
}

static void selftests(void (*say)(void *arg, unsigned unit,
				  const struct selftest *s), void *arg)
{
	struct selftest s;
	unsigned n;

	for (unsigned unit = 0; iommu_unit_stats(unit); unit++)
		for (n = 0; (s = pciown_selftest(unit, n)).name; n++)
			say(arg, unit, &s);
}

static void say_text(void *arg, unsigned unit, const struct selftest *s)
{
	watch_format_selftest(arg, unit, s);
}

void watch_selftest_text(struct text *t)
{
	selftests(say_text, t);
}

static void say_log(void *arg, unsigned unit, const struct selftest *s)
{
	char line[160];
	struct text t = { .buf = line, .size = sizeof(line) };

	(void)arg;
	watch_format_selftest(&t, unit, s);
	if (t.len)
		line[t.len - 1] = '\0';	/* the end of the line is the log's */
	klog(s->wrong ? LOG_ERROR : LOG_INFO, "iommu: selftest: %s", line);
}

void watch_selftest_log(void)
{
	selftests(say_log, NULL);
}
