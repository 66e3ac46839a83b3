// SPDX-License-Identifier: BSD-2-Clause
// result.json, for programs. Times are milliseconds, addresses hexadecimal strings.
#include "host/report/result_json.h"
#include "host/base/json.h"
#include "host/guest/guest.h"
#include "host/report/run_dir.h"
#include "host/report/schemas.h"
#include "host/base/cleanup.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <midflight_version.h>

static json_t *ms(int64_t ns)
{
	return json_real((double)(ns / NS_PER_US) / 1000);
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

/* In which states a foreign guest was met; of L1 the proof says it. */
static json_t *states_met(const struct report_entry *entry, const struct hop_record *hop)
{
	json_t *list = json_array();
	const char *name;

	for (unsigned i = 0; entry->config->scenario->guest && (name = guest_state_name(i)); i++)
		if (hop->states & 1u << i)
			json_append(list, json_text(name));
	return list;
}

/* "DIR/STEM-NUMBER.json", null unless @there. */
static json_t *hop_file(bool there, const char *dir, const char *stem, unsigned number)
{
	auto_free char *path = there ? xasprintf("%s/%s-%u.json", dir, stem, number) : NULL;

	return json_text(path);
}

static json_t *hop_json(const struct report_entry *entry, unsigned number)
{
	const struct hop_record *hop = &entry->result->hop[number - 1];
	const bool paged = hop->fetch && entry->config->driver == &kvm_driver;
	json_t *o = json_object();

#define HOP(key, types, value) json_set(o, key, value);
#include "host/report/result_members.def"
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
	auto_buf struct buf repro = {0};

	for (unsigned i = 0; i < r->verdict.findings; i++)
		json_append(findings, json_text(r->verdict.finding[i]));
	for (unsigned i = 0; r->hop && i < entry->config->hops; i++)
		if (r->hop[i].taken)
			json_append(hops, hop_json(entry, i + 1));
	options_repro(report->options, scenario, entry->config->method, report_order(entry),
		      &repro);
#define RESULT(key, types, value) json_set(o, key, value);
#include "host/report/result_members.def"
	json_append(report->json, o);
	return o;
}

void report_json_counts(json_t *top, struct report *r)
{
#define COUNTED(key, types, value) json_set(top, key, value);
#include "host/report/result_members.def"
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

#define TOP(key, types, value) json_set(top, key, value);
#include "host/report/result_members.def"
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
	json_t *list = r->json;
	json_auto_t *top = head(r);
	auto_free char *journal = xasprintf("%s/" JOURNAL, dir);
	auto_free char *path = xasprintf("%s/%zu.json", journal, number);

	r->json = json_got(json_array());
	if (number)
		json_append(r->json, json_incref(json_array_get(list, number - 1)));
	report_json_counts(top, r);
	r->json = list;
	return make_dirs(journal, e) ? -1 : json_write(top, path, e);
}

/* Afterwards the journal has nothing more to say. */
static void forget_journal(const char *dir)
{
	auto_free char *journal = xasprintf("%s/" JOURNAL, dir);
	bool more = true;

	for (size_t n = 0; more; n++) {
		auto_free char *path = xasprintf("%s/%zu.json", journal, n);

		more = !unlink(path);
	}
	rmdir(journal);
}

int report_json_write(const json_t *top, const char *dir, struct err *e)
{
	auto_free char *path = xasprintf("%s/result.json", dir);
	auto_free char *new = xasprintf("%s.new", path);
	int ret = json_write(top, new, e);

	if (!ret && rename(new, path))
		ret = err_errno(e, path);
	if (ret)
		unlink(new);
	else
		ret = run_dir_index(dir, top, e);
	if (!ret)
		forget_journal(dir);
	return ret;
}

int report_json_copies(const struct options *o, const json_t *top, struct err *e)
{
	auto_buf struct buf xml = {0};

	if (o->json && json_write(top, o->json, e))
		return -1;
	if (!o->junit)
		return 0;
	report_junit(top, &xml);
	return write_path(o->junit, xml.p, xml.len, e);
}
