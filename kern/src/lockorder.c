/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong with how locks are used (CONFIG_LOCK_ORDER, lockorder.h).
 *
 * Locks of one name are of one kind; a qlock and the spinlock of its queue are
 * two.  Locks without a name are of one kind if they were first taken at one
 * place.  A table keeps which kind was ever taken while which other was held,
 * and where.  If, before an entry is added, the table leads from the taken kind
 * back to the held one, then two threads can wait for each other for ever; that
 * entry is told of and is not added, so that what follows is judged by the
 * order that came first.
 *
 * Called with interrupts off, by any number of processors: what is known
 * already is found without a lock, what is new under graph.busy.  Pure; also
 * compiled for the host.
 */
#include <arch.h>
#include <fmt.h>
#include <lock.h>
#include <lockorder.h>
#include <string.h>

#define MAX_NAMES	64	/* number 0: unknown */
#define MAX_KINDS	(MAX_NAMES * 2)
#define IS_QLOCK	1u	/* in a kind's number */
#define UNKNOWN(kind)	((kind) <= IS_QLOCK)
#define TEXT_MAX	220

/* What is told once of a kind. */
#define TOLD_IRQS_ON	1u
#define TOLD_IRQS_OFF	2u
#define TOLD_SLEEP	4u
#define TOLD_NONE	8u
#define TOLD_NOT_HELD	16u

static struct {
	uint32_t busy;
	unsigned nnames;		/* without the unknown one */
	bool told_names, told_held;
	struct {
		const char *name;	/* NULL: it has none */
		uintptr_t first;	/* then: where it was first taken */
	} names[MAX_NAMES];
	uintptr_t in_irq[MAX_KINDS];	/* where an interrupt took it, or 0 */
	uint8_t told[MAX_KINDS];
	uintptr_t under[MAX_KINDS][MAX_KINDS];	/* [held][taken]: where */
	bool told_under[MAX_KINDS][MAX_KINDS];
} graph;

static void lock_graph(void)
{
	while (__atomic_exchange_n(&graph.busy, 1, __ATOMIC_ACQUIRE))
		cpu_pause();
}

static void unlock_graph(void)
{
	__atomic_store_n(&graph.busy, 0, __ATOMIC_RELEASE);
}

struct line {
	char s[TEXT_MAX];
};

static struct text text_of(struct line *line)
{
	line->s[0] = '\0';
	return (struct text){ .buf = line->s, .size = sizeof(line->s) };
}

static void add_kind(struct text *t, unsigned kind)
{
	const char *name = graph.names[kind / 2].name;

	text_add(t, kind & IS_QLOCK ? "qlock " : "spinlock ");
	if (name)
		text_add(t, "%s", name);
	else
		text_add(t, "first taken at 0x%lx",
			 graph.names[kind / 2].first);
}

static bool is_first(bool *told)
{
	return !__atomic_exchange_n(told, true, __ATOMIC_RELAXED);
}

static bool is_first_of(unsigned kind, uint8_t what)
{
	return !UNKNOWN(kind) &&
		!(__atomic_fetch_or(&graph.told[kind], what,
				    __ATOMIC_RELAXED) & what);
}

static bool same_name(unsigned i, const char *name, uintptr_t at)
{
	if (!name || !graph.names[i].name)
		return !name && graph.names[i].first == at;
	return !strcmp(graph.names[i].name, name);
}

/* graph.busy held; 0: there is no room. */
static unsigned find_name(const char *name, uintptr_t at)
{
	unsigned i = 1;

	while (i <= graph.nnames && !same_name(i, name, at))
		i++;
	if (i == MAX_NAMES)
		return 0;
	if (i > graph.nnames) {
		graph.names[i].name = name;
		graph.names[i].first = name ? 0 : at;
		graph.nnames = i;
	}
	return i;
}

