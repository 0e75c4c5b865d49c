/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's log: a ring of lines with level and time, read as #cons/kmesg;
 * lines up to the console level also go to the sinks (serial port, ...).
 */
#ifndef LOG_H
#define LOG_H

#include <list.h>
#include <types.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One line, without newline.  Any context. */
void klog(enum log_level level, const char *fmt, ...) printf_like(2, 3);

void log_set_console_level(enum log_level level);

/* Copies at most n bytes of the log from position off (bytes since boot; what
 * the ring has lost is skipped) and moves off; 0 at the end. */
size_t log_read(uint64_t *off, char *to, size_t n);

/* Where console output goes, the log's and the terminal's alike. */
struct sink {
	const char *name;
	void (*write)(const char *s, size_t n);	/* any context */
	bool off, chosen;
	struct list link;
};
void sink_register(struct sink *s);
/* Only those of these names, with commas between; all, if none is there. */
void sinks_choose(const char *names);
void sinks_write(const char *s, size_t n);

/* From now on every line goes straight out and no lock is taken: panic. */
void log_unlock_for_panic(void);

#endif
