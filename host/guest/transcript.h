/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a foreign guest has printed, line by line, and how the lines of two boots differ. The text
 * is not trusted: control characters are gone, long lines are cut.
 */
#ifndef HOST_GUEST_TRANSCRIPT_H
#define HOST_GUEST_TRANSCRIPT_H

#include "host/base/util.h"

#include <regex.h>

#define TRANSCRIPT_LINE_MAX 1000       /* bytes of a line; what comes behind them is left out */
#define TRANSCRIPT_MAX	    (16 << 20) /* bytes of a boot; a guest that prints more floods */

struct transcript {
	struct transcript_line {
		char *text;
		unsigned freezes; /* before its end */
	} * line;
	size_t lines, room;
	struct buf partial;
	uint64_t bytes;
};

/* Takes in @len bytes, printed behind so many @freezes. */
void transcript_add(struct transcript *t, const char *bytes, size_t len, unsigned freezes);
/* What stands behind the last end of line is a line, too. */
void transcript_end(struct transcript *t, unsigned freezes);
void transcript_free(struct transcript *t);

/* The first line that matches @pattern, or NULL. */
const struct transcript_line *transcript_find(const struct transcript *t, const regex_t *pattern);

/*
 * What lines are compared by: what matches one of these is cut out of both. A line that is cut out
 * as a whole is not there.
 */
struct patterns {
	regex_t *list;
	unsigned count;
};
/* Adds the extended regular expression @text. 0, or -1 with @e filled. */
int patterns_add(struct patterns *p, const char *text, struct err *e);
void patterns_free(struct patterns *p);

/* One place where @run is not @control. */
struct transcript_difference {
	/* In words, "a line is missing", and the lines; NULL: there is none. */
	const char *what;
	const struct transcript_line *expected, *found;
	const struct transcript_line *test; /* the last line before it that names a test, or NULL */
	unsigned freezes;		    /* of @run before it */
};

/*
 * Tells @tell of each place where @run is not @control without what @ignored matches; @test, unless
 * NULL, is how a line that names a test looks. The number of places.
 */
unsigned transcript_compare(const struct transcript *control, const struct transcript *run,
			    const struct patterns *ignored, const regex_t *test,
			    void (*tell)(void *arg, const struct transcript_difference *d),
			    void *arg);

#endif
