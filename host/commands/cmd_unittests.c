// SPDX-License-Identifier: BSD-2-Clause
// `midflight kvm-unit-tests`: a run whose scenarios are the tests of a list, and their table in the
// words that people know from there.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/cli/paths.h"
#include "host/commands/cmd.h"
#include "host/report/result_json.h"

#include <string.h>

/* As its runner has them. */
static const char *word_of(const json_t *result)
{
	const int word = report_json_word(result);

	return word == WORD_PASS ? "PASS" : word == WORD_SKIP ? "SKIP" : "FAIL";
}

static void print_row(const json_t *control, const json_t *frozen)
{
	const char *const alone = word_of(control), *const reason = json_member(control, "reason");

	printf("# %s %s", strcmp(alone, "PASS") ? alone : word_of(frozen),
	       json_text_of(control, "scenario"));
	if (reason)
		printf(" (%s)\n", reason);
	else
		printf(" (alone %s, frozen %s: %lld freezes, %lld of them in L2)\n",
		       json_text_of(control, "word"), json_text_of(frozen, "word"),
		       (long long)json_member_integer(frozen, "snapshots"),
		       (long long)json_member_integer(frozen, "l2_active"));
}

/* A row for each test, which is its control and the result behind it. */
static void print_table(const char *log)
{
	auto_free char *path = xasprintf("%s/result.json", log);
	struct err e = {0};
	json_auto_t *top = report_json_load(path, &e);
	const json_t *results = json_object_get(top, "results"), *result, *control = NULL;
	size_t i;

	json_array_foreach(results, i, result) {
		if (json_member_true(result, "control"))
			control = result;
		else if (control && !strcmp(json_text_of(control, "scenario"),
					    json_text_of(result, "scenario")))
			print_row(control, result);
	}
}

int cmd_unittests(struct options *o)
{
	auto_free char *log = o->log ? xstrdup(o->log) : default_log(executable_dir());
	const bool inside = o->shown_log != NULL; /* the runner outside of the lab prints it */
	const int status = cmd_run(o);

	if (!inside && !o->quiet && !has_variants(o))
		print_table(log);
	return status;
}
