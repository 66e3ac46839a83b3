// SPDX-License-Identifier: BSD-2-Clause
// The HTML report: what is escaped, which files are refused, what the pictures show.
#include "tests/unit/results.h"

#pragma push_macro("fail")
#undef fail
#include "host/commands/cmd.h"
#pragma pop_macro("fail")
#include "host/html/html_escape.h"
#include "host/base/json.h"
#include "host/html/html_page.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/midflight-unit-XXXXXX";
static struct err e = {0};
static struct buf html;
static struct report_page page;

static int reset(void **state)
{
	(void)state;
	buf_free(&html);
	e.text[0] = '\0';
	return 0;
}

/* ---- html.c ------------------------------------------------------------------------------- */

static void escaped(const char *text, const char *want)
{
	buf_free(&html);
	html_printf(&html, "%s", text);
	assert_string_equal(buf_text(&html), want);
}

static void escapes(void **state)
{
	(void)state;
	escaped("plain", "plain");
	escaped("", "");
	escaped("<a href='x' b=\"y\">&lt;", "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;lt;");
	escaped("a\nb\tc", "a\nb\tc");
	escaped("\x1b[31m\r\x7f", "\xef\xbf\xbd[31m\xef\xbf\xbd\xef\xbf\xbd");
	escaped("\xc2\x9b", "\xef\xbf\xbd");	     /* a control character of two bytes */
	escaped("x\xe2\x80\xaey", "x\xef\xbf\xbdy"); /* right to left from here on */
	escaped("\xc3\xa9 \xe2\x9c\x93 \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x9c\x93 \xf0\x9f\x98\x80");
	html_bytes(&html, "a\0b", 3);
	assert_contains(html.p, "\xf0\x9f\x98\x80"
				"a\xef\xbf\xbd"
				"b");
}

