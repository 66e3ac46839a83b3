/* SPDX-License-Identifier: BSD-2-Clause */
/* A small printf: lines are formatted whole before the first byte goes out. */
#include "lib/print.h"
#include "lib/string.h"
#include "lib/sum.h"
#include "lib/uart.h"

struct out {
	char *buf;
	size_t len, size;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len++] = c;
}

static void put_number(struct out *o, uint64_t v, unsigned base, bool minus, int width, char pad)
{
	char digits[20];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (minus)
		put(o, '-');
	for (int i = n + minus; i < width; i++)
		put(o, pad);
	while (n)
		put(o, digits[--n]);
}

size_t format_v(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {buf, 0, size};

	for (; *fmt; fmt++) {
		bool is_long = false;
		char pad = ' ';
		int width = 0;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == '0')
			pad = '0';
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			is_long = true;
		if (*fmt == 's') {
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(&o, *s);
		} else if (*fmt == 'c') {
			put(&o, (char)va_arg(ap, int));
		} else if (*fmt == 'd') {
			int64_t v = is_long ? va_arg(ap, int64_t) : va_arg(ap, int);

			put_number(&o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, width, pad);
		} else if (*fmt == 'u' || *fmt == 'x') {
			uint64_t v = is_long ? va_arg(ap, uint64_t) : va_arg(ap, unsigned);

			put_number(&o, v, *fmt == 'u' ? 10 : 16, false, width, pad);
		} else if (*fmt) {
			put(&o, *fmt);
		} else {
			break;
		}
	}
	if (size)
		buf[o.len] = 0;
	return o.len;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = format_v(buf, size, fmt, ap);
	va_end(ap);
	return len;
}

static uint32_t sum; /* of all that was sent since the last line with a sum */

void print_line(const char *fmt, ...)
{
	char line[LINE_MAX + 2];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = format_v(line, LINE_MAX + 1, fmt, ap);
	va_end(ap);
	line[len++] = '\n';
	sum = sum_bytes(sum, line, len);
	uart_send(line, len);
}

void print_summed_line(const char *fmt, ...)
{
	static const char room[] = " sum=0x12345678";
	char line[LINE_MAX + 2];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = format_v(line, LINE_MAX + 2 - sizeof(room), fmt, ap);
	va_end(ap);
	if (len == LINE_MAX + 1 - sizeof(room))
		memcpy(line + len - 3, "...", 3); /* so that nobody takes it for all */
	len += format(line + len, sizeof(room), " sum=0x%08x", sum_bytes(sum, line, len));
	sum = 0;
	line[len++] = '\n';
	uart_send(line, len);
}
