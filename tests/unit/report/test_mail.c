// SPDX-License-Identifier: BSD-2-Clause
// The mail about one result: which result is meant, what is said of it, lines that fit whatever is
// in them.
#include "tests/unit/results.h"
#include "tests/unit/state.h"
#include "tests/unit/tree.h"

#include "host/flight/known.h"
#include "host/report/known_text.h"
#include "host/report/mail.h"
#include "host/report/mail_lines.h"

#define FIXES  "fixes"
#define KERNEL "6.12.117"
#define REPRO                                                                               \
	"'/home/jane roe/midflight' run --driver kvm --log /home/jane/log --keep --seed 1 " \
	"--scenario halted"

static struct err e;
static struct buf mail;
static json_t *top, *result;

/* A run in tree_root in which `halted` came to @word, by bug @known or NULL. */
static void make(const char *word, const char *known)
{
	json_decref(top);
	top = results_top(KERNEL, NULL, 1);
	results_add(top, results_result("halted", ".control", "file", "PASS", NULL));
	json_set(json_array_get(json_object_get(top, "results"), 0), "repro", json_string(REPRO));
	result = results_result("halted", "", "file", word, known);
	json_set(result, "repro", json_string(REPRO));
	json_set(result, "title", json_string("L2 sleeps in HLT"));
	results_add(top, result);
}

static void save(void)
{
	char *text;

	results_count(top);
	text = json_dumps(top, 0);
	tree_bytes("/result.json", text, strlen(text));
	free(text);
}

static int begin(void **state)
{
	(void)state;
	tree_begin();
	e.text[0] = '\0';
	make("FAIL", NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tree_end();
	buf_free(&mail);
	json_decref(top);
	top = NULL;
	return 0;
}

static int load(const char *path)
{
	char *full = xasprintf("%s%s", tree_root, path);
	struct mail_result m;
	int ret = mail_load(&m, full, &e);

	buf_free(&mail);
	if (!ret)
		ret = mail_write(&m, FIXES, &mail, &e);
	mail_free(&m);
	free(full);
	return ret;
}

/* Whether @text is fit for a mail: lines of ASCII that are short enough. */
static void fits(const char *text)
{
	size_t column = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '\n') {
			column = 0;
			continue;
		}
		if (*p != '\t' && (*p < ' ' || *p > '~'))
			fail_msg("character 0x%02x in a mail", (unsigned char)*p);
		column += *p == '\t' ? 8 - column % 8 : 1;
		if (column > 72)
			fail_msg("a line of more than 72 columns: %.100s", p - 40);
	}
}

/* The mail about what @path means. */
static const char *written(const char *path)
{
	save();
	if (load(path))
		fail_msg("%s", e.text);
	fits(mail.p);
	return mail.p;
}

static void refused(const char *path, const char *why)
{
	assert_int_equal(load(path), -1);
	assert_contains(e.text, why);
}

/* ---- what is said ------------------------------------------------------------------------- */

static void unknown_bug(void **state)
{
	const char *text = written("/halted");

	(void)state;
	assert_contains(text, "To: kvm@vger.kernel.org\nSubject: [BUG] KVM: nVMX: \"lost wake-up\" "
			      "behind a restore");
	assert_contains(text, "- this run: " KERNEL);
	assert_contains(text, "- others: not known\n");
	/* The command alone: not where its logs lay, nor whose it was. */
	assert_contains(text, "\n    midflight run --driver kvm --seed 1 --scenario halted\n");
	assert_null(strstr(text, "jane"));
	assert_contains(text, "- hop 1: lost wake-up: vector=0x71\n");
	assert_contains(text, "Suspected function:\n  Not known.\n");
	assert_contains(text, "Cure:\n  None is known.\n");
	assert_contains(text, "passed in this run");
	assert_null(strstr(text, "known bug"));
	assert_null(strstr(text, "emulated"));
}

static void known_bug(void **state)
{
	const char *text;

	(void)state;
	make("FAIL", RESULTS_KNOWN_ID);
	tree_bytes("/halted/replay.json", "{\"job\": {}}", 11);
	text = written("/halted");
	assert_contains(text, "Subject: [BUG] KVM: nVMX: a halted L2 never hears");
	assert_contains(text, "This is a known bug: Midflight calls it " RESULTS_KNOWN_ID);
	assert_contains(text, "docs/known-failures.md#" RESULTS_KNOWN_ID "\n");
	assert_contains(text, "Upstream: A fix was proposed in 2022");
	assert_contains(text, "6.12.107 (Debian 13)");
	assert_contains(text, "vcpu_block(), which the cure below changes.\n");
	assert_contains(text, "--- 8< --- fixes/" RESULTS_KNOWN_ID ".cocci\n");
	assert_contains(text,
			"\n+	if (kvm_check_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu) &&\n");
	assert_contains(text, "(emulated)");
}

