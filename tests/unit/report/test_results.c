// SPDX-License-Identifier: BSD-2-Clause
// What a run leaves behind: JUnit, failure.txt, replay.json, the summary, a clean directory.
#include "host/run/run.h"
#include "tests/unit/results.h"
#include "tests/unit/unit.h"

#include "host/commands/cmd.h"
#include "host/report/replay.h"
#include "host/report/ktap.h"
#include "host/base/json.h"
#include "host/report/result_json.h"
#include "host/report/run_dir.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/midflight-unit-XXXXXX";
static char *file; /* replay.json, as the tests make it */
static struct options o;
static struct err e = {0};
static struct flight_config config;
static struct flight_result result;
static struct report_entry entry;

/* A flight of `halted` by post-copy that failed twice. */
static int begin(void **state)
{
	(void)state;
	options_init(&o);
	unit_scenarios();
	o.scenario[o.scenarios++] = scenario_find("halted", 6);
	o.command = CMD_RUN;
	o.shown_command = "'a b' run --lab yes";
	o.shown_replay = "'a b' replay --lab yes";
	options_methods(&o, "post*,file", &e);
	options_shard(&o, "1/2", &e);
	o.qemu = "/opt/qemu";
	o.keep = o.verbose = true;
	e.text[0] = '\0';
	config = (struct flight_config){.driver = &qemu_driver,
					.scenario = o.scenario[0],
					.method = METHOD_POSTCOPY,
					.hops = 3};
	memset(&result, 0, sizeof(result));
	result.hop = xcalloc(3, sizeof(*result.hop));
	result.hops = 3;
	result.hop[1].taken = true;
	result.taken = 1;
	result.phase = "run";
	result.trace = 0x1234;
	result.verdict.word = WORD_FAIL;
	result.log.ready_hop = 2;
	result.log.fails = result.log.kept = 2;
	for (int i = 0; i < 2; i++)
		result.log.fail[i] =
			(struct fail){2, xstrdup("halted"), xstrdup("lost \x1b[2J wake-up"),
				      xstrdup("expected=1 found=0")};
	entry = (struct report_entry){.name = xstrdup("halted.postcopy"),
				      .key = "halted",
				      .config = &config,
				      .result = &result,
				      .control_passed = true};
	return 0;
}

static int end(void **state)
{
	(void)state;
	flight_result_free(&result);
	free((char *)entry.name);
	unlink(file);
	return 0;
}

/* ---- JUnit -------------------------------------------------------------------------------- */

static json_t *make_result(const char *name, const char *word, const char *known,
			   const char *diagnostics)
{
	return json_got(json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s, s:s, s:[], s:[{s:s}], s:f}",
				  "name", name, "scenario", "halted", "word", word, "known", known,
				  "known_text", known ? "the text" : NULL, "notes", "no VMX",
				  "diagnostics", diagnostics, "findings", "fails", "check",
				  "a \"check\" <&>", "ms", 1500.0));
}

static json_t *make_top(bool strict)
{
	json_t *top = json_got(json_pack("{s:s, s:b, s:s, s:{s:s, s:{s:s}}}", "driver", "kvm",
					 "strict", strict, "started", "2026-01-02T03:04:05Z",
					 "environment", "cpu", "a\tb", "vmx", "X", "0x1"));
	json_t *list = json_array();

	json_append(list, make_result("a", "PASS", NULL, ""));
	json_append(list, make_result("b", "FAIL", NULL,
				      "x\x01\x1b]]>\n\xef\xbf\xbf\xc3\xa4\xf0\x9f\x98\x80"));
	json_append(list, make_result("c", "FAIL", "bug-1", ""));
	json_append(list, make_result("d", "SKIP", NULL, ""));
	json_append(list, make_result("e", "ERROR", NULL, ""));
	json_set(top, "results", list);
	return top;
}

