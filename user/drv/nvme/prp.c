/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical region pages (NVMe 1.4, 4.3): a command names its data by pages.
 * "Physical" is what the device thinks; behind the remapping unit they are our
 * own addresses.  The first entry may begin within a page.  The second one is
 * the second page, or points at a list of all the others.
 */
#include "nvme.h"

/* One page of list is enough, so lists are never chained. */
_Static_assert(MAX_TRANSFER / PAGE <= PRPS, "the list fits into its page");

void prp_set(struct sqe *cmd, uint64_t *list, const void *p, size_t len)
{
	uint64_t at = (uintptr_t)p, end = at + len;

	cmd->prp1 = at;
	at = (at & ~(uint64_t)(PAGE - 1)) + PAGE;
	if (end <= at) {
		cmd->prp2 = 0;
	} else if (end - at <= PAGE) {
		cmd->prp2 = at;
	} else {
		cmd->prp2 = (uintptr_t)list;
		for (; at < end; at += PAGE)
			*list++ = at;
	}
}