/* What is no UTF-8 is replaced byte by byte, and never swallows the markup behind it. */
static void not_utf8(void **state)
{
	(void)state;
	escaped("\xff<", "\xef\xbf\xbd&lt;");
	escaped("\xc3<", "\xef\xbf\xbd&lt;");
	escaped("\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd"); /* `<`, too long */
	escaped("\xe2\x9c", "\xef\xbf\xbd\xef\xbf\xbd");
	escaped("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
	escaped("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void clipped(void **state)
{
	(void)state;
	html_clipped(&html, "\xc3\xa9<<<", 2);
	assert_string_equal(html.p, "\xc3\xa9&lt;...");
	buf_free(&html);
	html_clipped(&html, "ab", 2);
	assert_string_equal(html.p, "ab");
	assert_int_equal(html_length("\xc3\xa9<\xff"), 3);
	buf_free(&html);
	html_printf(&html, "<td class=\"n\">%s %u</td><b>%.1s</b>%.*s", "<", 7, "xy", 1, "&<");
	assert_string_equal(html.p, "<td class=\"n\">&lt; 7</td><b>x...</b>&amp;");
}

/* ---- timelines ---------------------------------------------------------------------------- */

static json_t *event(double from, double to, const char *kind, const char *text)
{
	return json_got(json_pack("{s:f, s:f, s:s, s:s}", "from_us", from, "to_us", to, "kind",
				  kind, "text", text));
}

static json_t *lane(const char *name)
{
	return json_got(json_pack("{s:s, s:[]}", "name", name, "events"));
}

static void add(json_t *lane, json_t *event)
{
	json_append(json_object_get(lane, "events"), event);
}

/* A restore with two ioctls and a page that KVM_RUN waits for; L1 finds a failure much later. */
static json_t *timeline(void)
{
	json_t *runner = lane("runner"), *vcpu = lane("vCPU 0"), *pages = lane("pages"),
	       *guest = lane("L1/L2");

	add(runner, event(0, 900, "phase", "stop"));
	add(runner, event(1000, 2000, "phase", "restore"));
	add(vcpu, event(10, 20, "run", "KVM_RUN (interrupted)"));
	add(vcpu, event(1100, 1200, "ioctl", "KVM_SET_REGS"));
	add(vcpu, event(1300, 1900, "ioctl", "KVM_SET_NESTED_STATE"));
	add(vcpu, event(2100, 900000, "run", "KVM_RUN 1 (serial port)"));
	add(pages, event(2110, 3000, "page", "virtual-APIC page, in KVM_RUN 1, by f"));
	add(guest, event(890000, 890000, "guest", "fail check=lost wake-up"));
	return json_got(json_pack("{s:s, s:i, s:s, s:i, s:s, s:i, s:[o, o, o, o]}", "schema",
				  "midflight-timeline", "version", 1, "result", "halted", "hop", 3,
				  "driver", "kvm", "dropped", 0, "lanes", runner, vcpu, pages,
				  guest));
}

static unsigned times(const char *part)
{
	unsigned n = 0;

	for (const char *p = html.p; (p = strstr(p, part)); p++)
		n++;
	return n;
}

static void picture(void **state)
{
	json_t *t = timeline();

	(void)state;
	assert_int_equal(timeline_svg(t, "halted", 3, &html, &e), 0);
	assert_contains(html.p, "restore begins at <b>1.00 ms</b>");
	assert_contains(html.p, "KVM_SET_NESTED_STATE at <b>1.30 ms</b>");
	assert_contains(html.p, "KVM_RUN 1 at <b>2.10 ms</b>"); /* not that before the restore */
	assert_contains(html.p, "virtual-APIC page at <b>2.11 ms</b>");
	assert_contains(html.p, "fail check=lost wake-up</span> at <b>890 ms</b>");
	assert_contains(html.p, ">virtual-APIC page</text>"); /* label: the name alone */
	assert_contains(html.p, "by f: 2.11 to 3.00 ms (0.890 ms)</title>");
	assert_int_equal(times("<svg"), 6); /* from far, the restore, the failure; their lanes */
	assert_int_equal(times("role=\"img\""), 3);
	assert_int_equal(times(">vCPU 0</text>"), 3);
	assert_int_equal(times(">L1/L2</text>"), 2); /* L1 has nothing to say at the restore */
	assert_int_equal(times("<svg width=\"100%\""), 1);
	assert_int_equal(times(">restore begins</text>"), 1);
	assert_int_equal(times("<svg"), times("</svg>"));
	json_decref(t);
}

/* The names of two marks that are close do not lie over each other. */
static void close_marks(void **state)
{
	json_t *t = timeline();
	json_t *guest = json_array_get(json_object_get(t, "lanes"), 3);

	(void)state;
	json_array_clear(json_object_get(guest, "events"));
	add(guest, event(1000, 1000, "interrupt", "NMI"));
	add(guest, event(4000, 4000, "guest", "fail check=lost wake-up"));
	assert_int_equal(timeline_svg(t, "halted", 3, &html, &e), 0);
	assert_contains(html.p, "x=\"93.2\" y=\"11\" text-anchor=\"start\">restore begins");
	assert_contains(html.p, "x=\"203.2\" y=\"11\" text-anchor=\"start\">KVM_RUN 1");
	json_decref(t);
}

/* Events that would cover each other become one, with their number. */
static void crowded(void **state)
{
	json_t *t = timeline();
	json_t *pages = json_array_get(json_object_get(t, "lanes"), 2);

	(void)state;
	for (int i = 0; i < 100; i++)
		add(pages, event(2900 + i, 2900 + i + 0.5, "page", "EPT table"));
	assert_int_equal(timeline_svg(t, "halted", 3, &html, &e), 0);
	assert_contains(html.p, ">EPT table x100</text>");
	json_decref(t);
}

/* No limit is passed, however much there is: bars that find no row lie over others. */
static void overfull(void **state)
{
	json_t *t = timeline(), *vcpu = json_array_get(json_object_get(t, "lanes"), 1);

	(void)state;
	for (int i = 0; i < 300; i++) {
		char text[300];

		memset(text, 'w', sizeof(text));
		snprintf(text + 280, 20, "%d", i);
		add(vcpu, event(1000, 2000 + i, i & 1 ? "ioctl" : "qmp", text));
	}
	json_object_set_new(t, "dropped", json_integer(7));
	assert_int_equal(timeline_svg(t, "halted", 3, &html, &e), 0);
	assert_contains(html.p, "7 events are missing");
	json_decref(t);
}

static void without_events(void **state)
{
	json_t *t = timeline();

	(void)state;
	json_array_clear(json_object_get(t, "lanes"));
	assert_int_equal(timeline_svg(t, "halted", 3, &html, &e), 0);
	assert_contains(html.p, "has no events");
	json_decref(t);
}

static void refused(json_t *t, const char *why)
{
	buf_free(&html);
	assert_int_equal(timeline_svg(t, "halted", 3, &html, &e), -1);
	assert_int_equal(html.len, 0);
	assert_contains(e.text, why);
	json_decref(t);
}

/* timeline() with @key of event @number in lane 2 replaced. */
static json_t *with(size_t number, const char *key, json_t *value)
{
	json_t *t = timeline();
	json_t *vcpu = json_array_get(json_object_get(t, "lanes"), 1);

	json_set(json_array_get(json_object_get(vcpu, "events"), number), key, value);
	return t;
}

static json_t *with_top(const char *key, json_t *value)
{
	json_t *t = timeline();

	json_set(t, key, value);
	return t;
}

static void bad_timelines(void **state)
{
	json_t *lanes = json_array(), *full = timeline();

	(void)state;
	for (int i = 0; i < 2000; i++)
		add(json_array_get(json_object_get(full, "lanes"), 2), event(i, i, "page", "x"));
	refused(full, "lane 3 has no name, no events or too many");
	for (int i = 0; i < 17; i++)
		json_append(lanes, lane("x"));
	refused(json_array(), "no midflight-timeline");
	refused(with_top("schema", json_string("x")), "no midflight-timeline");
	refused(with_top("version", json_integer(2)), "no midflight-timeline");
	refused(with_top("result", json_string("running")), "not of this result");
	refused(with_top("hop", json_integer(4)), "not of this result");
	refused(with_top("lanes", json_integer(4)), "has no lanes");
	refused(with_top("lanes", lanes), "more than 16");
	refused(with_top("lanes", json_pack("[{s:s}]", "name", "x")), "lane 1 has no name");
	refused(with(1, "to_us", json_real(1)), "lane 2: event 2 goes from 1100 to 1 us");
	refused(with(1, "to_us", json_real(1e300)), "goes from 1100 to 1e+300");
	refused(with(1, "from_us", json_string("1")), "event 2 has no times");
	refused(with(1, "text", json_null()), "no text");
	refused(with(1, "kind", json_string("x")), "no kind that there is");
	refused(with(1, "kind", json_null()), "no kind that there is");
}

/* ---- pages -------------------------------------------------------------------------------- */

static json_t *fetch(const char *name, int order, int waited)
{
	return json_got(json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:n, s:b, s:b, s:o}",
				  "order", order, "phase", "KVM_RUN 1", "page", name, "kind",
				  "vmcs12", "gpa", "0x1000", "thread", "vcpu", "write", 1, "via",
				  "too_early", 0, "lost", waited < 0, "waited_us",
				  waited < 0 ? json_null() : json_integer(waited)));
}

static void page_table(void **state)
{
	json_t *p = json_pack("{s:[o, o, o, o], s:[{s:s}], s:s}", "fetches", fetch("<b>", 1, 5),
			      fetch("VMCS", 2, 7), fetch("VMCS", 3, 9), fetch("MSR bitmap", 4, -1),
			      "findings", "text", "too <early>", "answer", "this & that");

	(void)state;
	assert_int_equal(report_html_pages(p, &html, &e), 0);
	assert_contains(html.p, "this &amp; that");
	assert_contains(html.p, "too &lt;early&gt;");
	assert_contains(html.p, "&lt;b&gt;</td>");
	assert_contains(html.p, "VMCS &times;2</td>");
	assert_contains(html.p, ">9</td>"); /* the longest wait of the two */
	assert_contains(html.p, ">never</td>");
	json_set(json_array_get(json_object_get(p, "fetches"), 2), "gpa", json_integer(1));
	buf_free(&html);
	assert_int_equal(report_html_pages(p, &html, &e), -1);
	assert_contains(e.text, "no good 'gpa'");
	assert_int_equal(html.len, 0);
	json_object_del(p, "answer");
	assert_int_equal(report_html_pages(p, &html, &e), -1);
	json_decref(p);
}

/* ---- result.json -------------------------------------------------------------------------- */

/* A result called @name, which is by method file, or a control. */
static json_t *result(const char *name, const char *word, const char *known)
{
	char *scenario = xasprintf("%.*s", (int)strcspn(name, "."), name);
	json_t *r = results_result(scenario, name + strlen(scenario), "file", word, known);

	free(scenario);
	return r;
}

static json_t *results(const json_t *top)
{
	return json_object_get(top, "results");
}

static json_t *run_json(const char *kernel)
{
	json_t *top = results_top(kernel, "file", 6);

	json_set(top, "driver", json_string("kvm"));
	results_add(top, result("halted.control", "PASS", NULL));
	results_add(top, result("halted.file", "FAIL", RESULTS_KNOWN_ID));
	results_add(top, result("posted.control", "PASS", NULL));
	results_add(top, result("posted.paused.file", "HANG", NULL));
	return top;
}

/* Writes @top as DIR/@name/result.json and drops it. The caller frees the directory's path. */
static char *write_run(const char *name, json_t *top)
{
	char *path = xasprintf("%s/%s", dir, name), *file = xasprintf("%s/result.json", path);

	if (make_dirs(path, &e) || json_dump_file(top, file, 0))
		fail_msg("cannot write %s", file);
	json_decref(top);
	free(file);
	return path;
}

static int load(char *const *paths, unsigned count)
{
	const int ret = report_html_load(&page, paths, count, &e);

	buf_free(&html);
	if (!ret)
		report_html(&page, &html);
	report_html_free(&page);
	return ret;
}

static void two_runs(void **state)
{
	char *paths[] = {write_run("a", run_json("6.12.0-50-amd64")),
			 write_run("b", run_json("6.12.1+deb13"))};

	(void)state;
	assert_int_equal(load(paths, 2), 0);
	assert_contains(html.p, "2 of 8 results failed");
	assert_contains(html.p, ">6.12.0</th>");
	assert_contains(html.p, ">6.12.1</th>");
	assert_contains(html.p, ">posted.paused</th>"); /* a posting belongs to the scenario */
	assert_contains(html.p, "<a href=\"#r1-3\" title=\"posted.paused.file, 6.12.1: HANG");
	assert_contains(html.p, "id=\"r1-3\"");
	assert_contains(html.p, "known-failures.md#" RESULTS_KNOWN_ID);
	free(paths[0]);
	free(paths[1]);
}

/* Runs on one kernel are told apart by what else is unlike. */
static void labels(void **state)
{
	json_t *other = run_json("6.12.0-50-amd64");
	char *paths[3] = {write_run("a", run_json("6.12.0-50-amd64"))};

	(void)state;
	json_set(other, "order", json_string("nested-last"));
	paths[1] = write_run("b", other);
	assert_int_equal(load(paths, 2), 0);
	assert_contains(html.p, ">6.12.0 nested-last</th>");
	paths[2] = paths[1];
	assert_int_equal(load(paths, 3), 0);
	assert_contains(html.p, ">6.12.0 nested-last (3)<br>b</th>");
	free(paths[0]);
	free(paths[1]);
}

/* A directory of runs is as good as naming them, in the order of their versions. */
static void run_of_kernels(void **state)
{
	char *path = xasprintf("%s/kernels", dir), *other = xasprintf("%s/kernels/linked", dir);
	char *outside = write_run("outside", run_json("7.7"));
	struct options o = {.files = &path, .file_count = 1};

	(void)state;
	free(write_run("kernels/6.12", run_json("6.12.1+deb13")));
	free(write_run("kernels/6.1", run_json("6.12.0-50-amd64")));
	assert_int_equal(symlink(outside, other), 0);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(load(&path, 1), 0);
		assert_contains(html.p, "2 of 8 results failed");
		assert_contains(html.p, ", 2 runs. Each cell");
		assert_contains(html.p, "/kernels/6.1</td>");
		assert_true(strstr(html.p, ">6.12.0</th>") < strstr(html.p, ">6.12.1</th>"));
		assert_null(strstr(html.p, "7.7"));
		assert_int_equal(cmd_report(&o), 0); /* its page lies beside the runs */
	}
	free(outside);
	free(other);
	free(path);
	path = xasprintf("%s/none", dir);
	assert_int_equal(make_dirs(path, &e), 0);
	assert_int_equal(load(&path, 1), -1);
	assert_contains(e.text, "/none: no results of a run (no result.json)");
	free(path);
}