static void junit(void **state)
{
	json_t *top = make_top(false);
	struct buf xml = {0};

	(void)state;
	report_junit(top, &xml);
	assert_contains(xml.p,
			"<testsuite name=\"midflight\" tests=\"5\" failures=\"1\" errors=\"1\" "
			"skipped=\"2\" time=\"7.500\" timestamp=\"2026-01-02T03:04:05\">");
	assert_contains(xml.p, "<property name=\"cpu\" value=\"a&#9;b\"/>");
	assert_contains(xml.p, "<property name=\"vmx.X\" value=\"0x1\"/>");
	assert_contains(xml.p, "<testcase classname=\"kvm.halted\" name=\"b\" time=\"1.500\">");
	assert_contains(xml.p, "<failure message=\"FAIL: a &#34;check&#34; &#60;&#38;&#62;\" "
			       "type=\"FAIL\">x??]]&#62;\n?\xc3\xa4\xf0\x9f\x98\x80</failure>");
	assert_contains(xml.p, "<skipped message=\"known KVM bug: bug-1: the text\"/>");
	assert_contains(xml.p, "<skipped message=\"no VMX\"/>");
	assert_contains(xml.p, "<error message=\"ERROR: a ");
	assert_null(strstr(xml.p, "interrupted"));
	json_set(top, "interrupted", json_true());
	xml.len = 0;
	report_junit(top, &xml);
	assert_contains(xml.p, "tests=\"6\" failures=\"1\" errors=\"2\" skipped=\"2\"");
	assert_contains(xml.p, "name=\"interrupted\" time=\"0.000\">\n      <error message=");
	json_decref(top);
	xml.len = 0;
	top = make_top(true);
	report_junit(top, &xml);
	assert_contains(xml.p, "failures=\"2\" errors=\"1\" skipped=\"1\"");
	assert_contains(xml.p, "<failure message=\"known KVM bug: bug-1: the text\"");
	json_decref(top);
	xml.len = 0;
	top = json_object();
	report_junit(top, &xml); /* nothing in it is no crash */
	assert_contains(xml.p, "tests=\"0\"");
	json_decref(top);
	buf_free(&xml);
}

/* ---- replay ------------------------------------------------------------------------------- */

/* The control failed, or the run itself did: no pass and no skip. */
static void replay_passes(void **state)
{
	static const struct {
		int run, its, want;
	} cases[] = {{0, 0, 0}, {1, 1, 1}, {0, 1, 1}, {4, 4, 4}, {0, 4, 4}, {1, 0, 1},
		     {1, 4, 1}, {1, 2, 2}, {2, 0, 2}, {2, 1, 2}, {2, 4, 2}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(replay_status(cases[i].run, cases[i].its), cases[i].want);
}

/* ---- replay.json -------------------------------------------------------------------------- */

static json_t *made(void)
{
	struct report report;
	struct report_line line = {.notes = "", .diagnostics = ""};
	json_t *object, *replay;

	report_init(&report, &o, stdout, NULL, 1);
	report.json = json_got(json_array());
	object = report_json_result(&report, &entry, &line);
	replay = replay_json(&o, &entry, object, ".", &e);
	report_free(&report);
	if (!replay)
		fail_msg("%s", e.text);
	return replay;
}

static int load(const json_t *top, struct replay *r)
{
	if (json_dump_file(top, file, 0))
		fail_msg("cannot write %s", file);
	e.text[0] = '\0';
	return replay_load(r, file, &e);
}

static void refused(const json_t *top, const char *why)
{
	struct replay r;

	assert_int_equal(load(top, &r), -1);
	assert_contains(e.text, file);
	assert_contains(e.text, why);
}

static void replay_round(void **state)
{
	json_t *top = made();
	struct replay r;
	struct buf words = {0};

	(void)state;
	assert_int_equal(load(top, &r), 0);
	assert_string_equal(r.result, "halted.postcopy");
	assert_string_equal(r.scenario, "halted");
	assert_string_equal(r.qemu, "/opt/qemu");
	assert_string_equal(r.trace, "0x1234");
	assert_null(r.order_steps);
	for (unsigned i = 0; i < r.count; i++)
		buf_printf(&words, "%s ", r.words[i]);
	/* This result alone, without shard, QEMU and what only says how much to show. */
	assert_string_equal(words.p, "--scenario=halted --method=postcopy --seed=1 "
				     "--only=halted.postcopy ");
	assert_null(r.words[r.count]);
	assert_int_equal(json_array_size(json_object_get(r.failed, "checks")), 1); /* each once */
	buf_free(&words);
	replay_free(&r);
	json_decref(top);
}

/* The steps of an order in a file are part of it. */
static void replay_order(void **state)
{
	char *path = xasprintf("%s/my.order", dir);
	json_t *top;
	struct replay r;

	(void)state;
	assert_int_equal(write_file(dir, "my.order", "REGS # x\n SREGS", 15, 0644, &e), 0);
	o.order = path;
	top = made();
	assert_int_equal(load(top, &r), 0);
	assert_string_equal(r.order_steps, "REGS SREGS");
	replay_free(&r);
	unlink(path);
	free(path);
	json_decref(top);
}

static void replay_refused(void **state)
{
	static const char *const words[][2] = {
		{"--qemu", "/bin/sh"}, {"--log", "/"},	      {"--image", "/x"},
		{"--json", "/x"},      {"--serve-from", "x"}, {"--shown-log", "/"},
		{"--shard", "1/2"},    {"-s", "halted"},      {"halted", "halted"},
		{"--scenario=x", "x"}, {"--", "x"},	      {"--order", "/etc/passwd"},
		{"--seed", "1\n2"},    {"--seed", "\xc3\xa4"}};
	json_t *top = made(), *whole = json_deep_copy(top), *list;
	const char *key;
	json_t *value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		list = json_object_get(top, "words");
		json_append(list, json_string(words[i][0]));
		json_append(list, json_string(words[i][1]));
		refused(top, i < 11 ? "is no option that a replay may have" : words[i][0]);
		json_array_remove(list, json_array_size(list) - 1);
		json_array_remove(list, json_array_size(list) - 1);
	}
	json_append(json_object_get(top, "words"), json_string("--seed"));
	refused(top, "--seed has no good value");
	json_set(top, "words", json_array());
	refused(top, "no words");
	for (int i = 0; i < 200; i++)
		json_append(json_object_get(top, "words"), json_string("--kick"));
	refused(top, "too many words");
	json_set(top, "words", json_deep_copy(json_object_get(whole, "words")));
	json_set(top, "more", json_null());
	refused(top, "members that do not belong there");
	json_object_del(top, "more");
	json_object_foreach(whole, key, value) {
		json_set(top, key, json_real(1.5));
		refused(top, "");
		json_object_del(top, key);
		refused(top, "");
		json_set(top, key, json_deep_copy(value));
	}
	json_array_append_new(json_object_get(json_object_get(top, "failed"), "checks"),
			      json_integer(1));
	refused(top, "no good 'checks'");
	json_set(top, "version", json_integer(1));
	refused(top, "is no midflight-replay of version 2");
	json_decref(top);
	json_decref(whole);
}

