// SPDX-License-Identifier: BSD-2-Clause
// replay.json: written for what failed, read by `midflight replay`. It may come from anybody: only
// options that say what to fly are taken from it, none that names a program or a file to write.
#include "host/report/replay.h"
#include "host/cli/options.h"
#include "host/base/json.h"
#include "host/kvm/kvm_state.h"
#include "host/report/schemas.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <midflight_version.h>

#define WORDS_MAX  80
#define TEXT_MAX   4096
#define CHECKS_MAX 1000

/* ---- what failed -------------------------------------------------------------------------- */

static bool has(const json_t *list, const char *text)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
		if (!strcmp(json_string_value(value), text))
			return true;
	return false;
}

/* Guest text becomes what check() takes. */
static void add(json_t *list, const char *prefix, const char *text)
{
	auto_free char *whole = xasprintf("%s%.*s", prefix, TEXT_MAX / 2, text ? text : "");

	for (char *p = whole; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';

	if (text && !has(list, whole))
		json_append(list, json_text(whole));
}

/*
 * Where no check says what failed, the first finding does: without its numbers, which are those of
 * hops, events and times. Only so can one ERROR or HANG be told from another.
 */
static void add_finding(json_t *list, const json_t *result)
{
	const char *text =
		json_string_value(json_array_get(json_object_get(result, "findings"), 0));
	auto_free char *words = xstrdup(text ? text : "");
	char *to = words;

	for (const char *from = words; *from; from++)
		if (*from < '0' || *from > '9')
			*to++ = *from;
		else if (to == words || to[-1] != '#')
			*to++ = '#';
	*to = '\0';
	add(list, "", *words ? words : NULL);
}

json_t *replay_failed(const json_t *result)
{
	json_t *checks = json_got(json_array());
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(result, "fails"), i, item) {
		add(checks, "", json_member(item, "check"));
		add(checks, "error: ", json_member(item, "error"));
	}
	json_array_foreach(json_object_get(result, "oracles"), i, item) {
		auto_free char *oracle = xasprintf("oracle %s: ", json_text_of(item, "oracle"));

		add(checks, oracle, json_member(item, "field"));
	}
	add(checks, "refused ", json_member(result, "refused"));
	if (!json_array_size(checks))
		add_finding(checks, result);
	return json_got(json_pack("{s:o, s:o, s:o}", "word", json_text(json_member(result, "word")),
				  "known", json_text(json_member(result, "known")), "checks",
				  checks));
}

/* `FAIL: lost wake-up, L2 digest`. */
static void say_failed(const json_t *failed, struct buf *text)
{
	const json_t *check;
	size_t i;

	buf_printf(text, "%s", json_text_of(failed, "word"));
	json_array_foreach(json_object_get(failed, "checks"), i, check) {
		buf_printf(text, "%s%s", i ? ", " : ": ", json_string_value(check));
	}
}

static bool same_checks(const json_t *a, const json_t *b)
{
	const json_t *check;
	size_t i;

	json_array_foreach(a, i, check)
		if (!has(b, json_string_value(check)))
			return false;
	return json_array_size(a) == json_array_size(b);
}

bool replay_same(const json_t *failed, const json_t *result)
{
	json_auto_t *now = replay_failed(result);

	return !strcmp(json_text_of(failed, "word"), json_text_of(now, "word")) &&
	       same_checks(json_object_get(failed, "checks"), json_object_get(now, "checks"));
}

void replay_compare(const json_t *failed, const json_t *result, struct buf *text)
{
	const char *word = json_text_of(result, "word");
	json_auto_t *now = replay_failed(result);

	if (!strcmp(word, "PASS")) {
		buf_printf(text, "passes now; then: ");
		say_failed(failed, text);
	} else if (!strcmp(word, "SKIP")) {
		buf_printf(text, "skipped: %s", json_text_of(result, "notes"));
	} else if (replay_same(failed, result)) {
		buf_printf(text, "same failure: ");
		say_failed(now, text);
	} else {
		buf_printf(text, "other failure: ");
		say_failed(now, text);
		buf_printf(text, "; then: ");
		say_failed(failed, text);
	}
}

/* ---- writing ------------------------------------------------------------------------------ */

/* The steps of --order, if that is a file. */
static int put_order(json_t *top, struct options *one, struct err *e)
{
	struct order order;
	auto_buf struct buf steps = {0};

	json_set(top, "order_steps", json_null());
	if (!strpbrk(one->order, "/."))
		return 0;
	if (order_load(&order, one->order, e))
		return -1;
	for (unsigned i = 0; i < order.steps; i++)
		buf_printf(&steps, "%s%s", i ? " " : "", order.step[i]);
	json_set(top, "order_steps", json_text(steps.p));
	return 0;
}

