/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits for a pipe, the console and the edu device's interrupt at once, and
 * says which it was, until a line "end" is typed. */
#include <drv.h>
#include "check.h"

static volatile uint8_t *regs;

static void get_device(int *irq)
{
	char bdf[BDF_LEN];

	CHECK(drv_find(0x1234, 0x11e8, bdf) == 0);
	CHECK(drv_attach(bdf, getpid(), "unsafe") == 0);
	*irq = drv_irq(bdf, 0);
	regs = drv_bar(bdf, 0, NULL);
	CHECK(*irq >= 0 && regs);
}

/* What is typed: "pipe" and "irq" make the others ready, in a while. */
static bool typed(int pipe_end)
{
	char line[32];
	long n = read(0, line, sizeof(line) - 1);

	CHECK(n > 0);
	line[n - 1] = '\0';
	print("console: %s\n", line);
	if (!strcmp(line, "pipe") && fork() == 0) {
		sleep_ms(10);
		exit(write(pipe_end, "x", 1) != 1);
	}
	if (!strcmp(line, "irq"))
		put32(regs + 0x60, 1);
	return strcmp(line, "end") != 0;
}

int main(void)
{
	struct pollfd f[3] = { { .events = POLLIN }, { .events = POLLIN },
			       { .events = POLLIN } };
	char text[32];
	int fd[2];
	bool more = true;

	CHECK(pipe(fd) == 0);
	f[1].fd = fd[0];
	get_device(&f[2].fd);
	CHECK(poll(f, 3, 20) == 0);
	print("ready\n");
	while (more) {
		CHECK(poll(f, 3, -1) == 1);
		if (f[0].revents & POLLIN)
			more = typed(fd[1]);
		if (f[1].revents & POLLIN)
			print("pipe: %ld\n", read(fd[0], text, 8));
		if (f[2].revents & POLLIN) {
			long n = read(f[2].fd, text, sizeof(text) - 1);

			CHECK(n > 0);
			text[n - 1] = '\0';
			put32(regs + 0x64, get32(regs + 0x24));
			print("irq: %s\n", text);
		}
	}
	return 0;
}
