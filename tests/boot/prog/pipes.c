/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes, and waiting on several files. */
#include "check.h"

#define TOTAL 1000000

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

/* A great deal, written and read in chunks of odd sizes. */
static void send_all(int fd, size_t chunk)
{
	static uint8_t buf[70000];

	for (size_t at = 0; at < TOTAL;) {
		size_t n = MIN(chunk, TOTAL - at);

		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(at + i);
		CHECK(write(fd, buf, n) == (long)n);
		at += n;
	}
}

static void receive_all(int fd, size_t chunk)
{
	static uint8_t buf[70000];
	size_t at = 0;
	long n;

	while (at < TOTAL && (n = read(fd, buf, chunk)) > 0)
		for (long i = 0; i < n; i++)
			CHECK(buf[i] == byte_at(at++));
	CHECK(at == TOTAL);
}

static void large(void)
{
	static const size_t chunks[][2] = {
		{ 4096, 4096 }, { 70000, 333 }, { 333, 70000 }, { 8191, 8193 },
	};
	struct waitmsg m;

	for (unsigned i = 0; i < ARRAY_SIZE(chunks); i++) {
		int fd[2], pid;

		CHECK(pipe(fd) == 0);
		pid = fork();
		if (pid == 0) {
			close(fd[0]);
			send_all(fd[1], chunks[i][0]);
			exit(0);
		}
		close(fd[1]);
		receive_all(fd[0], chunks[i][1]);
		CHECK(wait(&m) == pid && m.status == 0);
		close(fd[0]);
	}
}

static void both_ways(void)
{
	struct waitmsg m;
	int fd[2], pid;

	CHECK(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		receive_all(fd[1], 5000);
		send_all(fd[1], 5000);
		exit(0);
	}
	send_all(fd[0], 3000);
	receive_all(fd[0], 3000);
	CHECK(wait(&m) == pid && m.status == 0);
}

static void end_of_file(void)
{
	char buf[8];
	int fd[2];

	CHECK(pipe(fd) == 0);
	CHECK(write(fd[0], "abc", 3) == 3);
	close(fd[0]);
	CHECK(read(fd[1], buf, 8) == 3 && read(fd[1], buf, 8) == 0 &&
	      read(fd[1], buf, 8) == 0);
	CHECK(read(fd[1], buf, 0) == 0);
}

static char came[NOTEMAX];

static void keep(struct ureg *u, char *note)
{
	(void)u;
	strlcpy(came, note, sizeof(came));
	noted(NCONT);
}

static void write_to_nobody(void)
{
	int fd[2];

	CHECK(pipe(fd) == 0);
	close(fd[0]);
	FAILS(write(fd[1], "x", 1), "closed pipe");
}

static void broken(void)
{
	struct waitmsg m = in_child(write_to_nobody);

	CHECK(m.status == 128 && !strcmp(m.msg, "sys: write on closed pipe"));
	notify(keep);
	write_to_nobody();
	CHECK(!strcmp(came, "sys: write on closed pipe"));
}

/* A writer that waits for room hears when the reader goes. */
static void reader_goes(void)
{
	static char buf[100000];
	struct waitmsg m;
	int fd[2], pid;

	CHECK(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		close(fd[1]);
		sleep_ms(20);
		CHECK(read(fd[0], buf, 10) == 10);
		exit(0);
	}
	close(fd[0]);
	notify(keep);
	CHECK(write(fd[1], buf, sizeof(buf)) < (long)sizeof(buf));
	CHECK(!strcmp(came, "sys: write on closed pipe"));
	CHECK(wait(&m) == pid && m.status == 0);
}

static void poll_several(void)
{
	struct pollfd f[3] = { { .events = POLLIN }, { .events = POLLIN },
			       { .events = POLLIN } };
	struct waitmsg m;
	int fd[3][2], pid;
	char c;

	for (unsigned i = 0; i < 3; i++) {
		CHECK(pipe(fd[i]) == 0);
		f[i].fd = fd[i][0];
	}
	CHECK(poll(f, 3, 0) == 0);
	CHECK(poll(f, 3, 10) == 0);
	pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < 30; i++) {
			sleep_ms(2);
			CHECK(write(fd[i % 3][1], "x", 1) == 1);
			CHECK(read(fd[i % 3][1], &c, 1) == 1);
		}
		exit(0);
	}
	for (unsigned i = 0; i < 30; i++) {
		CHECK(poll(f, 3, 10000) == 1);
		for (unsigned n = 0; n < 3; n++)
			CHECK(f[n].revents == (n == i % 3 ? POLLIN : 0));
		CHECK(read(fd[i % 3][0], &c, 1) == 1);
		CHECK(write(fd[i % 3][0], "y", 1) == 1);
	}
	CHECK(wait(&m) == pid && m.status == 0);
}

static void poll_for_room_and_end(void)
{
	static char buf[8192];
	struct pollfd f = { .events = POLLIN | POLLOUT };
	int fd[2];

	CHECK(pipe(fd) == 0);
	f.fd = fd[0];
	CHECK(poll(&f, 1, 0) == 1 && f.revents == POLLOUT);
	CHECK(write(fd[0], buf, sizeof(buf)) == sizeof(buf));
	CHECK(poll(&f, 1, 0) == 0);
	CHECK(read(fd[1], buf, 1) == 1);
	CHECK(poll(&f, 1, 0) == 1 && f.revents == POLLOUT);
	close(fd[1]);
	CHECK(poll(&f, 1, 0) == 1 && f.revents & POLLIN);
}

/* Two who read one pipe: each byte comes to one of them. */
static void two_readers(void)
{
	unsigned count[2] = { 0 };
	int fd[2], back[2], pid[2];
	struct waitmsg m;
	char c;

	CHECK(pipe(fd) == 0 && pipe(back) == 0);
	for (unsigned i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			close(fd[1]);
			while (read(fd[0], &c, 1) == 1)
				CHECK(write(back[1], i ? "1" : "0", 1) == 1);
			exit(0);
		}
	}
	close(fd[0]);
	for (unsigned i = 0; i < 1000; i++) {
		CHECK(write(fd[1], "x", 1) == 1);
		CHECK(read(back[0], &c, 1) == 1);
		count[c - '0']++;
	}
	close(fd[1]);
	CHECK(wait(&m) > 0 && wait(&m) > 0);
	CHECK(count[0] + count[1] == 1000);
}

static const struct test tests[] = {
	{ "large", large }, { "both_ways", both_ways },
	{ "end_of_file", end_of_file }, { "broken", broken },
	{ "reader_goes", reader_goes }, { "poll_several", poll_several },
	{ "poll_for_room_and_end", poll_for_room_and_end },
	{ "two_readers", two_readers }, { NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_test(argc, argv, tests);
}
