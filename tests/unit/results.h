/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects of result.json for tests: good ones, with all that the writer makes sure of. */
#ifndef TESTS_UNIT_RESULTS_H
#define TESTS_UNIT_RESULTS_H

#include "host/report/schemas.h"
#include "tests/unit/unit.h"

#include "host/base/json.h"
#include "host/report/result_json.h"

#define RESULTS_KNOWN_ID "halted-posted-interrupt-lost"

/* Gives @r the @word and what bears it out, of two hops; @known: a known bug's id, or NULL. */
static inline void results_set_word(json_t *r, const char *word, const char *known)
{
	const bool fine = !strcmp(word, "PASS") || !strcmp(word, "SKIP"), skip = *word == 'S';
	const bool error = !strcmp(word, "ERROR");
	const char *notes = skip ? "no VMX" : "2 hops";
	json_t *fails = json_array();

	if (!fine)
		json_append(fails, json_pack("{s:i, s:s, s:s}", "hop", 1, error ? "error" : "check",
					     "lost wake-up", "evidence", "vector=0x71"));
	json_set(r, "word", json_string(word));
	json_set(r, "known", json_text(known));
	json_set(r, "known_text",
		 json_text(known ? known_find(known) ? known_find(known)->text : "?" : NULL));
	json_set(r, "notes", json_string(notes));
	json_set(r, "reason", json_text(skip ? notes : NULL));
	json_set(r, "fails", fails);
	json_set(r, "fail_events", json_integer(!fine && !error));
	json_set(r, "error_events", json_integer(error));
	json_set(r, "failed_hops", json_integer(!fine && !error));
}

/* A result called @scenario@suffix; ".control" makes it one. */
static inline json_t *results_result(const char *scenario, const char *suffix, const char *method,
				     const char *word, const char *known)
{
	static const char *const texts[] = {"title", "repro", "diagnostics", "vmm_stderr"};
	static const char *const nulls[] = {"refused", "dir", "replay", "failure", "guest"};
	static const char *const counts[] = {"oracles_run", "missed", "nudged", "lost"};
	static const char *const lists[] = {"findings", "oracles", "hops"};
	const bool control = !strcmp(suffix, ".control");
	char *name = xasprintf("%s%s", scenario, suffix);
	json_t *r = json_got(json_object());

	json_set(r, "name", json_string(name));
	json_set(r, "scenario", json_string(scenario));
	json_set(r, "method", json_string(method));
	json_set(r, "control", json_boolean(control));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_set(r, texts[i], json_string(""));
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
		json_set(r, nulls[i], json_null());
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		json_set(r, counts[i], json_integer(0));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_set(r, lists[i], json_array());
	json_set(r, "hops_done", json_integer(2));
	json_set(r, "snapshots", json_integer(control ? 0 : 2));
	json_set(r, "l2_active", json_integer(control ? 0 : 2));
	json_set(r, "trace", json_string("0x1"));
	json_set(r, "ms", json_real(1.5));
	results_set_word(r, word, known);
	free(name);
	return r;
}

/* One of @r's hops, number @number, with its files in directory @name, NULL: none. */
static inline json_t *results_hop(int number, const char *name)
{
	static const char *const nulls[] = {"kvm_guest_mode", "downtime_ms", "total_ms",
					    "move_bytes",     "rounds",	     "page_requests"};
	static const char *const reals[] = {"stop_ms", "save_ms", "restore_ms", "cont_ms"};
	static const char *const counts[] = {"missed", "nested_flags", "mp_state", "bytes"};
	char *timeline = xasprintf("%s/timeline-%d.json", name ? name : "", number);
	char *pages = xasprintf("%s/pages-%d.json", name ? name : "", number);
	json_t *h = json_got(json_object());

	json_set(h, "hop", json_integer(number));
	json_set(h, "l2_active", json_true());
	json_set(h, "vmxon_pa", json_string("0x1000"));
	json_set(h, "vmcs12_pa", json_string("0x2000"));
	json_set(h, "method", json_string("file"));
	json_set(h, "vmcs12_pages", json_array());
	json_set(h, "timeline", json_text(name ? timeline : NULL));
	json_set(h, "pages", json_text(name ? pages : NULL));
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
		json_set(h, nulls[i], json_null());
	for (size_t i = 0; i < ARRAY_SIZE(reals); i++)
		json_set(h, reals[i], json_real(1.0));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		json_set(h, counts[i], json_integer(0));
	free(timeline);
	free(pages);
	return h;
}

/* Makes summary and status of @top what its results come to. */
static inline void results_count(json_t *top)
{
	const struct options o = {.strict = json_member_true(top, "strict")};
	struct report r;

	report_init(&r, &o, stdout, NULL, 0);
	report_json_count(json_object_get(top, "results"), &r);
	r.interrupted = json_member_true(top, "interrupted");
	r.json = json_incref(json_object_get(top, "results"));
	report_json_counts(top, &r);
	report_free(&r);
}

/* A run of @method (--method; NULL: none named) on @kernel, with @planned results, none of them
 * yet. */
static inline json_t *results_top(const char *kernel, const char *method, int planned)
{
	json_t *t = json_got(json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:s, s:s, s:s, s:i, s:i,"
		" s:n, s:b, s:n, s:i, s:s, s:[], s:b, s:{s:s, s:s, s:s, s:s, s:s, s:{}, s:{},"
		" s:{}, s:n, s:s}}",
		"schema", RESULT_SCHEMA, "version", RESULT_VERSION, "midflight", "x", "kernel",
		kernel, "driver", "qemu", "accel", "kvm", "machine", "pc", "irqchip", "cpu",
		"without", "scenario", "order", "qemu", "pages", "eager", "freeze", "now", "hops",
		2, "seed", 1, "break", "strict", 0, "shard", "planned", planned, "started",
		"2026-01-02T00:00:00Z", "results", "interrupted", 0, "environment", "kernel",
		kernel, "kernel_version", "#1 SMP", "distribution", "Debian", "cpu", "a CPU",
		"microcode", "0x1", "vmx", "kvm_parameters", "modules", "qemu", "midflight", "x"));

	json_set(t, "method", json_text(method));
	json_set(t, "to_tsc_khz", json_integer(0));
	json_set(t, "from", json_false());
	json_set(t, "save_order", json_null());
	json_set(t, "no_cap", json_null());
	json_set(t, "save_roam", json_false());
	json_set(t, "save_wait_ms", json_integer(0));
	json_set(t, "like", json_false());
	json_set(t, "patch", json_null());
	results_count(t);
	return t;
}

/* Adds @r, which is taken. */
static inline void results_add(json_t *top, json_t *r)
{
	json_append(json_object_get(top, "results"), r);
	results_count(top);
}

#endif
