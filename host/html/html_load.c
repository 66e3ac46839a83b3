// SPDX-License-Identifier: BSD-2-Clause
// What the HTML report reads. Nothing of it is trusted: result.json must be whole, or the run is
// refused; other files that are damaged are told of in the page.
#include "host/html/html_page.h"
#include "host/report/result_json.h"
#include "host/base/below.h"
#include "host/base/cleanup.h"
#include "host/cli/plan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct outcome_info outcomes[OUTCOMES] = {
	[OUT_FAILED] = {"failed", "✗", "#b3401b", "#ffffff", "failed", "failed", "Failed"},
	[OUT_ERROR] = {"error", "!", "#6d3a8c", "#ffffff", "errors", "error",
		       "Errors of Midflight or L1"},
	[OUT_KNOWN] = {"known", "K", "#f2c063", "#3a2600", "known bugs", "known bug",
		       "Known KVM bugs"},
	[OUT_SKIPPED] = {"skipped", "–", "#e4e8ec", "#414b57", "skipped", "skipped", "Skipped"},
	[OUT_PASSED] = {"passed", "✓", "#cdebdf", "#004d38", "passed", "passed", "Passed"},
};

#define RESULT_MAX  (256u << 20) /* bytes of result.json */
#define RESULTS_MAX 20000
#define RUNS_MAX    64 /* in one directory */
#define BUDGET	    (8u << 20)

/* ---- result.json -------------------------------------------------------------------------- */

const char *outcome_words(enum outcome o, unsigned count)
{
	return count == 1 ? outcomes[o].one : outcomes[o].words;
}

static enum outcome outcome_of(const json_t *result)
{
	switch (report_json_word(result)) {
	case WORD_PASS:
		return OUT_PASSED;
	case WORD_SKIP:
		return OUT_SKIPPED;
	default:
		if (json_member(result, "known"))
			return OUT_KNOWN;
		return report_json_word(result) == WORD_ERROR ? OUT_ERROR : OUT_FAILED;
	}
}

static int check_top(struct report_run *run, struct err *e)
{
	size_t count;

	if (report_json_check(run->top, e))
		return -1;
	run->results = json_object_get(run->top, "results");
	count = json_array_size(run->results);
	if (count && count <= RESULTS_MAX)
		return 0;
	return err_set(e, count ? "it has more than %d results" : "it has no results", RESULTS_MAX);
}

/* ---- files -------------------------------------------------------------------------------- */

int report_html_file(const struct report_run *run, const char *path, size_t max, struct buf *bytes,
		     struct err *e)
{
	return read_below(run->dir, path, max, bytes, e);
}

