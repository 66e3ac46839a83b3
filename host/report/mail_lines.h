/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of a mail: at most MAIL_COLUMNS of ASCII. What is written may be a guest's or stand in a
 * file from anybody: no control character gets through, and no directory of the machine that the
 * run was on.
 */
#ifndef HOST_REPORT_MAIL_LINES_H
#define HOST_REPORT_MAIL_LINES_H

#include "host/base/util.h"

#define MAIL_COLUMNS 72

/* The lines of @text, each broken between words: @first before its first part, @next before the
 * others. */
void mail_flow(struct buf *mail, const char *first, const char *next, const char *text);

/* The same of one line: newlines in it become blanks. */
void mail_printf(struct buf *mail, const char *first, const char *next, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Words for a shell, quoted, from a list that ends in NULL: lines are broken as a shell takes them,
 * so that it can be copied as it stands.
 */
void mail_command(struct buf *mail, const char *indent, char *const *words);

/*
 * Lines of a semantic patch: those that are too long are broken, which does not change what they
 * mean. False: one cannot be, and nothing is written.
 */
bool mail_code(struct buf *mail, const char *text);

#endif
