/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One process of the lab: memory with names, and DMA by the edu device that it
 * has been given.
 */
#include "lab.h"

#define MAX_BUFFERS	16
#define MAX_WORDS	6
#define NOTES_MAX	1024
#define MEG		(1024ul * 1024)

struct buffer {
	char name[16];
	uint8_t *p;		/* NULL: not in use */
	size_t len;
};

static struct buffer buffers[MAX_BUFFERS];
static char notes[NOTES_MAX];
static size_t notes_len;
static bool have_device;

static void reply(const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprint(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	n = MIN(n, LINE_MAX - 2);
	line[n++] = '\n';
	if (writeall(1, line, (size_t)n) < 0)
		exit(1);
}

static void on_note(struct ureg *ureg, char *note)
{
	(void)ureg;
	if (strncmp(note, "iommu:", 6))
		noted(NDFLT);
	notes_len += (size_t)snprint(notes + notes_len,
				     sizeof(notes) - notes_len, "[%s]", note);
	notes_len = MIN(notes_len, sizeof(notes) - 1);
	noted(NCONT);
}

static struct buffer *find(const char *name)
{
	for (unsigned i = 0; i < MAX_BUFFERS; i++)
		if (buffers[i].p && !strcmp(buffers[i].name, name))
			return &buffers[i];
	return NULL;
}

static struct buffer *add(const char *name, void *p, size_t len)
{
	for (unsigned i = 0; i < MAX_BUFFERS; i++)
		if (!buffers[i].p) {
			buffers[i].p = p;
			buffers[i].len = len;
			snprint(buffers[i].name, sizeof(buffers[i].name), "%s",
				name);
			return &buffers[i];
		}
	return NULL;
}

static void do_map(unsigned n, char **w)
{
	uint64_t pages;
	int pinned = n > 3 && !strcmp(w[3], "pinned") ? MAP_PINNED : 0;
	void *p;

	if (n < 3 || parse_number(w[2], 10, 1 << 20, &pages) < 0)
		return reply("map NAME PAGES [pinned]");
	p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
		 MAP_ANON | pinned, -1, 0);
	if (!p || !add(w[1], p, pages * 4096))
		return reply("failed: %r");
	reply("at %p", p);
}

/* Takes frames until it has that one, keeps its page, gives back the others. */
static void do_grab(unsigned n, char **w)
{
	uint64_t frame, page = 0;
	uint8_t *mem;
	size_t len = MEG;

	if (n < 3 || parse_number(w[1], 16, UINT64_MAX, &frame) < 0)
		return reply("grab FRAME NAME");
	mem = drv_memory(len);
	if (mem)
		page = page_over(getpid(), frame);
	if (page < (uintptr_t)mem || page >= (uintptr_t)mem + len ||
	    !add(w[2], (void *)page, 4096)) {
		munmap(mem, len);
		return reply("frame %s is not free", w[1]);
	}
	munmap(mem, page - (uintptr_t)mem);
	munmap((void *)(page + 4096), (uintptr_t)mem + len - page - 4096);
	reply("has frame %s", w[1]);
}

/* A transfer of the edu device ends one byte before the end of a page. */
static void do_check(const struct buffer *b, unsigned n, char **w)
{
	uint64_t byte, len = b->len;

	if (parse_number(w[2], 16, 255, &byte) < 0 ||
	    (n > 3 && parse_number(w[3], 10, b->len, &len) < 0))
		return reply("check NAME BYTE [LEN]");
	for (size_t i = 0; i < len; i++)
		if (b->p[i] != byte)
			return reply("byte %lu is %02x", i, b->p[i]);
	reply("all %02lx", byte);
}

static void do_fill(struct buffer *b, const char *word)
{
	uint64_t byte;

	if (parse_number(word, 16, 255, &byte) < 0)
		return reply("fill NAME BYTE");
	memset(b->p, (int)byte, b->len);
	reply("filled");
}

static void do_protect(struct buffer *b, const char *how)
{
	int prot = !strcmp(how, "none") ? PROT_NONE :
		!strcmp(how, "r") ? PROT_READ : PROT_READ | PROT_WRITE;

	reply(mprotect(b->p, b->len, prot) < 0 ? "failed: %r" : "protected");
}

static void do_unmap(struct buffer *b)
{
	int bad = munmap(b->p, b->len);

	b->p = NULL;
	reply(bad < 0 ? "failed: %r" : "unmapped");
}

