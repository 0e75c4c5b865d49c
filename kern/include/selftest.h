/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n'th check of a remapping unit, on the machine that it runs on.  No device
 * notices, and it ends within some of the unit's deadlines.  The caller keeps
 * power and hand-over still.  A unit that does not answer has failed then, as at
 * any other time.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

struct selftest {
	const char *name;	/* NULL: there are not so many */
	const char *skipped;	/* why it was not made; NULL: it was */
	const char *wrong;	/* NULL: it does as it should */
};
struct selftest selftest(unsigned unit, unsigned n);

#endif
