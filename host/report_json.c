// SPDX-License-Identifier: BSD-2-Clause
// result.json, for programs. Times are milliseconds, addresses hexadecimal strings.
#include "host/report_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The guest's text need not be UTF-8, which JSON wants. */
static json_t *text(const char *s)
{
	json_t *string;
	char *copy;

	if (!s)
		return json_null();
	string = json_string(s);
	if (string)
		return string;
	copy = xstrdup(s);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	string = json_string(copy);
	free(copy);
	return string;
}

static json_t *ms(int64_t ns)
{
	return json_real((double)(ns / NS_PER_US) / 1000);
}

static json_t *hex(uint64_t value)
{
	char s[24];

	snprintf(s, sizeof(s), "0x%" PRIx64, value);
	return json_string(s);
}

/* Sets a member; a failed allocation ends the runner like any other. */
static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value)) {
		fputs("midflight: cannot build result.json\n", stderr);
		exit(2);
	}
}

void *report_json_begin(void)
{
	json_t *list = json_array();

	if (!list)
		exit(2);
	return list;
}

static json_t *hop_json(unsigned number, const struct hop_record *hop)
{
	json_t *o = json_object();

	set(o, "hop", json_integer(number));
	set(o, "missed", json_integer(hop->missed));
	set(o, "l2_active", json_boolean(saved_l2_active(&hop->state)));
	set(o, "kvm_guest_mode", hop->kvm_says < 0 ? json_null() : json_boolean(hop->kvm_says));
	set(o, "nested_flags", json_integer(hop->state.flags));
	set(o, "mp_state", json_integer(hop->state.mp_state));
	set(o, "vmxon_pa", hex(hop->state.vmxon_pa));
	set(o, "vmcs12_pa", hex(hop->state.vmcs12_pa));
	set(o, "bytes", json_integer((json_int_t)hop->bytes));
	set(o, "stop_ms", ms(hop->stop_ns));
	set(o, "save_ms", ms(hop->save_ns));
	set(o, "restore_ms", ms(hop->restore_ns));
	set(o, "cont_ms", ms(hop->cont_ns));
	return o;
}

static json_t *fails_json(const struct guest_log *log)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < log->kept; i++) {
		json_t *o = json_object();

		set(o, "hop", json_integer(log->fail[i].hop));
		set(o, *log->fail[i].scenario ? "check" : "error", text(log->fail[i].check));
		set(o, "evidence", text(log->fail[i].evidence));
		json_array_append_new(list, o);
	}
	return list;
}

void report_json_result(void *list, const struct report_entry *entry)
{
	const struct flight_result *r = entry->result;
	json_t *o = json_object(), *findings = json_array(), *hops = json_array();

	for (unsigned i = 0; i < r->verdict.findings; i++)
		json_array_append_new(findings, text(r->verdict.finding[i]));
	for (unsigned i = 0; r->hop && i < entry->config->hops; i++)
		if (r->hop[i].taken)
			json_array_append_new(hops, hop_json(i + 1, &r->hop[i]));
	set(o, "name", text(entry->name));
	set(o, "scenario", text(entry->config->scenario->name));
	set(o, "control", json_boolean(entry->config->control));
	set(o, "word", text(word_name(r->verdict.word)));
	set(o, "known", text(entry->known ? entry->known->id : NULL));
	set(o, "findings", findings);
	set(o, "fails", fails_json(&r->log));
	set(o, "fail_events", json_integer(r->log.fails));
	set(o, "error_events", json_integer(r->log.errors));
	set(o, "failed_hops", json_integer(failed_hops(&r->log)));
	set(o, "guest", text(r->log.version_text));
	set(o, "hops_done", json_integer(r->log.hops_done));
	set(o, "snapshots", json_integer(r->taken));
	set(o, "l2_active", json_integer(r->l2_active));
	set(o, "missed", json_integer(r->missed));
	set(o, "nudged", json_integer(r->log.nudged));
	set(o, "lost", json_integer(r->log.lost));
	set(o, "ms", ms(r->duration_ns));
	set(o, "hops", hops);
	set(o, "vmm_stderr", text(buf_text(&r->messages)));
	json_array_append_new(list, o);
}

int report_json_end(struct report *r, const char *dir, struct err *e)
{
	const struct options *opt = r->options;
	json_t *top = json_object(), *summary = json_object();
	char *dump;
	int ret;

	set(summary, "passed", json_integer(r->passed));
	set(summary, "failed", json_integer(r->failed));
	set(summary, "errors", json_integer(r->errors));
	set(summary, "known", json_integer(r->known));
	set(summary, "skipped", json_integer(r->skipped));
	set(top, "schema", text("midflight-result"));
	set(top, "version", json_integer(1));
	set(top, "midflight", text(MIDFLIGHT_VERSION));
	set(top, "driver", text(opt->driver));
	set(top, "accel", text(opt->accel));
	set(top, "machine", text(opt->machine));
	set(top, "cpu", text(opt->cpu));
	set(top, "hops", json_integer(opt->hops));
	set(top, "seed", json_integer((json_int_t)opt->seed));
	set(top, "break", text(opt->breakage));
	set(top, "results", r->json);
	set(top, "summary", summary);
	set(top, "interrupted", json_boolean(r->interrupted));
	set(top, "exit_status", json_integer(report_status(r)));
	dump = json_dumps(top, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	json_decref(top);
	r->json = NULL;
	if (!dump) {
		err_set(e, "cannot build result.json");
		return -1;
	}
	ret = write_file(dir, "result.json", dump, strlen(dump), 0666, e);
	free(dump);
	return ret;
}
