// SPDX-License-Identifier: BSD-2-Clause
// Campaigns without a lab: corpora, which findings are known, and several put together.
#include "tests/unit/unit.h"
#include "tests/unit/tree.h"

#pragma push_macro("fail")
#undef fail
#include "host/commands/cmd.h"
#pragma pop_macro("fail")
#include "host/base/cleanup.h"
#include "host/fuzz/campaign.h"
#include "host/report/run_dir.h"
#include "host/report/schemas.h"

#include <glob.h>
#include <unistd.h>

static struct err e;

static int begin(void **state)
{
	(void)state;
	e.text[0] = '\0';
	tree_begin();
	return 0;
}

static int end(void **state)
{
	(void)state;
	tree_end();
	return 0;
}

/* Good for the whole test. */
static char *in_tree(const char *path)
{
	static char full[128][128];
	static unsigned next;
	char *p = full[next++ % ARRAY_SIZE(full)];

	snprintf(p, sizeof(full[0]), "%s%s", tree_root, path);
	return p;
}

static bool there(const char *path)
{
	return !access(in_tree(path), F_OK);
}

static struct program_lists program(const char *text)
{
	struct program_lists p;

	if (program_read(&p, text, &e))
		fail_msg("%s", e.text);
	return p;
}

/* ---- corpora -------------------------------------------------------------------------------- */

static void corpora(void **state)
{
	auto_by(corpus_free) struct corpus c = {0}, again = {0}, third = {0};
	auto_buf struct buf text = {0};

	(void)state;
	tree_file("/a/long.mf", "l2 cli\nl2 sti\nl2 freeze alone paused\n");
	tree_file("/a/short.mf", "# why\nl2 cli\n");
	tree_file("/a/the-same.mf", "\nl2   cli # another comment\n");
	tree_file("/a/README", "no program\n");
	assert_int_equal(corpus_read(&c, in_tree("/a"), &e), 0);
	assert_int_equal(c.count, 2);
	assert_int_equal(program_count(c.program[0].lists.l2), 1); /* short ones first */

	assert_int_equal(corpus_write(&c, in_tree("/b/c"), &e), 0);
	assert_int_equal(corpus_read(&again, in_tree("/b/c"), &e), 0);
	assert_int_equal(again.count, 2);
	assert_memory_equal(c.program, again.program, 2 * sizeof(*c.program));

	for (unsigned i = 0; i < c.count; i++)
		bundle_add(&c.program[i], &text);
	assert_int_equal(corpus_unbundle(&third, buf_text(&text), &e), 0);
	assert_int_equal(third.count, 2);
	assert_memory_equal(c.program, third.program, 2 * sizeof(*c.program));
}

static void bad_corpus(void **state)
{
	auto_by(corpus_free) struct corpus c = {0};

	(void)state;
	tree_file("/a/1.mf", "l2 cli\n");
	tree_file("/a/2.mf", "l2 cli\nl2 dance\n");
	assert_int_equal(corpus_read(&c, in_tree("/a"), &e), -1);
	assert_contains(e.text, "/a/2.mf: line 2: l2 has no step 'dance'");
	assert_true(there("/a/2.mf"));
	tree_bytes("/a/2.mf", "l2 cli\n\0l2 sti", 14);
	assert_int_equal(corpus_read(&c, in_tree("/a"), &e), -1);
	assert_contains(e.text, "/a/2.mf: it is no text");
	assert_int_equal(corpus_read(&c, in_tree("/none"), &e), -1);
	assert_contains(e.text, "/none: ");
	assert_int_equal(corpus_unbundle(&c, "# program x.mf\nl2 cli\n# program y.mf\n\nl3\n", &e),
			 -1);
	assert_contains(e.text, "y.mf: line 3: 'l3' is none");
}

/* ---- known ones ----------------------------------------------------------------------------- */

static void is_known(const char *text, int mark, const char *why, const char *want)
{
	const struct program_lists p = program(text);
	auto_free char *known = known_program(&p, mark, why);

	if (want)
		assert_string_equal(known ?: "none", want);
	else
		assert_null(known);
}

