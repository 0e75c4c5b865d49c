/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of #iommu, or of a folder like it. */
#include "iommu.h"

const char *folder = FOLDER;
bool trouble;

static void tell(const char *name, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprint(text, sizeof(text), fmt, args);
	va_end(args);
	warn("%s/%s: %s", folder, name, text);
	trouble = true;
}

static bool path_of(const char *name, char path[PATHLEN])
{
	if (path_join(path, PATHLEN, folder, name) >= 0)
		return true;
	tell(name, "its name is too long");
	return false;
}

char *read_text(const char *name)
{
	char path[PATHLEN], *text;

	if (!path_of(name, path))
		return NULL;
	text = readfile(path, NULL);
	if (!text)
		tell(name, "%r");
	return text;
}

static void odd(void *name, size_t line, const char *why)
{
	tell(name, "line %lu: %s", line, why);
}

struct file records_of(const char *name, char *text)
{
	struct file f = { .text = text };

	if (text)
		f.r = records_parse(text, &f.n, odd, (void *)name);
	if (text && !f.r)
		tell(name, "no memory");
	return f;
}

void free_file(struct file *f)
{
	free(f->r);
	free(f->text);
}

struct file read_records(const char *name)
{
	return records_of(name, read_text(name));
}

const struct record *find_record(const struct file *f, const char *subject)
{
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->r[i].subject, subject))
			return &f->r[i];
	return NULL;
}

uint64_t sum_of(const struct file *f, const char *key)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->n; i++)
		sum += record_count(&f->r[i], key);
	return sum;
}

unsigned count_of(const struct file *f, const char *key, const char *value)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += record_is(&f->r[i], key, value);
	return n;
}

static int open_file(const char *name, int mode)
{
	char path[PATHLEN];
	int fd;

	if (!path_of(name, path))
		return -1;
	fd = open(path, mode);
	if (fd < 0)
		tell(name, "%r");
	return fd;
}

/* The answer stands in the same open file; a refusal names file and subject by
 * itself. */
char *ask_walk(const char *command)
{
	long len = (long)strlen(command);
	int fd = open_file("walk", ORDWR);
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (write(fd, command, (size_t)len) == len &&
	    seek(fd, 0, SEEK_SET) == 0)
		text = readall(fd, NULL);
	if (!text) {
		warn("%r");
		trouble = true;
	}
	close(fd);
	return text;
}

int open_faults(void)
{
	return open_file("faults", OREAD);
}

/* A note of a fault of our own breaks the wait off; then the line is there, or
 * is coming. */
size_t take_faults(int fd, char *buf, size_t size, long milliseconds)
{
	int64_t end = nsec() + milliseconds * 1000000;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	long got = 0;
	int ready;

	do
		ready = poll(&p, 1, milliseconds);
	while (ready < 0 && nsec() < end);
	if (ready > 0)
		got = read(fd, buf, size - 1);
	got = MAX(got, 0l);
	buf[got] = '\0';
	return (size_t)got;
}

void need_bdf(const char *command, const char *text, char bdf[BDF_LEN])
{
	const char *wrong = drv_bdf(text, bdf);

	if (wrong)
		fatal("%s %s: %s", command, text, wrong);
}

const struct record *need_device(const struct file *devices,
				 const char *command, const char *bdf)
{
	const struct record *d = find_record(devices, bdf);

	if (!d)
		fatal("%s %s: no such device", command, bdf);
	return d;
}
