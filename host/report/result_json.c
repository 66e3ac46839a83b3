// SPDX-License-Identifier: BSD-2-Clause
// result.json, for programs. Times are milliseconds, addresses hexadecimal strings.
#include "host/report/result_json.h"
#include "host/base/json.h"
#include "host/report/run_dir.h"
#include "host/report/schemas.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <midflight_version.h>

static json_t *ms(int64_t ns)
{
	return json_real((double)(ns / NS_PER_US) / 1000);
}

json_t *report_json_begin(void)
{
	return json_got(json_array());
}

/* @value, null for what QEMU did not say. */
static json_t *told(const struct hop_record *hop, int64_t value)
{
	return move_told(&hop->move) && value >= 0 ? json_integer(value) : json_null();
}

static json_t *told_ms(const struct hop_record *hop, int64_t value)
{
	return move_told(&hop->move) && value >= 0 ? ms(value) : json_null();
}

/* The names of KVM's own pages of vmcs12 among those that the new VM asked for, each once. */
static json_t *vmcs12_pages(const struct hop_record *hop)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < hop->fetches; i++) {
		const char *name = hop->fetch[i].name;
		unsigned n = 0;

		while (n < i && strcmp(hop->fetch[n].name, name))
			n++;
		if (n == i && page_name_is_vmcs12(name))
			json_append(list, json_text(name));
	}
	return list;
}

/* "DIR/STEM-NUMBER.json", null unless @there. */
static json_t *hop_file(bool there, const char *dir, const char *stem, unsigned number)
{
	char *path = xasprintf("%s/%s-%u.json", dir, stem, number);
	json_t *text = there ? json_text(path) : json_null();

	free(path);
	return text;
}

static json_t *hop_json(const struct report_entry *entry, unsigned number)
{
	const struct hop_record *hop = &entry->result->hop[number - 1];
	const bool paged = hop->fetch && entry->config->driver == &kvm_driver;
	json_t *o = json_object();

	json_set(o, "hop", json_integer(number));
	json_set(o, "missed", json_integer(hop->missed));
	json_set(o, "l2_active", json_boolean(saved_l2_active(&hop->state)));
	json_set(o, "kvm_guest_mode",
		 hop->kvm_says < 0 ? json_null() : json_boolean(hop->kvm_says));
	json_set(o, "nested_flags", json_integer(hop->state.flags));
	json_set(o, "mp_state", json_integer(hop->state.mp_state));
	json_set(o, "vmxon_pa", json_hex(hop->state.vmxon_pa));
	json_set(o, "vmcs12_pa", json_hex(hop->state.vmcs12_pa));
	json_set(o, "bytes", json_integer((json_int_t)hop->bytes));
	json_set(o, "stop_ms", ms(hop->stop_ns));
	json_set(o, "save_ms", ms(hop->save_ns));
	json_set(o, "restore_ms", ms(hop->restore_ns));
	json_set(o, "cont_ms", ms(hop->cont_ns));
	json_set(o, "method", json_text(method_name(hop->method)));
	json_set(o, "downtime_ms", told_ms(hop, hop->move.downtime_ns));
	json_set(o, "total_ms", told_ms(hop, hop->move.total_ns));
	json_set(o, "move_bytes", told(hop, hop->move.bytes));
	json_set(o, "rounds", told(hop, hop->move.rounds));
	json_set(o, "page_requests", told(hop, hop->move.page_requests));
	json_set(o, "vmcs12_pages", vmcs12_pages(hop));
	json_set(o, "timeline", hop_file(hop->timeline, entry->name, "timeline", number));
	json_set(o, "pages", hop_file(paged, entry->name, "pages", number));
	return o;
}

static json_t *fails_json(const struct guest_log *log)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < log->kept; i++)
		json_append(list,
			    json_pack("{s:o, s:o, s:o}", "hop", json_integer(log->fail[i].hop),
				      *log->fail[i].scenario ? "check" : "error",
				      json_text(log->fail[i].check), "evidence",
				      json_text(log->fail[i].evidence)));
	return list;
}

static json_t *oracles_json(const struct oracle_report *oracle)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < oracle->findings; i++)
		json_append(list, json_pack("{s:o, s:o, s:o}", "oracle",
					    json_text(oracle->finding[i].oracle), "field",
					    json_text(oracle->finding[i].field), "text",
					    json_text(oracle->finding[i].text)));
	return list;
}

