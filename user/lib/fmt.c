/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text into a buffer or to a file; pure but for write and errstr,
 * also compiled for the host.  Text to a file goes out in one write if it is
 * not longer than the buffer here.
 */
#include <lib.h>

struct out {
	char *buf;
	size_t size, len;	/* of the buffer, and used of it */
	size_t total;
	int fd;			/* -1: the buffer is where the text goes */
	bool failed;
	va_list args;
};

struct spec {
	bool zero, left, is_long;
	size_t width, most;	/* most: bytes of a string */
};

static void flush(struct out *o)
{
	if (!o->failed && writeall(o->fd, o->buf, o->len) < 0)
		o->failed = true;
	o->len = 0;
}

static void put(struct out *o, char c)
{
	if (o->len == o->size && o->fd >= 0)
		flush(o);
	if (o->len < o->size)
		o->buf[o->len++] = c;
	o->total++;
}

static void put_padded(struct out *o, const struct spec *s, const char *text,
		       size_t len)
{
	size_t pad = s->width > len ? s->width - len : 0;

	if (s->zero && !s->left && len > 0 && *text == '-') {
		put(o, '-');
		text++;
		len--;
	}
	for (; !s->left && pad > 0; pad--)
		put(o, s->zero ? '0' : ' ');
	while (len-- > 0)
		put(o, *text++);
	for (; pad > 0; pad--)
		put(o, ' ');
}

static void put_number(struct out *o, const struct spec *s, bool minus,
		       uint64_t n, unsigned base)
{
	char text[24];
	char *p = text + sizeof(text);

	do
		*--p = "0123456789abcdef"[n % base];
	while ((n /= base) > 0);
	if (minus)
		*--p = '-';
	put_padded(o, s, p, (size_t)(text + sizeof(text) - p));
}

static void put_string(struct out *o, struct spec *s, const char *text)
{
	size_t len = 0;

	s->zero = false;
	while (len < s->most && text[len])
		len++;
	put_padded(o, s, text, len);
}

static void put_signed(struct out *o, const struct spec *s)
{
	int64_t n = s->is_long ? va_arg(o->args, long) : va_arg(o->args, int);

	put_number(o, s, n < 0, n < 0 ? -(uint64_t)n : (uint64_t)n, 10);
}

static void put_unsigned(struct out *o, const struct spec *s, unsigned base)
{
	uint64_t n = s->is_long ? va_arg(o->args, unsigned long)
				: va_arg(o->args, unsigned);

	put_number(o, s, false, n, base);
}

static void put_reason(struct out *o, struct spec *s)
{
	char text[ERRMAX] = "unknown error";

	errstr(text, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	put_string(o, s, text);
}

static size_t parse_width(struct out *o, const char **fmt)
{
	size_t n = 0;

	if (**fmt == '*') {
		int arg = va_arg(o->args, int);

		(*fmt)++;
		return arg < 0 ? 0 : (size_t)arg;
	}
	while (**fmt >= '0' && **fmt <= '9')
		n = n * 10 + (size_t)(*(*fmt)++ - '0');
	return n;
}

/* What stands between a % and its letter. */
static struct spec parse_spec(struct out *o, const char **fmt)
{
	struct spec s = { .most = SIZE_MAX };

	for (; **fmt == '0' || **fmt == '-'; (*fmt)++) {
		s.zero |= **fmt == '0';
		s.left |= **fmt == '-';
	}
	s.width = parse_width(o, fmt);
	if (**fmt == '.') {
		(*fmt)++;
		s.most = parse_width(o, fmt);
	}
	for (; **fmt == 'l' || **fmt == 'z'; (*fmt)++)
		s.is_long = true;
	return s;
}

static void convert(struct out *o, struct spec s, char letter)
{
	char c;

	switch (letter) {
	case 'd':
		put_signed(o, &s);
		break;
	case 'u':
		put_unsigned(o, &s, 10);
		break;
	case 'p':
		put(o, '0');
		put(o, 'x');
		s.is_long = true;
		/* fall through */
	case 'x':
		put_unsigned(o, &s, 16);
		break;
	case 'c':
		c = (char)va_arg(o->args, int);
		put_padded(o, &s, &c, 1);
		break;
	case 's':
		put_string(o, &s, va_arg(o->args, const char *));
		break;
	case 'r':
		put_reason(o, &s);
		break;
	default:
		put(o, letter);
	}
}

static void format(struct out *o, const char *fmt)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(o, *fmt);
			continue;
		}
		fmt++;
		struct spec s = parse_spec(o, &fmt);

		if (!*fmt)
			return;
		convert(o, s, *fmt);
	}
}

int vsnprint(char *buf, size_t len, const char *fmt, va_list args)
{
	struct out o = { .buf = buf, .size = len ? len - 1 : 0, .fd = -1 };

	va_copy(o.args, args);
	format(&o, fmt);
	va_end(o.args);
	if (len)
		buf[o.len] = '\0';
	return (int)o.total;
}

int vfprint(int fd, const char *fmt, va_list args)
{
	char buf[512];
	struct out o = { .buf = buf, .size = sizeof(buf), .fd = fd };

	va_copy(o.args, args);
	format(&o, fmt);
	va_end(o.args);
	flush(&o);
	return o.failed ? -1 : (int)o.total;
}