static unsigned kind_of(struct spinlock *l, bool is_qlock, uintptr_t at)
{
	unsigned n = READ_ONCE(l->kind);
	struct line line;
	struct text t;

	if (!n) {
		lock_graph();
		n = find_name(l->name, at);
		unlock_graph();
		WRITE_ONCE(l->kind, n);
	}
	if (!n && is_first(&graph.told_names)) {
		t = text_of(&line);
		text_add(&t, "more than %u kinds of locks, %s is not watched",
			 MAX_NAMES - 1, l->name ? l->name : "one");
		order_tell(line.s);
	}
	return n * 2 + (is_qlock ? IS_QLOCK : 0);
}

/* Whether `to` was ever taken under `from`, directly or by way of others; then
 * via[] leads from `to` back to `from`.  graph.busy held. */
static bool leads(unsigned from, unsigned to, uint8_t *via)
{
	uint8_t queue[MAX_KINDS];
	unsigned head = 0, tail = 0;

	memset(via, 0, MAX_KINDS);
	queue[tail++] = (uint8_t)from;
	while (head < tail && !via[to]) {
		unsigned k = queue[head++];

		for (unsigned next = 0; next < MAX_KINDS; next++)
			if (graph.under[k][next] && !via[next]) {
				via[next] = (uint8_t)k;
				queue[tail++] = (uint8_t)next;
			}
	}
	return via[to];
}

static void add_under(struct text *t, unsigned taken, unsigned held,
		      uintptr_t at)
{
	add_kind(t, taken);
	text_add(t, " under ");
	add_kind(t, held);
	text_add(t, " at 0x%lx", at);
}

/* "A under B at 1, but B under C at 2, C under A at 3" */
static void add_circle(struct text *t, unsigned taken, unsigned held,
		       const uint8_t *via, uintptr_t at)
{
	const char *between = ", but ";

	add_under(t, taken, held, at);
	for (unsigned k = held; k != taken; k = via[k]) {
		text_add(t, "%s", between);
		add_under(t, k, via[k], graph.under[via[k]][k]);
		between = ", ";
	}
}

static void add_same(struct text *t, unsigned taken, const struct lock_held *h,
		     uintptr_t at)
{
	add_under(t, taken, h->kind, at);
	text_add(t, ", held since 0x%lx: in which order?", h->at);
}

/* What is new: `taken` under that one. */
static void check_new(unsigned taken, const struct lock_held *h, uintptr_t at)
{
	uint8_t via[MAX_KINDS];
	struct line line;
	struct text t = text_of(&line);

	lock_graph();
	if (graph.told_under[h->kind][taken])
		;	/* by another processor, just now */
	else if (taken == h->kind)
		add_same(&t, taken, h, at);
	else if (leads(taken, h->kind, via))
		add_circle(&t, taken, h->kind, via, at);
	else
		WRITE_ONCE(graph.under[h->kind][taken], at);
	if (t.len)
		WRITE_ONCE(graph.told_under[h->kind][taken], true);
	unlock_graph();
	if (t.len)
		order_tell(line.s);
}

static void check_under(unsigned taken, const struct lock_stack *s,
			uintptr_t at)
{
	const struct lock_held *h;

	for (unsigned i = 0; s && i < s->n && !UNKNOWN(taken); i++) {
		h = &s->held[i];
		if (!UNKNOWN(h->kind) &&
		    !READ_ONCE(graph.under[h->kind][taken]) &&
		    !READ_ONCE(graph.told_under[h->kind][taken]))
			check_new(taken, h, at);
	}
}

/* It sleeps, so no spinlock may be held and interrupts must be on. */
static void check_qlock(const struct lock_user *u, unsigned kind)
{
	struct line line;
	struct text t = text_of(&line);
	const struct lock_held *h;

	for (unsigned i = 0; i < u->spins->n; i++) {
		h = &u->spins->held[i];
		if (is_first(&graph.told_under[h->kind][kind])) {
			t = text_of(&line);
			add_under(&t, kind, h->kind, u->at);
			order_tell(line.s);
		}
	}
	if (!u->spins->n && !u->irqs_on && is_first_of(kind, TOLD_IRQS_OFF)) {
		add_kind(&t, kind);
		text_add(&t, " taken at 0x%lx with interrupts off", u->at);
		order_tell(line.s);
	}
}