static void too_many_runs(void **state)
{
	char *path = xasprintf("%s/heap", dir);

	(void)state;
	for (int i = 0; i < 65; i++) {
		char name[20];

		snprintf(name, sizeof(name), "heap/%d", i);
		free(write_run(name, run_json("6.12")));
	}
	assert_int_equal(load(&path, 1), -1);
	assert_contains(e.text, "/heap: more than 64 runs");
	free(path);
}

static void refused_run(json_t *top, const char *why)
{
	char *path = write_run("bad", top);

	e.text[0] = '\0';
	assert_int_equal(load(&path, 1), -1);
	assert_contains(e.text, path);
	assert_contains(e.text, why);
	free(path);
}

/* run_json() with @key of result @number, or of itself (-1), replaced. */
static json_t *changed(int number, const char *key, json_t *value)
{
	json_t *top = run_json("6.12");

	json_set(number < 0 ? top : json_array_get(results(top), (size_t)number), key, value);
	return top;
}

static json_t *counted(json_t *top)
{
	results_count(top);
	return top;
}

static void bad_runs(void **state)
{
	char *nowhere = xasprintf("%s/nowhere", dir);

	(void)state;
	assert_int_equal(load(&nowhere, 1), -1);
	assert_contains(e.text, "nowhere: No such file");
	free(nowhere);
	refused_run(json_array(), "no midflight-result of version 2");
	refused_run(changed(-1, "version", json_integer(1)), "no midflight-result of version 2");
	refused_run(changed(-1, "kernel", json_integer(1)), "it has no good 'kernel'");
	refused_run(counted(changed(-1, "results", json_array())), "it has no results");
	refused_run(changed(-1, "summary", json_null()), "it has no good 'summary'");
	refused_run(changed(-1, "environment", json_pack("{s:i}", "cpu", 1)),
		    "the environment has no good 'kernel'");
	refused_run(changed(-1, "exit_status", json_integer(0)),
		    "its summary is not what its results come to");
	refused_run(changed(0, "word", json_string("FINE")),
		    "result 1, halted.control, has a 'word' that there is not");
	refused_run(changed(0, "scenario", json_string("running")), "result 1 is not called");
	refused_run(changed(1, "name", json_string("halted.control")), "result 2 is not called");
	refused_run(changed(1, "findings", json_pack("[i]", 1)), "has a damaged 'findings'");
	refused_run(changed(1, "fails", json_pack("[{s:i}]", "check", 1)), "damaged 'fails'");
	refused_run(changed(1, "hops", json_pack("[{s:i}]", "hop", 0)), "a damaged hop");
}

