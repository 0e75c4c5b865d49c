/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CONFIG_LOCK_ORDER finds wrong with the use of locks
 * (kern/src/lockorder.c): a fault of each kind is told of, once, and what is
 * right is not.  The tables are never emptied, so each test has names of its
 * own, and the one that fills them is the last.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch.h"
#include "lock.h"
#include "lockorder.h"

#define PLACE 0xffffffff80100000ul

static struct lock_stack spins, qlocks;
static struct lock_user user;
static char line[256];
static unsigned lines;

void order_tell(const char *text)
{
	snprintf(line, sizeof(line), "%s", text);
	__atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED);
}

void cpu_pause(void)
{
}

static int in_a_thread(void **state)
{
	(void)state;
	memset(&spins, 0, sizeof(spins));
	memset(&qlocks, 0, sizeof(qlocks));
	user = (struct lock_user){
		.thread = "sh", .spins = &spins, .qlocks = &qlocks,
		.at = PLACE,
	};
	lines = 0;
	return 0;
}

static void spin(struct spinlock *l, unsigned at)
{
	user.irqs_on = false;
	user.at = PLACE + at;
	order_take(&user, l, false);
}

static void unspin(struct spinlock *l)
{
	order_give(&user, l, false);
}

static void take(struct qlock *q, unsigned at)
{
	user.irqs_on = true;
	user.at = PLACE + at;
	order_take(&user, &q->q.lock, true);
}

static void give(struct qlock *q)
{
	order_give(&user, &q->q.lock, true);
}

/* The second one under the first. */
static void both(struct spinlock *a, struct spinlock *b, unsigned at)
{
	spin(a, at);
	spin(b, at + 1);
	unspin(b);
	unspin(a);
}

static void told(const char *text)
{
	assert_int_equal(lines, 1);
	assert_string_equal(line, text);
	lines = 0;
}

static void nothing_told(void)
{
	if (lines)
		fail_msg("told: %s", line);
}

static void test_order_of_two(void **state)
{
	struct spinlock a = SPINLOCK("a"), b = SPINLOCK("b");

	(void)state;
	both(&a, &b, 0x10);
	both(&a, &b, 0x20);
	nothing_told();
	both(&b, &a, 0x30);
	told("spinlock a under spinlock b at 0xffffffff80100031, but "
	     "spinlock b under spinlock a at 0xffffffff80100011");
	both(&b, &a, 0x40);
	both(&a, &b, 0x50);
	nothing_told();
}

static void test_names_make_the_kind(void **state)
{
	char name[] = "named";
	struct spinlock a = SPINLOCK("named"), b = SPINLOCK("other");
	struct spinlock c = SPINLOCK(name);

	(void)state;
	both(&a, &b, 0x10);
	both(&b, &c, 0x20);
	told("spinlock named under spinlock other at 0xffffffff80100021, but "
	     "spinlock other under spinlock named at 0xffffffff80100011");
}

static void test_circle_of_four(void **state)
{
	struct spinlock a = SPINLOCK("1"), b = SPINLOCK("2");
	struct spinlock c = SPINLOCK("3"), d = SPINLOCK("4");

	(void)state;
	both(&a, &b, 0x10);
	both(&c, &d, 0x20);
	both(&b, &c, 0x30);
	nothing_told();
	both(&d, &a, 0x40);
	told("spinlock 1 under spinlock 4 at 0xffffffff80100041, but "
	     "spinlock 4 under spinlock 3 at 0xffffffff80100021, "
	     "spinlock 3 under spinlock 2 at 0xffffffff80100031, "
	     "spinlock 2 under spinlock 1 at 0xffffffff80100011");
	both(&b, &d, 0x50);
	both(&a, &c, 0x60);
	nothing_told();
	both(&c, &a, 0x70);
	assert_int_equal(lines, 1);
}

