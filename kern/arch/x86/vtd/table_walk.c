/* SPDX-License-Identifier: BSD-2-Clause */
/* Second-level tables (table.h), read: one address's entries, and what stands
 * there from an address on.  The caller keeps them from being changed. */
#include <vtd/table_impl.h>

unsigned sl_walk(const struct sl_table *t, unsigned levels, uint64_t va,
		 uint64_t entry[SL_MAX_LEVELS])
{
	const uint64_t *table = t->top[levels - SL_LEVELS];
	unsigned level = levels;

	for (;; level--) {
		entry[level - 1] = table[sl_index(va, level)];
		table = sl_table_under(entry[level - 1], level);
		if (!table)
			return level;
	}
}

struct sl_run sl_run_at(const struct sl_table *t, uint64_t va)
{
	uint64_t e[SL_MAX_LEVELS];
	unsigned level = sl_walk(t, SL_LEVELS, va, e), i = sl_index(va, level);
	struct sl_run r = {
		.level = level, .rights = e[level - 1] & SL_RIGHTS,
		.len = -(va % sl_span(level)),
	};
	const uint64_t *table = level == SL_LEVELS ? t->top[0] :
		sl_table_under(e[level], level + 1);

	for (; i < SL_ENTRIES && (table[i] & SL_RIGHTS) == r.rights &&
	     (!r.rights || sl_is_leaf(table[i], level)); i++)
		r.len += sl_span(level);
	return r;
}