/* Fit to be shown, and what is wrong is said. */
static void odd_runs(void **state)
{
	char *path = write_run("odd", changed(-1, "interrupted", json_true()));

	(void)state;
	assert_int_equal(load(&path, 1), 0);
	assert_contains(html.p, "was interrupted: results are missing");
	assert_null(strstr(html.p, "✓ All that ran"));
	free(path);
}

/* @top, which is dropped, has this headline. */
static void headline(json_t *top, const char *want)
{
	char *path = write_run("headline", top);

	assert_int_equal(load(&path, 1), 0);
	assert_contains(html.p, "<p class=\"verdict\">");
	assert_contains(strstr(html.p, "<p class=\"verdict\">"), want);
	free(path);
}

/* Only what is whole and fine is green. */
static void headlines(void **state)
{
	json_t *top = results_top("6.12", "file", 1), *hop = results_hop(1, "running.file"),
	       *second;

	(void)state;
	results_add(top, result("running.control", "PASS", NULL));
	results_add(top, result("running.file", "PASS", NULL));
	second = json_array_get(results(top), 1);
	headline(json_deep_copy(top), ">✓ All that ran passed: 2 of 2 results</p>");
	json_set(hop, "pages", json_null());
	json_append(json_object_get(second, "hops"), hop);
	headline(json_deep_copy(top), ">! Nothing new failed, but files are damaged or missing: 1");
	json_set(second, "hops", json_array());
	json_set(top, "interrupted", json_true());
	headline(json_deep_copy(top), ">! Interrupted: results are missing; 2 passed</p>");
	json_set(top, "interrupted", json_false());
	results_add(top, result("halted.control", "PASS", NULL));
	results_add(top, result("halted.file", "FAIL", RESULTS_KNOWN_ID));
	json_set(top, "planned", json_integer(2));
	headline(json_deep_copy(top), ">✓ Nothing new failed; known KVM bugs were met in 1 of 4");
	json_set(top, "strict", json_true());
	results_count(top);
	headline(top, ">✗ 1 of 4 results failed by known KVM bugs, with --strict</p>");
}