#define INIT	 "l2 freeze init paused\n"
#define INIT_WHY "exit 1 VM_EXIT_REASON: expected 0x12, found 0x3"

/* The same steps, the same mark, the same words, and nothing less. */
static void known_ones(void **state)
{
	(void)state;
	is_known(INIT, 0, INIT_WHY, "init-doubled");
	is_known("# by chance\n" INIT, 0, INIT_WHY, "init-doubled");
	is_known(INIT, 1, INIT_WHY, NULL);
	is_known(INIT, 0, "exit 1 VM_EXIT_REASON: expected 0x12, found 0x30", NULL);
	is_known(INIT, 0, "exit 1 VM_EXIT_REASON: expected 0x12", NULL);
	is_known(INIT "l2 cli\n", 0, INIT_WHY, NULL);
	is_known("apicv\n" INIT, 0, INIT_WHY, NULL);
	is_known("l2 freeze init restored\n", 0, INIT_WHY, NULL);
	is_known("l1 field GUEST_IA32_DEBUGCTL 0x1\nl2 freeze alone paused\n", 0,
		 "end GUEST_IA32_DEBUGCTL: expected 0x1, found 0", "debugctl-lost");
	is_known("l1 field GUEST_IA32_DEBUGCTL 0x3\nl2 freeze alone paused\n", 0,
		 "end GUEST_IA32_DEBUGCTL: expected 0x3, found 0", NULL);
}

/* Each file of programs/ is in this program, and says of some mark what is known. */
static void all_programs(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob("programs/*.mf", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		auto_buf struct buf text = {0};
		struct program_lists p;
		char id[80], why[200];
		int mark;

		assert_int_equal(read_file(".", files.gl_pathv[i], &text, &e), 0);
		p = program(buf_text(&text));
		if (!strstr(buf_text(&text), "# known KVM bug "))
			continue;
		if (sscanf(strstr(text.p, "# known KVM bug "),
			   "# known KVM bug %79[^,], mark %d: %199[^\n]", id, &mark, why) != 3)
			fail_msg("%s knows nothing", files.gl_pathv[i]);
		else {
			auto_free char *known = known_program(&p, mark, why);

			assert_string_equal(known ?: "none", id);
		}
	}
	globfree(&files);
}

/* ---- several campaigns ---------------------------------------------------------------------- */

static json_t *finding(const char *kind, const char *steps, int hits, const char *known)
{
	return json_got(json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:s?}", "kind", kind, "why",
				  "why", "program", steps, "mark", 0, "hits", hits, "more", 0,
				  "known", known));
}