static json_t *a_job(void)
{
	return json_got(json_pack("{s:[s,s,s], s:s, s:s, s:s, s:s}", "words", "./midflight", "soak",
				  "--image=./l1.elf", "midflight", "0x1", "image", "0x2", "state",
				  "abc", "run", "halted.flight-3"));
}

/* What was run in the lab as a whole, and what must not come back as that. */
static void replay_job(void **state)
{
	static const char *const bad[][3] = {
		{"run", "../x", "no good 'run'"},   {"run", "..", "no good 'run'"},
		{"run", "", "no good 'run'"},	    {"state", "a/b", "no good 'state'"},
		{"midflight", "\n", "'midflight'"}, {"image", "\x1b[2J", "no good 'image'"},
	};
	static const char *const words[][2] = {
		{"midflight", "soak"},	{"./a/midflight", "run"}, {"./..", "run"},
		{"./midflight", "lab"}, {"./midflight", "save"},  {"./midflight", "ru\tn"},
	};
	json_t *top = made(), *job;
	struct replay r;

	(void)state;
	assert_int_equal(load(top, &r), 0);
	assert_false(r.in_lab); /* nobody has said that this is the lab */
	replay_free(&r);
	json_set(top, "job", a_job());
	assert_int_equal(load(top, &r), 0);
	assert_true(r.in_lab);
	assert_string_equal(r.job.words[1], "soak");
	assert_null(r.job.words[3]);
	assert_string_equal(r.job.run, "halted.flight-3");
	replay_free(&r);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		job = a_job();
		json_set(job, bad[i][0], json_text(bad[i][1]));
		json_set(top, "job", job);
		refused(top, bad[i][2]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		job = a_job();
		json_set(job, "words",
			 json_pack("[s,s,s]", words[i][0], words[i][1], "--image=./l1.elf"));
		json_set(top, "job", job);
		refused(top, "its job");
	}
	job = a_job();
	for (int i = 0; i < JOB_WORDS_MAX; i++)
		json_append(json_object_get(job, "words"), json_text("--kick"));
	json_set(top, "job", job);
	refused(top, "its job has 403 words");
	job = a_job();
	json_append(json_object_get(job, "words"), json_integer(1));
	json_set(top, "job", job);
	refused(top, "word 4 of its job is none");
	job = a_job();
	json_set(job, "more", json_null());
	json_set(top, "job", job);
	refused(top, "more than belongs there");
	json_decref(top);
}

