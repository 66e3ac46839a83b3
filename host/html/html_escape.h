/* SPDX-License-Identifier: BSD-2-Clause */
/* HTML and SVG as text. Markup is appended by buf_printf(); every text that is not ours by these.
 */
#ifndef HOST_HTML_HTML_ESCAPE_H
#define HOST_HTML_HTML_ESCAPE_H

#include "host/base/util.h"

/*
 * Appends @s so that it is text and nothing else, between tags and in quoted attributes alike.
 * What is no UTF-8, control characters and those that turn the direction of writing become U+FFFD;
 * new line and tab stay.
 */
void html_text(struct buf *b, const char *s);
/* The same of @len bytes, which may have NULs. */
void html_bytes(struct buf *b, const char *s, size_t len);
/* No more than @max characters of @s, then `...` if something is left out. */
void html_clipped(struct buf *b, const char *s, size_t max);
/* The characters of @s, as html_clipped() counts them. */
size_t html_length(const char *s);

/* As html_text(), of a format. */
void html_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends <TAG class="CLASS">TEXT</TAG>; no class if @class is NULL. */
void html_element(struct buf *b, const char *tag, const char *class, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