/* What is held counts, however it was given back meanwhile. */
static void test_held_before_the_last_one(void **state)
{
	struct spinlock a = SPINLOCK("h1"), b = SPINLOCK("h2");
	struct spinlock c = SPINLOCK("h3");

	(void)state;
	spin(&a, 0x10);
	spin(&b, 0x11);
	spin(&c, 0x12);
	unspin(&a);
	unspin(&c);
	unspin(&b);
	assert_int_equal(spins.n, 0);
	both(&c, &a, 0x20);
	told("spinlock h1 under spinlock h3 at 0xffffffff80100021, but "
	     "spinlock h3 under spinlock h1 at 0xffffffff80100012");
}

static void test_two_of_a_kind(void **state)
{
	struct spinlock a = SPINLOCK("kind"), b = SPINLOCK("kind");

	(void)state;
	both(&a, &b, 0x10);
	told("spinlock kind under spinlock kind at 0xffffffff80100011, held "
	     "since 0xffffffff80100010: in which order?");
	both(&b, &a, 0x20);
	nothing_told();
}

static void test_without_a_name(void **state)
{
	struct spinlock a = { 0 }, b = { 0 }, c = SPINLOCK("c");

	(void)state;
	spin(&a, 0x10);
	unspin(&a);
	spin(&b, 0x10);
	unspin(&b);
	both(&a, &c, 0x20);
	both(&c, &b, 0x30);
	told("spinlock first taken at 0xffffffff80100010 under spinlock c at "
	     "0xffffffff80100031, but spinlock c under spinlock first taken "
	     "at 0xffffffff80100010 at 0xffffffff80100021");
}

static void test_qlocks(void **state)
{
	struct qlock a = QLOCK(a, "qa"), b = QLOCK(b, "qb");

	(void)state;
	take(&a, 0x10);
	spin(&a.q.lock, 0x11);	/* its own queue's */
	unspin(&a.q.lock);
	take(&b, 0x12);
	spin(&b.q.lock, 0x13);
	unspin(&b.q.lock);
	give(&a);
	give(&b);
	nothing_told();
	take(&b, 0x20);
	take(&a, 0x21);
	told("qlock qa under qlock qb at 0xffffffff80100021, but "
	     "qlock qb under qlock qa at 0xffffffff80100012");
}

static void test_qlock_under_a_spinlock(void **state)
{
	struct qlock q = QLOCK(q, "uq");
	struct spinlock s = SPINLOCK("us");

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		spin(&s, 0x10);
		user.at++;	/* and interrupts are off, of course */
		order_take(&user, &q.q.lock, true);
		give(&q);
		unspin(&s);
	}
	told("qlock uq under spinlock us at 0xffffffff80100011");
	take(&q, 0x20);		/* and this is right */
	spin(&s, 0x21);
	nothing_told();
}

static void test_qlock_with_interrupts_off(void **state)
{
	struct qlock q = QLOCK(q, "oq");

	(void)state;
	user.at = PLACE;
	for (unsigned i = 0; i < 2; i++) {
		user.irqs_on = false;
		order_take(&user, &q.q.lock, true);
		give(&q);
	}
	told("qlock oq taken at 0xffffffff80100000 with interrupts off");
}

static void test_qlock_in_an_interrupt(void **state)
{
	struct qlock q = QLOCK(q, "iq");

	(void)state;
	user.in_irq = true;
	user.qlocks = NULL;
	user.thread = "an interrupt";
	order_take(&user, &q.q.lock, true);
	told("qlock iq taken at 0xffffffff80100000 with interrupts off");
}

/* What the interrupted thread holds is not the interrupt's. */
static void test_interrupt_has_no_qlocks(void **state)
{
	struct qlock q = QLOCK(q, "nq");
	struct spinlock s = SPINLOCK("ns");

	(void)state;
	take(&q, 0x10);
	user.qlocks = NULL;
	user.in_irq = true;
	spin(&s, 0x11);
	unspin(&s);
	user.qlocks = &qlocks;
	user.in_irq = false;
	give(&q);
	spin(&s, 0x20);
	take(&q, 0x21);
	told("qlock nq under spinlock ns at 0xffffffff80100021");
}