json_t *report_json_result(struct report *report, const struct report_entry *entry,
			   const struct report_line *line)
{
	const struct flight_result *r = entry->result;
	const struct scenario *scenario = entry->config->scenario;
	json_t *o = json_object(), *findings = json_array(), *hops = json_array();
	struct buf repro = {0};

	for (unsigned i = 0; i < r->verdict.findings; i++)
		json_append(findings, json_text(r->verdict.finding[i]));
	for (unsigned i = 0; r->hop && i < entry->config->hops; i++)
		if (r->hop[i].taken)
			json_append(hops, hop_json(entry, i + 1));
	options_repro(report->options, scenario, entry->config->method, &repro);
	json_set(o, "name", json_text(entry->name));
	json_set(o, "scenario", json_text(scenario->name));
	json_set(o, "title", json_text(scenario->title));
	json_set(o, "method", json_text(method_name(entry->config->method)));
	json_set(o, "control", json_boolean(entry->config->control));
	json_set(o, "word", json_text(word_name(r->verdict.word)));
	json_set(o, "known", json_text(entry->known ? entry->known->id : NULL));
	json_set(o, "known_text", json_text(entry->known ? entry->known->text : NULL));
	json_set(o, "reason", json_text(line->word == WORD_SKIP ? line->notes : NULL));
	json_set(o, "refused", json_text(*r->refused ? r->refused : NULL));
	json_set(o, "repro", json_text(buf_text(&repro)));
	json_set(o, "dir", json_text(report->dir && r->hop ? entry->name : NULL));
	json_set(o, "replay", json_null()); /* until they are written */
	json_set(o, "failure", json_null());
	json_set(o, "notes", json_text(line->notes));
	json_set(o, "diagnostics", json_text(line->diagnostics));
	json_set(o, "findings", findings);
	json_set(o, "fails", fails_json(&r->log));
	json_set(o, "oracles_run", json_integer(r->oracles_run));
	json_set(o, "oracles", oracles_json(&r->oracle));
	json_set(o, "fail_events", json_integer(r->log.fails));
	json_set(o, "error_events", json_integer(r->log.errors));
	json_set(o, "failed_hops", json_integer(failed_hops(&r->log)));
	json_set(o, "guest", json_text(r->log.version_text));
	json_set(o, "hops_done", json_integer(r->log.hops_done));
	json_set(o, "snapshots", json_integer(r->taken));
	json_set(o, "l2_active", json_integer(r->l2_active));
	json_set(o, "missed", json_integer(r->missed));
	json_set(o, "nudged", json_integer(r->log.nudged));
	json_set(o, "lost", json_integer(r->log.lost));
	json_set(o, "trace", json_hex(r->trace));
	json_set(o, "ms", ms(r->duration_ns));
	json_set(o, "hops", hops);
	json_set(o, "vmm_stderr", json_text(buf_text(&r->messages)));
	json_append(report->json, o);
	buf_free(&repro);
	return o;
}

void report_json_counts(json_t *top, struct report *r)
{
	json_set(top, "results", r->json);
	json_set(top, "summary",
		 json_pack("{s:i, s:i, s:i, s:i, s:i}", "passed", r->passed, "failed", r->failed,
			   "errors", r->errors, "known", r->known, "skipped", r->skipped));
	json_set(top, "interrupted", json_boolean(r->interrupted || r->results < r->lines));
	json_set(top, "exit_status", json_integer(report_status(r)));
	r->json = NULL;
}

json_t *report_json_shard(const struct shard *shard)
{
	return shard->n ? json_got(json_pack("{s:i, s:i}", "k", shard->k, "n", shard->n))
			: json_null();
}

/* All but what follows from the results. */
static json_t *head(const struct report *r)
{
	const struct options *opt = r->options;
	json_t *top = json_got(json_object());

	json_set(top, "schema", json_text(RESULT_SCHEMA));
	json_set(top, "version", json_integer(RESULT_VERSION));
	json_set(top, "midflight", json_text(MIDFLIGHT_VERSION));
	json_set(top, "started", json_text(r->started));
	json_set(top, "kernel", json_text(known_kernel()));
	json_set(top, "environment", json_incref(r->environment));
	json_set(top, "driver", json_text(opt->driver));
	json_set(top, "accel", json_text(opt->accel));
	json_set(top, "machine", json_text(opt->machine));
	json_set(top, "irqchip", json_text(opt->irqchip));
	json_set(top, "cpu", json_text(opt->cpu));
	json_set(top, "without", json_text(opt->without));
	json_set(top, "scenario", json_text(opt->scenario_text));
	json_set(top, "method", json_text(opt->method_text));
	json_set(top, "order", json_text(opt->order));
	json_set(top, "pages", json_text(opt->pages));
	json_set(top, "freeze", json_text(opt->freeze_text));
	json_set(top, "hops", json_integer(opt->hops));
	json_set(top, "seed", json_integer((json_int_t)opt->seed));
	json_set(top, "break", json_text(opt->breakage));
	json_set(top, "strict", json_boolean(opt->strict));
	json_set(top, "shard", report_json_shard(&opt->shard));
	json_set(top, "planned", json_integer(r->planned));
	return top;
}

json_t *report_json_end(struct report *r)
{
	json_t *top = head(r);

	report_json_counts(top, r);
	return top;
}

int report_json_keep(struct report *r, const char *dir, size_t number, struct err *e)
{
	json_t *list = r->json, *top = head(r);
	char *journal = xasprintf("%s/" JOURNAL, dir);
	char *path = xasprintf("%s/%zu.json", journal, number);
	int ret;

	r->json = json_got(json_array());
	if (number)
		json_append(r->json, json_incref(json_array_get(list, number - 1)));
	report_json_counts(top, r);
	r->json = list;
	ret = make_dirs(journal, e);
	if (!ret)
		ret = json_write(top, path, e);
	free(journal);
	json_decref(top);
	free(path);
	return ret;
}

/* Afterwards the journal has nothing more to say. */
static void forget_journal(const char *dir)
{
	char *journal = xasprintf("%s/" JOURNAL, dir);
	bool more = true;

	for (size_t n = 0; more; n++) {
		char *path = xasprintf("%s/%zu.json", journal, n);

		more = !unlink(path);
		free(path);
	}
	rmdir(journal);
	free(journal);
}

int report_json_write(const json_t *top, const char *dir, struct err *e)
{
	char *path = xasprintf("%s/result.json", dir), *new = xasprintf("%s.new", path);
	int ret = json_write(top, new, e);

	if (!ret && rename(new, path))
		ret = err_errno(e, path);
	if (ret)
		unlink(new);
	else
		ret = run_dir_index(dir, top, e);
	if (!ret)
		forget_journal(dir);
	free(new);
	free(path);
	return ret;
}

int report_json_copies(const struct options *o, const json_t *top, struct err *e)
{
	struct buf xml = {0};
	int ret = o->json ? json_write(top, o->json, e) : 0;

	if (!ret && o->junit) {
		report_junit(top, &xml);
		ret = write_path(o->junit, xml.p, xml.len, e);
		buf_free(&xml);
	}
	return ret;
}
