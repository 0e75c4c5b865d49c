/* SPDX-License-Identifier: BSD-2-Clause */
/* Text formatting and number parsing; pure, also compiled for the host. */
#include <fmt.h>

struct out {
	char *to;
	size_t n, len;
};

struct spec {
	bool zero, left, precise;
	unsigned width, precision, longs;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->n)
		o->to[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, unsigned len, const struct spec *sp)
{
	for (unsigned i = len; i < sp->width; i++)
		put(o, c);
}

static void put_string(struct out *o, const char *s, const struct spec *sp)
{
	unsigned len = 0;

	while ((!sp->precise || len < sp->precision) && s[len])
		len++;
	if (!sp->left)
		pad(o, ' ', len, sp);
	for (unsigned i = 0; i < len; i++)
		put(o, s[i]);
	if (sp->left)
		pad(o, ' ', len, sp);
}

static void put_number(struct out *o, uint64_t n, unsigned base, bool minus,
		       const struct spec *sp)
{
	char digits[24];
	unsigned len = 0;
	unsigned shown;

	do
		digits[len++] = "0123456789abcdef"[n % base];
	while ((n /= base) != 0);
	shown = len + minus;
	if (!sp->left && !sp->zero)
		pad(o, ' ', shown, sp);
	if (minus)
		put(o, '-');
	if (!sp->left && sp->zero)
		pad(o, '0', shown, sp);
	while (len)
		put(o, digits[--len]);
	if (sp->left)
		pad(o, ' ', shown, sp);
}

static void put_pointer(struct out *o, const void *p)
{
	static const struct spec sixteen = { .zero = true, .width = 16 };

	put(o, '0');
	put(o, 'x');
	put_number(o, (uintptr_t)p, 16, false, &sixteen);
}

static int64_t next_signed(va_list args, unsigned longs)
{
	return longs ? va_arg(args, long) : va_arg(args, int);
}

static uint64_t next_unsigned(va_list args, unsigned longs)
{
	return longs ? va_arg(args, unsigned long) : va_arg(args, unsigned);
}

static unsigned parse_width(const char **fmt)
{
	unsigned n = 0;

	while (**fmt >= '0' && **fmt <= '9')
		n = n * 10 + (unsigned)(*(*fmt)++ - '0');
	return n;
}

static struct spec parse_spec(const char **fmt)
{
	struct spec sp = { 0 };

	for (; **fmt == '0' || **fmt == '-'; (*fmt)++) {
		sp.zero |= **fmt == '0';
		sp.left |= **fmt == '-';
	}
	sp.width = parse_width(fmt);
	if (**fmt == '.') {
		(*fmt)++;
		sp.precise = true;
		sp.precision = parse_width(fmt);
	}
	for (; **fmt == 'l' || **fmt == 'z'; (*fmt)++)
		sp.longs++;
	return sp;
}

int vsnprintf(char *to, size_t n, const char *fmt, va_list list)
{
	struct out o = { .to = to, .n = n };
	struct spec sp;
	int64_t d;
	va_list args;

	va_copy(args, list);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt++;
		sp = parse_spec(&fmt);
		switch (*fmt) {
		case 'd':
		case 'i':
			d = next_signed(args, sp.longs);
			put_number(&o, d < 0 ? -(uint64_t)d : (uint64_t)d, 10,
				   d < 0, &sp);
			break;
		case 'u':
		case 'x':
			put_number(&o, next_unsigned(args, sp.longs),
				   *fmt == 'x' ? 16 : 10, false, &sp);
			break;
		case 'p':
			put_pointer(&o, va_arg(args, void *));
			break;
		case 'c':
			put(&o, (char)va_arg(args, int));
			break;
		case 's':
			put_string(&o, va_arg(args, const char *), &sp);
			break;
		case '\0':
			fmt--;
			break;
		default:
			put(&o, *fmt);
		}
	}
	va_end(args);
	if (n)
		to[MIN(o.len, n - 1)] = '\0';
	return (int)o.len;
}

int snprintf(char *to, size_t n, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(to, n, fmt, args);
	va_end(args);
	return len;
}

void text_add_args(struct text *t, const char *fmt, va_list args)
{
	size_t left = t->size - t->len;
	size_t len = (size_t)vsnprintf(t->buf + t->len, left, fmt, args);

	if (len < left) {
		t->len += len;
		return;
	}
	t->full = true;
	t->len += left ? left - 1 : 0;
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_add_args(t, fmt, args);
	va_end(args);
}

static int digit(char c, unsigned base)
{
	int d = -1;

	if (c >= '0' && c <= '9')
		d = c - '0';
	else if (c >= 'a' && c <= 'f')
		d = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		d = c - 'A' + 10;
	return d < (int)base ? d : -1;
}

bool parse_number(const char **s, unsigned base, uint64_t max, uint64_t *n)
{
	const char *p = *s;
	uint64_t sum = 0;
	int d;

	for (; (d = digit(*p, base)) >= 0; p++) {
		if (sum > (max - MIN(max, (uint64_t)d)) / base ||
		    sum * base + (uint64_t)d > max)
			return false;
		sum = sum * base + (uint64_t)d;
	}
	if (p == *s)
		return false;
	*s = p;
	*n = sum;
	return true;
}

void text_item(struct text *t, bool *some, const char *fmt, ...)
{
	va_list args;

	if (*some)
		text_add(t, ",");
	*some = true;
	va_start(args, fmt);
	text_add_args(t, fmt, args);
	va_end(args);
}

void text_list_end(struct text *t, bool some)
{
	text_add(t, some ? "" : "-");
}

void text_reason(struct text *t, const char *key, const char *why)
{
	if (why)
		text_add(t, " %s=\"%s\"", key, why);
}

bool text_word(const char **s, char *word)
{
	size_t n = 0;

	while (**s == ' ' || **s == '\t')
		(*s)++;
	while (**s && **s != ' ' && **s != '\t')
		word[n++] = *(*s)++;
	word[n] = '\0';
	return n > 0;
}

const char *command_text(char *to, size_t size, const void *from, size_t n)
{
	const char *s = from;

	if (n && s[n - 1] == '\n')
		n--;
	if (n >= size)
		return "longer than any command";
	for (size_t i = 0; i < n; i++) {
		if ((s[i] < ' ' || s[i] > '~') && s[i] != '\t')
			return "not a line of text";
		to[i] = s[i];
	}
	to[n] = '\0';
	return NULL;
}