static void test_sleep(void **state)
{
	struct qlock q = QLOCK(q, "sq");
	struct spinlock s = SPINLOCK("ss");

	(void)state;
	take(&q, 0x10);
	order_sleep(&user);
	nothing_told();
	spin(&s, 0x11);
	user.at = PLACE + 0x12;
	order_sleep(&user);
	told("sh sleeps at 0xffffffff80100012 with spinlock ss held since "
	     "0xffffffff80100011");
	order_sleep(&user);
	nothing_told();
}

static void test_interrupts_turned_on(void **state)
{
	struct spinlock s = SPINLOCK("es"), r = SPINLOCK("er");

	(void)state;
	order_irqs_on(&user);
	nothing_told();
	spin(&s, 0x10);
	user.at = PLACE + 0x11;
	order_irqs_on(&user);
	told("sh turns interrupts on at 0xffffffff80100011 with spinlock es "
	     "held since 0xffffffff80100010");
	order_irqs_on(&user);
	nothing_told();
	unspin(&s);
	user.in_irq = true;
	spin(&r, 0x20);
	unspin(&r);
	user.in_irq = false;
	spin(&r, 0x30);
	user.at = PLACE + 0x31;
	order_irqs_on(&user);
	told("sh turns interrupts on at 0xffffffff80100031 with spinlock er "
	     "held since 0xffffffff80100030, which interrupts take at "
	     "0xffffffff80100020");
}

static void test_taken_with_interrupts_on(void **state)
{
	struct spinlock s = SPINLOCK("ws");

	(void)state;
	user.irqs_on = true;
	order_take(&user, &s, false);
	told("sh turns interrupts on at 0xffffffff80100000 with spinlock ws "
	     "held since 0xffffffff80100000");
}

static void test_given_back_without_being_held(void **state)
{
	struct qlock q = QLOCK(q, "gq");
	struct spinlock s = SPINLOCK("gs");

	(void)state;
	user.at = PLACE + 1;
	unspin(&s);
	told("spinlock gs given back at 0xffffffff80100001, but sh does not "
	     "hold it");
	unspin(&s);
	nothing_told();
	spin(&q.q.lock, 2);
	give(&q);
	told("qlock gq given back at 0xffffffff80100002, but sh does not hold "
	     "it");
}

static void test_end(void **state)
{
	struct qlock q = QLOCK(q, "endq"), r = QLOCK(r, "endr");
	struct spinlock s = SPINLOCK("ends");

	(void)state;
	order_none(&user, "ends at");
	nothing_told();
	take(&q, 0x10);
	user.at = PLACE + 0x11;
	order_none(&user, "ends at");
	told("sh ends at 0xffffffff80100011 with qlock endq held since "
	     "0xffffffff80100010");
	take(&r, 0x12);
	spin(&s, 0x13);
	user.at = PLACE + 0x14;
	order_none(&user, "goes to user mode at");
	assert_int_equal(lines, 2);
	assert_string_equal(line, "sh goes to user mode at 0xffffffff80100014 "
			    "with qlock endr held since 0xffffffff80100012");
}

/* n locks, named by a letter and a number. */
static struct spinlock *locks(char letter, unsigned n)
{
	static char names[128][64][16];
	static struct spinlock list[64];
	char *name;

	for (unsigned i = 0; i < n; i++) {
		name = names[(unsigned)letter][i];
		snprintf(name, 16, "%c%u", letter, i);
		list[i] = (struct spinlock)SPINLOCK(name);
	}
	return list;
}