json_t *report_html_json(const struct report_run *run, const char *path, size_t max, struct err *e)
{
	auto_buf struct buf bytes = {0};
	json_error_t error;
	json_t *json;

	if (report_html_file(run, path, max, &bytes, e))
		return NULL;
	json = json_loadb(buf_text(&bytes), bytes.len, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		err_set(e, "line %d: %s", error.line, error.text);
	return json;
}

/* ---- runs --------------------------------------------------------------------------------- */

static bool has_result(int dir)
{
	struct stat st;

	return !fstatat(dir, "result.json", &st, AT_SYMLINK_NOFOLLOW) ||
	       !fstatat(dir, JOURNAL "/0.json", &st, AT_SYMLINK_NOFOLLOW);
}

/* Of the journal of run @arg, which came to no end. */
static json_t *load_part(void *arg, size_t number)
{
	char path[40];
	struct err e = {0};

	snprintf(path, sizeof(path), JOURNAL "/%zu.json", number);
	return report_html_json(arg, path, RESULT_MAX, &e);
}

/* Reads the run in directory @dir, called @path; it takes both. */
static int load_run(struct report_page *p, int dir, char *path, struct err *e)
{
	struct report_run *run;
	struct err why = {0};

	p->run = xrealloc(p->run, (p->runs + 1) * sizeof(*p->run));
	run = &p->run[p->runs++];
	*run = (struct report_run){.path = path, .dir = dir};
	run->top = report_html_json(run, "result.json", RESULT_MAX, &why);
	if (!run->top)
		run->top = report_json_journal(load_part, run);
	if (!run->top || check_top(run, &why))
		return err_set(e, "%s/result.json: %s", run->path, why.text);
	return 0;
}

/* Where @name goes in the matrix. A posting belongs to the scenario, an order is a column. */
static void find_place(struct report_result *r)
{
	const char *method = json_member(r->json, "method");
	const char *rest = r->name + strlen(r->scenario);
	size_t len = strlen(rest), method_len = strlen(method);

	if (json_member_true(r->json, "control")) {
		r->row = xstrdup(r->scenario);
		r->column = xstrdup(REPORT_CONTROL);
		return;
	}
	if (len > method_len && !strcmp(rest + len - method_len, method) &&
	    rest[len - method_len - 1] == '.')
		len -= method_len + 1;
	if (len > 1 && plan_is_post(rest + 1, len - 1)) {
		r->row = xasprintf("%s%.*s", r->scenario, (int)len, rest);
		r->column = xstrdup(method);
		return;
	}
	r->row = xstrdup(r->scenario);
	r->column = len ? xasprintf("%.*s", (int)len - 1, rest + 1) : xstrdup(method);
}

static void add_results(struct report_page *p, unsigned run)
{
	const json_t *json;
	size_t i;

	p->result = xrealloc(p->result, (p->results + json_array_size(p->run[run].results)) *
						sizeof(*p->result));
	json_array_foreach(p->run[run].results, i, json) {
		struct report_result *r = &p->result[p->results++];

		*r = (struct report_result){
			.json = json,
			.run = run,
			.number = (unsigned)i,
			.outcome = outcome_of(json),
			.scenario = json_member(json, "scenario"),
			.name = json_member(json, "name"),
		};
		find_place(r);
		p->count[r->outcome]++;
	}
}

static bool labels_differ(const struct report_page *p)
{
	for (unsigned i = 0; i < p->runs; i++)
		for (unsigned k = 0; k < i; k++)
			if (!strcmp(p->run[i].label, p->run[k].label))
				return false;
	return true;
}

static bool is_same(const struct report_page *p, const char *key)
{
	for (unsigned i = 1; i < p->runs; i++)
		if (!json_equal(json_object_get(p->run[i].top, key),
				json_object_get(p->run[0].top, key)))
			return false;
	return true;
}

/* Takes @more. */
static void append_label(struct report_run *run, char *more)
{
	auto_free char *label = run->label, *added = more;

	run->label = xasprintf("%s %s", label, added);
}

/* Whether one of them is of the second halves of flights: then their directories have their names.
 */
static bool is_cross(const struct report_page *p)
{
	for (unsigned i = 0; i < p->runs; i++)
		if (json_member_true(p->run[i].top, "from"))
			return true;
	return false;
}

/* The kernel's number; what else is unlike, as long as that leaves two of them alike. */
static void make_labels(struct report_page *p)
{
	static const char *const keys[] = {"kernel", "patch",	"driver",  "method", "order",
					   "pages",  "machine", "irqchip", "freeze", "break"};
	const bool cross = is_cross(p);

	for (unsigned i = 0; i < p->runs; i++) {
		const char *kernel = json_member(p->run[i].top, "kernel");
		const size_t len = strspn(kernel, "0123456789.");

		p->run[i].label_title = kernel;
		p->run[i].label = cross ? xasprintf("%.60s", basename(p->run[i].path))
				  : len ? xasprintf("%.*s", (int)(len < 24 ? len : 24), kernel)
					: xstrdup("?");
	}
	for (size_t k = 0; k < ARRAY_SIZE(keys) && !labels_differ(p); k++) {
		if (is_same(p, keys[k]))
			continue;
		for (unsigned i = 0; i < p->runs; i++) {
			const char *value = json_member(p->run[i].top, keys[k]);

			if (value)
				append_label(&p->run[i], xasprintf("%.40s", value));
		}
	}
	if (!labels_differ(p))
		for (unsigned i = 0; i < p->runs; i++)
			append_label(&p->run[i], xasprintf("(%u)", i + 1));
}

/* Reads the runs in the directories that are in @dir, which is called @path. */
static int load_below(struct report_page *p, int dir, const char *path, struct err *e)
{
	const unsigned before = p->runs;
	auto_free struct dirent **list = NULL;
	const int count = scandirat(dir, ".", &list, NULL, versionsort);
	int ret = count < 0 ? err_errno(e, path) : 0;

	for (int i = 0; i < count; i++) {
		const char *name = list[i]->d_name;
		const int sub = ret || !path_is_below(name)
					? -1
					: openat(dir, name,
						 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (sub >= 0 && has_result(sub)) {
			if (p->runs - before == RUNS_MAX) {
				err_set(e, "%s: more than %d runs", path, RUNS_MAX);
				close(sub);
				ret = -1;
			} else {
				ret = load_run(p, sub, xasprintf("%s/%s", path, name), e);
			}
		} else if (sub >= 0) {
			close(sub);
		}
		free(list[i]);
	}
	if (!ret && p->runs == before)
		return err_set(e, "%s: no results of a run (no result.json)", path);
	return ret;
}

static int load_named(struct report_page *p, const char *path, struct err *e)
{
	const int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (dir < 0)
		return err_errno(e, path);
	if (has_result(dir))
		return load_run(p, dir, xstrdup(path), e);
	ret = load_below(p, dir, path, e);
	close(dir);
	return ret;
}

int report_html_load(struct report_page *p, char *const *dirs, unsigned count, struct err *e)
{
	*p = (struct report_page){.budget = BUDGET};
	for (unsigned i = 0; i < count; i++)
		if (load_named(p, dirs[i], e))
			return -1;
	for (unsigned i = 0; i < p->runs; i++)
		add_results(p, i);
	make_labels(p);
	return 0;
}

void report_html_free(struct report_page *p)
{
	for (unsigned i = 0; i < p->results; i++) {
		free(p->result[i].row);
		free(p->result[i].column);
	}
	for (unsigned i = 0; i < p->runs; i++) {
		if (p->run[i].dir >= 0)
			close(p->run[i].dir);
		json_decref(p->run[i].top);
		free(p->run[i].path);
		free(p->run[i].label);
	}
	free(p->result);
	free(p->run);
	buf_free(&p->wrong);
}
