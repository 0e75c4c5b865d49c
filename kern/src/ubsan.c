/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CONFIG_UBSAN: what the compiler's checks for undefined behaviour call
 * (-fsanitize=undefined; the names and structs are the compiler's).  Each place
 * in the sources is told of once, by a line in the log, and the kernel goes on;
 * all are counted.  Pointers that were found wrong are shown, never followed.
 *
 * Called from anywhere, klog itself included.
 */
#include <assert.h>
#include <fmt.h>
#include <log.h>

struct location {
	const char *file;
	uint32_t line, column;
};
#define TOLD	(1u << 31)	/* in column: this place is known */

struct type {
	uint16_t kind, info;	/* info: signed, log2 of the bits << 1 */
	char name[];		/* in quotes */
};
#define KIND_INTEGER	0

struct with_type {		/* overflow, vla_bound, load_invalid_value */
	struct location at;
	const struct type *type;
};

struct mismatch {
	struct location at;
	const struct type *type;
	uint8_t log_align, access;
};

struct two_types {		/* shift: both operands; index: array, index */
	struct location at;
	const struct type *left, *right;
};

struct bad_argument {
	struct location at, attribute;
	int number;
};

static uint64_t found;

/* Counts it; whether it is the first time in that place. */
static bool is_new(struct location *at)
{
	uint32_t before = __atomic_fetch_or(&at->column, TOLD,
					    __ATOMIC_RELAXED);

	__atomic_fetch_add(&found, 1, __ATOMIC_RELAXED);
	return !(before & TOLD);
}

static void printf_like(2, 3) tell(struct location *at, const char *fmt, ...)
{
	char what[160];
	va_list args;

	if (!is_new(at))
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	klog(LOG_ERROR, "ubsan: %s:%u: %s (%lu so far)", at->file, at->line,
	     what, READ_ONCE(found));
}

static unsigned bits_of(const struct type *t)
{
	return 1u << (t->info >> 1);
}

static bool is_negative(const struct type *t, int64_t v)
{
	return t->kind == KIND_INTEGER && t->info & 1 && v < 0;
}

/* Values of up to 64 bits come in the pointer itself, and the lower ones of
 * those without their upper bits; of larger ones the low half is shown. */
static int64_t value_of(const struct type *t, uintptr_t v)
{
	unsigned unused = bits_of(t) < 64 ? 64 - bits_of(t) : 0;

	if (bits_of(t) > 64)
		return *(const int64_t *)v;
	if (t->info & 1)
		return (int64_t)((uint64_t)v << unused) >> unused;
	return (int64_t)v;
}

struct number {
	char s[24];
};

static struct number show(const struct type *t, uintptr_t raw)
{
	int64_t v = value_of(t, raw);
	struct number n;

	snprintf(n.s, sizeof(n.s), is_negative(t, v) ? "%ld" : "%lu", v);
	return n;
}

#define HANDLER(name, ...)						\
	void __ubsan_handle_##name(__VA_ARGS__);			\
	void __ubsan_handle_##name(__VA_ARGS__)

#define OVERFLOW(how, sign)						\
HANDLER(how##_overflow, struct with_type *d, uintptr_t a, uintptr_t b)	\
{									\
	tell(&d->at, "%s " sign " %s does not fit into %s",		\
	     show(d->type, a).s, show(d->type, b).s, d->type->name);	\
}
OVERFLOW(add, "+")
OVERFLOW(sub, "-")
OVERFLOW(mul, "*")

HANDLER(negate_overflow, struct with_type *d, uintptr_t v)
{
	tell(&d->at, "-(%s) does not fit into %s", show(d->type, v).s,
	     d->type->name);
}

HANDLER(divrem_overflow, struct with_type *d, uintptr_t a, uintptr_t b)
{
	tell(&d->at, "%s divided by %s", show(d->type, a).s,
	     show(d->type, b).s);
}

HANDLER(shift_out_of_bounds, struct two_types *d, uintptr_t a, uintptr_t by)
{
	int64_t n = value_of(d->right, by);

	if (is_negative(d->right, n) || (uint64_t)n >= bits_of(d->left))
		tell(&d->at, "shift of %s out of range for %s",
		     show(d->right, by).s, d->left->name);
	else
		tell(&d->at, "%s << %s does not fit into %s",
		     show(d->left, a).s, show(d->right, by).s, d->left->name);
}

HANDLER(out_of_bounds, struct two_types *d, uintptr_t index)
{
	tell(&d->at, "index %s out of range for %s", show(d->right, index).s,
	     d->left->name);
}

HANDLER(type_mismatch_v1, struct mismatch *d, uintptr_t p)
{
	static const char *const access[] = {
		"load of", "store to", "binding of", "member of", "call of",
		"constructor of", "cast to", "cast to", "cast to", "cast to",
	};
	const char *what = d->access < ARRAY_SIZE(access) ? access[d->access] :
		"use of";
	uintptr_t align = 1ul << d->log_align;

	if (!p)
		tell(&d->at, "%s %s at a null pointer", what, d->type->name);
	else if (p & (align - 1))
		tell(&d->at, "%s %s at 0x%lx, not aligned to %lu", what,
		     d->type->name, p, align);
	else
		tell(&d->at, "%s %s at 0x%lx, beyond the object there", what,
		     d->type->name, p);
}

HANDLER(pointer_overflow, struct location *at, uintptr_t from, uintptr_t to)
{
	tell(at, "pointer 0x%lx goes around to 0x%lx", from, to);
}

HANDLER(vla_bound_not_positive, struct with_type *d, uintptr_t n)
{
	tell(&d->at, "array of length %s", show(d->type, n).s);
}

HANDLER(load_invalid_value, struct with_type *d, uintptr_t v)
{
	tell(&d->at, "%s is no value of %s", show(d->type, v).s,
	     d->type->name);
}

HANDLER(nonnull_arg, struct bad_argument *d)
{
	tell(&d->at, "argument %d is a null pointer", d->number);
}

HANDLER(nonnull_return_v1, void *unused, struct location *at)
{
	(void)unused;
	tell(at, "returns a null pointer");
}

HANDLER(invalid_builtin, struct location *at)
{
	tell(at, "counts the zeroes of 0");
}

/* There is no code behind it. */
HANDLER(builtin_unreachable, struct location *at)
{
	panic("ubsan: %s:%u: came where nothing comes", at->file, at->line);
}