/* Another program or image is refused, by name and by contents. */
static void replay_ours(void **state)
{
	char *self = xasprintf("%s/midflight", dir), *image = xasprintf("%s/l1.elf", dir);
	struct lab_job job;
	json_t *json = a_job();
	char *hash = xasprintf("0x%016llx", (unsigned long long)hash_bytes(0, "abc", 3));

	(void)state;
	assert_int_equal(write_file(dir, "midflight", "abc", 3, 0644, &e), 0);
	assert_int_equal(write_file(dir, "l1.elf", "abc", 3, 0644, &e), 0);
	json_set(json, "midflight", json_text(hash));
	assert_int_equal(lab_job_check(&job, json, &e), 0);
	assert_int_equal(lab_job_is_ours(&job, self, image, &e), -1);
	assert_contains(e.text, "the image");
	assert_contains(e.text, "is another one");
	json_set(json, "image", json_text(hash));
	assert_int_equal(lab_job_check(&job, json, &e), 0);
	assert_int_equal(lab_job_is_ours(&job, self, image, &e), 0);
	assert_int_equal(lab_job_is_ours(&job, image, image, &e), -1);
	assert_contains(e.text, "this program was called midflight then, not l1.elf");
	unlink(self);
	assert_int_equal(lab_job_is_ours(&job, self, image, &e), -1);
	assert_contains(e.text, "cannot read");
	unlink(image);
	json_decref(json);
	free(hash);
	free(self);
	free(image);
}

/* Cut at any place, or changed at random: no crash, and cut ones are never taken. */
static void replay_damaged(void **state)
{
	json_t *top = made();
	uint64_t seed = 11;
	struct replay r;
	char *text;
	size_t len;

	(void)state;
	json_set(top, "job", a_job());
	text = json_dumps(top, 0);
	len = strlen(text);
	for (size_t cut = 0; cut < len; cut += 3) {
		assert_int_equal(write_file(dir, "replay.json", text, cut, 0644, &e), 0);
		assert_int_equal(replay_load(&r, file, &e), -1);
		assert_contains(e.text, file);
	}
	for (int i = 0; i < 2000; i++) {
		char *copy = xstrdup(text);
		size_t changed = mutate((uint8_t *)copy, len, 3, &seed);

		assert_int_equal(write_file(dir, "replay.json", copy, changed, 0644, &e), 0);
		if (!replay_load(&r, file, &e))
			replay_free(&r);
		free(copy);
	}
	free(text);
	json_decref(top);
}

static void compared(const char *then, const char *now, const char *want)
{
	json_t *a = json_loads(then, 0, NULL), *b = json_loads(now, 0, NULL);
	json_t *failed = replay_failed(json_got(a));
	struct buf text = {0};

	replay_compare(failed, json_got(b), &text);
	assert_string_equal(text.p, want);
	buf_free(&text);
	json_decref(failed);
	json_decref(a);
	json_decref(b);
}

static void replay_compares(void **state)
{
	static const char then[] =
		"{\"word\":\"FAIL\",\"fails\":[{\"check\":\"a\"},{\"check\":\"b\"},"
		"{\"check\":\"a\"}]}";

	(void)state;
	compared(then, "{\"word\":\"FAIL\",\"fails\":[{\"check\":\"b\"},{\"check\":\"a\"}]}",
		 "same failure: FAIL: b, a");
	compared(then, "{\"word\":\"FAIL\",\"fails\":[{\"check\":\"b\"}]}",
		 "other failure: FAIL: b; then: FAIL: a, b");
	compared(then, "{\"word\":\"HANG\",\"fails\":[{\"check\":\"b\"},{\"check\":\"a\"}]}",
		 "other failure: HANG: b, a; then: FAIL: a, b");
	compared(then, "{\"word\":\"PASS\"}", "passes now; then: FAIL: a, b");
	compared(then, "{\"word\":\"SKIP\",\"notes\":\"no VMX\"}", "skipped: no VMX");
	compared("{\"word\":\"FAIL\",\"refused\":\"KVM_SET_REGS: EINVAL\"}",
		 "{\"word\":\"FAIL\",\"oracles\":[{\"oracle\":\"log\",\"field\":\"x\"}]}",
		 "other failure: FAIL: oracle log: x; then: FAIL: refused KVM_SET_REGS: EINVAL");
	/* Where no check failed the words tell failures apart, and numbers do not. */
	compared("{\"word\":\"ERROR\",\"findings\":[\"no QEMU here\"]}",
		 "{\"word\":\"ERROR\",\"findings\":[\"the disk is full\"]}",
		 "other failure: ERROR: the disk is full; then: ERROR: no QEMU here");
	compared("{\"word\":\"HANG\",\"findings\":[\"no sign for 60 s (hop 3 of 10)\"]}",
		 "{\"word\":\"HANG\",\"findings\":[\"no sign for 5 s (hop 12 of 100)\"]}",
		 "same failure: HANG: no sign for # s (hop # of #)");
}

