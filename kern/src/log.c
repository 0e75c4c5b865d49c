/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log (log.h): lines in a ring, each "[seconds.micros] text", errors and
 * warnings with a word before the text.
 */
#include <arch.h>
#include <config.h>
#include <fmt.h>
#include <lock.h>
#include <log.h>
#include <string.h>
#include <timer.h>

#define RING_SIZE ((uint64_t)CONFIG_LOG_KIB * KIB)

static struct {
	struct spinlock lock;
	char ring[RING_SIZE];
	uint64_t end;			/* bytes since boot */
	enum log_level console;
	struct list sinks;
	bool panicking;
} logged = {
	.lock = SPINLOCK("log"),
	.console = LOG_INFO,
	.sinks = LIST_INIT(logged.sinks),
};

static void lock_log(void)
{
	if (!logged.panicking)
		spin_lock(&logged.lock);
}

static void unlock_log(void)
{
	if (!logged.panicking)
		spin_unlock(&logged.lock);
}

void log_unlock_for_panic(void)
{
	logged.panicking = true;
}

void sink_register(struct sink *s)
{
	lock_log();
	list_append(&logged.sinks, &s->link);
	unlock_log();
}

static void to_sinks(const char *s, size_t n)
{
	struct sink *sink;

	list_for_each(sink, &logged.sinks, link)
		if (!sink->off)
			sink->write(s, n);
}

void sinks_write(const char *s, size_t n)
{
	lock_log();
	to_sinks(s, n);
	unlock_log();
}

static bool choose(const char *name)
{
	struct sink *sink;

	list_for_each(sink, &logged.sinks, link)
		if (!strcmp(sink->name, name))
			return sink->chosen = true;
	return false;
}

void sinks_choose(const char *names)
{
	char name[16];
	struct sink *sink;
	bool any = false;
	size_t len;

	for (; *names; names += names[len] ? len + 1 : len) {
		for (len = 0; names[len] && names[len] != ',';)
			len++;
		strlcpy(name, names, MIN(len + 1, sizeof(name)));
		if (choose(name))
			any = true;
		else
			klog(LOG_WARN, "command line: console=%s: there is no "
			     "such console", name);
	}
	list_for_each(sink, &logged.sinks, link)
		sink->off = any && !sink->chosen;
}

void log_set_console_level(enum log_level level)
{
	logged.console = level;
}

/* The line of an NMI that found this processor logging stands within the other
 * line. */
void klog(enum log_level level, const char *fmt, ...)
{
	bool nested = spin_holding(&logged.lock);
	static const char *const word[] = { "error: ", "warning: ", "", "" };
	uint64_t us = nsec() / NSEC_PER_USEC;
	char line[256];
	struct text t = { .buf = line, .size = sizeof(line) - 1 };
	va_list args;

	text_add(&t, "[%4lu.%06lu] %s", us / 1000000, us % 1000000,
		 word[level]);
	va_start(args, fmt);
	t.len += (size_t)vsnprintf(line + t.len, t.size - t.len, fmt, args);
	va_end(args);
	t.len = MIN(t.len, t.size - 1);
	line[t.len++] = '\n';
	if (!nested)
		lock_log();
	for (size_t i = 0; i < t.len; i++)
		logged.ring[logged.end++ % RING_SIZE] = line[i];
	if (level <= logged.console)
		to_sinks(line, t.len);
	if (!nested)
		unlock_log();
}

size_t log_read(uint64_t *off, char *to, size_t n)
{
	size_t done = 0;

	lock_log();
	if (logged.end > RING_SIZE && *off < logged.end - RING_SIZE)
		*off = logged.end - RING_SIZE;
	while (done < n && *off < logged.end)
		to[done++] = logged.ring[(*off)++ % RING_SIZE];
	unlock_log();
	return done;
}
