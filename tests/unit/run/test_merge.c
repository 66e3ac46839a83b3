// SPDX-License-Identifier: BSD-2-Clause
// Shards put together: good ones, and files that must never end in a pass.
#include "tests/unit/results.h"

#include "host/run/run.h"
#include "host/report/ktap.h"

#include <unistd.h>

#define FILES 3

static char dir[] = "/tmp/midflight-unit-XXXXXX";
static char *path[FILES], *merged;
static json_t *top[FILES]; /* three shards of `running` and `halted` by three methods */
static struct options o;
static struct err e = {0};
static char *said; /* by merge() */

static json_t *result(const char *scenario, const char *method)
{
	char *suffix = xasprintf(".%s", method ? method : "control");
	json_t *r = results_result(scenario, suffix, method ? method : "file", "PASS", NULL);

	free(suffix);
	return r;
}

/* Results 0 to 5 are running and halted by file, pipe and pause: shard k has k-1 and k+2. */
static json_t *shard(int k)
{
	static const char *const method[] = {"file", "pipe", "pause"};
	json_t *t = results_top("6.12", "file,p*e", 6), *first = result("running", method[k - 1]);

	json_set(t, "shard", json_pack("{s:i, s:i}", "k", k, "n", 3));
	json_set(first, "dir", json_text(json_text_of(first, "name")));
	for (int i = 1; i <= 2; i++)
		json_append(json_object_get(first, "hops"),
			    results_hop(i, json_text_of(first, "name")));
	results_add(t, result("running", NULL));
	results_add(t, first);
	results_add(t, result("halted", NULL));
	results_add(t, result("halted", method[k - 1]));
	if (k == 2)
		json_set(t, "started", json_string("2026-01-01T00:00:00Z"));
	return t;
}

static int setup_files(void **state)
{
	(void)state;
	options_init(&o);
	o.command = CMD_MERGE;
	o.files = path;
	o.file_count = FILES;
	e.text[0] = '\0';
	for (int i = 0; i < FILES; i++)
		top[i] = shard(i + 1);
	return 0;
}

static int drop_files(void **state)
{
	(void)state;
	for (int i = 0; i < FILES; i++) {
		json_decref(top[i]);
		unlink(path[i]);
	}
	unlink(merged);
	free(said);
	said = NULL;
	return 0;
}

/* merge() of what the tests made of the shards. */
static int run_merge(void)
{
	size_t size;
	FILE *out;
	int ret;

	for (unsigned i = 0; i < FILES; i++)
		if (json_dump_file(top[i], path[i], 0))
			fail_msg("cannot write %s", path[i]);
	free(said);
	out = open_memstream(&said, &size);
	ret = merge(&o, out, &e);
	fclose(out);
	return ret;
}

static void refused(const char *why)
{
	e.text[0] = '\0';
	assert_int_equal(run_merge(), -1);
	assert_string_equal(said, ""); /* not even a plan */
	assert_contains(e.text, why);
}

static json_t *at(unsigned file, unsigned number)
{
	return json_array_get(json_object_get(top[file], "results"), number);
}

static void set(json_t *object, const char *key, json_t *value)
{
	json_set(object, key, value);
}

/* Makes result @number of file @file a @word, with what bears it out. */
static void worsen(unsigned file, unsigned number, const char *word, const char *known)
{
	results_set_word(at(file, number), word, known);
	results_count(top[file]);
}

static void good(void **state)
{
	(void)state;
	assert_int_equal(run_merge(), 0);
	assert_string_equal(said, "KTAP version 1\n1..8\n"
				  "ok 1 - running.control # 2 hops\nok 2 - running.file # 2 hops\n"
				  "ok 3 - running.pipe # 2 hops\nok 4 - running.pause # 2 hops\n"
				  "ok 5 - halted.control # 2 hops\nok 6 - halted.file # 2 hops\n"
				  "ok 7 - halted.pipe # 2 hops\nok 8 - halted.pause # 2 hops\n"
				  "#   pass         8\n#   fail         0\n"
				  "#   known        0\n#   skip         0\n"
				  "# midflight: 8 passed, 0 failed\n"
				  "# KVM kept the guests alive in all that flew.\n");
}