json_t *replay_json(const struct options *o, const struct report_entry *entry, const json_t *result,
		    const char *run, struct err *e)
{
	json_t *words = json_got(json_array());
	json_auto_t *top = json_got(json_object());
	struct options one = *o, standard;
	auto_buf struct buf text = {0};

	options_init(&standard);
	json_set(top, "schema", json_text(REPLAY_SCHEMA));
	json_set(top, "version", json_integer(REPLAY_VERSION));
	json_set(top, "result", json_text(entry->name));
	json_set(top, "scenario", json_text(entry->config->scenario->name));
	json_set(top, "method", json_text(method_name(entry->config->method)));
	json_set(top, "midflight", json_text(MIDFLIGHT_VERSION));
	json_set(top, "kernel", json_text(known_kernel()));
	json_set(top, "qemu",
		 strcmp(o->qemu, standard.qemu) != 0 ? json_text(o->qemu) : json_null());
	json_set(top, "failed", replay_failed(result));
	json_set(top, "trace", json_hex(entry->result->trace));
	json_set(top, "job", lab_job_json(o, run));
	json_set(top, "words", words);
	if (put_order(top, &one, e))
		return NULL;
	if (o->method_text)
		one.method_text = method_name(entry->config->method);
	one.only = entry->name;
	if (json_is_string(json_object_get(top, "order_steps")))
		one.order = standard.order;
	one.no_oracles |= !options_run(o);
	one.command = CMD_RUN;
	if (entry->config->scenario->guest)
		one.guest = entry->config->scenario->guest->words;
	options_words(&one, entry->config->scenario, FLOWN, &text);
	for (char *at = text.p, *word; at && (word = options_next_word(&at));)
		json_append(words, json_text(word));
	return keep(top);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* The option of `run` that @word, with its two dashes, names and a file may ask for; or NULL. */
static const struct option_row *find_option(const char *word)
{
	const struct option_row *row =
		strncmp(word, "--", 2) ? NULL
				       : option_find(1u << CMD_RUN, word + 2, strlen(word + 2));

	return row && row->repeated >= FLOWN ? row : NULL;
}

static int take_words(struct replay *r, struct err *e)
{
	const json_t *list = json_object_get(r->top, "words");
	const size_t size = json_array_size(list);

	r->words = xcalloc(WORDS_MAX + 1, sizeof(*r->words));
	for (size_t i = 0; i < size && r->count < WORDS_MAX; i++) {
		const char *word = json_string_value(json_array_get(list, i)), *value = NULL;
		const struct option_row *option = word ? find_option(word) : NULL;

		if (!option)
			return err_set(e, "word %zu is no option that a replay may have", i + 1);
		if (option->arg)
			value = json_string_value(json_array_get(list, ++i));
		if (option->arg && (!value || !lab_job_plain(value)))
			return err_set(e, "%s has no good value", word);
		/* What stands in a file must not name another one. */
		if (!strcmp(word, "--order") && strpbrk(value, "/."))
			return err_set(e, "--order '%s' is a file", value);
		r->words[r->count++] = value ? xasprintf("%s=%s", word, value) : xstrdup(word);
	}
	if (r->count && r->count < WORDS_MAX)
		return 0;
	return err_set(e, "it has %s words", r->count ? "too many" : "no");
}

/* It has these members and no others, and no text that cannot be printed. */
static int check_members(const json_t *object, const struct json_member *members, size_t count,
			 struct err *e)
{
	if (json_check("it", object, members, count, e))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (!lab_job_plain(json_text_of(object, members[i].key)))
			return err_set(e, "it has no good '%s'", members[i].key);
	if (json_object_size(object) == count)
		return 0;
	return err_set(e, "it has members that do not belong there");
}

static int check_failed(const json_t *failed, struct err *e)
{
	static const struct json_member members[] = {
		{"word", "s"}, {"known", "sn"}, {"checks", "a"}};
	const json_t *check;
	size_t i;

	if (check_members(failed, members, ARRAY_SIZE(members), e))
		return -1;
	json_array_foreach(json_object_get(failed, "checks"), i, check)
		if (!json_is_string(check) || !lab_job_plain(json_string_value(check)) ||
		    i >= CHECKS_MAX)
			return err_set(e, "it has no good 'checks'");
	return 0;
}

static int check(struct replay *r, struct err *e)
{
	static const struct json_member members[] = {
		{"schema", "s"},       {"version", "i"},   {"result", "s"}, {"scenario", "s"},
		{"method", "s"},       {"midflight", "s"}, {"kernel", "s"}, {"qemu", "sn"},
		{"order_steps", "sn"}, {"failed", "o"},	   {"words", "a"},  {"trace", "s"},
		{"job", "on"},
	};
	const json_t *job = json_object_get(r->top, "job");

	if (check_members(r->top, members, ARRAY_SIZE(members), e))
		return -1;
	r->result = json_text_of(r->top, "result");
	r->scenario = json_text_of(r->top, "scenario");
	r->midflight = json_text_of(r->top, "midflight");
	r->kernel = json_text_of(r->top, "kernel");
	r->qemu = json_member(r->top, "qemu");
	r->order_steps = json_member(r->top, "order_steps");
	r->failed = json_object_get(r->top, "failed");
	r->trace = json_text_of(r->top, "trace");
	r->in_lab = json_is_object(job);
	if (check_failed(r->failed, e) || (r->in_lab && lab_job_check(&r->job, job, e)))
		return -1;
	return take_words(r, e);
}

int replay_load(struct replay *r, const char *path, struct err *e)
{
	struct err why = {0};

	memset(r, 0, sizeof(*r));
	r->top = json_read(path, REPLAY_SCHEMA, REPLAY_VERSION, e);
	if (!r->top)
		return -1;
	if (!check(r, &why))
		return 0;
	replay_free(r);
	return err_set(e, "%s: %s", path, why.text);
}

void replay_free(struct replay *r)
{
	for (unsigned i = 0; i < r->count; i++)
		free(r->words[i]);
	free(r->words);
	json_decref(r->top);
	memset(r, 0, sizeof(*r));
}
