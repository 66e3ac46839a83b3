// SPDX-License-Identifier: BSD-2-Clause
// The tables of postings and known KVM bugs, and when a failure counts as known.
#include "host/known.h"
#include "host/util.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/utsname.h>

static const struct known known_table[] = {
#define K(id, result, trait, check, fixed, text) {id, result, METHOD_##trait, check, fixed, text},
#include "host/known.def"
#undef K
};

const char *post_name(enum post p)
{
	static const char *const names[POSTS] = {
#define P(id, name, text) [POST_##id] = name,
#include "host/posts.def"
#undef P
	};

	return names[p];
}

/* Whether @word is one of @list, which is separated by `|` and may have patterns. */
static bool listed(const char *list, const char *word)
{
	char pattern[160];

	while (word_next(&list, '|', pattern, sizeof(pattern)))
		if (!fnmatch(pattern, word, 0))
			return true;
	return false;
}

bool kernel_before(const char *kernel, const char *version)
{
	unsigned k[2] = {0}, v[2] = {0};

	if (sscanf(kernel, "%u.%u", &k[0], &k[1]) != 2 ||
	    sscanf(version, "%u.%u", &v[0], &v[1]) != 2)
		return false;
	return k[0] != v[0] ? k[0] < v[0] : k[1] < v[1];
}

static char kernel[128];

void known_kernel_set(const char *release)
{
	snprintf(kernel, sizeof(kernel), "%s", release);
}

const char *known_kernel(void)
{
	struct utsname uts;

	if (!*kernel)
		known_kernel_set(uname(&uts) ? "unknown" : uts.release);
	return kernel;
}

static bool applies(const struct known *k)
{
	return !*k->fixed || kernel_before(known_kernel(), k->fixed);
}

/* Whether @method has KVM do what the bug depends on. */
static bool meets(const struct known *k, enum method method)
{
	return k->traits & method_info(method)->traits;
}

const struct known *known_find(const char *id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(known_table); i++)
		if (!strcmp(known_table[i].id, id))
			return &known_table[i];
	return NULL;
}

bool known_explains(const char *id, const char *text, const char *result, enum method method,
		    const char *release)
{
	bool told = false, listed_there = false;

	for (unsigned i = 0; i < ARRAY_SIZE(known_table); i++) {
		const struct known *k = &known_table[i];

		if (strcmp(k->id, id))
			continue;
		told |= !strcmp(k->text, text);
		listed_there |= listed(k->result, result) && meets(k, method) &&
				(!*k->fixed || kernel_before(release, k->fixed));
	}
	return told && listed_there;
}

const struct known *known_of(const char *result, enum method method)
{
	for (unsigned i = 0; i < ARRAY_SIZE(known_table); i++)
		/* To the letter: a pattern promises nothing. */
		if (word_in(known_table[i].result, '|', result) && meets(&known_table[i], method) &&
		    applies(&known_table[i]))
			return &known_table[i];
	return NULL;
}

/* The row for one fail event of @result. @only: rows of that bug alone, NULL: all. */
static const struct known *explain(const char *result, enum method method, const struct fail *fail,
				   const struct known *only)
{
	size_t len = strcspn(result, ".");
	char whole[400];

	/* The event must be of this scenario. */
	if (strlen(fail->scenario) != len || memcmp(fail->scenario, result, len))
		return NULL;
	snprintf(whole, sizeof(whole), "%s: %s", fail->check, fail->evidence);
	for (unsigned i = 0; i < ARRAY_SIZE(known_table); i++) {
		const struct known *k = &known_table[i];

		if (listed(k->result, result) && meets(k, method) &&
		    (listed(k->check, fail->check) || listed(k->check, whole)) && applies(k) &&
		    (!only || !strcmp(only->id, k->id) || !strcmp(k->result, "*")))
			return k;
	}
	return NULL;
}

/* The row for something that the host saw. */
static const struct known *explain_host(const char *result, enum method method, const char *check)
{
	for (unsigned i = 0; i < ARRAY_SIZE(known_table); i++) {
		const struct known *k = &known_table[i];

		if (listed(k->result, result) && meets(k, method) && listed(k->check, check) &&
		    applies(k))
			return k;
	}
	return NULL;
}

static const struct known *explain_oracle(const char *result, enum method method,
					  const struct oracle_finding *finding)
{
	char check[200];

	/* What the log says is told by its text, not by a field. */
	snprintf(check, sizeof(check), "oracle %s: %s", finding->oracle,
		 strcmp(finding->oracle, "log") ? finding->field : finding->text);
	return explain_host(result, method, check);
}

/* KVM refused the restore: there is no complete log, and nothing else may be wrong. */
static const struct known *match_refused(const char *result, enum method method,
					 const struct guest_log *log, const char *refused)
{
	char check[300];

	if (log->fails || log->errors || log->damage)
		return NULL;
	snprintf(check, sizeof(check), "refused %s", refused);
	return explain_host(result, method, check);
}

const struct known *known_match(const char *result, enum method method, const struct guest_log *log,
				const struct verdict *v, const struct oracle_report *oracle,
				const char *refused, bool control_passed,
				const struct known *control_known)
{
	const struct known *first = NULL;
	const unsigned oracles = oracle ? oracle->findings : 0;
	/* Of a copy whose memory is of another time than its registers L1 has nothing to go on
	 * from. */
	const bool gives_up = method_info(method)->traits & METHOD_FORKS;

	/* A finding of the host's (damage, HANG, CRASH, ...) is never part of a known bug. */
	if (*refused) {
		first = control_passed || control_known
				? match_refused(result, method, log, refused)
				: NULL;
		if (!first)
			return NULL;
	} else if ((!control_passed && !control_known) || v->word != WORD_FAIL || !v->complete ||
		   v->findings || (!log->fails && !oracles) || (oracle && oracle->more) ||
		   log->word != (log->fails ? WORD_FAIL : WORD_PASS) || log->errors ||
		   log->kept != log->fails || (log->hops_done != log->hello_hops && !gives_up))
		return NULL;
	for (unsigned i = 0; i < log->kept; i++) {
		const struct known *k = explain(result, method, &log->fail[i], control_known);

		if (!k)
			return NULL;
		if (!first)
			first = k;
	}
	for (unsigned i = 0; i < oracles; i++) {
		const struct known *k = explain_oracle(result, method, &oracle->finding[i]);

		if (!k)
			return NULL;
		if (!first)
			first = k;
	}
	return first;
}