/* The earliest time; and nothing that lies beside a shard's file. */
static void written_once(void)
{
	json_t *all = json_load_file(merged, 0, NULL);
	const json_t *first = json_array_get(json_object_get(all, "results"), 1);

	assert_string_equal(json_string_value(json_object_get(all, "started")),
			    "2026-01-01T00:00:00Z");
	assert_string_equal(json_string_value(json_object_get(first, "name")), "running.file");
	assert_true(json_is_null(json_object_get(first, "dir")));
	json_decref(all);
}

/* What --json writes can be read again, and is the same. */
static void written(void **state)
{
	char *first;

	(void)state;
	o.json = merged;
	assert_int_equal(run_merge(), 0);
	first = xstrdup(said);
	o.json = NULL;
	written_once();
	o.files = &merged;
	o.file_count = 1;
	assert_int_equal(run_merge(), 0);
	assert_string_equal(said, first);
	free(first);
	o.json = "/nonexistent/x/all.json";
	assert_int_equal(run_merge(), -1);
	assert_contains(e.text, "/nonexistent/x");
}

static void worse(void **state)
{
	(void)state;
	worsen(1, 1, "HANG", NULL);
	set(at(1, 1), "diagnostics", json_string("running.pipe: HANG\n  ok 9 - \x1b[2J"));
	assert_int_equal(run_merge(), 1);
	assert_contains(said,
			"# running.pipe: HANG\n#   ok 9 - ?[2J\nnot ok 3 - running.pipe # HANG, 2");
	assert_contains(said, "# midflight: 7 passed, 1 failed\n");
}

/* The control is in all three: the one that failed is what counts. */
static void controls(void **state)
{
	(void)state;
	worsen(2, 0, "ERROR", NULL);
	assert_int_equal(run_merge(), 2);
	assert_contains(said,
			"1..8\nnot ok 1 - running.control # ERROR, 2 hops\nok 2 - running.file");
	assert_contains(said, "# midflight: 7 passed, 0 failed, 1 errors");
}

static void known(void **state)
{
	(void)state;
	worsen(2, 3, "FAIL", "cr-read-shadow-lost");
	assert_int_equal(run_merge(), 0);
	assert_contains(said,
			"not ok 8 - halted.pause # TODO known KVM bug: cr-read-shadow-lost\n");
	assert_contains(said, ", 1 known KVM bug found\n");
	assert_contains(
		said,
		"#   known        1  docs/known-failures.md#cr-read-shadow-lost (1 of 2 pauses)\n");
	for (unsigned i = 0; i < FILES; i++)
		set(top[i], "strict", json_true());
	refused("summary is not what"); /* with --strict it was a failure */
	set(top[2], "exit_status", json_integer(1));
	assert_int_equal(run_merge(), 1);
	set(at(2, 3), "known", json_string("a-bug-of-my-own"));
	refused("has a known bug that does not explain it");
	worsen(2, 3, "FAIL", "halted-posted-interrupt-lost"); /* by no pause */
	refused("has a known bug that does not explain it");
	worsen(2, 3, "FAIL", "cr-read-shadow-lost");
	set(at(2, 3), "known_text", json_string("another"));
	refused("has a known bug that does not explain it");
	worsen(2, 3, "PASS", "cr-read-shadow-lost");
	refused("has a known bug that does not explain it");
	worsen(2, 3, "FAIL", "cr-read-shadow-lost");
	assert_int_equal(run_merge(), 1);
}

/* A known bug that was not met is no reason to be silent. */
static void unmet(void **state)
{
	(void)state;
	set(at(2, 3), "diagnostics", json_string("halted.pause" REPORT_UNMET "'x' did not happen"));
	assert_int_equal(run_merge(), 0);
	assert_contains(said, "#   not met      1  halted.pause\n");
}

static void missing(void **state)
{
	(void)state;
	o.file_count = 2;
	refused("shard 3 of 3 is missing");
	o.file_count = 3;
	set(json_object_get(top[2], "shard"), "k", json_integer(1));
	refused("is shard 1 of 3, as ");
	set(json_object_get(top[2], "shard"), "k", json_integer(3));
	set(json_object_get(top[2], "shard"), "n", json_integer(4));
	refused("halted.pause is one more than were planned");
	json_array_remove(json_object_get(top[2], "results"), 3);
	results_count(top[2]);
	refused("is shard 3 of 4, but");
	set(top[2], "shard", json_null());
	refused("it should have 6 results and has 1");
	set(top[0], "shard", json_null());
	refused(path[0]);
}