static void push(struct lock_stack *s, const struct spinlock *l, unsigned kind,
		 uintptr_t at)
{
	struct line line;
	struct text t = text_of(&line);

	if (s->n < MAX_HELD) {
		s->held[s->n++] = (struct lock_held){ l, kind, at };
		return;
	}
	s->lost++;
	if (is_first(&graph.told_held)) {
		text_add(&t, "more than %u locks held at 0x%lx", MAX_HELD, at);
		order_tell(line.s);
	}
}

static void take_qlock(const struct lock_user *u, struct spinlock *l)
{
	unsigned kind = kind_of(l, true, u->at);

	check_under(kind, u->qlocks, u->at);
	check_qlock(u, kind);
	if (u->qlocks)
		push(u->qlocks, l, kind, u->at);
}

/* Under a qlock any spinlock may be taken, so that is not kept. */
static void take_spinlock(const struct lock_user *u, struct spinlock *l)
{
	unsigned kind = kind_of(l, false, u->at);

	check_under(kind, u->spins, u->at);
	if (u->in_irq && !READ_ONCE(graph.in_irq[kind]))
		WRITE_ONCE(graph.in_irq[kind], u->at);
	push(u->spins, l, kind, u->at);
	if (u->irqs_on)
		order_irqs_on(u);
}

void order_take(const struct lock_user *u, struct spinlock *l, bool is_qlock)
{
	if (is_qlock)
		take_qlock(u, l);
	else
		take_spinlock(u, l);
}

static bool pop(struct lock_stack *s, const struct spinlock *l)
{
	unsigned i = s->n;

	while (i && s->held[i - 1].lock != l)
		i--;
	if (!i && !s->lost)
		return false;
	if (!i) {
		s->lost--;
		return true;
	}
	for (s->n--; i - 1 < s->n; i++)
		s->held[i - 1] = s->held[i];
	return true;
}

void order_give(const struct lock_user *u, struct spinlock *l, bool is_qlock)
{
	struct lock_stack *s = is_qlock ? u->qlocks : u->spins;
	unsigned kind = kind_of(l, is_qlock, u->at);
	struct line line;
	struct text t = text_of(&line);

	if ((s && pop(s, l)) || !is_first_of(kind, TOLD_NOT_HELD))
		return;
	add_kind(&t, kind);
	text_add(&t, " given back at 0x%lx, but %s does not hold it", u->at,
		 u->thread);
	order_tell(line.s);
}

/* "THREAD what 0x1 with spinlock NAME held since 0x2", once of each kind. */
static void tell_held(const struct lock_user *u, const struct lock_stack *s,
		      const char *what, uint8_t told)
{
	struct line line;
	struct text t;
	unsigned kind;

	for (unsigned i = 0; s && i < s->n; i++) {
		kind = s->held[i].kind;
		if (!is_first_of(kind, told))
			continue;
		t = text_of(&line);
		text_add(&t, "%s %s 0x%lx with ", u->thread, what, u->at);
		add_kind(&t, kind);
		text_add(&t, " held since 0x%lx", s->held[i].at);
		if (told == TOLD_IRQS_ON && graph.in_irq[kind])
			text_add(&t, ", which interrupts take at 0x%lx",
				 graph.in_irq[kind]);
		order_tell(line.s);
	}
}

void order_sleep(const struct lock_user *u)
{
	tell_held(u, u->spins, "sleeps at", TOLD_SLEEP);
}

void order_irqs_on(const struct lock_user *u)
{
	tell_held(u, u->spins, "turns interrupts on at", TOLD_IRQS_ON);
}

void order_none(const struct lock_user *u, const char *what)
{
	tell_held(u, u->spins, what, TOLD_NONE);
	tell_held(u, u->qlocks, what, TOLD_NONE);
}