/* What the words of the page mean is on the page; a control is no method, nothing is empty. */
static void explained(void **state)
{
	json_t *top = run_json("6.12"), *environment = json_object_get(top, "environment"), *one;

	(void)state;
	json_set(environment, "microcode", json_string(""));
	json_set(environment, "distribution", json_string(""));
	json_set(environment, "cpu", json_string("C7"));
	json_set(environment, "modules", json_pack("{s:s, s:s}", "kvm", "", "kvm_intel", "ab12"));
	one = json_array_get(results(top), 1);
	json_set(one, "repro", json_text("'/a b/'\\''mf' run -n 1"));
	json_set(one, "replay", json_text("halted.file/replay.json"));
	one = json_array_get(results(top), 3);
	json_set(one, "name", json_text("posted.paused.mapped-ram-multifd"));
	json_set(one, "method", json_string("mapped-ram-multifd"));
	headline(top, "✗ 1 of 4 results failed");
	assert_contains(html.p, "3 scenarios &times; 2 methods and the control, 1 run.");
	assert_contains(html.p, "<th class=\"c g0\" title=\"saved to a file, copied, ");
	assert_contains(html.p, "<th class=\"c g0\" title=\"the same without a move");
	assert_contains(html.p, "<li><b>file</b>: saved to a file, copied, ");
	assert_contains(html.p,
			"<li><b>mapped-ram</b>: as file, "); /* the next but one refers to it */
	assert_null(strstr(html.p, "<li><b>pipe</b>: "));
	assert_contains(html.p, "<b>nudged</b>");
	assert_contains(html.p, "<li class=\"known\"><b>1</b> K known bug</li>");
	assert_contains(html.p, "<th>results</th><td>1 failed, 1 known bug, 2 passed</td>");
	assert_contains(html.p, "<th>CPU</th>");
	assert_null(strstr(html.p, "microcode"));
	assert_null(strstr(html.p, "distribution"));
	assert_contains(html.p, "Build IDs of KVM's modules (1)");
	assert_contains(html.p, "share/doc/midflight/docs");
	assert_contains(html.p, "<pre>&#39;/a b/&#39;\\&#39;&#39;mf&#39; replay /tmp/");
}

