/* SPDX-License-Identifier: BSD-2-Clause */
/* HTML and SVG as text. Every text that is not ours is appended by these, markup alone also by
 * buf_printf(). */
#ifndef HOST_HTML_HTML_ESCAPE_H
#define HOST_HTML_HTML_ESCAPE_H

#include "host/base/util.h"

/*
 * Appends the @len bytes at @s, which may have NULs, so that they are text and nothing else,
 * between tags and in quoted attributes alike. What is no UTF-8, control characters and those that
 * turn the direction of writing become U+FFFD; new line and tab stay.
 */
void html_bytes(struct buf *b, const char *s, size_t len);
/* No more than @max characters of @s, then `...` if something is left out. */
void html_clipped(struct buf *b, const char *s, size_t max);
/* The characters of @s, as html_clipped() counts them. */
size_t html_length(const char *s);

/*
 * Appends @fmt, which is markup, with its arguments, of which each %s is text: %.40s as by
 * html_clipped(), %.*s that many bytes. Beside these there are %u, %zu and %f.
 */
void html_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
