/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct out {
	char *to;
	size_t cap, len;
};

struct spec {
	bool left, zero;
	int width, precision, size; /* size: bytes of the argument */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->cap)
		o->to[o->len] = c;
	o->len++;
}

static void padded(struct out *o, const struct spec *s, const char *text, size_t len, bool negative)
{
	int pad = s->width - (int)len - negative;

	for (; !s->left && !s->zero && pad > 0; pad--)
		put(o, ' ');
	if (negative)
		put(o, '-');
	for (; !s->left && pad > 0; pad--)
		put(o, '0');
	for (size_t i = 0; i < len; i++)
		put(o, text[i]);
	for (; pad > 0; pad--)
		put(o, ' ');
}

static void number(struct out *o, const struct spec *s, uint64_t v, unsigned base, bool negative)
{
	char digits[24];
	size_t n = sizeof digits;

	do
		digits[--n] = "0123456789abcdef"[v % base];
	while (v /= base);
	padded(o, s, digits + n, sizeof digits - n, negative);
}

static const char *parse(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){.precision = -1, .size = 4};
	for (; *f == '-' || *f == '0'; f++)
		*(*f == '-' ? &s->left : &s->zero) = true;
	if (*f == '*')
		s->width = va_arg(*ap, int), f++;
	for (; *f >= '0' && *f <= '9'; f++)
		s->width = s->width * 10 + *f - '0';
	if (*f == '.' && f[1] == '*') {
		s->precision = va_arg(*ap, int);
		f += 2;
	} else if (*f == '.') {
		for (s->precision = 0, f++; *f >= '0' && *f <= '9'; f++)
			s->precision = s->precision * 10 + *f - '0';
	}
	for (; *f == 'h' || *f == 'l' || *f == 'z' || *f == 'j' || *f == 't'; f++)
		if (*f != 'h')
			s->size = 8;
	return f;
}

static void convert(struct out *o, struct spec *s, char kind, va_list *ap)
{
	const char *text;
	int64_t v;
	char c;

	switch (kind) {
	case 'd':
	case 'i':
		v = s->size == 8 ? va_arg(*ap, int64_t) : va_arg(*ap, int);
		number(o, s, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0);
		break;
	case 'u':
	case 'x':
		number(o, s, s->size == 8 ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned), kind == 'u' ? 10 : 16, false);
		break;
	case 'p':
		number(o, s, (uintptr_t)va_arg(*ap, void *), 16, false);
		break;
	case 's':
		text = va_arg(*ap, const char *);
		s->zero = false;
		padded(o, s, text, strnlen(text, s->precision < 0 ? SIZE_MAX : (size_t)s->precision), false);
		break;
	default:
		c = kind == 'c' ? (char)va_arg(*ap, int) : kind;
		s->zero = false;
		padded(o, s, &c, 1, false);
		break;
	}
}

int vsnprintf(char *to, size_t cap, const char *fmt, va_list args)
{
	struct out o = {to, cap, 0};
	struct spec s;
	va_list ap;

	va_copy(ap, args);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse(fmt + 1, &s, &ap);
		if (!*fmt)
			break;
		convert(&o, &s, *fmt, &ap);
	}
	va_end(ap);
	if (cap)
		to[o.len < cap ? o.len : cap - 1] = 0;
	return (int)o.len;
}

int snprintf(char *to, size_t cap, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to, cap, fmt, ap);
	va_end(ap);
	return n;
}
