/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted text for freestanding code. */
#ifndef LIB_PRINT_H
#define LIB_PRINT_H

#include <stdarg.h>
#include <stddef.h>

/* Longest line that L1 sends, without the newline. */
#define LINE_MAX 400

/*
 * As C's vsnprintf, for %s %c %d %u %x %% with l, a width and zero padding. Returns the length
 * written (without the final NUL), never more than @size - 1.
 */
size_t format_v(char *buf, size_t size, const char *fmt, va_list ap);
size_t format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Sends one whole line to COM1 and adds the newline; longer than LINE_MAX is cut. */
void print_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The same, with a checksum at its end over all lines since the last one that had one, and over
 * itself up to there. Too long a line is cut in front of it, and says `...` there.
 */
void print_summed_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
