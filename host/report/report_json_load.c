// SPDX-License-Identifier: BSD-2-Clause
// Reads result.json. It is not trusted: all that the writer (result_json.c) makes sure of must
// hold, or whoever asked gets nothing. A result that contradicts itself proves nothing.
#include "host/base/json.h"
#include "host/report/result_json.h"
#include "host/report/schemas.h"
#include "host/base/cleanup.h"
#include "host/cli/plan.h"
#include "host/kvm/kvm_state.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define RESULTS_MAX 100000
#define NAME_CHARS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

static const struct json_member top_members[] = {
#define TOP(key, types, value)	   {key, types},
#define COUNTED(key, types, value) {key, types},
#include "host/report/result_members.def"
};

static const struct json_member shard_members[] = {{"k", "u"}, {"n", "u"}};

static const struct json_member summary_members[] = {
	{"passed", "u"}, {"failed", "u"}, {"errors", "u"}, {"known", "u"}, {"skipped", "u"},
};

static const struct json_member environment_members[] = {
	{"kernel", "s"},    {"kernel_version", "s"}, {"distribution", "s"},
	{"cpu", "s"},	    {"microcode", "s"},	     {"vmx", "o"},
	{"modules", "o"},   {"qemu", "sn"},	     {"kvm_parameters", "o"},
	{"midflight", "s"},
};

static const struct json_member result_members[] = {
#define RESULT(key, types, value) {key, types},
#include "host/report/result_members.def"
};

static const struct json_member check_members[] = {{"hop", "u"}, {"check", "s"}, {"evidence", "s"}};

static const struct json_member error_members[] = {{"hop", "u"}, {"error", "s"}, {"evidence", "s"}};

static const struct json_member oracle_members[] = {{"oracle", "s"}, {"field", "s"}, {"text", "s"}};

static const struct json_member hop_members[] = {
#define HOP(key, types, value) {key, types},
#include "host/report/result_members.def"
};

/* As JSON_CHECK, and it has no other members. */
#define CHECK(what, object, members, e) check_object(what, object, members, ARRAY_SIZE(members), e)
static int check_object(const char *what, const json_t *object, const struct json_member *members,
			size_t count, struct err *e)
{
	const char *key;
	const json_t *value;

	if (json_check(what, object, members, count, e))
		return -1;
	json_object_foreach((json_t *)object, key, value) {
		size_t i = 0;

		while (i < count && strcmp(members[i].key, key) != 0)
			i++;
		if (i == count)
			return err_set(e, "%s has members that there are not", what);
	}
	return 0;
}

static bool is_hex(const char *text)
{
	return !strncmp(text, "0x", 2) && text[2] && strlen(text) <= 18 &&
	       strspn(text + 2, "0123456789abcdef") == strlen(text + 2);
}

/* Whether @list is strings and nothing else. */
static bool all_texts(const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (!json_is_string(one))
			return false;
	return true;
}

/* Whether member @key of @object is null or the path @name/@file. */
static bool path_is(const json_t *object, const char *key, const char *name, const char *file)
{
	const char *path = json_member(object, key);
	auto_free char *want = xasprintf("%s/%s", name, file);

	return !path || !strcmp(path, want);
}

static unsigned count_of(const json_t *object, const char *key)
{
	const json_int_t value = json_member_integer(object, key);

	return value > UINT_MAX ? UINT_MAX : (unsigned)value;
}

const json_t *report_json_find(const json_t *top, const char *name)
{
	const json_t *result;
	size_t i;

	json_array_foreach(json_object_get(top, "results"), i, result)
		if (!strcmp(json_text_of(result, "name"), name))
			return result;
	return NULL;
}

int report_json_word(const json_t *result)
{
	const char *word = json_text_of(result, "word");

	return word_find(word, strlen(word));
}

struct report_line report_json_line(const json_t *result)
{
	const char *known = json_member(result, "known");
	const bool control = json_member_true(result, "control");

	return (struct report_line){
		.name = json_text_of(result, "name"),
		.word = (enum word)report_json_word(result),
		.control = control,
		.method = method_find(json_text_of(result, "method")),
		.known = known ? known_find(known) : NULL,
		.unmet = strstr(json_text_of(result, "diagnostics"), REPORT_UNMET) != NULL,
		.failed = count_of(result, "failed_hops"),
		.hops = count_of(result, control ? "hops_done" : "snapshots"),
		.diagnostics = json_text_of(result, "diagnostics"),
		.notes = json_text_of(result, "notes"),
	};
}

