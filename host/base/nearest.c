// SPDX-License-Identifier: BSD-2-Clause
// Which of the words that there are somebody has meant by one that there is not.
#include "host/base/nearest.h"

#include <stdio.h>
#include <string.h>

#define LONGEST 63 /* letters of a word that is looked at */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Row by row of the table of all beginnings of @a by those of @b. */
unsigned edits(const char *a, const char *b)
{
	unsigned rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *now = rows[2];
	const size_t len = strnlen(b, LONGEST);

	for (unsigned j = 0; j <= len; j++)
		last[j] = j;
	for (unsigned i = 1; i <= LONGEST && a[i - 1]; i++) {
		unsigned *oldest = before;

		now[0] = i;
		for (unsigned j = 1; j <= len; j++) {
			now[j] = least(last[j], now[j - 1]) + 1;
			now[j] = least(now[j], last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = oldest;
	}
	return last[len];
}

/* One edit in three letters, or less, is a slip; more is another word. */
void nearest_try(struct nearest *n, const char *word, const char *name)
{
	const unsigned far = edits(word, name);

	if (far > (strnlen(word, LONGEST) + 2) / 3 || (n->name && far >= n->edits))
		return;
	n->name = name;
	n->edits = far;
}

const char *nearest_text(const struct nearest *n)
{
	static char text[LONGEST + 40];

	if (!n->name)
		return "";
	snprintf(text, sizeof(text), "; did you mean '%.*s'?", LONGEST, n->name);
	return text;
}
