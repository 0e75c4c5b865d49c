/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu: what can be seen of DMA remapping, for people.  It reads files of
 * #iommu (Documentation/iommu.md) and needs nothing else of the kernel, so that
 * every figure it shows can be had by other programs too.
 *
 *	main.c		what the user typed
 *	files.c		the files, and messages about them
 *	screen.c	lines of a screen
 *	summary.c	iommu
 *	top.c		iommu top
 *	walk.c		iommu walk, iommu dump
 *	entries.c	table entries, field by field
 *	why.c		iommu why
 *	words.c		which words attach wants, for it
 *	caps.c		capability registers, field by field
 *	report.c	iommu report
 *	selftest.c	iommu selftest
 *	edu.c		its part that needs a device
 *
 * A command returns the program's exit status.
 */
#ifndef IOMMU_H
#define IOMMU_H

#include <drv.h>
#include <record.h>

/* files.c.  What cannot be read, and lines that are no records, are told of
 * with file and reason, and make the exit status 1 (trouble); the rest of the
 * file is used. */
#define FOLDER	"#iommu"
extern const char *folder;
extern bool trouble;

struct file {
	struct record *r;
	size_t n;
	char *text;		/* that the records point into */
};

char *read_text(const char *name);	/* malloc'd; NULL: told of */
struct file read_records(const char *name);
struct file records_of(const char *name, char *text);	/* which it keeps */
void free_file(struct file *f);
const struct record *find_record(const struct file *f, const char *subject);
uint64_t sum_of(const struct file *f, const char *key);
unsigned count_of(const struct file *f, const char *key, const char *value);
/* Writes the command into `walk` and gives the answer; NULL: told of. */
char *ask_walk(const char *command);
/* The file `faults`, -1: told of; and what comes there within that time, as
 * text; its length. */
int open_faults(void);
size_t take_faults(int fd, char *buf, size_t size, long milliseconds);
/* The device as in the files' subjects; ends the program if it is none. */
void need_bdf(const char *command, const char *text, char bdf[BDF_LEN]);
/* Its record; ends the program if there is no such device. */
const struct record *need_device(const struct file *devices,
				 const char *command, const char *bdf);

/* screen.c */
#define ROWS	24		/* one less than a screen has, for the prompt */
void row(const char *fmt, ...);		/* cut at the screen's width */
void rows_from_the_top(void);		/* the next one is the first again */
void rows_end(void);			/* what is below is erased */
bool is_console(int fd);
/* How many of n lines to show in so many rows, the heading's among them, so
 * that one is left to say how many are missing. */
size_t rows_for(size_t n, size_t rows);
void row_more(size_t missing, const char *name);
struct brief {
	char s[32];
};
struct brief size_text(uint64_t bytes);	/* "64K" */
struct brief size_of(const struct record *r, const char *key);
struct brief owner_text(const char *pid);	/* "12 sleep" */
struct brief share_text(const struct record *r, const char *part,
			const char *whole);	/* "3/256" */

/* Which of the devices are worth a line: those that are not simply free. */
bool is_notable(const struct record *device);

/* entries.c: "P=1 CTP=0x1234000" */
enum entry {
	ROOT, CONTEXT_LOW, CONTEXT_HIGH, TABLE, LEAF_4K, LEAF_2M, LEAF_1G,
};
void print_entry(enum entry kind, uint64_t value);

/* caps.c */
void print_capabilities(const struct record *unit);

/* walk.c: the way to an address; 1: it ends before memory.  The ranges of a
 * device, and their sum; 1: they cannot be read. */
int print_walk(const char *bdf, uint64_t addr);
int print_ranges(const char *bdf);

/* words.c */
void print_words(const struct record *d, const struct record *unit);
bool may_drop_reserved(const struct record *d);
bool needs_unsafe(const struct record *d);	/* whoever had it before */

/* selftest.c: the outcome of a part, counted and told. */
enum outcome { OK, FAILED, SKIPPED };
void outcome(const char *subject, const char *part, enum outcome how,
	     const char *fmt, ...);
int print_selftest(void);	/* the kernel's part */

/* edu.c; words are those for attach. */
void test_with_edu(const char *words);

int summary(int argc, char **argv);
int top(int argc, char **argv);
int walk(int argc, char **argv);
int dump(int argc, char **argv);
int why(int argc, char **argv);
int report(int argc, char **argv);
int selftest(int argc, char **argv);

#endif
