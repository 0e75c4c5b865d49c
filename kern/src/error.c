/* SPDX-License-Identifier: BSD-2-Clause */
/* error(): the reason stays with the thread until the next one. */
#include <cpu.h>
#include <error.h>
#include <fmt.h>
#include <sched.h>
#include <string.h>

int error(int code, const char *fmt, ...)
{
	char text[ERRMAX];	/* an argument may be the old text */
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	strlcpy(current_kthread()->errstr, text, ERRMAX);
	return -code;
}
