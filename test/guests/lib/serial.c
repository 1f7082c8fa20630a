/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "guest.h"

enum { COM1 = 0x3f8, COM1_LSR = COM1 + 5, LSR_THRE = 0x20 };

void print_bytes(const char *bytes, size_t n)
{
	while (!(inb(COM1_LSR) & LSR_THRE))
		relax();
	/* One exit for the line: a real 16550 would lose bytes, a virtual one must not. */
	outs(COM1, bytes, n);
}

struct line {
	char text[255];
	size_t len;
};

static void add(struct line *l, char c)
{
	if (l->len < sizeof l->text)
		l->text[l->len++] = c;
}

static void add_number(struct line *l, uint64_t v, unsigned base)
{
	char digits[20];
	size_t n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	while (n)
		add(l, digits[--n]);
}

static void add_text(struct line *l, const char *s)
{
	while (*s)
		add(l, *s++);
}

void print(const char *fmt, ...)
{
	struct line l = {.len = 0};
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			add(&l, *fmt);
			continue;
		}
		switch (*++fmt) {
		case 's':
			add_text(&l, va_arg(ap, const char *));
			break;
		case 'c':
			add(&l, (char)va_arg(ap, uint64_t));
			break;
		case 'u':
			add_number(&l, va_arg(ap, uint64_t), 10);
			break;
		case 'x':
			add_number(&l, va_arg(ap, uint64_t), 16);
			break;
		default:
			add(&l, '?');
			break;
		}
	}
	va_end(ap);
	print_bytes(l.text, l.len);
}
