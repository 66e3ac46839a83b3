/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run shows while it lasts, here or in the lab: KTAP lines go through it to stdout. On a
 * terminal it adds colours, leaves out what failed by known bugs in detail and, on stderr, has one
 * line with what is going on and the time left; in a pipe, about once a minute, a plain line that
 * says so.
 */
#ifndef HOST_REPORT_SCREEN_H
#define HOST_REPORT_SCREEN_H

#include "host/base/util.h"

#define SCREEN_KNOWN ", known: " /* in the first line that is said of a result of a known bug */

enum screen_progress { SCREEN_NONE, SCREEN_PLAIN, SCREEN_LIVE };

/* A result line of KTAP. */
struct screen_result {
	bool ok, skip, todo;
	unsigned number;
	const char *name, *text; /* @text: behind SKIP, TODO or the #, "" if there is nothing */
};

struct screen {
	FILE *out, *err;
	bool colours;		       /* on @out */
	bool whole;		       /* on @out: a result's line, however long it is */
	bool brief;		       /* on @out: of a known bug's result no details */
	enum screen_progress progress; /* on @err */
	unsigned columns;	       /* of the terminal behind @err */
	void (*on_result)(void *arg, const struct screen_result *result); /* or NULL */
	void *arg;
	bool ahead; /* screen_done() tells of results, maybe long before they are shown */

	/* Its own. */
	char **names;					  /* of the results, in their order */
	unsigned count;					  /* of @names */
	struct buf line;				  /* that has not ended yet */
	enum { SHOW_ALL, SHOW_FIRST, SHOW_NONE } details; /* the lines that may come now */
	unsigned done;					  /* results seen */
	int64_t start_ns, last_ns, said_ns, drawn_ns;
	char note[64];
	struct buf drawn; /* the last line of progress ... */
	bool shown;	  /* ... which stands there */
};

/* For stdout and stderr as they are; @quiet: no progress. on_result, ahead and whole are the
 * caller's. */
void screen_init(struct screen *s, bool quiet);

/* Takes in the next @len bytes of output. @screen is the screen. */
void screen_output(void *screen, const char *bytes, size_t len);

/* One result more is to come, called @name, which is the screen's from now on. */
void screen_expect(struct screen *s, char *name);

/* Its time begins, if no plan (`1..N`) is shown, with which it does. */
void screen_begin(struct screen *s);

/* Takes in a line without its end. */
void screen_line(struct screen *s, const char *line);

/* One result more has come. Without `ahead` showing it does. */
void screen_done(struct screen *s);

/* A file for the output of this process, which the caller closes before screen_end(). */
FILE *screen_file(struct screen *s);

/* Time has passed: draws the line of progress again. @screen is the screen. */
void screen_tick(void *screen);

/* What goes on within the result that is under way, like `hop 3 of 10`. */
void screen_note(struct screen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Takes the line of progress away, as something else is about to be printed. */
void screen_clear(struct screen *s);

/* Shows a last line without an end, removes the progress, frees the names. */
void screen_end(struct screen *s);

/* Parses a line without its end, which it changes. False: it is no result. */
bool screen_parse(char *line, struct screen_result *result);

/* `45 s`, `3 min`, `1 h 20 min`. */
void screen_time(int64_t ns, char *text, size_t size);

#endif