/* ---- one result --------------------------------------------------------------------------- */

/*
 * Its name is SCENARIO.control or SCENARIO[.POSTING or .ORDER][.METHOD], the method if and only if
 * @with_method. The length of what known.def calls it, without order and method; 0: it isn't.
 */
static size_t check_name(const json_t *result, bool with_method)
{
	const char *name = json_text_of(result, "name"),
		   *scenario = json_text_of(result, "scenario");
	const char *method = json_text_of(result, "method"), *rest;
	size_t len = strlen(name), scenario_len = strlen(scenario), method_len = strlen(method),
	       rest_len;

	if (!scenario_len || strchr(scenario, '.') || strspn(name, NAME_CHARS) != len ||
	    strncmp(name, scenario, scenario_len) || method_find(method) == METHODS)
		return 0;
	if (json_member_true(result, "control"))
		return !strcmp(name + scenario_len, ".control") ? len : 0;
	if (with_method) {
		if (len <= scenario_len + method_len || strcmp(name + len - method_len, method) ||
		    name[len - method_len - 1] != '.')
			return 0;
		len -= method_len + 1;
	}
	if (len == scenario_len)
		return len;
	rest = name + scenario_len + 1;
	rest_len = len - scenario_len - 1;
	if (name[scenario_len] != '.')
		return 0;
	return plan_is_post(rest, rest_len)	? len
	       : order_is_known(rest, rest_len) ? scenario_len
						: 0;
}

/* What is wrong with the hops of @result, NULL: nothing. */
static const char *wrong_hops(const json_t *result, const char *name)
{
	const json_int_t snapshots = json_member_integer(result, "snapshots");
	const json_t *list = json_object_get(result, "hops"), *hop;
	json_int_t before = 0, active = 0;
	struct err e;
	size_t i;

	json_array_foreach(list, i, hop) {
		const json_int_t number = json_member_integer(hop, "hop");
		char timeline[60], pages[60];

		snprintf(timeline, sizeof(timeline), "timeline-%lld.json", (long long)number);
		snprintf(pages, sizeof(pages), "pages-%lld.json", (long long)number);
		if (CHECK("a hop", hop, hop_members, &e) || number <= before || number > INT_MAX ||
		    !is_hex(json_text_of(hop, "vmxon_pa")) ||
		    !is_hex(json_text_of(hop, "vmcs12_pa")) ||
		    method_find(json_text_of(hop, "method")) == METHODS ||
		    !all_texts(json_object_get(hop, "vmcs12_pages")) ||
		    !all_texts(json_object_get(hop, "states")))
			return "a damaged hop";
		if (!path_is(hop, "timeline", name, timeline) ||
		    !path_is(hop, "pages", name, pages))
			return "a hop with files that are not its own";
		before = number;
		active += json_member_true(hop, "l2_active");
	}
	if ((json_int_t)i > snapshots || active > json_member_integer(result, "l2_active") ||
	    json_member_integer(result, "l2_active") > snapshots ||
	    (!i && snapshots && json_member(result, "dir")))
		return "other hops than it counts";
	return NULL;
}

/* The same of what failed. */
static const char *wrong_fails(const json_t *result)
{
	const json_t *fails = json_object_get(result, "fails"), *fail, *oracle;
	const json_t *oracles = json_object_get(result, "oracles");
	const json_int_t fail_events = json_member_integer(result, "fail_events");
	const json_int_t error_events = json_member_integer(result, "error_events");
	json_auto_t *hops = json_got(json_object());
	json_int_t checks = 0, errors, failed;
	const char *wrong = NULL;
	struct err e;
	size_t i;

	json_array_foreach(fails, i, fail) {
		char hop[24];

		if (json_object_get(fail, "check") ? CHECK("it", fail, check_members, &e)
						   : CHECK("it", fail, error_members, &e))
			wrong = "a damaged 'fails'";
		if (!json_object_get(fail, "check"))
			continue;
		snprintf(hop, sizeof(hop), "%lld", (long long)json_member_integer(fail, "hop"));
		json_set(hops, hop, json_true());
		checks++;
	}
	failed = (json_int_t)json_object_size(hops);
	json_array_foreach(oracles, i, oracle)
		if (CHECK("it", oracle, oracle_members, &e))
			wrong = "a damaged 'oracles'";
	errors = (json_int_t)json_array_size(fails) - checks;
	if (!wrong &&
	    (failed != json_member_integer(result, "failed_hops") || checks > fail_events ||
	     (checks + errors < MAX_FAILS && (checks != fail_events || errors < error_events))))
		wrong = "other failed checks than it counts";
	return wrong;
}