/* ---- failure.txt -------------------------------------------------------------------------- */

static void drop(const char *path)
{
	char *whole = xasprintf("%s/%s", dir, path);

	if (remove(whole))
		fail_msg("%s was not there", whole);
	free(whole);
}

static void begin_run(void)
{
	const int fd = run_dir_begin(dir, &e);

	assert_true(fd >= 0);
	close(fd);
}

static char *printed(const struct failure *f, bool whole)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	failure_print(f, whole, out);
	fclose(out);
	return text;
}

static void failures(void **state)
{
	json_t *env = json_pack("{s:s, s:s, s:s, s:s}", "kernel", "6.12", "cpu", "a CPU", "qemu",
				"QEMU 9", "midflight", "x");
	struct failure f = {&o, &entry, env, dir, "/my log/halted.postcopy"};
	struct err err;
	char *text;

	(void)state;
	assert_int_equal(write_file(dir, "snapshot.bin", "abc", 3, 0644, &err), 0);
	assert_int_equal(write_file(dir, "serial.log", "one\ntwo\0\x1b[2J\n", 13, 0644, &err), 0);
	text = printed(&f, false);
	assert_contains(text, "hop 2 of 3: lost ?[2J wake-up: expected=1 found=0\n");
	assert_contains(text,
			"scenario halted (L2 sleeps), method postcopy, driver qemu, seed 1\n");
	assert_contains(text, "step: hop 2 of 3; it ended in hop 2, phase run\n");
	assert_contains(text, "on Linux 6.12, a CPU, QEMU 9, Midflight x\n");
	assert_contains(text, "at the last snapshot (of hop 2, snapshot.bin):\n");
	assert_contains(text, "no state of now: only a HANG has one\n");
	assert_contains(text, "  | one\n  | two??[2J\n");
	assert_contains(text, "again: 'a b' run --lab yes --scenario halted");
	assert_contains(text, "'a b' replay --lab yes '/my log/halted.postcopy/replay.json'\n");
	free(text);
	/* A HANG has two states. */
	result.verdict.word = WORD_HANG;
	text = printed(&f, false);
	assert_contains(text, "no state of now: it could not be saved\n");
	free(text);
	assert_int_equal(write_file(dir, "now.bin", "abcd", 4, 0644, &err), 0);
	text = printed(&f, true);
	assert_contains(text, "when it was given up (now.bin):\n");
	assert_contains(text, "changed since the snapshot, when it was given up (now.bin):\n");
	assert_contains(text, "environment:\n");
	free(text);
	/* A known bug is short on the screen, and whole in the file. */
	entry.known = known_find("cr-read-shadow-lost");
	text = printed(&f, false);
	assert_null(strstr(text, "serial log"));
	assert_null(strstr(text, "snapshot.bin"));
	assert_contains(text, "see docs/known-failures.md#cr-read-shadow-lost\n");
	free(text);
	assert_int_equal(failure_write(&f, &err), 0);
	text = xasprintf("%s/failure.txt", dir);
	assert_false(access(text, R_OK));
	free(text);
	f.dir = "/nonexistent/x";
	assert_int_equal(failure_write(&f, &err), -1);
	assert_contains(err.text, "/nonexistent/x/failure.txt");
	json_decref(env);
	begin_run(); /* the directory is none of a run: nothing goes */
	text = xasprintf("%s/now.bin", dir);
	assert_false(access(text, R_OK));
	free(text);
	drop("now.bin");
	drop("snapshot.bin");
	drop("serial.log");
	drop("failure.txt");
}

/* ---- the summary and the directory -------------------------------------------------------- */

