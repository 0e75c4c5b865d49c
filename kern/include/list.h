/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubly linked rings; the head is a member like any other. */
#ifndef LIST_H
#define LIST_H

#include <types.h>

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(l)	{ &(l), &(l) }

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_before(struct list *where, struct list *l)
{
	l->next = where;
	l->prev = where->prev;
	where->prev->next = l;
	where->prev = l;
}

static inline void list_append(struct list *head, struct list *l)
{
	list_insert_before(head, l);
}

static inline void list_prepend(struct list *head, struct list *l)
{
	list_insert_before(head->next, l);
}

/* Leaves l as a ring of its own, so that removing it twice is harmless. */
static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#define list_entry(l, type, member)	container_of(l, type, member)
#define list_first(head, type, member)	list_entry((head)->next, type, member)

/* What begins member bytes before the head is no object: its link is an address
 * and no member, until it is known not to be the head. */
#define list_link(it, member) \
	((struct list *)((char *)(it) + offsetof(__typeof__(*(it)), member)))

#define list_for_each(it, head, member)					\
	for (it = list_entry((head)->next, __typeof__(*it), member);	\
	     list_link(it, member) != (head);				\
	     it = list_entry(it->member.next, __typeof__(*it), member))

/* The body may remove `it`. */
#define list_for_each_safe(it, tmp, head, member)			\
	for (it = list_entry((head)->next, __typeof__(*it), member),	\
	     tmp = list_entry(list_link(it, member)->next,		\
			      __typeof__(*it), member);			\
	     list_link(it, member) != (head);				\
	     it = tmp,							\
	     tmp = list_entry(list_link(it, member)->next,		\
			      __typeof__(*it), member))

#endif