/* A file that makes the matrix too large makes no large page. */
static void huge_matrix(void **state)
{
	json_t *top = results_top("6.12", "all", 2000), *list = json_object_get(top, "results");
	char *paths[22];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char name[40];

		snprintf(name, sizeof(name), "s%d.control", i);
		json_append(list, result(name, "PASS", NULL));
		snprintf(name, sizeof(name), "s%d.file", i);
		json_append(list, result(name, "PASS", NULL));
	}
	for (enum method m = METHOD_FILE + 1; m < METHODS; m++) {
		char *suffix = xasprintf(".%s", method_name(m));

		json_append(list, results_result("s0", suffix, method_name(m), "PASS", NULL));
		free(suffix);
	}
	results_count(top);
	paths[0] = write_run("huge", top);
	for (size_t i = 1; i < ARRAY_SIZE(paths); i++)
		paths[i] = paths[0];
	assert_int_equal(load(paths, ARRAY_SIZE(paths)), 0);
	assert_contains(html.p, "The table would be too large, and is left out.");
	free(paths[0]);
}

/* The page goes beside result.json, whoever made that directory. */
static void not_through_links(void **state)
{
	char *path = write_run("linked", run_json("6.12"));
	char *page_path = xasprintf("%s/report.html", path), *victim = xasprintf("%s/mine", dir);
	struct options o = {.files = &path, .file_count = 1};

	(void)state;
	unlink(page_path);
	unlink(victim);
	assert_int_equal(symlink(victim, page_path), 0);
	assert_int_equal(cmd_report(&o), 2);
	assert_int_equal(access(victim, F_OK), -1);
	unlink(page_path);
	assert_int_equal(cmd_report(&o), 0);
	assert_int_equal(access(page_path, F_OK), 0);
	free(page_path);
	free(victim);
	free(path);
}