/* A known bug of which no fixing commit is known says so, one with says which. */
static void upstream(void **state)
{
	(void)state;
	results_set_word(result, "FAIL", NULL);
	assert_string_equal(known_text_find("init-doubled")->upstream, "");
	assert_contains(known_text_find("pending-notification-not-saved")->upstream,
			"6e0b456547f4");
	assert_null(known_text_find("no-such-bug"));
}

/* Each bug of known.def has its text, and a mail that fits; cures that are no long ones are quoted.
 */
static void all_known(void **state)
{
	unsigned count, cures = 0, quoted = 0;
	const struct known *row = known_rows(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		struct mail_result m = {.run = -1};
		const struct known_text *text = known_text_find(row[i].id);

		if (!text)
			fail_msg("docs/known-failures.md has no section %s", row[i].id);
		assert_true(*text->kernels && *text->happens && *text->why);
		assert_true(*text->changes || *text->named);
		make("FAIL", row[i].id);
		m.top = json_incref(top);
		m.result = result;
		buf_free(&mail);
		assert_int_equal(mail_write(&m, FIXES, &mail, &e), 0);
		fits(mail.p);
		assert_contains(mail.p, row[i].id);
		assert_contains(mail.p, *text->cure ? text->cure : "None is known.");
		cures += *text->cure != '\0';
		quoted += strstr(mail.p, "--- 8< --- ") != NULL;
		mail_free(&m);
	}
	assert_true(cures > count / 2 && quoted > cures * 3 / 4 && quoted < cures);
}

static void decoded_state(void **state)
{
	struct snapshot s = state_sample();
	char *path = xasprintf("%s/halted/snapshot.bin", tree_root),
	     *now = xasprintf("%s/halted/now.bin", tree_root);
	const char *text;

	(void)state;
	tree_bytes("/halted/serial.log", "", 0);
	/* The shadow vmcs12 is of the same revision. */
	memcpy(state_vmcs12(&s) + KVM_STATE_NESTED_VMX_VMCS_SIZE, state_vmcs12(&s), 4);
	assert_int_equal(snapshot_write(&s, path, &e), 0);
	state_set(&s, "GUEST_RIP", 0x4000);
	assert_int_equal(snapshot_write(&s, now, &e), 0);
	text = written("/halted");
	assert_contains(text, "GUEST_INTR_STATUS 0x3151");
	assert_contains(text, "posted-interrupt descriptor 0x2040: PIR");
	assert_contains(text, "when the VM was given up:\n");
	assert_contains(text, "-> 0x4000");
	snapshot_free(&s);
	free(path);
	free(now);
}

/* A state that is damaged is told of; it is no reason to say nothing. */
static void damaged_state(void **state)
{
	(void)state;
	tree_bytes("/halted/snapshot.bin", "MFSNAP\x1b[2J", 10);
	assert_contains(written("/halted"), "midflight inspect has all of it):\n  ");
}

static void suspects(void **state)
{
	static const char log
		[] = "WARNING: CPU: 0 PID: 245 at arch/x86/kvm/vmx/vmx.c:4075 "
		     "vmx_guest_apic_has_interrupt+0xdb/0x130 [kvm_intel]\n",
	     oops[] = "Oops\nRIP: 0010:nested_vmx_vmexit.cold+0x1/0x2\n",
	     pages[] =
		     "{\"fetches\": [{\"via\": \"a_function\"}, {\"via\": \"kvm_lapic_set\"}, {}]}";
	json_t *hops = json_array();

	(void)state;
	tree_bytes("/halted/l0.log", log, strlen(log));
	assert_contains(written("/halted"), "L0's log names vmx_guest_apic_has_interrupt().\n");
	tree_bytes("/halted/l0.log", oops, strlen(oops));
	assert_contains(written("/halted"), "L0's log names nested_vmx_vmexit().\n");
	tree_bytes("/halted/pages-1.json", pages, strlen(pages));
	json_append(hops, results_hop(1, "halted"));
	json_set(result, "hops", hops);
	json_set(result, "dir", json_string("halted"));
	assert_contains(written("/halted"), "the restored VM: kvm_lapic_set. That");
	tree_bytes("/halted/pages-1.json", "{", 1);
	assert_null(strstr(written("/halted"), "kvm_lapic_set"));
}