/* The same of its word, which what it tells must bear out. */
static const char *wrong_word(const json_t *result, int word)
{
	const bool control = json_member_true(result, "control");
	const bool fails = json_member_integer(result, "fail_events") ||
			   json_member_integer(result, "lost") ||
			   json_array_size(json_object_get(result, "oracles"));
	const bool errors = json_member_integer(result, "error_events");
	const bool findings = json_array_size(json_object_get(result, "findings")) ||
			      json_member(result, "refused");
	const char *reason = json_member(result, "reason");

	if (word < 0)
		return "a 'word' that there is not";
	if (word == WORD_PASS && (fails || errors || findings))
		return "failures and the word PASS";
	if (word < WORD_FAIL && fails)
		return "failed checks, and a word that says otherwise";
	if (word == WORD_PASS && !json_member_integer(result, "hops_done"))
		return "the word PASS and no hop that was finished";
	if (word == WORD_PASS && !control && !json_member_integer(result, "snapshots"))
		return "the word PASS and not one snapshot";
	if (control && json_member_integer(result, "snapshots"))
		return "snapshots, and is a control";
	if (word > WORD_SKIP && !fails && !errors && !findings)
		return "nothing that failed, and a word that says otherwise";
	if (!reason != (word != WORD_SKIP) ||
	    (reason && strcmp(reason, json_text_of(result, "notes")) != 0))
		return "the reason of a SKIP, or none, against its word";
	if (word <= WORD_SKIP && (json_member(result, "replay") || json_member(result, "failure")))
		return "the files of a failure, against its word";
	return NULL;
}

/* The same of the known bug that explains it. @len: of its name without order and method. */
static const char *wrong_known(const json_t *result, int word, size_t len, const char *kernel)
{
	const char *known = json_member(result, "known"), *text = json_member(result, "known_text");
	auto_free char *key = xasprintf("%.*s", (int)len, json_text_of(result, "name"));
	const enum method method = method_find(json_text_of(result, "method"));
	const bool good =
		known ? text && word > WORD_SKIP && known_explains(known, text, key, method, kernel)
		      : !text;

	return good ? NULL : "a known bug that does not explain it";
}

/* The same of all that is left. */
static const char *wrong_rest(const json_t *result, const char *name)
{
	static const char *const counts[] = {"failed_hops", "hops_done",   "snapshots",
					     "l2_active",   "fail_events", "error_events",
					     "missed",	    "nudged",	   "lost"};
	const char *dir = json_member(result, "dir");

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (json_member_integer(result, counts[i]) > UINT_MAX)
			return "a number that is too large";
	if (!all_texts(json_object_get(result, "findings")))
		return "a damaged 'findings'";
	if (!is_hex(json_text_of(result, "trace")))
		return "a damaged 'trace'";
	if (strchr(json_text_of(result, "notes"), '\n'))
		return "more than one line of notes";
	if ((dir && strcmp(dir, name) != 0) || !path_is(result, "replay", name, "replay.json") ||
	    !path_is(result, "failure", name, "failure.txt"))
		return "files that are not its own";
	return NULL;
}

static int check_result(const json_t *top, size_t number, const json_t *result, struct err *e)
{
	const char *name = json_text_of(result, "name"), *wrong;
	const int word = report_json_word(result);
	char what[40];
	size_t len;

	snprintf(what, sizeof(what), "result %zu", number);
	if (CHECK(what, result, result_members, e))
		return -1;
	len = check_name(result, json_member(top, "method") != NULL);
	if (!len)
		return err_set(e, "%s is not called as one of scenario '%s' by method '%s'", what,
			       json_text_of(result, "scenario"), json_text_of(result, "method"));
	if ((wrong = wrong_rest(result, name)) || (wrong = wrong_word(result, word)) ||
	    (wrong = wrong_fails(result)) || (wrong = wrong_hops(result, name)) ||
	    (wrong = wrong_known(result, word, len, json_text_of(top, "kernel"))))
		return err_set(e, "%s, %s, has %s", what, name, wrong);
	return 0;
}

/* ---- the file ----------------------------------------------------------------------------- */

