/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the words that there are somebody has meant by one that there is not. */
#ifndef HOST_BASE_NEAREST_H
#define HOST_BASE_NEAREST_H

/* The nearest so far; empty at first. */
struct nearest {
	const char *name; /* NULL: none is near */
	unsigned edits;	  /* from the word to it */
};

/* Letters to insert, delete, replace or swap with the next one until @a is @b. */
unsigned edits(const char *a, const char *b);

/* @name, which lives on, is a word that there is. */
void nearest_try(struct nearest *n, const char *word, const char *name);

/* Behind what says that there is no such word: `; did you mean 'NAME'?`, or "". Static text. */
const char *nearest_text(const struct nearest *n);

#endif