static void test_more_than_can_be_kept_of_one_thread(void **state)
{
	struct spinlock *many = locks('m', MAX_HELD + 3);

	(void)state;
	for (unsigned i = 0; i < MAX_HELD + 3; i++)
		spin(&many[i], i);
	told("more than 16 locks held at 0xffffffff80100010");
	for (unsigned i = 0; i < MAX_HELD + 3; i++)
		unspin(&many[i]);
	nothing_told();
	assert_int_equal(spins.n + spins.lost, 0);
}

/* Any subset, in one order, is right. */
static void test_one_order_by_chance(void **state)
{
	struct spinlock *list = locks('m', 12);

	(void)state;
	srand(1);
	for (unsigned n = 0; n < 5000; n++) {
		unsigned set = (unsigned)rand();

		for (unsigned i = 0; i < 12; i++)
			if (set >> i & 1)
				spin(&list[i], i);
		for (unsigned i = 0; i < 12; i++)
			if (set >> i & 1)
				unspin(&list[i]);
	}
	nothing_told();
}

/* The orders that have been accepted, and all that follows from them. */
static bool follows[8][8];

static void accept(unsigned held, unsigned taken)
{
	for (unsigned i = 0; i < 8; i++)
		for (unsigned j = 0; j < 8; j++)
			if ((i == held || follows[i][held]) &&
			    (j == taken || follows[taken][j]))
				follows[i][j] = true;
}

static void test_any_order_by_chance(void **state)
{
	struct spinlock *list = locks('d', 8);
	static bool known[8][8];

	(void)state;
	srand(2);
	for (unsigned n = 0; n < 2000; n++) {
		unsigned held = (unsigned)rand() % 8;
		unsigned taken = (unsigned)rand() % 8;
		bool wrong = follows[taken][held];

		if (held == taken)
			continue;	/* two kinds, here */
		both(&list[held], &list[taken], n);
		assert_int_equal(lines, wrong && !known[held][taken]);
		if (!wrong)
			accept(held, taken);
		known[held][taken] = true;
		lines = 0;
	}
}

static void *processor(void *arg)
{
	struct lock_stack mine = { 0 };
	struct lock_user u = { .thread = "sh", .spins = &mine, .at = PLACE };
	struct spinlock list[] = { SPINLOCK("p0"), SPINLOCK("p1") };
	bool other = arg;

	for (unsigned n = 0; n < 1000; n++) {
		order_take(&u, &list[other], false);
		order_take(&u, &list[!other], false);
		order_give(&u, &list[other], false);
		order_give(&u, &list[!other], false);
	}
	return NULL;
}

static void test_eight_processors(void **state)
{
	pthread_t threads[8];

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, processor,
						i % 2 ? &lines : NULL), 0);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(lines, 1);
}

static void test_more_names_than_there_is_room_for(void **state)
{
	struct spinlock *many = locks('f', 64), a = SPINLOCK("a");

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		spin(&many[i], i);
		unspin(&many[i]);
	}
	assert_int_equal(lines, 1);
	assert_memory_equal(line, "more than 63 kinds of locks, f", 30);
	both(&many[63], &a, 0x10);
	both(&a, &many[63], 0x20);
	assert_int_equal(lines, 1);
}

#define t(f) cmocka_unit_test_setup(f, in_a_thread)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(test_order_of_two),
		t(test_names_make_the_kind),
		t(test_circle_of_four),
		t(test_held_before_the_last_one),
		t(test_two_of_a_kind),
		t(test_without_a_name),
		t(test_qlocks),
		t(test_qlock_under_a_spinlock),
		t(test_qlock_with_interrupts_off),
		t(test_qlock_in_an_interrupt),
		t(test_interrupt_has_no_qlocks),
		t(test_sleep),
		t(test_interrupts_turned_on),
		t(test_taken_with_interrupts_on),
		t(test_given_back_without_being_held),
		t(test_end),
		t(test_more_than_can_be_kept_of_one_thread),
		t(test_one_order_by_chance),
		t(test_any_order_by_chance),
		t(test_eight_processors),
		t(test_more_names_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
