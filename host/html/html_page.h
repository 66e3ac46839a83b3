/* SPDX-License-Identifier: BSD-2-Clause */
/* The HTML report of one or several runs: what was read, and the parts of the page. */
#ifndef HOST_HTML_HTML_PAGE_H
#define HOST_HTML_HTML_PAGE_H

#include "host/base/json.h"

#include <jansson.h>

/* What became of a result, the worst first: the order in which they are shown. */
enum outcome { OUT_FAILED, OUT_ERROR, OUT_KNOWN, OUT_SKIPPED, OUT_PASSED, OUTCOMES };

struct outcome_info {
	const char *class;	/* of the style sheet */
	const char *sign;	/* shown beside the colour */
	const char *fill, *ink; /* for where there is no style sheet */
	const char *words;	/* `3 passed` */
	const char *one;	/* `1 known bug` */
	const char *title;	/* of a section */
};
extern const struct outcome_info outcomes[OUTCOMES];

#define REPORT_CONTROL "control" /* its column in the matrix, among those of the methods */

/* One directory that was named. Strings point into @top. */
struct report_run {
	char *path;  /* as given, or a directory in that */
	int dir;     /* it, or -1 */
	json_t *top; /* result.json, checked: required members are there, all have their type */
	json_t *results;
	char *label;		 /* short, and unlike the others' */
	const char *label_title; /* the whole of it */
};

struct report_result {
	const json_t *json;
	unsigned run, number; /* of the run, and in its file: `r0-12` is its name on the page */
	enum outcome outcome;
	char *row, *column; /* in the matrix: scenario with its posting, method */
	const char *scenario, *name;
};

/* All that the page shows. */
struct report_page {
	struct report_run *run;
	unsigned runs;
	struct report_result *result;
	unsigned results;
	unsigned count[OUTCOMES];
	size_t budget;	   /* bytes of timelines and page tables that may still be added */
	struct buf wrong;  /* list items: what is damaged */
	unsigned problems; /* in @wrong and in the place where they are */
};

/* `1 known bug`, `2 known bugs`: the words behind the number. */
const char *outcome_words(enum outcome o, unsigned count);

/*
 * Opens directories @dirs and reads their result.json. For one that has none, but directories with
 * one in it (a run on several kernels), these are read. 0, or -1 with @e filled.
 */
int report_html_load(struct report_page *p, char *const *dirs, unsigned count, struct err *e);
void report_html_free(struct report_page *p);

/*
 * Reads file @path, relative to the run's directory, into @bytes: up to @max of them. Anything that
 * is or leads elsewhere (absolute, `..`, a link) or is no plain file is refused. 0, or -1 with @e
 * filled.
 */
int report_html_file(const struct report_run *run, const char *path, size_t max, struct buf *bytes,
		     struct err *e);
/* The same as JSON, or NULL. The caller drops the reference. */
json_t *report_html_json(const struct report_run *run, const char *path, size_t max, struct err *e);

/* The parts of the page. */
void report_html_matrix(const struct report_page *p, struct buf *html);
void report_html_result(struct report_page *p, const struct report_result *r, struct buf *html);
/* The table of page requests in @pages (what host/pages/pages_report.c writes). 0, or -1 with @e
 * filled and nothing appended. */
int report_html_pages(const json_t *pages, struct buf *html, struct err *e);

/* The whole page. */
void report_html(struct report_page *p, struct buf *html);

/* Appends what stands in front of a page's body; @title is text. */
void report_html_head(const char *title, struct buf *html);

/* ---- campaigns of `midflight fuzz` (html_fuzz.c) --------------------------------------------- */

struct fuzz_page {
	struct report_run *run; /* `top` is fuzz.json, checked; no results, no label */
	unsigned runs;
	unsigned findings, known; /* in all of them; @known: of these */
	unsigned problems;	  /* files that are damaged or missing */
	size_t budget;		  /* bytes of traces that may still be added */
};

/* Whether directory @path is the log directory of a campaign: it has fuzz.json, no result.json. */
bool fuzz_html_is(const char *path);

/* Opens directories @dirs and reads their fuzz.json. 0, or -1 with @e filled. */
int fuzz_html_load(struct fuzz_page *p, char *const *dirs, unsigned count, struct err *e);
void fuzz_html_free(struct fuzz_page *p);

/* The whole page. */
void fuzz_html(struct fuzz_page *p, struct buf *html);

/*
 * The series of points of @top, fuzz.json, by programs flown, as a picture and as a table
 * (html_fuzz_series.c).
 */
void fuzz_html_series(const json_t *top, struct buf *html);

/* ---- timelines (svg.c) ---------------------------------------------------------------------- */

/*
 * Appends to @html the picture of @timeline (what host/vmm/timeline.c writes; not trusted), which
 * must be of hop @hop of @result: its moments in words, the restore from near, the whole hop from
 * far. 0, or -1 with @e filled and nothing appended.
 */
int timeline_svg(const json_t *timeline, const char *result, unsigned hop, struct buf *html,
		 struct err *e);

/* Appends the legend of all kinds of events, once per page. */
void timeline_legend(struct buf *html);

#endif
