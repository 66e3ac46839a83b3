// SPDX-License-Identifier: BSD-2-Clause
// Compares what a failed check tells of with a pattern.
#include "host/flight/known.h"

#include <fnmatch.h>
#include <string.h>

#define VALUE_MAX 64

struct number {
	bool negative;
	uint64_t size;
};

static bool number_of(const char *text, struct number *n)
{
	n->negative = *text == '-';
	return parse_number(text + n->negative, &n->size);
}

static bool at_most(struct number a, struct number b)
{
	if (a.negative != b.negative)
		return a.negative;
	return a.negative ? a.size >= b.size : a.size <= b.size;
}

/* The value of @key in @evidence; false: there is none. */
static bool value_of(const char *evidence, const char *key, char value[VALUE_MAX])
{
	const size_t len = strlen(key);
	char word[2 * VALUE_MAX];

	while (word_next(&evidence, ' ', word, sizeof(word)))
		if (!strncmp(word, key, len) && word[len] == '=') {
			snprintf(value, VALUE_MAX, "%s", word + len + 1);
			return true;
		}
	return false;
}

/* A bound of a range: a number, or the key in @evidence that has it. */
static bool bound(const char *text, const char *evidence, struct number *n)
{
	char value[VALUE_MAX];

	return number_of(text, n) || (value_of(evidence, text, value) && number_of(value, n));
}

static bool in_range(char *low, char *high, const char *value, const char *evidence)
{
	struct number v, n;

	return number_of(value, &v) && (!*low || (bound(low, evidence, &n) && at_most(n, v))) &&
	       (!*high || (bound(high, evidence, &n) && at_most(v, n)));
}

static bool same(const char *a, const char *b)
{
	struct number x, y;

	if (!number_of(a, &x) || !number_of(b, &y))
		return !strcmp(a, b);
	return x.size == y.size && (x.negative == y.negative || !x.size);
}

static bool value_matches(const char *pattern, const char *value, const char *evidence)
{
	char one[VALUE_MAX], *dots;

	if (!strcmp(pattern, "*"))
		return true;
	while (word_next(&pattern, '|', one, sizeof(one))) {
		dots = strstr(one, "..");
		if (dots)
			*dots = '\0';
		if (dots ? in_range(one, dots + 2, value, evidence) : same(one, value))
			return true;
	}
	return false;
}

bool evidence_matches(const char *pattern, const char *evidence)
{
	const char *left = evidence;
	char want[2 * VALUE_MAX], word[2 * VALUE_MAX];

	if (*pattern == '~')
		return !fnmatch(pattern + 1, evidence, 0);
	while (word_next(&pattern, ' ', want, sizeof(want))) {
		const size_t len = strcspn(want, "=");

		if (!strcmp(want, "*"))
			return true;
		if (want[len] != '=' || !word_next(&left, ' ', word, sizeof(word)) ||
		    strncmp(want, word, len + 1) ||
		    !value_matches(want + len + 1, word + len + 1, evidence))
			return false;
	}
	return !*left;
}