/* Of shard @k of 2, with those features. */
static json_t *campaign(int k, const char *feature, const char *other)
{
	static const char *const sums[] = {FUZZ_COUNTS};
	json_t *top = json_got(json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:b, s:b, s:b, s:n, s:i, s:[{s:i, s:{s:i, s:i}, "
		"s:n, s:[[i,i,i,i]]}], s:[s, s], s:[]}",
		"schema", FUZZ_SCHEMA, "version", FUZZ_VERSION, "midflight", "1", "kernel", "6.12",
		"order", "qemu", "enlightened", 0, "oracles", 1, "control", 0, "break", "states", 2,
		"parts", "seed", 7, "shard", "k", k, "n", 2, "code", "points", 10, 2, 1, 0,
		"features", feature, other, "findings"));

	for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
		json_set(top, sums[i], json_integer(10 + k));
	return top;
}

static void add(json_t *top, json_t *finding)
{
	json_append(json_object_get(top, "findings"), finding);
}

static void write_campaign(const char *dir, json_t *top)
{
	auto_free char *path = xasprintf("%s/" FUZZ_FILE, in_tree(dir));

	assert_int_equal(make_dirs(in_tree(dir), &e), 0);
	assert_int_equal(json_write(top, path, &e), 0);
	json_decref(top);
}

/* One says what it found first, the other the same and more of its kind. */
static void two_campaigns(void)
{
	json_t *one = campaign(1, "0x1", "0x3"), *two = campaign(2, "0x3", "0x5");

	add(one, finding("a", "l2 cli; ", 2, NULL));
	add(one, finding("b", "l2 sti; ", 1, "a-bug"));
	write_campaign("/one", one);
	tree_file("/one/finding-1/finding-1.mf", "l2 cli\n");
	tree_file("/one/finding-1/traces.txt", "of one\n");
	tree_file("/one/finding-2/finding-2.mf", "l2 sti\n");
	tree_file("/one/corpus/1.mf", "l2 cli\n");
	add(two, finding("a", "l2 pause; ", 1, NULL));
	add(two, finding("a", "l2 cli; ", 3, NULL));
	add(two, finding("a", "l2 ud2; ", 4, NULL));
	add(two, finding("a", "l2 str; ", 5, NULL));
	write_campaign("/two", two);
	tree_file("/two/finding-1/finding-1.mf", "l2 pause\n");
	tree_file("/two/finding-3/finding-3.mf", "l2 ud2\n");
	tree_file("/two/corpus/1.mf", "l2 pause\n");
	tree_file("/two/corpus/2.mf", "l2 cli\n");
}

static json_int_t of_finding(const json_t *top, unsigned i, const char *key)
{
	return json_member_integer(json_array_get(json_object_get(top, "findings"), i), key);
}

static void joined(void **state)
{
	char *dirs[] = {in_tree("/one"), in_tree("/two")};
	auto_by(joined_free) struct joined j = {0};
	auto_buf struct buf text = {0};

	(void)state;
	two_campaigns();
	assert_int_equal(fuzz_join(&j, dirs, 2, false, &e), 0);
	assert_int_equal(json_member_integer(j.top, "flown"), 23);
	assert_int_equal(json_member_integer(j.top, "states"), 3);
	assert_int_equal(json_member_integer(j.top, "kept"), 2);
	assert_int_equal(json_array_size(json_object_get(j.top, "parts")), 2);
	/* Three of kind a, and then b; the fourth of a is counted. */
	assert_int_equal(json_array_size(json_object_get(j.top, "findings")), 4);
	assert_int_equal(of_finding(j.top, 0, "hits"), 5);
	assert_int_equal(of_finding(j.top, 0, "more"), 5);
	assert_int_equal(of_finding(j.top, 2, "hits"), 4);
	assert_int_equal(fuzz_json_check(j.top, &e), 0);
	assert_int_equal(fuzz_json_status(j.top), 1);

	assert_int_equal(fuzz_join_write(&j, dirs, in_tree("/all"), &e), 0);
	assert_true(there("/all/finding-1/traces.txt"));
	assert_int_equal(read_file(in_tree("/all/finding-3"), "finding-3.mf", &text, &e), 0);
	assert_string_equal(text.p, "l2 ud2\n");
	assert_true(there("/all/finding-4/finding-4.mf"));
	run_dir_clean_findings(in_tree("/all"));
	assert_false(there("/all/finding-1"));
	assert_true(there("/all/corpus"));
	tree_file("/all/corpus/mine.mf", "l2 cli\n");
	run_dir_clean_programs(in_tree("/all"));
	assert_true(there("/all/corpus/mine.mf")); /* which is none of ours */
}

static void not_joined(const char *key, json_t *value, const char *why)
{
	char *dirs[] = {in_tree("/one"), in_tree("/two")};
	auto_by(joined_free) struct joined j = {0};
	json_t *two = campaign(2, "0x3", "0x5");

	json_set(two, key, value);
	write_campaign("/one", campaign(1, "0x1", "0x3"));
	write_campaign("/two", two);
	assert_int_equal(fuzz_join(&j, dirs, 2, false, &e), -1);
	assert_contains(e.text, why);
	assert_contains(e.text, "/two/fuzz.json");
}

static void bad_join(void **state)
{
	char *dirs[] = {in_tree("/one"), in_tree("/none")};
	auto_by(joined_free) struct joined j = {0}, cut = {0};

	(void)state;
	not_joined("kernel", json_string("7.3"), "its 'kernel' is 7.3, that of ");
	not_joined("order", json_string("legacy"), "its 'order' is legacy, that of ");
	not_joined("control", json_true(), "its 'control' is not that of ");
	not_joined("midflight", json_string("2"), "its 'midflight' is 2, that of ");
	not_joined("parts",
		   json_pack("[{s:i, s:{s:i, s:i}, s:n, s:[[i,i,i,i]]}]", "seed", 7, "shard", "k",
			     1, "n", 2, "code", "points", 10, 2, 1, 0),
		   "seed 7, shard 1/2 is there twice");
	not_joined("parts",
		   json_pack("[{s:i, s:n, s:n, s:[[i,i]]}]", "seed", 7, "shard", "code", "points",
			     1, 1),
		   "point 1 is none");
	not_joined("states", json_integer(-1), "no good 'states'");
	not_joined("flown", json_integer(INT64_MAX), "its 'flown' is larger than ");
	not_joined("findings", json_pack("[{}]"), "no good 'kind'");
	not_joined("features", json_pack("[i]", 1), "feature 1 is none");
	not_joined("version", json_integer(1), "is no midflight-fuzz of version");
	write_campaign("/one", campaign(1, "0x1", "0x3"));
	assert_int_equal(fuzz_join(&j, dirs, 2, false, &e), -1);
	assert_contains(e.text, "/none/fuzz.json");
	assert_int_equal(fuzz_join(&cut, dirs, 2, true, &e), 0); /* a lab that has died */
	assert_int_equal(json_member_integer(cut.top, "flown"), 11);
}

/* A link would give away what it leads to. */
static void linked(void **state)
{
	char *dirs[] = {in_tree("/one")};
	auto_by(joined_free) struct joined j = {0};

	(void)state;
	two_campaigns();
	assert_int_equal(unlink(in_tree("/one/finding-1/traces.txt")), 0);
	assert_int_equal(symlink("/etc/passwd", in_tree("/one/finding-1/traces.txt")), 0);
	assert_int_equal(fuzz_join(&j, dirs, 1, false, &e), 0);
	assert_int_equal(fuzz_join_write(&j, dirs, in_tree("/all"), &e), -1);
	assert_contains(e.text, "/one/finding-1/traces.txt is no plain file");
}

/* What it prints looks like results, which these are not. */
static int merge_in_silence(struct options *o)
{
	const int out = dup(STDOUT_FILENO);
	int status;

	fflush(stdout);
	assert_non_null(freopen("/dev/null", "w", stdout));
	status = cmd_merge(o);
	fflush(stdout);
	dup2(out, fileno(stdout));
	close(out);
	return status;
}

static void merged(void **state)
{
	char *paths[2];
	struct options o = {.files = paths, .file_count = 2, .quiet = true};

	(void)state;
	two_campaigns();
	paths[0] = in_tree("/one/fuzz.json");
	paths[1] = in_tree("/two");
	o.out = in_tree("/all");
	assert_int_equal(merge_in_silence(&o), 1);
	assert_true(there("/all/finding-3/finding-3.mf"));
	assert_int_equal(cmd_merge(&o), 2); /* it is there already */
	o.out = NULL;
	o.junit = "x";
	assert_int_equal(cmd_merge(&o), 2);
	o.junit = NULL;
	tree_file("/run/result.json", "{}");
	paths[1] = in_tree("/run");
	assert_int_equal(cmd_merge(&o), 2); /* of two kinds */
	paths[1] = in_tree("/one/corpus");
	assert_int_equal(cmd_merge(&o), 2); /* of none */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(corpora, begin, end),
		cmocka_unit_test_setup_teardown(bad_corpus, begin, end),
		cmocka_unit_test(known_ones),
		cmocka_unit_test(all_programs),
		cmocka_unit_test_setup_teardown(joined, begin, end),
		cmocka_unit_test_setup_teardown(bad_join, begin, end),
		cmocka_unit_test_setup_teardown(linked, begin, end),
		cmocka_unit_test_setup_teardown(merged, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