static void summary(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct report report;
	struct report_line line = {.name = "a", .notes = "no VMX", .word = WORD_SKIP};

	(void)state;
	report_init(&report, &o, out, "/log", 300);
	report_count(&report, &line);
	report_count(&report, &line);
	line.notes = "no \x1b[2J QEMU";
	report_count(&report, &line);
	for (int i = 0; i < 200; i++) {
		line.name = i ? "failed.one" : "first";
		line.word = WORD_FAIL;
		report_count(&report, &line);
	}
	line.name = "odd";
	line.word = WORD_ERROR;
	report_count(&report, &line);
	line.word = WORD_FAIL;
	line.known = known_find("cr-read-shadow-lost");
	report_count(&report, &line); /* as the lab's lines tell of it: no numbers */
	report_summary(&report);
	report.interrupted = true;
	report_summary(&report);
	fclose(out);
	assert_contains(text,
			"#   pass         0\n#   fail       200  first, failed.one, failed.one");
	assert_contains(text, ",\n#       failed.one, failed.one, ");
	assert_contains(text, "failed.one, ...\n#   error        1  odd\n");
	assert_contains(text, "#   known        1  docs/known-failures.md#cr-read-shadow-lost\n");
	assert_contains(text, "#   skip         2  no VMX\n#   skip         1  no ?[2J QEMU\n");
	assert_contains(text, "#   not run     95\n");
	assert_null(strstr(text, "(0 of 0"));
	assert_contains(text, "; cut off\n# What failed is no known KVM bug: ");
	assert_contains(text, "; interrupted\n");
	assert_contains(text, "does not count (--strict: it does).\n# logs: /log (index.txt");
	assert_contains(text, "# next: 'a b' report /log    # ");
	assert_null(strstr(text, "replay")); /* it has left nothing */
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		assert_int_equal(*p, '#'); /* KTAP lets comments pass */
		assert_in_range(strcspn(p, "\n"), 1, LINE_WIDTH);
	}
	report_free(&report);
	free(text);
	o.quiet = true;
	report_init(&report, &o, stdout, NULL, 1);
	report_summary(&report);
	report_free(&report);
}

static void put(const char *path, bool is_dir)
{
	char *whole = xasprintf("%s/%s", dir, path);

	if (is_dir)
		assert_int_equal(make_dirs(whole, &e), 0);
	else
		assert_int_equal(write_file(dir, path, "x", 1, 0644, &e), 0);
	free(whole);
}

static void put_text(const char *path, const char *text)
{
	assert_int_equal(write_file(dir, path, text, strlen(text), 0644, &e), 0);
}

static bool there(const char *path)
{
	char *whole = xasprintf("%s/%s", dir, path);
	struct stat st;
	const bool is = !lstat(whole, &st);

	free(whole);
	return is;
}

static void directories(void **state)
{
	static const char *const ours[] = {
		"running/serial.log",	    "running/failure.txt",
		"running/replay.json",	    "running/now.bin",
		"running/timeline-3.json",  "running/replay/halted/snapshot.bin",
		"running/replay/order.txt", "halted.postcopy/pages-1.txt"};
	json_t *top, *whole;
	struct report report;
	char *path = xasprintf("%s/running.pause", dir);

	(void)state;
	put("running/replay/halted", true);
	put("halted.postcopy", true);
	put("other/serial.log.d", true);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		put(ours[i], false);
	put("halted.postcopy/mine.txt", false);
	put("other/serial.log", false);
	put("order.txt", false);
	assert_int_equal(symlink("other", path), 0); /* is not followed */
	top = json_pack("{s:s, s:[{s:s, s:s, s:s}, {s:s, s:s, s:n}]}", "midflight", "x", "results",
			"name", "running", "word", "FAIL", "dir", "running", "name", "halted",
			"word", "SKIP", "dir");
	/* All that a run writes it knows again. */
	o.json = NULL;
	o.junit = xasprintf("%s/junit.xml", dir);
	report_init(&report, &o, stdout, NULL, 0);
	report.json = json_got(json_array());
	report.environment = json_object();
	whole = report_json_end(&report);
	assert_int_equal(report_json_write(whole, dir, &e), 0);
	json_decref(whole);
	report_free(&report);
	assert_int_equal(report_json_copies(&o, top, &e), 0);
	free((char *)o.junit);
	assert_int_equal(run_dir_index(dir, top, &e), 0);
	json_decref(top);
	put_text("running/replay/index.txt", ""); /* the disk was full */
	put_text("running/replay/result.json", "{\n \"schema\": \"midf");
	begin_run();
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		assert_false(there(ours[i]));
	assert_false(there("result.json"));
	assert_false(there("index.txt"));
	assert_false(there("junit.xml"));
	assert_false(there("running"));
	assert_true(there("halted.postcopy/mine.txt"));
	assert_true(there("other/serial.log"));
	drop("halted.postcopy/mine.txt");
	drop("halted.postcopy");
	drop("other/serial.log");
	drop("other/serial.log.d");
	drop("other");
	drop("order.txt");
	drop("running.pause");
	free(path);
}