/* Of many hops: the first, those that failed, the last. */
static void many_hops(void **state)
{
	json_t *hops = json_array(), *fails = json_array(), *top = run_json("6.12");
	json_t *halted = json_array_get(results(top), 1);
	char *path;

	(void)state;
	for (int i = 1; i <= 50; i++)
		json_append(hops, results_hop(i, NULL));
	for (int i = 7; i <= 20; i += 3)
		json_append(fails,
			    json_pack("{s:i, s:s, s:s}", "hop", i, "check", "CR0", "evidence",
				      "a=\"x found=9\" expected=\"<1>\" found=0x2 b=c"));
	json_set(halted, "hops", hops);
	json_set(halted, "fails", fails);
	json_set(halted, "fail_events", json_integer((json_int_t)json_array_size(fails)));
	json_set(halted, "failed_hops", json_integer((json_int_t)json_array_size(fails)));
	json_set(halted, "snapshots", json_integer(50));
	json_set(halted, "l2_active", json_integer(50));
	path = write_run("many", top);
	assert_int_equal(load(&path, 1), 0);
	assert_contains(html.p, "5 of 50 hops are shown");
	assert_contains(html.p, "45 are left out");
	assert_contains(html.p, "<b>Hop 1</b>");
	assert_contains(html.p, "<details class=\"hop\" open><summary><b>Hop 7</b>");
	assert_contains(html.p, "<b>Hop 13</b>");
	assert_contains(html.p, "<b>Hop 50</b>");
	assert_null(strstr(html.p, "<b>Hop 16</b>"));
	assert_contains(html.p,
			"<td class=\"m expected\">&lt;1&gt;</td><td class=\"m found\">0x2</td>");
	assert_contains(html.p, "<td class=\"m\">a=&quot;x found=9&quot;   b=c</td>");
	free(path);
}

/* A page that is long already has no more timelines, but of what failed. */
static void long_page(void **state)
{
	json_t *top = run_json("6.12");
	char *path;

	(void)state;
	results_add(top, results_result("halted", ".pipe", "pipe", "PASS", NULL));
	for (size_t i = 1; i < 5; i += i == 1 ? 2 : 1)
		json_append(json_object_get(json_array_get(results(top), i), "hops"),
			    results_hop(1, NULL));
	path = write_run("long", top);
	assert_int_equal(report_html_load(&page, &path, 1, &e), 0);
	page.budget = 0;
	report_html(&page, &html);
	report_html_free(&page);
	assert_int_equal(times("Left out, as the page is long"), 1);
	assert_int_equal(times("No timeline of this hop"), 2);
	free(path);
}

/* ---- files -------------------------------------------------------------------------------- */

static void refused_file(const struct report_run *run, const char *path, const char *why)
{
	struct buf bytes = {0};

	e.text[0] = '\0';
	assert_int_equal(report_html_file(run, path, 100, &bytes, &e), -1);
	assert_contains(e.text, why);
	buf_free(&bytes);
}

