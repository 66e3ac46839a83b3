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

void html_text(struct buf *b, const char *s)
{
	html_bytes(b, s, strlen(s));
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

static void vtext(struct buf *b, const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0) {
		fputs("midflight: out of memory\n", stderr);
		exit(2);
	}
	html_text(b, s);
	free(s);
}

void html_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtext(b, fmt, ap);
	va_end(ap);
}

void html_element(struct buf *b, const char *tag, const char *class, const char *fmt, ...)
{
	va_list ap;

	buf_printf(b, class ? "<%s class=\"%s\">" : "<%s>", tag, class);
	va_start(ap, fmt);
	vtext(b, fmt, ap);
	va_end(ap);
	buf_printf(b, "</%s>", tag);
}
