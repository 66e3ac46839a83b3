// SPDX-License-Identifier: BSD-2-Clause
// HTML and SVG as text: the one place where what guests, files and command lines say is escaped.
#include "host/html/html_escape.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The length in bytes of the character at @s, of which there are @len; 0: it is no UTF-8. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *s < 0x80	     ? 1
		   : *s >> 5 == 0x06 ? 2
		   : *s >> 4 == 0x0e ? 3
		   : *s >> 3 == 0x1e ? 4
				     : 0;

	if (!n || n > len)
		return 0;
	*c = n == 1 ? *s : *s & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

/* Control characters, what turns the direction of writing, and what is no character. */
static bool is_odd(uint32_t c)
{
	return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0x200e ||
	       c == 0x200f || c == 0x061c || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || (c & 0xfffe) == 0xfffe;
}

static const char *entity(uint32_t c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return is_odd(c) ? REPLACEMENT : NULL;
	}
}

/* Escapes up to @max characters; the bytes that were read. */
static size_t escape(struct buf *b, const char *s, size_t len, size_t max)
{
	size_t at = 0, plain = 0;

	while (at < len && max--) {
		uint32_t c = 0;
		size_t n = decode((const unsigned char *)s + at, len - at, &c);
		const char *instead = n ? entity(c) : REPLACEMENT;

		if (instead) {
			buf_append(b, s + plain, at - plain);
			buf_append(b, instead, strlen(instead));
			plain = at + (n ? n : 1);
		}
		at += n ? n : 1;
	}
	buf_append(b, s + plain, at - plain);
	return at;
}

void html_bytes(struct buf *b, const char *s, size_t len)
{
	escape(b, s, len, SIZE_MAX);
}

void html_clipped(struct buf *b, const char *s, size_t max)
{
	size_t len = strlen(s);

	if (escape(b, s, len, max) < len)
		buf_printf(b, "...");
}

size_t html_length(const char *s)
{
	size_t len = strlen(s), count = 0;

	for (size_t at = 0; at < len; count++) {
		uint32_t c;
		size_t n = decode((const unsigned char *)s + at, len - at, &c);

		at += n ? n : 1;
	}
	return count;
}

/* Appends what the conversion at @spec, of @len bytes, makes of its argument. */
static void convert(struct buf *b, const char *spec, size_t len, va_list *ap)
{
	char one[16];

	snprintf(one, sizeof(one), "%.*s", (int)len, spec);
	if (!strcmp(one, "%.*s")) {
		const int bytes = va_arg(*ap, int);

		html_bytes(b, va_arg(*ap, const char *), (size_t)bytes);
	} else if (one[len - 1] == 's') {
		html_clipped(b, va_arg(*ap, const char *),
			     len > 2 ? strtoul(one + 2, NULL, 10) : SIZE_MAX);
	} else if (one[len - 1] == 'f') {
		buf_printf(b, one, va_arg(*ap, double));
	} else if (!strcmp(one, "%zu")) {
		buf_printf(b, one, va_arg(*ap, size_t));
	} else {
		buf_printf(b, one, va_arg(*ap, unsigned));
	}
}

void html_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	for (size_t len; *fmt; fmt += len) {
		len = strcspn(fmt, "%");
		if (len) {
			buf_append(b, fmt, len);
		} else {
			len = strcspn(fmt, "sfu") + 1;
			convert(b, fmt, len, &ap);
		}
	}
	va_end(ap);
}