static void incomplete(void **state)
{
	(void)state;
	set(top[1], "interrupted", json_true());
	refused("was interrupted");
	set(top[1], "interrupted", json_false());
	json_array_remove(json_object_get(top[1], "results"), 3);
	results_count(top[1]);
	refused("it should have 2 results and has 1");
	results_add(top[1], json_incref(at(1, 1)));
	refused("running.pipe is there twice");
	json_array_remove(json_object_get(top[1], "results"), 3);
	results_add(top[1], result("other", "pipe"));
	refused("other.pipe stands there without its control");
	json_array_remove(json_object_get(top[1], "results"), 3);
	results_add(top[1], result("halted", "pause"));
	o.file_count = 3;
	refused("halted.pause is there twice");
	set(top[1], "results", json_array());
	results_count(top[1]);
	refused("it should have 2 results and has 0");
}

static void different(void **state)
{
	static const char *const keys[] = {"midflight", "kernel", "driver",  "accel",	 "machine",
					   "irqchip",	"cpu",	  "without", "scenario", "method",
					   "order",	"pages",  "freeze",  "break"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *was = json_incref(json_object_get(top[2], keys[i]));
		char *why = xasprintf("its '%s' is not that of", keys[i]);

		set(top[2], keys[i], json_string("other"));
		refused(why);
		assert_contains(e.text, path[2]);
		set(top[2], keys[i], was);
		free(why);
	}
	set(top[2], "seed", json_integer(2));
	refused("its 'seed' is not that of");
}

/* Each member, absent or of another type, is refused with its name. */
static void types(void **state)
{
	(void)state;
	for (int depth = 0; depth < 4; depth++) {
		json_t *object = depth == 0   ? top[1]
				 : depth == 1 ? json_object_get(top[1], "shard")
				 : depth == 2 ? json_object_get(top[1], "summary")
					      : at(1, 3);
		json_t *whole = json_copy(object);
		const char *key;
		json_t *value;

		json_object_foreach(whole, key, value) {
			set(object, key, strcmp(key, "ms") ? json_real(1.5) : json_true());
			refused(path[1]);
			json_object_del(object, key);
			refused(path[1]);
			set(object, key, json_incref(value));
		}
		json_decref(whole);
	}
	assert_int_equal(run_merge(), 0);
	set(json_object_get(top[1], "shard"), "k", json_integer(0));
	refused("there is no shard 0 of 3");
	set(json_object_get(top[1], "shard"), "k", json_integer(2));
	set(at(1, 1), "name", json_string("running.pipe\nok 9 - x"));
	refused("is not called as one of scenario 'running'");
	set(at(1, 1), "name", json_string("halted.pipe"));
	refused("is not called as one of scenario 'running'");
	set(at(1, 1), "name", json_string("running.pipe"));
	set(at(1, 1), "notes", json_string("2 hops\nok 9 - x"));
	refused("more than one line");
	set(at(1, 1), "notes", json_string("2 hops"));
	set(at(1, 1), "method", json_string("magic"));
	refused("by method 'magic'");
	set(at(1, 1), "method", json_string("file")); /* which its name does not have */
	refused("by method 'file'");
	set(at(1, 1), "method", json_string("pipe"));
	set(at(1, 1), "word", json_string("GREAT"));
	refused("has a 'word' that there is not");
	results_set_word(at(1, 1), "FAIL", NULL);
	refused("its summary is not what its results come to");
	results_set_word(at(1, 1), "PASS", NULL);
	set(at(1, 1), "snapshots", json_integer(1ll << 40));
	refused("too large");
}