/* Directories of several labs: cleaned, made, joined. */
static void lab_directories(void **state)
{
	unsigned from[] = {1, 0, 0};
	struct merged m = {.from = from};
	char *labs[2];

	(void)state;
	put("lab-1/running", true);
	put("lab-1/running/serial.log", false);
	put("lab-1/bochs.log", false);
	put("lab-2", true);
	put("lab-2/mine.txt", false);
	put("lab-x", true);
	put("lab-x/bochs.log", false);
	put("bochs.log", false);
	put("l0-console.txt", false);
	put("new-1/running", true); /* of a run that was killed */
	put("new-1/running/serial.log", false);
	put("new-1/journal", true);
	put("new-1/journal/0.json", false);
	begin_run();
	assert_false(there("lab-1"));
	assert_false(there("bochs.log"));
	assert_false(there("l0-console.txt"));
	assert_false(there("new-1"));
	drop("lab-2/mine.txt");
	drop("lab-2");
	drop("lab-x/bochs.log");
	drop("lab-x");

	assert_int_equal(run_dir_labs(dir, labs, 2, &e), 0);
	put("new-2/running", true);
	put("new-2/running/serial.log", false);
	put("new-2/running/mine.txt", false);
	put("new-1/halted", true);
	put("new-1/halted/now.bin", false);
	put("new-1/index.txt", false);
	put("new-1/bochs.log", false);
	put("halted", true); /* with a file of the user's, so that it stayed */
	put("halted/mine.txt", false);
	put("serial.log", false);
	m.top = json_pack("{s:s, s:[{s:s, s:s, s:s}, {s:s, s:s, s:s}, {s:s, s:s, s:s}]}",
			  "midflight", "x", "results", "name", "running", "word", "PASS", "dir",
			  "running", "name", "halted", "word", "PASS", "dir", "halted", "name",
			  "..", "word", "PASS", "dir", "..");
	assert_non_null(m.top);
	assert_int_equal(run_dir_join(dir, labs, 2, m.top, m.from, &e), 0);
	assert_int_equal(report_json_write(m.top, dir, &e), 0);
	assert_true(there("serial.log")); /* nobody is called `..` */
	assert_false(there("lab-1/index.txt"));
	assert_false(there("lab-1/halted"));
	drop("lab-1/bochs.log");
	drop("lab-1");
	drop("lab-2/running/mine.txt");
	drop("lab-2/running");
	drop("lab-2");
	drop("serial.log");
	drop("running/serial.log");
	drop("running");
	drop("halted/now.bin");
	drop("halted/mine.txt");
	drop("halted");
	drop("result.json");
	drop("index.txt");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rmdir(labs[i]), -1);
		free(labs[i]);
	}
	put("new-1", false); /* a file where a directory must be */
	assert_int_equal(run_dir_labs(dir, labs, 1, &e), -1);
	assert_contains(e.text, "/new-1 is not a directory");
	free(labs[0]);
	drop("new-1");
	json_decref(m.top);
}

/* What the only lab has left, beside a file of the user's. */
static void lab_taken(void **state)
{
	char *labs[1];

	(void)state;
	begin_run();
	assert_int_equal(run_dir_labs(dir, labs, 1, &e), 0);
	put("halted", true);
	put("halted/mine.txt", false);
	put("new-1/halted", true);
	put("new-1/halted/serial.log", false);
	put("new-1/result.json", false);
	put("new-1/bochs.log", false);
	assert_int_equal(run_dir_take(dir, labs[0], &e), 0);
	assert_false(there("new-1"));
	drop("halted/mine.txt");
	drop("halted/serial.log");
	drop("halted");
	drop("result.json");
	drop("bochs.log");
	assert_int_equal(run_dir_take(dir, labs[0], &e), -1);
	free(labs[0]);
}

