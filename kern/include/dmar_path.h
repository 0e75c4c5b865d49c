/* SPDX-License-Identifier: BSD-2-Clause */
/* The function that a scope of the DMAR table names. */
#ifndef DMAR_PATH_H
#define DMAR_PATH_H

#include <dmar.h>

/* Follows its path through the bridges' secondary buses; false: it leads to
 * nothing. */
bool dmar_follow(const struct dmar_table *t, const struct dmar_scope *s,
		 uint16_t segment, uint16_t *sid);

#endif