/* A result that says two things at once is none. */
static void contradictions(void **state)
{
	static const struct {
		const char *key, *value, *why; /* of a PASS */
	} bad[] = {
		{"snapshots", "0", "the word PASS and not one snapshot"},
		{"hops_done", "0", "the word PASS and no hop that was finished"},
		{"fail_events", "1", "failures and the word PASS"},
		{"error_events", "1", "failures and the word PASS"},
		{"lost", "1", "failures and the word PASS"},
		{"refused", "\"KVM_SET_REGS\"", "failures and the word PASS"},
		{"findings", "[\"log damaged\"]", "failures and the word PASS"},
		{"fails", "[{\"hop\": 1, \"check\": \"x\", \"evidence\": \"\"}]",
		 "other failed checks than it counts"},
		{"failed_hops", "1", "other failed checks than it counts"},
		{"oracles", "[{\"oracle\": \"x\", \"field\": \"y\", \"text\": \"z\"}]",
		 "failures and the word PASS"},
		{"word", "\"FAIL\"", "nothing that failed"},
		{"word", "\"SKIP\"", "the reason of a SKIP"},
		{"reason", "\"no VMX\"", "the reason of a SKIP"},
		{"known_text", "\"x\"", "a known bug that does not explain it"},
		{"l2_active", "3", "other hops than it counts"},
		{"hops", "[]", "other hops than it counts"},
		{"hops", "[{\"hop\": 1}]", "a damaged hop"},
		{"dir", "\"../..\"", "files that are not its own"},
		{"replay", "\"running.pipe/replay.json\"", "the files of a failure"},
		{"failure", "\"/etc/passwd\"", "files that are not its own"},
		{"trace", "\"1\"", "a damaged 'trace'"},
		{"control", "true", "is not called as one of scenario"},
		{"more", "1", "members that there are not"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *was = json_deep_copy(at(1, 1));

		set(at(1, 1), bad[i].key, json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
		refused(bad[i].why);
		json_array_set_new(json_object_get(top[1], "results"), 1, was);
	}
	assert_int_equal(run_merge(), 0);
	set(at(1, 0), "snapshots", json_integer(1));
	refused("snapshots, and is a control");
}

/* Cut at any place, or changed at random: no crash, and cut ones are never taken. */
static void damaged(void **state)
{
	char *text = json_dumps(top[1], 0);
	size_t len = strlen(text);
	uint64_t seed = 7;

	(void)state;
	run_merge();
	for (size_t cut = 0; cut < len; cut += 13) {
		assert_int_equal(write_file(dir, "1", text, cut, 0644, &e), 0);
		e.text[0] = '\0';
		assert_int_equal(merge(&o, stderr, &e), -1);
		assert_contains(e.text, path[1]);
	}
	for (int i = 0; i < 1000; i++) {
		char *copy = xstrdup(text), *words = NULL;
		size_t size, changed = mutate((uint8_t *)copy, len, 3, &seed);
		FILE *out = open_memstream(&words, &size);

		assert_int_equal(write_file(dir, "1", copy, changed, 0644, &e), 0);
		assert_in_range(merge(&o, out, &e) + 1, 0, 5);
		fclose(out);
		free(words);
		free(copy);
	}
	free(text);
}

static void moves(void **state)
{
	struct fetch fetch[] = {
		{.name = "EPT table"},	{.name = "virtual-APIC page"}, {.name = "other"},
		{.name = "MSR bitmap"}, {.name = "virtual-APIC page"}, {.name = "EPT table"}};
	struct hop_record hop[3] = {
		{.taken = true,
		 .move = {12100000, 50000000, 1 << 20, 1, 4},
		 .fetch = fetch,
		 .fetches = 6},
		{.taken = true, .move = {31000000, 60000000, 1 << 20, 3, 37}},
		{.taken = false},
	};
	struct buf text = {0};

	(void)state;
	report_moves(hop, 3, &text);
	assert_string_equal(
		text.p, "downtime 12.1 to 31.0 ms, 1.0 MiB per move, memory sent in 1 to 3 "
			"rounds, 41 page requests (virtual-APIC page, MSR bitmap; EPT table x2; "
			"other x1)");
	text.len = 0;
	hop[0].move = hop[1].move = (struct move_record){-1, -1, -1, -1, -1, ""};
	report_moves(hop, 2, &text);
	assert_int_equal(text.len, 0);
	hop[0].move = (struct move_record){-1, 5, 2048, -1, -1, ""};
	hop[0].fetches = 0;
	report_moves(hop, 1, &text);
	assert_string_equal(text.p, "2 KiB per move");
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves),
		cmocka_unit_test_setup_teardown(good, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(written, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(worse, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(controls, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(known, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(unmet, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(missing, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(incomplete, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(different, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(types, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(contradictions, setup_files, drop_files),
		cmocka_unit_test_setup_teardown(damaged, setup_files, drop_files),
	};
	int ret;

	if (!mkdtemp(dir))
		return 1;
	for (int i = 0; i < FILES; i++)
		path[i] = xasprintf("%s/%d", dir, i);
	merged = xasprintf("%s/all.json", dir);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	for (int i = 0; i < FILES; i++)
		free(path[i]);
	free(merged);
	rmdir(dir);
	return ret;
}