/* Each result is there once, behind its control, and no more of them than were planned. */
static int check_results(const json_t *top, struct err *e)
{
	const json_t *shard = json_object_get(top, "shard"), *result;
	const json_int_t k = json_is_null(shard) ? 1 : json_member_integer(shard, "k");
	const json_int_t n = json_is_null(shard) ? 1 : json_member_integer(shard, "n");
	json_int_t left = (json_member_integer(top, "planned") + n - k) / n;
	json_auto_t *seen = json_got(json_object());
	/* A flight of a soak or a sweep is alone, and the second halves of a run are. */
	const bool alone = json_array_size(json_object_get(top, "results")) == 1 ||
			   json_member_true(top, "from");
	size_t i;

	json_array_foreach(json_object_get(top, "results"), i, result) {
		const char *name = json_text_of(result, "name"), *wrong = NULL;
		auto_free char *control = xasprintf("%s.control", json_text_of(result, "scenario"));

		if (check_result(top, i + 1, result, e))
			return -1;
		if (json_object_get(seen, name))
			wrong = "is there twice";
		json_set(seen, name, json_true());
		if (!alone && !json_object_get(seen, control))
			wrong = "stands there without its control";
		if (!json_member_true(result, "control") && !left--)
			wrong = "is one more than were planned";
		if (wrong)
			return err_set(e, "%s %s", name, wrong);
	}
	return 0;
}

void report_json_count(const json_t *results, struct report *r)
{
	const json_t *result;
	size_t i;

	json_array_foreach(results, i, result) {
		const struct report_line line = report_json_line(result);

		report_count(r, &line);
	}
}

/* Its summary is what its results come to. */
static int check_counts(const json_t *top, struct err *e)
{
	const json_t *summary = json_object_get(top, "summary");
	const struct options o = {.strict = json_member_true(top, "strict")};
	auto_by(report_free) struct report r = {0};

	report_init(&r, &o, stdout, NULL, 0);
	report_json_count(json_object_get(top, "results"), &r);
	if (json_member_integer(summary, "passed") == r.passed &&
	    json_member_integer(summary, "failed") == r.failed &&
	    json_member_integer(summary, "errors") == r.errors &&
	    json_member_integer(summary, "known") == r.known &&
	    json_member_integer(summary, "skipped") == r.skipped &&
	    json_member_integer(top, "exit_status") == report_status(&r))
		return 0;
	return err_set(e, "its summary is not what its results come to");
}

static int check_shard(const json_t *shard, struct err *e)
{
	const json_int_t k = json_member_integer(shard, "k"), n = json_member_integer(shard, "n");

	if (json_is_null(shard))
		return 0;
	if (CHECK("the shard", shard, shard_members, e))
		return -1;
	if (k && k <= n && n <= SHARDS_MAX)
		return 0;
	return err_set(e, "there is no shard %lld of %lld", (long long)k, (long long)n);
}

int report_json_check(const json_t *top, struct err *e)
{
	if (!json_is_schema(top, RESULT_SCHEMA, RESULT_VERSION))
		return err_set(e, "it is no " RESULT_SCHEMA " of version %d", RESULT_VERSION);
	if (CHECK("it", top, top_members, e) ||
	    CHECK("the summary", json_object_get(top, "summary"), summary_members, e) ||
	    CHECK("the environment", json_object_get(top, "environment"), environment_members, e) ||
	    check_shard(json_object_get(top, "shard"), e))
		return -1;
	if (json_member_integer(top, "planned") > RESULTS_MAX)
		return err_set(e, "'planned' is too large");
	return check_results(top, e) || check_counts(top, e) ? -1 : 0;
}

json_t *report_json_journal(json_t *(*part)(void *arg, size_t number), void *arg)
{
	json_t *top = NULL, *next;
	json_auto_t *list = json_got(json_array());

	for (size_t n = 0; (next = part(arg, n)); n++) {
		json_array_extend(list, json_object_get(next, "results"));
		json_decref(top);
		top = next;
	}
	if (top)
		json_set(top, "results", json_incref(list));
	return top;
}

/* Of the journal in directory @arg. */
static json_t *read_part(void *arg, size_t number)
{
	auto_free char *path = xasprintf("%s/" JOURNAL "/%zu.json", (const char *)arg, number);
	struct err e = {0};

	return json_read(path, RESULT_SCHEMA, RESULT_VERSION, &e);
}

json_t *report_json_load(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir =
		xasprintf("%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	json_auto_t *top = json_read(path, RESULT_SCHEMA, RESULT_VERSION, e);
	struct err why = {0};

	if (!top)
		top = report_json_journal(read_part, dir);
	if (!top || !report_json_check(top, &why))
		return keep(top);
	err_set(e, "%s: %s", path, why.text);
	return NULL;
}