/* Commands about one buffer: NAME is the second word. */
static bool with_buffer(unsigned n, char **w)
{
	struct buffer *b = n > 1 ? find(w[1]) : NULL;

	if (!b)
		return false;
	if (!strcmp(w[0], "check") && n > 2)
		do_check(b, n, w);
	else if (!strcmp(w[0], "fill") && n > 2)
		do_fill(b, w[2]);
	else if (!strcmp(w[0], "protect") && n > 2)
		do_protect(b, w[2]);
	else if (!strcmp(w[0], "unmap"))
		do_unmap(b);
	else if (!strcmp(w[0], "addr"))
		reply("at %p", b->p);
	else if (!strcmp(w[0], "frame"))
		reply("%lx", frame_of(getpid(), (uintptr_t)b->p));
	else
		return false;
	return true;
}

/* start|dma read|write NAME|ADDR [LEN] */
static void do_dma(unsigned n, char **w, bool finish)
{
	struct buffer *b = n > 2 ? find(w[2]) : NULL;
	uint64_t addr = b ? (uintptr_t)b->p : 0, len = EDU_MOST;

	if (n < 3 || (!b && parse_number(w[2], 16, UINT64_MAX, &addr) < 0) ||
	    (n > 3 && parse_number(w[3], 10, EDU_MOST, &len) < 0))
		return reply("%s read|write NAME|ADDR [LEN]", w[0]);
	if (!have_device)
		return reply("no device");
	edudev_start(addr, (unsigned)len, !strcmp(w[1], "write"));
	if (!finish)
		return reply("started");
	reply(edudev_finish() < 0 ? "no interrupt" : "done");
}

/* The device's own buffer: set to a byte, or looked at, by DMA of a page. */
static void do_device(unsigned n, char **w)
{
	static uint8_t *page;
	uint64_t byte = 0;

	if (!have_device)
		return reply("no device");
	if (!page)
		page = drv_memory(4096);
	if (!page)
		return reply("failed: %r");
	if (n > 1 && parse_number(w[1], 16, 255, &byte) < 0)
		return reply("device [BYTE]");
	memset(page, n > 1 ? (int)byte : 0, 4096);
	edudev_start((uintptr_t)page, EDU_MOST, n == 1);
	if (edudev_finish() < 0)
		return reply("no interrupt");
	for (unsigned i = 0; i < EDU_MOST; i++)
		if (page[i] != page[0])
			return reply("byte %u is %02x, byte 0 %02x", i,
				     page[i], page[0]);
	reply("all %02x", page[0]);
}

static void do_fork(const struct buffer *b)
{
	int pid = b && have_device ? edudev_fork((uintptr_t)b->p) : fork();

	if (pid == 0) {
		close(0);	/* lab must see when its worker dies */
		close(1);
		for (;;)
			sleep_ms(1000000);
	}
	reply(pid < 0 ? "failed: %r" : "child %d", pid);
}

static void do_exec(void)
{
	char *argv[] = { "sleep", "100000", NULL };

	reply("execs");
	exec("/bin/sleep", argv);
}

static void do_notes(void)
{
	reply("notes: %s", notes_len ? notes : "none");
	notes_len = 0;
}

static void do_open(void)
{
	have_device = edudev_open() >= 0;
	reply(have_device ? "open" : "failed: %r");
}

static void command(unsigned n, char **w)
{
	if (!strcmp(w[0], "map"))
		do_map(n, w);
	else if (!strcmp(w[0], "grab"))
		do_grab(n, w);
	else if (!strcmp(w[0], "open"))
		do_open();
	else if (!strcmp(w[0], "dma") || !strcmp(w[0], "start"))
		do_dma(n, w, w[0][0] == 'd');
	else if (!strcmp(w[0], "busy"))
		reply(have_device && edudev_busy() ? "busy" : "idle");
	else if (!strcmp(w[0], "finish"))
		reply(edudev_finish() < 0 ? "no interrupt" : "done");
	else if (!strcmp(w[0], "device"))
		do_device(n, w);
	else if (!strcmp(w[0], "notes"))
		do_notes();
	else if (!strcmp(w[0], "fork"))
		do_fork(n > 1 ? find(w[1]) : NULL);
	else if (!strcmp(w[0], "exec"))
		do_exec();
	else if (!strcmp(w[0], "exit"))
		exit(0);
	else if (!with_buffer(n, w))
		reply("what is %s?", w[0]);
}

_Noreturn void worker(void)
{
	struct lines in = { .fd = 0 };
	char *words[MAX_WORDS], *line;
	unsigned n;
	int got;

	notify(on_note);
	for (;;) {
		got = lines_next(&in, &line);
		if (got == 0)
			exit(0);
		if (got < 0)
			continue;	/* a note came in between */
		for (n = 0; n < MAX_WORDS && *line; n++) {
			words[n] = line;
			while (*line && *line != ' ')
				line++;
			while (*line == ' ')
				*line++ = '\0';
		}
		if (n)
			command(n, words);
	}
}