static void files(void **state)
{
	static const char *const bad[] = {"",	    "/",    "/etc/passwd", "..",  "../a",
					  "a/../b", "a//b", "./a",	   "a/.", "a/"};
	char *path = write_run("files", run_json("6.12")), *sub = xasprintf("%s/sub", path);
	char *link = xasprintf("%s/link", path), *fifo = xasprintf("%s/fifo", path);
	char *links = xasprintf("%s/links", path);
	struct buf bytes = {0};

	(void)state;
	assert_int_equal(make_dirs(sub, &e), 0);
	assert_int_equal(write_file(sub, "f", "text", 4, 0600, &e), 0);
	unlink(link);
	unlink(links);
	unlink(fifo);
	assert_int_equal(symlink("sub/f", link), 0);
	assert_int_equal(symlink("sub", links), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(report_html_load(&page, &path, 1, &e), 0);
	assert_int_equal(report_html_file(&page.run[0], "sub/f", 4, &bytes, &e), 0);
	assert_string_equal(bytes.p, "text");
	buf_free(&bytes);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused_file(&page.run[0], bad[i], "the path is refused");
	refused_file(&page.run[0], "link", "a link");
	refused_file(&page.run[0], "links/f", "");
	refused_file(&page.run[0], "fifo", "no plain file");
	refused_file(&page.run[0], "sub", "no plain file");
	refused_file(&page.run[0], "result.json", "larger than 100 bytes");
	refused_file(&page.run[0], "missing", "No such file");
	assert_null(report_html_json(&page.run[0], "sub/f", 1u << 20, &e));
	assert_contains(e.text, "line 1");
	report_html_free(&page);
	free(path);
	free(sub);
	free(link);
	free(links);
	free(fifo);
}

/* ---- all of it, damaged ------------------------------------------------------------------- */

/* Whatever becomes of the bytes, the page is refused or has its two ends. */
static void mutated(void **state)
{
	json_t *top = run_json("6.12"), *t = timeline();
	char *path, *text, *line;
	uint64_t seed = 1;
	size_t len;
	unsigned good = 0;

	(void)state;
	json_append(json_object_get(json_array_get(results(top), 1), "hops"),
		    results_hop(3, "halted.file"));
	path = write_run("mutated", top);
	text = xasprintf("%s/halted.file", path);
	assert_int_equal(make_dirs(text, &e), 0);
	free(text);
	text = xasprintf("%s/result.json", path);
	top = json_load_file(text, 0, NULL);
	free(text);
	for (int i = 0; i < 400; i++) {
		json_t *of = i & 1 ? t : top;
		const char *name = i & 1 ? "halted.file/timeline-3.json" : "result.json";

		line = json_dumps(of, 0);
		len = mutate((uint8_t *)line, strlen(line), 1, &seed);
		assert_int_equal(write_file(path, name, line, len, 0600, &e), 0);
		free(line);
		if (!load(&path, 1)) {
			good++;
			assert_contains(html.p, "</html>");
		}
		if (!(i & 1))
			json_dump_file(top, (line = xasprintf("%s/result.json", path)), 0);
		else
			line = NULL;
		free(line);
	}
	assert_true(good >= 200);
	json_decref(top);
	json_decref(t);
	free(path);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	char *command = xasprintf("rm -rf %s", dir);
	int ret = system(command);

	(void)state;
	buf_free(&html);
	free(command);
	return ret;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(escapes, reset),
		cmocka_unit_test_setup(not_utf8, reset),
		cmocka_unit_test_setup(clipped, reset),
		cmocka_unit_test_setup(picture, reset),
		cmocka_unit_test_setup(close_marks, reset),
		cmocka_unit_test_setup(crowded, reset),
		cmocka_unit_test_setup(overfull, reset),
		cmocka_unit_test_setup(without_events, reset),
		cmocka_unit_test_setup(bad_timelines, reset),
		cmocka_unit_test_setup(page_table, reset),
		cmocka_unit_test_setup(two_runs, reset),
		cmocka_unit_test_setup(labels, reset),
		cmocka_unit_test_setup(run_of_kernels, reset),
		cmocka_unit_test_setup(too_many_runs, reset),
		cmocka_unit_test_setup(bad_runs, reset),
		cmocka_unit_test_setup(odd_runs, reset),
		cmocka_unit_test_setup(headlines, reset),
		cmocka_unit_test_setup(explained, reset),
		cmocka_unit_test_setup(huge_matrix, reset),
		cmocka_unit_test_setup(not_through_links, reset),
		cmocka_unit_test_setup(many_hops, reset),
		cmocka_unit_test_setup(long_page, reset),
		cmocka_unit_test_setup(files, reset),
		cmocka_unit_test_setup(mutated, reset),
	};

	return cmocka_run_group_tests_name("report: HTML", tests, make_dir, drop_dir);
}
