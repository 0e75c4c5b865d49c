/* SPDX-License-Identifier: BSD-2-Clause */
#include "walk.h"

/*@ requires dmar_opened(t) && \valid_read(s);
    terminates \true;
    assigns \nothing; */
static void walk_path(const struct dmar_table *t, const struct dmar_scope *s)
{
	/*@ loop invariant i <= s->path_len + 1;
	    loop assigns i;
	    loop variant s->path_len - i; */
	for (unsigned int i = 0; i <= s->path_len; i++)
		dmar_hop(t, s, i);
}

/* Each letter is read, and so must be there. */
/*@ requires dmar_opened(t) && \valid_read(e);
    requires e->name + e->name_len <= t->len;
    terminates \true;
    assigns \nothing; */
static void walk_name(const struct dmar_table *t, const struct dmar_entry *e)
{
	const volatile uint8_t *name = t->bytes + e->name;

	/*@ loop invariant i <= e->name_len;
	    loop assigns i;
	    loop variant e->name_len - i; */
	for (uint32_t i = 0; i < e->name_len; i++)
		(void)name[i];
}

size_t walk_table(const uint8_t *bytes, size_t len)
{
	struct dmar_table t;
	struct dmar_entry e = { 0 };
	enum dmar_error bad = dmar_open(&t, bytes, len);
	size_t count = 0;

	expect(t.bytes == bytes && t.len <= len);
	/*@ loop invariant count <= e.next <= t.len;
	    loop assigns e, count;
	    loop variant t.len - e.next; */
	while (dmar_next(&t, &e)) {
		struct dmar_scope s = { 0 };
		uint32_t after = 0;

		expect(e.offset >= 48 && e.offset < e.end && e.end <= t.len);
		expect(e.offset >= count && e.offset < e.next);
		expect(e.name + e.name_len <= e.end);
		walk_name(&t, &e);
		/*@ loop invariant s.next == after;
		    loop assigns s, after;
		    loop variant e.end - s.next; */
		while (dmar_next_scope(&t, &e, &s)) {
			expect(s.offset >= after && s.offset < s.next);
			expect(s.next <= e.end);
			expect(s.path_len == 0 ||
			       s.offset + 6 + 2u * s.path_len <= e.end);
			walk_path(&t, &s);
			after = s.next;
		}
		count++;
	}
	return bad == dmar_ok ? count : 0;
}