static void refusal(void **state)
{
	(void)state;
	json_set(result, "refused", json_string("KVM_SET_NESTED_STATE: Invalid argument"));
	assert_contains(written("/halted"),
			"restore refused, scenario halted:\n KVM_SET_NESTED_STATE");
	assert_contains(mail.p,
			"- KVM refused the restore: KVM_SET_NESTED_STATE: Invalid argument\n");
}

static void not_for_kvm(void **state)
{
	static const char no[] = "This is no bug report for kvm@vger.kernel.org.";

	(void)state;
	make("ERROR", NULL);
	assert_contains(written("/halted"), no);
	assert_contains(mail.p, "Subject: not for kvm@: ERROR");
	assert_null(strstr(mail.p, "To: "));
	assert_null(strstr(mail.p, "Suspected"));
	make("FAIL", NULL);
	json_set(top, "break", json_string("digest"));
	assert_contains(written("/halted"), no);
	assert_contains(mail.p, "--break digest");
	make("FAIL", NULL);
	json_set(top, "accel", json_string("tcg"));
	assert_contains(written("/halted"), no);
	make("PASS", NULL);
	save();
	refused("/halted", "halted is a PASS, so there is nothing to report");
	make("SKIP", NULL);
	save();
	refused("/halted", "halted is a SKIP");
	refused("", "nothing failed");
}

/* Controls that failed say that no snapshot is to blame. */
static void controls(void **state)
{
	(void)state;
	results_set_word(json_array_get(json_object_get(top, "results"), 0), "FAIL", NULL);
	assert_contains(written("/halted"), "did not pass either");
	assert_contains(written("/halted.control"),
			"It is a control: nothing was saved and restored.");
}

/* ---- what anybody may have written -------------------------------------------------------- */

static void hostile(void **state)
{
	char *word = xcalloc(1, 301), *nasty;

	(void)state;
	memset(word, 'w', 300);
	nasty = xasprintf("\x1b[2J\r\nFrom: x\n\n\x9b\xc3\xa4%s /home/jane/.ssh/id_rsa "
			  "'/home/jane' (/tmp/of-jane/log)"
			  " /dev/kvm \xe2\x80\xae",
			  word);
	json_set(result, "title", json_string("\xc3\xa9\x7f\n\nTo: you"));
	json_set(result, "findings", json_got(json_pack("[s]", "a\tb")));
	json_set(json_array_get(json_object_get(result, "fails"), 0), "evidence", json_text(nasty));
	json_set(json_array_get(json_object_get(result, "fails"), 0), "check",
		 json_string("a\nBcc: you\n\nb"));
	assert_null(strstr(written("/halted"), "jane"));
	assert_contains(mail.p, "Subject: [BUG] KVM: nVMX: \"a Bcc: you  b\"");
	assert_null(strstr(mail.p, "\nBcc"));
	assert_null(strstr(mail.p, "\nTo: you"));
	assert_contains(mail.p, "id_rsa");
	assert_contains(mail.p, "/dev/kvm");
	free(word);
	free(nasty);
}

/* What is to be pasted into a shell is a command of ours and nothing else. */
static void commands_alone(void **state)
{
	static const char *const bad[] = {"",
					  "rm -rf /",
					  "midflight",
					  "midflight run --no-such x",
					  "midflight run -x",
					  "midflight run --seed",
					  "midflight frobnicate --seed 1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_set(result, "repro", json_string(bad[i]));
		save();
		refused("/halted", "its 'repro'");
	}
	json_set(result, "repro",
		 json_string("m run --scenario 'a;rm -rf $HOME' --linux /home/jane/src/linux"));
	assert_contains(written("/halted"),
			"midflight run --scenario 'a;rm -rf $HOME' --linux linux\n");
}

