/* SPDX-License-Identifier: BSD-2-Clause */
/* What docs/known-failures.md and fixes/ say of a known bug, for a report that has to stand alone.
 */
#ifndef HOST_REPORT_KNOWN_TEXT_H
#define HOST_REPORT_KNOWN_TEXT_H

/* Each text is one line, "" if the document has no such paragraph. */
struct known_text {
	const char *id;
	const char *kernels; /* in which it was met, and in which not */
	const char *expected, *happens;
	const char *why, *upstream;  /* how sure that is stands at its beginning */
	const char *cure;	     /* a file of fixes/ */
	const char *changes, *named; /* functions that the cure changes, that @why names */
};

/* What is said of bug @id, or NULL. */
const struct known_text *known_text_find(const char *id);

#endif
