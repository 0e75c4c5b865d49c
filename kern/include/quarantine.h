/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lazy unmapping: what owners have unmapped, and their devices may still reach.
 *
 * A quarantine is one owner's: the changes of its space that no flush has
 * covered yet, with the pages that they took away.  It is flushed as a whole,
 * when it is full or old, when memory is short, or since the owner's devices
 * are flushed anyway; and only behind that does let_go() give back its frames
 * and addresses, which until then nobody is given (rule 3).  Lazy in time,
 * never in safety: what a device may still reach was its owner's, and is yet
 * nobody else's.
 *
 * The owner's lock guards a quarantine; which of them hold something, how much
 * in all, and the mode are under a lock of quarantine.c, taken last.  Needs
 * iommu.h and iommu_os.h alone; also compiled for the host.
 */
#ifndef QUARANTINE_H
#define QUARANTINE_H

#include <fmt.h>
#include <iommu.h>
#include <list.h>
#include <types.h>

#define QUARANTINE_MAX_PAGES	(1ul << 20)
#define QUARANTINE_MAX_MS	1000u

/* What it was flushed for. */
enum quarantine_why {
	QUARANTINE_FULL, QUARANTINE_OLD, QUARANTINE_SHORT, QUARANTINE_OTHER,
	QUARANTINE_WHYS
};

struct quarantine {
	struct iommu_gather gather;	/* .space: the owner's; NULL: none */
	size_t pages;		/* that it holds */
	uint64_t since;		/* when the first of them came */
	struct list link;	/* among those that hold some, oldest first */
	/* Frames and addresses are free; lost: a unit failed, and they are not,
	 * ever. */
	void (*let_go)(struct quarantine *q, bool lost);
};

struct quarantine_mode {
	bool lazy;
	size_t pages;		/* in all, then the one that grows is flushed */
	unsigned ms;		/* that one may be old */
	size_t share;		/* pages of one */
};

struct quarantine_state {
	struct quarantine_mode mode;
	size_t pages;		/* held in all */
	uint64_t flushes[QUARANTINE_WHYS];	/* of quarantines with pages */
};

/* Whether n pages of one owner may be left to a later flush. */
bool quarantine_takes(size_t n);
/* n pages more, absent now by changes in the gather; the owner keeps frames and
 * addresses.  Flushes if that makes it full.  Negative: as iommu_flush. */
int quarantine_add(struct quarantine *q, size_t n) must_check;
/* Behind it no device sees anything that the gather has taken away, and the
 * quarantine is empty.  Negative: as iommu_flush. */
int quarantine_flush(struct quarantine *q, enum quarantine_why why) must_check;

/* When the oldest is to be flushed; UINT64_MAX: none holds anything. */
uint64_t quarantine_due(void);
/* The oldest, held by hold() so that it stays; NULL: none came before that.
 * Who then has its owner's lock looks at `since` again. */
struct quarantine *quarantine_pick(uint64_t before,
				   void (*hold)(struct quarantine *q));
/* What came before that is too old now. */
uint64_t quarantine_too_old(void);

/* From here on; what is held by then is for the caller to flush. */
void quarantine_set(const struct quarantine_mode *mode);
struct quarantine_state quarantine_state(void);

/*
 * Words, pure: "strict", or "lazy" with any of pages=N, ms=N and share=N, which
 * change *mode; or the three numbers with commas between them.  NULL, or the
 * reason, *subject then being the word that it is about.
 */
const char *quarantine_parse(const char *s, struct quarantine_mode *mode,
			     struct text *subject);
const char *quarantine_parse_bounds(const char *s,
				    struct quarantine_mode *mode);
void quarantine_format(struct text *t, const struct quarantine_state *s);

#endif