/* Each result is there as soon as it has ended, whatever becomes of the run. */
static void journal(void **state)
{
	static const struct {
		const char *name;
		enum word word;
	} results[] = {{"halted.control", WORD_PASS}, {"halted.postcopy", WORD_FAIL}};
	char *path = xasprintf("%s/result.json", dir);
	struct report r;
	json_t *top, *all;

	(void)state;
	o.json = o.junit = NULL;
	report_init(&r, &o, stdout, NULL, 3);
	r.planned = 4; /* of both shards */
	r.json = json_got(json_array());
	top = results_top("6.12", "file", 1);
	r.environment = json_incref(json_object_get(top, "environment"));
	json_decref(top);
	assert_null(report_json_load(path, &e));
	assert_int_equal(report_json_keep(&r, dir, 0, &e), 0);
	top = report_json_load(path, &e);
	assert_int_equal(json_array_size(json_object_get(top, "results")), 0);
	assert_false(run_dir_flew(top));
	json_decref(top);
	for (unsigned i = 0; i < ARRAY_SIZE(results); i++) {
		struct flight_config flown = config;
		struct flight_result one = {.log.hops_done = 1, .taken = i, .l2_active = i};
		char *name = xstrdup(results[i].name);
		struct report_entry told = {.name = name, .config = &flown, .result = &one};
		struct report_line line = {
			.name = name, .word = results[i].word, .notes = "", .diagnostics = ""};

		flown.control = line.control = i == 0;
		verdict_raise(&one.verdict, results[i].word, "x");
		if (line.word == WORD_PASS)
			verdict_free(&one.verdict);
		assert_non_null(report_json_result(&r, &told, &line));
		report_count(&r, &line);
		assert_int_equal(report_json_keep(&r, dir, i + 1, &e), 0);
		flight_result_free(&one);
		free(name);
	}
	memset(&e, 0, sizeof(e));
	top = report_json_load(path, &e);
	if (!top)
		fail_msg("%s", e.text);
	assert_true(run_dir_flew(top));
	assert_true(run_dir_has_flown(dir));
	assert_true(json_member_true(top, "interrupted")); /* the third is missing */
	assert_int_equal(json_member_integer(top, "exit_status"), 1);
	all = report_json_end(&r);
	assert_true(json_equal(top, all));
	put_text("journal/3.json", "{"); /* as it was cut off */
	json_decref(top);
	top = report_json_load(path, &e);
	assert_true(json_equal(top, all));
	drop("journal/3.json");
	assert_int_equal(report_json_write(all, dir, &e), 0);
	assert_false(there("journal"));
	json_decref(top);
	top = report_json_load(path, &e);
	assert_true(json_equal(top, all));
	begin_run();
	assert_false(there("result.json"));
	json_decref(top);
	json_decref(all);
	report_free(&r);
	free(path);
}

/* What is not ours stays, and two runs do not meet. */
static void directory_refused(void **state)
{
	char *path = xasprintf("%s/index.txt", dir);
	int fd;

	(void)state;
	put_text("junit.xml", "<?xml version=\"1.0\"?><testsuites name=\"theirs\"/>");
	put_text("result.json", "{\n \"schema\": \"midflight-result\",");
	put_text("index.txt", "A list of my books\n");
	assert_int_equal(run_dir_begin(dir, &e), -1);
	assert_contains(e.text, "/index.txt is of no run, and would be lost");
	assert_true(there("result.json"));
	drop("index.txt");
	assert_int_equal(symlink("result.json", path), 0);
	assert_int_equal(run_dir_begin(dir, &e), -1);
	drop("index.txt");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(run_dir_begin(dir, &e), -1);
	drop("index.txt");
	fd = run_dir_begin(dir, &e);
	assert_true(fd >= 0);
	assert_false(there("result.json"));
	assert_true(there("junit.xml"));
	assert_int_equal(run_dir_begin(dir, &e), -1);
	assert_contains(e.text, "another run writes to ");
	close(fd);
	begin_run();
	drop("junit.xml");
	assert_int_equal(run_dir_begin("/nonexistent/x", &e), -1);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(junit),
		cmocka_unit_test_setup_teardown(replay_round, begin, end),
		cmocka_unit_test(replay_passes),
		cmocka_unit_test_setup_teardown(replay_order, begin, end),
		cmocka_unit_test_setup_teardown(replay_refused, begin, end),
		cmocka_unit_test_setup_teardown(replay_job, begin, end),
		cmocka_unit_test_setup_teardown(replay_ours, begin, end),
		cmocka_unit_test_setup_teardown(replay_damaged, begin, end),
		cmocka_unit_test(replay_compares),
		cmocka_unit_test_setup_teardown(failures, begin, end),
		cmocka_unit_test_setup_teardown(summary, begin, end),
		cmocka_unit_test_setup_teardown(directories, begin, end),
		cmocka_unit_test(lab_directories),
		cmocka_unit_test(lab_taken),
		cmocka_unit_test_setup_teardown(journal, begin, end),
		cmocka_unit_test(directory_refused),
	};
	int ret;

	if (!mkdtemp(dir))
		return 1;
	file = xasprintf("%s/replay.json", dir);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	free(file);
	rmdir(dir);
	return ret;
}
