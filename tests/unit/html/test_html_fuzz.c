// SPDX-License-Identifier: BSD-2-Clause
// The HTML report of campaigns of `midflight fuzz`, from a directory that is made up.
#include "tests/unit/unit.h"
#include "tests/unit/tree.h"

#pragma push_macro("fail")
#undef fail
#include "host/commands/cmd.h"
#pragma pop_macro("fail")
#include "host/base/json.h"
#include "host/html/html_page.h"
#include "host/report/fuzz_json.h"

static struct err e;
static struct buf html;
static struct fuzz_page page;
static char campaign_dir[128], *dirs[] = {campaign_dir};

/* Two findings, one of them known, of two shards. */
static const char fuzz[] =
	"{\"schema\": \"midflight-fuzz\", \"version\": 2, \"midflight\": \"1\", \"kernel\": "
	"\"6.12<b>\", \"order\": \"qemu\", \"enlightened\": false, \"oracles\": false, "
	"\"control\": "
	"false, \"break\": null, \"flown\": 40, \"read\": 3, \"alike\": 30, \"found\": 4, "
	"\"not_exact\": 1, \"no_end\": 2, \"no_mark\": 3, \"states\": 50, \"kept\": 9, \"parts\": ["
	"{\"seed\": 7, \"shard\": {\"k\": 1, \"n\": 2}, \"code\": null, \"points\": [[8, 10, 2, "
	"0], [20, 30, 5, "
	"1]]},"
	"{\"seed\": 7, \"shard\": {\"k\": 2, \"n\": 2}, \"code\": null, \"points\": [[20, 41, 4, "
	"2]]}], "
	"\"features\": [\"0x1\"], \"findings\": ["
	"{\"kind\": \"VM_EXIT_REASON\", \"why\": \"exit 1 <script>: expected 0x12\", \"program\": "
	"\"l2 cli; \", \"mark\": 2, \"hits\": 3, \"more\": 5, \"known\": null},"
	"{\"kind\": \"no end\", \"why\": \"the program does not come to its end\", \"program\": "
	"\"l2 sti; \", \"mark\": 0, \"hits\": 1, \"more\": 0, \"known\": \"a-bug\"}]}";

static const char traces[] = "exit 1 VM_EXIT_REASON\n\n"
			     "  word        without snapshot  with one\n"
			     "  exit 0 GUEST_RIP       0x1000 0x1000\n"
			     "! exit 1 VM_EXIT_REASON    0x12 0x3&\n";

static int begin(void **state)
{
	(void)state;
	tree_begin();
	snprintf(campaign_dir, sizeof(campaign_dir), "%s/log", tree_root);
	tree_file("/log/fuzz.json", fuzz);
	tree_file("/log/finding-1/finding-1.mf", "# <i>\nl2 cli\n");
	tree_file("/log/finding-1/traces.txt", traces);
	tree_file("/log/finding-2/finding-2.mf", "l2 sti\n");
	tree_file("/log/finding-2/traces.txt", "why\n\n  word x y\n  exit 0 GUEST_RIP 0x1 0x1\n");
	return 0;
}

static int end(void **state)
{
	(void)state;
	tree_end();
	buf_free(&html);
	return 0;
}

static int load(void)
{
	const int ret = fuzz_html_load(&page, dirs, 1, &e);

	buf_free(&html);
	if (!ret)
		fuzz_html(&page, &html);
	fuzz_html_free(&page);
	return ret;
}

static void whole(void **state)
{
	(void)state;
	assert_true(fuzz_html_is(campaign_dir));
	assert_int_equal(load(), 0);
	assert_contains(html.p, "✗ 1 finding that is no known bug, in 40 programs</title>");
	assert_contains(html.p, "<b>1</b> K known bugs");
	assert_contains(html.p, "<b>30</b> ✓ alike");
	assert_contains(html.p, "<b>6</b> – not judged");
	assert_contains(html.p, "6.12&lt;b&gt; <small>");
	assert_contains(html.p, "exit 1 &lt;script&gt;: expected 0x12");
	assert_contains(html.p, "5 more of the kind");
	assert_contains(html.p, "# &lt;i&gt;\nl2 cli\n</pre>");
	assert_contains(html.p, "<mark>! exit 1 VM_EXIT_REASON    0x12 0x3&amp;</mark>\n");
	assert_contains(html.p, "known KVM bug <code>a-bug</code>");
	assert_contains(html.p, "No word differs");
	assert_contains(html.p, "/log/finding-1/finding-1.mf</pre>");
	assert_contains(html.p, "seed 7, shard 1/2; seed 7, shard 2/2");
	assert_contains(html.p, "general oracles</th><td>left out");
	assert_null(strstr(html.p, "<script"));
	assert_null(strstr(html.p, "damaged"));
}

/* The points of both parts, in one scale. */
static void series(void **state)
{
	(void)state;
	assert_int_equal(load(), 0);
	assert_contains(html.p, "<path class=\"gs\" stroke=\"#0a5290\" fill=\"none\" "
				"d=\"M56.0 196.0L316.8 173.0L708.0 127.0\"/>");
	assert_contains(html.p, "Of each of the 2 parts");
	assert_contains(html.p,
			"<td>seed 7, shard 2/2</td><td class=\"n\">20</td><td class=\"n\">41"
			"</td><td class=\"n\">4</td><td class=\"n\">2</td>");
}

/* Files that are not there, or lead elsewhere, are told of in their place. */
static void damaged(void **state)
{
	char *program = xasprintf("%s/finding-1/finding-1.mf", campaign_dir);
	char *trace = xasprintf("%s/finding-2/traces.txt", campaign_dir);

	(void)state;
	assert_int_equal(unlink(program), 0);
	assert_int_equal(unlink(trace), 0);
	assert_int_equal(symlink("/etc/passwd", trace), 0);
	assert_int_equal(load(), 0);
	assert_contains(html.p, "damaged or missing: 2");
	assert_contains(html.p, "finding-1/finding-1.mf: No such file");
	assert_contains(html.p, "finding-2/traces.txt: it is a link, which is refused");
	assert_null(strstr(html.p, "root:"));
	free(program);
	free(trace);
}

static void refused(const char *text, const char *why)
{
	tree_file("/log/fuzz.json", text);
	assert_int_equal(load(), -1);
	assert_contains(e.text, "/log/fuzz.json: ");
	assert_contains(e.text, why);
}

static void bad(void **state)
{
	(void)state;
	refused("{", "line 1");
	refused("{\"schema\": \"midflight-fuzz\", \"version\": 1}", "no midflight-fuzz of version");
	refused("{\"schema\": \"midflight-fuzz\", \"version\": 2}", "no good 'midflight'");
}

static void command(void **state)
{
	char run[128], *both[] = {campaign_dir, run};
	struct options o = {.files = dirs, .file_count = 1};

	(void)state;
	assert_int_equal(cmd_report(&o), 0);
	snprintf(run, sizeof(run), "%s/log/report.html", tree_root);
	assert_int_equal(access(run, R_OK), 0);
	snprintf(run, sizeof(run), "%s/run", tree_root);
	tree_file("/run/result.json", "{}");
	tree_file("/run/fuzz.json", fuzz);
	assert_false(fuzz_html_is(run));
	o.files = both;
	o.file_count = 2;
	assert_int_equal(cmd_report(&o), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, begin, end),
		cmocka_unit_test_setup_teardown(series, begin, end),
		cmocka_unit_test_setup_teardown(damaged, begin, end),
		cmocka_unit_test_setup_teardown(bad, begin, end),
		cmocka_unit_test_setup_teardown(command, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