/* The words that a shell sees are the same, however they are broken. */
static void broken_commands(void **state)
{
	char *word = xcalloc(1, 301), *other = xcalloc(1, 301), *script, line[2048];
	char *words[] = {"printf", "%s|", word, "short", other, "it's", NULL};
	FILE *f;

	(void)state;
	memset(word, 'w', 300);
	memset(other, 'o', 300);
	other[7] = ' ';
	other[61] = other[62] = other[140] = '\'';
	mail_command(&mail, "    ", words);
	fits(mail.p);
	script = xasprintf("%s/script", tree_root);
	tree_bytes("/script", mail.p, mail.len);
	buf_free(&mail);
	buf_printf(&mail, "sh %s", script);
	f = popen(mail.p, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_int_equal(pclose(f), 0);
	buf_free(&mail);
	buf_printf(&mail, "%s|short|%s|it's|", word, other);
	assert_string_equal(line, mail.p);
	free(word);
	free(other);
	free(script);
}

static void code(void **state)
{
	char line[200] = "+\tf(";

	(void)state;
	assert_true(mail_code(
		&mail,
		"- a\n+\tif (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa && bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb) "
		"{\n"
		"// cccccccccccccccccccccccccccccccccccc cccccccccccccccccccccccccccccccccc c\n"));
	assert_string_equal(mail.p, "- a\n+\tif (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa &&\n"
				    "+\t\tbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb) {\n"
				    "// cccccccccccccccccccccccccccccccccccc\n"
				    "// cccccccccccccccccccccccccccccccccc c\n");
	buf_free(&mail);
	memset(line + 4, 'x', 100);
	assert_false(mail_code(&mail, line));
	assert_int_equal(mail.len, 0);
	/* No blank of a string is one to break at. */
	memset(line + 4, ' ', 100);
	line[4] = line[103] = '"';
	assert_false(mail_code(&mail, line));
}

/* A link in a log directory decides nothing. */
static void links(void **state)
{
	char *path = xasprintf("%s/halted/l0.log", tree_root);

	(void)state;
	tree_bytes("/halted/serial.log", "", 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_null(strstr(written("/halted"), "root:"));
	free(path);
}

/* ---- which result is meant ---------------------------------------------------------------- */

static void meant(void **state)
{
	static const char replay[] = "{\"schema\": \"midflight-replay\", \"version\": 2, "
				     "\"result\": \"halted\", \"scenario\": \"halted\", "
				     "\"method\": \"file\", \"midflight\": \"x\", \"kernel\": "
				     "\"x\", \"qemu\": null, \"order_steps\": null, "
				     "\"failed\": {\"word\": \"FAIL\", \"known\": null, "
				     "\"checks\": []}, \"words\": [\"--seed\", \"1\"], "
				     "\"trace\": \"0x1\", \"job\": null}";

	(void)state;
	tree_bytes("/halted/replay.json", replay, strlen(replay));
	assert_contains(written("/halted/replay.json"), "FAIL: halted (");
	assert_contains(written("/halted"), "FAIL: halted (");
	assert_contains(written("/halted/"), "FAIL: halted (");
	assert_contains(written("/result.json"), "FAIL: halted (");
	assert_contains(written(""), "FAIL: halted (");
	tree_bytes("/halted/replay.json", replay, strlen(replay) / 2);
	refused("/halted/replay.json", "replay.json: ");
	results_add(top, results_result("running", ".control", "file", "PASS", NULL));
	json_set(top, "planned", json_integer(2));
	results_add(top, results_result("running", "", "file", "HANG", NULL));
	save();
	refused("", "2 results failed; give the directory of one: halted, running");
	refused("/result.json", "2 results failed");
	/* It needs no directory of its own. */
	json_set(json_array_get(json_object_get(top, "results"), 3), "repro", json_string(REPRO));
	assert_contains(written("/running"),
			"Subject: [BUG] KVM: nVMX: HANG of the VM, scenario running");
}

static void bad_input(void **state)
{
	char *text;

	(void)state;
	refused("/halted", "No such file or directory");
	refused("/no/such", "No such file or directory");
	tree_bytes("/elsewhere/f", "", 0);
	refused("/elsewhere", "it is no result of a run: there is no result.json in ");
	refused("/elsewhere/f", "elsewhere/f: ");
	save();
	refused("/other", "no result that is called 'other'");
	refused("/elsewhere", "no result that is called 'elsewhere'");
	text = json_dumps(top, 0);
	tree_bytes("/result.json", text, strlen(text) / 2);
	refused("/halted", "result.json: line ");
	refused("/result.json", "result.json: line ");
	free(text);
	json_set(top, "schema", json_string("midflight-fuzz"));
	save();
	refused("/result.json", "midflight-result");
	tree_bytes("/result.json", "\0", 1);
	refused("/halted", "result.json");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(unknown_bug),     TEST(known_bug),	    TEST(upstream), TEST(all_known),
		TEST(decoded_state),   TEST(damaged_state), TEST(suspects), TEST(refusal),
		TEST(not_for_kvm),     TEST(controls),	    TEST(hostile),  TEST(commands_alone),
		TEST(broken_commands), TEST(code),	    TEST(links),    TEST(meant),
		TEST(bad_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
