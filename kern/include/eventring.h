/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of events that any number of processors put into at once, from
 * interrupt handlers too, and that is read meanwhile; nobody waits for anybody.
 *
 * Events are numbered from 0; number n has slot n % size.  A slot's `state` is
 * 2n + 1 while event n is being stored there and 2n + 2 once it is whole.  The
 * writer claims the slot by changing an even state to its own odd one; if
 * another is still storing there, or a later event was, the event is lost.  A
 * reader believes what it has read if the state was 2n + 2 before and after.
 * Words are stored behind the claim (release) and read ahead of the second look
 * (acquire), so a torn event is always seen to be one.
 */
#ifndef EVENTRING_H
#define EVENTRING_H

#include <types.h>

#define EVENT_WORDS 5

struct event_slot {
	uint64_t state, word[EVENT_WORDS];
};

struct event_ring {
	uint64_t size;			/* a power of two */
	uint64_t next;			/* the next event's number */
	uint64_t first;			/* those before are forgotten */
	struct event_slot *slots;	/* all zero at first */
};

static inline void event_put(struct event_ring *r,
			     const uint64_t word[EVENT_WORDS])
{
	uint64_t n = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED);
	struct event_slot *s = &r->slots[n % r->size];
	uint64_t was = __atomic_load_n(&s->state, __ATOMIC_RELAXED);

	if (was & 1 || was > 2 * n ||
	    !__atomic_compare_exchange_n(&s->state, &was, 2 * n + 1, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	for (unsigned i = 0; i < EVENT_WORDS; i++)
		__atomic_store_n(&s->word[i], word[i], __ATOMIC_RELEASE);
	__atomic_store_n(&s->state, 2 * n + 2, __ATOMIC_RELEASE);
}

/* false: that event is not there: lost, overwritten, or not whole yet. */
static inline bool event_get(const struct event_ring *r, uint64_t n,
			     uint64_t word[EVENT_WORDS])
{
	const struct event_slot *s = &r->slots[n % r->size];

	if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != 2 * n + 2)
		return false;
	for (unsigned i = 0; i < EVENT_WORDS; i++)
		word[i] = __atomic_load_n(&s->word[i], __ATOMIC_ACQUIRE);
	return __atomic_load_n(&s->state, __ATOMIC_RELAXED) == 2 * n + 2;
}

/* Those put so far are not shown any more. */
static inline void event_forget(struct event_ring *r)
{
	r->first = __atomic_load_n(&r->next, __ATOMIC_RELAXED);
}

#endif
